//! The socket behind a number: one of the typed ones, and what a REQ or a REP is in the middle of.
//!
//! ```text
//!  number ──▶ Any::Push(Socket<kind::Push>) │ Any::Pull(…) │ …      what it can do is asked of the typed socket
//! ```

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::{Errno, option};
use crate::driver::Shared;
use crate::endpoint::Endpoint;
use crate::error::{BindError, BuildError, Closed, EndpointError, ThreadsError};
use crate::peer::PeerId;
use crate::runtime::{self, InsideRuntime};
use crate::socket::{Asked, Builder, Linger, Options, Readiness, Request, Room, Socket, kind};
use crate::socket_kind::SocketKind;
use crate::sync::Mutex;

macro_rules! kinds {
    ($($number:literal $name:ident)+) => {
        /// A socket of any kind.
        #[derive(Debug)]
        pub(super) enum Any {
            $($name(Socket<kind::$name>),)+
        }

        impl Any {
            /// `None` for a number that no kind has.
            fn build(number: i32, options: Options) -> Option<Result<Self, BuildError>> {
                match number {
                    $($number => Some(Builder::with(options).build().map(Self::$name)),)+
                    _ => None,
                }
            }
        }

        macro_rules! each {
            ($any:expr, $socket:ident => $what:expr) => {
                match $any {
                    $(Any::$name($socket) => $what,)+
                }
            };
        }
    };
}

kinds! {
    0 Pair 1 Pub 2 Sub 3 Req 4 Rep 5 Dealer 6 Router 7 Pull 8 Push 9 XPub 10 XSub 11 Stream
    12 Server 13 Client 14 Radio 15 Dish 16 Gather 17 Scatter 18 Dgram 19 Peer 20 Channel
}

/// The kind that has this number.
pub(super) fn kind_of(number: i32) -> Result<SocketKind, Errno> {
    let code = u8::try_from(number).map_err(|_| Errno::EINVAL)?;
    SocketKind::from_code(code).ok_or(Errno::EINVAL)
}

/// A socket that is there, not only described.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) any: Any,
    /// REQ: the question that is out.
    pub(super) asked: Mutex<Option<Asked>>,
    /// REP: the request that is to be answered.
    pub(super) request: Mutex<Option<Request>>,
    /// Names that were given to those whom a STREAM connects to.
    pub(super) names: Mutex<Vec<(Endpoint, Vec<u8>)>>,
    /// Room that was found when somebody asked whether there is some: the next message's.
    pub(super) room: Mutex<Option<Room>>,
}

impl Built {
    pub(super) fn new(number: i32, options: Options) -> Result<Self, Errno> {
        let any = Any::build(number, options).ok_or(Errno::EINVAL)??;
        Ok(Self {
            any,
            asked: Mutex::default(),
            request: Mutex::default(),
            names: Mutex::default(),
            room: Mutex::default(),
        })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        each!(&self.any, socket => socket.shared())
    }

    fn settle(&self) -> Result<(), ThreadsError> {
        each!(&self.any, socket => socket.settle())
    }

    pub(super) fn readiness(&self) -> Readiness {
        each!(&self.any, socket => socket.readiness())
    }

    pub(super) fn bind(&self, at: &str) -> Result<Endpoint, Errno> {
        self.settle()?;
        let bound = self.wait(None, async { each!(&self.any, socket => socket.bind(at).await) });
        bound?.map_err(BindError::into)
    }

    /// Begins to dial; a second time nothing happens where libzmq does nothing.
    pub(super) fn connect(&self, to: &Endpoint, name: Option<&[u8]>) -> Result<(), EndpointError> {
        self.settle()?;
        match (&self.any, name) {
            (Any::Router(socket), Some(name)) => socket.connect_as(to, name).map(drop)?,
            (Any::Stream(socket), name) => {
                drop(socket.connect(to)?);
                if let Some(name) = name {
                    self.names.lock().push((to.clone(), name.to_vec()));
                }
            }
            _ => each!(&self.any, socket => drop(socket.connect(to)?)),
        }
        self.mind_the_rest();
        Ok(())
    }

    /// Begins to end whatever is at this endpoint; waits until nobody listens there.
    pub(super) fn end(&self, at: &Endpoint, linger: Linger) -> Result<(), Errno> {
        self.names.lock().retain(|(endpoint, _)| endpoint != at);
        each!(&self.any, socket => self.wait(None, socket.end_within(at, linger)))
    }

    /// Waits until everything at this endpoint has ended.
    pub(super) fn ended(&self, at: &Endpoint) -> Result<(), Errno> {
        let tasks = &self.shared().tasks;
        self.wait(None, tasks.ended(|_, task| task.endpoint == *at))
    }

    pub(super) fn close(&self, linger: Linger) {
        // Or it would count as room that somebody waits to use.
        *self.room.lock() = None;
        each!(&self.any, socket => socket.close_within(linger));
    }

    /// A place to wait for room at, for kinds that take turns; the others ask for it by name, or never.
    pub(super) fn new_room(&self) -> Option<Room> {
        Some(match &self.any {
            Any::Push(socket) => socket.room(),
            Any::Dealer(socket) => socket.room(),
            Any::Pair(socket) => socket.room(),
            Any::Client(socket) => socket.room(),
            Any::Scatter(socket) => socket.room(),
            Any::Channel(socket) => socket.room(),
            Any::Pub(socket) => socket.room(),
            Any::XPub(socket) => socket.room(),
            Any::XSub(socket) => socket.room(),
            Any::Radio(socket) => socket.room(),
            _ => return None,
        })
    }

    /// Over when the socket is closed.
    pub(super) async fn closed(&self) {
        each!(&self.any, socket => socket.closed().await)
    }

    /// Over when a peer is connected.
    pub(super) async fn some_peer(&self) -> Result<(), Closed> {
        each!(&self.any, socket => socket.peers().at_least(1).await)
    }

    // ---- what some kinds have for themselves -------------------------------------------------------------------

    pub(super) fn connect_peer(&self, to: &Endpoint) -> Result<u32, Errno> {
        let Any::Peer(socket) = &self.any else {
            return Err(Errno::ENOTSUP);
        };
        self.settle()?;
        let number = socket.connect_peer(to)?;
        self.mind_the_rest();
        Ok(number.get())
    }

    /// Begins to end the connection to a peer.
    pub(super) fn disconnect_peer(&self, number: u32) -> Result<(), Errno> {
        let peer = PeerId::new(number).ok_or(Errno::EHOSTUNREACH)?;
        let begun = match &self.any {
            Any::Server(socket) => now(socket.disconnect_peer(peer)),
            Any::Peer(socket) => now(socket.disconnect_peer(peer)),
            _ => return Err(Errno::ENOTSUP),
        };
        self.mind_the_rest();
        match begun {
            Some(Err(EndpointError::NoPeer(_))) => Err(Errno::EHOSTUNREACH),
            _ => Ok(()),
        }
    }

    pub(super) fn join(&self, group: &[u8]) -> Result<(), Errno> {
        let Any::Dish(socket) = &self.any else {
            return Err(Errno::ENOTSUP);
        };
        let is_new = socket.join(group).map_err(|_| Errno::EINVAL)?;
        self.mind_the_rest();
        is_new.then_some(()).ok_or(Errno::EINVAL)
    }

    pub(super) fn leave(&self, group: &[u8]) -> Result<(), Errno> {
        let Any::Dish(socket) = &self.any else {
            return Err(Errno::ENOTSUP);
        };
        let was_joined = socket.leave(group);
        self.mind_the_rest();
        was_joined.then_some(()).ok_or(Errno::EINVAL)
    }

    /// Changes what is wanted: by this socket, or by the subscriber who was heard of last.
    pub(super) fn want(&self, subscribe: bool, prefix: &[u8], is_manual: bool) -> Result<(), Errno> {
        match (&self.any, subscribe) {
            (Any::Sub(socket), true) => socket.subscribe(prefix),
            (Any::Sub(socket), false) => drop(socket.unsubscribe(prefix)),
            (Any::XPub(socket), true) if is_manual => drop(socket.subscribe(prefix)),
            (Any::XPub(socket), false) if is_manual => drop(socket.unsubscribe(prefix)),
            _ => return Err(Errno::EINVAL),
        }
        self.mind_the_rest();
        Ok(())
    }

    /// How many topics somebody wants: those who subscribe here, or this socket.
    pub(super) fn topics(&self) -> usize {
        match &self.any {
            Any::XPub(socket) => socket.topics(),
            Any::Pub(socket) => socket.wanted_topics(),
            Any::Sub(socket) => socket.topics(),
            Any::XSub(socket) => socket.topics(),
            _ => 0,
        }
    }

    /// Changes the high-water mark that has this option's number.
    pub(super) fn set_mark(&self, number: i32, messages: i32) {
        let messages = messages.unsigned_abs() as usize;
        match number {
            option::SNDHWM => each!(&self.any, socket => socket.mark_outgoing(messages)),
            _ => each!(&self.any, socket => socket.mark_incoming(messages)),
        }
    }

    /// STREAM: the id of the peer that came last, if it is one.
    pub(super) fn newest_stream_id(&self) -> Option<Vec<u8>> {
        let Any::Stream(socket) = &self.any else {
            return None;
        };
        let newest = socket.shared().peers.list().into_iter().next_back();
        Some(newest.map(|peer| self.stream_id(&peer)).unwrap_or_default())
    }

    // ---- waiting -----------------------------------------------------------------------------------------------

    /// Waits for a future, as long as it takes or at most for a time.
    pub(super) fn wait<F: Future>(&self, limit: Option<Duration>, future: F) -> Result<F::Output, Errno> {
        let keeper = self.shared().keeper.get();
        if limit.is_some_and(|limit| limit.is_zero()) {
            let looked = now(future);
            self.mind_the_rest();
            return looked.ok_or(Errno::EAGAIN);
        }
        match runtime::wait(keeper, limit, future) {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err(Errno::EAGAIN),
            Err(InsideRuntime) => Err(Errno::EDEADLK),
        }
    }

    /// Something was done without waiting that may have left work for whoever drives.
    pub(super) fn mind_the_rest(&self) {
        self.shared().mind_the_rest();
    }
}

/// What is ready at once. One that only wants others to have their turn is looked at again.
pub(super) fn now<F: Future>(future: F) -> Option<F::Output> {
    const LOOKS: usize = 3;
    let mut future = pin!(future);
    for _ in 0..LOOKS {
        let (looked, yields) = runtime::look(future.as_mut());
        if let Poll::Ready(output) = looked {
            return Some(output);
        }
        if !yields {
            return None;
        }
    }
    None
}

/// Whichever is ready first of the two; `None` if that is the second.
pub(super) async fn unless<T>(done: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut done, mut work) = (pin!(done), pin!(work));
    poll_fn(|cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        done.as_mut().poll(cx).map(|()| None)
    })
    .await
}
