//! Forwarding between two sockets, both ways.
//!
//! ```text
//!   publishers ──▶ XSub ─┐ front          back ┌─▶ XPub ──▶ subscribers
//!                        └──────▶ proxy ───────┘
//!              ◀── subscriptions ───┘ ◀── subscriptions
//! ```
//!
//! A way leads from each socket that receives to the other one, if that sends. On each of them a message is taken only
//! when there is room for it on the other side: so a proxy lets [back-pressure](crate::Builder::recv_hwm) through from one
//! side to the other, and holds one message back at most: one whose room went with its peer, or whose peer, named by it, has
//! none.

mod handle;
mod statistics;
mod way;

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use self::handle::Order;
pub use self::handle::{ProxyControl, ProxyHandle};
use self::statistics::Count;
pub use self::statistics::{ProxyStatistics, SideStatistics};
use self::way::{Turn, Way};
use crate::error::{Closed, WaitError};
use crate::runtime;
use crate::socket::kind::{Forwards, Sends};
use crate::socket::{Outlet, Socket};

/// Forwards messages between two sockets, both ways where both can: whole, in order, and as they are.
///
/// What it returns is awaited, usually in a task of its own; it ends when it is [terminated](ProxyHandle::terminate), or
/// one of its sockets is closed. The usual pairs:
///
/// | front | back | what it makes |
/// |---|---|---|
/// | [`Pull`](crate::Pull) | [`Push`](crate::Push) | many who push and many who pull meet at two endpoints that are known |
/// | [`XSub`](crate::XSub) | [`XPub`](crate::XPub) | the same for publishers and subscribers; who wants what goes the other way |
/// | [`Router`](crate::Router) | [`Dealer`](crate::Dealer) | the same for those who ask and those who answer |
/// | `Sub` | `Pub` | the same, with what to forward said here |
///
/// A message is taken from one side only when the other has room for it, at most 1 000 one way before the other way
/// has its turn. What is larger than the other side's [`max_message_size`](crate::Builder::max_message_size) is dropped, and
/// missing in what was [sent](SideStatistics::sent_messages).
///
/// libzmq: `zmq_proxy`, `zmq_proxy_steerable`.
///
/// # Examples
///
/// ```
/// use hubless::{Pull, Push, proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (front, back) = (Pull::new(), Push::new());
/// let for_producers = front.bind("tcp://127.0.0.1:0").await?;
/// let for_workers = back.bind("tcp://127.0.0.1:0").await?;
/// let proxy = proxy(front, back);
/// let handle = proxy.handle();
/// let running = tokio::spawn(proxy.run());
///
/// let (producer, worker) = (Push::new(), Pull::new());
/// producer.connect(&for_producers)?;
/// worker.connect(&for_workers)?;
/// producer.send("work").await?;
/// assert_eq!(worker.recv().await?, "work");
///
/// handle.terminate();
/// let statistics = running.await?;
/// assert_eq!(statistics.front.received_messages, 1);
/// assert_eq!(statistics.back.sent_bytes, 4);
/// # Ok(())
/// # }
/// ```
pub fn proxy<F: Forwards, B: Forwards>(front: Socket<F>, back: Socket<B>) -> Proxy<F, B> {
    Proxy {
        front,
        back,
        capture: None,
        control: None,
        handle: ProxyHandle::default(),
    }
}

/// A proxy that is to be run: see [`proxy`].
///
/// # Examples
///
/// It can be awaited as it is:
///
/// ```
/// use hubless::{Proxy, Pull, Push, kind, proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let proxy: Proxy<kind::Pull, kind::Push> = proxy(Pull::new(), Push::new());
/// proxy.handle().terminate();
/// assert_eq!(proxy.await.front.received_messages, 0);
/// # }
/// ```
pub struct Proxy<F: Forwards, B: Forwards> {
    front: Socket<F>,
    back: Socket<B>,
    capture: Option<Box<dyn Tap>>,
    control: Option<ProxyControl>,
    handle: ProxyHandle,
}

/// A socket that is sent copies.
trait Tap: Send + Sync {
    fn outlet(&self) -> Option<Outlet<'_>>;
}

impl<K: Sends> Tap for Socket<K> {
    fn outlet(&self) -> Option<Outlet<'_>> {
        Socket::outlet(self)
    }
}

impl<F: Forwards, B: Forwards> Proxy<F, B> {
    /// Sends a copy of everything that is forwarded, either way, to this socket too.
    ///
    /// A copy is made of everything: where the capturing socket has no room, the proxy waits. A [`Pub`](crate::Pub) always
    /// has room.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pull, Push, proxy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (front, back, producer, worker) = (Pull::new(), Push::new(), Push::new(), Pull::new());
    /// # producer.connect(&front.bind("tcp://127.0.0.1:0").await?)?;
    /// # worker.connect(&back.bind("tcp://127.0.0.1:0").await?)?;
    /// let (tap, listener) = (Push::new(), Pull::new());
    /// tap.bind("inproc://tap").await?;
    /// listener.connect("inproc://tap")?;
    /// tokio::spawn(proxy(front, back).capture(tap).run());
    ///
    /// producer.send("work").await?;
    /// assert_eq!(worker.recv().await?, "work");
    /// assert_eq!(listener.recv().await?, "work");
    /// # Ok(())
    /// # }
    /// ```
    pub fn capture<K: Sends>(mut self, socket: Socket<K>) -> Self {
        self.capture = Some(Box::new(socket));
        self
    }

    /// Obeys the peers of this socket, a [`Rep`](crate::Rep) or a [`Pair`](crate::Pair).
    ///
    /// Commands are messages of one frame, those of libzmq: `PAUSE`, `RESUME`, `TERMINATE`, and `STATISTICS`. The answer to
    /// that has eight frames, each a number of eight bytes in the machine's order: frames and bytes received from the
    /// front, and sent to it, and the same for the back. A `Rep` answers everything else with an empty message.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::{Pull, Push, Rep, Req, proxy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (control, mut steering) = (Rep::new(), Req::new());
    /// steering.connect(&control.bind("tcp://127.0.0.1:0").await?)?;
    /// let running = tokio::spawn(proxy(Pull::new(), Push::new()).control(control).run());
    ///
    /// steering.request("PAUSE").await?;
    /// assert_eq!(steering.request("STATISTICS").await?.len(), 8);
    /// steering.request("TERMINATE").await?;
    /// running.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn control(mut self, socket: impl Into<ProxyControl>) -> Self {
        self.control = Some(socket.into());
        self
    }

    /// Steers it, also while it runs.
    pub fn handle(&self) -> ProxyHandle {
        self.handle.clone()
    }

    /// Forwards until the proxy is terminated or one of its sockets is closed, and returns what went through.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the proxy between two messages, and drops its sockets.
    ///
    /// However it ends, one message each way may have been taken that could not go on: its peer left in that moment and
    /// nobody else had room, or it is for a peer of a [`Router`](crate::Router) with
    /// [`mandatory`](crate::Builder::mandatory) that has none. Such a message is missing in what was
    /// [sent](SideStatistics::sent_messages), and counted as dropped by the socket that it was for.
    ///
    /// Example: at [`proxy`].
    pub async fn run(self) -> ProxyStatistics {
        let Self {
            front,
            back,
            capture,
            control,
            handle,
        } = &self;
        let way = |from, to| Some((from?, to?));
        let way = |from, to| {
            way(from, to).map(|(from, to)| Way {
                from,
                to,
                capture: capture.as_ref().and_then(|tap| tap.outlet()),
                held: Count::default(),
            })
        };
        let mut ways = Ways {
            forth: way(front.inlet(), back.outlet()),
            back: way(back.inlet(), front.outlet()),
            handle,
        };
        let (mut front_closed, mut back_closed) = (pin!(front.closed()), pin!(back.closed()));
        let mut obeying = pin!(async {
            if let Some(control) = control {
                let _ = control.obey(handle).await;
            }
            // Without anybody to obey there are still the handles.
            std::future::pending::<()>().await;
        });
        poll_fn(|cx| {
            let _ = obeying.as_mut().poll(cx);
            // Looked at for themselves, for whoever waits for room does not hear that the other side is closed.
            let closed = [front_closed.as_mut().poll(cx), back_closed.as_mut().poll(cx)];
            if closed.contains(&Poll::Ready(())) {
                return Poll::Ready(());
            }
            ways.poll(cx)
        })
        .await;
        handle.statistics()
    }
}

impl<F: Forwards, B: Forwards> Proxy<F, B> {
    /// Runs the proxy in a plain thread, between sockets that are [blocking](crate::blocking) otherwise, or live on threads of
    /// their context.
    ///
    /// # Errors
    ///
    /// [`WaitError::InsideRuntime`]: there it is awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::thread;
    ///
    /// use hubless::blocking::{Pull, Push};
    /// use hubless::proxy;
    ///
    /// let (front, back, producer, worker) = (Pull::new(), Push::new(), Push::new(), Pull::new());
    /// producer.connect(&front.bind("tcp://127.0.0.1:0")?)?;
    /// worker.connect(&back.bind("tcp://127.0.0.1:0")?)?;
    /// let proxy = proxy(front.into_async(), back.into_async());
    /// let handle = proxy.handle();
    /// let running = thread::spawn(|| proxy.wait());
    ///
    /// producer.send("work")?;
    /// assert_eq!(worker.recv()?, "work");
    /// handle.terminate();
    /// assert_eq!(running.join().expect("it does not panic")?.front.received_messages, 1);
    /// # Ok::<(), hubless::Error>(())
    /// ```
    pub fn wait(self) -> Result<ProxyStatistics, WaitError> {
        let (front, back) = (self.front.shared(), self.back.shared());
        let keeper = front.keeper.get().or_else(|| back.keeper.get()).cloned();
        let ended = runtime::wait(keeper.as_ref(), None, self.run());
        ended.ok().flatten().ok_or(WaitError::InsideRuntime)
    }
}

impl<F: Forwards, B: Forwards> IntoFuture for Proxy<F, B> {
    type Output = ProxyStatistics;
    type IntoFuture = Pin<Box<dyn Future<Output = ProxyStatistics> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<F: Forwards, B: Forwards> fmt::Debug for Proxy<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("front", &self.front)
            .field("back", &self.back)
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// Both ways.
struct Ways<'a> {
    forth: Option<Way<'a>>,
    back: Option<Way<'a>>,
    handle: &'a ProxyHandle,
}

impl Ways<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.handle.poll_order(cx) {
            Order::Run => {}
            Order::Pause => {
                let ways = [&mut self.forth, &mut self.back];
                ways.into_iter().flatten().for_each(Way::leave);
                return Poll::Pending;
            }
            Order::Terminate => return Poll::Ready(()),
        }
        let (mut forth, mut back) = (Turn::default(), Turn::default());
        let ends = turn(&mut self.forth, cx, &mut forth).and(turn(&mut self.back, cx, &mut back));
        self.handle.count(|statistics| {
            statistics.front.count_received(forth.received);
            statistics.back.count_sent(forth.sent);
            statistics.back.count_received(back.received);
            statistics.front.count_sent(back.sent);
        });
        if ends.is_err() {
            return Poll::Ready(());
        }
        if forth.unfinished || back.unfinished {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

fn turn(way: &mut Option<Way<'_>>, cx: &mut Context<'_>, turn: &mut Turn) -> Result<(), Closed> {
    way.as_mut().map_or(Ok(()), |way| way.poll_turn(cx, turn))
}
