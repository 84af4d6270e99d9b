//! Steering a proxy: from the program, and over a socket.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::statistics::ProxyStatistics;
use crate::error::RecvError;
use crate::message::Message;
use crate::socket::{Pair, Rep};
use crate::sync::Mutex;

/// Steers a proxy while it runs, from any task or thread. Cheap to clone.
///
/// Orders take effect at the proxy's next turn. Dropping the last handle changes nothing.
///
/// # Examples
///
/// ```
/// use hubless::{ProxyHandle, Pull, Push, proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (front, back) = (Pull::new(), Push::new());
/// let (producer, worker) = (Push::new(), Pull::new());
/// producer.connect(&front.bind("tcp://127.0.0.1:0").await?)?;
/// worker.connect(&back.bind("tcp://127.0.0.1:0").await?)?;
/// let proxy = proxy(front, back);
/// let steering: ProxyHandle = proxy.handle();
/// steering.pause();
/// let running = tokio::spawn(proxy.run());
///
/// producer.send("work").await?; // stays in front
/// assert_eq!(steering.statistics().front.received_messages, 0);
/// steering.resume();
/// assert_eq!(worker.recv().await?, "work");
/// steering.terminate();
/// assert_eq!(running.await?.back.sent_messages, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ProxyHandle(Arc<Mutex<Desk>>);

#[derive(Default)]
struct Desk {
    order: Order,
    statistics: ProxyStatistics,
    proxy: Option<Waker>,
}

/// What a proxy is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Run,
    Pause,
    Terminate,
}

impl ProxyHandle {
    /// Stops forwarding. Its sockets go on queuing, up to their marks.
    ///
    /// Example: at [`ProxyHandle`].
    pub fn pause(&self) {
        self.order(Order::Pause);
    }

    /// Forwards again.
    ///
    /// Example: at [`ProxyHandle`].
    pub fn resume(&self) {
        self.order(Order::Run);
    }

    /// Ends the proxy; nothing makes it run again.
    ///
    /// Example: at [`ProxyHandle`].
    pub fn terminate(&self) {
        self.order(Order::Terminate);
    }

    /// What went through so far.
    pub fn statistics(&self) -> ProxyStatistics {
        self.0.lock().statistics
    }

    fn order(&self, order: Order) {
        let mut desk = self.0.lock();
        if desk.order != Order::Terminate {
            desk.order = order;
        }
        let proxy = desk.proxy.take();
        drop(desk);
        if let Some(proxy) = proxy {
            proxy.wake();
        }
    }

    /// What the proxy is to do now; it is woken when that changes.
    pub(super) fn poll_order(&self, cx: &mut Context<'_>) -> Order {
        let mut desk = self.0.lock();
        match &mut desk.proxy {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        desk.order
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut ProxyStatistics)) {
        count(&mut self.0.lock().statistics);
    }

    /// Does what a command says: `None` when it is none. Otherwise what there is to say to that.
    fn obey(&self, command: &[u8]) -> Option<Option<Message>> {
        match command {
            b"PAUSE" => self.pause(),
            b"RESUME" => self.resume(),
            b"TERMINATE" => self.terminate(),
            b"STATISTICS" => {
                let numbers = self.statistics().numbers().map(u64::to_ne_bytes);
                return Some(Some(numbers.each_ref().map(|number| &number[..]).into()));
            }
            _ => return None,
        }
        Some(None)
    }
}

impl fmt::Debug for ProxyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = self.0.lock();
        f.debug_struct("ProxyHandle")
            .field("order", &desk.order)
            .field("statistics", &desk.statistics)
            .finish()
    }
}

/// A socket whose peer steers a proxy: a [`Rep`], which answers every command, or a [`Pair`].
///
/// # Examples
///
/// ```
/// use hubless::{Pair, ProxyControl, Pull, Push, proxy};
///
/// let steering: ProxyControl = Pair::new().into();
/// let proxy = proxy(Pull::new(), Push::new()).control(steering);
/// # let _ = proxy;
/// ```
///
/// What its peer says is at [`Proxy::control`](super::Proxy::control).
#[derive(Debug)]
pub struct ProxyControl(Kind);

#[derive(Debug)]
enum Kind {
    Rep(Rep),
    Pair(Pair),
}

impl From<Rep> for ProxyControl {
    fn from(socket: Rep) -> Self {
        Self(Kind::Rep(socket))
    }
}

impl From<Pair> for ProxyControl {
    fn from(socket: Pair) -> Self {
        Self(Kind::Pair(socket))
    }
}

impl ProxyControl {
    /// Obeys until the socket is closed.
    pub(super) async fn obey(&self, handle: &ProxyHandle) -> Result<(), RecvError> {
        loop {
            match &self.0 {
                Kind::Rep(rep) => {
                    let request = rep.recv_request().await?;
                    let said = handle.obey(request.message().frame(0).unwrap_or_default());
                    // Whoever asks waits for an answer, also to nonsense.
                    let answer = said.flatten().unwrap_or_else(|| (&[]).into());
                    let _ = request.reply(answer).await;
                }
                Kind::Pair(pair) => {
                    let command = pair.recv().await?;
                    if let Some(Some(answer)) = handle.obey(command.frame(0).unwrap_or_default()) {
                        // Nobody who steers may hold us up by not reading.
                        let _ = pair.try_send(answer);
                    }
                }
            }
        }
    }
}
