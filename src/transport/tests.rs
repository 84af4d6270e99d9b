//! What every door promises, over real sockets and a boxed one.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Waker;

use super::*;

fn at(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

async fn listen(text: &str) -> io::Result<Listener> {
    Listener::bind(&at(text), &StreamOptions::default(), None).await
}

async fn connect(endpoint: &Endpoint) -> io::Result<Stream> {
    dial(endpoint, &StreamOptions::default(), None).await
}

async fn accept(listener: &mut Listener) -> Stream {
    poll_fn(|cx| listener.poll_accept(cx))
        .await
        .expect("somebody dials")
}

/// A connection from a dialer to a listener at `text`.
async fn pair(text: &str) -> (Stream, Stream) {
    let mut listener = listen(text)
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
    let dialed = connect(listener.endpoint()).await.expect("it listens");
    (dialed, accept(&mut listener).await)
}

async fn read(stream: &mut Stream, into: &mut BytesMut, limit: usize) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_read(cx, into, limit)).await
}

async fn read_to_end(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    loop {
        bytes.reserve(1 << 16);
        if read(stream, &mut bytes, 1 << 16).await.expect("an orderly end") == 0 {
            return bytes.to_vec();
        }
    }
}

async fn write_all(stream: &Stream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        poll_fn(|cx| stream.poll_writable(cx))
            .await
            .expect("the peer is there");
        match stream.writer().try_write_vectored(&[IoSlice::new(bytes)]) {
            Ok(written) => bytes = bytes.get(written..).expect("no more than there was"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

/// An abstract name of this test's own.
fn abstract_name(test: &str) -> String {
    format!("ipc://@hubless-{test}-{}", std::process::id())
}

fn doors(test: &str) -> [String; 3] {
    [
        "tcp://127.0.0.1:0".to_owned(),
        "ipc://*".to_owned(),
        abstract_name(test),
    ]
}

#[tokio::test]
async fn bytes_arrive_whole_and_in_order_both_ways() {
    for door in doors("both-ways") {
        let (mut dialed, mut accepted) = pair(&door).await;
        let there: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let back: Vec<u8> = there.iter().rev().copied().collect();
        let (got_back, got_there) = tokio::join!(
            async {
                write_all(&dialed, &there).await;
                dialed.shutdown_write().expect("connected");
                read_to_end(&mut dialed).await
            },
            async {
                let got = read_to_end(&mut accepted).await;
                write_all(&accepted, &back).await;
                accepted.shutdown_write().expect("connected");
                got
            },
        );
        assert!(got_there == there && got_back == back, "{door}");
    }
}

#[tokio::test]
async fn a_read_appends_within_spare_capacity_and_limit() {
    for door in doors("append") {
        let (dialed, mut accepted) = pair(&door).await;
        write_all(&dialed, b"0123456789").await;
        let mut bytes = BytesMut::with_capacity(64);
        bytes.extend_from_slice(b"> ");
        assert_eq!(read(&mut accepted, &mut bytes, 4).await.expect("bytes"), 4);
        assert_eq!(read(&mut accepted, &mut bytes, 100).await.expect("bytes"), 6);
        assert_eq!(&bytes[..], b"> 0123456789");
        assert_eq!(bytes.capacity(), 64, "the buffer did not grow");
        dialed.shutdown_write().expect("connected");
        assert_eq!(read(&mut accepted, &mut bytes, 100).await.expect("the end"), 0);
    }
}

#[tokio::test]
async fn a_full_line_says_would_block_and_then_tells_of_room() {
    for door in doors("full") {
        let (dialed, mut accepted) = pair(&door).await;
        let (writer, chunk) = (dialed.writer(), [7; 1 << 16]);
        poll_fn(|cx| dialed.poll_writable(cx)).await.expect("connected");
        let mut written = 0;
        let error = loop {
            match writer.try_write_vectored(&[IoSlice::new(&chunk), IoSlice::new(&chunk)]) {
                Ok(count) => written += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(written > chunk.len());

        let drain = async {
            let mut bytes = BytesMut::new();
            while bytes.len() < written {
                bytes.reserve(1 << 16);
                assert_ne!(read(&mut accepted, &mut bytes, 1 << 16).await.expect("bytes"), 0);
            }
        };
        let (room, ()) = tokio::join!(poll_fn(|cx| dialed.poll_writable(cx)), drain);
        room.expect("connected");
        assert!(writer.try_write_vectored(&[IoSlice::new(&chunk)]).expect("room") > 0);
    }
}

#[tokio::test]
async fn any_number_of_buffers_may_be_offered() {
    for door in doors("buffers") {
        let (dialed, mut accepted) = pair(&door).await;
        poll_fn(|cx| dialed.poll_writable(cx)).await.expect("connected");
        let writer = dialed.writer();
        let one_byte_each = vec![IoSlice::new(b"x"); 5000];
        assert_eq!(
            writer.try_write_vectored(&one_byte_each).expect("room"),
            MAX_BUFFERS
        );
        assert_eq!(writer.try_write_vectored(&[]).expect("nothing to do"), 0);
        let mut bytes = BytesMut::with_capacity(5000);
        assert_eq!(
            read(&mut accepted, &mut bytes, 5000).await.expect("bytes"),
            MAX_BUFFERS
        );
    }
}

#[tokio::test]
async fn writing_to_a_peer_that_has_gone_is_an_error() {
    for door in doors("gone") {
        let (dialed, accepted) = pair(&door).await;
        drop(accepted);
        // TCP learns of it from the answer to the first write.
        let error = loop {
            poll_fn(|cx| dialed.poll_writable(cx))
                .await
                .expect("a failed stream is ready");
            match dialed.writer().try_write_vectored(&[IoSlice::new(b"anyone?")]) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => break error,
                _ => tokio::task::yield_now().await,
            }
        };
        assert!(
            matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_stream_closes_when_its_last_writer_goes() {
    for door in doors("last-writer") {
        let (dialed, mut accepted) = pair(&door).await;
        let writer = dialed.writer();
        poll_fn(|cx| dialed.poll_writable(cx)).await.expect("connected");
        drop(dialed);
        writer
            .try_write_vectored(&[IoSlice::new(b"still here")])
            .expect("open");
        drop(writer);
        assert_eq!(read_to_end(&mut accepted).await, b"still here", "{door}");
    }
}

#[tokio::test]
async fn that_a_peer_has_closed_is_known_before_its_last_bytes_are_read() {
    for door in doors("closed-early") {
        let (dialed, mut accepted) = pair(&door).await;
        write_all(&dialed, b"last words").await;
        let is_closed = |stream: &mut Stream| stream.is_read_closed(&mut Context::from_waker(Waker::noop()));
        assert!(!is_closed(&mut accepted));
        drop(dialed);
        while !is_closed(&mut accepted) {
            tokio::task::yield_now().await;
        }
        assert_eq!(read_to_end(&mut accepted).await, b"last words", "{door}");
    }
}

#[tokio::test]
async fn nobody_listening_is_connection_refused() {
    let endpoint = listen("tcp://127.0.0.1:0")
        .await
        .expect("a free port")
        .endpoint()
        .clone();
    let error = connect(&endpoint).await.expect_err("the listener is gone");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let error = connect(&at(&abstract_name("nobody")))
        .await
        .expect_err("never was one");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let error = connect(&at("ipc:///nonexistent/socket"))
        .await
        .expect_err("never was one");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_listener_tells_its_endpoint_in_numbers() {
    for (asked, told) in [
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:"),
        ("tcp://*:0", "tcp://0.0.0.0:"),
    ] {
        let listener = listen(asked).await.expect("a free port");
        let text = listener.endpoint().as_str();
        let port = text
            .strip_prefix(told)
            .unwrap_or_else(|| panic!("{asked} became {text}"));
        assert_ne!(port.parse::<u16>().expect("a number"), 0);
        assert!(listener.endpoint().for_connect().is_ok());
    }
    let by_name = listen("tcp://localhost:0").await.expect("a local name");
    assert!(!by_name.endpoint().as_str().contains("localhost"));
    assert!(connect(by_name.endpoint()).await.is_ok());
}

#[tokio::test]
async fn an_address_is_bound_once_and_free_again_when_the_listener_goes() {
    for door in doors("twice") {
        let mut listener = listen(&door).await.expect("free");
        let endpoint = listener.endpoint().clone();
        let second = listen(endpoint.as_str()).await.expect_err("taken");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse, "{door}");
        // With connections that outlive it, and whose end is on this side.
        let dialed = connect(&endpoint).await.expect("it listens");
        drop(accept(&mut listener).await);
        drop(listener);
        if !door.contains('*') {
            assert!(listen(endpoint.as_str()).await.is_ok(), "{door}");
        }
        drop(dialed);
    }
}

#[tokio::test]
async fn a_peer_over_tcp_is_known_by_its_numeric_address() {
    let (dialed, accepted) = pair("tcp://127.0.0.1:0").await;
    assert!(
        dialed.peer_address().starts_with("127.0.0.1:") && accepted.peer_address().starts_with("127.0.0.1:")
    );
    assert_ne!(dialed.peer_address(), accepted.peer_address());
    assert_eq!(accepted.peer_ip(), Some(std::net::Ipv4Addr::LOCALHOST.into()));
}

#[tokio::test]
async fn the_unspecified_ipv6_address_serves_both_families() {
    let Ok(mut listener) = listen("tcp://[::]:0").await else {
        return; // A machine without IPv6.
    };
    let port = listener
        .endpoint()
        .as_str()
        .strip_prefix("tcp://[::]:")
        .expect("numbers")
        .to_owned();
    let _v4 = connect(&at(&format!("tcp://127.0.0.1:{port}")))
        .await
        .expect("IPv4");
    assert!(
        accept(&mut listener)
            .await
            .peer_address()
            .starts_with("127.0.0.1:")
    );
    let _v6 = connect(&at(&format!("tcp://[::1]:{port}"))).await.expect("IPv6");
    assert!(accept(&mut listener).await.peer_address().starts_with("[::1]:"));
}

#[tokio::test]
async fn a_source_address_is_connected_from() {
    let mut listener = listen("tcp://127.0.0.1:0").await.expect("a free port");
    let target = listener
        .endpoint()
        .as_str()
        .strip_prefix("tcp://")
        .expect("tcp")
        .to_owned();
    let _dialed = connect(&at(&format!("tcp://127.0.0.2:0;{target}")))
        .await
        .expect("a local address");
    assert_eq!(
        accept(&mut listener).await.peer_ip(),
        Some(std::net::Ipv4Addr::new(127, 0, 0, 2).into())
    );
    let _dialed = connect(&at(&format!("tcp://*:*;{target}")))
        .await
        .expect("any address");
    assert!(accept(&mut listener).await.peer_ip().is_some());
    let error = connect(&at(&format!("tcp://[::1]:0;{target}")))
        .await
        .expect_err("another family");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

/// [trap 22]
#[tokio::test]
async fn a_socket_that_connected_to_itself_is_no_connection() {
    // A port that was free a moment ago; the source address makes the coincidence certain.
    let listener = listen("tcp://127.0.0.1:0").await.expect("a free port");
    let here = listener
        .endpoint()
        .as_str()
        .strip_prefix("tcp://")
        .expect("tcp")
        .to_owned();
    drop(listener);
    let error = connect(&at(&format!("tcp://{here};{here}")))
        .await
        .expect_err("nobody else is there");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string(), "connected to itself, nobody listens there");
    assert!(
        listen(&format!("tcp://{here}")).await.is_ok(),
        "the port is free at once"
    );
}

#[tokio::test]
async fn inproc_has_no_door() {
    let error = listen("inproc://x").await.expect_err("no bytes");
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert_eq!(
        connect(&at("inproc://x")).await.expect_err("no bytes").kind(),
        io::ErrorKind::Unsupported
    );
}

#[test]
fn tasks_may_own_all_of_it() {
    fn sendable<T: Send>(_: &T) {}
    let (endpoint, options) = (at("tcp://localhost:1"), StreamOptions::default());
    sendable(&Listener::bind(&endpoint, &options, None));
    sendable(&dial(&endpoint, &options, None));
    fn send<T: Send>() {}
    send::<Stream>();
    send::<Listener>();
}

#[tokio::test]
async fn a_carrier_replaces_the_operating_system() {
    let memory = Memory::default();
    let options = StreamOptions::default();
    let mut listener = Listener::bind(&at("tcp://*:*"), &options, Some(&memory))
        .await
        .expect("nobody else is in there");
    assert_eq!(listener.endpoint(), &at("tcp://10.0.0.1:1"));
    let mut dialed = dial(listener.endpoint(), &options, Some(&memory))
        .await
        .expect("it listens");
    let mut accepted = accept(&mut listener).await;
    assert_eq!(dialed.peer_address(), "10.0.0.1:1");
    assert_eq!(format!("{accepted:?}"), r#"Stream("10.0.0.1:1")"#);

    write_all(&dialed, b"ping").await;
    let mut bytes = BytesMut::with_capacity(8);
    assert_eq!(read(&mut accepted, &mut bytes, 8).await.expect("bytes"), 4);
    write_all(&accepted, b"pong").await;
    accepted.shutdown_write().expect("open");
    assert_eq!(read_to_end(&mut dialed).await, b"pong");
}

/// The smallest carrier: one listener, lines without a limit.
#[derive(Debug, Default, Clone)]
struct Memory(Arc<Mutex<VecDeque<MemoryStream>>>);

/// One direction.
type Line = Arc<Mutex<(VecDeque<u8>, bool, Option<Waker>)>>;

#[derive(Debug, Clone)]
struct MemoryStream {
    incoming: Line,
    outgoing: Arc<MemoryWriter>,
}

#[derive(Debug)]
struct MemoryWriter(Line);

impl Carrier for Memory {
    fn dial(&self, _: &Endpoint) -> Dialing {
        let (there, back) = (Line::default(), Line::default());
        let near = MemoryStream {
            incoming: back.clone(),
            outgoing: Arc::new(MemoryWriter(there.clone())),
        };
        let far = MemoryStream {
            incoming: there,
            outgoing: Arc::new(MemoryWriter(back)),
        };
        self.0.lock().expect("unpoisoned").push_back(far);
        Box::pin(async move { Ok(Box::new(near) as Box<dyn ByteStream>) })
    }

    fn listen(&self, _: &Endpoint) -> io::Result<Box<dyn ByteListener>> {
        Ok(Box::new(self.clone()))
    }
}

impl ByteListener for Memory {
    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        match self.0.lock().expect("unpoisoned").pop_front() {
            Some(stream) => Poll::Ready(Ok(Box::new(stream))),
            None => Poll::Pending,
        }
    }

    fn endpoint(&self) -> Endpoint {
        at("tcp://10.0.0.1:1")
    }
}

impl ByteStream for MemoryStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.incoming.lock().expect("unpoisoned");
        if line.0.is_empty() && !line.1 {
            line.2 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = line.0.len().min(into.remaining());
        into.put_slice(&line.0.drain(..count).collect::<Vec<u8>>());
        Poll::Ready(Ok(()))
    }

    fn writer(&self) -> Arc<dyn Writer> {
        self.outgoing.clone()
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut line = self.outgoing.0.lock().expect("unpoisoned");
        line.1 = true;
        line.2.take().into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn peer_address(&self) -> &str {
        "10.0.0.1:1"
    }
}

impl Writer for MemoryWriter {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut line = self.0.lock().expect("unpoisoned");
        bufs.iter().for_each(|bytes| line.0.extend(bytes.iter()));
        line.2.take().into_iter().for_each(Waker::wake);
        Ok(bufs.iter().map(|bytes| bytes.len()).sum())
    }
}
