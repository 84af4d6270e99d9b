//! UDP: one socket that datagrams come to and leave from. There is nobody to accept and nothing to be connected to.
//!
//! A socket that is bound to a multicast group hears only what is sent to it, and shares its port with others who listen
//! to the same one. What is sent to IPv4 over a socket of IPv6 is spelled as its addresses are, and told as what it is.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, InterfaceIndexOrAddress, SockRef, Socket, Type};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

use crate::endpoint::{self, Endpoint, UdpAddress};

use super::MSG_NOSIGNAL;
use super::interface::Interface;
use super::options::UdpOptions;
use super::tcp::{resolve, resolve_local};

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    is_v6: bool,
}

impl Datagrams {
    /// Receives at `address`; also says where that is, in numbers.
    pub(crate) async fn bind(address: &UdpAddress, options: &UdpOptions) -> io::Result<(Self, Endpoint)> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for at in resolve_local(&address.at).await? {
            let bound = Self::bind_to(at, address.interface.as_ref(), options);
            match bound.and_then(|bound| Ok((bound.resolved(address)?, bound))) {
                Ok((endpoint, bound)) => return Ok((bound, endpoint)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bind_to(
        at: SocketAddr,
        interface: Option<&endpoint::Interface>,
        options: &UdpOptions,
    ) -> io::Result<Self> {
        let socket = open(at, options)?;
        if at.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            socket.set_only_v6(false)?;
        }
        if at.ip().is_multicast() {
            socket.set_reuse_address(true)?;
            #[cfg(unix)]
            socket.set_reuse_port(true)?;
        }
        socket.bind(&at.into())?;
        if at.ip().is_multicast() {
            join(&socket, at.ip(), interface)?;
            send_by(&socket, at.is_ipv6(), interface)?;
        }
        Self::new(socket, at.is_ipv6())
    }

    /// A socket to send to `address` from, and where that is now.
    pub(crate) async fn open(address: &UdpAddress, options: &UdpOptions) -> io::Result<(Self, SocketAddr)> {
        let to = resolve(&address.at).await?;
        let Some(to) = to.first().copied() else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        };
        let socket = open(to, options)?;
        let any: IpAddr = match to.is_ipv6() {
            true => Ipv6Addr::UNSPECIFIED.into(),
            false => Ipv4Addr::UNSPECIFIED.into(),
        };
        socket.bind(&SocketAddr::new(any, 0).into())?;
        send_by(&socket, to.is_ipv6(), address.interface.as_ref())?;
        Ok((Self::new(socket, to.is_ipv6())?, to))
    }

    fn new(socket: Socket, is_v6: bool) -> io::Result<Self> {
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, is_v6 })
    }

    /// What was bound, without wildcards; the interface as it was written.
    fn resolved(&self, asked: &UdpAddress) -> io::Result<Endpoint> {
        let at = self.socket.local_addr()?;
        let interface = match &asked.interface {
            None => String::new(),
            Some(endpoint::Interface::Any) => "*;".to_owned(),
            Some(endpoint::Interface::Address(IpAddr::V4(address))) => format!("{address};"),
            Some(endpoint::Interface::Address(IpAddr::V6(address))) => format!("[{address}];"),
            Some(endpoint::Interface::Name(name)) => format!("{name};"),
        };
        let text = format!("udp://{interface}{at}");
        text.parse().map_err(io::Error::other)
    }

    /// Receives one datagram into `into`, which has room for the largest. Remembers the latest waker.
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(into);
        let from = std::task::ready!(self.socket.poll_recv_from(cx, &mut buffer))?;
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        Poll::Ready(Ok((buffer.filled().len(), from)))
    }

    /// Sends one datagram, these parts of it one behind the other; never waits.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when there is no room; [`poll_writable`](Self::poll_writable) tells when there may be. Any other
    /// error is about this datagram.
    pub(crate) fn try_send(&self, parts: &[IoSlice<'_>], to: SocketAddr) -> io::Result<()> {
        let to = match to {
            SocketAddr::V4(v4) if self.is_v6 => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
            to => to,
        };
        let send =
            || SockRef::from(&self.socket).send_to_vectored_with_flags(parts, &to.into(), MSG_NOSIGNAL);
        self.socket.try_io(Interest::WRITABLE, send).map(drop)
    }

    /// Ready when a datagram may find room. Remembers the latest waker.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_send_ready(cx)
    }
}

fn open(at: SocketAddr, options: &UdpOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    options.apply(SockRef::from(&socket), at.is_ipv6())?;
    Ok(socket)
}

/// Hears a group.
fn join(socket: &Socket, group: IpAddr, interface: Option<&endpoint::Interface>) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            let by = match interface {
                None | Some(endpoint::Interface::Any) => InterfaceIndexOrAddress::Index(0),
                Some(endpoint::Interface::Address(IpAddr::V4(address))) => {
                    InterfaceIndexOrAddress::Address(*address)
                }
                Some(endpoint::Interface::Address(IpAddr::V6(_))) => return Err(other_family()),
                Some(endpoint::Interface::Name(name)) => {
                    InterfaceIndexOrAddress::Index(named(name)?.index()?)
                }
            };
            socket.join_multicast_v4_n(&group, &by)
        }
        IpAddr::V6(group) => socket.join_multicast_v6(&group, index(interface)?),
    }
}

/// Sends to groups by this interface.
fn send_by(socket: &Socket, is_v6: bool, interface: Option<&endpoint::Interface>) -> io::Result<()> {
    let by = match interface {
        None | Some(endpoint::Interface::Any) => return Ok(()),
        Some(by) => by,
    };
    match (is_v6, by) {
        (true, _) => socket.set_multicast_if_v6(index(interface)?),
        (false, endpoint::Interface::Address(IpAddr::V4(address))) => socket.set_multicast_if_v4(address),
        (false, endpoint::Interface::Name(name)) => socket.set_multicast_if_v4(&named(name)?.address()?),
        (false, _) => Err(other_family()),
    }
}

/// The number of an interface, for IPv6; 0 is the system's choice.
fn index(interface: Option<&endpoint::Interface>) -> io::Result<u32> {
    match interface {
        None | Some(endpoint::Interface::Any) => Ok(0),
        Some(endpoint::Interface::Name(name)) => named(name)?.index(),
        Some(endpoint::Interface::Address(_)) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "for an IPv6 group the interface is named, not addressed",
        )),
    }
}

fn named(name: &str) -> io::Result<Interface> {
    let found = Interface::named(name);
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {name}")))
}

fn other_family() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the interface's address is of another family than the group",
    )
}
