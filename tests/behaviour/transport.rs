//! What checks run over, and with.

use std::error::Error;
use std::fs;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use hubless::{Endpoint, Message, Socket, ToEndpoint, kind::Kind};
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

/// Longer than anything here takes on the slowest machine: only what hangs meets it.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a check comes to.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Makes a test of each check for each transport.
macro_rules! over_every_transport {
    ($($check:ident)+) => {
        crate::transport::over_every_stream! { $($check)+ }
        mod inproc {
            $(#[test] fn $check() { crate::transport::check(super::$check(crate::transport::Transport::Inproc)); })+
        }
    };
}
pub(crate) use over_every_transport;

/// Makes a test of each check for each transport that carries bytes.
macro_rules! over_every_stream {
    ($($check:ident)+) => {
        mod tcp {
            $(#[test] fn $check() { crate::transport::check(super::$check(crate::transport::Transport::Tcp)); })+
        }
        #[cfg(unix)]
        mod ipc {
            $(#[test] fn $check() { crate::transport::check(super::$check(crate::transport::Transport::Ipc)); })+
        }
    };
}
pub(crate) use over_every_stream;

/// Runs a check on a runtime of its own.
#[track_caller]
pub(crate) fn check(check: impl Future<Output = Outcome>) {
    run(pin!(check));
}

/// Apart, and the same for all: else each check gets a copy of the runtime's loop, and the compiler spends half of its
/// time on those.
#[track_caller]
fn run(check: Pin<&mut dyn Future<Output = Outcome>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Else each check would have a copy of the runtime's loop, and the compiler spends half of its time on those.
    let check: Pin<&mut dyn Future<Output = Outcome>> = pin!(check);
    let outcome = runtime.block_on(async {
        tokio::time::timeout(DEADLINE, check)
            .await
            .expect("nothing here takes a minute")
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Spawns a task, of which those with the same output are one type: else each gets a copy of all that a runtime does with
/// a task.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let task: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(task);
    tokio::spawn(task)
}

/// What a check runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::Tcp, Self::Ipc, Self::Inproc];

    /// As the names of tests have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
        }
    }

    /// A place of this transport that nobody else has, now and as long as it is held.
    pub(crate) fn place(self) -> Place {
        static PLACES: AtomicUsize = AtomicUsize::new(0);
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let mut port = None;
        let text = match self {
            Self::Tcp => {
                // Bound, and not listening: whoever asks for a free port is not given this one, and a socket that
                // reuses addresses, as ours do, can listen there all the same, as often as it likes.
                let held = TcpSocket::new_v4().expect("a socket");
                held.set_reuseaddr(true).expect("a socket takes options");
                held.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
                let address = held.local_addr().expect("it is bound");
                port = Some(held);
                format!("tcp://{address}")
            }
            Self::Ipc => {
                let name = format!("hubless-behaviour-{}-{number}", std::process::id());
                format!("ipc://{}", std::env::temp_dir().join(name).display())
            }
            Self::Inproc => format!("inproc://behaviour-{number}"),
        };
        Place {
            endpoint: text.parse().expect("an endpoint"),
            _port: port,
        }
    }

    /// Binds a socket to a place that nobody else has.
    pub(crate) async fn bind<K: Kind>(self, socket: &Socket<K>) -> Outcome<Place> {
        let place = self.place();
        socket.bind(&place).await?;
        Ok(place)
    }

    /// Whether messages lie in buffers of the system on their way.
    pub(crate) fn is_stream(self) -> bool {
        self != Self::Inproc
    }
}

/// Where sockets meet, one after the other too.
#[derive(Debug)]
pub(crate) struct Place {
    endpoint: Endpoint,
    _port: Option<TcpSocket>,
}

impl ToEndpoint for Place {
    fn to_endpoint(&self) -> Result<Endpoint, hubless::ParseEndpointError> {
        Ok(self.endpoint.clone())
    }
}

impl std::ops::Deref for Place {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// The most bytes that are on their way from one queue to the other, in buffers of the system and of ours. What is
/// larger cannot be handed over to a peer that does not read.
pub(crate) fn most_on_the_way() -> usize {
    let most = |name: &str| -> usize {
        let text = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
        let most = text.split_whitespace().last().map(str::parse);
        most.and_then(Result::ok).unwrap_or(8 << 20)
    };
    // A Unix socket's are smaller than those of TCP; ours are 2 MiB.
    most("tcp_wmem") + most("tcp_rmem") + (2 << 20)
}

/// Lets the tasks of the sockets run until `condition` holds.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Polls `future` up to `polls` times, whether or not it was woken, and lets others run in between; then drops it.
pub(crate) async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A message of `size` bytes that tells its number.
pub(crate) fn numbered(number: u64, size: usize) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(size, 7);
    message
}

pub(crate) fn number_of(message: &Message) -> u64 {
    let body = message.frame(0).unwrap_or_default();
    u64::from_be_bytes(*body.first_chunk().expect("it begins with its number"))
}
