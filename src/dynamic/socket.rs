//! One socket, of whatever kind: endpoints, messages and frames.

use std::fmt;
#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::built::Built;
use super::context;
use super::frames::{Incoming, Outgoing};
use super::message::{Message, of_frames};
use super::option;
use super::receiving::{Manners, frames_of};
use super::settings::Settings;
use super::signal::Signal;
use super::{Errno, event};
use crate::endpoint::Endpoint;
use crate::error::EndpointError;
use crate::message::Frame;
use crate::runtime;
use crate::stats::Stats;
use crate::sync::Mutex;

/// A socket whose kind is a number.
///
/// It is made by [`Context::socket`](super::Context::socket), described by [options](Self::set_option), and there as soon
/// as it is first used: bound, connected, sent to, received from, or asked for its [`EVENTS`](option::EVENTS). Options that
/// are no [live](super::option::OptionInfo::is_live) ones are fixed from then on.
///
/// All methods take `&self`, from any thread. What belongs together (the frames of a message, question and answer of a REQ
/// or REP) is one thread's business at a time.
///
/// Dropping it closes it: it returns at once, and what is queued goes out in the background, for as long as its
/// `LINGER` allows. [`Context::terminate`](super::Context::terminate) waits for that.
///
/// # Examples
///
/// See the [module](super).
pub struct Socket {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    id: u64,
    context: Arc<context::Inner>,
    pub(super) settings: Mutex<Settings>,
    pub(super) built: OnceLock<Arc<Built>>,
    /// Where it is bound and connected, as it was told.
    endpoints: Mutex<Vec<Endpoint>>,
    pub(super) outgoing: Mutex<Outgoing>,
    pub(super) incoming: Mutex<Incoming>,
    /// Its descriptor, if somebody has asked for it.
    pub(super) signal: OnceLock<Signal>,
}

impl Socket {
    pub(super) fn new(kind: i32, id: u64, context: &Arc<context::Inner>, lingers: bool) -> Self {
        let mut settings = Settings::new(kind);
        if !lingers {
            let zero = 0i32.to_ne_bytes().to_vec().into();
            // A number that this option takes.
            let _ = settings.keep(option::LINGER, zero);
        }
        Self {
            inner: Arc::new(Inner {
                id,
                context: context.clone(),
                settings: Mutex::new(settings),
                built: OnceLock::new(),
                endpoints: Mutex::default(),
                outgoing: Mutex::default(),
                incoming: Mutex::default(),
                signal: OnceLock::new(),
            }),
        }
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The number of its kind.
    pub fn kind(&self) -> i32 {
        self.inner.settings.lock().kind
    }

    /// What was sent, received, dropped and queued so far: see [`Socket::stats`](crate::Socket::stats).
    pub fn stats(&self) -> Stats {
        self.inner
            .built
            .get()
            .map_or_else(Stats::default, |built| built.shared().stats())
    }

    // ---- endpoints ---------------------------------------------------------------------------------------------

    /// Listens at an endpoint; [`LAST_ENDPOINT`](option::LAST_ENDPOINT) is then that endpoint as the system resolved it.
    /// libzmq: `zmq_bind`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when it is none, or the options contradict each other;
    /// [`EPROTONOSUPPORT`](Errno::EPROTONOSUPPORT) when there is no such transport;
    /// [`ENOCOMPATPROTO`](Errno::ENOCOMPATPROTO) when this kind does not bind it; [`EADDRINUSE`](Errno::EADDRINUSE),
    /// [`EADDRNOTAVAIL`](Errno::EADDRNOTAVAIL), [`ENODEV`](Errno::ENODEV), or what else the system says;
    /// [`EMTHREAD`](Errno::EMTHREAD), [`EDEADLK`](Errno::EDEADLK), [`ETERM`](Errno::ETERM).
    pub fn bind(&self, at: &str) -> Result<(), Errno> {
        self.inner.is_alive()?;
        at.parse::<Endpoint>().map_err(|error| Errno::from(&error))?;
        self.inner.may_wait()?;
        let call = self.inner.call(0);
        let bound = call.says(self.inner.built()?.bind(at))?;
        self.inner.settings.lock().last_endpoint = bound.to_string();
        self.inner.endpoints.lock().push(bound);
        Ok(())
    }

    /// Begins to dial an endpoint. Nobody needs to listen there yet. libzmq: `zmq_connect`.
    ///
    /// A second time nothing happens for PUB, SUB, XSUB, REQ and DEALER; the others have a second connection then.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), except what the system says, which is tried again.
    /// [`EADDRINUSE`](Errno::EADDRINUSE) when another peer has the
    /// [`CONNECT_ROUTING_ID`](option::CONNECT_ROUTING_ID).
    pub fn connect(&self, to: &str) -> Result<(), Errno> {
        self.inner.is_alive()?;
        let endpoint: Endpoint = to.parse().map_err(|error| Errno::from(&error))?;
        self.inner.may_wait()?;
        let call = self.inner.call(0);
        let built = self.inner.built()?;
        let name = self.inner.settings.lock().next_name.take();
        let connected = match built.connect(&endpoint, name.as_deref()) {
            Err(EndpointError::AlreadyConnected(_)) if self.inner.endpoints.lock().contains(&endpoint) => {
                return Ok(());
            }
            // It was disconnected, and is about to end.
            Err(EndpointError::AlreadyConnected(_)) => {
                built.ended(&endpoint)?;
                built.connect(&endpoint, name.as_deref())
            }
            connected => connected,
        };
        call.says(connected.map_err(Errno::from))?;
        self.inner.settings.lock().last_endpoint = endpoint.to_string();
        self.inner.endpoints.lock().push(endpoint);
        Ok(())
    }

    /// PEER: [connects](Self::connect), and returns the number of the peer that will be there. libzmq: `zmq_connect_peer`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); [`ENOTSUP`](Errno::ENOTSUP) for another kind.
    pub fn connect_peer(&self, to: &str) -> Result<u32, Errno> {
        self.inner.is_alive()?;
        let endpoint: Endpoint = to.parse().map_err(|error| Errno::from(&error))?;
        self.inner.may_wait()?;
        let call = self.inner.call(0);
        let number = call.says(self.inner.built()?.connect_peer(&endpoint))?;
        self.inner.settings.lock().last_endpoint = endpoint.to_string();
        self.inner.endpoints.lock().push(endpoint);
        Ok(number)
    }

    /// Ends listening at an endpoint, and the connections that were accepted there. libzmq: `zmq_unbind`.
    ///
    /// Nobody listens there any more when it returns; what is queued for the connections goes out in the background,
    /// for as long as `LINGER` allows. As in libzmq it does what [`disconnect`](Self::disconnect) does.
    ///
    /// # Errors
    ///
    /// [`ENOENT`](Errno::ENOENT) when there is no such endpoint, [`EINVAL`](Errno::EINVAL) and
    /// [`EPROTONOSUPPORT`](Errno::EPROTONOSUPPORT) when it is none, [`EDEADLK`](Errno::EDEADLK), [`ETERM`](Errno::ETERM).
    pub fn unbind(&self, at: &str) -> Result<(), Errno> {
        self.inner.is_alive()?;
        let endpoint: Endpoint = at.parse().map_err(|error| Errno::of_unknown(&error))?;
        self.inner.may_wait()?;
        {
            let mut endpoints = self.inner.endpoints.lock();
            let before = endpoints.len();
            endpoints.retain(|other| *other != endpoint);
            if endpoints.len() == before {
                return Err(Errno::ENOENT);
            }
        }
        let linger = self.inner.settings.lock().linger();
        let ended = self.inner.built()?.end(&endpoint, linger);
        ended.map_err(|error| self.inner.judge(error))
    }

    /// Ends dialing an endpoint, and its connections: see [`unbind`](Self::unbind). libzmq: `zmq_disconnect`.
    ///
    /// # Errors
    ///
    /// As [`unbind`](Self::unbind).
    pub fn disconnect(&self, from: &str) -> Result<(), Errno> {
        self.unbind(from)
    }

    /// SERVER, PEER: ends the connection to the peer that has this number. libzmq: `zmq_disconnect_peer`.
    ///
    /// # Errors
    ///
    /// [`EHOSTUNREACH`](Errno::EHOSTUNREACH) when there is none, [`ENOTSUP`](Errno::ENOTSUP) for another kind.
    pub fn disconnect_peer(&self, number: u32) -> Result<(), Errno> {
        self.inner.is_alive()?;
        let ended = self.inner.built()?.disconnect_peer(number);
        ended.map_err(|error| self.inner.judge(error))
    }

    /// DISH: joins a group. libzmq: `zmq_join`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when it is joined already or its name has more than 255 bytes,
    /// [`ENOTSUP`](Errno::ENOTSUP) for another kind.
    pub fn join(&self, group: impl AsRef<[u8]>) -> Result<(), Errno> {
        self.inner.is_alive()?;
        self.inner.built()?.join(group.as_ref())
    }

    /// DISH: leaves a group. libzmq: `zmq_leave`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when it is not joined, [`ENOTSUP`](Errno::ENOTSUP) for another kind.
    pub fn leave(&self, group: impl AsRef<[u8]>) -> Result<(), Errno> {
        self.inner.is_alive()?;
        self.inner.built()?.leave(group.as_ref())
    }

    // ---- sending -----------------------------------------------------------------------------------------------

    /// Sends a whole message, or with [`SNDMORE`](super::flag::SNDMORE) the beginning of one. libzmq: `zmq_msg_send`.
    ///
    /// What waits and what is dropped is a matter of its kind. It waits as long as [`SNDTIMEO`](option::SNDTIMEO) says,
    /// with [`DONTWAIT`](super::flag::DONTWAIT) not at all. A message that could not be sent is gone: clone it before, which
    /// costs little.
    ///
    /// # Errors
    ///
    /// | | |
    /// |---|---|
    /// | [`EAGAIN`](Errno::EAGAIN) | it would have to wait longer; frames that were given before stay, so that the last one can be given again |
    /// | [`EFSM`](Errno::EFSM) | a REQ has not heard the answer to its last question, a REP has nothing to answer |
    /// | [`EHOSTUNREACH`](Errno::EHOSTUNREACH) | ROUTER with `ROUTER_MANDATORY`, SERVER, PEER, STREAM: the peer is not there |
    /// | [`ENOTSUP`](Errno::ENOTSUP) | SUB, PULL, DISH, GATHER |
    /// | [`EINVAL`](Errno::EINVAL) | several frames where a kind has one, other than two for a DGRAM |
    /// | [`EMSGSIZE`](Errno::EMSGSIZE) | it is larger than [`MAXMSGSIZE`](option::MAXMSGSIZE), or has too many frames |
    /// | [`ETERM`](Errno::ETERM) | the context was shut down |
    /// | [`EDEADLK`](Errno::EDEADLK) | it would have to wait inside an async runtime |
    pub fn send_message(&self, message: impl Into<Message>, flags: i32) -> Result<(), Errno> {
        let inner = &*self.inner;
        inner.is_alive()?;
        inner.call(event::POLLOUT).says(inner.send(message.into(), flags))
    }

    /// Sends a frame: with [`SNDMORE`](super::flag::SNDMORE) more of the message follow, without it is the last. libzmq:
    /// `zmq_send`.
    ///
    /// # Errors
    ///
    /// As [`send_message`](Self::send_message). What can be known with the first frame is said to the first frame.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::dynamic::{Context, Errno, flag, kind, option};
    ///
    /// let context = Context::new();
    /// let (push, pull) = (context.socket(kind::PUSH)?, context.socket(kind::PULL)?);
    /// pull.bind("inproc://frames")?;
    /// push.connect("inproc://frames")?;
    ///
    /// push.send("two", flag::SNDMORE)?;
    /// push.send("frames", 0)?;
    /// assert_eq!(pull.recv(0)?, "two");
    /// assert_eq!(pull.int_option(option::RCVMORE)?, 1);
    /// assert_eq!(pull.recv(0)?, "frames");
    /// assert_eq!(pull.int_option(option::RCVMORE)?, 0);
    /// # Ok::<(), Errno>(())
    /// ```
    pub fn send(&self, frame: impl Into<Frame>, flags: i32) -> Result<(), Errno> {
        self.send_message(crate::Message::from(frame.into()), flags)
    }

    // ---- receiving ---------------------------------------------------------------------------------------------

    /// Receives a whole message, or what is left of one that was begun with [`recv`](Self::recv).
    ///
    /// It waits as long as [`RCVTIMEO`](option::RCVTIMEO) says, with [`DONTWAIT`](super::flag::DONTWAIT) not at all.
    ///
    /// # Errors
    ///
    /// | | |
    /// |---|---|
    /// | [`EAGAIN`](Errno::EAGAIN) | it would have to wait longer |
    /// | [`EFSM`](Errno::EFSM) | a REQ has asked nothing, a REP has not answered |
    /// | [`ENOTSUP`](Errno::ENOTSUP) | PUSH, PUB, RADIO, SCATTER |
    /// | [`ETERM`](Errno::ETERM) | the context was shut down |
    /// | [`EDEADLK`](Errno::EDEADLK) | it would have to wait inside an async runtime |
    pub fn recv_message(&self, flags: i32) -> Result<Message, Errno> {
        let inner = &*self.inner;
        inner.is_alive()?;
        let rest = std::mem::take(&mut inner.incoming.lock().rest);
        if !rest.is_empty() {
            return Ok(of_frames(rest.into()));
        }
        inner.call(event::POLLIN).says(inner.recv(flags))
    }

    /// Receives a frame; [`RCVMORE`](option::RCVMORE) says whether there are more of its message. libzmq: `zmq_recv`.
    ///
    /// # Errors
    ///
    /// As [`recv_message`](Self::recv_message).
    pub fn recv(&self, flags: i32) -> Result<Frame, Errno> {
        let inner = &*self.inner;
        inner.is_alive()?;
        if let Some(next) = inner.incoming.lock().rest.pop_front() {
            return Ok(next);
        }
        let call = inner.call(event::POLLIN);
        let received = call.says(inner.recv(flags))?;
        let mut frames = frames_of(received);
        let first = frames.pop_front().unwrap_or_default();
        inner.incoming.lock().rest = frames;
        Ok(first)
    }

    // ---- a loop of the program's own ---------------------------------------------------------------------------

    /// A descriptor that becomes readable when the socket may have become ready: for programs whose own loop waits for
    /// descriptors. libzmq: `ZMQ_FD`; as a number it is the option [`FD`](option::FD).
    ///
    /// It tells of changes, not of states. When it is readable, read [`EVENTS`](option::EVENTS), and receive and send until
    /// `EVENTS`, or [`EAGAIN`](Errno::EAGAIN), says that there is no more to do: from then on it becomes readable whenever
    /// there is again. Begin by reading `EVENTS` once. It may be readable when nothing is ready, and is for good once the context
    /// is shut down. Only wait for it: never read from it, write to it or close it.
    ///
    /// It is there, and the same, until the socket is dropped. A socket that is never asked for it has none.
    ///
    /// # Errors
    ///
    /// [`EMFILE`](Errno::EMFILE), or what else the system says, when there is no descriptor left: it takes two.
    /// [`ETERM`](Errno::ETERM).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// use hubless::dynamic::{Context, event, flag, kind, option};
    /// use tokio::io::Interest;
    /// use tokio::net::UnixStream;
    ///
    /// let context = Context::new();
    /// let (pull, push) = (context.socket(kind::PULL)?, context.socket(kind::PUSH)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    ///
    /// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    /// runtime.block_on(async {
    ///     let signal = UnixStream::from_std(pull.fd()?.try_clone_to_owned()?.into())?;
    ///     push.send("work", flag::DONTWAIT)?;
    ///     while pull.int_option(option::EVENTS)? & i32::from(event::POLLIN) == 0 {
    ///         signal.readable().await?;
    ///         // It is not read: to tokio it is as if nothing had been there.
    ///         let nothing = || Err::<(), _>(ErrorKind::WouldBlock.into());
    ///         assert!(signal.try_io(Interest::READABLE, nothing).is_err());
    ///     }
    ///     assert_eq!(pull.recv(flag::DONTWAIT)?, "work");
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(unix)]
    pub fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.inner.is_alive()?;
        Ok(self.inner.signal()?.fd())
    }

    // ---- options -----------------------------------------------------------------------------------------------

    /// Sets an option: see [`option`](super::option). libzmq: `zmq_setsockopt`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when this kind has no such option, the value is none that it can have, or the socket is in
    /// use and the option fixed, unless that is the value it has. [`ETERM`](Errno::ETERM).
    pub fn set_option(&self, number: i32, value: &[u8]) -> Result<(), Errno> {
        let inner = &*self.inner;
        inner.is_alive()?;
        let mut settings = inner.settings.lock();
        let option = settings.find(number)?;
        if !option.is_writable() {
            return Err(Errno::EINVAL);
        }
        let value = Settings::check(option, value)?;
        match (number, inner.built.get()) {
            (option::SUBSCRIBE | option::UNSUBSCRIBE, built) => {
                let subscribe = number == option::SUBSCRIBE;
                match built {
                    Some(built) => built.want(subscribe, &value, settings.is_on(option::XPUB_MANUAL)),
                    None => settings.want_later(subscribe, Bytes::copy_from_slice(&value)),
                }
            }
            (option::CONNECT_ROUTING_ID, _) => {
                settings.next_name = Some(Bytes::copy_from_slice(&value));
                Ok(())
            }
            (option::SNDHWM | option::RCVHWM, Some(built)) => {
                settings.keep(number, value)?;
                built.set_mark(number, settings.int(number));
                Ok(())
            }
            // Too late, unless it is so already.
            (_, Some(_)) if !option.is_live() && !settings.says(option, &value) => Err(Errno::EINVAL),
            _ => settings.keep(number, value),
        }
    }

    /// Sets an option that is a C `int`.
    ///
    /// # Errors
    ///
    /// As [`set_option`](Self::set_option).
    pub fn set_int_option(&self, number: i32, value: i32) -> Result<(), Errno> {
        self.set_option(number, &value.to_ne_bytes())
    }

    /// Reads an option: numbers in the machine's order, texts without the zero that C puts behind them, keys as 32 bytes.
    /// libzmq: `zmq_getsockopt`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`](Errno::EINVAL) when this kind has no such option, or none that can be read. [`ETERM`](Errno::ETERM).
    pub fn option(&self, number: i32) -> Result<Vec<u8>, Errno> {
        let inner = &*self.inner;
        inner.is_alive()?;
        let int = |number: i32| Ok(number.to_ne_bytes().to_vec());
        match number {
            option::RCVMORE => return int((!inner.incoming.lock().rest.is_empty()).into()),
            option::EVENTS => return int(inner.events()?.into()),
            option::FD => return int(inner.signal()?.number()),
            _ => {}
        }
        let option = inner.settings.lock().find_to_tell(number)?;
        match (number, inner.built.get()) {
            (option::TOPICS_COUNT, built) => {
                let topics = built.map_or_else(
                    || inner.settings.lock().subscriptions.len(),
                    |built| built.topics(),
                );
                int(i32::try_from(topics).unwrap_or(i32::MAX))
            }
            (option::ROUTING_ID, Some(built)) => match built.newest_stream_id() {
                Some(id) => Ok(id),
                None => Ok(inner.settings.lock().told(option)?.to_vec()),
            },
            _ => Ok(inner.settings.lock().told(option)?.to_vec()),
        }
    }

    /// Reads an option that is a C `int`.
    ///
    /// # Errors
    ///
    /// As [`option`](Self::option); [`EINVAL`](Errno::EINVAL) for one that is no `int`.
    pub fn int_option(&self, number: i32) -> Result<i32, Errno> {
        let value = self.option(number)?;
        let value = <[u8; 4]>::try_from(value).map_err(|_| Errno::EINVAL)?;
        Ok(i32::from_ne_bytes(value))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.inner.end();
        let built = self.inner.built.get();
        self.inner
            .context
            .leave(self.inner.id, built.map(|built| built.shared().clone()));
        let Some(built) = built.cloned() else { return };
        // Whoever drops the typed socket before its time gives it another linger.
        if let Some(keeper) = built.shared().keeper.get().cloned() {
            runtime::spawn(keeper.handle(), async move {
                built.shared().tasks.ended(|_, _| true).await;
            });
            keeper.mind_the_rest();
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("kind", &self.settings.lock().kind)
            .field("endpoints", &*self.endpoints.lock())
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn is_alive(&self) -> Result<(), Errno> {
        if self.context.is_down() {
            return Err(Errno::ETERM);
        }
        Ok(())
    }

    /// What a call says that failed: of a socket that its context has closed, that.
    pub(super) fn judge(&self, error: Errno) -> Errno {
        match self.context.is_down() {
            true => Errno::ETERM,
            false => error,
        }
    }

    fn may_wait(&self) -> Result<(), Errno> {
        runtime::may_wait().map_err(|_| Errno::EDEADLK)
    }

    /// The socket that was described.
    pub(super) fn built(&self) -> Result<&Arc<Built>, Errno> {
        if let Some(built) = self.built.get() {
            return Ok(built);
        }
        let mut settings = self.settings.lock();
        if self.built.get().is_none() {
            let context = self.context.context.get().ok_or(Errno::ETERM)?;
            let built = Built::new(settings.kind, settings.options(context)?)?;
            for (prefix, times) in std::mem::take(&mut settings.subscriptions) {
                (0..times).try_for_each(|_| built.want(true, &prefix, false))?;
            }
            self.built.get_or_init(|| Arc::new(built));
        }
        drop(settings);
        if self.context.is_down() {
            self.end();
        }
        self.built.get().ok_or(Errno::ENOTSOCK)
    }

    /// Closes it, for all calls.
    pub(super) fn end(&self) {
        let linger = self.settings.lock().linger();
        self.outgoing.lock().room = None;
        if let Some(built) = self.built.get() {
            built.close(linger);
        }
        if let Some(signal) = self.signal.get() {
            signal.ring();
        }
    }

    pub(super) fn manners(&self) -> Manners {
        let settings = self.settings.lock();
        Manners {
            relaxed: settings.is_on(option::REQ_RELAXED),
            mandatory: settings.is_on(option::ROUTER_MANDATORY),
        }
    }

    /// What is ready now; the signal tells of what is not.
    fn events(&self) -> Result<i16, Errno> {
        let all = event::POLLIN | event::POLLOUT;
        let _call = self.call(all);
        let (receiving, sending) = self.is_in_the_middle();
        let (readable, writable) = self.built()?.ready_now(self.manners());
        self.is_alive()?;
        let events = event::of(receiving || readable, sending || writable);
        if let Some(signal) = self.signal.get() {
            signal.seen(all, events);
        }
        Ok(events)
    }
}
