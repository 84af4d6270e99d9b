//! STREAM: what a program that knows no ZMTP meets, and what its bytes become.

use std::time::Duration;

use hubless::{
    BuildError, Builder, DisconnectReason, DropReason, Event, Heartbeat, Linger, Mechanism, Peer, Plain,
    SendError, StreamEvent, StreamSocket, TcpOptions, TrySendError, kind,
};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::transport::{Outcome, Transport, over_every_stream, polled, until};
use crate::{ended, event};

over_every_stream! {
    comings_and_goings_are_told_around_the_bytes_of_each_peer
    without_notices_there_are_only_bytes
    bytes_go_both_ways_as_they_are
    frames_go_out_one_behind_the_other
    a_piece_is_no_larger_than_the_largest_message
    a_peer_that_is_closed_gets_what_was_queued_for_it_and_nothing_more
    a_connecting_endpoint_whose_peer_is_closed_is_not_dialed_again
    a_connecting_endpoint_dials_again_and_has_a_new_peer
    a_peer_that_has_left_gives_the_bytes_back
    a_peer_that_does_not_read_holds_up_nobody_else
    who_waits_for_a_peer_hears_that_it_has_left
    a_peer_that_floods_is_held_back_by_the_mark
    a_peer_that_closes_its_half_has_left_behind_its_last_byte
    a_stream_closes_in_good_order
    g06_those_who_come_and_leave_in_a_loop_are_kept_up_to_the_mark
}

/// A program that knows no ZMTP.
trait Raw: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Raw for T {}

/// It connects to a socket that is bound there.
async fn raw(endpoint: &hubless::Endpoint) -> Outcome<Box<dyn Raw>> {
    let (scheme, at) = endpoint.as_str().split_once("://").expect("it is an endpoint");
    Ok(match scheme {
        "tcp" => Box::new(TcpStream::connect(at).await?),
        _ => Box::new(UnixStream::connect(at).await?),
    })
}

enum RawListener {
    Tcp(TcpListener),
    Unix(UnixListener, tempfile::Path),
}

/// Where a Unix socket of ours lies, and is removed afterwards.
mod tempfile {
    use std::path::PathBuf;

    pub(super) struct Path(pub(super) PathBuf);

    impl Drop for Path {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

impl RawListener {
    async fn bind(at: Transport) -> Outcome<Self> {
        if at == Transport::Tcp {
            return Ok(Self::Tcp(TcpListener::bind("127.0.0.1:0").await?));
        }
        let path = at.place().as_str().trim_start_matches("ipc://").to_owned() + "-raw";
        Ok(Self::Unix(
            UnixListener::bind(&path)?,
            tempfile::Path(path.into()),
        ))
    }

    fn endpoint(&self) -> Outcome<String> {
        Ok(match self {
            Self::Tcp(listener) => format!("tcp://{}", listener.local_addr()?),
            Self::Unix(_, path) => format!("ipc://{}", path.0.display()),
        })
    }

    async fn accept(&self) -> Outcome<Box<dyn Raw>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener, _) => Box::new(listener.accept().await?.0),
        })
    }
}

/// The next peer that comes.
async fn comes(socket: &StreamSocket) -> Outcome<Peer> {
    let (peer, event) = socket.recv_from().await?;
    assert_eq!(event, StreamEvent::Connected);
    Ok(peer)
}

/// The next `len` bytes of this peer, and nothing else.
async fn bytes_of(socket: &StreamSocket, peer: &Peer, len: usize) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let (from, event) = socket.recv_from().await?;
        assert_eq!(&from, peer);
        match event {
            StreamEvent::Data(piece) => bytes.extend_from_slice(&piece),
            other => panic!("expected bytes, found {other:?}"),
        }
    }
    assert_eq!(bytes.len(), len);
    Ok(bytes)
}

async fn leaves(socket: &StreamSocket, peer: &Peer) -> Outcome {
    let (from, event) = socket.recv_from().await?;
    assert_eq!((&from, event), (peer, StreamEvent::Disconnected));
    Ok(())
}

async fn read(raw: &mut Box<dyn Raw>, len: usize) -> Outcome<Vec<u8>> {
    let mut bytes = vec![0; len];
    raw.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn rest(raw: &mut Box<dyn Raw>) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    raw.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn comings_and_goings_are_told_around_the_bytes_of_each_peer(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let mut first = raw(&place).await?;
    let one = comes(&socket).await?;
    assert_eq!(
        (one.kind(), one.version(), one.mechanism()),
        (None, (0, 0), "NONE")
    );
    assert_eq!(one.endpoint(), &*place);
    let second = raw(&place).await?;
    let two = comes(&socket).await?;
    assert_ne!(one, two);
    assert_eq!(socket.peers().list(), [one.clone(), two.clone()]);

    first.write_all(b"words").await?;
    assert_eq!(bytes_of(&socket, &one, 5).await?, b"words");
    drop(second);
    leaves(&socket, &two).await?;
    first.write_all(b"last words").await?;
    drop(first);
    assert_eq!(bytes_of(&socket, &one, 10).await?, b"last words");
    leaves(&socket, &one).await?;
    assert_eq!(socket.peers().count(), 0);
    Ok(())
}

async fn without_notices_there_are_only_bytes(at: Transport) -> Outcome {
    let socket = StreamSocket::builder().notify(false).build()?;
    let place = at.bind(&socket).await?;
    let mut monitor = socket.monitor();
    for round in 0..3 {
        let mut peer = raw(&place).await?;
        peer.write_all(&[round]).await?;
        drop(peer);
        ended(&mut monitor).await;
    }
    for round in 0..3 {
        let (_, event) = socket.recv_from().await?;
        assert_eq!(event, StreamEvent::Data(vec![round].into()));
    }
    assert!(socket.try_recv_from().is_err());
    Ok(())
}

async fn bytes_go_both_ways_as_they_are(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let talk = async {
        let mut peer = raw(&place).await?;
        peer.write_all(&sent).await?;
        read(&mut peer, sent.len()).await
    };
    let echo = async {
        let peer = comes(&socket).await?;
        let mut left = sent.len();
        while left > 0 {
            let (_, event) = socket.recv_from().await?;
            let StreamEvent::Data(piece) = event else {
                panic!("expected bytes, found {event:?}")
            };
            assert!(piece.len() <= 64 * 1024);
            left -= piece.len();
            socket.send_to(&peer, piece).await?;
        }
        Outcome::Ok(())
    };
    let (back, echoed) = tokio::join!(talk, echo);
    echoed?;
    assert!(back? == sent);
    Ok(())
}

async fn frames_go_out_one_behind_the_other(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let mut program = raw(&place).await?;
    let peer = comes(&socket).await?;
    socket.send_to(&peer, ("two", "frames")).await?;
    socket.send_to(&peer, "").await?;
    socket.send_to(&peer, vec![7; 100_000]).await?;
    socket.try_send_to(&peer, "end")?;
    assert_eq!(read(&mut program, 9).await?, b"twoframes");
    assert_eq!(read(&mut program, 100_000).await?, vec![7; 100_000]);
    assert_eq!(read(&mut program, 3).await?, b"end");
    until(|| socket.stats().outgoing.handed_over.messages == 4).await;
    Ok(())
}

async fn a_piece_is_no_larger_than_the_largest_message(at: Transport) -> Outcome {
    let socket = StreamSocket::builder().max_message_size(10).build()?;
    let place = at.bind(&socket).await?;
    let mut program = raw(&place).await?;
    let peer = comes(&socket).await?;
    program.write_all(&[7; 95]).await?;
    let mut left = 95;
    while left > 0 {
        match socket.recv_from().await? {
            (_, StreamEvent::Data(piece)) => {
                assert!(piece.len() <= 10);
                left -= piece.len();
            }
            (_, other) => panic!("expected bytes, found {other:?}"),
        }
    }
    match socket.send_to(&peer, vec![7; 11]).await {
        Err(SendError::TooLarge {
            message,
            size: 11,
            limit: 10,
            ..
        }) => assert_eq!(message, &[7; 11][..]),
        other => panic!("expected that it is too large, found {other:?}"),
    }
    Ok(())
}

async fn a_peer_that_is_closed_gets_what_was_queued_for_it_and_nothing_more(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let mut program = raw(&place).await?;
    let peer = comes(&socket).await?;
    let page = vec![7; 2_000_000];
    socket.send_to(&peer, page.clone()).await?;
    assert!(socket.close_peer(&peer));
    let error = socket
        .send_to(&peer, "too late")
        .await
        .expect_err("it is being closed");
    assert!(matches!(error, SendError::NoRoute(_)));
    assert_eq!(error.into_message(), "too late");
    assert!(rest(&mut program).await? == page);
    drop(program);
    leaves(&socket, &peer).await?;
    assert!(!socket.close_peer(&peer));
    assert_eq!(socket.stats().outgoing.dropped.total(), 0);
    // The listener is there as before.
    let _next = raw(&place).await?;
    comes(&socket).await?;
    Ok(())
}

async fn a_connecting_endpoint_whose_peer_is_closed_is_not_dialed_again(at: Transport) -> Outcome {
    let listener = RawListener::bind(at).await?;
    let socket = StreamSocket::new();
    let connecting = socket.connect(listener.endpoint()?)?;
    let mut program = listener.accept().await?;
    let peer = connecting.await?;
    assert_eq!(comes(&socket).await?, peer);
    assert!(socket.close_peer(&peer));
    assert_eq!(rest(&mut program).await?, b"");
    drop(program);
    leaves(&socket, &peer).await?;
    until(|| socket.endpoints().is_empty()).await;
    Ok(())
}

async fn a_connecting_endpoint_dials_again_and_has_a_new_peer(at: Transport) -> Outcome {
    let listener = RawListener::bind(at).await?;
    let quick = Duration::from_millis(1);
    let socket = StreamSocket::builder().reconnect(quick, quick).build()?;
    let first = socket.connect(listener.endpoint()?)?;
    let mut program = listener.accept().await?;
    let first = first.await?;
    assert_eq!(comes(&socket).await?, first);
    program.write_all(b"bye").await?;
    drop(program);
    assert_eq!(bytes_of(&socket, &first, 3).await?, b"bye");
    leaves(&socket, &first).await?;

    let mut program = listener.accept().await?;
    let second = comes(&socket).await?;
    assert_ne!(first, second);
    assert!(matches!(
        socket.try_send_to(&first, "?"),
        Err(TrySendError::NoRoute(_))
    ));
    socket.send_to(&second, "hello again").await?;
    assert_eq!(read(&mut program, 11).await?, b"hello again");
    Ok(())
}

async fn a_peer_that_has_left_gives_the_bytes_back(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let program = raw(&place).await?;
    let peer = comes(&socket).await?;
    drop(program);
    leaves(&socket, &peer).await?;
    let error = socket.send_to(&peer, ("a", "b")).await.expect_err("it has left");
    assert!(matches!(error, SendError::NoRoute(_)));
    assert_eq!(error.into_message(), hubless::Message::from(("a", "b")));
    let error = socket.try_send_to(&peer, "c").expect_err("it has left");
    assert!(matches!(error, TrySendError::NoRoute(_)));
    assert_eq!(error.into_message(), "c");

    let handle = socket.clone();
    socket.close().await?;
    let error = handle.send_to(&peer, "d").await.expect_err("all is over");
    assert!(matches!(error, SendError::Closed(_)));
    assert!(matches!(
        handle.try_send_to(&peer, "e"),
        Err(TrySendError::Closed(_))
    ));
    assert!(handle.recv_from().await.is_err());
    Ok(())
}

/// Fills the queue of a peer that does not read.
async fn fill(socket: &StreamSocket, peer: &Peer) -> usize {
    let mut sent = 0;
    // Full while its driver still finds room in the system is not full.
    let mut refused = 0;
    while refused < 1000 {
        match socket.try_send_to(peer, vec![7; 10_000]) {
            Ok(()) => (sent, refused) = (sent + 10_000, 0),
            Err(TrySendError::Full(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    sent
}

fn small() -> TcpOptions {
    TcpOptions::new().send_buffer(64 << 10).recv_buffer(64 << 10)
}

async fn a_peer_that_does_not_read_holds_up_nobody_else(at: Transport) -> Outcome {
    let socket = StreamSocket::builder().send_hwm(3).tcp(small()).build()?;
    let place = at.bind(&socket).await?;
    let mut sleeper = raw(&place).await?;
    let one = comes(&socket).await?;
    let mut other = raw(&place).await?;
    let two = comes(&socket).await?;
    let sent = fill(&socket, &one).await;
    assert!(polled(socket.send_to(&one, "waits"), 100).await.is_none());
    socket.send_to(&two, "at once").await?;
    assert_eq!(read(&mut other, 7).await?, b"at once");

    let (waited, got) = tokio::join!(socket.send_to(&one, "end"), read(&mut sleeper, sent + 3));
    waited?;
    assert!(got?.ends_with(b"end"), "what was given up is not there");
    Ok(())
}

async fn who_waits_for_a_peer_hears_that_it_has_left(at: Transport) -> Outcome {
    let socket = StreamSocket::builder().send_hwm(1).tcp(small()).build()?;
    let place = at.bind(&socket).await?;
    let sleeper = raw(&place).await?;
    let peer = comes(&socket).await?;
    let mut monitor = socket.monitor();
    fill(&socket, &peer).await;
    let (waited, ()) = tokio::join!(socket.send_to(&peer, "waits"), async {
        tokio::task::yield_now().await;
        drop(sleeper);
    });
    let error = waited.expect_err("it has left");
    assert!(matches!(error, SendError::NoRoute(_)));
    assert_eq!(error.into_message(), "waits");
    let (_, dropped) = ended(&mut monitor).await;
    let outgoing = socket.stats().outgoing;
    // One that was begun besides.
    assert!((dropped..=dropped + 1).contains(&outgoing.dropped.total()));
    let done = outgoing.handed_over.messages + outgoing.dropped.total();
    assert_eq!((outgoing.accepted.messages, outgoing.queued.messages), (done, 0));
    Ok(())
}

async fn a_peer_that_floods_is_held_back_by_the_mark(at: Transport) -> Outcome {
    const BUDGET: u64 = 1 << 20;
    let socket = StreamSocket::builder()
        .recv_hwm(0)
        .recv_hwm_bytes(BUDGET as usize)
        .tcp(small())
        .build()?;
    let place = at.bind(&socket).await?;
    let mut flood = raw(&place).await?;
    let peer = comes(&socket).await?;
    let mut written = 0usize;
    let block = vec![7; 64 * 1024];
    while let Some(more) = polled(flood.write(&block), 2000).await {
        written += more?;
        let held = socket.stats().incoming.queued.bytes;
        assert!(held <= BUDGET + 256 * 1024, "{held} bytes");
        assert!(written < 64 << 20, "nobody holds it back");
    }
    assert!(socket.stats().incoming.queued.bytes >= BUDGET);
    // Nothing is lost by it.
    drop(flood);
    bytes_of(&socket, &peer, written).await?;
    leaves(&socket, &peer).await
}

async fn a_peer_that_closes_its_half_has_left_behind_its_last_byte(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let mut program = raw(&place).await?;
    let peer = comes(&socket).await?;
    let mut monitor = socket.monitor();
    program.write_all(&[7; 100_000]).await?;
    program.shutdown().await?;
    bytes_of(&socket, &peer, 100_000).await?;
    leaves(&socket, &peer).await?;
    assert_eq!(ended(&mut monitor).await.0, DisconnectReason::PeerClosed);
    assert_eq!(rest(&mut program).await?, b"");
    Ok(())
}

async fn a_stream_closes_in_good_order(at: Transport) -> Outcome {
    let socket = StreamSocket::new();
    let place = at.bind(&socket).await?;
    let mut program = raw(&place).await?;
    let peer = comes(&socket).await?;
    socket.send_to(&peer, vec![7; 1_000_000]).await?;
    let (closed, got) = tokio::join!(socket.close(), async {
        let got = rest(&mut program).await;
        drop(program);
        got
    });
    closed?;
    assert_eq!(got?.len(), 1_000_000);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_reset_has_left() -> Outcome {
    let socket = StreamSocket::new();
    let endpoint = socket.bind("tcp://127.0.0.1:0").await?;
    let program = TcpStream::connect(endpoint.as_str().trim_start_matches("tcp://")).await?;
    let peer = comes(&socket).await?;
    let mut monitor = socket.monitor();
    SockRef::from(&program).set_linger(Some(Duration::ZERO))?;
    drop(program);
    leaves(&socket, &peer).await?;
    let reason = event(&mut monitor, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason.to_string(), "connection reset by peer");
    Ok(())
}

/// Soon full, and then dropped without waiting.
fn impatient() -> Builder<kind::Stream> {
    StreamSocket::builder()
        .linger(Linger::Discard)
        .send_hwm(3)
        .tcp(small())
}

#[tokio::test]
async fn with_no_time_to_linger_what_is_queued_for_a_closed_peer_is_dropped() -> Outcome {
    let socket = impatient().build()?;
    let endpoint = socket.bind("tcp://127.0.0.1:0").await?;
    let _sleeper = raw(&endpoint).await?;
    let peer = comes(&socket).await?;
    fill(&socket, &peer).await;
    assert!(socket.close_peer(&peer));
    leaves(&socket, &peer).await?;
    assert!(socket.stats().outgoing.dropped.by(hubless::DropReason::Linger) > 0);
    Ok(())
}

#[tokio::test]
async fn g06_what_is_left_of_peers_that_are_closed_is_kept_for_nobody() -> Outcome {
    let socket = impatient().build()?;
    let endpoint = socket.bind("tcp://127.0.0.1:0").await?;
    for _ in 0..3 {
        let _sleeper = raw(&endpoint).await?;
        let peer = comes(&socket).await?;
        fill(&socket, &peer).await;
        assert!(socket.close_peer(&peer));
        leaves(&socket, &peer).await?;
    }
    // A server may never close, and have one such peer a second.
    socket.close().await?;
    Ok(())
}

#[test]
fn what_takes_zmtp_is_refused_by_the_builder() {
    let named = |built: Result<StreamSocket, BuildError>| {
        let error = built.err();
        let found = error.as_ref().map(BuildError::contradictions).unwrap_or_default();
        found
            .iter()
            .flat_map(|one| one.options().to_vec())
            .collect::<Vec<_>>()
    };
    let builder = StreamSocket::builder;
    assert!(named(builder().mechanism(Mechanism::default()).build()).is_empty());
    assert_eq!(
        named(builder().mechanism(Plain::client("me", "secret")).build()),
        ["mechanism"]
    );
    let heartbeat = Heartbeat::every(Duration::from_secs(1));
    assert_eq!(named(builder().heartbeat(heartbeat).build()), ["heartbeat"]);
    assert_eq!(
        named(builder().legacy(true).property("X-a", "b").build()),
        ["legacy", "property"]
    );
}

async fn g06_those_who_come_and_leave_in_a_loop_are_kept_up_to_the_mark(at: Transport) -> Outcome {
    const MARK: u64 = 10;
    let server = StreamSocket::builder().recv_hwm(MARK as usize).build()?;
    let endpoint = at.bind(&server).await?;
    let mut events = server.monitor();
    for _ in 0..5 * MARK {
        drop(raw(&endpoint).await?);
        ended(&mut events).await;
    }
    let incoming = server.stats().incoming;
    assert_eq!(incoming.queued.messages, 2 * MARK);
    assert_eq!(incoming.dropped.by(DropReason::Unread), 8 * MARK);

    // One that stays is told of, and all that are told of have come and left.
    let mut stays = raw(&endpoint).await?;
    stays.write_all(b"here").await?;
    let (mut came, mut left, mut said) = (0, 0, Vec::new());
    for _ in 0..2 * MARK + 2 {
        // Peers are heard in turn.
        match server.recv_from().await?.1 {
            StreamEvent::Connected => came += 1,
            StreamEvent::Disconnected => left += 1,
            StreamEvent::Data(bytes) => said.extend_from_slice(&bytes),
            other => panic!("found {other:?}"),
        }
    }
    assert_eq!((came, left, &said[..]), (MARK + 1, MARK, &b"here"[..]));
    Ok(())
}
