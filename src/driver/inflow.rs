//! Where received bytes lie until they are whole messages.
//!
//! A connection has no read buffer of its own while it is idle: that is most of what a thousand connections
//! would cost. It borrows a block from its thread's arena for one turn, reads into it, and what is not whole at
//! the end is copied out: a piece of one message, small by rule. Of a message of some size so much may have come that
//! the block stays with the connection instead, until the rest has. One too large for that gets a buffer of
//! its own, which grows with the bytes that arrive, never with the bytes that were announced, and is used again
//! when the program has let go of the message.
//!
//! ```text
//!  arena block │ tail of last turn │ read … read … │ free │
//!              '── whole messages: split off as chunks ──'── tail: copied out, block given back; or both kept
//! ```

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};

use crate::transport::Stream;
use crate::wire::decoder::MAX_HEADER;

/// Large enough for several reads of the kernel's choice, small enough to stay in the cache.
const BLOCK: usize = 256 * 1024;

/// The most that one read asks for.
const READ: usize = 128 * 1024;

/// The most that one read asks for in a flood of commands: 200 of them, some 20 µs.
const SIP: usize = 2 * 1024;

/// A block with less room than this is put aside.
const ROOM: usize = 64 * 1024;

/// A message that takes more than this gets a buffer of its own.
const LARGE: usize = 128 * 1024;

/// A large buffer has this size, and is kept for the next large message: one of 1 MiB and its frame header. Larger
/// messages get buffers that grow.
const KEEP: usize = 1024 * 1024 + 4096;

/// As much of a message as this is not copied to be kept: the block is. Else pieces of messages of 64 KiB would be copied
/// out, and into the next block again (received in 12.1 instead of 7.7 µs).
const WORTH_A_BLOCK: usize = 8 * 1024;

/// What is at the same place in two pages looks to a processor, at first, as if it were the same.
const PAGE: usize = 4096;

/// A buffer does not begin so near to the beginning of a page. There the system lays what a peer writes when nothing is under
/// way, as it is with a request and its answer, and processors stumble when they copy to a little behind the place that they
/// copy from, whichever pages these are in (AMD Zen 3, up to 48 bytes: 1.7 GB/s instead of 24; a round trip of 1 MiB 1.7 instead
/// of 0.55 ms). Before it too, since the places drift apart as they go.
const NEAR: usize = 64;

/// Blocks put aside that may come back when nobody holds a piece of them any more: what a lane holds at the pace, and
/// some.
const ASIDE: usize = 8;

thread_local! {
    static ARENA: Cell<Option<Arena>> = const { Cell::new(None) };
}

/// The blocks of one thread.
#[derive(Default)]
struct Arena {
    block: Option<BytesMut>,
    aside: VecDeque<BytesMut>,
}

impl Arena {
    fn with<R>(work: impl FnOnce(&mut Self) -> R) -> R {
        ARENA.with(|cell| {
            let mut arena = cell.take().unwrap_or_default();
            let result = work(&mut arena);
            cell.set(Some(arena));
            result
        })
    }

    /// A block that begins with these bytes.
    fn block_with(bytes: &[u8]) -> BytesMut {
        let mut block = Self::with(Self::take);
        begin_apart(&mut block);
        block.extend_from_slice(bytes);
        block
    }

    /// Another block that begins with what is left in this one, which has no room for more.
    fn move_on(block: &mut BytesMut) {
        let next = Self::block_with(block);
        let mut last = std::mem::replace(block, next);
        last.clear();
        Self::with(|arena| arena.put_aside(last));
    }

    /// A block with room for a read.
    fn take(&mut self) -> BytesMut {
        if let Some(mut block) = self.block.take() {
            if block.capacity() >= READ || block.try_reclaim(BLOCK) {
                return block;
            }
            self.put_aside(block);
        }
        // The last one first: it is in the cache.
        let mut newest_first = self.aside.iter_mut().enumerate().rev();
        let free = newest_first.find_map(|(at, block)| block.try_reclaim(BLOCK).then_some(at));
        let block = free.and_then(|at| self.aside.remove(at));
        block.unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
    }

    /// A block comes back after its turn.
    fn give_back(&mut self, block: BytesMut) {
        if let Some(other) = self.block.replace(block) {
            self.put_aside(other);
        }
    }

    /// A block without room may come back when nobody holds a piece of it any more.
    fn put_aside(&mut self, block: BytesMut) {
        self.aside.push_back(block);
        if self.aside.len() > ASIDE {
            self.aside.pop_front();
        }
    }
}

/// Has what comes into an empty buffer begin [where that is good](NEAR).
fn begin_apart(buffer: &mut BytesMut) {
    debug_assert!(buffer.is_empty(), "what is there is not moved");
    let behind = (buffer.as_ptr().addr() + NEAR) % PAGE;
    if behind < 2 * NEAR {
        buffer.resize(2 * NEAR - behind, 0);
        buffer.advance(buffer.len());
    }
}

/// An empty buffer with room for this many bytes.
fn new_buffer(room: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(room + 2 * NEAR);
    begin_apart(&mut buffer);
    buffer
}

/// Whose the buffer is that stays between turns.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// It holds what it must, and nobody reads on into it.
    #[default]
    Copy,
    /// A block of the arena.
    Block,
    /// Large: this connection's own.
    Own,
}

/// The received bytes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Inflow {
    /// What stays between turns: a piece of a message, or whole messages beyond the mark.
    pending: BytesMut,
    kept: Kept,
    /// The unfinished message at the front takes at least this many bytes.
    need: usize,
    /// It has turned out longer than announced before: more frames come than anybody knows.
    is_open_ended: bool,
    /// The last large messages, to get their buffers back. Two: one is being read by the program while the next
    /// arrives. Apart: most connections never have one.
    large: Option<Box<[Option<Bytes>; 2]>>,
}

impl Inflow {
    /// The bytes that are there, in a buffer to read on into.
    pub(crate) fn open(&mut self) -> BytesMut {
        let pending = std::mem::take(&mut self.pending);
        if self.kept != Kept::Copy {
            return pending;
        }
        self.kept = Kept::Block;
        Arena::block_with(&pending)
    }

    /// Bytes that were kept whole at the mark: worked off before anything is read.
    pub(crate) fn kept(&mut self) -> BytesMut {
        std::mem::take(&mut self.pending)
    }

    /// Puts back what is left of them: a piece of one message.
    pub(crate) fn restore(&mut self, rest: BytesMut) {
        self.pending = rest;
    }

    /// The message at the front of `buffer` takes `need` bytes or more.
    pub(crate) fn expect(&mut self, need: usize) {
        let is_longer = self.need > LARGE && need > self.need;
        self.is_open_ended = need > LARGE && (self.is_open_ended || is_longer);
        self.need = need;
    }

    /// A message has left; if it was a large one, its buffer may come back.
    pub(crate) fn remember(&mut self, chunk: &Bytes) {
        if chunk.len() > LARGE && chunk.len() <= KEEP {
            let large = self.large.get_or_insert_default();
            large.swap(0, 1);
            large[0] = Some(chunk.clone());
        }
    }

    /// Reads once, a little if that is asked for. Zero bytes are the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut Stream,
        buffer: &mut BytesMut,
        only_a_sip: bool,
    ) -> Poll<io::Result<usize>> {
        if self.need > LARGE {
            self.make_room(buffer);
            // With the header of the next message in the same read, one as large follows without a copy.
            let limit = match self.is_open_ended {
                true => READ,
                false => self.need.saturating_sub(buffer.len()) + MAX_HEADER,
            };
            return stream.poll_read(cx, buffer, limit.min(buffer.capacity() - buffer.len()));
        }
        if self.kept == Kept::Own {
            *buffer = Arena::block_with(buffer);
            self.kept = Kept::Block;
        } else if buffer.capacity() - buffer.len() < ROOM {
            Arena::move_on(buffer);
        }
        let limit = if only_a_sip { SIP } else { READ };
        stream.poll_read(cx, buffer, limit.min(buffer.capacity() - buffer.len()))
    }

    /// Makes room for a large message: all of it when it is not too large to be kept, else as far as its bytes have
    /// come, twice what is there.
    fn make_room(&mut self, buffer: &mut BytesMut) {
        let whole = self.need + MAX_HEADER;
        let room = if whole <= KEEP {
            whole
        } else {
            whole.min(buffer.len() + ROOM)
        };
        if self.kept == Kept::Own && buffer.capacity() >= room {
            return;
        }
        let mut larger = self.used_buffer(room).unwrap_or_else(|| {
            let double = 2 * buffer.len().max(BLOCK);
            new_buffer(match whole {
                ..=KEEP => KEEP,
                // To the end of one frame after the other, it would be copied as often as it has frames.
                _ if self.is_open_ended => double,
                _ => whole.min(double),
            })
        });
        larger.extend_from_slice(buffer);
        buffer.clear();
        let old = std::mem::replace(buffer, larger);
        if self.kept != Kept::Own {
            Arena::with(|arena| arena.give_back(old));
        }
        self.kept = Kept::Own;
    }

    /// The buffer of a large message that the program has let go of.
    fn used_buffer(&mut self, room: usize) -> Option<BytesMut> {
        for large in self.large.iter_mut().flat_map(|two| two.iter_mut()) {
            if large.as_ref().is_some_and(Bytes::is_unique) {
                let Some(Ok(mut buffer)) = large.take().map(Bytes::try_into_mut) else {
                    continue;
                };
                buffer.clear();
                begin_apart(&mut buffer);
                if buffer.capacity() >= room {
                    return Some(buffer);
                }
            }
        }
        None
    }

    /// Ends a turn: keeps what is left, gives the block back.
    pub(crate) fn close(&mut self, mut buffer: BytesMut, at_the_mark: bool) {
        let is_read_on = match self.kept {
            Kept::Own => self.need > LARGE,
            Kept::Block => self.need > 0 && buffer.len() >= WORTH_A_BLOCK && !at_the_mark,
            Kept::Copy => false,
        };
        if is_read_on {
            self.pending = buffer;
            return;
        }
        if at_the_mark {
            self.pending = buffer.split();
        } else if !buffer.is_empty() {
            self.pending = BytesMut::from(&buffer[..]);
            buffer.clear();
        }
        if std::mem::take(&mut self.kept) == Kept::Block {
            Arena::with(|arena| arena.give_back(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much a connection keeps after a turn that has left `len` bytes of something that takes `need`.
    fn kept(need: usize, len: usize) -> usize {
        let mut inflow = Inflow::default();
        let mut buffer = inflow.open();
        buffer.extend_from_slice(&vec![1; len]);
        inflow.expect(need);
        inflow.close(buffer, false);
        assert_eq!(inflow.pending.len(), len);
        inflow.pending.capacity()
    }

    #[test]
    fn no_buffer_begins_near_the_beginning_of_a_page() {
        let at = |buffer: &BytesMut| buffer.as_ptr().addr() % PAGE;
        for len in 0..PAGE {
            let mut buffer = BytesMut::with_capacity(len + PAGE);
            buffer.resize(len, 1);
            buffer.advance(len);
            let before = at(&buffer);
            begin_apart(&mut buffer);
            assert!((NEAR..=PAGE - NEAR).contains(&at(&buffer)), "{before}");
            assert!((at(&buffer) + PAGE - before) % PAGE <= 2 * NEAR, "{before}");
        }
        let mut inflow = Inflow::default();
        assert!((NEAR..=PAGE - NEAR).contains(&at(&inflow.open())));
    }

    #[test]
    fn a_large_message_is_not_copied_again_for_want_of_room() {
        for need in [LARGE + 1, KEEP - MAX_HEADER, KEEP, KEEP + 1] {
            let (mut inflow, mut buffer) = (Inflow::default(), BytesMut::zeroed(need));
            inflow.expect(need);
            inflow.make_room(&mut buffer);
            assert!(buffer.capacity() >= need + MAX_HEADER, "{need}");
        }
    }

    #[test]
    fn a_block_stays_for_much_of_a_message_and_for_nothing_else() {
        assert!(kept(64 * 1024, WORTH_A_BLOCK) > ROOM);
        assert!(kept(64 * 1024, WORTH_A_BLOCK - 1) < 2 * WORTH_A_BLOCK);
        // A piece of a handshake announces no message, and a peer that is not let in has no block.
        assert!(kept(0, WORTH_A_BLOCK) < 2 * WORTH_A_BLOCK);
    }
}
