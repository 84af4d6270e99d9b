//! What a test asks of a socket of another library: the one face that [`libzmq`](crate::libzmq) and the
//! [`zeromq` crate](crate::zeromq_crate) share, so that each check is written once.
//!
//! It is a face for tests: what does not succeed fails the test, there, with what the library said. Messages are ours on
//! both sides of it, since they are easy to compare; what crosses is frames of bytes.

use hubless::{Message, SocketKind};

use crate::trust::Trust;

/// A socket of another library, alone in a context, or on a runtime, of its own: as if it were another process.
pub(crate) trait OtherSocket: Sized {
    /// The version of ZMTP that it announces.
    const VERSION: (u8, u8);

    /// A socket of this kind, on its own until told to bind or connect.
    fn new(kind: SocketKind) -> Self;

    /// Has it use this mechanism, as its server or client, from its next bind or connect on.
    async fn trusts(&mut self, trust: Trust, serves: bool);

    async fn bind(&mut self, endpoint: &str);

    /// Begins to connect. Who does not dial again and again needs somebody who listens.
    async fn connect(&mut self, endpoint: &str);

    /// Sends one message; waits for a peer, unless it publishes.
    async fn send(&mut self, message: impl Into<Message>);

    /// Receives one message. An XPUB receives subscriptions: the prefix, behind one byte that is 1, or 0 for a
    /// cancellation.
    async fn recv(&mut self) -> Message;

    /// Asks for what begins with `prefix`.
    async fn subscribe(&mut self, prefix: &str);

    /// Takes one such subscription back.
    async fn unsubscribe(&mut self, prefix: &str);

    /// Ends as its process would. What was sent and not received may be lost. The place it was bound to is free.
    async fn close(self);
}

/// One that names its peers by numbers: SERVER and PEER.
pub(crate) trait Numbering: OtherSocket {
    /// Receives one message, and the number of its sender.
    async fn recv_from(&mut self) -> (u32, Message);

    /// Sends one message of one frame to the peer that has this number.
    async fn send_to(&mut self, number: u32, message: impl Into<Message>);

    /// PEER: begins to connect, and tells the number of the peer that will be there.
    async fn connect_peer(&mut self, endpoint: &str) -> u32;
}
