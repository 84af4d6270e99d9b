//! What the models are put together from: tasks that are woken, lines that take bytes, and a driver.
//!
//! Everything that two threads of a model meet in goes through loom; where a lock of the standard library is used,
//! nobody can be waiting for it, because threads change only inside loom's own operations.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::Mutex as Plain;
use std::sync::atomic::AtomicUsize as PlainCount;
use std::task::{Poll, Wake, Waker};
use std::time::Instant;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread::{self, JoinHandle, Thread};

use crate::frame::{COMMAND, Header, LONG, put_header};
use crate::message::Payload;
use crate::pipe::{self, Batch, Marks, Outbox, OutboxConfig, Outgoing, PipeId, Refusal, SendTicket};
use crate::runtime::{self, Time};
use crate::transport::Writer;

/// Plays a scene in every order of its threads' steps, with at most three preemptions.
pub(crate) fn play(name: &str, time: Time, scene: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    let played = Arc::new(PlainCount::new(0));
    let start = Instant::now();
    builder.check({
        let played = played.clone();
        move || {
            played.fetch_add(1, Ordering::Relaxed);
            runtime::set(time);
            let main = Task::default();
            *main.thread.lock().unwrap() = Some(thread::current());
            TASK.with(|this| this.replace(Arc::new(main)));
            scene();
        }
    });
    let played = played.load(Ordering::Relaxed);
    println!(
        "{name}: {played} orders in {:.1} s",
        start.elapsed().as_secs_f32()
    );
    assert!(
        played > 20,
        "a scene in which nothing happens at the same time shows nothing"
    );
}

// ---- tasks -------------------------------------------------------------------------------------------------

/// What a waker wakes. A task that is not woken stays parked, and loom finds the deadlock.
#[derive(Debug, Default)]
struct Task {
    woken: AtomicBool,
    thread: Plain<Option<Thread>>,
}

loom::thread_local! {
    /// The task that is this thread. It is made before the thread, so that whoever may wake it knows it.
    static TASK: RefCell<Arc<Task>> = RefCell::default();
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.swap(true, Ordering::AcqRel);
        if let Some(thread) = &*self.thread.lock().unwrap() {
            thread.unpark();
        }
    }
}

/// Starts a task.
pub(crate) fn spawn<T: 'static>(work: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    let task = Arc::new(Task::default());
    thread::spawn(move || {
        *task.thread.lock().unwrap() = Some(thread::current());
        TASK.with(|this| this.replace(task));
        work()
    })
}

/// Polls until ready, and sleeps in between until woken.
pub(crate) fn block_on<T>(mut poll: impl FnMut(&Waker) -> Poll<T>) -> T {
    let task = TASK.with(|this| this.borrow().clone());
    let waker = Waker::from(task.clone());
    loop {
        if let Poll::Ready(value) = poll(&waker) {
            return value;
        }
        while !task.woken.swap(false, Ordering::AcqRel) {
            thread::park();
        }
    }
}

/// A word to a task from outside: stop, your line is dead, send a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Word(Arc<WordInner>);

#[derive(Debug, Default)]
struct WordInner {
    given: AtomicBool,
    waker: Plain<Option<Waker>>,
}

impl Word {
    pub(crate) fn give(&self) {
        self.0.given.swap(true, Ordering::AcqRel);
        let waker = self.0.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it was given since it was last asked for.
    pub(crate) fn take(&self, waker: &Waker) -> bool {
        *self.0.waker.lock().unwrap() = Some(waker.clone());
        self.0.given.swap(false, Ordering::AcqRel)
    }
}

// ---- lines -------------------------------------------------------------------------------------------------

/// What the kernel does with a write.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Room {
    /// Takes at most so many bytes; with none it says `WouldBlock`, and has room again at once.
    Bytes(usize),
    /// Takes everything.
    All,
    /// Takes nothing until the line is opened.
    Shut,
    /// The connection is broken, now and for ever.
    Broken,
}

/// The outgoing half of a connection, and what arrives at its other end.
#[derive(Debug)]
pub(crate) struct Line {
    /// How many are writing just now.
    hands: AtomicUsize,
    kernel: Plain<Kernel>,
    peer: Peer,
}

#[derive(Debug)]
struct Kernel {
    accepted: Vec<u8>,
    /// What happens to the next writes; behind that all is taken.
    rooms: VecDeque<Room>,
    /// The driver, while there is no room.
    blocked: Option<Waker>,
}

/// Waits for what arrives, through one line or several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Peer(Arc<Plain<Awaited>>);

#[derive(Debug, Default)]
struct Awaited {
    /// Messages that will not be sent again: come whole, or begun on a line that is broken.
    settled: usize,
    wanted: usize,
    waker: Option<Waker>,
}

impl Peer {
    /// Waits until so many messages are settled: come whole, or begun on a line that is broken.
    pub(crate) fn wait_for(&self, messages: usize) {
        block_on(|waker| {
            let mut awaited = self.0.lock().unwrap();
            if awaited.settled >= messages {
                return Poll::Ready(());
            }
            awaited.wanted = messages;
            awaited.waker = Some(waker.clone());
            Poll::Pending
        });
    }

    fn handle_settled(&self, messages: usize) {
        let waker = {
            let mut awaited = self.0.lock().unwrap();
            awaited.settled += messages;
            let enough = awaited.settled >= awaited.wanted;
            awaited.waker.take_if(|_| enough)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Line {
    pub(crate) fn new(peer: &Peer, rooms: &[Room]) -> Arc<Self> {
        Arc::new(Self {
            hands: AtomicUsize::new(0),
            kernel: Plain::new(Kernel {
                accepted: Vec::new(),
                rooms: rooms.iter().copied().collect(),
                blocked: None,
            }),
            peer: peer.clone(),
        })
    }

    /// As the pipe wants it.
    pub(crate) fn writer(self: &Arc<Self>) -> crate::sync::Arc<dyn Writer> {
        let end: Arc<dyn Writer> = Arc::new(End(self.clone()));
        crate::sync::Arc::from_std(end)
    }

    /// Opens a line that was shut.
    pub(crate) fn open(&self) {
        let blocked = {
            let mut kernel = self.kernel.lock().unwrap();
            kernel.rooms.retain(|room| !matches!(room, Room::Shut));
            kernel.blocked.take()
        };
        if let Some(driver) = blocked {
            driver.wake();
        }
    }

    fn poll_writable(&self, waker: &Waker) -> Poll<()> {
        let mut kernel = self.kernel.lock().unwrap();
        if !matches!(kernel.rooms.front(), Some(Room::Shut)) {
            return Poll::Ready(());
        }
        kernel.blocked = Some(waker.clone());
        Poll::Pending
    }

    /// From now on nothing is taken.
    pub(crate) fn cut(&self) {
        self.change(|kernel| kernel.rooms = [Room::Broken].into());
    }

    /// The messages that have arrived, none of them in part.
    pub(crate) fn all_arrived(&self) -> Vec<Said> {
        let (arrived, more) = self.arrived();
        assert!(!more, "nobody writes the rest");
        said(&arrived)
    }

    /// What has arrived whole, and whether more of a message has.
    pub(crate) fn arrived(&self) -> (Vec<Arrived>, bool) {
        self.kernel.lock().unwrap().arrived()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Kernel) -> T) -> T {
        let mut kernel = self.kernel.lock().unwrap();
        let before = kernel.settled();
        let result = change(&mut kernel);
        let settled = kernel.settled() - before;
        drop(kernel);
        self.peer.handle_settled(settled);
        result
    }
}

/// The line as its writers hold it.
#[derive(Debug)]
struct End(Arc<Line>);

impl Writer for End {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bufs)
    }
}

impl Writer for Line {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let hands = self.hands.fetch_add(1, Ordering::AcqRel);
        assert_eq!(hands, 0, "two hands are on the line");
        let result = self.change(|kernel| kernel.write(bufs));
        self.hands.fetch_sub(1, Ordering::AcqRel);
        result
    }
}

/// One whole frame at the other end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    Message(Said),
    Command,
}

impl Kernel {
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let most = match self.rooms.front() {
            Some(Room::Broken) => return Err(io::ErrorKind::BrokenPipe.into()),
            Some(Room::Shut) => return Err(io::ErrorKind::WouldBlock.into()),
            Some(Room::Bytes(bytes)) => *bytes,
            Some(Room::All) | None => usize::MAX,
        };
        self.rooms.pop_front();
        let before = self.accepted.len();
        for buf in bufs {
            let room = most - (self.accepted.len() - before);
            self.accepted.extend_from_slice(&buf[..buf.len().min(room)]);
        }
        match self.accepted.len() - before {
            0 if bufs.iter().any(|buf| !buf.is_empty()) => Err(io::ErrorKind::WouldBlock.into()),
            accepted => Ok(accepted),
        }
    }

    fn arrived(&self) -> (Vec<Arrived>, bool) {
        let (mut arrived, mut rest) = (Vec::new(), &self.accepted[..]);
        while let Some(header) = Header::decode(rest) {
            assert_eq!(header.flags & !(LONG | COMMAND), 0, "the bytes are not in order");
            let Some(body) = rest.get(header.len..header.len + header.size as usize) else {
                break;
            };
            arrived.push(if header.is_command() {
                assert_eq!(body, COMMAND_BODY, "a command comes as it was sent");
                Arrived::Command
            } else {
                Arrived::Message(Said::read(body))
            });
            rest = &rest[header.len + body.len()..];
        }
        (arrived, rest.first().is_some_and(|flags| flags & COMMAND == 0))
    }

    fn settled(&self) -> usize {
        let (arrived, more) = self.arrived();
        let broken = matches!(self.rooms.front(), Some(Room::Broken));
        said(&arrived).len() + usize::from(more && broken)
    }
}

// ---- messages ----------------------------------------------------------------------------------------------

/// What a message of a scene says: who sent it, and which of his it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Said {
    pub(crate) who: u8,
    pub(crate) nth: u8,
}

const COMMAND_BODY: &[u8] = b"\x04PING";

impl Said {
    pub(crate) fn read(body: &[u8]) -> Self {
        let &[who, nth, ..] = body else {
            panic!("no message of ours: {body:?}")
        };
        Self { who, nth }
    }
}

/// The messages among what has arrived.
pub(crate) fn said(arrived: &[Arrived]) -> Vec<Said> {
    let messages = arrived.iter().filter_map(|frame| match frame {
        Arrived::Message(said) => Some(*said),
        Arrived::Command => None,
    });
    messages.collect()
}

/// No message comes twice, and those of one sender come in the order in which he sent them.
pub(crate) fn assert_in_order(said: &[Said]) {
    for (i, later) in said.iter().enumerate() {
        let earlier = said[..i].iter().rev().find(|earlier| earlier.who == later.who);
        assert!(
            earlier.is_none_or(|earlier| earlier.nth < later.nth),
            "out of order: {said:?}"
        );
    }
}

// ---- senders -----------------------------------------------------------------------------------------------

/// An outbox with this high-water mark.
pub(crate) fn outbox(hwm: usize) -> Arc<Outbox> {
    Arc::new(Outbox::new(config(hwm)))
}

pub(crate) fn config(hwm: usize) -> OutboxConfig {
    OutboxConfig {
        marks: Marks {
            messages: hwm,
            bytes: usize::MAX,
        },
        share_from: 1024,
        conflate: false,
        reroute: false,
    }
}

/// The future of one send, as `socket/core.rs` has it.
pub(crate) struct Sending<'a> {
    outbox: &'a Outbox,
    body: Vec<u8>,
    ticket: SendTicket,
}

impl<'a> Sending<'a> {
    pub(crate) fn new(outbox: &'a Outbox, who: u8, nth: u8) -> Self {
        Self::of_size(outbox, who, nth, 2)
    }

    pub(crate) fn of_size(outbox: &'a Outbox, who: u8, nth: u8, size: usize) -> Self {
        let mut body = vec![0; size];
        body[..2].copy_from_slice(&[who, nth]);
        Self {
            outbox,
            body,
            ticket: SendTicket::default(),
        }
    }

    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Result<PipeId, Refusal>> {
        let payload = Payload::from(&self.body[..]);
        self.outbox.poll_send(waker, &mut self.ticket, &[], &payload)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.outbox.leave(&mut self.ticket);
    }
}

/// Sends the messages with these numbers, each when the one before was taken. How many were taken: all, unless the
/// outbox is closed.
pub(crate) fn send(outbox: &Outbox, who: u8, nths: impl IntoIterator<Item = u8>) -> usize {
    let mut taken = 0;
    for nth in nths {
        let mut sending = Sending::new(outbox, who, nth);
        match block_on(|waker| sending.poll(waker)) {
            Ok(_) => taken += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::Closed),
        }
    }
    taken
}

/// What was accepted has been handed over or was dropped, and none is left (guarantees, G5).
pub(crate) fn assert_balanced(outbox: &Outbox, handed_over: usize, dropped: usize) {
    let (counters, queued) = outbox.totals();
    assert_eq!(queued.messages, 0, "{counters:?}");
    assert_eq!(counters.done.messages, handed_over as u64, "{counters:?}");
    assert_eq!(counters.dropped.total(), dropped as u64, "{counters:?}");
    assert_eq!(
        counters.accepted.messages,
        (handed_over + dropped) as u64,
        "{counters:?}"
    );
}

// ---- the driver --------------------------------------------------------------------------------------------

/// The writing half of a connection's driver: `write_turn`, `poll_line` and `poll_end` of `driver/connection.rs`.
pub(crate) struct Driver {
    outbox: Arc<Outbox>,
    pub(crate) pipe: PipeId,
    line: Arc<Line>,
    batch: Batch,
    /// Commands that wait to be written.
    ahead: Vec<u8>,
    holds_line: bool,
    /// It is to write a command.
    ping: Option<Word>,
    /// Its reading half has met the end of the stream.
    end: Word,
}

impl Driver {
    /// Opens a pipe and brings it online.
    pub(crate) fn open(outbox: &Arc<Outbox>, line: &Arc<Line>) -> Self {
        Self::online(outbox, outbox.attach(), line)
    }

    /// The handshake of a connection for this pipe is done.
    pub(crate) fn online(outbox: &Arc<Outbox>, pipe: PipeId, line: &Arc<Line>) -> Self {
        outbox.online(pipe, Some(pipe::Line::Stream(line.writer())));
        Self {
            outbox: outbox.clone(),
            pipe,
            line: line.clone(),
            batch: Batch::default(),
            ahead: Vec::new(),
            holds_line: false,
            ping: None,
            end: Word::default(),
        }
    }

    /// It writes a command when it is told to.
    pub(crate) fn with_commands(mut self) -> (Self, Word) {
        let ping = Word::default();
        self.ping = Some(ping.clone());
        (self, ping)
    }

    /// Lets it look once before the scene begins, so that it finds nothing and the line is idle.
    pub(crate) fn at_rest(mut self) -> Self {
        assert!(self.poll(Waker::noop()).is_pending());
        self
    }

    /// It has a command to write before anything else, as after the handshake.
    pub(crate) fn with_something_to_say(mut self) -> Self {
        self.put_command();
        self
    }

    /// Its connection ends at this word.
    pub(crate) fn ended_by(mut self, end: Word) -> Self {
        self.end = end;
        self
    }

    /// Ends its connection.
    pub(crate) fn end(&self) -> Word {
        self.end.clone()
    }

    /// Writes until there is nothing left to write, or for ever until the connection ends.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        loop {
            if self.end.take(waker) {
                return Poll::Ready(());
            }
            if self.ping.as_ref().is_some_and(|ping| ping.take(waker)) {
                self.put_command();
            }
            if !self.poll_line(waker) {
                return Poll::Pending;
            }
            match self.batch.write(&mut self.ahead, &*self.line) {
                Ok(_) => {
                    if self.batch.has_passed_a_mark() && !self.batch.is_written() {
                        self.outbox.progress(self.pipe, &mut self.batch);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.line.poll_writable(waker).is_pending() {
                        return Poll::Pending;
                    }
                }
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    fn put_command(&mut self) {
        put_header(&mut self.ahead, COMMAND, COMMAND_BODY.len());
        self.ahead.extend_from_slice(COMMAND_BODY);
    }

    fn poll_line(&mut self, waker: &Waker) -> bool {
        let commands = !self.ahead.is_empty();
        if self.holds_line && (commands || !self.batch.is_written()) {
            return true;
        }
        let taken = self.outbox.poll_take(self.pipe, waker, &mut self.batch, commands);
        self.holds_line = taken.is_ready();
        self.holds_line
    }

    /// Writes until the connection ends, and takes the pipe offline.
    pub(crate) fn run(mut self) {
        block_on(|waker| self.poll(waker));
        self.take_offline();
    }

    /// Ends the connection, with a last word that says why.
    pub(crate) fn take_offline(&mut self) {
        block_on(|waker| self.outbox.poll_offline(self.pipe, waker, &mut self.batch));
        self.put_command();
        let _ = self.batch.write(&mut self.ahead, &*self.line);
    }
}
