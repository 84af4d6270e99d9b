//! The envelope of a request: what stands in front of its body, and goes back in front of the answer.
//!
//! ```text
//! [address] … [address] [request id] [empty]  │  body …
//! '── envelope: any frames, then one empty ─'
//! ```
//!
//! A REQ begins it, every ROUTER on the way adds an address, and the REP at the end keeps it as it stands: as bytes
//! of the wire, inline or a part of the message's own buffer. So taking it off and putting it back costs no
//! allocation, and nobody on the way can tell that it was touched.

use std::fmt;

use bytes::{Buf, Bytes};

use super::frame::{Frame, Inline};
use super::{Message, Repr, only_body};
use crate::frame::{self as wire, MORE, put_header};

/// Frames in wire form, each with more to follow; the last of them is empty.
#[derive(Clone)]
pub(crate) struct Envelope(Frame);

impl Envelope {
    /// The envelope of these addresses, none of which is empty, and a delimiter.
    pub(crate) fn new<'a>(addresses: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut frames = Vec::new();
        for address in addresses {
            put_header(&mut frames, MORE, address.len());
            frames.extend_from_slice(address);
        }
        put_header(&mut frames, MORE, 0);
        Self(frames.into())
    }

    /// The envelope of an address of four bytes: a request's number.
    pub(crate) fn numbered(id: [u8; 4]) -> Self {
        let [a, b, c, d] = id;
        Self(Frame::copy_from_slice(&[MORE, 4, a, b, c, d, MORE, 0]))
    }

    /// Its frames as they go on the wire.
    #[inline]
    pub(crate) fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The number of its frames, and of the bytes in them.
    pub(crate) fn size(&self) -> (usize, usize) {
        wire::Frames::new(&self.0).fold((0, 0), |(frames, bytes), (_, body)| {
            (frames + 1, bytes + body.len())
        })
    }
}

impl Default for Envelope {
    /// The delimiter alone.
    fn default() -> Self {
        Self(Frame::copy_from_slice(&[MORE, 0]))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Envelope").field(&self.0).finish()
    }
}

impl Message {
    /// How many addresses stand in front of the delimiter: `None` when there is none among the first `most` + 1
    /// frames, or nothing behind it.
    #[inline]
    pub(crate) fn addresses(&self, most: usize) -> Option<usize> {
        let mut frames = self.iter();
        let delimiter = frames
            .by_ref()
            .take(most.saturating_add(1))
            .position(<[u8]>::is_empty)?;
        frames.next().map(|_| delimiter)
    }

    /// Takes the message out of its envelope; both share the buffer, or are few bytes.
    ///
    /// Gives the message back when it has no delimiter, or nothing behind it.
    pub(crate) fn open_envelope(self) -> Result<(Envelope, Message), Message> {
        match self.0 {
            Repr::Inline(frames) if frames.is_several() => match split(frames.as_slice()) {
                Some((envelope, body)) => {
                    Ok((Envelope(Frame::copy_from_slice(envelope)), Message::copied(body)))
                }
                None => Err(self),
            },
            Repr::SharedFrames(mut frames) => {
                let Some((envelope, _)) = split(&frames) else {
                    return Err(Message(Repr::SharedFrames(frames)));
                };
                let len = envelope.len();
                let envelope = Envelope(Frame::part_of(&frames, envelope));
                frames.advance(len);
                Ok((envelope, Message::of_wire(frames)))
            }
            Repr::List(mut frames) => match frames.iter().position(|frame| frame.is_empty()) {
                Some(delimiter) if delimiter + 1 < frames.len() => {
                    let body = frames.split_off(delimiter + 1);
                    let addresses = frames.iter().take(delimiter).map(|frame| &**frame);
                    Ok((Envelope::new(addresses), Message::several(body)))
                }
                _ => Err(Message(Repr::List(frames))),
            },
            Repr::Inline(_) | Repr::Shared(_) => Err(self),
        }
    }

    /// The message of which `frames` are all frames, in wire form.
    fn of_wire(mut frames: Bytes) -> Message {
        if let Some(body) = only_body(&frames) {
            let header = frames.len() - body.len();
            frames.advance(header);
            return Message::from(frames);
        }
        Message(match Inline::several(&frames) {
            Some(inline) => Repr::Inline(inline),
            None => Repr::SharedFrames(frames),
        })
    }
}

/// Frames up to the first empty one, that included, and what stands behind; `None` if one of the two is missing.
fn split(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut walk = wire::Frames::new(frames);
    walk.find(|(_, body)| body.is_empty())?;
    let body = walk.rest();
    if body.is_empty() {
        return None;
    }
    Some((&frames[..frames.len() - body.len()], body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Run;
    use crate::message::Payload;

    /// The message as it comes from the wire, from other messages in the same buffer.
    fn received(message: &Message) -> Message {
        let mut run = Run::default();
        message.encode(&mut run, usize::MAX);
        let mut slices = [std::io::IoSlice::new(&[])];
        run.slices(0, &mut slices);
        let mut buffer = b"\x00\x05before".to_vec();
        let start = buffer.len();
        buffer.extend_from_slice(&slices[0]);
        let end = buffer.len();
        buffer.extend_from_slice(b"\x00\x05after");
        Message::from_wire(&buffer.into(), start..end)
    }

    fn sizes() -> impl Iterator<Item = usize> {
        [0, 1, 20, 27, 28, 29, 32, 33, 255, 256, 8_000, 9_000, 40_000].into_iter()
    }

    #[test]
    fn an_envelope_comes_off_and_goes_back_on_at_every_size() {
        for body in sizes().map(|size| vec![b'x'; size]) {
            for addresses in [
                vec![],
                vec!["a"],
                vec!["client", "a longer address than lies inline, by far"],
            ] {
                let mut frames: Vec<Frame> = addresses.iter().map(|address| Frame::from(*address)).collect();
                frames.push(Frame::default());
                frames.push(Frame::from(&body));
                let whole = Message::try_from(frames).expect("there are frames");
                for message in [whole.clone(), received(&whole)] {
                    assert_eq!(message.addresses(16), Some(addresses.len()));
                    let (envelope, opened) = message.open_envelope().expect("it has an envelope");
                    assert_eq!(opened, body);
                    let expected = Envelope::new(addresses.iter().map(|address| address.as_bytes()));
                    assert_eq!(envelope.as_wire(), expected.as_wire());

                    let mut run = Run::default();
                    run.put_frames(envelope.as_wire());
                    Payload::from(&body).encode(&mut run, usize::MAX);
                    assert_eq!(Message::pop_from(&mut run), Some(whole.clone()));
                }
            }
        }
    }

    #[test]
    fn a_body_of_several_frames_stays_whole_and_so_do_its_empty_ones() {
        for size in sizes() {
            let whole = Message::from(["", "one", "", &"x".repeat(size)]);
            for message in [whole.clone(), received(&whole)] {
                let (envelope, body) = message.open_envelope().expect("it has an envelope");
                assert_eq!(envelope.as_wire(), b"\x01\x00");
                assert_eq!(body, Message::from(["one", "", &"x".repeat(size)]));
            }
        }
    }

    #[test]
    fn what_has_no_delimiter_or_nothing_behind_it_is_given_back() {
        let large = "x".repeat(50_000);
        for malformed in [
            Message::from(""),
            Message::from("body"),
            Message::from(&large),
            Message::from(["a", "b"]),
            Message::from(["a", ""]),
            Message::from(["a", &"x".repeat(50), ""]),
            Message::from([&large, "a", ""]),
        ] {
            for message in [malformed.clone(), received(&malformed)] {
                assert_eq!(message.addresses(16), None);
                assert_eq!(message.open_envelope().expect_err("it is malformed"), malformed);
            }
        }
    }

    #[test]
    fn addresses_are_counted_up_to_a_limit() {
        let message = Message::from(["a", "b", "", "body"]);
        assert_eq!(message.addresses(2), Some(2));
        assert_eq!(message.addresses(1), None);
    }

    #[test]
    fn a_header_in_its_long_form_is_kept_as_it_came() {
        let chunk = Bytes::from_static(b"\x03\0\0\0\0\0\0\0\x01a\x01\0\x00\x04body");
        let message = Message::from_wire(&chunk, 0..chunk.len());
        let (envelope, body) = message.open_envelope().expect("it has an envelope");
        assert_eq!(envelope.as_wire(), &chunk[..12]);
        assert_eq!(body, "body");
    }

    #[test]
    fn a_numbered_envelope_has_two_frames_and_four_bytes() {
        let envelope = Envelope::numbered(*b"1234");
        assert_eq!(envelope.as_wire(), Envelope::new([&b"1234"[..]]).as_wire());
        assert_eq!(envelope.size(), (2, 4));
        assert_eq!(Envelope::default().size(), (1, 0));
    }
}
