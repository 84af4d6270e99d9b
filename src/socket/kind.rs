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
/// use std::time::Duration;
///
/// use hubless::kind::{
///     Conflates, Forwards, Greets, HasIncoming, HasOutgoing, HearsDepartures, HearsLosses, Identifies, Kind, Numbers,
///     Publishes, QueuesAhead, Receives, Reroutes, Sends, Shares, Subscribes,
/// };
/// use hubless::{Builder, Error, PeerId, Socket, proxy};
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
/// async fn meet<P: Publishes, S: Subscribes>(publisher: &Socket<P>, subscriber: &Socket<S>) -> Result<(), Error> {
///     subscriber.subscribe("news");
///     Ok(publisher.subscribers().to("news").at_least(1).await?)
/// }
///
/// fn newest_only<K: Conflates + HasOutgoing>(builder: Builder<K>) -> Builder<K> {
///     builder.conflate(true).send_hwm(1)
/// }
///
/// fn short<K: HasIncoming>(builder: Builder<K>) -> Builder<K> {
///     builder.recv_hwm(10)
/// }
///
/// fn to_the_living_only<K: QueuesAhead + Reroutes>(builder: Builder<K>) -> Builder<K> {
///     builder.immediate(true).reroute(true)
/// }
///
/// fn known<K: Identifies>(builder: Builder<K>) -> Builder<K> {
///     builder.routing_id("worker 1")
/// }
///
/// fn polite<K: Greets + HearsDepartures + HearsLosses>(builder: Builder<K>) -> Builder<K> {
///     builder.hello_message("hello").disconnect_message("it has left").hiccup_message("it may come back")
/// }
///
/// async fn answer<K: Numbers>(socket: &Socket<K>, peer: PeerId) -> Result<(), Error> {
///     Ok(socket.send_to(peer, "yes").await?)
/// }
///
/// async fn forward<F: Forwards, B: Forwards>(front: Socket<F>, back: Socket<B>) {
///     let _ = tokio::time::timeout(Duration::from_secs(1), proxy(front, back)).await;
/// }
/// # fn main() {
/// # let [_one, _two] = two_handles(hubless::Push::new());
/// # let _ = (newest_only(hubless::Pub::builder()), short(hubless::Pull::builder()));
/// # let _ = meet::<hubless::kind::XPub, hubless::kind::Sub>;
/// # let _ = (to_the_living_only(hubless::Push::builder()), known(hubless::Req::builder()));
/// # let _ = polite(hubless::PeerSocket::builder());
/// # let _ = (answer::<hubless::kind::Server>, forward::<hubless::kind::Router, hubless::kind::Dealer>);
/// # let _ = (anywhere::<hubless::kind::Req>, greet::<hubless::kind::Pub>, listen::<hubless::kind::Sub>);
/// # }
/// ```
pub trait Kind: sealed::Sealed + Send + Sync + 'static {
    /// The kind as a value, as peers announce it.
    const KIND: SocketKind;
}

/// Kinds that send whenever they like.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not send",
    label = "this socket only receives, or answers: it has no `send`",
    note = "use `Push` on the sending side of `Pull`, `Pub` on that of `Sub`; `Req` has `request`, `Rep` has `recv_request`"
)]
pub trait Sends: Kind {}

/// Kinds that receive whenever they like.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not receive",
    label = "this socket only sends, or asks: it has no `recv`",
    note = "use `Pull` on the receiving side of `Push`, `Sub` on that of `Pub`; `Req` has `request`, `Rep` has `recv_request`"
)]
pub trait Receives: Kind {}

/// Kinds whose handles can be cloned.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` cannot be cloned",
    label = "this socket asks one question at a time: a second handle could ask in between",
    note = "give each task a `Req` of its own; it costs a connection"
)]
pub trait Shares: Kind {}

/// Kinds with outgoing queues.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` has no outgoing queue to set this option for"
)]
pub trait HasOutgoing: Kind {}

/// Kinds with incoming queues.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` has no incoming queue to set this option for"
)]
pub trait HasIncoming: Kind {}

/// Kinds that may keep only the newest message.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` cannot conflate: each of its messages counts"
)]
pub trait Conflates: Kind {}

/// Kinds whose connecting endpoints have a queue before they are connected.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` queues for connected peers only: there is nothing to choose"
)]
pub trait QueuesAhead: Kind {}

/// Kinds that tell a ROUTER by which name to know them.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` announces no routing id: nobody would look at it"
)]
pub trait Identifies: Kind {}

/// Kinds that may send to one peer what was queued for another.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not reroute: what it sends is for one peer, or for all"
)]
pub trait Reroutes: Kind {}

/// Kinds that name their peers by [numbers](crate::PeerId).
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not name its peers by numbers",
    note = "`Server` and `PeerSocket` do; `Router` names them by routing ids"
)]
pub trait Numbers: Kind {}

/// Kinds that send each message to all who asked for it.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not publish: nobody subscribes to what it sends"
)]
pub trait Publishes: Kind {}

/// Kinds that say by prefixes what they want to hear.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not subscribe",
    note = "`Sub` and `XSub` do; a `Dish` joins groups"
)]
pub trait Subscribes: Kind {}

/// Kinds that may greet each new peer.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` does not greet: its pattern has no place for such a message"
)]
pub trait Greets: Kind {}

/// Kinds that may hear, by a message, that a peer which had connected to them has gone.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` is told of peers that leave by its monitor only"
)]
pub trait HearsDepartures: Kind {}

/// Kinds that may hear, by a message, that a connection of theirs was lost.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "a socket of kind `{Self}` is told of lost connections by its monitor only"
)]
pub trait HearsLosses: Kind {}

/// Kinds whose messages a [proxy](crate::proxy()) forwards as they are.
///
/// Example: at [`Kind`].
#[diagnostic::on_unimplemented(
    message = "messages of a socket of kind `{Self}` cannot be forwarded as they are",
    label = "this socket asks and answers, or its messages carry more than their frames",
    note = "a proxy between REQ and REP has a `Router` in front and a `Dealer` behind"
)]
pub trait Forwards: Kind {}

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
    Push: Shares Sends HasOutgoing Conflates QueuesAhead Reroutes Forwards;
    /// Receives from each [`Push`] in turn (RFC 30).
    Pull: Shares Receives HasIncoming Conflates Forwards;
    /// Publishes to every matching [`Sub`] (RFC 29).
    Pub: Shares Sends Publishes HasOutgoing Conflates Forwards;
    /// Receives what it subscribed to (RFC 29).
    Sub: Shares Receives Subscribes HasIncoming Conflates Forwards;
    /// Asks a [`Rep`] and waits for the answer (RFC 28).
    Req: HasOutgoing HasIncoming Identifies;
    /// Answers each [`Req`] (RFC 28).
    Rep: Shares HasOutgoing HasIncoming;
    /// Sends to its peers in turn, and receives from them in turn (RFC 28).
    Dealer: Shares Greets HearsLosses Sends Receives HasOutgoing HasIncoming Conflates QueuesAhead Identifies Reroutes Forwards;
    /// Sends to the peer it names, and receives with the name of the sender (RFC 28).
    Router: Shares Greets HearsDepartures HasOutgoing HasIncoming QueuesAhead Identifies Forwards;
    /// Publishes, and sees who subscribes to what (RFC 29).
    XPub: Shares Sends Receives Publishes HasOutgoing HasIncoming Forwards;
    /// Receives what it subscribed to, and sends to its publishers (RFC 29).
    XSub: Shares Sends Receives Subscribes HasOutgoing HasIncoming Forwards;
    /// Talks to exactly one other [`Pair`] (RFC 31).
    Pair: Shares Sends Receives HasOutgoing HasIncoming QueuesAhead Forwards;
    /// Talks to peers that know no ZMTP.
    Stream: Shares HasOutgoing HasIncoming;
    /// Talks to a [`Server`], from any thread (RFC 41).
    Client: Shares Greets HearsLosses Sends Receives HasOutgoing HasIncoming QueuesAhead Forwards;
    /// Answers the [`Client`] it names (RFC 41).
    Server: Shares Greets HearsDepartures Numbers HasOutgoing HasIncoming;
    /// Publishes to every [`Dish`] of a group (RFC 48).
    Radio: Shares Publishes HasOutgoing;
    /// Receives from the groups it joined (RFC 48).
    Dish: Shares HasIncoming;
    /// Sends each message to one [`Gather`], in turn (RFC 49).
    Scatter: Shares Sends HasOutgoing QueuesAhead Forwards;
    /// Receives from each [`Scatter`] in turn (RFC 49).
    Gather: Shares Receives HasIncoming Forwards;
    /// Sends to the peer it names, and receives with the name of the sender; both sides alike (RFC 51).
    Peer: Shares Greets HearsDepartures HearsLosses Numbers HasOutgoing HasIncoming;
    /// Talks to exactly one other [`Channel`], from any thread (RFC 52).
    Channel: Shares Sends Receives HasOutgoing HasIncoming QueuesAhead Forwards;
    /// Sends and receives UDP datagrams.
    Dgram: Shares HasOutgoing HasIncoming;
}
