//! Ending: deadlines, the orderly end, and giving everything back.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::{Connection, Phase};
use crate::driver::Incoming;
use crate::driver::inflow::Inflow;
use crate::monitor::{DisconnectReason, Event};
use crate::pipe::Credit;
use crate::runtime;
use crate::stats::DropReason;

/// How long an orderly end waits for the peer to close.
const DRAIN: Duration = Duration::from_secs(1);

/// While reading has stopped at the mark, how often to look whether the peer is still there.
const LOOK: Duration = Duration::from_millis(500);

impl Connection {
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        let draining = match self.phase {
            Phase::Draining { until } => Some(until),
            _ => self.finish.as_ref().and_then(|finish| finish.until),
        };
        if !self.at_mark {
            self.look = None;
        } else if self.look.is_none() {
            self.look = Some(runtime::now() + LOOK);
        }
        let deadlines = [
            self.session.poll_timeout(),
            draining,
            self.look,
            self.next_look(),
            self.rest,
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(super) fn check_deadlines(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Result<(), DisconnectReason> {
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
        self.look_what_moves(now, cx);
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
        self.takes_all = true;
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
    pub(super) fn finish_if_done(&mut self) -> Result<bool, DisconnectReason> {
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

    pub(super) fn freeze_counters(&self) {
        if let Some(link) = &self.link {
            link.counters.freeze();
        }
    }

    /// Gives everything back. Pending while a sender is still writing.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
                    self.left_behind = Some(Box::new(unsent));
                }
            }
        }
        if let (Incoming::Messages(inbox), Some(lane)) = (&traffic.incoming, self.lane.take()) {
            if self.link.is_some() {
                self.shared.bid_farewell(lane, self.ticket.is_some());
            }
            self.freeze_counters();
            if inbox.detach(lane) {
                self.lane_before = Some(lane);
            }
        }
        if let (Some(interest), Some((key, _))) = (&traffic.interest, self.interest.take()) {
            interest.detach(key);
        }
        // Whoever hears of the end finds the seat free.
        self.seat = None;
        let reason = self
            .ending
            .as_deref()
            .cloned()
            .unwrap_or(DisconnectReason::PeerClosed);
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
