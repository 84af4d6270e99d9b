//! A peer that is no library: it says the bytes it is told to say, and expects the bytes it is told to expect.

use std::future::Future;
use std::io;
use std::time::Duration;

use hubless::{DisconnectReason, Endpoint, Event, Monitor};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::bytes;

/// Long enough for a machine that does ten other things: only a failed test waits so long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// What `work` comes to; a test in which it does not come at all fails and says what was awaited.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// One end of a connection, in the hands of a script.
pub(crate) struct Raw {
    stream: Box<dyn Duplex>,
    /// How the other side names us in its events; over ipc all connections of one process have one name.
    pub(crate) address: String,
}

impl Raw {
    pub(crate) fn over(stream: impl Duplex + 'static, address: impl Into<String>) -> Self {
        Self {
            stream: Box::new(stream),
            address: address.into(),
        }
    }

    /// Connects to where a socket listens.
    pub(crate) async fn connect(to: &Endpoint) -> Self {
        if let Some(path) = to.as_str().strip_prefix("ipc://") {
            let stream = UnixStream::connect(path).await.expect("somebody listens");
            return Self::over_unix(stream);
        }
        let address = to.as_str().strip_prefix("tcp://").expect("tcp or ipc");
        let stream = TcpStream::connect(address).await.expect("somebody listens");
        stream.set_nodelay(true).expect("a tcp connection");
        let address = stream.local_addr().expect("it is connected");
        Self::over(stream, address.to_string())
    }

    fn over_unix(stream: UnixStream) -> Self {
        let us = stream.peer_cred().expect("it is connected");
        let address = format!(":{}:{}:{}", us.uid(), us.gid(), us.pid().expect("a process"));
        Self::over(stream, address)
    }

    /// Says all of it; fails where the other side has closed.
    pub(crate) async fn try_say(&mut self, bytes: &[u8]) -> io::Result<()> {
        soon("the other side to listen", async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        })
        .await
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.try_say(bytes).await.expect("the other side listens");
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        self.stream.shutdown().await.expect("the other side listens");
    }

    /// The next `len` bytes of the other side.
    pub(crate) async fn hear(&mut self, len: usize) -> Vec<u8> {
        let mut heard = vec![0; len];
        soon("bytes", self.stream.read_exact(&mut heard))
            .await
            .expect("the other side speaks");
        heard
    }

    /// These bytes come next.
    #[track_caller]
    pub(crate) fn expect<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let heard = self.hear(bytes.len()).await;
            assert!(
                heard == bytes,
                "{caller}: heard {}, expected {}",
                show(&heard),
                show(bytes)
            );
        }
    }

    /// The next frame: its flags without LONG, and its body.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        let start = self.hear(2).await;
        let (flags, size) = if start[0] & 0x02 == 0 {
            (start[0], u64::from(start[1]))
        } else {
            let rest = self.hear(7).await;
            let size = [&start[1..], &rest].concat();
            (
                start[0] & !0x02,
                u64::from_be_bytes(size.try_into().expect("eight bytes")),
            )
        };
        (flags, self.hear(size as usize).await)
    }

    /// The next message: its frames.
    pub(crate) async fn message(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.frame().await;
            assert_eq!(flags & !0x01, 0, "a frame of a message");
            frames.push(body);
            if flags == 0 {
                return frames;
            }
        }
    }

    /// The other side closes; gives what it said before. A reset counts as closing: bytes of ours were left
    /// unread.
    pub(crate) async fn end(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let _ = soon("the other side to close", self.stream.read_to_end(&mut heard)).await;
        heard
    }

    /// All that the other side still says before it ends its stream in good order.
    pub(crate) async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut heard = Vec::new();
        soon("the end of the stream", self.stream.read_to_end(&mut heard)).await?;
        Ok(heard)
    }

    /// Exchanges greetings.
    pub(crate) async fn greet(&mut self) {
        self.say(&bytes::greeting()).await;
        self.expect(&bytes::greeting()).await;
    }

    /// Exchanges greetings and READYs, as a socket of kind `ours` with one of kind `theirs`.
    pub(crate) async fn shake_hands(&mut self, ours: &str, theirs: &str) {
        self.greet().await;
        self.expect(&bytes::ready(theirs)).await;
        self.say(&bytes::ready(ours)).await;
    }
}

/// Where sockets connect to.
pub(crate) enum RawListener {
    Tcp(TcpListener),
    Unix(UnixListener, Endpoint),
}

impl RawListener {
    pub(crate) async fn tcp() -> Self {
        Self::Tcp(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// Listens at a path that is free.
    pub(crate) fn ipc(name: &str) -> Self {
        let file = format!("hubless-conformance-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("a free path");
        Self::Unix(
            listener,
            format!("ipc://{}", path.display()).parse().expect("an endpoint"),
        )
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr().expect("it listens");
                format!("tcp://{address}").parse().expect("an endpoint")
            }
            Self::Unix(_, endpoint) => endpoint.clone(),
        }
    }

    pub(crate) async fn accept(&self) -> Raw {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = soon("a connection", listener.accept()).await.expect("it listens");
                stream.set_nodelay(true).expect("a tcp connection");
                Raw::over(stream, address.to_string())
            }
            Self::Unix(listener, _) => {
                let (stream, _) = soon("a connection", listener.accept()).await.expect("it listens");
                Raw::over_unix(stream)
            }
        }
    }
}

impl Drop for RawListener {
    fn drop(&mut self) {
        if let Self::Unix(_, endpoint) = self {
            let path = endpoint.as_str().trim_start_matches("ipc://");
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The next event that `pick` takes; others are passed over.
pub(crate) async fn event<T>(
    monitor: &mut Monitor,
    what: &str,
    mut pick: impl FnMut(&Event) -> Option<T>,
) -> T {
    soon(what, async {
        loop {
            let event = monitor
                .next()
                .await
                .unwrap_or_else(|| panic!("the socket closed before {what}"));
            if let Some(picked) = pick(&event) {
                return picked;
            }
        }
    })
    .await
}

/// The next handshake is done.
pub(crate) async fn handshake(monitor: &mut Monitor) {
    event(monitor, "a handshake", |event| {
        matches!(event, Event::HandshakeDone { .. }).then_some(())
    })
    .await;
}

/// Why the next handshake fails, whoever is let in before.
pub(crate) async fn failed_handshake(monitor: &mut Monitor) -> DisconnectReason {
    event(monitor, "a failed handshake", |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    })
    .await
}

/// Why the next peer that was let in is lost.
pub(crate) async fn disconnection(monitor: &mut Monitor) -> DisconnectReason {
    event(monitor, "the end of a connection", |event| match event {
        Event::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    })
    .await
}

fn show(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X} ")).collect()
}
