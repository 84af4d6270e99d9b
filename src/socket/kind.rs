//! The kinds of socket as types: what a socket can do is checked by the compiler.
//!
//! Each kind is an empty marker type, used as [`Socket<kind::Push>`](crate::Socket) or by its alias
//! [`Push`](crate::Push). The traits say what a kind can do; they are sealed.

use crate::socket_kind::SocketKind;

/// A kind of socket.
///
/// Functions may be written for all kinds, or for those that can do something:
///
/// ```
/// use hubless::kind::{Conflates, HasIncoming, HasOutgoing, Kind, Receives, Sends, Shares};
/// use hubless::{Builder, Error, Socket};
///
/// async fn anywhere<K: Kind>(socket: &Socket<K>) -> Result<(), Error> {
///     socket.bind("tcp://127.0.0.1:0").await?;
///     Ok(())
/// }
///
/// fn two_handles<K: Shares>(socket: Socket<K>) -> [Socket<K>; 2] {
///     [socket.clone(), socket]
/// }
///
/// async fn greet<K: Sends>(socket: &Socket<K>) -> Result<(), Error> {
///     Ok(socket.send("hello").await?)
/// }
///
/// async fn listen<K: Receives>(socket: &Socket<K>) -> Result<(), Error> {
///     println!("{:?}", socket.recv().await?);
///     Ok(())
/// }
///
/// fn newest_only<K: Conflates + HasOutgoing>(builder: Builder<K>) -> Builder<K> {
///     builder.conflate(true).send_hwm(1)
/// }
///
/// fn short<K: HasIncoming>(builder: Builder<K>) -> Builder<K> {
///     builder.recv_hwm(10)
/// }
/// # fn main() {
/// # let [_one, _two] = two_handles(hubless::Push::new());
/// # let _ = (newest_only(hubless::Pub::builder()), short(hubless::Pull::builder()));
/// # let _ = (anywhere::<hubless::kind::Req>, greet::<hubless::kind::Pub>, listen::<hubless::kind::Sub>);
/// # }
/// ```
pub trait Kind: sealed::Sealed + Send + Sync + 'static {
    /// The kind as a value, as peers announce it.
    const KIND: SocketKind;
}

/// Kinds that send whenever they like.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not send",
    label = "this socket only receives, or answers: it has no `send`",
    note = "use `Push` on the sending side of `Pull`, `Pub` on that of `Sub`; `Req` has `request`, `Rep` has `recv_request`"
)]
pub trait Sends: Kind {}

/// Kinds that receive whenever they like.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not receive",
    label = "this socket only sends, or asks: it has no `recv`",
    note = "use `Pull` on the receiving side of `Push`, `Sub` on that of `Pub`; `Req` has `request`, `Rep` has `recv_request`"
)]
pub trait Receives: Kind {}

/// Kinds whose handles can be cloned.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` cannot be cloned",
    label = "this socket asks one question at a time: a second handle could ask in between",
    note = "give each task a `Req` of its own; it costs a connection"
)]
pub trait Shares: Kind {}

/// Kinds with outgoing queues.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` has no outgoing queue to set this option for"
)]
pub trait HasOutgoing: Kind {}

/// Kinds with incoming queues.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` has no incoming queue to set this option for"
)]
pub trait HasIncoming: Kind {}

/// Kinds that may keep only the newest message.
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` cannot conflate: each of its messages counts"
)]
pub trait Conflates: Kind {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $($can:ident)+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}

        impl sealed::Sealed for $kind {}

        impl Kind for $kind {
            const KIND: SocketKind = SocketKind::$kind;
        }

        $(impl $can for $kind {})+
    )+};
}

kinds! {
    /// Sends each message to one [`Pull`], in turn (RFC 30).
    Push: Shares Sends HasOutgoing Conflates;
    /// Receives from each [`Push`] in turn (RFC 30).
    Pull: Shares Receives HasIncoming Conflates;
    /// Publishes to every matching [`Sub`] (RFC 29).
    Pub: Shares Sends HasOutgoing Conflates;
    /// Receives what it subscribed to (RFC 29).
    Sub: Shares Receives HasIncoming Conflates;
    /// Asks a [`Rep`] and waits for the answer (RFC 28).
    Req: HasOutgoing HasIncoming;
    /// Answers each [`Req`] (RFC 28).
    Rep: Shares HasOutgoing HasIncoming;
}
