//! The `zeromq` crate 0.7 behind the face of the tests: the library that is written in Rust alone. It announces ZMTP 3.0
//! and knows no command but READY, so it stands for older peers too: to it subscriptions are messages, and a PING would
//! be a reason to hang up.
//!
//! It takes and gives every message of these tests, over tcp and ipc alike. What it does otherwise than libzmq and hubless,
//! as seen with 0.7.0, and what the tests make of it:
//!
//! - A socket that has no peer does not wait: `send` gives the message back. [`Side::send`] waits for the peer.
//! - `connect` returns when the handshake is done, so whoever binds comes first. Only a SUB dials again when its
//!   connection is lost, and it notices that only while it receives. So in [`restarts`](crate::restarts) it is mostly the
//!   crate that goes and comes back.
//! - A PUB does not say who has subscribed, so there the tests ask until they are heard; an XPUB does.
//! - A SUB tells every `subscribe` and every `unsubscribe`, however often, and takes only text for a prefix.
//! - A PUSH reads nothing: it does not see that its peer has closed, who waits his second for it, until it has written
//!   into the void.
//! - A PULL that is dropped leaves its connections open: the task that writes to them (nothing, in its case) keeps alive
//!   what it waits for the end of. So each socket has a runtime of its own here, which ends with it.
//! - `ipc://*` panics (`not yet implemented`), `ipc://@name` is not an abstract name but a file called `@name`, and a name
//!   that a dead process has left behind is `AddrInUse`. [`Meeting`](crate::meeting::Meeting) gives paths that are free.
//!   The file of a listener is removed some time after the socket is dropped, which could hit the next one's; closing
//!   waits for that.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use hubless::{Frame, Message, SocketKind};
use peers::zeromq::prelude::*;
use peers::zeromq::{
    PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, SocketEvent, SubSocket, XPubSocket, ZmqError,
    ZmqMessage, ZmqResult,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::other::OtherSocket;
use crate::trust::Trust;

/// A socket of the `zeromq` crate.
pub(crate) struct ZeromqCrate {
    /// Lent to the task that does what is asked of it.
    side: Arc<Mutex<Side>>,
    home: Home,
}

/// A socket, and what happens to it.
struct Side {
    socket: AnySocket,
    events: Box<dyn Stream<Item = SocketEvent> + Send + Unpin>,
}

/// The crate has a type for each kind, and traits that make no objects.
enum AnySocket {
    Push(PushSocket),
    Pull(PullSocket),
    Pub(PubSocket),
    XPub(XPubSocket),
    Sub(SubSocket),
    Req(ReqSocket),
    Rep(RepSocket),
}

/// Does the same with whichever socket it is.
macro_rules! each {
    ($any:expr, $socket:ident => $call:expr) => {
        match $any {
            AnySocket::Push($socket) => $call,
            AnySocket::Pull($socket) => $call,
            AnySocket::Pub($socket) => $call,
            AnySocket::XPub($socket) => $call,
            AnySocket::Sub($socket) => $call,
            AnySocket::Req($socket) => $call,
            AnySocket::Rep($socket) => $call,
        }
    };
}

impl OtherSocket for ZeromqCrate {
    const VERSION: (u8, u8) = (3, 0);

    fn new(kind: SocketKind) -> Self {
        let home = Home::new();
        let _entered = home.runtime().enter();
        let mut socket = match kind {
            SocketKind::Push => AnySocket::Push(PushSocket::new()),
            SocketKind::Pull => AnySocket::Pull(PullSocket::new()),
            SocketKind::Pub => AnySocket::Pub(PubSocket::new()),
            SocketKind::XPub => AnySocket::XPub(XPubSocket::new()),
            SocketKind::Sub => AnySocket::Sub(SubSocket::new()),
            SocketKind::Req => AnySocket::Req(ReqSocket::new()),
            SocketKind::Rep => AnySocket::Rep(RepSocket::new()),
            _ => panic!("no test talks to a {kind}"),
        };
        let events = Box::new(each!(&mut socket, socket => socket.monitor()));
        let side = Arc::new(Mutex::new(Side { socket, events }));
        Self { side, home }
    }

    async fn trusts(&mut self, trust: Trust, _: bool) {
        assert_eq!(trust, Trust::Null, "it has no other");
    }

    async fn bind(&mut self, endpoint: &str) {
        let (mut side, endpoint) = (self.lend().await, endpoint.to_owned());
        self.home
            .ask(async move { each!(&mut side.socket, socket => socket.bind(&endpoint).await) })
            .await;
    }

    async fn connect(&mut self, endpoint: &str) {
        let (mut side, endpoint) = (self.lend().await, endpoint.to_owned());
        self.home
            .ask(async move { each!(&mut side.socket, socket => socket.connect(&endpoint).await) })
            .await;
    }

    async fn send(&mut self, message: impl Into<Message>) {
        let mut side = self.lend().await;
        let message = message.into();
        let frames: Vec<_> = message.iter().map(Bytes::copy_from_slice).collect();
        let message = ZmqMessage::try_from(frames).expect("a message has a frame");
        self.home.ask(async move { side.send(message).await }).await;
    }

    async fn recv(&mut self) -> Message {
        let mut side = self.lend().await;
        let message = self.home.ask(async move { side.recv().await }).await;
        let frames: Vec<Frame> = message.into_vec().into_iter().map(Frame::from).collect();
        Message::try_from(frames).expect("it has no message without a frame")
    }

    async fn subscribe(&mut self, prefix: &str) {
        let (mut side, prefix) = (self.lend().await, prefix.to_owned());
        self.home
            .ask(async move { side.subscriber().subscribe(&prefix).await })
            .await;
    }

    async fn unsubscribe(&mut self, prefix: &str) {
        let (mut side, prefix) = (self.lend().await, prefix.to_owned());
        self.home
            .ask(async move { side.subscriber().unsubscribe(&prefix).await })
            .await;
    }

    async fn close(self) {
        let mut side = self.lend().await;
        let unbinding = async move { Ok(each!(&mut side.socket, socket => socket.unbind_all().await)) };
        let errors = self.home.ask(unbinding).await;
        assert!(errors.is_empty(), "{errors:?}");
    }
}

impl ZeromqCrate {
    /// The socket, for a task on its own runtime.
    async fn lend(&self) -> OwnedMutexGuard<Side> {
        self.side.clone().lock_owned().await
    }
}

impl Side {
    /// Waits for a peer where the crate would give the message back.
    async fn send(&mut self, mut message: ZmqMessage) -> ZmqResult<()> {
        loop {
            let sent = match &mut self.socket {
                AnySocket::Push(socket) => socket.send(message).await,
                AnySocket::Pub(socket) => socket.send(message).await,
                AnySocket::XPub(socket) => socket.send(message).await,
                AnySocket::Req(socket) => socket.send(message).await,
                AnySocket::Rep(socket) => socket.send(message).await,
                AnySocket::Pull(_) | AnySocket::Sub(_) => panic!("this kind sends nothing"),
            };
            match sent {
                Err(ZmqError::ReturnToSender {
                    message: returned, ..
                }) => message = returned,
                sent => return sent,
            }
            self.peer().await;
        }
    }

    /// The next peer that comes.
    async fn peer(&mut self) {
        loop {
            match poll_fn(|cx| Pin::new(&mut self.events).poll_next(cx)).await {
                Some(SocketEvent::Accepted(..) | SocketEvent::Connected(..)) => return,
                Some(_) => {}
                None => panic!("its events have ended"),
            }
        }
    }

    async fn recv(&mut self) -> ZmqResult<ZmqMessage> {
        match &mut self.socket {
            AnySocket::Pull(socket) => socket.recv().await,
            AnySocket::XPub(socket) => socket.recv().await,
            AnySocket::Sub(socket) => socket.recv().await,
            AnySocket::Req(socket) => socket.recv().await,
            AnySocket::Rep(socket) => socket.recv().await,
            AnySocket::Push(_) | AnySocket::Pub(_) => panic!("this kind receives nothing"),
        }
    }

    fn subscriber(&mut self) -> &mut SubSocket {
        match &mut self.socket {
            AnySocket::Sub(socket) => socket,
            _ => panic!("this kind does not subscribe"),
        }
    }
}

/// A runtime that ends with the socket it was made for, and takes along what the socket leaves behind.
struct Home(Option<Runtime>);

impl Home {
    fn new() -> Self {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build();
        Self(Some(runtime.expect("a runtime")))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }

    /// Has something done there, where the crate starts its tasks.
    async fn ask<T: Send + 'static>(&self, work: impl Future<Output = ZmqResult<T>> + Send + 'static) -> T {
        let done = self.runtime().spawn(work).await;
        done.expect("nobody stops this task")
            .expect("the crate does as it is told")
    }
}

impl Drop for Home {
    /// In the background, because a task of another runtime must not wait for the end of this one.
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}
