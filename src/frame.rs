//! One frame's header, in and out, and nothing else: common ground of both wings.
//!
//! ```text
//! flags(1) size(1 or 8) body(size)
//! ```
//!
//! Inside the house a message *is* a run of plain ZMTP 3 frames ([RFC 37], framing); this file is the only one
//! that knows how such a frame begins.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

mod run;

use bytes::BufMut;

pub(crate) use run::{Popped, Run};

/// Another frame of this message follows.
pub(crate) const MORE: u8 = 0x01;
/// The size field has eight bytes instead of one.
pub(crate) const LONG: u8 = 0x02;
/// The frame is a command: for the library, never shown to users.
pub(crate) const COMMAND: u8 = 0x04;

/// All flags that mean something; the other bits are reserved.
pub(crate) const KNOWN: u8 = MORE | LONG | COMMAND;
/// The longest header: flags and an eight-byte size.
pub(crate) const MAX_HEADER: usize = 9;

/// The largest body that the short form can announce.
pub(crate) const MAX_SHORT: usize = 255;

/// What a frame's first two or nine bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The flag byte as it came: reserved bits are ignored, not refused (as libzmq does).
    pub(crate) flags: u8,
    /// Bytes of the header itself: 2 or 9.
    pub(crate) len: usize,
    /// Bytes of the body, as announced: not to be believed before it is compared with a limit.
    pub(crate) size: u64,
}

impl Header {
    /// Reads the header at the start of `input`; `None` when it is not all there yet.
    #[inline]
    pub(crate) fn decode(input: &[u8]) -> Option<Self> {
        let (&flags, rest) = input.split_first()?;
        if flags & LONG == 0 {
            let size = u64::from(*rest.first()?);
            return Some(Self { flags, len: 2, size });
        }
        let size = u64::from_be_bytes(*rest.first_chunk::<8>()?);
        Some(Self {
            flags,
            len: MAX_HEADER,
            size,
        })
    }

    #[inline]
    pub(crate) fn has_more(self) -> bool {
        self.flags & MORE != 0
    }

    #[inline]
    pub(crate) fn is_command(self) -> bool {
        self.flags & COMMAND != 0
    }
}

/// How many bytes the header of a body of `size` bytes takes.
#[inline]
pub(crate) fn header_len(size: usize) -> usize {
    if size <= MAX_SHORT { 2 } else { MAX_HEADER }
}

/// How many bytes a frame with a body of `size` bytes takes.
#[inline]
pub(crate) fn framed_len(size: usize) -> usize {
    header_len(size) + size
}

/// Appends the header of a frame with a body of `size` bytes. `flags` is [`MORE`], [`COMMAND`] or nothing;
/// [`LONG`] is added where the size asks for it.
#[inline]
pub(crate) fn put_header(out: &mut impl BufMut, flags: u8, size: usize) {
    if size <= MAX_SHORT {
        out.put_slice(&[flags, size as u8]);
    } else {
        let mut header = [0; MAX_HEADER];
        header[0] = flags | LONG;
        header[1..].copy_from_slice(&(size as u64).to_be_bytes());
        out.put_slice(&header);
    }
}

/// The frames that stand one behind the other in a slice of plain, whole frames.
///
/// Ends early rather than panic where the bytes are no such thing.
#[derive(Debug, Clone)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    #[inline]
    pub(crate) fn new(frames: &'a [u8]) -> Self {
        Self { rest: frames }
    }

    /// What stands behind the frames given so far.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (Header, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let header = Header::decode(self.rest)?;
        let size = usize::try_from(header.size).ok()?;
        let (body, rest) = self.rest.get(header.len..)?.split_at_checked(size)?;
        self.rest = rest;
        Some((header, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_round_trips_at_the_border_of_the_short_form() {
        for size in [0, 1, 255, 256, 65_536] {
            let mut bytes = Vec::new();
            put_header(&mut bytes, MORE, size);
            assert_eq!(bytes.len(), header_len(size));
            let header = Header::decode(&bytes).expect("the whole header is there");
            assert_eq!((header.len, header.size), (bytes.len(), size as u64));
            assert!(header.has_more() && !header.is_command());
            for cut in 0..bytes.len() {
                assert_eq!(Header::decode(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn the_long_form_is_read_for_a_small_body_too() {
        let header = Header::decode(&[LONG, 0, 0, 0, 0, 0, 0, 0, 1]).expect("nine bytes are a header");
        assert_eq!((header.len, header.size), (9, 1));
    }

    #[test]
    fn frames_are_walked_and_a_torn_one_ends_the_walk() {
        let bytes = b"\x01\x01a\x00\x02bc\x00\x09torn";
        let bodies: Vec<_> = Frames::new(bytes)
            .map(|(header, body)| (header.has_more(), body))
            .collect();
        assert_eq!(bodies, [(true, &b"a"[..]), (false, b"bc")]);
    }
}
