//! TCP. Sockets are made and told their options by socket2, then handed to tokio.

use std::future::ready;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{self, Context, Poll};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use crate::endpoint::{Host, HostPort, TcpAddress};
use crate::runtime;

use super::abreast::{HEAD_START, alternating, first_of};
use super::interface::Interface;
use super::options::{StreamOptions, TcpOptions};
use super::{Writer, send};

/// One TCP connection.
pub(crate) struct Connection {
    incoming: OwnedReadHalf,
    outgoing: Arc<Outgoing>,
    peer_address: Box<str>,
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        // A dual-stack listener sees IPv4 peers as ::ffff:a.b.c.d: they are told as what they are.
        let peer_address = SocketAddr::new(peer.ip().to_canonical(), peer.port())
            .to_string()
            .into();
        let (incoming, outgoing) = stream.into_split();
        Self {
            incoming,
            outgoing: Arc::new(Outgoing(outgoing)),
            peer_address,
        }
    }

    pub(super) fn incoming(&mut self) -> &mut OwnedReadHalf {
        &mut self.incoming
    }

    pub(super) fn writer(&self) -> Arc<dyn Writer> {
        self.outgoing.clone()
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.stream().poll_write_ready(cx)
    }

    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        SockRef::from(self.outgoing.stream()).shutdown(Shutdown::Write)
    }

    pub(super) fn peer_address(&self) -> &str {
        &self.peer_address
    }
}

#[derive(Debug)]
struct Outgoing(OwnedWriteHalf);

impl Outgoing {
    fn stream(&self) -> &TcpStream {
        self.0.as_ref()
    }
}

impl Writer for Outgoing {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = self.stream();
        stream.try_io(Interest::WRITABLE, || send(SockRef::from(stream), bufs))
    }
}

/// Accepts TCP connections.
pub(super) struct Listener {
    listener: TcpListener,
    /// For systems where accepted sockets do not inherit them.
    options: TcpOptions,
}

impl Listener {
    /// Listens at the first of the host's addresses that lets us; `*` is every IPv4 address, `[::]` both
    /// families.
    pub(super) async fn bind(address: &TcpAddress, options: &StreamOptions) -> io::Result<Self> {
        let addresses = resolve_local(&address.at).await?;
        first_of(addresses, None, |at| ready(Self::bind_to(at, options))).await
    }

    fn bind_to(at: SocketAddr, options: &StreamOptions) -> io::Result<Self> {
        let socket = open(at, &options.tcp)?;
        // Without it a restarted program would wait a minute for the connections of its predecessor. Windows
        // means something else by it: to take an address away from who has it.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        if at.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            socket.set_only_v6(false)?;
        }
        socket.bind(&at.into())?;
        socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
        Ok(Self {
            listener: TcpListener::from_std(socket.into())?,
            options: options.tcp.clone(),
        })
    }

    /// Takes one over that somebody else has opened.
    pub(super) fn adopt(listener: std::net::TcpListener, options: &TcpOptions) -> io::Result<Self> {
        let is_v6 = listener.local_addr()?.is_ipv6();
        listener.set_nonblocking(true)?;
        options.apply(SockRef::from(&listener), is_v6)?;
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            options: options.clone(),
        })
    }

    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let (stream, peer) = task::ready!(self.listener.poll_accept(cx))?;
        // On Linux the options came with the listener's, which a test watches.
        if cfg!(not(target_os = "linux")) {
            let told = self.options.apply(SockRef::from(&stream), peer.is_ipv6());
            told.map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))?;
        }
        Poll::Ready(Ok(Connection::new(stream, peer)))
    }
}

/// Tries the addresses of the peer until one answers.
pub(super) async fn dial(address: &TcpAddress, options: &StreamOptions) -> io::Result<Connection> {
    let sources = match &address.source {
        Some(source) => resolve(source).await?,
        None => Vec::new(),
    };
    dial_any(resolve(&address.at).await?, sources.first().copied(), options).await
}

async fn dial_any(
    peers: Vec<SocketAddr>,
    source: Option<SocketAddr>,
    options: &StreamOptions,
) -> io::Result<Connection> {
    // Not every system lets two attempts have one port.
    let is_one_port = source.is_some_and(|source| source.port() != 0);
    let head_start = (!is_one_port).then_some(HEAD_START);
    first_of(alternating(peers), head_start, |peer| async move {
        let source = source.map(|source| source_for(peer, source)).transpose()?;
        let dialing = dial_to(peer, source, &options.tcp);
        match options.connect_timeout {
            None => dialing.await,
            Some(limit) => {
                // Apart: whoever dials without a limit has no room for it.
                let dialed = Box::pin(runtime::timeout(None, limit, dialing)).await;
                dialed.unwrap_or_else(|| Err(not_in_time(limit)))
            }
        }
    })
    .await
}

async fn dial_to(
    peer: SocketAddr,
    source: Option<SocketAddr>,
    options: &TcpOptions,
) -> io::Result<Connection> {
    let socket = open(peer, options)?;
    if let Some(source) = source {
        // A port of one's own choice must be free for the next attempt while the last one is in TIME_WAIT.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(peer).await?;
    if stream.local_addr()? == peer {
        return Err(connected_to_itself(&stream));
    }
    Ok(Connection::new(stream, peer))
}

fn not_in_time(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("not connected within {limit:?}"))
}

/// Nobody listens at `peer`, an ephemeral port of this machine, and the kernel chose that very port as ours:
/// the two halves of TCP's simultaneous open met in one socket. It would greet itself, and keep the listener
/// out.
fn connected_to_itself(stream: &TcpStream) -> io::Error {
    // An abortive close leaves no TIME_WAIT behind at the port that the listener wants.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    io::Error::new(
        io::ErrorKind::ConnectionRefused,
        "connected to itself, nobody listens there",
    )
}

fn open(at: SocketAddr, options: &TcpOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    options.apply(SockRef::from(&socket), at.is_ipv6())?;
    Ok(socket)
}

/// The same of what is to be bound: a name may also be that of an interface.
pub(super) async fn resolve_local(at: &HostPort) -> io::Result<Vec<SocketAddr>> {
    if let Host::Name(name) = &at.host
        && let Some(interface) = Interface::named(name)
    {
        return Ok(vec![(interface.address()?, at.port).into()]);
    }
    resolve(at).await
}

/// Names, and zones that name an interface, are the resolver's business; the rest are numbers already.
pub(super) async fn resolve(at: &HostPort) -> io::Result<Vec<SocketAddr>> {
    let port = at.port;
    let addresses = match &at.host {
        Host::Any => vec![(Ipv4Addr::UNSPECIFIED, port).into()],
        Host::V4(address) => vec![(*address, port).into()],
        Host::V6(address, None) => vec![(*address, port).into()],
        Host::V6(address, Some(zone)) => lookup_host((format!("{address}%{zone}"), port)).await?.collect(),
        Host::Name(name) => lookup_host((name.as_ref(), port)).await?.collect(),
    };
    Ok(addresses)
}

/// The address to connect from, for a peer of one family or the other: `*` fits both.
fn source_for(peer: SocketAddr, source: SocketAddr) -> io::Result<SocketAddr> {
    if source.is_ipv4() == peer.is_ipv4() {
        return Ok(source);
    }
    if source.ip().is_unspecified() && peer.is_ipv6() {
        return Ok((Ipv6Addr::UNSPECIFIED, source.port()).into());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the address to connect from is of another family than {peer}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::future::poll_fn;

    fn numbers(text: &str) -> SocketAddr {
        text.parse().expect("a numeric address")
    }

    async fn listen(at: &str, options: &StreamOptions) -> Listener {
        Listener::bind_to(numbers(at), options).expect("a free port")
    }

    #[tokio::test]
    async fn both_ends_of_a_connection_have_the_options() {
        let options = StreamOptions {
            tcp: TcpOptions::new()
                .user_timeout(Duration::from_secs(9))
                .recv_buffer(40_000)
                .tos(0x28),
            ..StreamOptions::default()
        };
        let listener = listen("127.0.0.1:0", &options).await;
        let address = listener.local_address().expect("bound");
        let dialed = dial_to(address, None, &options.tcp).await.expect("it listens");
        let accepted = poll_fn(|cx| listener.poll_accept(cx))
            .await
            .expect("somebody dialed");
        for end in [dialed, accepted] {
            let socket = SockRef::from(end.outgoing.stream());
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
            assert_eq!(
                socket.tcp_user_timeout().expect("user timeout"),
                Some(Duration::from_secs(9))
            );
            assert_eq!(socket.recv_buffer_size().expect("receive buffer"), 80_000);
            assert_eq!(socket.tos_v4().expect("tos"), 0x28);
        }
    }

    /// A port at which nobody is ever heard at the first address, and which is free at the second.
    fn silent_at(first: &str) -> (SocketAddr, Vec<Socket>) {
        let new = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let listener = new();
        listener.bind(&numbers(first).into()).expect("a free port");
        listener.listen(0).expect("bound");
        let at = listener.local_addr().expect("bound");
        let mut full = vec![listener];
        loop {
            let one = new();
            if one.connect_timeout(&at, Duration::from_millis(50)).is_err() {
                return (at.as_socket().expect("numbers"), full);
            }
            full.push(one);
        }
    }

    #[tokio::test]
    async fn behind_an_address_that_is_silent_another_is_connected_from_the_same_source() {
        let (silent, _full) = silent_at("127.0.0.1:0");
        let options = StreamOptions::default();
        let heard = SocketAddr::from(([127, 0, 0, 2], silent.port()));
        let listener = Listener::bind_to(heard, &options).expect("free there");
        let dialed = dial_any(vec![silent, heard], Some(numbers("127.0.0.3:0")), &options);
        let dialed = dialed.await.expect("one answers");
        assert_eq!(dialed.peer_address(), heard.to_string());
        let accepted = poll_fn(|cx| listener.poll_accept(cx)).await.expect("dialed");
        assert!(accepted.peer_address().starts_with("127.0.0.3:"));
    }

    #[tokio::test]
    async fn from_a_port_of_ones_own_one_address_is_tried_after_the_other() {
        let (silent, _full) = silent_at("127.0.0.1:0");
        let options = StreamOptions {
            connect_timeout: Some(Duration::from_millis(300)),
            ..StreamOptions::default()
        };
        let heard = SocketAddr::from(([127, 0, 0, 2], silent.port()));
        let listener = Listener::bind_to(heard, &options).expect("free there");
        let source = SocketAddr::from(([127, 0, 0, 3], silent.port()));
        let begin = runtime::now();
        let dialed = dial_any(vec![silent, heard], Some(source), &options);
        drop(dialed.await.expect("one answers"));
        assert!(runtime::now().duration_since(begin) >= Duration::from_millis(300));
        let accepted = poll_fn(|cx| listener.poll_accept(cx)).await.expect("dialed");
        assert_eq!(accepted.peer_address(), source.to_string());
    }

    #[tokio::test]
    async fn numbers_resolve_to_themselves_and_zones_to_interfaces() {
        let resolved = async |host| resolve(&HostPort { host, port: 7 }).await;
        assert_eq!(
            resolved(Host::Any).await.expect("numbers"),
            [numbers("0.0.0.0:7")]
        );
        let v6 = Host::V6(Ipv6Addr::LOCALHOST, None);
        assert_eq!(resolved(v6).await.expect("numbers"), [numbers("[::1]:7")]);
        let link_local: Ipv6Addr = "fe80::1".parse().expect("an address");
        let zoned = Host::V6(link_local, Some("lo".into()));
        assert_eq!(
            resolved(zoned).await.expect("every machine has lo"),
            [numbers("[fe80::1%1]:7")]
        );
        let nowhere = Host::V6(link_local, Some("no-such-interface".into()));
        assert!(resolved(nowhere).await.is_err());
        assert!(
            !resolved(Host::Name("localhost".into()))
                .await
                .expect("a local name")
                .is_empty()
        );
    }

    #[test]
    fn a_source_fits_peers_of_its_own_family_and_the_wildcard_all() {
        let (v4, v6) = (numbers("10.0.0.1:80"), numbers("[2001:db8::1]:80"));
        let of = |peer, source| source_for(peer, numbers(source));
        assert_eq!(of(v4, "10.0.0.2:9").expect("same family"), numbers("10.0.0.2:9"));
        assert_eq!(of(v6, "0.0.0.0:9").expect("a wildcard"), numbers("[::]:9"));
        assert_eq!(
            of(v6, "10.0.0.2:9").expect_err("families").kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            of(v4, "[::1]:9").expect_err("families").kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
