//! What may be said of every socket of the system, whatever its packets are.

use std::io;

use socket2::SockRef;

/// Options that TCP and UDP share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) send_buffer: Option<usize>,
    pub(super) recv_buffer: Option<usize>,
    pub(super) tos: Option<u8>,
    pub(super) device: Option<Box<str>>,
    pub(super) priority: Option<u32>,
    pub(super) mark: Option<u32>,
    pub(super) busy_poll: Option<u32>,
}

impl Common {
    /// Says all this to a socket. The buffers count only where it happens before `listen` or `connect`, since
    /// the window's scale is agreed upon in the first packets.
    pub(super) fn apply(&self, socket: &SockRef<'_>, is_v6: bool) -> io::Result<()> {
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes.min(i32::MAX as usize))?;
        }
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes.min(i32::MAX as usize))?;
        }
        match self.tos {
            #[cfg(unix)]
            Some(tos) if is_v6 => socket.set_tclass_v6(tos.into())?,
            Some(tos) if !is_v6 => socket.set_tos_v4(tos.into())?,
            _ => {}
        }
        #[cfg(target_os = "linux")]
        self.apply_linux(socket)?;
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn apply_linux(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(device) = &self.device {
            socket.bind_device(Some(device.as_bytes()))?;
        }
        // Behind the type of service, which sets a priority of its own.
        if let Some(priority) = self.priority {
            socket.set_priority(priority)?;
        }
        if let Some(mark) = self.mark {
            socket.set_mark(mark)?;
        }
        if let Some(micros) = self.busy_poll {
            socket.set_busy_poll(micros)?;
        }
        Ok(())
    }
}

/// Makes the methods that say them.
macro_rules! common_options {
    () => {
        /// Size of the kernel's buffer for outgoing bytes (`SO_SNDBUF`, libzmq's `ZMQ_SNDBUF`), in bytes; by default
        /// as the system has it. For TCP the kernel sizes it as it goes, which is nearly always better.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn send_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
            self.common.send_buffer = bytes.into();
            self
        }

        /// Size of the kernel's buffer for incoming bytes (`SO_RCVBUF`, libzmq's `ZMQ_RCVBUF`), in bytes; by default
        /// as the system has it. For TCP the kernel sizes it as it goes, which is nearly always better; UDP loses what
        /// finds no room here.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn recv_buffer(mut self, bytes: impl Into<Option<usize>>) -> Self {
            self.common.recv_buffer = bytes.into();
            self
        }

        /// The type-of-service byte of outgoing packets (`IP_TOS`, `IPV6_TCLASS`, libzmq's `ZMQ_TOS`): the DSCP class in
        /// its upper six bits. By default 0, as the system has it.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn tos(mut self, tos: impl Into<Option<u8>>) -> Self {
            self.common.tos = tos.into();
            self
        }

        /// The network device, or VRF, that packets come and go by (`SO_BINDTODEVICE`, libzmq's `ZMQ_BINDTODEVICE`); by
        /// default any. The system refuses a name that it does not know. Without effect where there is no such option.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn device(mut self, name: impl Into<String>) -> Self {
            self.common.device = Some(name.into().into());
            self
        }

        /// The class of outgoing packets in this machine's own queues (`SO_PRIORITY`, libzmq's `ZMQ_PRIORITY`), 0 to 6,
        /// or more with the right to it; by default as the [type of service](Self::tos) says. Without effect where there
        /// is no such option.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn priority(mut self, priority: impl Into<Option<u32>>) -> Self {
            self.common.priority = priority.into();
            self
        }

        /// A mark on outgoing packets for this machine's own routing and filters (`SO_MARK`); by default none. Takes the
        /// right to administer the network, without which binding and connecting fail. Without effect where there is no
        /// such option. libzmq: none.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn mark(mut self, mark: impl Into<Option<u32>>) -> Self {
            self.common.mark = mark.into();
            self
        }

        /// For how many microseconds the kernel may ask a network device for packets instead of waiting for its
        /// interrupt (`SO_BUSY_POLL`, libzmq's `ZMQ_BUSY_POLL`); by default as the system has it, which is not at all.
        /// More than that takes the right to administer the network. Without effect where there is no such option.
        ///
        /// Example: at [`TcpOptions`](crate::TcpOptions).
        #[must_use]
        pub fn busy_poll(mut self, micros: impl Into<Option<u32>>) -> Self {
            self.common.busy_poll = micros.into();
            self
        }
    };
}
pub(super) use common_options;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    use socket2::{Domain, Socket, Type};

    #[test]
    fn what_is_asked_for_reaches_the_socket() {
        let common = Common {
            send_buffer: Some(50_000),
            recv_buffer: Some(60_000),
            tos: Some(0xb8),
            device: Some("lo".into()),
            priority: Some(5),
            mark: None,
            busy_poll: Some(0),
        };
        for (domain, kind) in [
            (Domain::IPV4, Type::STREAM),
            (Domain::IPV6, Type::STREAM),
            (Domain::IPV4, Type::DGRAM),
            (Domain::IPV6, Type::DGRAM),
        ] {
            let socket = Socket::new(domain, kind, None).expect("a socket");
            let is_v6 = domain == Domain::IPV6;
            common
                .apply(&SockRef::from(&socket), is_v6)
                .expect("known options");
            // Linux doubles what it is told, for its own bookkeeping.
            assert_eq!(socket.send_buffer_size().expect("send buffer"), 100_000);
            assert_eq!(socket.recv_buffer_size().expect("receive buffer"), 120_000);
            let tos = if is_v6 {
                socket.tclass_v6()
            } else {
                socket.tos_v4()
            };
            assert_eq!(tos.expect("tos"), 0xb8);
            assert_eq!(socket.device().expect("device"), Some(b"lo".to_vec()));
            assert_eq!(socket.priority().expect("priority"), 5);
            assert_eq!(socket.busy_poll().expect("busy poll"), 0);
        }
    }

    #[test]
    fn a_mark_is_set_or_the_right_to_it_is_missing() {
        let common = Common {
            mark: Some(7),
            ..Common::default()
        };
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        match common.apply(&SockRef::from(&socket), false) {
            Ok(()) => assert_eq!(socket.mark().expect("mark"), 7),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }

    #[test]
    fn a_device_that_nobody_knows_is_refused() {
        let common = Common {
            device: Some("no-such-device".into()),
            ..Common::default()
        };
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        assert!(common.apply(&SockRef::from(&socket), false).is_err());
    }
}
