//! ZMTP 2.0 ([RFC 15]), as libzmq 3.x speaks it: today's frames, behind a shorter greeting.
//!
//! ```text
//! FF padding(8) 7F │ 01 │ socket type(1) │ identity frame │ messages
//! └─ signature ────┘
//! ```
//!
//! Frames are those of ZMTP 3 without commands. There is no mechanism and no metadata. With 0 in place of 1 the rest is
//! the same, but frames are those of [1.0](super::v1). A peer of this version takes every number above 0 in our
//! greeting for its own.
//!
//! [RFC 15]: https://rfc.zeromq.org/spec/15/

use bytes::{Buf, BytesMut};

use super::greeting::OPENING_LEN;
use super::spelling::check_size;
use crate::error::ProtocolError;
use crate::frame::{self, Header};

/// Bytes of a peer's greeting: the opening and its socket type.
const GREETING_LEN: usize = OPENING_LEN + 1;

/// Takes a peer's greeting off `input`: the code of its socket type. `None` when it is not all there.
pub(crate) fn take_greeting(input: &mut BytesMut) -> Option<u8> {
    let code = *input.get(GREETING_LEN.saturating_sub(1))?;
    input.advance(GREETING_LEN);
    Some(code)
}

/// Appends what follows our opening: our socket type.
pub(crate) fn put_socket_type(out: &mut Vec<u8>, code: u8) {
    out.push(code);
}

/// Appends our identity frame.
pub(crate) fn put_identity(out: &mut Vec<u8>, identity: &[u8]) {
    frame::put_header(out, 0, identity.len());
    out.extend_from_slice(identity);
}

/// Takes the peer's identity frame off `input`: at most `most` bytes. `None` when it is not all there.
pub(crate) fn take_identity(input: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, ProtocolError> {
    let Some(header) = Header::decode(input) else {
        return Ok(None);
    };
    if header.has_more() {
        return Err(ProtocolError::Malformed {
            what: "identity",
            problem: "it has more than one frame",
        });
    }
    take_identity_behind(header.len, header.size, input, most)
}

/// The same when its header, of `header` bytes, has been read: it announces `size`.
pub(super) fn take_identity_behind(
    header: usize,
    size: u64,
    input: &mut BytesMut,
    most: usize,
) -> Result<Option<BytesMut>, ProtocolError> {
    let size = check_size("identity", size, most as u64)?;
    if input.len() < header.saturating_add(size) {
        return Ok(None);
    }
    input.advance(header);
    Ok(Some(input.split_to(size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_ends_with_the_socket_type() {
        let mut input = BytesMut::from(&b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x08\x00\x00"[..]);
        assert_eq!(take_greeting(&mut input.split_to(11)), None);
        let mut input = BytesMut::from(&b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x08\x00\x00"[..]);
        assert_eq!(take_greeting(&mut input), Some(8));
        assert_eq!(take_identity(&mut input, 255), Ok(Some(BytesMut::new())));
        assert!(input.is_empty());
    }

    #[test]
    fn an_identity_is_one_frame_of_at_most_255_bytes() {
        for identity in [&b""[..], b"me", &[7; 255]] {
            let mut out = Vec::new();
            put_identity(&mut out, identity);
            for cut in 0..out.len() {
                assert_eq!(take_identity(&mut BytesMut::from(&out[..cut]), 255), Ok(None));
            }
            let mut input = BytesMut::from(&out[..]);
            assert_eq!(take_identity(&mut input, 255), Ok(Some(BytesMut::from(identity))));
        }
        for (bytes, text) in [
            (&b"\x01\x00"[..], "malformed identity: it has more than one frame"),
            (
                b"\x02\0\0\0\0\0\0\x01\0",
                "identity of 256 bytes, the limit is 255",
            ),
        ] {
            let error = take_identity(&mut BytesMut::from(bytes), 255).expect_err("it is refused");
            assert_eq!(error.to_string(), text);
        }
    }
}
