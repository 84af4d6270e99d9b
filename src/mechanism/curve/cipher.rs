//! CURVE in traffic: every frame sealed on its own, as one MESSAGE.
//!
//! ```text
//! plain     flags  size  body
//! MESSAGE   00 or 02  size │ 07 "MESSAGE"  nonce(8)  tag(16) │ flags(1)  body │
//!           └── frame ─────┘                          └── encrypted ──┘
//! ```
//!
//! What [RFC 26] does not say, and libzmq does: the frame around a MESSAGE is that of a message, never of a command
//! (sent as a command it would be thrown away by current libzmq), and never has MORE; of the inner flags bit 0 is MORE
//! and bit 1, not 2, is COMMAND (wire trap 10). Coming from a peer both kinds of frames are taken.
//!
//! Nonces count up, in each direction on its own, through all commands since HELLO. What does not have a greater
//! one than what came before is a copy, or out of order, and ends the connection.
//!
//! [RFC 26]: https://rfc.zeromq.org/spec/26/

use std::fmt;
use std::ops::Range;

use bytes::{Buf, BytesMut};

use super::boxes::{Nonce, SharedKey, TAG, short_nonce};
use super::{malformed, unopened};
use crate::error::ProtocolError;
use crate::frame::{self, COMMAND, Header, MORE};
use crate::wire::spelling::{Spelling, Taken, check_size};

/// Seals what we say and opens what the peer says.
pub(crate) struct Cipher {
    key: SharedKey,
    ours: Counter,
    theirs: Counter,
}

/// The nonces of one direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    prefix: &'static [u8; 16],
    last: u64,
}

/// Prefix of what clients say in traffic.
const OF_CLIENT: &[u8; 16] = b"CurveZMQMESSAGEC";

/// Prefix of what servers say in traffic.
const OF_SERVER: &[u8; 16] = b"CurveZMQMESSAGES";

const NAME: &[u8; 8] = b"\x07MESSAGE";

/// What MESSAGE has before the body of the frame in it: name, nonce, tag, flags.
const OVERHEAD: usize = 8 + 8 + TAG + 1;

/// COMMAND inside.
const INNER_COMMAND: u8 = 0x02;

/// A frame of this size becomes plain where it stands, if nothing waits before it: it need not be copied.
const LARGE: usize = 16 * 1024;

impl Counter {
    /// What clients say, after `last`.
    pub(super) fn of_client(last: u64) -> Self {
        let prefix = OF_CLIENT;
        Self { prefix, last }
    }

    /// What servers say, after `last`.
    pub(super) fn of_server(last: u64) -> Self {
        let prefix = OF_SERVER;
        Self { prefix, last }
    }

    /// The next one of ours. They never begin anew.
    fn next(&mut self) -> Result<Nonce, ProtocolError> {
        self.last = self.last.checked_add(1).ok_or(ProtocolError::TooMany {
            what: "frames under one key",
            limit: u64::MAX,
        })?;
        Ok(short_nonce(self.prefix, self.last))
    }
}

/// The nonce of theirs, which must be greater than the last one.
pub(super) fn later_than(last: u64, found: u64) -> Result<u64, ProtocolError> {
    if found > last {
        return Ok(found);
    }
    Err(ProtocolError::Unexpected {
        expected: "a nonce above the last one",
        found: format!("{found} after {last}"),
    })
}

impl Cipher {
    pub(super) fn new(key: SharedKey, ours: Counter, theirs: Counter) -> Self {
        Self { key, ours, theirs }
    }

    /// Opens the body of a MESSAGE where it stands: the flags of the plain frame, and where its body is.
    fn open(&mut self, message: &mut [u8]) -> Result<(u8, Range<usize>), ProtocolError> {
        let whole = message.len();
        let (name, rest) = message
            .split_first_chunk_mut()
            .ok_or(malformed("MESSAGE", SHORT))?;
        if name != NAME {
            return Err(malformed("MESSAGE", "in traffic every frame is one"));
        }
        let (nonce, rest) = rest.split_first_chunk_mut().ok_or(malformed("MESSAGE", SHORT))?;
        let (tag, text) = rest.split_first_chunk_mut().ok_or(malformed("MESSAGE", SHORT))?;
        let counter = later_than(self.theirs.last, u64::from_be_bytes(*nonce))?;
        if !self
            .key
            .open(&short_nonce(self.theirs.prefix, counter), tag, text)
        {
            return Err(unopened("MESSAGE", "it is forged or damaged"));
        }
        self.theirs.last = counter;
        let flags = match text.first() {
            Some(0) => 0,
            Some(1) => MORE,
            Some(&INNER_COMMAND) => COMMAND,
            Some(_) => return Err(malformed("MESSAGE", "it has flags that mean nothing")),
            None => return Err(malformed("MESSAGE", SHORT)),
        };
        Ok((flags, OVERHEAD..whole))
    }
}

const SHORT: &str = "it is too short";

impl Spelling for Cipher {
    fn put(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        let nonce = self.ours.next()?;
        let size = body.len().saturating_add(OVERHEAD);
        out.reserve(size.saturating_add(frame::MAX_HEADER));
        frame::put_header(out, 0, size);
        out.extend_from_slice(NAME);
        out.extend_from_slice(&self.ours.last.to_be_bytes());
        let inner = match flags {
            COMMAND => INNER_COMMAND,
            flags => flags & MORE,
        };
        self.key.put_box(&nonce, &[&[inner], body], out);
        Ok(())
    }

    fn take(
        &mut self,
        input: &mut BytesMut,
        plain: &mut BytesMut,
        allowance: u64,
    ) -> Result<Taken, ProtocolError> {
        let Some(header) = Header::decode(input) else {
            let need = input.len().saturating_add(1).max(2);
            return Ok(Taken::Partial { need });
        };
        if header.has_more() {
            return Err(malformed("MESSAGE", "its frame says that more follow"));
        }
        let size = header.size.saturating_sub(OVERHEAD as u64);
        check_size("message", size, allowance)?;
        // The size is below the limit now, so it fits.
        let whole = header.len.saturating_add(header.size as usize);
        let Some(message) = input.get_mut(header.len..whole) else {
            return Ok(Taken::Partial { need: whole });
        };
        let (flags, body) = self.open(message)?;
        let start = header.len.saturating_add(body.start);
        if body.len() >= LARGE && plain.is_empty() {
            // What stood before the body leaves more room than a header needs.
            let start = start.saturating_sub(frame::header_len(body.len()));
            *plain = input.split_to(whole);
            plain.advance(start);
            frame::put_header(&mut plain.as_mut(), flags, body.len());
        } else {
            frame::put_header(plain, flags, body.len());
            plain.extend_from_slice(input.get(start..whole).unwrap_or_default());
            input.advance(whole);
        }
        Ok(Taken::Whole)
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("ours", &self.ours)
            .field("theirs", &self.theirs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
