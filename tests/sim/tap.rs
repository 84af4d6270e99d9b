//! Listens at the border between a socket and its byte stream: which messages have passed, to the byte.
//!
//! One tap sits where a socket writes, another where its peer reads. What they saw is the truth that the sockets'
//! own counters are held against.

use crate::letter::{Id, NAME};

/// Bytes of a ZMTP 3 greeting.
const GREETING: u64 = 64;

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
    /// These bytes have passed.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        let greeting = GREETING.saturating_sub(self.bytes).min(bytes.len() as u64);
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
                    if let Some(open) = self.open.as_mut().filter(|_| !body.command) {
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
        if let Some(open) = self.open.as_mut().filter(|_| !command) {
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
        if last && !command {
            let open = self.open.take().unwrap_or_default();
            self.whole.push(Passed {
                id: open.id(),
                bytes: open.bytes,
            });
        }
    }
}
