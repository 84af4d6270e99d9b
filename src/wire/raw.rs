//! A peer that speaks no ZMTP: its bytes have no frames, and ours are written without theirs.
//!
//! ```text
//! plain frame │ header │ body │ ──put──▶ │ body │           what goes out
//! what came   │ bytes, however they were cut │ ──take──▶ │ header │ at most a chunk │
//! ```
//!
//! So a stream of bytes is one more [`Spelling`], and the house behind it knows only messages. Where a chunk ends means
//! nothing: that is how the bytes happened to be read.

use bytes::{BufMut, BytesMut};

use super::spelling::{Spelling, Taken};
use crate::error::ProtocolError;
use crate::frame::{self, COMMAND};

/// Bytes as they are, taken in pieces of at most so many.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) chunk: usize,
}

impl Spelling for Raw {
    fn put(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if flags & COMMAND == 0 {
            out.extend_from_slice(body);
        }
        Ok(())
    }

    fn take(&mut self, input: &mut BytesMut, plain: &mut BytesMut, _: u64) -> Result<Taken, ProtocolError> {
        if input.is_empty() {
            return Ok(Taken::Partial { need: 1 });
        }
        let chunk = input.split_to(input.len().min(self.chunk.max(1)));
        frame::put_header(plain, 0, chunk.len());
        plain.put_slice(&chunk);
        Ok(Taken::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(raw: &mut Raw, input: &[u8]) -> Vec<Vec<u8>> {
        let mut input = BytesMut::from(input);
        let mut chunks = Vec::new();
        loop {
            let mut plain = BytesMut::new();
            match raw.take(&mut input, &mut plain, 0).expect("no bytes are wrong") {
                Taken::Whole => chunks.push(plain.to_vec()),
                Taken::Partial { need } => {
                    assert_eq!((need, input.len()), (1, 0));
                    return chunks;
                }
            }
        }
    }

    #[test]
    fn what_comes_is_cut_into_chunks_and_nothing_is_held_back() {
        let mut raw = Raw { chunk: 3 };
        assert_eq!(taken(&mut raw, b""), Vec::<Vec<u8>>::new());
        assert_eq!(
            taken(&mut raw, b"\xFF\x04\x05bc"),
            [b"\x00\x03\xFF\x04\x05".to_vec(), b"\x00\x02bc".to_vec()]
        );
        let mut whole = Raw { chunk: 1000 };
        assert_eq!(taken(&mut whole, &[7; 300])[0][..9], [2, 0, 0, 0, 0, 0, 0, 1, 44]);
    }

    #[test]
    fn what_goes_out_are_the_bodies_of_messages_and_no_command() {
        let mut out = Vec::new();
        let mut raw = Raw { chunk: 3 };
        for (flags, body) in [
            (frame::MORE, &b"two "[..]),
            (0, b"frames"),
            (0, b""),
            (COMMAND, b"\x04PING\0\0"),
        ] {
            raw.put(flags, body, &mut out).expect("nothing is counted");
        }
        assert_eq!(out, b"two frames");
    }
}
