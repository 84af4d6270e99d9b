//! The first 64 bytes each way, and what they tell about a peer ([RFC 37], greeting).
//!
//! ```text
//!  0     1          9    10     11     12         32         33       64
//!  FF  padding(8)  7F  major  minor  mechanism  as-server  filler(31)
//!  └──── signature ──┘
//!  └──── opening (11) ────┘└──────────── rest (53) ─────────────────┘
//! ```
//!
//! We send the opening at once and the rest when the peer's opening has come: a peer that speaks ZMTP 2.0 would take
//! 64 bytes at once for a greeting of 12 bytes and a run of frames.
//!
//! What is not significant decides nothing: libzmq writes a number into the padding, and 0 for as-server even where
//! it is the server. But the number [tells](is_numbered) how the peer goes on.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use crate::error::Foreign;

/// Bytes of a whole greeting.
pub(crate) const GREETING_LEN: usize = 64;

/// Bytes that tell a peer's version: the signature and the major version.
pub(crate) const OPENING_LEN: usize = 11;

/// Bytes of a mechanism's name, padded with NUL.
const MECHANISM_LEN: usize = 20;

/// What the first bytes of a peer tell, as far as they have come. Naming is done here, judging by the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Too few bytes to tell.
    Undecided,
    /// Not a versioned ZMTP.
    Foreign(Foreign),
    /// Versioned, but from before 3.0. The version byte: 0, 1 or 2.
    Old(u8),
    /// ZMTP 3.0 or later: the rest of our greeting is due.
    Three,
}

impl Dialect {
    /// Judges by as few bytes as possible: a browser is recognised by the first one.
    pub(crate) fn of(input: &[u8]) -> Self {
        match input {
            [] => Self::Undecided,
            [0xFF, ..] => Self::of_signed(input),
            [first, ..] => Self::Foreign(foreign(*first)),
        }
    }

    /// The same for input that begins with FF, as does a ZMTP 1.0 peer with an identity of 254 bytes or more.
    fn of_signed(input: &[u8]) -> Self {
        match input {
            // Only bit 0 may be tested.
            [_, _, _, _, _, _, _, _, _, mark, ..] if mark & 1 == 0 => Self::Foreign(Foreign::Unversioned),
            [_, _, _, _, _, _, _, _, _, _, old @ 0..=2, ..] => Self::Old(*old),
            [_, _, _, _, _, _, _, _, _, _, _, ..] => Self::Three,
            _ => Self::Undecided,
        }
    }
}

/// What a whole greeting of ZMTP 3 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// The version that both sides speak.
    pub(crate) version: Version,
    /// The name of the mechanism, still padded: to be compared over all its bytes.
    mechanism: [u8; MECHANISM_LEN],
}

impl Greeting {
    /// Reads the greeting at the start of `input`, whose [`Dialect`] is [`Three`](Dialect::Three); `None` when it is
    /// not all there yet.
    pub(crate) fn decode(input: &[u8]) -> Option<Self> {
        let greeting = input.first_chunk::<GREETING_LEN>()?;
        let (opening, rest) = greeting.split_at_checked(OPENING_LEN)?;
        let (minor, rest) = rest.split_first()?;
        let mechanism = *rest.first_chunk::<MECHANISM_LEN>()?;
        let version = Version::spoken_with(*opening.last()?, *minor);
        Some(Self { version, mechanism })
    }

    /// Whether the peer announced exactly this mechanism.
    pub(crate) fn names_mechanism(&self, name: &str) -> bool {
        self.mechanism == padded(name)
    }

    /// The mechanism's name without its padding, as the peer wrote it.
    pub(crate) fn mechanism(&self) -> &[u8] {
        let len = self
            .mechanism
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |last| last.saturating_add(1));
        self.mechanism.get(..len).unwrap_or_default()
    }
}

/// The version that rules a connection: the lower one of ours, which is 3.1, and the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// ZMTP 1.0: its frames are others, and subscriptions need not be sent.
    V1_0,
    /// ZMTP 2.0: there are no commands.
    V2_0,
    /// ZMTP 3.0: subscriptions are messages, and nobody may be pinged.
    V3_0,
    /// ZMTP 3.1.
    V3_1,
}

impl Version {
    /// The version to speak with a peer that announced `major` (3 or above) and `minor`.
    fn spoken_with(major: u8, minor: u8) -> Self {
        if (major, minor) < (MAJOR, MINOR) {
            Self::V3_0
        } else {
            Self::V3_1
        }
    }

    /// As numbers: major and minor.
    pub(crate) fn numbers(self) -> (u8, u8) {
        match self {
            Self::V1_0 => (1, 0),
            Self::V2_0 => (2, 0),
            Self::V3_0 => (3, 0),
            Self::V3_1 => (3, 1),
        }
    }
}

/// Appends the first 11 bytes of our greeting.
pub(crate) fn put_opening(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F]);
    put_major(out);
}

/// Appends the 11th of them alone, for whoever had to begin with a [signature](super::v1::put_signature).
pub(crate) fn put_major(out: &mut Vec<u8>) {
    out.push(MAJOR);
}

/// Whether the peer's first bytes are a signature: it has a version, and may be told ours.
pub(crate) fn is_signed(input: &[u8]) -> bool {
    matches!(input, [0xFF, _, _, _, _, _, _, _, _, mark, ..] if mark & 1 == 1)
}

/// Whether there is a number in the padding of the peer's signature, as libzmq writes it and whoever follows it: they
/// say READY, where that is theirs to say, without having heard ours.
pub(crate) fn is_numbered(input: &[u8]) -> bool {
    input.get(1..9).is_some_and(|padding| padding != [0; 8])
}

/// Appends the other 53 bytes.
pub(crate) fn put_rest(out: &mut Vec<u8>, mechanism: &str, as_server: bool) {
    out.push(MINOR);
    out.extend_from_slice(&padded(mechanism));
    out.push(u8::from(as_server));
    out.extend_from_slice(&[0; 31]);
}

/// The version that we announce.
const MAJOR: u8 = 3;
const MINOR: u8 = 1;

fn padded(mechanism: &str) -> [u8; MECHANISM_LEN] {
    let mut name = [0; MECHANISM_LEN];
    for (slot, byte) in name.iter_mut().zip(mechanism.bytes()) {
        *slot = byte;
    }
    name
}

/// Who begins with this byte, other than a peer of ours.
///
/// To ZMTP 1.0 the byte is the length of an identity frame, one more than that of the identity. Identities that
/// people really set are short, so that printable characters belong to somebody else.
fn foreign(first: u8) -> Foreign {
    match first {
        // GET, POST PUT PATCH, HEAD, DELETE, OPTIONS, CONNECT, TRACE
        b'G' | b'P' | b'H' | b'D' | b'O' | b'C' | b'T' => Foreign::Http,
        // The record type of a ClientHello.
        0x16 => Foreign::Tls,
        b'S' => Foreign::Ssh,
        0x01..=0x1F => Foreign::Unversioned,
        other => Foreign::Other(other),
    }
}

#[cfg(test)]
mod tests;
