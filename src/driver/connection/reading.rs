//! Reading: from the stream to the incoming lane, and commands to the session.
//!
//! ```text
//!  stream ──read──▶ buffer ──digest──▶ whole messages ──hand_over──▶ lane
//!                     ▲                └─ commands ──▶ session
//!                     └── kept: at the mark, while somebody decides, or not whole yet
//! ```
//!
//! Each turn is bounded by reads, and by commands: those need no credit, so only we can hold back a peer that sends
//! nothing else. One that goes on and on about nothing is not read for a moment.

use std::mem;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};

use super::{COMMANDS, Connection, Flow, Phase, REST};
use crate::driver::Incoming;
use crate::driver::respelling;
use crate::driver::spin::Read;
use crate::frame::{self, Header};
use crate::monitor::DisconnectReason;
use crate::pipe::{Chunk, Messages};
use crate::runtime;
use crate::stats::Load;
use crate::wire::decoder::{Step, check_command};

/// Reads in one pass, before others run.
const READS: usize = 4;

impl Connection {
    /// Reads what is there, within bounds. `true`: there may be more.
    pub(super) fn read_turn(&mut self, cx: &mut Context<'_>) -> Result<bool, DisconnectReason> {
        if self.is_resting() {
            return Ok(false);
        }
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

    /// Whether the peer has talked so much that it is not read for a moment.
    fn is_resting(&mut self) -> bool {
        let rests = self.rest.is_some_and(|until| runtime::now() < until);
        if !rests {
            self.rest = None;
        }
        rests
    }

    fn read_into(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Result<bool, DisconnectReason> {
        let only_a_sip = mem::take(&mut self.commands) > COMMANDS;
        self.wishes = 0;
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
            if self.commands.saturating_sub(self.wishes) > COMMANDS {
                self.rest = Some(now + REST);
                return Ok(false);
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
    pub(super) fn digest(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Result<Flow, DisconnectReason> {
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
        let is_old = inbox.is_budgeted() && !self.takes_all;
        if self.credit.messages == 0 || self.credit.bytes == 0 || is_old {
            match inbox.poll_credit(lane, cx.waker()) {
                Poll::Ready(credit) => self.credit = credit,
                Poll::Pending => return None,
            }
        }
        let looks_at_each = self.shared.config.guard.is_some() || self.shared.traffic.publications.is_some();
        if looks_at_each {
            Some(1)
        } else {
            Some(self.credit.messages)
        }
    }

    fn hand_over(&mut self, run: BytesMut, count: usize) -> Result<(), DisconnectReason> {
        let mut frames = run.freeze();
        if self.shared.traffic.publications.is_some() {
            match self.take_changes(frames)? {
                Some(rest) => frames = rest,
                None => return Ok(()),
            }
        }
        let (Incoming::Messages(inbox), Some(lane)) = (&self.shared.traffic.incoming, self.lane) else {
            return Ok(());
        };
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
        runtime::note_handled(count);
        self.same_thread = inbox.push(lane, Chunk { messages, load });
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
}
