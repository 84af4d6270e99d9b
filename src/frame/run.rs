//! A run of plain frames: what a log is made of, and what a batch is.
//!
//! ```text
//! bytes   │▒▒▒▒▒▒│ header body header body header │ header body │
//!  taken ──┘      └ front                         ↑
//! shared                                     (at, body)
//! ```
//!
//! Small bodies are copied behind their headers. A large body stands beside the bytes *by reference*, and only
//! its position is noted; the **logical offset** of a byte counts both, as a peer on the wire would. A run holds
//! whole messages whenever nobody is in the middle of putting one.
//!
//! The frames tell their own length, so a run needs no index: where a message ends, how many there are, and what a
//! broken connection has lost is found by walking headers, which only rare paths do.
//!
//! Taking from the front moves no bytes; the room is won back when more than half of the buffer is waste.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

use super::{Frames, Header, framed_len, put_header};

/// Plain frames one behind the other, large bodies by reference.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Whole frames, but of a shared one only its header.
    bytes: Vec<u8>,
    /// The front: what lies before it in `bytes` has been taken out.
    head: usize,
    /// The bodies that stand beside `bytes`, in order. None of them is empty.
    shared: VecDeque<Shared>,
    /// How many bytes of shared bodies were put in, and how many of those have been taken out again.
    shared_put: usize,
    shared_taken: usize,
}

/// A body by reference.
#[derive(Debug)]
struct Shared {
    /// Its place: the position in `bytes` right behind its header.
    at: usize,
    /// The value of `shared_put` when it came.
    before: usize,
    body: Bytes,
}

/// One message, taken out of a run: see [`Run::pop_message`].
#[derive(Debug, PartialEq)]
pub(crate) enum Popped<'a> {
    /// All of its frames, in wire form.
    Frames {
        /// They begin here; behind them goes on what was behind them in the run.
        from: &'a [u8],
        /// Their number of bytes.
        len: usize,
    },
    /// The body of its only frame.
    Body(Bytes),
    /// The bodies of its frames, two or more.
    Bodies(Vec<Bytes>),
}

impl Run {
    /// An empty run with room for this many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ..Self::default()
        }
    }

    /// How many bytes this is on the wire.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.head + self.shared_put - self.shared_taken
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // A shared body has its header in `bytes`.
        self.bytes.len() == self.head
    }

    /// Adds a frame; its body is copied. `flags` is `MORE` or nothing.
    #[inline]
    pub(crate) fn put(&mut self, flags: u8, body: &[u8]) {
        self.bytes.reserve(framed_len(body.len()));
        put_header(&mut self.bytes, flags, body.len());
        self.bytes.extend_from_slice(body);
    }

    /// Adds a frame whose body is the first `len` bytes of `padded`, few: copying a fixed number of bytes and
    /// dropping the rest is a few moves, not a call.
    #[inline]
    pub(crate) fn put_padded<const N: usize>(&mut self, padded: &[u8; N], len: usize) {
        const { assert!(N <= 255) };
        self.bytes.reserve(2 + N);
        self.bytes.extend_from_slice(&[0, len as u8]);
        let end = self.bytes.len() + len;
        self.bytes.extend_from_slice(padded);
        self.bytes.truncate(end);
    }

    /// Adds a frame of which at least `share_from` bytes go by reference, fewer are copied.
    #[inline]
    pub(crate) fn put_bytes(&mut self, flags: u8, body: &Bytes, share_from: usize) {
        if body.len() < share_from || body.is_empty() {
            return self.put(flags, body);
        }
        put_header(&mut self.bytes, flags, body.len());
        self.share(body.clone());
    }

    /// Adds whole frames that are in wire form already, by copying.
    #[inline]
    pub(crate) fn put_frames(&mut self, frames: &[u8]) {
        self.bytes.extend_from_slice(frames);
    }

    /// Adds whole frames that are in wire form already; bodies from `share_from` bytes on go by reference.
    pub(crate) fn put_frames_by_reference(&mut self, frames: &Bytes, share_from: usize) {
        if frames.len() < share_from {
            return self.put_frames(frames);
        }
        let mut walk = Frames::new(frames);
        loop {
            let start = walk.rest();
            let Some((header, body)) = walk.next() else { break };
            if body.len() < share_from || body.is_empty() {
                self.put_frames(&start[..header.len + body.len()]);
            } else {
                self.put_frames(&start[..header.len]);
                self.share(frames.slice_ref(body));
            }
        }
    }

    /// Forgets everything and keeps the buffer.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.head = 0;
        self.shared.clear();
        self.shared_put = 0;
        self.shared_taken = 0;
    }

    /// How many bytes the buffer could hold without growing: what a cleared run still costs.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Fills `out` with what stands from the logical offset `from` on, as far as `out` reaches; returns how many
    /// slices were filled.
    #[inline]
    pub(crate) fn slices<'a>(&'a self, from: usize, out: &mut [IoSlice<'a>]) -> usize {
        if self.shared.is_empty() {
            let rest = self.bytes.get(self.head + from..).unwrap_or_default();
            return match out.first_mut() {
                Some(slot) if !rest.is_empty() => {
                    *slot = IoSlice::new(rest);
                    1
                }
                _ => 0,
            };
        }
        self.mixed_slices(from, out)
    }

    /// What stands in `range`, of a run without bodies by reference.
    #[inline]
    pub(crate) fn frames(&self, range: std::ops::Range<usize>) -> &[u8] {
        debug_assert!(self.shared.is_empty());
        &self.bytes[self.head..][range]
    }

    /// The first message boundary at or after the logical offset `offset`, and how many messages lie before it.
    ///
    /// With `offset` = what the kernel accepted before the connection broke, these are the messages that must not
    /// be sent again; the last of them was cut when the boundary is greater than `offset`.
    pub(crate) fn boundary_at_or_after(&self, offset: usize) -> (usize, usize) {
        let mut walk = self.walk();
        let mut messages = 0;
        while walk.offset() < offset && walk.message() {
            messages += 1;
        }
        (walk.offset(), messages)
    }

    /// The frame that begins at the logical offset `offset`; `None` at the end.
    pub(crate) fn frame_at(&self, offset: usize) -> Option<(Header, &[u8])> {
        let bodies = self.bodies_before(offset);
        let at = self.head + offset - self.shared_before(bodies);
        let header = Header::decode(self.bytes.get(at..)?)?;
        let at = at + header.len;
        let body = match self.shared.get(bodies) {
            Some(shared) if shared.at == at => &shared.body,
            _ => self.bytes.get(at..)?.get(..header.size as usize)?,
        };
        Some((header, body))
    }

    /// How many messages there are, by walking all of them.
    #[cfg(test)]
    pub(crate) fn count_messages(&self) -> usize {
        self.boundary_at_or_after(usize::MAX).1
    }

    /// Drops what lies before `boundary`, the logical offset of a message boundary.
    pub(crate) fn split_off_front(&mut self, boundary: usize) {
        let bodies = self.bodies_before(boundary);
        let at = self.head + boundary - self.shared_before(bodies);
        self.drop_front(at, bodies);
    }

    /// Takes out the first `n` whole messages, or as many as `max_bytes` allow; at least one if there is one and
    /// `n` is not zero. Returns them and how many they are.
    #[cfg(test)]
    pub(crate) fn take_messages(&mut self, n: usize, max_bytes: usize) -> (Run, usize) {
        let mut taken = Run::default();
        let messages = self.move_messages(n, max_bytes, &mut taken);
        (taken, messages)
    }

    /// [`take_messages`](Self::take_messages) into a run that exists. If that is empty and all messages go, the two
    /// change buffers and nothing is copied.
    pub(crate) fn move_messages(&mut self, n: usize, max_bytes: usize, into: &mut Run) -> usize {
        let (mut end, mut messages) = (
            Place {
                at: self.head,
                bodies: 0,
            },
            0,
        );
        let mut walk = self.walk();
        while messages < n && walk.message() {
            if messages > 0 && walk.offset() > max_bytes {
                break;
            }
            (end, messages) = (walk.place, messages + 1);
        }
        self.move_front(end, into);
        messages
    }

    /// What was copied and not taken out yet, from the header of the first frame on.
    #[inline]
    pub(crate) fn front(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    /// The same, if all bodies were copied.
    #[inline]
    pub(crate) fn plain_front(&self) -> Option<&[u8]> {
        if self.shared.is_empty() {
            self.bytes.get(self.head..)
        } else {
            None
        }
    }

    /// Takes out the first `len` bytes: whole messages whose bodies all stand at the [`front`](Self::front).
    #[inline]
    pub(crate) fn skip(&mut self, len: usize) {
        self.head += len;
    }

    /// Takes out the first message, to be looked at or copied by the caller; `None` when there is none.
    ///
    /// Moves no bytes and touches no reference counts. The room is won back when the run is empty and asked once
    /// more, or by [`clear`](Self::clear): who pops from a run does not put into it meanwhile.
    #[inline]
    pub(crate) fn pop_message(&mut self) -> Option<Popped<'_>> {
        let start = self.head;
        let mut walk = self.walk();
        if !walk.message() {
            self.clear();
            return None;
        }
        let Place { at, bodies } = walk.place;
        self.head = at;
        if bodies == 0 {
            return Some(Popped::Frames {
                from: &self.bytes[start..],
                len: at - start,
            });
        }
        Some(self.pop_bodies(start, at))
    }

    /// Puts `other` behind what is here.
    pub(crate) fn append(&mut self, mut other: Run) {
        let end = Place {
            at: other.bytes.len(),
            bodies: other.shared.len(),
        };
        other.move_front(end, self);
    }

    /// Puts `other` in front of what is here.
    #[cfg(test)]
    pub(crate) fn prepend(&mut self, mut other: Run) {
        std::mem::swap(self, &mut other);
        self.append(other);
    }

    fn share(&mut self, body: Bytes) {
        self.share_at(self.bytes.len(), body);
    }

    fn share_at(&mut self, at: usize, body: Bytes) {
        let before = self.shared_put;
        self.shared_put += body.len();
        self.shared.push_back(Shared { at, before, body });
    }

    fn walk(&self) -> Walk<'_> {
        Walk {
            run: self,
            place: Place {
                at: self.head,
                bodies: 0,
            },
        }
    }

    /// How many bytes the first `bodies` shared bodies have.
    fn shared_before(&self, bodies: usize) -> usize {
        self.shared
            .get(bodies)
            .map_or(self.shared_put, |shared| shared.before)
            - self.shared_taken
    }

    /// How many shared bodies end at or before the logical offset `offset`.
    fn bodies_before(&self, offset: usize) -> usize {
        self.shared.partition_point(|shared| {
            let end = (shared.at - self.head) + (shared.before - self.shared_taken) + shared.body.len();
            end <= offset
        })
    }

    fn mixed_slices<'a>(&'a self, from: usize, out: &mut [IoSlice<'a>]) -> usize {
        let bodies = self.bodies_before(from);
        // Inside a shared body this is as far beyond the body's place as `from` is inside the body.
        let mut at = self.head + from - self.shared_before(bodies);
        let mut pieces = self.shared.range(bodies..).flat_map(|shared| {
            let header = self.bytes.get(at..shared.at).unwrap_or_default();
            let body = &shared.body[at.saturating_sub(shared.at)..];
            at = shared.at;
            [header, body]
        });
        let mut filled = 0;
        let mut fill = |piece: &'a [u8]| match out.get_mut(filled) {
            Some(slot) if !piece.is_empty() => {
                *slot = IoSlice::new(piece);
                filled += 1;
                true
            }
            Some(_) => true,
            None => false,
        };
        if pieces.by_ref().all(&mut fill) {
            fill(self.bytes.get(at..).unwrap_or_default());
        }
        filled
    }

    fn pop_bodies(&mut self, start: usize, end: usize) -> Popped<'_> {
        let mut bodies = Vec::new();
        let mut at = start;
        while at < end {
            let Some(header) = Header::decode(&self.bytes[at..end]) else {
                break;
            };
            at += header.len;
            match self.shared.front() {
                Some(shared) if shared.at == at => {
                    bodies.extend(self.shared.pop_front().map(|shared| shared.body))
                }
                _ => {
                    let body = &self.bytes[at..at + header.size as usize];
                    bodies.push(Bytes::copy_from_slice(body));
                    at += body.len();
                }
            }
        }
        self.shared_taken = self
            .shared
            .front()
            .map_or(self.shared_put, |shared| shared.before);
        match bodies.pop() {
            Some(only) if bodies.is_empty() => Popped::Body(only),
            last => {
                bodies.extend(last);
                Popped::Bodies(bodies)
            }
        }
    }

    /// Moves what lies before `end` behind what is in `into`.
    fn move_front(&mut self, end: Place, into: &mut Run) {
        if end.at == self.bytes.len() && into.is_empty() {
            into.clear();
            return std::mem::swap(self, into);
        }
        let shift = into.bytes.len();
        into.bytes.extend_from_slice(&self.bytes[self.head..end.at]);
        for shared in self.shared.drain(..end.bodies) {
            self.shared_taken += shared.body.len();
            into.share_at(shift + shared.at - self.head, shared.body);
        }
        self.drop_front(end.at, 0);
    }

    /// Drops what lies before the position `at`, with `bodies` shared bodies.
    fn drop_front(&mut self, at: usize, bodies: usize) {
        self.head = at;
        self.shared_taken += self
            .shared
            .drain(..bodies)
            .map(|shared| shared.body.len())
            .sum::<usize>();
        if self.is_empty() {
            self.clear();
        } else if self.head > self.bytes.len() / 2 {
            // More waste than worth: each byte is moved at most once per byte taken out.
            self.bytes.drain(..self.head);
            for shared in &mut self.shared {
                shared.at -= self.head;
            }
            self.head = 0;
        }
    }
}

/// A place between two frames.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The position in `Run::bytes`.
    at: usize,
    /// How many shared bodies lie before it.
    bodies: usize,
}

/// Steps over frames from the front.
struct Walk<'a> {
    run: &'a Run,
    place: Place,
}

impl Walk<'_> {
    /// Steps over one message; `false` at the end.
    #[inline]
    fn message(&mut self) -> bool {
        loop {
            let Some(rest) = self.run.bytes.get(self.place.at..) else {
                return false;
            };
            let Some(header) = Header::decode(rest) else {
                return false;
            };
            self.place.at += header.len;
            match self.run.shared.get(self.place.bodies) {
                Some(shared) if shared.at == self.place.at => self.place.bodies += 1,
                _ => self.place.at += header.size as usize,
            }
            if !header.has_more() {
                return true;
            }
        }
    }

    /// The logical offset of the place.
    fn offset(&self) -> usize {
        self.place.at - self.run.head + self.run.shared_before(self.place.bodies)
    }
}

#[cfg(test)]
mod tests;
