//! Messages where frames do not go over the wire as they are: sealed by CURVE, or spelled as in ZMTP 1.0.
//!
//! ```text
//!  batch of plain frames ──put──▶ out ──▶ the kernel
//!  chunks ◀── digested as ever ── plain ◀──take── what was read
//! ```
//!
//! Both are one more step between the connection and its stream, and everything behind it stays as it is: decoder,
//! limits, credit, marks. No sender writes here itself, since frames must be put in the order in which they go out; the
//! driver takes a batch, and puts from it as much as one write takes, behind the commands of the session.
//!
//! At most once (G1) is counted in messages of the batch, so it is known which part of `out` is which message. What
//! counts as written of the batch is every message whose part the kernel has taken whole, and of the one that it has
//! begun the first byte: when the connection breaks, the log is cut behind that one.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;

use bytes::BytesMut;

use crate::error::ProtocolError;
use crate::frame::MORE;
use crate::pipe::Batch;
use crate::session::Session;
use crate::transport::Writer;
use crate::wire::decoder::{Limits, MAX_COMMAND};
use crate::wire::spelling::Taken;

/// One write takes this much, or one message.
const PIECE: usize = 128 * 1024;

/// Plain frames are handed over when they are so much together: a large frame alone, then, and not copied to those before.
const RUN: usize = 16 * 1024;

/// A larger buffer is not kept for the next write.
const KEEP: usize = 2 * PIECE;

/// What a connection has besides, on which frames are not spelled plainly.
#[derive(Debug, Default)]
pub(super) struct Respelling {
    /// Being written: whole commands and messages.
    out: Vec<u8>,
    /// Of that the kernel has taken so much.
    written: usize,
    /// Which part of it is which message of the batch.
    parts: VecDeque<Part>,
    /// How far the batch is in `out`.
    put: usize,
    /// Plain frames of the peer that are not handed over yet.
    plain: BytesMut,
}

#[derive(Debug)]
struct Part {
    of_batch: Range<usize>,
    of_out: Range<usize>,
}

impl Respelling {
    /// Whether all that was put is written.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.out.len()
    }

    /// The batch is another one.
    pub(super) fn begin_batch(&mut self) {
        self.put = 0;
    }

    /// Writes once.
    pub(super) fn write(
        &mut self,
        session: &mut Session,
        batch: &mut Batch,
        writer: &dyn Writer,
    ) -> io::Result<()> {
        if self.is_written() {
            self.fill(session, batch).map_err(io::Error::other)?;
        }
        self.written += writer.try_write_vectored(&[IoSlice::new(&self.out[self.written..])])?;
        while let Some(part) = self.parts.front() {
            if part.of_out.end > self.written {
                if part.of_out.start < self.written {
                    batch.advance_to(part.of_batch.start + 1);
                }
                break;
            }
            batch.advance_to(part.of_batch.end);
            self.parts.pop_front();
        }
        if self.is_written() {
            self.written = 0;
            self.out.clear();
            if self.out.capacity() > KEEP {
                self.out = Vec::new();
            }
        }
        Ok(())
    }

    /// Commands first, then messages, as many as one write takes.
    fn fill(&mut self, session: &mut Session, batch: &Batch) -> Result<(), ProtocolError> {
        self.out.append(session.output());
        let Some(spelling) = session.spelling() else {
            return Ok(());
        };
        let mut start = (self.put, self.out.len());
        while let Some((header, body)) = batch.frame_at(self.put) {
            spelling.put(header.flags & MORE, body, &mut self.out)?;
            self.put += header.len + body.len();
            if header.has_more() {
                continue;
            }
            let end = (self.put, self.out.len());
            self.parts.push_back(Part {
                of_batch: start.0..end.0,
                of_out: start.1..end.1,
            });
            start = end;
            if self.out.len() >= PIECE {
                break;
            }
        }
        Ok(())
    }

    /// Plain frames that wait, to be put back.
    pub(super) fn plain(&mut self) -> BytesMut {
        std::mem::take(&mut self.plain)
    }

    /// Puts back what is left of them.
    pub(super) fn restore(&mut self, plain: BytesMut) {
        self.plain = plain;
    }
}

/// Takes frames off `input` and makes them plain, as many as are soon handed over. `None`: there may be more; else the
/// first one that is not whole takes so many bytes.
pub(super) fn make_plain(
    session: &mut Session,
    limits: Limits,
    input: &mut BytesMut,
    plain: &mut BytesMut,
) -> Result<Option<usize>, ProtocolError> {
    let Some(spelling) = session.spelling() else {
        return Ok(Some(0));
    };
    // The decoder counts exactly; this is so that nobody makes us keep more than a message. What waits is the beginning
    // of one.
    let allowance = limits.message_size.saturating_sub(plain.len() as u64);
    let allowance = allowance.max(MAX_COMMAND);
    loop {
        match spelling.take(input, plain, allowance)? {
            Taken::Whole if plain.len() < RUN => {}
            Taken::Whole => return Ok(None),
            Taken::Partial { need } => return Ok(Some(need)),
        }
    }
}
