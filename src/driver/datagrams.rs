//! One socket of datagrams: its task, which moves them between the system and the two halves of one pipe.
//!
//! ```text
//!  outgoing log ──batch──▶ one datagram for each message ──▶ the system, which may refuse it
//!  incoming lane ◀──chunk── what has come, as plain frames ◀── the system
//! ```
//!
//! Nobody is connected, so nothing can be held back: a datagram that comes while the lane is at its mark is dropped, and
//! counted. One that the system does not take, because there is no way to where it should go, is counted too. What has
//! no room yet waits.
//!
//! One poll is one pass: an order, what has come, what is to go; each turn is bounded, then the task yields.

mod sending;

pub(super) use sending::send;

use std::future::Future;
use std::io::{self, IoSlice, Write as _};
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::connection::Finish;
use super::tasks::{self, TaskGuard};
use super::{Control, Home, Incoming, Order, Shared};
use crate::endpoint::Endpoint;
use crate::frame::{MORE, put_header};
use crate::monitor::Event;
use crate::pipe::{Batch, Chunk, Credit, Messages, PipeId, Unsent};
use crate::runtime::{self, Alarm};
use crate::stats::{DropReason, Load};
use crate::transport::Datagrams;
use crate::wire::datagram;

/// Datagrams in one turn, before others run.
const DATAGRAMS: usize = 64;

/// After the system has failed to receive, for how long it is not asked again; and of a series of failures one in that
/// time is told.
const PAUSE: Duration = Duration::from_secs(1);

/// How a message stands in a datagram. Here it has two frames; the second one is the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The body alone; the first frame is the address of the other side, as text.
    Addressed,
    /// Behind its group, which is the first frame. All go to this address.
    Grouped { to: Option<SocketAddr> },
}

impl Form {
    /// Appends what has come as a message.
    fn put(
        self,
        data: &[u8],
        from: SocketAddr,
        out: &mut Vec<u8>,
    ) -> Result<(), crate::error::ProtocolError> {
        let body = match self {
            Self::Addressed => {
                let start = out.len();
                put_header(out, MORE, 0);
                // Writing to a vector does not fail, and no address has 256 characters.
                let _ = write!(out, "{from}");
                out[start + 1] = (out.len() - start - 2) as u8;
                data
            }
            Self::Grouped { .. } => {
                let (group, body) = datagram::decode(data)?;
                put_header(out, MORE, group.len());
                out.extend_from_slice(group);
                body
            }
        };
        put_header(out, 0, body.len());
        out.extend_from_slice(body);
        Ok(())
    }

    /// Sends the message that begins at this offset of a batch. Where it ends, and what became of it.
    fn send(self, socket: &Datagrams, batch: &Batch, at: usize) -> Option<(usize, io::Result<()>)> {
        let (first, name) = batch.frame_at(at)?;
        let middle = at + first.len + name.len();
        let (second, body) = batch.frame_at(middle).filter(|_| first.has_more())?;
        let end = middle + second.len + body.len();
        let sent = match self {
            Self::Addressed => match std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()) {
                Some(to) => socket.try_send(&[IoSlice::new(body)], to),
                None => Err(io::ErrorKind::InvalidInput.into()),
            },
            Self::Grouped { to } => match (datagram::group_length(name), to) {
                (Some(length), Some(to)) => {
                    let parts = [IoSlice::new(&length), IoSlice::new(name), IoSlice::new(body)];
                    socket.try_send(&parts, to)
                }
                _ => Err(io::ErrorKind::InvalidInput.into()),
            },
        };
        Some((end, sent))
    }
}

/// Starts to receive, and where the pattern sends, to send.
pub(crate) fn bind(home: &Home, mut guard: TaskGuard, socket: Datagrams, form: Form) {
    let mut carrying = Carrying::new(
        guard.shared.clone(),
        guard.control.clone(),
        &guard.endpoint,
        socket,
        form,
    );
    guard.shared.events.emit(|| Event::Listening {
        endpoint: guard.endpoint.clone(),
    });
    carrying.attach();
    tasks::start(home, async move {
        let end = carrying.await;
        guard.leave_unsent(end.unsent);
        guard.end();
    });
}

/// How it ended.
#[derive(Debug)]
pub(super) struct CarryingEnd {
    pub(super) finish: Option<Box<Finish>>,
    pub(super) unsent: Unsent,
}

/// The task, or a part of a dialer's.
pub(super) struct Carrying {
    shared: Arc<Shared>,
    control: Arc<Control>,
    endpoint: Endpoint,
    socket: Datagrams,
    form: Form,
    pub(super) outgoing: Option<PipeId>,
    pub(super) incoming: Option<PipeId>,
    batch: Batch,
    /// How far the batch is sent.
    sent: usize,
    credit: Credit,
    /// Room for the largest datagram.
    buffer: Box<[u8]>,
    /// Nothing is received until then: the last time it failed.
    pause: Option<Instant>,
    /// When a failure was last told.
    told: Option<Instant>,
    finish: Option<Box<Finish>>,
    watched: bool,
    alarm: Alarm,
    has_ended: bool,
}

impl Carrying {
    pub(super) fn new(
        shared: Arc<Shared>,
        control: Arc<Control>,
        endpoint: &Endpoint,
        socket: Datagrams,
        form: Form,
    ) -> Self {
        Self {
            shared,
            control,
            endpoint: endpoint.clone(),
            socket,
            form,
            outgoing: None,
            incoming: None,
            batch: Batch::default(),
            sent: 0,
            credit: Credit {
                messages: 0,
                bytes: 0,
            },
            buffer: vec![0; datagram::MAX_DATA + 1].into(),
            pause: None,
            told: None,
            finish: None,
            watched: false,
            alarm: Alarm::default(),
            has_ended: false,
        }
    }

    /// Opens the pipe.
    pub(super) fn attach(&mut self) {
        let traffic = &self.shared.traffic;
        if let Incoming::Messages(inbox) = &traffic.incoming {
            self.incoming = Some(inbox.attach());
            if let Some(interest) = &traffic.interest {
                interest.attach_untold();
            }
        }
        if let Some(outgoing) = &traffic.outgoing {
            let pipe = outgoing.attach();
            // Senders have no line: they would have to know what a datagram is.
            outgoing.online(pipe, None);
            self.outgoing = Some(pipe);
        }
    }

    /// `true`: there may be more to do.
    fn pass(&mut self, cx: &mut Context<'_>) -> bool {
        self.take_order(cx);
        let more_came = self.receive(cx);
        let more_goes = self.send(cx);
        more_came || more_goes
    }

    fn take_order(&mut self, cx: &mut Context<'_>) {
        let control = self.control.clone();
        while let Poll::Ready(order) = control.poll(cx, &mut self.watched) {
            if let Order::Finish { until, why } = order {
                self.finish = Some(Box::new(Finish { until, why }));
                self.shared.traffic.retire(self.outgoing);
            }
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let shared = self.shared.clone();
        let (Incoming::Messages(inbox), Some(lane)) = (&shared.traffic.incoming, self.incoming) else {
            return false;
        };
        let now = runtime::now();
        if self.pause.is_some_and(|until| until > now) {
            return false;
        }
        self.pause = None;
        let (mut frames, mut messages) = (Vec::new(), 0);
        let mut more = true;
        for _ in 0..DATAGRAMS {
            let (size, from) = match self.socket.poll_recv(cx, &mut self.buffer) {
                Poll::Ready(Ok(received)) => received,
                Poll::Ready(Err(error)) => {
                    self.pause = Some(now + PAUSE);
                    self.tell(error);
                    more = false;
                    break;
                }
                Poll::Pending => {
                    more = false;
                    break;
                }
            };
            let data = &self.buffer[..size];
            if self.credit.messages == 0 || self.credit.bytes == 0 || inbox.is_budgeted() {
                // What was taken in counts before there is credit for more.
                hand_over(inbox, lane, &mut frames, &mut messages);
                match inbox.poll_credit(lane, cx.waker()) {
                    Poll::Ready(credit) => self.credit = credit,
                    Poll::Pending => {
                        inbox.refuse(lane, size, DropReason::Hwm);
                        continue;
                    }
                }
            }
            let before = frames.len();
            let fits = size as u64 <= shared.config.limits.message_size;
            if !fits || self.form.put(data, from, &mut frames).is_err() {
                frames.truncate(before);
                inbox.refuse(lane, size, DropReason::ProtocolError);
                continue;
            }
            messages += 1;
            self.credit.messages -= 1;
            self.credit.bytes = self.credit.bytes.saturating_sub(frames.len() - before);
        }
        hand_over(inbox, lane, &mut frames, &mut messages);
        more
    }

    fn send(&mut self, cx: &mut Context<'_>) -> bool {
        let shared = self.shared.clone();
        let (Some(outgoing), Some(pipe)) = (&shared.traffic.outgoing, self.outgoing) else {
            return false;
        };
        for _ in 0..DATAGRAMS {
            if self.batch.is_written() {
                if outgoing
                    .poll_take(pipe, cx.waker(), &mut self.batch, false)
                    .is_pending()
                {
                    return false;
                }
                self.sent = 0;
            }
            let Some((end, sent)) = self.form.send(&self.socket, &self.batch, self.sent) else {
                // Nobody makes such messages; one would have no end that could be found.
                debug_assert!(false, "a message of two frames");
                return false;
            };
            match sent {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.socket.poll_writable(cx) {
                        Poll::Pending => {
                            outgoing.handle_blocked(pipe);
                            return false;
                        }
                        Poll::Ready(_) => continue,
                    }
                }
                Err(error) => {
                    self.batch.refuse_one(end - self.sent);
                    self.tell(error);
                }
            }
            self.sent = end;
            self.batch.advance_to(end);
            if self.batch.has_passed_a_mark() && !self.batch.is_written() {
                outgoing.progress(pipe, &mut self.batch);
            }
        }
        true
    }

    /// The system does not do what it was asked for. Of a series one a second is told.
    fn tell(&mut self, error: io::Error) {
        let now = runtime::now();
        if self.told.is_none_or(|told| now.duration_since(told) >= PAUSE) {
            self.told = Some(now);
            self.shared.events.emit(|| Event::DatagramFailed {
                endpoint: self.endpoint.clone(),
                error: Arc::new(error),
            });
        }
    }

    /// Ordered to finish, and nothing is left to send or no time for it.
    fn is_done(&self) -> bool {
        let Some(finish) = &self.finish else { return false };
        let queued = match (&self.shared.traffic.outgoing, self.outgoing) {
            (Some(outgoing), Some(pipe)) => outgoing.queued(pipe).messages,
            _ => 0,
        };
        queued == 0 || finish.until.is_some_and(|until| runtime::now() >= until)
    }

    /// Gives everything back.
    fn poll_end(&mut self, cx: &mut Context<'_>, reason: DropReason) -> Poll<Unsent> {
        let traffic = &self.shared.traffic;
        let mut unsent = Unsent::default();
        if let (Some(outgoing), Some(pipe)) = (&traffic.outgoing, self.outgoing) {
            ready!(outgoing.poll_offline(pipe, cx.waker(), &mut self.batch));
            unsent = outgoing.detach(pipe, reason);
            self.outgoing = None;
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.incoming.take()) {
            if let Some(interest) = &traffic.interest {
                interest.detach_untold();
            }
            inbox.detach(lane);
        }
        self.has_ended = true;
        Poll::Ready(unsent)
    }
}

/// Hands over what was taken in.
fn hand_over(inbox: &crate::pipe::Inbox, lane: PipeId, frames: &mut Vec<u8>, messages: &mut u64) {
    if *messages == 0 {
        return;
    }
    let load = Load {
        messages: *messages,
        bytes: frames.len() as u64,
    };
    let frames = Bytes::from(mem::take(frames));
    inbox.push(
        lane,
        Chunk {
            messages: Messages::Read(frames),
            load,
        },
    );
    *messages = 0;
}

impl Future for Carrying {
    type Output = CarryingEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CarryingEnd> {
        let this = &mut *self;
        let more = this.pass(cx);
        if this.is_done() {
            let unsent = ready!(this.poll_end(cx, DropReason::Linger));
            return Poll::Ready(CarryingEnd {
                finish: this.finish.take(),
                unsent,
            });
        }
        let until = this.finish.as_ref().and_then(|finish| finish.until);
        this.alarm.set([until, this.pause].into_iter().flatten().min());
        if more || this.alarm.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Carrying {
    /// Dropped before its end, it has lost its runtime.
    fn drop(&mut self) {
        if !self.has_ended {
            self.shared.close();
            let cx = &mut Context::from_waker(std::task::Waker::noop());
            let _ = self.poll_end(cx, DropReason::RuntimeGone);
        }
    }
}
