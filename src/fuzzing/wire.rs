//! Bytes and what they mean: greetings, frames, commands, metadata.

use bytes::{Buf, BytesMut};

use super::input::{Input, pieces};
use crate::error::ProtocolError;
use crate::frame::{self, Frames, Header};
use crate::wire::command::{self, Command};
use crate::wire::decoder::{Decoder, FRAME_CHARGE, Limits, Step, check_command};
use crate::wire::greeting::{Dialect, GREETING_LEN, Greeting, OPENING_LEN};
use crate::wire::metadata::{MAX_IDENTITY, MAX_PROPERTIES, Metadata};
use crate::wire::{v1, v2};

/// A peer is judged as soon as that can be done, and no later byte changes the judgement.
pub fn greeting(data: &[u8]) {
    let mut known = Dialect::Undecided;
    for len in 0..=data.len().min(GREETING_LEN + 2) {
        let found = Dialect::of(&data[..len]);
        assert!(known == Dialect::Undecided || found == known);
        known = found;
    }
    assert!(known != Dialect::Undecided || data.len() < OPENING_LEN);

    let greeting = Greeting::decode(data);
    assert_eq!(greeting.is_some(), data.len() >= GREETING_LEN);
    if let Some(greeting) = greeting {
        assert!(greeting.version.numbers() <= (3, 1));
        for name in ["NULL", "PLAIN", "CURVE"] {
            let is_named = greeting.mechanism() == name.as_bytes();
            assert_eq!(greeting.names_mechanism(name), is_named);
        }
    }

    identity(data, v1::take_identity);
    identity(data, v2::take_identity);
}

type TakeIdentity = fn(&mut BytesMut, usize) -> Result<Option<BytesMut>, ProtocolError>;

/// An identity frame of an old version is taken when its last byte is there, or refused; and not earlier, nor otherwise.
fn identity(data: &[u8], take: TakeIdentity) {
    let mut whole = BytesMut::from(data);
    let expected = take(&mut whole, MAX_IDENTITY);
    let first = (0..=data.len()).find_map(|len| {
        let mut input = BytesMut::from(&data[..len]);
        let taken = take(&mut input, MAX_IDENTITY).transpose()?;
        assert!(taken.is_err() || input.is_empty());
        Some(taken)
    });
    assert_eq!(first.transpose(), expected);
}

/// What a stream is made of.
#[derive(Debug, PartialEq, Eq)]
enum Unit {
    /// Frames: whether more follow, and the body.
    Message(Vec<(bool, Vec<u8>)>),
    Command(Vec<u8>),
}

/// The decoder finds what a simpler one finds, which looks at one frame after the other; however the stream is cut.
pub fn decoder(data: &[u8]) {
    let mut input = Input::new(data);
    let limits = Limits {
        message_size: input.choose(&[u64::MAX, 0, 1, 100, 255, 256, 1000]),
        message_frames: input.choose(&[1000, 1, 2, 3]),
    };
    let most = input.choose(&[usize::MAX, 1, 2]);
    let cuts = input.cuts();
    let stream = input.rest();
    let found = decode(limits, most, pieces(stream, &cuts));
    assert_eq!(found, decode_simply(limits, stream));
}

/// As the driver does it.
fn decode<'a>(
    limits: Limits,
    most: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Unit>, Option<ProtocolError>) {
    let mut decoder = Decoder::new(limits);
    let (mut input, mut units) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.step(&input, most) {
                Ok(Step::Messages { len, count }) => {
                    let before = units.len();
                    messages(&input.split_to(len), &mut units);
                    assert_eq!(units.len() - before, count);
                    assert!(count > 0 && count <= most);
                }
                Ok(Step::Command { header, len }) => {
                    units.push(Unit::Command(input[header..len].to_vec()));
                    input.advance(len);
                }
                Ok(Step::Interleaved { at, header, len }) => {
                    units.push(Unit::Command(input[at + header..at + len].to_vec()));
                    let behind = input.split_off(at + len);
                    input.truncate(at);
                    input.unsplit(behind);
                }
                Ok(Step::Reserved { at }) => {
                    assert_ne!(input[at] & !frame::KNOWN, 0);
                    input[at] &= frame::KNOWN;
                }
                Ok(Step::Partial { need }) => {
                    assert!(need > input.len());
                    break;
                }
                Err(error) => return (units, Some(error)),
            }
        }
    }
    (units, None)
}

fn messages(run: &[u8], units: &mut Vec<Unit>) {
    let mut message = Vec::new();
    let mut frames = Frames::new(run);
    for (header, body) in frames.by_ref() {
        message.push((header.has_more(), body.to_vec()));
        if !header.has_more() {
            units.push(Unit::Message(std::mem::take(&mut message)));
        }
    }
    assert!(message.is_empty() && frames.rest().is_empty());
}

fn decode_simply(limits: Limits, stream: &[u8]) -> (Vec<Unit>, Option<ProtocolError>) {
    let (mut units, mut message, mut charged, mut at) = (Vec::new(), Vec::new(), 0u64, 0);
    while let Some(header) = Header::decode(&stream[at..]) {
        if header.is_command() {
            if let Err(error) = check_command(header) {
                return (units, Some(error));
            }
        } else {
            charged = charged.saturating_add(header.size).saturating_add(FRAME_CHARGE);
            let size = header.size.max(charged - FRAME_CHARGE);
            let limit = limits.message_size.min(isize::MAX as u64 / 2);
            if size > limit {
                let what = "message";
                return (units, Some(ProtocolError::TooLarge { what, size, limit }));
            }
            if message.len() == limits.message_frames {
                let (what, limit) = ("frames in one message", message.len() as u64);
                return (units, Some(ProtocolError::TooMany { what, limit }));
            }
        }
        let start = at + header.len;
        let end = start.saturating_add(header.size as usize);
        let Some(body) = stream.get(start..end) else { break };
        if header.is_command() {
            units.push(Unit::Command(body.to_vec()));
        } else {
            message.push((header.has_more(), body.to_vec()));
            if !header.has_more() {
                units.push(Unit::Message(std::mem::take(&mut message)));
                charged = 0;
            }
        }
        at = end;
    }
    (units, None)
}

/// A command that is understood is understood again as we would spell it.
pub fn command(data: &[u8]) {
    let command = match Command::decode(data) {
        Ok(command) => command,
        Err(error) => return is_fit_for_a_log(&error),
    };
    let mut out = Vec::new();
    match command {
        Command::Ready(metadata) => command::put_ready(&mut out, metadata),
        Command::Error(reason) => command::put_error(&mut out, reason),
        Command::Hello(data) => command::put_hello(&mut out, &[data]),
        Command::Welcome(data) => command::put_welcome(&mut out, &[data]),
        Command::Initiate(data) => command::put_initiate(&mut out, &[data]),
        Command::Subscribe(topic) => command::put_subscribe(&mut out, topic),
        Command::Cancel(topic) => command::put_cancel(&mut out, topic),
        Command::Join(group) => command::put_join(&mut out, group),
        Command::Leave(group) => command::put_leave(&mut out, group),
        Command::Ping { ttl, context } => {
            assert!(context.len() <= command::MAX_CONTEXT);
            let tenths = command::ttl_in_tenths(ttl);
            assert!(command::ttl_from_tenths(tenths) <= ttl);
            command::put_ping(&mut out, tenths, context);
        }
        Command::Pong(context) => command::put_pong(&mut out, context),
        Command::Other(name) => {
            assert_eq!(data.get(1..=name.len()), Some(name));
            return;
        }
    }
    let header = Header::decode(&out).expect("a whole frame was put");
    assert!(header.is_command() && !header.has_more());
    let body = &out[header.len..];
    assert_eq!(body.len() as u64, header.size);
    let again = Command::decode(body).expect("we spell what we understand");
    match (command, again) {
        // What is too long is cut, and a ttl may be.
        (Command::Ping { context, .. }, Command::Ping { context: again, .. }) => assert_eq!(context, again),
        (Command::Pong(context), Command::Pong(again)) => assert!(context.starts_with(again)),
        (command, again) => assert_eq!(command, again),
    }
}

/// Metadata keep within their limits, and are read from what they say in the same way again.
pub fn metadata(data: &[u8]) {
    let metadata = match Metadata::decode(data) {
        Ok(metadata) => metadata,
        Err(error) => return is_fit_for_a_log(&error),
    };
    assert!(metadata.others.len() <= MAX_PROPERTIES);
    assert!(metadata.identity.len() <= MAX_IDENTITY && metadata.identity.first() != Some(&0));
    let mut said = Vec::new();
    if let Some(kind) = &metadata.socket_type {
        put_property(&mut said, "socket-TYPE", kind);
    }
    put_property(&mut said, "IDENTITY", &metadata.identity);
    for (at, (name, value)) in metadata.others.iter().enumerate() {
        assert!(!["user-id", "peer-address"].contains(&name.to_ascii_lowercase().as_str()));
        let is_new = |(other, _): &(String, _)| !other.eq_ignore_ascii_case(name);
        assert!(metadata.others[..at].iter().all(is_new));
        put_property(&mut said, name, value);
    }
    if metadata.others.len() + 2 <= MAX_PROPERTIES {
        assert_eq!(Metadata::decode(&said), Ok(metadata));
    }
}

fn put_property(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}

/// Whatever a peer wrote, an error is one line, and not a long one (guarantees, row 22).
pub(super) fn is_fit_for_a_log(error: &ProtocolError) {
    let text = error.to_string();
    assert!(!text.chars().any(char::is_control) && text.len() < 2000);
}
