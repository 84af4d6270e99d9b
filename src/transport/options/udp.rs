//! What a user may say about sockets that carry datagrams.

use std::io;

use socket2::SockRef;

use super::common::{Common, common_options};

/// Options of the `udp://` endpoints of one socket.
///
/// # Examples
///
/// ```
/// use hubless::UdpOptions;
///
/// let options = UdpOptions::new()
///     .recv_buffer(4 << 20)
///     .hops(8)
///     .broadcast(true)
///     .multicast_hops(4)
///     .multicast_loop(false);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpOptions {
    common: Common,
    hops: Option<u8>,
    multicast_hops: u8,
    multicast_loop: bool,
    broadcast: bool,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl UdpOptions {
    /// Multicast stays in the local network and is heard on this machine too; everything else is as the system has it.
    pub fn new() -> Self {
        Self {
            common: Common::default(),
            hops: None,
            multicast_hops: 1,
            multicast_loop: true,
            broadcast: false,
        }
    }

    common_options!();

    /// How many routers a datagram to one address may pass, and one more (`IP_TTL`, `IPV6_UNICAST_HOPS`); by default as
    /// the system has it, mostly 64. libzmq: none.
    ///
    /// Example: at [`UdpOptions`].
    #[must_use]
    pub fn hops(mut self, hops: impl Into<Option<u8>>) -> Self {
        self.hops = hops.into();
        self
    }

    /// The same of a datagram to a multicast group (`IP_MULTICAST_TTL`, `IPV6_MULTICAST_HOPS`, libzmq's
    /// `ZMQ_MULTICAST_HOPS`); by default 1, which stays in the local network.
    ///
    /// Example: at [`UdpOptions`].
    #[must_use]
    pub fn multicast_hops(mut self, hops: u8) -> Self {
        self.multicast_hops = hops;
        self
    }

    /// Whether what this socket sends to a multicast group is heard on this machine too (`IP_MULTICAST_LOOP`,
    /// `IPV6_MULTICAST_LOOP`, libzmq's `ZMQ_MULTICAST_LOOP`); by default it is.
    ///
    /// Example: at [`UdpOptions`].
    #[must_use]
    pub fn multicast_loop(mut self, is_heard_here: bool) -> Self {
        self.multicast_loop = is_heard_here;
        self
    }

    /// Whether datagrams may be sent to broadcast addresses (`SO_BROADCAST`); by default not. libzmq: none.
    ///
    /// Example: at [`UdpOptions`].
    #[must_use]
    pub fn broadcast(mut self, broadcast: bool) -> Self {
        self.broadcast = broadcast;
        self
    }

    /// Says all this to a socket.
    pub(in crate::transport) fn apply(&self, socket: SockRef<'_>, is_v6: bool) -> io::Result<()> {
        self.common.apply(&socket, is_v6)?;
        if is_v6 {
            socket.set_multicast_hops_v6(self.multicast_hops.into())?;
            socket.set_multicast_loop_v6(self.multicast_loop)?;
        } else {
            socket.set_multicast_ttl_v4(self.multicast_hops.into())?;
            socket.set_multicast_loop_v4(self.multicast_loop)?;
        }
        match self.hops {
            Some(hops) if is_v6 => socket.set_unicast_hops_v6(hops.into())?,
            // Zero would be refused; whoever asks for it means: not beyond this machine.
            Some(hops) => socket.set_ttl_v4(hops.max(1).into())?,
            None => {}
        }
        if self.broadcast {
            socket.set_broadcast(true)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use socket2::{Domain, Socket, Type};

    fn socket(domain: Domain, options: &UdpOptions) -> Socket {
        let socket = Socket::new(domain, Type::DGRAM, None).expect("a socket");
        options
            .apply(SockRef::from(&socket), domain == Domain::IPV6)
            .expect("known options");
        socket
    }

    #[test]
    fn by_default_multicast_stays_near_and_is_heard_here() {
        let v4 = socket(Domain::IPV4, &UdpOptions::new());
        assert_eq!(v4.multicast_ttl_v4().expect("hops"), 1);
        assert!(v4.multicast_loop_v4().expect("loop"));
        assert!(!v4.broadcast().expect("broadcast"));
        let v6 = socket(Domain::IPV6, &UdpOptions::new());
        assert_eq!(v6.multicast_hops_v6().expect("hops"), 1);
        assert!(v6.multicast_loop_v6().expect("loop"));
    }

    #[test]
    fn what_is_asked_for_reaches_the_socket() {
        let options = UdpOptions::new()
            .hops(9)
            .multicast_hops(7)
            .multicast_loop(false)
            .broadcast(true)
            .recv_buffer(60_000);
        let v4 = socket(Domain::IPV4, &options);
        assert_eq!(v4.ttl_v4().expect("hops"), 9);
        assert_eq!(v4.multicast_ttl_v4().expect("hops"), 7);
        assert!(!v4.multicast_loop_v4().expect("loop"));
        assert!(v4.broadcast().expect("broadcast"));
        assert_eq!(v4.recv_buffer_size().expect("receive buffer"), 120_000);
        let v6 = socket(Domain::IPV6, &options);
        assert_eq!(v6.unicast_hops_v6().expect("hops"), 9);
        assert_eq!(v6.multicast_hops_v6().expect("hops"), 7);
        assert!(!v6.multicast_loop_v6().expect("loop"));
    }
}
