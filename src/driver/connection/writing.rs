//! Writing: batches of the outgoing log, and commands of ours between them.
//!
//! A sender may write on the line itself while it is idle; so may nobody else while the driver holds it.

use std::io;
use std::task::{Context, Poll};

use super::{Connection, Phase};
use crate::monitor::DisconnectReason;
use crate::runtime;

/// Writes in one pass, before others run.
const WRITES: usize = 8;

impl Connection {
    /// Writes what there is, within bounds. `true`: there may be more.
    pub(super) fn write_turn(&mut self, cx: &mut Context<'_>) -> Result<bool, DisconnectReason> {
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
                    self.pacing.handle_written();
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
    pub(super) fn has_said_all(&mut self) -> bool {
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
        if self.holds_line {
            runtime::note_handled(self.batch.messages());
        }
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
        self.pacing.handle_blocked();
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
        self.lift_pace();
        Ok(true)
    }
}
