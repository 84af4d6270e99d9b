//! What a user may say about the sockets underneath, and how it is said to them.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

mod common;
mod udp;

use common::{Common, common_options};
pub use udp::UdpOptions;

/// How many connections the kernel may hold ready before they are accepted; it clamps this to its own limit.
const BACKLOG: u32 = 4096;

/// Linux keeps it as an `int` of milliseconds, and refuses what is more: 24 days.
#[cfg(target_os = "linux")]
const MAX_USER_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);

/// The longest time and the largest count that Linux takes for keepalive.
const MAX_KEEPALIVE: Duration = Duration::from_secs(32_767);
const MAX_RETRIES: u32 = 127;

/// What the doors need to know beyond an address.
#[derive(Debug, Clone)]
pub(crate) struct StreamOptions {
    pub(crate) tcp: TcpOptions,
    pub(crate) backlog: u32,
    /// How long one attempt to connect to one address may take.
    pub(crate) connect_timeout: Option<Duration>,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            tcp: TcpOptions::new(),
            backlog: BACKLOG,
            connect_timeout: None,
        }
    }
}

/// Options of the TCP connections of one socket.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use hubless::{Keepalive, TcpOptions};
///
/// let options = TcpOptions::new()
///     .keepalive(Keepalive::new().idle(Duration::from_secs(60)))
///     .send_buffer(1 << 20);
/// let silent = TcpOptions::new().keepalive(None);
/// # let _ = (options, silent);
/// ```
///
/// All of them:
///
/// ```
/// use std::time::Duration;
///
/// use hubless::{Keepalive, TcpOptions};
///
/// let keepalive = Keepalive::new()
///     .idle(Duration::from_secs(60))
///     .interval(Duration::from_secs(5))
///     .retries(4);
/// let options = TcpOptions::new()
///     .nodelay(true)
///     .keepalive(keepalive)
///     .user_timeout(Duration::from_secs(30))
///     .send_buffer(1 << 20)
///     .recv_buffer(1 << 20)
///     .tos(0x10)
///     .priority(4)
///     .mark(7)
///     .busy_poll(50)
///     .device("eth0");
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpOptions {
    nodelay: bool,
    keepalive: Option<Keepalive>,
    user_timeout: Option<Duration>,
    common: Common,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl TcpOptions {
    /// No delay, keepalive after 30 s, everything else as the system has it.
    pub fn new() -> Self {
        Self {
            nodelay: true,
            keepalive: Some(Keepalive::new()),
            user_timeout: None,
            common: Common::default(),
        }
    }

    /// Whether small writes leave at once (`TCP_NODELAY`); on by default.
    ///
    /// Messages that wait together are written together in any case: off saves packets only where single
    /// small messages go out one by one, and costs up to 40 ms each when the peer delays its
    /// acknowledgements.
    ///
    /// Example: at [`TcpOptions`].
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Whether and how the kernel probes an idle connection (libzmq: `ZMQ_TCP_KEEPALIVE` and its kin); on by
    /// default, so that a peer that vanished without a word is noticed after a minute.
    ///
    /// It watches *idle* connections: while sent data waits for an acknowledgement, the kernel's
    /// retransmission limit decides instead, which takes minutes. A heartbeat notices both.
    ///
    /// Example: at [`TcpOptions`].
    #[must_use]
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.keepalive = keepalive.into();
        self
    }

    /// How long sent data may wait for an acknowledgement before the kernel gives the connection up (Linux's
    /// `TCP_USER_TIMEOUT`, libzmq's `ZMQ_TCP_MAXRT`); none by default, which leaves it to the kernel's
    /// retransmission limit.
    ///
    /// It is off for a reason: the kernel also counts a *closed window* as silence. A peer that is alive, but
    /// has not read for this long because its program is busy, is cut off, and what the kernel held for it is
    /// lost. Back-pressure would become death. Set it only where every reader keeps up, and above the longest
    /// pause that you allow; a heartbeat tells the two apart. It also overrides the count of keepalive
    /// probes. Without effect where the system does not know it.
    ///
    /// Example: at [`TcpOptions`].
    #[must_use]
    pub fn user_timeout(mut self, user_timeout: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = user_timeout.into();
        self
    }

    common_options!();

    /// Says all this to a socket. The buffers count only where it happens before `listen` or `connect`, since
    /// the window's scale is agreed upon in the first packets.
    pub(super) fn apply(&self, socket: SockRef<'_>, is_v6: bool) -> io::Result<()> {
        // Both directions of the default are said: a system may have been told otherwise.
        socket.set_tcp_nodelay(self.nodelay)?;
        match &self.keepalive {
            Some(keepalive) => socket.set_tcp_keepalive(&keepalive.to_system())?,
            None => socket.set_keepalive(false)?,
        }
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.user_timeout {
            // Zero would mean the opposite: as the system has it.
            let timeout = timeout.clamp(Duration::from_millis(1), MAX_USER_TIMEOUT);
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        self.common.apply(&socket, is_v6)
    }
}

/// How the kernel probes an idle TCP connection: after 30 s, every 10 s, three times.
///
/// The kernel counts in whole seconds from 1 to 32 767 and in probes from 1 to 127; what lies outside is
/// taken as the nearest.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::{Keepalive, Push, TcpOptions};
///
/// // Through a firewall that forgets connections after five minutes.
/// let keepalive = Keepalive::new().idle(Duration::from_secs(240)).interval(Duration::from_secs(20)).retries(3);
/// let push = Push::builder().tcp(TcpOptions::new().keepalive(keepalive)).build()?;
/// # let _ = push;
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalive {
    idle: Duration,
    interval: Duration,
    retries: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self::new()
    }
}

impl Keepalive {
    /// Idle 30 s, interval 10 s, three retries: a peer that vanished is noticed after a minute.
    pub fn new() -> Self {
        Self {
            idle: Duration::from_secs(30),
            interval: Duration::from_secs(10),
            retries: 3,
        }
    }

    /// How long a connection is silent before the first probe. Default: 30 s. libzmq: `ZMQ_TCP_KEEPALIVE_IDLE`.
    ///
    /// Example: at [`Keepalive`].
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// Time from one probe to the next. Default: 10 s. libzmq: `ZMQ_TCP_KEEPALIVE_INTVL`.
    ///
    /// Example: at [`Keepalive`].
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How many probes may go unanswered before the connection is given up. Default: 3. libzmq: `ZMQ_TCP_KEEPALIVE_CNT`.
    ///
    /// Example: at [`Keepalive`].
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    fn to_system(&self) -> TcpKeepalive {
        let seconds = |time: Duration| time.clamp(Duration::from_secs(1), MAX_KEEPALIVE);
        let keepalive = TcpKeepalive::new()
            .with_time(seconds(self.idle))
            .with_interval(seconds(self.interval));
        #[cfg(unix)]
        let keepalive = keepalive.with_retries(self.retries.clamp(1, MAX_RETRIES));
        keepalive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use socket2::{Domain, Socket, Type};

    fn socket(domain: Domain) -> Socket {
        Socket::new(domain, Type::STREAM, None).expect("a socket")
    }

    #[test]
    fn by_default_nothing_is_delayed_and_idle_connections_are_probed() {
        let socket = socket(Domain::IPV4);
        TcpOptions::new()
            .apply(SockRef::from(&socket), false)
            .expect("known options");
        assert!(socket.tcp_nodelay().expect("nodelay"));
        assert!(socket.keepalive().expect("keepalive"));
        assert_eq!(
            socket.tcp_keepalive_time().expect("idle"),
            Duration::from_secs(30)
        );
        assert_eq!(
            socket.tcp_keepalive_interval().expect("interval"),
            Duration::from_secs(10)
        );
        assert_eq!(socket.tcp_keepalive_retries().expect("retries"), 3);
        assert_eq!(socket.tcp_user_timeout().expect("user timeout"), None);
    }

    #[test]
    fn what_is_asked_for_reaches_the_socket() {
        for domain in [Domain::IPV4, Domain::IPV6] {
            let (socket, is_v6) = (socket(domain), domain == Domain::IPV6);
            TcpOptions::new()
                .nodelay(false)
                .keepalive(None)
                .user_timeout(Duration::from_secs(7))
                .send_buffer(50_000)
                .recv_buffer(60_000)
                .tos(0xb8)
                .apply(SockRef::from(&socket), is_v6)
                .expect("known options");
            assert!(!socket.tcp_nodelay().expect("nodelay"));
            assert!(!socket.keepalive().expect("keepalive"));
            assert_eq!(
                socket.tcp_user_timeout().expect("user timeout"),
                Some(Duration::from_secs(7))
            );
            // Linux doubles what it is told, for its own bookkeeping.
            assert_eq!(socket.send_buffer_size().expect("send buffer"), 100_000);
            assert_eq!(socket.recv_buffer_size().expect("receive buffer"), 120_000);
            let tos = if is_v6 {
                socket.tclass_v6()
            } else {
                socket.tos_v4()
            };
            assert_eq!(tos.expect("tos"), 0xb8);
        }
    }

    #[test]
    fn values_beyond_what_the_kernel_knows_become_the_nearest() {
        let socket = socket(Domain::IPV4);
        let keepalive = Keepalive::new()
            .idle(Duration::ZERO)
            .interval(Duration::MAX)
            .retries(u32::MAX);
        TcpOptions::new()
            .keepalive(keepalive)
            .user_timeout(Duration::ZERO)
            .send_buffer(usize::MAX)
            .apply(SockRef::from(&socket), false)
            .expect("clamped options");
        assert_eq!(socket.tcp_keepalive_time().expect("idle"), Duration::from_secs(1));
        assert_eq!(socket.tcp_keepalive_interval().expect("interval"), MAX_KEEPALIVE);
        assert_eq!(socket.tcp_keepalive_retries().expect("retries"), MAX_RETRIES);
        assert_eq!(
            socket.tcp_user_timeout().expect("user timeout"),
            Some(Duration::from_millis(1))
        );
        TcpOptions::new()
            .user_timeout(Duration::MAX)
            .apply(SockRef::from(&socket), false)
            .expect("a clamped option");
        assert_eq!(
            socket.tcp_user_timeout().expect("user timeout"),
            Some(MAX_USER_TIMEOUT)
        );
    }
}
