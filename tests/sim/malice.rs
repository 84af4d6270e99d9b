//! Planted bugs: a network that does what no correct engine may do.
//!
//! Each stands for a mistake that an engine of this kind could make. They sit between the two taps, where the
//! checks do not look, and each must be found by them: that is how the checks themselves are tested.

use crate::dice::Dice;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malice {
    /// A message goes out twice (a batch sent again after a partial write).
    Duplicate,
    /// A message was taken and goes nowhere (a ledger that is off by one).
    Swallow,
    /// Two messages change places (two hands on one line).
    Swap,
    /// A message arrives without its last frame (a torn multipart).
    Tear,
    /// The end of what was written waits for the next write (a skipped flush).
    HoldBack,
    /// Bytes arrive and nobody is woken (a lost wake-up).
    LoseWake,
    /// Bytes reach the peer, and the writer is told that they did not (a wrong boundary on reconnect).
    DenyWrite,
    /// One byte of a body is another one.
    Corrupt,
    /// A subscription does not reach its publisher (a replay that is dropped).
    Unsubscribe,
    /// Sockets hold more than their budget (room that is given and not drawn). It is not in the network.
    Overdraw,
}

impl Malice {
    pub(crate) const ALL: [Self; 10] = [
        Self::Duplicate,
        Self::Swallow,
        Self::Swap,
        Self::Tear,
        Self::HoldBack,
        Self::LoseWake,
        Self::DenyWrite,
        Self::Corrupt,
        Self::Unsubscribe,
        Self::Overdraw,
    ];

    /// How many messages in a hundred it befalls; of subscriptions, how many of these.
    const SHARE: u64 = 5;
}

const GREETING: usize = 64;
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
const SUBSCRIBE: &[u8] = b"\x09SUBSCRIBE";

/// What happens to the bytes of one direction on their way.
#[derive(Debug, Default)]
pub(crate) struct Tamper {
    /// Bytes of the greeting that have passed.
    greeting: usize,
    /// What has not passed yet: a message that is not whole, or the end of a write.
    held: Vec<u8>,
    /// A message that goes behind the next one.
    overtaken: Vec<u8>,
}

impl Tamper {
    /// What goes on of these bytes, and of those held before.
    pub(crate) fn through(&mut self, malice: Option<Malice>, dice: &mut Dice, bytes: Vec<u8>) -> Vec<u8> {
        match malice {
            None | Some(Malice::LoseWake | Malice::DenyWrite | Malice::Overdraw) => bytes,
            Some(Malice::HoldBack) => {
                let mut out = std::mem::take(&mut self.held);
                out.extend_from_slice(&bytes);
                if dice.chance(Malice::SHARE) {
                    self.held = out.split_off(out.len() - dice.below(out.len() as u64) as usize);
                }
                out
            }
            Some(malice) => self.by_message(malice, dice, &bytes),
        }
    }

    /// What is still held when the stream ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.overtaken);
        rest.append(&mut self.held);
        rest
    }

    fn by_message(&mut self, malice: Malice, dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
        let (greeting, traffic) = bytes.split_at(bytes.len().min(GREETING - self.greeting));
        self.greeting += greeting.len();
        self.held.extend_from_slice(traffic);
        let mut out = greeting.to_vec();
        while let Some(frames) = first_message(&self.held) {
            let end = frames.last().map_or(0, |frame| frame.end);
            let rest = self.held.split_off(end);
            let mut message = std::mem::replace(&mut self.held, rest);
            let is_meant = match malice {
                Malice::Unsubscribe => frames[0].flags & COMMAND != 0 && message[2..].starts_with(SUBSCRIBE),
                _ => frames[0].flags & COMMAND == 0,
            };
            if !is_meant || !dice.chance(Malice::SHARE) {
                out.append(&mut message);
                out.append(&mut self.overtaken);
                continue;
            }
            match malice {
                Malice::Duplicate => {
                    out.extend_from_slice(&message);
                    out.append(&mut message);
                }
                Malice::Swap => {
                    self.overtaken.append(&mut message);
                    continue;
                }
                Malice::Tear if frames.len() > 1 => {
                    let last = &frames[frames.len() - 2];
                    message[last.start] &= !MORE;
                    out.extend_from_slice(&message[..last.end]);
                }
                Malice::Corrupt => {
                    if let Some(last) = message.last_mut() {
                        *last ^= 0x20;
                    }
                    out.append(&mut message);
                }
                Malice::Swallow | Malice::Unsubscribe => {}
                _ => out.append(&mut message),
            }
            out.append(&mut self.overtaken);
        }
        out
    }
}

struct Frame {
    start: usize,
    end: usize,
    flags: u8,
}

/// The frames of the message or command at the front, if it is whole.
fn first_message(bytes: &[u8]) -> Option<Vec<Frame>> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut start = 0;
    loop {
        let flags = *bytes.get(start)?;
        let (header, size) = if flags & LONG == 0 {
            (2, usize::from(*bytes.get(start + 1)?))
        } else {
            let size = bytes.get(start + 1..start + 9)?.first_chunk::<8>()?;
            (9, u64::from_be_bytes(*size) as usize)
        };
        let end = start + header + size;
        if end > bytes.len() {
            return None;
        }
        frames.push(Frame { start, end, flags });
        if flags & MORE == 0 {
            return Some(frames);
        }
        start = end;
    }
}
