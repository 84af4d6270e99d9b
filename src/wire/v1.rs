//! ZMTP 1.0 ([RFC 13]), as libzmq 2.x speaks it: frames with a length that counts their flags, and nothing else.
//!
//! ```text
//! frame       length(1) flags(1) body            length = 1 + body, below 255
//!             FF length(8) flags(1) body         any length
//! connection  an identity frame each way, then messages
//! ```
//!
//! There is no greeting, no mechanism, no metadata, no command, and so nothing by which a peer could be told apart from
//! any other program: whoever wants to speak with such peers must say so. A side that does not know whom it speaks
//! with begins with ten bytes that a 1.0 peer takes for the header of a long identity frame, and that everybody else
//! takes for a signature.
//!
//! [RFC 13]: https://rfc.zeromq.org/spec/13/

use bytes::{Buf, BytesMut};

use super::spelling::{Spelling, Taken, check_size};
use super::v2;
use crate::error::ProtocolError;
use crate::frame::{self, COMMAND, MORE};

/// Appends the signature that is an identity frame's header too: of this identity, which follows if the peer speaks 1.0.
pub(crate) fn put_signature(out: &mut Vec<u8>, identity_len: usize) {
    out.push(0xFF);
    out.extend_from_slice(&(identity_len as u64).saturating_add(1).to_be_bytes());
    out.push(0x7F);
}

/// Whether the first two bytes of a peer are those of an identity frame: no longer than people really set them, and
/// flags that mean nothing, as libzmq 2.x sends them. Anything else is somebody else, and not ZMTP at all.
pub(crate) fn begins_like_an_identity(length: u8, flags: u8) -> bool {
    length > 0 && flags & !MORE == 0
}

/// Frames of this version. Its flags are one bit, which is that of plain frames.
#[derive(Debug)]
pub(crate) struct Framing;

/// The header of a frame.
struct Header {
    len: usize,
    flags: u8,
    size: u64,
}

/// The first length that needs eight bytes.
const LONG: u8 = 0xFF;

impl Header {
    /// Reads the header at the start of `input`; `None` when it is not all there.
    fn decode(input: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let (len, length, flags) = match input {
            [LONG, a, b, c, d, e, f, g, h, flags, ..] => {
                (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), *flags)
            }
            [LONG, ..] | [] | [_] => return Ok(None),
            [length, flags, ..] => (2, u64::from(*length), *flags),
        };
        match length.checked_sub(1) {
            Some(size) => Ok(Some(Self { len, flags, size })),
            None => Err(ProtocolError::Malformed {
                what: "frame header",
                problem: "a frame of ZMTP 1.0 without flags",
            }),
        }
    }
}

/// Takes the first frame off `input`, which is the peer's identity: at most `most` bytes. `None` when it is not all
/// there.
pub(crate) fn take_identity(input: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, ProtocolError> {
    let Some(header) = Header::decode(input)? else {
        return Ok(None);
    };
    v2::take_identity_behind(header.len, header.size, input, most)
}

impl Spelling for Framing {
    fn put(&mut self, flags: u8, body: &[u8], out: &mut Vec<u8>) -> Result<(), ProtocolError> {
        if flags & COMMAND != 0 {
            // There are none in this version.
            return Ok(());
        }
        let length = (body.len() as u64).saturating_add(1);
        match u8::try_from(length) {
            Ok(short) if short < LONG => out.push(short),
            _ => {
                out.push(LONG);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        out.push(flags & MORE);
        out.extend_from_slice(body);
        Ok(())
    }

    fn take(
        &mut self,
        input: &mut BytesMut,
        plain: &mut BytesMut,
        allowance: u64,
    ) -> Result<Taken, ProtocolError> {
        let Some(header) = Header::decode(input)? else {
            // Of a long header more may be there than of a short one.
            let need = input.len().saturating_add(1).max(2);
            return Ok(Taken::Partial { need });
        };
        let size = check_size("message", header.size, allowance)?;
        let whole = header.len.saturating_add(size);
        let Some(body) = input.get(header.len..whole) else {
            return Ok(Taken::Partial { need: whole });
        };
        frame::put_header(plain, header.flags & MORE, size);
        plain.extend_from_slice(body);
        input.advance(whole);
        Ok(Taken::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(flags: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Framing.put(flags, body, &mut out).expect("nothing is counted");
        out
    }

    fn take(input: &mut BytesMut) -> Result<Option<Vec<u8>>, ProtocolError> {
        let mut plain = BytesMut::new();
        match Framing.take(input, &mut plain, 1000)? {
            Taken::Whole => Ok(Some(plain.to_vec())),
            Taken::Partial { need } => {
                assert!(need > input.len());
                Ok(None)
            }
        }
    }

    #[test]
    fn lengths_count_the_flags() {
        assert_eq!(put(0, b""), b"\x01\x00");
        assert_eq!(put(MORE, b"hi"), b"\x03\x01hi");
        assert_eq!(put(0, &[7; 253])[..2], [254, 0]);
        assert_eq!(put(0, &[7; 254])[..10], [0xFF, 0, 0, 0, 0, 0, 0, 0, 255, 0]);
        assert_eq!(put(MORE, &[7; 255])[..10], [0xFF, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
        assert_eq!(put(COMMAND, b"\x04PING\0\0"), b"", "there are no commands");
    }

    #[test]
    fn every_frame_comes_back_plain_however_it_is_cut() {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (flags, size) in [(MORE, 0), (0, 1), (0, 253), (MORE, 254), (0, 255), (0, 256)] {
            stream.extend(put(flags, &vec![7; size]));
            frame::put_header(&mut expected, flags, size);
            expected.extend(vec![7; size]);
        }
        for cut in 0..=stream.len() {
            let mut input = BytesMut::new();
            let mut plain = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                input.extend_from_slice(piece);
                while let Some(frame) = take(&mut input).expect("it is well formed") {
                    plain.extend(frame);
                }
            }
            assert_eq!(plain, expected, "{cut}");
        }
    }

    #[test]
    fn a_receiver_accepts_the_long_form_for_small_bodies_and_ignores_flags_that_mean_nothing() {
        let mut input = BytesMut::from(&b"\xFF\0\0\0\0\0\0\0\x03\xFFhi"[..]);
        assert_eq!(take(&mut input), Ok(Some(b"\x01\x02hi".to_vec())));
    }

    #[test]
    fn a_frame_has_flags_and_a_size_that_is_allowed() {
        for (bytes, text) in [
            (
                &b"\x00\x00"[..],
                "malformed frame header: a frame of ZMTP 1.0 without flags",
            ),
            (
                b"\xFF\0\0\0\0\0\0\0\0\0",
                "malformed frame header: a frame of ZMTP 1.0 without flags",
            ),
            (
                b"\xFF\0\0\0\0\0\0\x03\xEA\0",
                "message of 1001 bytes, the limit is 1000",
            ),
            (
                b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0",
                "message of 18446744073709551614 bytes, the limit is 1000",
            ),
        ] {
            let error = take(&mut BytesMut::from(bytes)).expect_err("it is refused");
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn an_identity_is_a_frame_of_at_most_255_bytes() {
        let taken = |bytes: &[u8]| take_identity(&mut BytesMut::from(bytes), 255);
        assert_eq!(taken(b"\x01\x00rest"), Ok(Some(BytesMut::new())));
        assert_eq!(taken(b"\x03\x00me"), Ok(Some(BytesMut::from("me"))));
        // As a newer peer says it that does not know whom it speaks with.
        assert_eq!(
            taken(b"\xFF\0\0\0\0\0\0\0\x03\x7Fme"),
            Ok(Some(BytesMut::from("me")))
        );
        assert_eq!(taken(b"\x03\x00m"), Ok(None));
        assert_eq!(taken(b"\xFF\0\0\0\0\0\0\0\x03"), Ok(None));
        let error = taken(b"\xFF\0\0\0\0\0\0\x01\x01\0").expect_err("it is too long");
        assert_eq!(error.to_string(), "identity of 256 bytes, the limit is 255");
    }

    #[test]
    fn our_signature_is_the_header_of_an_identity_frame() {
        let mut out = Vec::new();
        put_signature(&mut out, 2);
        assert_eq!(out, b"\xFF\0\0\0\0\0\0\0\x03\x7F");
        out.extend(b"me");
        let identity = take_identity(&mut BytesMut::from(&out[..]), 255);
        assert_eq!(identity, Ok(Some(BytesMut::from("me"))));
    }
}
