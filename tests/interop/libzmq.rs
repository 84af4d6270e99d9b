//! libzmq 4.3.5 behind the face of the tests. It announces ZMTP 3.1.
//!
//! Its calls block, so each socket has a thread of its own that does what it is told, one thing after the other:
//!
//! ```text
//! test ── order: a closure over the socket ──▶ thread ── what came of it ──▶ test
//! ```
//!
//! A socket of libzmq does what there is to do while its program calls it: one that is bound and is told nothing never
//! tells a publisher that connects what it subscribed to. So between orders the thread looks at its socket, as a program
//! with a loop would.
//!
//! Everything is as libzmq has it by default, a high-water mark of 1000 messages among others, but the time it lingers:
//! what was sent before [`close`](OtherSocket::close) still arrives.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hubless::{Frame, Message, SocketKind};
use peers::libzmq::{Context, Msg, Result, Socket, SocketType, Wait, Zap, option};
use tokio::sync::oneshot;

use crate::DEADLINE;
use crate::other::{Numbering, OtherSocket};
use crate::trust::{self, Trust};

/// How long a socket is left alone.
const IDLE: Duration = Duration::from_millis(1);

/// A socket of libzmq.
pub(crate) struct Libzmq {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

type Order = Box<dyn FnOnce(&mut Place) + Send>;

/// What its thread has: in this order it ends.
struct Place {
    socket: Socket,
    /// Who decides about those that come.
    zap: Option<Zap>,
    context: Context,
}

impl OtherSocket for Libzmq {
    const VERSION: (u8, u8) = (3, 1);

    fn new(kind: SocketKind) -> Self {
        let (orders, todo) = mpsc::channel::<Order>();
        let thread = thread::spawn(move || {
            let context = Context::new();
            let mut place = Place {
                socket: context.socket(named(kind)).expect("libzmq makes a socket"),
                zap: None,
                context,
            };
            let linger = DEADLINE.as_millis() as i32;
            place.socket.set(option::LINGER, linger).expect("libzmq lingers");
            loop {
                match todo.recv_timeout(IDLE) {
                    Ok(order) => order(&mut place),
                    Err(RecvTimeoutError::Timeout) => drop(place.socket.get(option::EVENTS)),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self { orders, thread }
    }

    async fn trusts(&mut self, trust: Trust, serves: bool) {
        self.order(move |place| {
            if trust == Trust::Plain && serves {
                place.zap = Some(Zap::start(&place.context, trust::DOMAIN, trust::admits));
            }
            trust.tell(&place.socket, serves)
        })
        .await;
    }

    async fn bind(&mut self, endpoint: &str) {
        let endpoint = endpoint.to_owned();
        self.ask(move |socket| socket.bind(&endpoint)).await;
    }

    async fn connect(&mut self, endpoint: &str) {
        let endpoint = endpoint.to_owned();
        self.ask(move |socket| socket.connect(&endpoint)).await;
    }

    async fn send(&mut self, message: impl Into<Message>) {
        let message = message.into();
        self.ask(move |socket| socket.send(&message.iter().collect::<Vec<_>>()))
            .await;
    }

    async fn recv(&mut self) -> Message {
        let frames = self.ask(|socket| socket.recv_timeout(DEADLINE)).await;
        let frames: Vec<Frame> = frames.into_iter().map(Frame::from).collect();
        Message::try_from(frames).expect("libzmq has no message without a frame")
    }

    async fn subscribe(&mut self, prefix: &str) {
        let prefix = prefix.to_owned();
        self.ask(|socket| socket.subscribe(prefix)).await;
    }

    async fn unsubscribe(&mut self, prefix: &str) {
        let prefix = prefix.to_owned();
        self.ask(|socket| socket.unsubscribe(prefix)).await;
    }

    /// The end of the context waits until everything is closed.
    async fn close(self) {
        drop(self.orders);
        let joined = tokio::task::spawn_blocking(|| self.thread.join());
        joined
            .await
            .expect("nobody stops this thread")
            .expect("libzmq's side ends well");
    }
}

impl Numbering for Libzmq {
    async fn recv_from(&mut self) -> (u32, Message) {
        self.ask(|socket| {
            socket.wait_readable(DEADLINE)?;
            let mut received = Msg::new();
            socket.recv_into(&mut received, Wait::No)?;
            Ok((received.routing_id(), received.bytes().to_vec().into()))
        })
        .await
    }

    async fn send_to(&mut self, number: u32, message: impl Into<Message>) {
        let message = message.into();
        self.ask(move |socket| {
            let mut sent = Msg::copy_of(message.frame(0).unwrap_or_default())?;
            sent.set_routing_id(number)?;
            socket.send_msg(&mut sent, Wait::Yes)
        })
        .await;
    }

    async fn connect_peer(&mut self, endpoint: &str) -> u32 {
        let endpoint = endpoint.to_owned();
        self.ask(move |socket| socket.connect_peer(&endpoint)).await
    }
}

impl Libzmq {
    /// DISH: joins a group.
    pub(crate) async fn join(&mut self, group: &str) {
        let group = group.to_owned();
        self.ask(move |socket| socket.join(&group)).await;
    }

    /// DISH: leaves a group.
    pub(crate) async fn leave(&mut self, group: &str) {
        let group = group.to_owned();
        self.ask(move |socket| socket.leave(&group)).await;
    }

    /// RADIO: sends a message in a group.
    pub(crate) async fn send_to_group(&mut self, group: &str, body: Vec<u8>) {
        let group = group.to_owned();
        self.ask(move |socket| {
            let mut message = Msg::copy_of(&body)?;
            message.set_group(&group)?;
            socket.send_msg(&mut message, Wait::Yes)
        })
        .await;
    }

    /// DISH: receives a message, with its group.
    pub(crate) async fn recv_in_group(&mut self) -> (String, Vec<u8>) {
        self.ask(|socket| {
            socket.wait_readable(DEADLINE)?;
            let mut message = Msg::new();
            socket.recv_into(&mut message, Wait::No)?;
            let body = message.bytes().to_vec();
            Ok((message.group(), body))
        })
        .await
    }

    /// Ends as [`close`](OtherSocket::close).
    pub(crate) async fn end(self) {
        self.close().await;
    }

    /// Has the socket's thread do something, and waits for what comes of it.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&Socket) -> Result<T> + Send + 'static,
    ) -> T {
        self.order(move |place| order(&place.socket)).await
    }

    async fn order<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Place) -> Result<T> + Send + 'static,
    ) -> T {
        let (tell, told) = oneshot::channel();
        let order = move |place: &mut Place| drop(tell.send(order(place)));
        self.orders.send(Box::new(order)).expect("its thread lives");
        told.await
            .expect("its thread does all orders")
            .expect("libzmq does as it is told")
    }
}

fn named(kind: SocketKind) -> SocketType {
    match kind {
        SocketKind::Push => SocketType::Push,
        SocketKind::Pull => SocketType::Pull,
        SocketKind::Pub => SocketType::Pub,
        SocketKind::XPub => SocketType::XPub,
        SocketKind::XSub => SocketType::XSub,
        SocketKind::Radio => SocketType::Radio,
        SocketKind::Dish => SocketType::Dish,
        SocketKind::Sub => SocketType::Sub,
        SocketKind::Req => SocketType::Req,
        SocketKind::Rep => SocketType::Rep,
        SocketKind::Dealer => SocketType::Dealer,
        SocketKind::Router => SocketType::Router,
        SocketKind::Pair => SocketType::Pair,
        SocketKind::Client => SocketType::Client,
        SocketKind::Server => SocketType::Server,
        SocketKind::Scatter => SocketType::Scatter,
        SocketKind::Gather => SocketType::Gather,
        SocketKind::Peer => SocketType::Peer,
        SocketKind::Channel => SocketType::Channel,
        SocketKind::Stream => SocketType::Stream,
        SocketKind::Dgram => SocketType::Dgram,
        _ => panic!("no test talks to a {kind}"),
    }
}
