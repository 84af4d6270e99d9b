//! The other socket, seen through one connection: what it said of itself, and where it is.
//!
//! A [`Peer`] comes into being when a handshake is done and describes that one connection for good; it says
//! nothing of whether the connection still lives. Whoever asks holds a handle, so nothing here costs the
//! traffic anything.
//!
//! What a peer says of itself is its own claim, unless the mechanism proved it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;

use crate::endpoint::Endpoint;
use crate::socket_kind::SocketKind;
use crate::stats::{Counted, Stats};

/// The other end of one connection.
///
/// A cheap handle: clones describe the same connection, and two handles are equal if they do. It stays valid,
/// with what was known, when the connection has ended; a peer that connects again is another `Peer`.
///
/// # Examples
///
/// ```
/// use hubless::{Pull, Req, Rep, SocketKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let rep = Rep::builder().property("X-Room", "kitchen").build()?;
/// let endpoint = rep.bind("tcp://127.0.0.1:0").await?;
/// let req = Req::builder().routing_id("asker").build()?;
/// let peer = req.connect(&endpoint)?.await?;
///
/// assert_eq!(peer.endpoint(), &endpoint);
/// assert_eq!(peer.kind(), Some(SocketKind::Rep));
/// assert_eq!((peer.version(), peer.mechanism()), ((3, 1), "NULL"));
/// assert_eq!(peer.property("X-Room"), Some(&b"kitchen"[..]));
/// assert_eq!(peer.stats().outgoing.accepted.messages, 0);
///
/// rep.peers().at_least(1).await?;
/// let asker = rep.peers().list().remove(0);
/// assert_eq!(asker.routing_id(), "asker");
/// for (name, value) in asker.metadata() {
///     println!("{}, at {}: {name} is {value:?}", asker.id(), asker.address());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Peer(Arc<PeerInfo>);

/// What a finished handshake has told.
#[derive(Debug)]
pub(crate) struct PeerInfo {
    /// Unique within its socket.
    pub(crate) id: u64,
    pub(crate) endpoint: Endpoint,
    pub(crate) address: Box<str>,
    pub(crate) process: Option<Process>,
    pub(crate) kind: Option<SocketKind>,
    pub(crate) routing_id: Bytes,
    pub(crate) number: Option<PeerId>,
    pub(crate) version: (u8, u8),
    pub(crate) mechanism: &'static str,
    /// What was decided about it, then what it said itself, in the order in which that came.
    pub(crate) user_id: Option<Box<str>>,
    pub(crate) metadata: Vec<(Box<str>, Bytes)>,
    pub(crate) counters: Arc<dyn Counted>,
}

impl Peer {
    pub(crate) fn new(info: PeerInfo) -> Self {
        Self(Arc::new(info))
    }

    /// A number that no other connection of this socket has had, for logs and maps.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// The endpoint of ours that the connection belongs to: what we connected to, or where we listen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Where the peer is: `ip:port` in numbers over tcp; over ipc its process's credentials, `:uid:gid:pid`.
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The process at the other end, as the system knows it: over ipc only.
    pub fn process(&self) -> Option<Process> {
        self.0.process
    }

    /// The peer's kind of socket; `None` if it did not tell.
    pub fn kind(&self) -> Option<SocketKind> {
        self.0.kind
    }

    /// The bytes that name this peer on a ROUTER: its own choice, or what was chosen for it; empty where
    /// nobody chose.
    pub fn routing_id(&self) -> &Bytes {
        &self.0.routing_id
    }

    /// The number by which a SERVER or PEER of ours names this peer; `None` on sockets of other kinds.
    pub fn number(&self) -> Option<PeerId> {
        self.0.number
    }

    /// The version of ZMTP spoken on this connection, major and minor.
    pub fn version(&self) -> (u8, u8) {
        self.0.version
    }

    /// The security mechanism of this connection: `NULL`, `PLAIN`, …
    pub fn mechanism(&self) -> &str {
        self.0.mechanism
    }

    /// The name by which the peer was let in, if somebody [decided](crate::auth::Authenticator) so. Never what it says
    /// itself.
    pub fn user_id(&self) -> Option<&str> {
        self.0.user_id.as_deref()
    }

    /// What went to this peer and came from it; after the connection has ended, up to its end.
    ///
    /// A connecting endpoint keeps its outgoing queue from one connection to the next, and the queue its counters.
    pub fn stats(&self) -> Stats {
        self.0.counters.stats()
    }

    /// One of the peer's [`metadata`](Self::metadata). Names are compared without regard to case; of several the first
    /// counts.
    ///
    /// Example: at [`Peer`].
    pub fn property(&self, name: &str) -> Option<&[u8]> {
        self.metadata()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// First what was decided when the peer was let in, its `User-Id` among it; then the properties that it sent in its
    /// handshake, in its order, without those that became [`kind`](Self::kind) and [`routing_id`](Self::routing_id).
    /// What it says under a name that is decided, and under `User-Id` and `Peer-Address` in any case, is left out.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .metadata
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}

/// The number of a peer, on a socket that names its peers by numbers: [`Server`](crate::Server) and
/// [`PeerSocket`](crate::PeerSocket).
///
/// It is chosen on this side and means nothing on any other socket. The peer of an accepted connection has it for as
/// long as the connection lasts, and a new one when it comes again; a connecting endpoint keeps its number through all
/// its connections. A number that has lost its peer names nobody until four thousand million others have had theirs.
///
/// # Examples
///
/// ```
/// use hubless::{Client, PeerId, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (server, client) = (Server::new(), Client::new());
/// client.connect(&server.bind("tcp://127.0.0.1:0").await?)?;
/// client.send("hello").await?;
/// let (from, _): (PeerId, _) = server.recv_from().await?;
/// assert_eq!(PeerId::new(from.get()), Some(from));
/// assert_eq!(server.peers().list()[0].number(), Some(from));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(NonZeroU32);

impl PeerId {
    /// The number that was [got](Self::get) before; `None` for 0, which no peer has.
    ///
    /// Example: at [`PeerId`].
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number itself.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process of this machine, as the system knows it.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// use hubless::{Process, Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// push.connect(&pull.bind("ipc://*").await?)?.await?;
/// pull.peers().at_least(1).await?;
/// let process: Process = pull.peers().list()[0].process().expect("it is on this machine");
/// assert_eq!(process.pid, Some(std::process::id()));
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number, where the system tells it.
    pub pid: Option<u32>,
}

/// Kind and address: `PULL at 10.0.0.1:49153`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind().map_or("peer", SocketKind::name);
        write!(f, "{kind} at {}", self.address())
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id())
            .field("endpoint", self.endpoint())
            .field("address", &self.address())
            .field("kind", &self.kind())
            .field("routing_id", self.routing_id())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Peer {}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;

    impl Counted for Nothing {
        fn stats(&self) -> Stats {
            Stats::default()
        }
    }

    /// A PULL at 10.0.0.1:49153, met at `tcp://10.0.0.2:5555`.
    pub(crate) fn peer(id: u64) -> Peer {
        Peer::new(PeerInfo {
            id,
            endpoint: "tcp://10.0.0.2:5555".parse().expect("an endpoint"),
            address: "10.0.0.1:49153".into(),
            process: None,
            kind: Some(SocketKind::Pull),
            routing_id: Bytes::from_static(b"\x01\nx"),
            number: None,
            version: (3, 1),
            mechanism: "NULL",
            user_id: None,
            metadata: vec![
                ("Socket-Type".into(), "PULL".into()),
                ("X-Room".into(), "first".into()),
                ("x-room".into(), "second".into()),
            ],
            counters: Arc::new(Nothing),
        })
    }

    #[test]
    fn a_property_is_found_in_any_case_and_the_first_one_counts() {
        let peer = peer(1);
        assert_eq!(peer.property("socket-type"), Some(&b"PULL"[..]));
        assert_eq!(peer.property("X-ROOM"), Some(&b"first"[..]));
        assert_eq!(peer.property("X-Floor"), None);
        assert_eq!(
            peer.metadata().map(|(name, _)| name).collect::<Vec<_>>(),
            ["Socket-Type", "X-Room", "x-room"]
        );
    }

    #[test]
    fn two_handles_are_equal_if_they_are_of_one_connection() {
        let (a, b) = (peer(1), peer(2));
        assert_eq!(a, a.clone());
        assert_ne!(a, b, "the same peer, connected again");
        assert_eq!(std::collections::HashSet::from([a.clone(), a, b]).len(), 2);
    }

    #[test]
    fn a_peer_is_shown_in_one_harmless_line() {
        let peer = peer(7);
        assert_eq!(peer.to_string(), "PULL at 10.0.0.1:49153");
        assert_eq!(
            format!("{peer:?}"),
            r#"Peer { id: 7, endpoint: Endpoint("tcp://10.0.0.2:5555"), address: "10.0.0.1:49153", kind: Some(Pull), routing_id: b"\x01\nx", .. }"#
        );
    }
}
