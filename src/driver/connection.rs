//! One connection, from the first byte of the greeting to the last of an orderly end.
//!
//! ```text
//!  Handshake ──READY──▶ Traffic ──ordered to finish, all written──▶ Draining
//!      │                   │                                           │
//!      └───────────────────┴──────── broken, refused, ended ───────────┴──▶ the future is ready
//! ```
//!
//! One poll is one pass: orders, timers, a read turn, a write turn; each turn is bounded, then the task yields.
//! Reading hands runs of whole messages to the incoming lane and commands to the session. Writing takes batches
//! from the outgoing log; commands of ours go out between batches. At the high-water mark the pass does not read:
//! the kernel's window does the rest.
//!
//! An orderly end is: write the last byte, shut down the writing side, then read and discard until the peer
//! closes. A socket that is closed over unread input sends RST, and the peer loses data that it had already
//! received (guarantees, G10).

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::sync::oneshot;

use super::admission::Ticket;
use super::inflow::Inflow;
use super::question::Question;
use super::respelling::{self, Respelling};
use super::spin::{Read, Spin};
use super::{Control, Incoming, Link, Order, PeerCounters, Shared};
use crate::endpoint::Endpoint;
use crate::error::{ConnectError, ProtocolError};
use crate::frame::{self, Header};
use crate::monitor::{DisconnectReason, Event};
use crate::pattern::Change;
use crate::peer::{Peer, PeerInfo};
use crate::pipe::{Batch, Chunk, Credit, Line, Messages, PipeId, Unsent};
use crate::runtime::{self, Alarm};
use crate::session::{Introduction, Session, SessionEvent};
use crate::stats::{DropReason, Load};
use crate::transport::{Stream, Writer};
use crate::wire::command::subscription_from_message;
use crate::wire::decoder::{Decoder, Step, check_command};

/// Reads in one pass, before others run.
const READS: usize = 4;

/// More commands in one pass are a flood. They need no credit, so only we can hold back a peer that sends nothing else:
/// it is read a little at a time, and not before the runtime has looked after everybody else.
const COMMANDS: usize = 32;

/// Writes in one pass, before others run.
const WRITES: usize = 8;

/// How long an orderly end waits for the peer to close.
const DRAIN: Duration = Duration::from_secs(1);

/// While reading has stopped at the mark, how often to look whether the peer is still there.
const LOOK: Duration = Duration::from_millis(500);

/// How a connection ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) reason: DisconnectReason,
    /// When its handshake was done, if it came to that.
    pub(crate) established: Option<Instant>,
    /// It was ordered to finish: until then, and why.
    pub(crate) finish: Option<Finish>,
    /// It was ordered to make room for a new connection.
    pub(crate) renew: bool,
    /// What the pipe still held, if it ended with the connection and by that order: for whoever closes. Nobody
    /// would ever ask for the rest, and it was counted.
    pub(crate) unsent: Unsent,
    pub(crate) announce: Announce,
}

/// An order to finish.
#[derive(Debug, Clone)]
pub(crate) struct Finish {
    pub(crate) until: Option<Instant>,
    pub(crate) why: DisconnectReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Handshake,
    Traffic,
    /// The writing side is shut down.
    Draining {
        until: Instant,
    },
}

/// What became of the bytes that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// All that was whole has gone on.
    Open,
    /// Whole messages are left: the pipe is at its mark.
    AtMark,
    /// Somebody decides about the peer: nothing is read meanwhile.
    Asking,
}

/// The task of one connection, or a part of its dialer's.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    control: Arc<Control>,
    endpoint: Endpoint,
    stream: Stream,
    writer: Arc<dyn Writer>,
    session: Session,
    decoder: Decoder,
    inflow: Inflow,
    /// Where frames do not go as they are.
    respelling: Option<Box<Respelling>>,
    phase: Phase,
    /// Somebody is deciding about the peer.
    question: Option<Question>,
    /// Reading has stopped at the mark.
    at_mark: bool,
    /// When to look whether the peer is still there, while reading has stopped.
    look: Option<Instant>,
    /// The writing side is broken: what the peer sent before is still read.
    write_error: Option<io::Error>,
    outgoing: Option<PipeId>,
    /// The pipe is the endpoint's and outlives this connection.
    keeps_pipe: bool,
    batch: Batch,
    /// The line is ours, until the pipe is asked again.
    holds_line: bool,
    lane: Option<PipeId>,
    credit: Credit,
    interest: Option<(u64, u64)>,
    /// A barrier that is passed once all is written: for peers that know no PING.
    written_barrier: Option<u64>,
    link: Option<Link>,
    established: Option<Instant>,
    alarm: Alarm,
    spin: Spin,
    /// Messages of the read that is being digested, and whether their receiver waits on this thread.
    came: usize,
    /// Commands of the pass.
    commands: usize,
    same_thread: bool,
    /// Messages that were accepted for the peer when it was last read.
    accepted: u64,
    watched: bool,
    finish: Option<Finish>,
    renew: bool,
    ending: Option<DisconnectReason>,
    has_ended: bool,
    left_behind: Unsent,
    announce: Announce,
    /// Its place among the accepted ones.
    ticket: Option<Ticket>,
}

/// Who waits for the first handshake of a connecting endpoint.
pub(crate) type Announce = Option<oneshot::Sender<Result<Peer, ConnectError>>>;

impl Connection {
    /// `pipe` is the outgoing pipe of a connecting endpoint that queues before it is connected.
    pub(crate) fn new(
        shared: Arc<Shared>,
        control: Arc<Control>,
        endpoint: Endpoint,
        stream: Stream,
        pipe: Option<PipeId>,
        finish: Option<Finish>,
        announce: Announce,
    ) -> Self {
        let config = &shared.config.session;
        let entropy = runtime::entropy(config.mechanism.entropy());
        let (entropy, ending) = match entropy {
            Ok(entropy) => (entropy, None),
            Err(error) => (Default::default(), Some(DisconnectReason::io(error))),
        };
        let session = Session::new(config.clone(), runtime::now()).with_entropy(entropy);
        let decoder = Decoder::new(shared.config.limits);
        Self {
            writer: stream.writer(),
            control,
            endpoint,
            stream,
            session,
            decoder,
            inflow: Inflow::default(),
            respelling: None,
            phase: Phase::Handshake,
            question: None,
            at_mark: false,
            look: None,
            write_error: None,
            outgoing: pipe,
            keeps_pipe: pipe.is_some(),
            batch: Batch::default(),
            holds_line: false,
            lane: None,
            credit: Credit {
                messages: 0,
                bytes: 0,
            },
            interest: None,
            written_barrier: None,
            link: None,
            established: None,
            alarm: Alarm::default(),
            spin: Spin::new(shared.config.spin),
            came: 0,
            commands: 0,
            same_thread: false,
            accepted: 0,
            watched: false,
            finish,
            renew: false,
            ending,
            has_ended: false,
            left_behind: Unsent::default(),
            announce,
            ticket: None,
            shared,
        }
    }

    /// It was accepted, and has this place.
    pub(crate) fn admitted(mut self, ticket: Ticket) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// One pass. `Err` says why the connection ends.
    fn pass(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        self.take_orders(cx)?;
        let mut again = self.read_turn(cx)?;
        // After reading: when it was us who were held up, the peer's signs of life are waiting to be read.
        if self.alarm.poll(cx).is_ready() {
            let now = runtime::now();
            self.session.handle_timeout(now)?;
            self.check_deadlines(now, cx)?;
        }
        self.run_errand(cx);
        again |= self.write_turn(cx)?;
        again |= self.finish_if_done()?;
        let deadline = self.next_deadline();
        self.alarm.set(deadline);
        if again || self.alarm.poll(cx).is_ready() {
            // One that wakes itself may be polled many times before the runtime looks. For messages that is right: looking
            // after each pass costs a tenth of the rate at 1 KiB.
            if self.commands > COMMANDS {
                runtime::look_again(cx);
            } else {
                cx.waker().wake_by_ref();
            }
        } else if self.phase == Phase::Traffic && self.spin.wants_to_look(runtime::now()) {
            runtime::look_again(cx);
        }
        Ok(())
    }

    fn take_orders(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        let control = self.control.clone();
        while let Poll::Ready(order) = control.poll(cx, &mut self.watched) {
            match order {
                Order::Finish { until, why } => {
                    self.finish = Some(Finish { until, why });
                    self.shared.traffic.retire(self.outgoing);
                }
                Order::Renew => {
                    self.renew = true;
                    return Err(DisconnectReason::Abandoned);
                }
            }
        }
        Ok(())
    }

    // ---- reading -------------------------------------------------------------------------------------------

    /// Reads what is there, within bounds. `true`: there may be more.
    fn read_turn(&mut self, cx: &mut Context<'_>) -> Result<bool, DisconnectReason> {
        if self.at_mark {
            if self.digest_kept(cx)? != Flow::Open {
                return Ok(false);
            }
            self.at_mark = false;
            self.session.resume_reading(runtime::now());
        } else if self.question.is_some() && self.hear_verdict(cx)? != Flow::Open {
            return Ok(false);
        }
        if self.phase == Phase::Traffic && self.session.owes_answers() {
            // A peer that asks and does not read the answers is not read either.
            self.write_turn(cx)?;
            if self.session.owes_answers() && self.write_error.is_none() {
                return Ok(false);
            }
        }
        let mut buffer = self.inflow.open();
        let result = self.read_into(cx, &mut buffer);
        self.inflow.close(buffer, self.at_mark);
        result
    }

    fn read_into(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Result<bool, DisconnectReason> {
        let only_a_sip = mem::take(&mut self.commands) > COMMANDS;
        for _ in 0..READS {
            let read = match self.inflow.poll_read(cx, &mut self.stream, buffer, only_a_sip) {
                Poll::Pending => return Ok(false),
                Poll::Ready(read) => read.map_err(DisconnectReason::io)?,
            };
            if read == 0 {
                return Err(self.closed_by_peer());
            }
            if matches!(self.phase, Phase::Draining { .. }) {
                buffer.clear();
                continue;
            }
            let now = runtime::now();
            self.session.handle_read(now);
            let flow = self.digest(cx, buffer)?;
            self.confirm(now);
            match flow {
                Flow::Open => {}
                Flow::AtMark => {
                    self.stop_at_mark(now);
                    return Ok(false);
                }
                // The next pass waits for the answer.
                Flow::Asking => return Ok(true),
            }
            if self.commands > COMMANDS {
                return Ok(true);
            }
        }
        Ok(true)
    }

    fn stop_at_mark(&mut self, now: Instant) {
        self.at_mark = true;
        self.session.pause_reading(now);
    }

    /// Works off what was kept while nothing was read.
    fn digest_kept(&mut self, cx: &mut Context<'_>) -> Result<Flow, DisconnectReason> {
        let mut kept = self.inflow.kept();
        let flow = self.digest(cx, &mut kept)?;
        match flow {
            Flow::Open | Flow::Asking => self.inflow.restore(kept),
            Flow::AtMark => self.inflow.close(kept, true),
        }
        Ok(flow)
    }

    /// Somebody decides about the peer: lets it in, if so.
    fn hear_verdict(&mut self, cx: &mut Context<'_>) -> Result<Flow, DisconnectReason> {
        let Some(Poll::Ready(verdict)) = self.question.as_mut().map(|question| question.poll(cx)) else {
            return Ok(Flow::Asking);
        };
        self.question = None;
        let now = runtime::now();
        self.session.handle_verdict(now, verdict)?;
        let flow = self.digest_kept(cx)?;
        if flow == Flow::AtMark {
            self.stop_at_mark(now);
        }
        Ok(flow)
    }

    /// Why the peer's bytes have come to their end.
    fn closed_by_peer(&mut self) -> DisconnectReason {
        match (self.write_error.take(), self.session.explain_end()) {
            (Some(error), _) => DisconnectReason::io(error),
            (None, Some(explanation)) => explanation.into(),
            (None, None) => DisconnectReason::PeerClosed,
        }
    }

    /// The peer lives: what it was sent has not died in the kernel's buffers, as far as anybody can know.
    fn confirm(&mut self, now: Instant) {
        let (Phase::Traffic, Some(outgoing), Some(pipe)) =
            (self.phase, &self.shared.traffic.outgoing, self.outgoing)
        else {
            return;
        };
        let accepted = outgoing.alive(pipe);
        let sent = accepted != mem::replace(&mut self.accepted, accepted);
        let read = Read {
            messages: mem::take(&mut self.came),
            sent,
            same_thread: self.same_thread,
        };
        self.spin.handle_read(now, read);
    }

    /// Hands on whatever is whole at the front of `buffer`.
    fn digest(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Result<Flow, DisconnectReason> {
        if self.phase == Phase::Handshake {
            let result = self.session.handle_bytes(runtime::now(), buffer);
            self.take_events()?;
            result?;
            if self.question.is_some() {
                return Ok(Flow::Asking);
            }
            if !self.session.is_established() {
                return Ok(Flow::Open);
            }
        }
        match &mut self.respelling {
            None => self.digest_plain(cx, buffer),
            Some(respelling) => {
                let mut plain = respelling.plain();
                let result = self.digest_respelled(cx, buffer, &mut plain);
                if let Some(respelling) = &mut self.respelling {
                    respelling.restore(plain);
                }
                result
            }
        }
    }

    /// Makes frames plain, and hands them on.
    fn digest_respelled(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        plain: &mut BytesMut,
    ) -> Result<Flow, DisconnectReason> {
        loop {
            if self.digest_plain(cx, plain)? == Flow::AtMark {
                return Ok(Flow::AtMark);
            }
            let limits = self.shared.config.limits;
            match respelling::make_plain(&mut self.session, limits, buffer, plain) {
                Ok(None) => {}
                Ok(Some(need)) => {
                    let flow = self.digest_plain(cx, plain)?;
                    self.inflow.expect(need);
                    return Ok(flow);
                }
                // What was whole before it counts: it might as well have come in a read of its own. At the mark it
                // is met again.
                Err(error) => match self.digest_plain(cx, plain)? {
                    Flow::AtMark => return Ok(Flow::AtMark),
                    _ => return Err(error.into()),
                },
            }
        }
    }

    fn digest_plain(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Result<Flow, DisconnectReason> {
        while !buffer.is_empty() {
            let Some(most) = self.room(cx) else {
                return Ok(Flow::AtMark);
            };
            match self.decoder.step(buffer, most)? {
                Step::Messages { len, count } => self.hand_over(buffer.split_to(len), count)?,
                Step::Command { header, len } => {
                    self.commands += 1;
                    self.session
                        .handle_command(runtime::now(), &buffer[header..len])?;
                    buffer.advance(len);
                    self.take_events()?;
                }
                Step::Interleaved { at, .. } => {
                    self.take_out_commands(buffer, at)?;
                    self.take_events()?;
                }
                Step::Reserved { at } => buffer[at] &= frame::KNOWN,
                Step::Partial { need } => {
                    self.inflow.expect(need);
                    return Ok(Flow::Open);
                }
            }
        }
        self.inflow.expect(0);
        Ok(Flow::Open)
    }

    /// How many messages may be handed over; `None` at the mark.
    fn room(&mut self, cx: &mut Context<'_>) -> Option<usize> {
        let (Incoming::Messages(inbox), Some(lane)) = (&self.shared.traffic.incoming, self.lane) else {
            return Some(1);
        };
        if self.credit.messages == 0 || self.credit.bytes == 0 {
            match inbox.poll_credit(lane, cx.waker()) {
                Poll::Ready(credit) => self.credit = credit,
                Poll::Pending => return None,
            }
        }
        if self.shared.config.guard.is_some() {
            Some(1)
        } else {
            Some(self.credit.messages)
        }
    }

    fn hand_over(&mut self, run: BytesMut, count: usize) -> Result<(), DisconnectReason> {
        let frames = run.freeze();
        match (&self.shared.traffic.incoming, self.lane) {
            (Incoming::Messages(inbox), Some(lane)) => {
                if let Some(guard) = self.shared.config.guard {
                    guard(&frames)?;
                }
                self.credit.messages -= count;
                self.credit.bytes = self.credit.bytes.saturating_sub(frames.len());
                self.inflow.remember(&frames);
                let load = Load {
                    messages: count as u64,
                    bytes: frames.len() as u64,
                };
                let messages = Messages::Read(frames);
                self.came += count;
                self.same_thread = inbox.push(lane, Chunk { messages, load });
            }
            (Incoming::Subscriptions(_), _) => {
                // The older form: a message of one frame. Anything else is nobody's, as in libzmq.
                let body = Header::decode(&frames).filter(|header| !header.has_more());
                let change = body.and_then(|header| subscription_from_message(&frames[header.len..]));
                if let Some((subscribe, prefix)) = change {
                    self.subscribe(Change {
                        subscribe,
                        prefix: frames.slice_ref(prefix),
                    })?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Closes the gaps that commands leave between the frames of the message at the front: one walk over what is
    /// there, however many they are.
    fn take_out_commands(&mut self, buffer: &mut BytesMut, from: usize) -> Result<(), DisconnectReason> {
        let (mut read, mut write) = (from, from);
        while let Some(header) = Header::decode(&buffer[read..]) {
            if header.is_command() {
                check_command(header)?;
            }
            if header.size > (buffer.len() - read - header.len.min(buffer.len() - read)) as u64 {
                break;
            }
            let end = read + header.len + header.size as usize;
            if header.is_command() {
                self.commands += 1;
                self.session
                    .handle_command(runtime::now(), &buffer[read + header.len..end])?;
            } else {
                buffer.copy_within(read..end, write);
                write += end - read;
            }
            read = end;
        }
        let rest = buffer.len() - read;
        buffer.copy_within(read.., write);
        buffer.truncate(write + rest);
        Ok(())
    }

    fn take_events(&mut self) -> Result<(), DisconnectReason> {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Ask(credentials) => {
                    let question = Question::ask(&self.shared, &self.endpoint, &self.stream, credentials);
                    self.question = Some(question);
                }
                SessionEvent::Established(introduction) => {
                    if self.ticket.as_mut().is_some_and(|ticket| !ticket.establish()) {
                        return Err(DisconnectReason::Evicted);
                    }
                    self.enter_traffic(introduction);
                }
                SessionEvent::Subscribe(prefix) => self.subscribe(Change {
                    subscribe: true,
                    prefix,
                })?,
                SessionEvent::Cancel(prefix) => self.subscribe(Change {
                    subscribe: false,
                    prefix,
                })?,
                SessionEvent::Pong(context) => self.pass_barrier(&context),
            }
        }
        Ok(())
    }

    fn enter_traffic(&mut self, introduction: Introduction) {
        let now = runtime::now();
        self.phase = Phase::Traffic;
        self.established = Some(now);
        let traffic = &self.shared.traffic;
        if let Incoming::Messages(inbox) = &traffic.incoming {
            self.lane = Some(inbox.attach());
        }
        if let Some(outgoing) = &traffic.outgoing {
            self.outgoing.get_or_insert_with(|| outgoing.attach());
        }
        if let Some(interest) = &traffic.interest {
            self.interest = Some((interest.attach(), u64::MAX));
        }
        let counters = PeerCounters::new(&self.shared, self.outgoing, self.lane);
        let peer = Peer::new(PeerInfo {
            id: self.shared.peers.next_id(),
            endpoint: self.endpoint.clone(),
            address: self.stream.peer_address().into(),
            process: self.stream.peer_process(),
            kind: introduction.kind,
            routing_id: introduction.routing_id,
            version: introduction.version,
            mechanism: introduction.mechanism,
            user_id: introduction.user_id.map(Into::into),
            metadata: introduction
                .metadata
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
            counters: counters.clone(),
        });
        let control = self.control.clone();
        let link = Link {
            peer,
            outgoing: self.outgoing,
            incoming: self.lane,
            control,
            counters,
        };
        self.link = Some(link.clone());
        self.shared.peers.add(link.clone());
        self.respelling = self.session.spelling().map(|_| Box::default());
        // Where frames are spelled in another way, senders have no line to write on themselves.
        let line = match self.respelling {
            None => Some(Line::Stream(self.writer.clone())),
            Some(_) => None,
        };
        // Not before it can be found: whoever gives up a request of which bytes have left must reach its connection.
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            outgoing.online(pipe, line);
        }
        self.shared.events.emit(|| Event::HandshakeDone {
            peer: link.peer.clone(),
        });
        if let Some(announce) = self.announce.take() {
            let _ = announce.send(Ok(link.peer));
        }
    }

    fn subscribe(&mut self, change: Change) -> Result<(), DisconnectReason> {
        let (Incoming::Subscriptions(publications), Some(pipe)) =
            (&self.shared.traffic.incoming, self.outgoing)
        else {
            return Ok(());
        };
        publications.apply(pipe, vec![change]).map_err(|too_many| {
            ProtocolError::TooMany {
                what: too_many.what,
                limit: too_many.limit,
            }
            .into()
        })
    }

    // ---- a subscriber's errands ----------------------------------------------------------------------------

    /// Tells a publisher what has changed in what we want to hear.
    fn run_errand(&mut self, cx: &mut Context<'_>) {
        let (Some(interest), Some((key, seen))) = (&self.shared.traffic.interest, &mut self.interest) else {
            return;
        };
        let Some(errand) = interest.poll_errand(*key, cx.waker(), seen) else {
            return;
        };
        for change in errand.changes {
            if change.subscribe {
                self.session.subscribe(&change.prefix);
            } else {
                self.session.cancel(&change.prefix);
            }
        }
        if let Some(barrier) = errand.barrier
            && !self.session.ping(&barrier.to_be_bytes())
        {
            self.written_barrier = Some(barrier);
            self.pass_written_barrier();
        }
    }

    /// All that was ordered before it may have been written long ago.
    fn pass_written_barrier(&mut self) {
        if self.has_said_all()
            && let Some(barrier) = self.written_barrier.take()
        {
            self.pass_barrier(&barrier.to_be_bytes());
        }
    }

    fn pass_barrier(&mut self, context: &[u8]) {
        if let (Some(interest), Some((key, _))) = (&self.shared.traffic.interest, self.interest)
            && let Ok(barrier) = context.try_into()
        {
            interest.passed(key, u64::from_be_bytes(barrier));
        }
    }

    // ---- writing -------------------------------------------------------------------------------------------

    /// Writes what there is, within bounds. `true`: there may be more.
    fn write_turn(&mut self, cx: &mut Context<'_>) -> Result<bool, DisconnectReason> {
        if self.write_error.is_some() || matches!(self.phase, Phase::Draining { .. }) {
            return Ok(false);
        }
        for _ in 0..WRITES {
            if !self.poll_line(cx) {
                return Ok(false);
            }
            match self.write_once() {
                Ok(()) => {
                    self.session.handle_written(runtime::now());
                    self.after_write();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.session.handle_blocked();
                    match self.stream.poll_writable(cx) {
                        Poll::Pending => {
                            self.handle_blocked();
                            return Ok(false);
                        }
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return self.break_off(error),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.break_off(error),
            }
        }
        Ok(true)
    }

    fn write_once(&mut self) -> io::Result<()> {
        match &mut self.respelling {
            None => self.batch.write(self.session.output(), &*self.writer).map(drop),
            Some(respelling) => respelling.write(&mut self.session, &mut self.batch, &*self.writer),
        }
    }

    /// Whether nothing of the session waits to be written.
    fn has_said_all(&mut self) -> bool {
        let respelling = self.respelling.as_ref();
        self.session.output().is_empty() && respelling.is_none_or(|respelling| respelling.is_written())
    }

    /// Whether there is something to write and the line is ours to write it.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> bool {
        let commands = !self.has_said_all();
        let online = self.phase != Phase::Handshake;
        let (true, Some(outgoing), Some(pipe)) = (online, &self.shared.traffic.outgoing, self.outgoing)
        else {
            return commands;
        };
        if self.holds_line && (commands || !self.batch.is_written()) {
            return true;
        }
        self.holds_line = outgoing
            .poll_take(pipe, cx.waker(), &mut self.batch, commands)
            .is_ready();
        if let Some(respelling) = &mut self.respelling {
            respelling.begin_batch();
        }
        self.holds_line
    }

    /// The kernel has no room.
    fn handle_blocked(&mut self) {
        self.session.handle_blocked();
        if let (true, Some(outgoing), Some(pipe)) =
            (self.holds_line, &self.shared.traffic.outgoing, self.outgoing)
        {
            outgoing.handle_blocked(pipe);
        }
    }

    fn after_write(&mut self) {
        if self.batch.has_passed_a_mark()
            && !self.batch.is_written()
            && let (Some(outgoing), Some(pipe)) = (&self.shared.traffic.outgoing, self.outgoing)
        {
            outgoing.progress(pipe, &mut self.batch);
        }
        if self.written_barrier.is_some() {
            self.pass_written_barrier();
        }
    }

    /// The writing side is broken. What the peer sent before is read to its end, then the connection ends.
    fn break_off(&mut self, error: io::Error) -> Result<bool, DisconnectReason> {
        if self.phase == Phase::Handshake {
            return Err(DisconnectReason::io(error));
        }
        self.write_error = Some(error);
        Ok(true)
    }

    // ---- ending --------------------------------------------------------------------------------------------

    fn next_deadline(&mut self) -> Option<Instant> {
        let draining = match self.phase {
            Phase::Draining { until } => Some(until),
            _ => self.finish.as_ref().and_then(|finish| finish.until),
        };
        if !self.at_mark {
            self.look = None;
        } else if self.look.is_none() {
            self.look = Some(runtime::now() + LOOK);
        }
        [self.session.poll_timeout(), draining, self.look]
            .into_iter()
            .flatten()
            .min()
    }

    fn check_deadlines(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        if let Phase::Draining { until } = self.phase {
            if now >= until {
                return Err(self.why());
            }
        } else if self
            .finish
            .as_ref()
            .is_some_and(|finish| finish.until.is_some_and(|until| now >= until))
        {
            return Err(self.why());
        }
        if self.look.is_some_and(|look| now >= look) {
            self.look = None;
            if self.stream.is_read_closed(cx) {
                return self.take_the_rest(cx);
            }
        }
        Ok(())
    }

    /// The peer has left while we were at the mark. What it sent is read now, over the mark, so that a program
    /// that does not read keeps no descriptor alive: bounded by the kernel's buffer.
    fn take_the_rest(&mut self, cx: &mut Context<'_>) -> Result<(), DisconnectReason> {
        let mut buffer = self.inflow.kept();
        let result = loop {
            self.credit = Credit {
                messages: usize::MAX,
                bytes: usize::MAX,
            };
            if let Err(reason) = self.digest(cx, &mut buffer) {
                break Err(reason);
            }
            buffer.reserve(64 * 1024);
            match self.stream.poll_read(cx, &mut buffer, 64 * 1024) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(Err(error)) => break Err(DisconnectReason::io(error)),
                _ => break Err(DisconnectReason::PeerClosed),
            }
        };
        self.inflow.restore(buffer);
        result
    }

    /// Ordered to finish and nothing left to write: shut down, and wait for the peer to close.
    /// `true`: it has just come to that, and the next pass discards.
    fn finish_if_done(&mut self) -> Result<bool, DisconnectReason> {
        let Some(finish) = self.finish.clone() else {
            return Ok(false);
        };
        if matches!(self.phase, Phase::Draining { .. }) {
            return Ok(false);
        }
        let queued = match (&self.shared.traffic.outgoing, self.outgoing) {
            (Some(outgoing), Some(pipe)) => outgoing.queued(pipe).messages,
            _ => 0,
        };
        if self.phase == Phase::Handshake && queued == 0 {
            return Err(self.why());
        }
        if (queued > 0 || !self.has_said_all()) && self.write_error.is_none() {
            return Ok(false);
        }
        let now = runtime::now();
        let longest = now + DRAIN;
        let until = finish.until.map_or(longest, |until| until.min(longest));
        if self.stream.shutdown_write().is_err() || until <= now {
            return Err(self.why());
        }
        self.phase = Phase::Draining { until };
        self.inflow = Inflow::default();
        self.at_mark = false;
        Ok(true)
    }

    fn why(&self) -> DisconnectReason {
        self.finish
            .as_ref()
            .map_or(DisconnectReason::Disconnect, |finish| finish.why.clone())
    }

    fn freeze_counters(&self) {
        if let Some(link) = &self.link {
            link.counters.freeze();
        }
    }

    /// Gives everything back. Pending while a sender is still writing.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let traffic = &self.shared.traffic;
        let mut dropped = 0;
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            ready!(outgoing.poll_offline(pipe, cx.waker(), &mut self.batch));
            self.freeze_counters();
            if !self.keeps_pipe {
                let reason = if self.finish.is_some() {
                    DropReason::Linger
                } else {
                    DropReason::PipeClosed
                };
                let unsent = outgoing.detach(pipe, reason);
                if let Some(link) = &self.link {
                    link.counters.settle(&unsent);
                }
                dropped = unsent.messages as u64;
                self.outgoing = None;
                if self.finish.is_some() {
                    self.left_behind = unsent;
                }
            }
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.lane.take()) {
            self.freeze_counters();
            inbox.detach(lane);
        }
        if let (Some(interest), Some((key, _))) = (&traffic.interest, self.interest.take()) {
            interest.detach(key);
        }
        let reason = self.ending.clone().unwrap_or(DisconnectReason::PeerClosed);
        match self.link.take() {
            Some(link) => {
                self.shared.peers.remove(&link.peer);
                self.shared.events.emit(|| Event::Disconnected {
                    peer: link.peer,
                    reason,
                    dropped,
                });
            }
            None => self.shared.events.emit(|| Event::HandshakeFailed {
                endpoint: self.endpoint.clone(),
                address: self.stream.peer_address().to_owned(),
                reason,
            }),
        }
        let unknown = self.session.unknown_commands();
        self.shared.unknown_commands.fetch_add(unknown, Ordering::Relaxed);
        // Best effort: an ERROR that names the reason may be in there.
        if self
            .respelling
            .as_ref()
            .is_none_or(|respelling| respelling.is_written())
        {
            let _ = self.batch.write(self.session.output(), &*self.writer);
        }
        Poll::Ready(())
    }
}

impl Drop for Connection {
    /// Dropped before its end, the connection has lost its runtime.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // First of all, so that whoever waits hears of the socket's end and not of the pipe's.
        self.shared.close();
        self.freeze_counters();
        let traffic = &self.shared.traffic;
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            // The socket is closed, so no sender begins to write; one that does still ends the pipe's log first.
            let offline = outgoing.poll_offline(pipe, Waker::noop(), &mut self.batch);
            if offline.is_ready() && !self.keeps_pipe {
                let unsent = outgoing.detach(pipe, DropReason::RuntimeGone);
                if let Some(link) = &self.link {
                    link.counters.settle(&unsent);
                }
            }
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.lane.take()) {
            inbox.detach(lane);
        }
        if let Some(link) = self.link.take() {
            self.shared.peers.remove(&link.peer);
            self.shared.events.emit(|| Event::Disconnected {
                peer: link.peer,
                reason: DisconnectReason::RuntimeGone,
                dropped: 0,
            });
        }
    }
}

impl Future for Connection {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        if this.ending.is_none() {
            match this.pass(cx) {
                Ok(()) => return Poll::Pending,
                Err(reason) => this.ending = Some(reason),
            }
        }
        ready!(this.poll_end(cx));
        this.has_ended = true;
        Poll::Ready(End {
            reason: this.ending.take().unwrap_or(DisconnectReason::PeerClosed),
            established: this.established,
            finish: this.finish.take(),
            renew: this.renew,
            unsent: mem::take(&mut this.left_behind),
            announce: this.announce.take(),
        })
    }
}
