//! The kinds of socket by name, and who may talk to whom.

use std::fmt;

/// A kind of socket, as a peer announces it in its handshake.
///
/// ```
/// use hubless::SocketKind;
///
/// assert!(SocketKind::Push.accepts(SocketKind::Pull));
/// assert!(!SocketKind::Push.accepts(SocketKind::Pub));
/// assert_eq!(SocketKind::Push.to_string(), "PUSH");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SocketKind {
    /// Sends to PULL peers in turn.
    Push,
    /// Receives from PUSH peers in turn.
    Pull,
    /// Publishes to every matching SUB and XSUB.
    Pub,
    /// Receives what it subscribed to.
    Sub,
    /// Asks, then waits for the answer.
    Req,
    /// Answers.
    Rep,
    /// Asks without waiting, in turn.
    Dealer,
    /// Addresses peers by routing id.
    Router,
    /// Publishes, and sees the subscriptions.
    XPub,
    /// Receives, and subscribes by sending.
    XSub,
    /// Talks to exactly one other PAIR.
    Pair,
    /// Talks to a SERVER: single frames only.
    Client,
    /// Answers CLIENT peers, each by its number.
    Server,
    /// Publishes to the DISH peers of a group.
    Radio,
    /// Receives from the groups it joined.
    Dish,
    /// Sends single frames to GATHER peers in turn.
    Scatter,
    /// Receives from SCATTER peers in turn.
    Gather,
    /// Talks to other PEERs, each by its number.
    Peer,
    /// Talks to exactly one other CHANNEL: single frames only.
    Channel,
    /// Talks to peers that know no ZMTP.
    Stream,
    /// Sends and receives UDP datagrams.
    Dgram,
}

impl SocketKind {
    pub(crate) const ALL: [Self; 21] = [
        Self::Push,
        Self::Pull,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::XPub,
        Self::XSub,
        Self::Pair,
        Self::Client,
        Self::Server,
        Self::Radio,
        Self::Dish,
        Self::Scatter,
        Self::Gather,
        Self::Peer,
        Self::Channel,
        Self::Stream,
        Self::Dgram,
    ];

    /// The name on the wire: `PUSH`, `PULL`, …
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(hubless::SocketKind::XPub.name(), "XPUB");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "PUSH",
            Self::Pull => "PULL",
            Self::Pub => "PUB",
            Self::Sub => "SUB",
            Self::Req => "REQ",
            Self::Rep => "REP",
            Self::Dealer => "DEALER",
            Self::Router => "ROUTER",
            Self::XPub => "XPUB",
            Self::XSub => "XSUB",
            Self::Pair => "PAIR",
            Self::Client => "CLIENT",
            Self::Server => "SERVER",
            Self::Radio => "RADIO",
            Self::Dish => "DISH",
            Self::Scatter => "SCATTER",
            Self::Gather => "GATHER",
            Self::Peer => "PEER",
            Self::Channel => "CHANNEL",
            Self::Stream => "STREAM",
            Self::Dgram => "DGRAM",
        }
    }

    /// The kinds that this one talks to (RFC 28 to 31, 41, 48, 49, 51 and 52). STREAM and DGRAM talk to whatever speaks
    /// TCP or UDP, and to no socket of ZMTP.
    pub fn peers(self) -> &'static [Self] {
        match self {
            Self::Push => &[Self::Pull],
            Self::Pull => &[Self::Push],
            Self::Pub | Self::XPub => &[Self::Sub, Self::XSub],
            Self::Sub | Self::XSub => &[Self::Pub, Self::XPub],
            Self::Req => &[Self::Rep, Self::Router],
            Self::Rep => &[Self::Req, Self::Dealer],
            Self::Dealer => &[Self::Rep, Self::Dealer, Self::Router],
            Self::Router => &[Self::Req, Self::Dealer, Self::Router],
            Self::Pair => &[Self::Pair],
            Self::Client => &[Self::Server],
            Self::Server => &[Self::Client],
            Self::Radio => &[Self::Dish],
            Self::Dish => &[Self::Radio],
            Self::Scatter => &[Self::Gather],
            Self::Gather => &[Self::Scatter],
            Self::Peer => &[Self::Peer],
            Self::Channel => &[Self::Channel],
            Self::Stream | Self::Dgram => &[],
        }
    }

    /// Whether a socket of this kind may talk to one of kind `peer`.
    ///
    /// Example: at [`SocketKind`].
    pub fn accepts(self, peer: Self) -> bool {
        self.peers().contains(&peer)
    }

    /// Whether a socket of this kind announces its identity, be it empty: the same kinds as in libzmq. Nobody would
    /// look at that of the others.
    pub(crate) fn tells_its_identity(self) -> bool {
        matches!(self, Self::Req | Self::Dealer | Self::Router)
    }

    /// Whether it may be asked for a sign of life: libzmq's DISH takes every command for a broken message, and closes.
    pub(crate) fn takes_questions(self) -> bool {
        self != Self::Dish
    }

    /// The number by which ZMTP 2.0 names it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Pair => 0,
            Self::Pub => 1,
            Self::Sub => 2,
            Self::Req => 3,
            Self::Rep => 4,
            Self::Dealer => 5,
            Self::Router => 6,
            Self::Pull => 7,
            Self::Push => 8,
            // Not in the RFC, but what libzmq says.
            Self::XPub => 9,
            Self::XSub => 10,
            Self::Stream => 11,
            Self::Server => 12,
            Self::Client => 13,
            Self::Radio => 14,
            Self::Dish => 15,
            Self::Gather => 16,
            Self::Scatter => 17,
            Self::Dgram => 18,
            Self::Peer => 19,
            Self::Channel => 20,
        }
    }

    /// Reads the number that a peer of ZMTP 2.0 announced; `None` for a kind unknown here.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Reads the name that a peer announced; `None` for a kind unknown here.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }
}

impl fmt::Display for SocketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_is_mutual() {
        for a in SocketKind::ALL {
            for b in SocketKind::ALL {
                assert_eq!(a.accepts(b), b.accepts(a), "{a} and {b}");
            }
            assert_eq!(SocketKind::from_name(a.name().as_bytes()), Some(a));
            assert_eq!(SocketKind::from_code(a.code()), Some(a));
        }
    }
}
