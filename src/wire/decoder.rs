//! Finds messages and commands in a stream of frames, without touching a payload.
//!
//! The driver reads as much as the kernel has and asks here what the bytes are. The answer is a length, never a
//! copy: a run of whole messages is handed on as it stands, because inside the house a message *is* its frames.
//! What is asked for is checked first: a size is compared with the limits as the 64-bit number it is, before
//! anything is added to it or allocated for it (guarantees, rows 5 and 6).
//!
//! ```text
//!  | message | message | PING | message, unfinished …
//!  '── Messages(2) ────'─ Command ─'── Partial ──▶ needs at least this many bytes
//! ```
//!
//! A command may stand between the frames of one message (`trap_07`). Then the message is not one run: the
//! answer is [`Step::Interleaved`], and the driver closes the gap before it asks again.

use crate::error::ProtocolError;
use crate::frame::{self, Header};

/// What a peer's message may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most bytes of one message, all frames together, each charged [`FRAME_CHARGE`] besides.
    pub(crate) message_size: u64,
    /// Most frames of one message.
    pub(crate) message_frames: usize,
}

/// What the bytes at the front of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first `len` bytes are `count` whole messages.
    Messages { len: usize, count: usize },
    /// A whole command: its body lies behind `header` bytes and ends at `len`.
    Command { header: usize, len: usize },
    /// The flags at `at` have reserved bits: to be ignored, so to be cleared (RFC 37 would refuse them; libzmq does
    /// not).
    Reserved { at: usize },
    /// A whole command at `at`, inside the message that begins the input.
    Interleaved { at: usize, header: usize, len: usize },
    /// The message or command at the front is not all there: it ends behind `need` bytes, or later.
    Partial { need: usize },
}

/// Every frame of a message is charged this much beside its body: what a receiver pays to keep an empty one.
pub(crate) const FRAME_CHARGE: u64 = 64;

/// The largest message that anybody can allow: half of what an address space holds.
const MAX_MESSAGE: u64 = (isize::MAX / 2) as u64;

/// The longest command: a subscription's topic and its name. Handshake commands have a bound of their own.
pub(crate) const MAX_COMMAND: u64 = 64 * 1024 + 16;

/// Walks frames; remembers how far it came in an unfinished message, so that no byte is walked twice.
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    /// Whole frames of the unfinished message at the front of the input.
    open: Open,
}

#[derive(Debug, Default, Clone, Copy)]
struct Open {
    /// Bytes that these frames take in the input.
    walked: usize,
    frames: usize,
    charged: u64,
}

impl Decoder {
    pub(crate) fn new(limits: Limits) -> Self {
        // However much the program allows, positions in a buffer can be added.
        let message_size = limits.message_size.min(MAX_MESSAGE);
        let limits = Limits {
            message_size,
            ..limits
        };
        Self {
            limits,
            open: Open::default(),
        }
    }

    /// Says what stands at the front of `input`, looking at `most` messages at the most (at least one).
    ///
    /// The caller takes what the answer names off the front before it asks again; after
    /// [`Step::Interleaved`] it cuts out the command only, after [`Step::Partial`] it appends.
    pub(crate) fn step(&mut self, input: &[u8], most: usize) -> Result<Step, ProtocolError> {
        let (mut done, mut count) = self.walk_short(input, most);
        if count >= most {
            return Ok(self.stop(done, count, Open::default(), 0));
        }
        let mut open = self.open;
        let mut at = done.max(open.walked);
        loop {
            let header = input.get(at..).and_then(Header::decode);
            let Some(header) = header else {
                // Of a long header more may be there than of a short one.
                let need = at.saturating_add(2).max(input.len().saturating_add(1));
                return Ok(self.stop(done, count, open, need));
            };
            if header.flags & !frame::KNOWN != 0 {
                if count > 0 {
                    return Ok(self.stop(done, count, Open::default(), 0));
                }
                self.open = open;
                return Ok(Step::Reserved { at });
            }
            if header.is_command() {
                if count > 0 {
                    return Ok(self.stop(done, count, Open::default(), 0));
                }
                return self.command(input.len(), at, header, open);
            }
            open.frames = open.frames.saturating_add(1);
            open.charged = open
                .charged
                .saturating_add(header.size)
                .saturating_add(FRAME_CHARGE);
            if let Err(error) = self.check(header, open) {
                // What was whole before it counts: it might as well have come in a read of its own.
                return if count > 0 {
                    Ok(self.stop(done, count, Open::default(), 0))
                } else {
                    Err(error)
                };
            }
            // The size is below the limit now, so it fits.
            let end = at.saturating_add(header.len).saturating_add(header.size as usize);
            if end > input.len() {
                open.frames = open.frames.saturating_sub(1);
                open.charged = open
                    .charged
                    .saturating_sub(header.size.saturating_add(FRAME_CHARGE));
                return Ok(self.stop(done, count, open, end));
            }
            at = end;
            if header.has_more() {
                open.walked = at.saturating_sub(done);
                continue;
            }
            open = Open::default();
            done = at;
            count = count.saturating_add(1);
            if count >= most {
                return Ok(self.stop(done, count, open, 0));
            }
        }
    }

    /// Walks whole messages of one short frame: nearly all there are, and below every limit. Returns where they end and
    /// how many they are.
    fn walk_short(&self, input: &[u8], most: usize) -> (usize, usize) {
        let (mut end, mut count) = (0usize, 0usize);
        if self.open.walked > 0 || self.limits.message_size < frame::MAX_SHORT as u64 {
            return (end, count);
        }
        while let Some([0, size]) = input.get(end..).and_then(<[u8]>::first_chunk)
            && count < most
        {
            let next = end.saturating_add(2).saturating_add(usize::from(*size));
            if next > input.len() {
                break;
            }
            end = next;
            count = count.saturating_add(1);
        }
        (end, count)
    }

    /// Ends a walk: whole messages first, and only when there are none the unfinished one.
    fn stop(&mut self, done: usize, count: usize, open: Open, need: usize) -> Step {
        if count > 0 {
            // The unfinished message is walked again from its beginning, once, when it stands at the front.
            self.open = Open::default();
            return Step::Messages { len: done, count };
        }
        self.open = open;
        Step::Partial { need }
    }

    fn command(&mut self, have: usize, at: usize, header: Header, open: Open) -> Result<Step, ProtocolError> {
        check_command(header)?;
        let len = header.len.saturating_add(header.size as usize);
        let end = at.saturating_add(len);
        self.open = open;
        if end > have {
            return Ok(Step::Partial { need: end });
        }
        if at == 0 {
            return Ok(Step::Command {
                header: header.len,
                len,
            });
        }
        Ok(Step::Interleaved {
            at,
            header: header.len,
            len,
        })
    }

    fn check(&self, header: Header, open: Open) -> Result<(), ProtocolError> {
        // The charge does not count against a single frame: a body of exactly the limit is allowed.
        let size = header.size.max(open.charged.saturating_sub(FRAME_CHARGE));
        if size > self.limits.message_size {
            return Err(ProtocolError::TooLarge {
                what: "message",
                size,
                limit: self.limits.message_size,
            });
        }
        if open.frames > self.limits.message_frames {
            let limit = self.limits.message_frames as u64;
            return Err(ProtocolError::TooMany {
                what: "frames in one message",
                limit,
            });
        }
        Ok(())
    }
}

/// Refuses a command that is none by its header alone.
pub(crate) fn check_command(header: Header) -> Result<(), ProtocolError> {
    if header.has_more() {
        return Err(ProtocolError::Malformed {
            what: "frame header",
            problem: "a command with the MORE flag",
        });
    }
    if header.size > MAX_COMMAND {
        return Err(ProtocolError::TooLarge {
            what: "command",
            size: header.size,
            limit: MAX_COMMAND,
        });
    }
    Ok(())
}

/// The bytes at which a frame can be told apart: used by the driver to ask for the next header in one read.
pub(crate) const MAX_HEADER: usize = frame::MAX_HEADER;
