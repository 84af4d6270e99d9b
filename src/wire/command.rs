//! Commands: the frames that two libraries say to each other, never shown to users.
//!
//! ```text
//! command body = name-length(1) name(1..255) data
//! ```
//!
//! [`Command`] is what one body says, borrowed from it; the `put_*` functions append whole frames. Which command may
//! come when, and what follows from it, is not known here. The clauses are those of [RFC 37]; where libzmq is more
//! lenient than it, the comment says which side we take.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use std::time::Duration;

use crate::error::ProtocolError;
use crate::frame::{self, COMMAND};

/// The longest context that a PING may carry; what is longer is echoed cut, as libzmq does.
pub(crate) const MAX_CONTEXT: usize = 16;

/// The length of the longest PONG frame: header, name and context.
pub(crate) const MAX_PONG: usize = 2 + 5 + MAX_CONTEXT;

/// One command, borrowed from the body of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// The end of a handshake: the peer's metadata, not looked into.
    Ready(&'a [u8]),
    /// The peer refuses us: its reason.
    Error(&'a [u8]),
    /// A mechanism's client begins: what follows is the mechanism's.
    Hello(&'a [u8]),
    /// Its server lets it go on.
    Welcome(&'a [u8]),
    /// The client introduces itself.
    Initiate(&'a [u8]),
    /// The peer wants what begins with this.
    Subscribe(&'a [u8]),
    /// The peer takes one such subscription back.
    Cancel(&'a [u8]),
    /// The peer joins a group: it wants what is published there.
    Join(&'a [u8]),
    /// The peer leaves a group.
    Leave(&'a [u8]),
    /// The peer asks whether we live.
    Ping {
        /// How long the peer's own silence is to be tolerated from here on; zero means for ever.
        ttl: Duration,
        /// To be echoed: at most [`MAX_CONTEXT`] bytes.
        context: &'a [u8],
    },
    /// The peer lives: the context of the PING it answers. Has no ttl.
    Pong(&'a [u8]),
    /// A command that means nothing to us; its name.
    Other(&'a [u8]),
}

impl<'a> Command<'a> {
    /// Reads the body of a command frame.
    pub(crate) fn decode(body: &'a [u8]) -> Result<Self, ProtocolError> {
        let Some((name, data)) = split_prefixed(body) else {
            return misspelt_error(body).ok_or(malformed("command", "its name ends beyond its body"));
        };
        Ok(match name {
            b"" => return Err(malformed("command", "its name is empty")),
            b"READY" => Self::Ready(data),
            b"ERROR" => {
                // What follows the reason is ignored, as libzmq does.
                let (reason, _) =
                    split_prefixed(data).ok_or(malformed("ERROR", "its reason ends beyond its body"))?;
                Self::Error(reason)
            }
            b"HELLO" => Self::Hello(data),
            b"WELCOME" => Self::Welcome(data),
            b"INITIATE" => Self::Initiate(data),
            b"SUBSCRIBE" => Self::Subscribe(data),
            b"CANCEL" => Self::Cancel(data),
            b"JOIN" => Self::Join(data),
            b"LEAVE" => Self::Leave(data),
            b"PING" => {
                let (ttl, context) = data
                    .split_first_chunk()
                    .ok_or(malformed("PING", "it has no ttl"))?;
                Self::Ping {
                    ttl: ttl_from_tenths(u16::from_be_bytes(*ttl)),
                    context: cut_context(context),
                }
            }
            b"PONG" => Self::Pong(data),
            other => Self::Other(other),
        })
    }

    /// The name on the wire.
    pub(crate) fn name(&self) -> &'a [u8] {
        match self {
            Self::Ready(_) => b"READY",
            Self::Error(_) => b"ERROR",
            Self::Hello(_) => b"HELLO",
            Self::Welcome(_) => b"WELCOME",
            Self::Initiate(_) => b"INITIATE",
            Self::Subscribe(_) => b"SUBSCRIBE",
            Self::Cancel(_) => b"CANCEL",
            Self::Join(_) => b"JOIN",
            Self::Leave(_) => b"LEAVE",
            Self::Ping { .. } => b"PING",
            Self::Pong(_) => b"PONG",
            Self::Other(name) => name,
        }
    }
}

/// Reads a subscription in the form of ZMTP 3.0 and before, which newer peers may use as well: a message of one frame
/// whose body is 01 or 00 and the topic. `None` if the message is something else.
pub(crate) fn subscription_from_message(body: &[u8]) -> Option<(bool, &[u8])> {
    match body {
        [1, topic @ ..] => Some((true, topic)),
        [0, topic @ ..] => Some((false, topic)),
        _ => None,
    }
}

/// Appends READY with this metadata.
pub(crate) fn put_ready(out: &mut Vec<u8>, metadata: &[u8]) {
    put(out, b"READY", &[metadata]);
}

/// Appends ERROR. A reason of more than 255 bytes is cut.
pub(crate) fn put_error(out: &mut Vec<u8>, reason: &[u8]) {
    let reason = reason.get(..MAX_REASON).unwrap_or(reason);
    put(out, b"ERROR", &[&[reason.len() as u8], reason]);
}

/// Appends HELLO with these data.
pub(crate) fn put_hello(out: &mut Vec<u8>, data: &[&[u8]]) {
    put(out, b"HELLO", data);
}

/// Appends WELCOME with these data.
pub(crate) fn put_welcome(out: &mut Vec<u8>, data: &[&[u8]]) {
    put(out, b"WELCOME", data);
}

/// Appends INITIATE with these data.
pub(crate) fn put_initiate(out: &mut Vec<u8>, data: &[&[u8]]) {
    put(out, b"INITIATE", data);
}

/// Appends SUBSCRIBE, the form of ZMTP 3.1.
pub(crate) fn put_subscribe(out: &mut Vec<u8>, topic: &[u8]) {
    put(out, b"SUBSCRIBE", &[topic]);
}

/// Appends CANCEL, the form of ZMTP 3.1.
pub(crate) fn put_cancel(out: &mut Vec<u8>, topic: &[u8]) {
    put(out, b"CANCEL", &[topic]);
}

/// Appends JOIN.
pub(crate) fn put_join(out: &mut Vec<u8>, group: &[u8]) {
    put(out, b"JOIN", &[group]);
}

/// Appends LEAVE.
pub(crate) fn put_leave(out: &mut Vec<u8>, group: &[u8]) {
    put(out, b"LEAVE", &[group]);
}

/// Appends a subscription, or its end, in the form of ZMTP 3.0: a message.
pub(crate) fn put_subscription_message(out: &mut Vec<u8>, subscribe: bool, topic: &[u8]) {
    frame::put_header(out, 0, topic.len().saturating_add(1));
    out.push(u8::from(subscribe));
    out.extend_from_slice(topic);
}

/// Appends PING. `ttl` is in tenths of a second, 0 for none; of the context at most [`MAX_CONTEXT`] bytes are sent.
pub(crate) fn put_ping(out: &mut Vec<u8>, ttl: u16, context: &[u8]) {
    // Both bytes of the ttl always: libzmq reads them without looking at the length.
    put(out, b"PING", &[&ttl.to_be_bytes(), cut_context(context)]);
}

/// Appends PONG, which echoes the context and has no ttl.
pub(crate) fn put_pong(out: &mut Vec<u8>, context: &[u8]) {
    put(out, b"PONG", &[cut_context(context)]);
}

/// A ttl from how PING carries it.
pub(crate) fn ttl_from_tenths(ttl: u16) -> Duration {
    Duration::from_millis(u64::from(ttl).saturating_mul(TTL_UNIT_MS))
}

/// A ttl as PING carries it: in tenths of a second, rounded down, but not to nothing.
pub(crate) fn ttl_in_tenths(ttl: Duration) -> u16 {
    let tenths = ttl.as_millis().checked_div(u128::from(TTL_UNIT_MS)).unwrap_or(0);
    match u16::try_from(tenths) {
        Ok(0) => u16::from(!ttl.is_zero()),
        Ok(tenths) => tenths.min(MAX_TTL),
        Err(_) => MAX_TTL,
    }
}

/// The unit of a ttl on the wire.
const TTL_UNIT_MS: u64 = 100;

/// libzmq keeps a ttl as milliseconds in 16 bits: anything above 65.5 s would wrap to a much shorter time there.
const MAX_TTL: u16 = 655;

/// The reason's length is one byte.
const MAX_REASON: usize = 255;

/// Appends a command frame whose data are these parts.
fn put(out: &mut Vec<u8>, name: &'static [u8], data: &[&[u8]]) {
    let size = data.iter().fold(name.len().saturating_add(1), |sum, part| {
        sum.saturating_add(part.len())
    });
    out.reserve(size.saturating_add(frame::MAX_HEADER));
    frame::put_header(out, COMMAND, size);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    for part in data {
        out.extend_from_slice(part);
    }
}

/// ERROR as the PLAIN server of libzmq 4.3 spells it: its source says `"\x05ERROR"`, and in C `E` goes on with the number.
fn misspelt_error(body: &[u8]) -> Option<Command<'_>> {
    let (reason, _) = split_prefixed(body.strip_prefix(b"\x5ERROR")?)?;
    Some(Command::Error(reason))
}

/// Splits `length(1) bytes(length) rest`.
pub(crate) fn split_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(len))
}

fn cut_context(context: &[u8]) -> &[u8] {
    context.get(..MAX_CONTEXT).unwrap_or(context)
}

fn malformed(what: &'static str, problem: &'static str) -> ProtocolError {
    ProtocolError::Malformed { what, problem }
}

#[cfg(test)]
mod tests;
