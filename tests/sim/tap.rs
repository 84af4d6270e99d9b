//! Listens at the border between a socket and its byte stream: which messages have passed, to the byte.
//!
//! What CURVE seals is opened, as it knows both sides' secrets ([`trust`]).
//!
//! One tap sits where a socket writes, another where its peer reads. What they saw is the truth that the sockets'
//! own counters are held against.

use peers::sodium::{self, Key};

use crate::letter::{Id, NAME};
use crate::trust;

/// Bytes of a ZMTP 3 greeting.
const GREETING: u64 = 64;

/// Where in it the mechanism begins.
const MECHANISM: usize = 12;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Follows one direction of one connection.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// All bytes that have passed.
    pub(crate) bytes: u64,
    /// Messages that have passed whole, in order.
    pub(crate) whole: Vec<Passed>,
    /// The message that has begun and not ended.
    pub(crate) open: Option<Open>,
    header: Vec<u8>,
    /// Bytes of the current body that are still to come, and whether it is a command, and whether it is the last.
    body: Option<Body>,
    /// The sockets at both ends.
    owners: [u16; 2],
    /// What they have agreed on, where everything is sealed; and of the current body as much as has come.
    key: Option<Key>,
    sealed: Vec<u8>,
}

/// A message that has passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    /// `None`: a message that is not one of ours.
    pub(crate) id: Option<Id>,
    /// With its headers.
    pub(crate) bytes: u64,
}

/// A message that has begun.
#[derive(Debug, Default)]
pub(crate) struct Open {
    name: Vec<u8>,
    bytes: u64,
}

impl Open {
    /// Who it is, if that much of it has passed.
    pub(crate) fn id(&self) -> Option<Id> {
        Id::decode(&self.name)
    }
}

#[derive(Debug)]
struct Body {
    left: u64,
    command: bool,
    last: bool,
}

impl Tap {
    pub(crate) fn between(owners: [u16; 2]) -> Self {
        Self {
            owners,
            ..Self::default()
        }
    }

    /// Whether a message has begun and not ended: of what is sealed and has not passed whole nobody can tell whether it is
    /// one, or a command.
    pub(crate) fn is_open(&self) -> Option<bool> {
        let may_be_a_command = self.key.is_some() && self.open.as_ref().is_some_and(|open| open.bytes == 0);
        (!may_be_a_command).then_some(self.open.is_some())
    }

    /// These bytes have passed.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        let greeting = GREETING.saturating_sub(self.bytes).min(bytes.len() as u64);
        let mechanism = MECHANISM.checked_sub(self.bytes as usize);
        if mechanism.and_then(|at| bytes.get(at)) == Some(&b'C') {
            self.key = Some(trust::agreed(self.owners[0], self.owners[1]));
        }
        self.bytes += bytes.len() as u64;
        bytes = &bytes[greeting as usize..];
        while !bytes.is_empty() {
            match &mut self.body {
                None => {
                    self.header.push(bytes[0]);
                    bytes = &bytes[1..];
                    self.end_header();
                }
                Some(body) => {
                    let some = body.left.min(bytes.len() as u64);
                    let (now, later) = bytes.split_at(some as usize);
                    body.left -= some;
                    bytes = later;
                    if self.key.is_some() {
                        self.sealed.extend_from_slice(now);
                    } else if let Some(open) = self.open.as_mut().filter(|_| !body.command) {
                        open.bytes += some;
                        let missing = NAME.saturating_sub(open.name.len()).min(now.len());
                        open.name.extend_from_slice(&now[..missing]);
                    }
                }
            }
            self.end_body();
        }
    }

    fn end_header(&mut self) {
        let flags = self.header[0];
        let whole = if flags & LONG == 0 { 2 } else { 9 };
        let command = flags & COMMAND != 0;
        if self.header.len() == 1 && !command {
            self.open.get_or_insert_default();
        }
        if self.header.len() < whole {
            return;
        }
        let left = match self.header[1..] {
            [size] => u64::from(size),
            ref size => size.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let plain = self.open.as_mut().filter(|_| !command && self.key.is_none());
        if let Some(open) = plain {
            open.bytes += whole as u64;
        }
        self.header.clear();
        self.body = Some(Body {
            left,
            command,
            last: flags & MORE == 0,
        });
    }

    fn end_body(&mut self) {
        let Some(Body {
            left: 0,
            command,
            last,
        }) = self.body
        else {
            return;
        };
        self.body = None;
        let sealed = std::mem::take(&mut self.sealed);
        let last = match &self.key {
            Some(key) if !command => self.unseal(&sealed, &key.clone()),
            _ => last,
        };
        if last && !command {
            let open = self.open.take().unwrap_or_default();
            self.whole.push(Passed {
                id: open.id(),
                bytes: open.bytes,
            });
        }
    }

    /// Takes what is in a MESSAGE; whether that ends a message.
    fn unseal(&mut self, message: &[u8], key: &Key) -> bool {
        assert_eq!(&message[..8], b"\x07MESSAGE", "in traffic every frame is one");
        let open = |prefix: &[u8; 16]| {
            let nonce = [&prefix[..], &message[8..16]].concat();
            sodium::open_agreed(&message[16..], &nonce.try_into().expect("24 bytes"), key)
        };
        let inner = open(b"CurveZMQMESSAGEC").or_else(|| open(b"CurveZMQMESSAGES"));
        let inner = inner.expect("both secrets are known");
        let (flags, body) = inner.split_first().expect("there are flags");
        if *flags & !MORE != 0 {
            // A command: what has been taken for the beginning of a message was none.
            self.open.take_if(|open| open.bytes == 0);
            return false;
        }
        let message = self.open.get_or_insert_default();
        message.bytes += if body.len() < 256 { 2 } else { 9 } + body.len() as u64;
        let missing = NAME.saturating_sub(message.name.len()).min(body.len());
        message.name.extend_from_slice(&body[..missing]);
        *flags & MORE == 0
    }
}
