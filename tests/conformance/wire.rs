//! Byte streams in memory, in pieces that the test decides.
//!
//! A [`Wire`] stands in for the operating system under one socket. What one `write` of the test says is one read
//! of the socket, so that a stream can be cut where it hurts; how much of the socket's own writing is accepted
//! can be limited too, down to a byte at a time. There is no kernel below and no clock: on a paused runtime such
//! a test is the same each time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use hubless::carrier::{ByteListener, ByteStream, Carrier, Dialing, Writer};
use hubless::kind::Kind;
use hubless::{Builder, Endpoint, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use crate::raw::{Raw, soon};

/// Every endpoint of one socket.
#[derive(Debug)]
pub(crate) struct Wire {
    waiting: Arc<Mutex<Waiting>>,
    calls: mpsc::UnboundedSender<Call>,
}

/// What listeners have not taken yet.
#[derive(Debug, Default)]
struct Waiting {
    arrivals: VecDeque<io::Result<Near>>,
    listeners: Vec<Waker>,
    taken: usize,
}

/// The calls of connecting endpoints.
pub(crate) type Calls = mpsc::UnboundedReceiver<Call>;

/// An attempt to connect.
#[derive(Debug)]
pub(crate) struct Call(oneshot::Sender<io::Result<Near>>);

impl Call {
    pub(crate) fn accept(self) -> Far {
        let (near, far) = line("10.9.8.7:65000");
        self.0.send(Ok(near)).expect("the endpoint waits");
        far
    }

    pub(crate) fn refuse(self) {
        self.0
            .send(Err(io::ErrorKind::ConnectionRefused.into()))
            .expect("the endpoint waits");
    }
}

impl Wire {
    pub(crate) fn new() -> (Arc<Self>, Calls) {
        let (calls, heard) = mpsc::unbounded_channel();
        (
            Arc::new(Self {
                waiting: Arc::default(),
                calls,
            }),
            heard,
        )
    }

    /// Connects to whatever listens, from this address.
    pub(crate) fn arrive(&self, address: &str) -> Far {
        let (near, far) = line(address);
        self.push(Ok(near));
        far
    }

    /// Lets the next `accept` fail.
    pub(crate) fn fail(&self, error: io::Error) {
        self.push(Err(error));
    }

    /// How many arrivals and failures listeners have taken.
    pub(crate) fn taken(&self) -> usize {
        self.waiting.lock().expect("no test panics here").taken
    }

    fn push(&self, arrival: io::Result<Near>) {
        let mut waiting = self.waiting.lock().expect("no test panics here");
        waiting.arrivals.push_back(arrival);
        waiting.listeners.drain(..).for_each(Waker::wake);
    }
}

/// A socket that listens, and the wire over which peers come to it.
pub(crate) async fn listening<K: Kind>(builder: Builder<K>) -> (Socket<K>, Arc<Wire>) {
    let (wire, _) = Wire::new();
    let built = builder.carrier(wire.clone(), 1).build();
    let socket = built.expect("no contradiction");
    let bound = socket.bind("tcp://1.2.3.4:5").await;
    bound.expect("a carrier takes everything");
    (socket, wire)
}

/// A socket that connects, and its calls.
pub(crate) fn dialing<K: Kind>(builder: Builder<K>) -> (Socket<K>, Calls) {
    let (wire, calls) = Wire::new();
    let socket = builder.carrier(wire, 1).build().expect("no contradiction");
    drop(socket.connect("tcp://far.example:1").expect("an endpoint"));
    (socket, calls)
}

impl Carrier for Wire {
    fn dial(&self, _: &Endpoint) -> Dialing {
        let (answer, answered) = oneshot::channel();
        let called = self.calls.send(Call(answer));
        Box::pin(async move {
            called.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            let near = answered.await.map_err(|_| io::ErrorKind::ConnectionRefused)??;
            Ok(Box::new(near) as Box<dyn ByteStream>)
        })
    }

    fn listen(&self, endpoint: &Endpoint) -> io::Result<Box<dyn ByteListener>> {
        Ok(Box::new(Listener {
            endpoint: endpoint.clone(),
            waiting: self.waiting.clone(),
        }))
    }
}

struct Listener {
    endpoint: Endpoint,
    waiting: Arc<Mutex<Waiting>>,
}

impl ByteListener for Listener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        let mut waiting = self.waiting.lock().expect("no test panics here");
        match waiting.arrivals.pop_front() {
            Some(arrival) => {
                waiting.taken += 1;
                Poll::Ready(arrival.map(|near| Box::new(near) as Box<dyn ByteStream>))
            }
            None => {
                waiting.listeners.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }
}

/// A line: the socket's end, and the test's.
fn line(address: &str) -> (Near, Far) {
    let state = Arc::new(Mutex::new(Line::default()));
    let near = Near {
        address: address.into(),
        end: Arc::new(End(state.clone())),
    };
    (
        near,
        Far {
            address: address.into(),
            line: state,
        },
    )
}

#[derive(Debug, Default)]
struct Line {
    /// Towards the socket: each piece is one read.
    pieces: VecDeque<Vec<u8>>,
    /// Nothing comes behind the pieces.
    finished: bool,
    /// Bytes that the socket has read.
    consumed: usize,
    reader: Option<Waker>,
    /// From the socket, not heard yet.
    written: VecDeque<u8>,
    /// The most that one write may bring, and the most that may lie unheard.
    grain: Option<usize>,
    room: Option<usize>,
    writer: Option<Waker>,
    /// The socket writes no more; it has let go of the line.
    shut: bool,
    dropped: bool,
    listener: Option<Waker>,
}

/// The socket's end.
#[derive(Debug)]
pub(crate) struct Near {
    address: String,
    end: Arc<End>,
}

#[derive(Debug)]
struct End(Arc<Mutex<Line>>);

impl ByteStream for Near {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.end.0.lock().expect("no test panics here");
        let Some(mut piece) = line.pieces.pop_front() else {
            if line.finished {
                return Poll::Ready(Ok(()));
            }
            line.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let rest = piece.split_off(piece.len().min(into.remaining()));
        into.put_slice(&piece);
        line.consumed += piece.len();
        if !rest.is_empty() {
            line.pieces.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }

    fn writer(&self) -> Arc<dyn Writer> {
        self.end.clone()
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.end.0.lock().expect("no test panics here");
        if line.room() > 0 {
            return Poll::Ready(Ok(()));
        }
        line.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.end.0.lock().expect("no test panics here").shut(false);
        Ok(())
    }

    fn peer_address(&self) -> &str {
        &self.address
    }
}

impl Writer for End {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut line = self.0.lock().expect("no test panics here");
        let room = line.room();
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let before = line.written.len();
        let fitting = bufs.iter().flat_map(|buf| buf.iter().copied()).take(room);
        line.written.extend(fitting);
        line.listener.take().into_iter().for_each(Waker::wake);
        Ok(line.written.len() - before)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.lock().expect("no test panics here").shut(true);
    }
}

impl Line {
    fn room(&self) -> usize {
        let room = self
            .room
            .map_or(usize::MAX, |room| room.saturating_sub(self.written.len()));
        room.min(self.grain.unwrap_or(usize::MAX))
    }

    fn shut(&mut self, dropped: bool) {
        self.shut = true;
        self.dropped |= dropped;
        self.listener.take().into_iter().for_each(Waker::wake);
    }
}

/// The test's end. Clones are the same end.
#[derive(Debug, Clone)]
pub(crate) struct Far {
    address: String,
    line: Arc<Mutex<Line>>,
}

impl Far {
    /// As a scripted peer.
    pub(crate) fn raw(&self) -> Raw {
        Raw::over(self.clone(), self.address.clone())
    }

    /// One piece: one read of the socket.
    pub(crate) fn piece(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut line = self.line();
        line.pieces.push_back(bytes.to_vec());
        line.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Each write of the socket brings at most this many bytes.
    pub(crate) fn grain(&self, bytes: usize) {
        self.line().grain = Some(bytes);
    }

    /// At most this many bytes of the socket lie unheard: then it cannot write.
    pub(crate) fn room(&self, bytes: usize) {
        self.line().room = Some(bytes);
    }

    /// How many bytes the socket has read.
    pub(crate) fn consumed(&self) -> usize {
        self.line().consumed
    }

    /// Whatever the socket has said and nobody has heard.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.line().written.iter().copied().collect()
    }

    /// The socket has let go of the line.
    pub(crate) async fn dropped(&self) {
        soon(
            "the line to be dropped",
            std::future::poll_fn(|cx| {
                let mut line = self.line();
                if line.dropped {
                    return Poll::Ready(());
                }
                line.listener = Some(cx.waker().clone());
                Poll::Pending
            }),
        )
        .await;
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().expect("no test panics here")
    }
}

impl AsyncRead for Far {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut line = self.line();
        if line.written.is_empty() && !line.shut {
            line.listener = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = line.written.len().min(into.remaining());
        let heard: Vec<u8> = line.written.drain(..len).collect();
        into.put_slice(&heard);
        line.writer.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Far {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.line().dropped {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.piece(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut line = self.line();
        line.finished = true;
        line.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}
