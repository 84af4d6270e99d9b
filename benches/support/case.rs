//! What is measured: the words of which both benches build their tables.

use std::fmt;
use std::time::Duration;

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TCP over the loopback interface, two processes.
    Tcp,
    /// A Unix socket, two processes.
    Ipc,
    /// Within one process.
    Inproc,
}

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// PUSH sockets in one process to PULL sockets in the other; one of the two numbers is 1.
    Pipeline { senders: usize, receivers: usize },
    /// One PUB to this many SUB connections.
    Publish {
        subscribers: usize,
        topics: Topics,
        readers: Readers,
    },
    /// REQ asks, REP answers, one request at a time.
    RoundTrip,
    /// DEALER asks, ROUTER answers with the same bytes, always this many requests at a time.
    Window { requests: usize },
}

/// What subscribers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topics {
    /// Everybody the same, so each message goes to all.
    Same,
    /// Each a topic of its own, so each message goes to one.
    Own,
}

/// Who the subscribers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// The same for every publisher: the plain readers of [`subscribers`](super::subscribers), so that only the
    /// publishers differ.
    Plain,
    /// As before, but the first subscribes and never reads.
    PlainOneStalled,
    /// SUB sockets of the publisher's own library.
    Own,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Borrowed bytes, which the library has to copy.
    Slice(usize),
    /// Owned bytes, the same each time, which the library may pass on by reference.
    Owned(usize),
    /// A message of several frames.
    Parts { count: usize, size: usize },
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub transport: Transport,
    pub shape: Shape,
    pub payload: Payload,
    /// With CURVE; who binds is its server, and lets in everybody.
    pub sealed: bool,
    /// Both processes share one CPU.
    pub one_cpu: bool,
    /// Belongs to the quick run.
    pub quick: bool,
    /// What hubless is meant to reach, as a ratio to libzmq: at least in throughput, at most in latency.
    pub goal: Option<&'static str>,
}

impl Case {
    pub fn new(transport: Transport, shape: Shape, payload: Payload) -> Self {
        Self {
            transport,
            shape,
            payload,
            sealed: false,
            one_cpu: false,
            quick: false,
            goal: None,
        }
    }

    pub fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    pub fn sealed(self) -> Self {
        Self { sealed: true, ..self }
    }

    pub fn one_cpu(self) -> Self {
        Self {
            one_cpu: true,
            ..self
        }
    }

    pub fn goal(self, ratio: &'static str) -> Self {
        Self {
            goal: Some(ratio),
            ..self
        }
    }

    /// Whether the side that sends listens: the side with one socket does, so that the others have an address.
    pub fn sender_binds(&self) -> bool {
        match self.shape {
            Shape::Pipeline { receivers, .. } => receivers > 1,
            Shape::Publish { .. } => true,
            Shape::RoundTrip | Shape::Window { .. } => false,
        }
    }

    /// How many sockets or connections the sending side has.
    pub fn senders(&self) -> usize {
        match self.shape {
            Shape::Pipeline { senders, .. } => senders,
            Shape::Publish { .. } | Shape::RoundTrip | Shape::Window { .. } => 1,
        }
    }

    /// How many sockets or connections the receiving side has.
    pub fn receivers(&self) -> usize {
        match self.shape {
            Shape::Pipeline { receivers, .. } => receivers,
            Shape::Publish { subscribers, .. } => subscribers,
            Shape::RoundTrip | Shape::Window { .. } => 1,
        }
    }

    /// How many receivers each message goes to.
    pub fn deliveries_per_message(&self) -> usize {
        match self.shape {
            Shape::Publish {
                subscribers,
                topics: Topics::Same,
                ..
            } => subscribers,
            _ => 1,
        }
    }

    /// How many messages (deliveries) pass before the measurement begins: enough for connections, allocators and
    /// the kernel's buffers to reach their steady state, few enough to take some tens of milliseconds.
    pub fn warm_up(&self) -> u64 {
        (16 * 1024 * 1024 / self.payload.bytes() as u64).clamp(50, 200_000)
    }

    /// Where the binding side listens before the system has chosen.
    pub fn bind_address(&self) -> String {
        match self.transport {
            Transport::Tcp => "tcp://127.0.0.1:0".to_owned(),
            Transport::Ipc => format!("ipc://{}", ipc_path().display()),
            Transport::Inproc => "inproc://bench".to_owned(),
        }
    }
}

/// A socket file of this process; the runner removes it, since its processes end by being killed.
pub fn ipc_path() -> std::path::PathBuf {
    ipc_path_of(std::process::id())
}

/// The socket file of another process of this bench.
pub fn ipc_path_of(process: u32) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("hubless-bench-{process}.sock"))
}

impl Payload {
    /// Bytes of one message, without framing.
    pub fn bytes(self) -> usize {
        match self {
            Self::Slice(size) | Self::Owned(size) => size,
            Self::Parts { count, size } => count * size,
        }
    }

    /// The bytes of one frame. They begin with a space for a topic.
    pub fn frame(self) -> Vec<u8> {
        match self {
            Self::Slice(size) | Self::Owned(size) | Self::Parts { size, .. } => vec![b'x'; size],
        }
    }
}

/// Whom a client with CURVE expects: public and secret key.
pub const SERVER: (&str, &str) = (
    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
);

/// And who comes.
pub const CLIENT: (&str, &str) = (
    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
);

/// The topic of subscriber `i`: as long as a short word, all equally long.
pub fn topic(topics: Topics, i: usize) -> Vec<u8> {
    match topics {
        Topics::Same => b"news".to_vec(),
        Topics::Own => format!("t{i:05}").into_bytes(),
    }
}

/// The messages a publisher sends in turn.
pub fn publications(payload: Payload, topics: Topics, subscribers: usize) -> Vec<Vec<u8>> {
    let different = match topics {
        Topics::Same => 1,
        Topics::Own => subscribers,
    };
    (0..different)
        .map(|i| {
            let (topic, mut message) = (topic(topics, i), payload.frame());
            message[..topic.len()].copy_from_slice(&topic);
            message
        })
        .collect()
}

impl fmt::Display for Case {
    /// The name by which cases are selected and printed: `tcp 16 B`, `tcp 8→1 128 B`, `tcp pub×64 128 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
            Transport::Inproc => "inproc",
        };
        write!(f, "{transport} ")?;
        if self.sealed {
            write!(f, "curve ")?;
        }
        match self.shape {
            Shape::Pipeline {
                senders: 1,
                receivers: 1,
            }
            | Shape::RoundTrip => {}
            Shape::Pipeline { senders, receivers } => write!(f, "{senders}→{receivers} ")?,
            Shape::Window { requests } => write!(f, "dealer/router, {requests} in flight, ")?,
            Shape::Publish {
                subscribers,
                topics,
                readers,
            } => {
                write!(f, "pub×{subscribers} ")?;
                if topics == Topics::Own {
                    write!(f, "own topics ")?;
                }
                match readers {
                    Readers::Plain => {}
                    Readers::PlainOneStalled => write!(f, "one stalled ")?,
                    Readers::Own => write!(f, "own sub ")?,
                }
            }
        }
        write!(f, "{}", self.payload)?;
        if self.one_cpu {
            write!(f, ", one CPU")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Slice(size) => write!(f, "{}", Size(size)),
            Self::Owned(size) => write!(f, "{} owned", Size(size)),
            Self::Parts { count, size } => write!(f, "{count}×{}", Size(size)),
        }
    }
}

struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size >= 1 << 20 => write!(f, "{} MiB", size >> 20),
            size if size >= 1 << 10 => write!(f, "{} KiB", size >> 10),
            size => write!(f, "{size} B"),
        }
    }
}

/// Longest wait for a step that must come: connecting, warming up, an answer from a process.
pub const PATIENCE: Duration = Duration::from_secs(20);
