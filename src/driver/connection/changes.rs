//! What a subscriber says it wants, in both forms: as commands, and in the messages of older peers.
//!
//! ```text
//!  SUBSCRIBE, CANCEL ────────▶ session ─┐
//!                                       ├─▶ publications
//!  01 topic, 00 topic ─▶ taken out of ──┘
//!                        messages      ──────▶ what is left is a message for the program
//! ```

use bytes::{Bytes, BytesMut};

use super::Connection;
use crate::driver::{Asks, ChangesIn};
use crate::error::ProtocolError;
use crate::frame::{Frames, MORE, put_header};
use crate::monitor::DisconnectReason;
use crate::pattern::Change;
use crate::wire::command::subscription_from_message;

impl Connection {
    /// Takes in what a command asks for; what is not asked for here is ignored.
    pub(super) fn take_wish(
        &mut self,
        what: Asks,
        subscribe: bool,
        prefix: Bytes,
    ) -> Result<(), DisconnectReason> {
        if self.shared.config.asks != what {
            return Ok(());
        }
        self.subscribe(Change { subscribe, prefix })
    }

    fn subscribe(&mut self, change: Change) -> Result<(), DisconnectReason> {
        let (Some(publications), Some(pipe)) = (&self.shared.traffic.publications, self.outgoing) else {
            return Ok(());
        };
        let applied = publications.apply(pipe, vec![change]);
        applied.map_err(|too_many| ProtocolError::TooMany {
            what: too_many.what,
            limit: too_many.limit,
        })?;
        self.wishes += 1;
        Ok(())
    }

    /// Takes changes out of a message; what is left of it.
    pub(super) fn take_changes(&mut self, frames: Bytes) -> Result<Option<Bytes>, DisconnectReason> {
        let Some((changes, rest)) = sort(&frames, self.shared.config.changes_in) else {
            return Ok(Some(frames));
        };
        for change in changes {
            self.subscribe(change)?;
        }
        Ok(rest)
    }
}

/// The changes in a message, and what is left of it; `None` when there are none.
fn sort(frames: &Bytes, changes_in: ChangesIn) -> Option<(Vec<Change>, Option<Bytes>)> {
    let all = Frames::new(frames).map(|(_, body)| body);
    let (mut changes, mut others) = (Vec::new(), Vec::new());
    for (at, body) in all.enumerate() {
        match subscription_from_message(body) {
            Some((subscribe, prefix)) => changes.push(Change {
                subscribe,
                prefix: frames.slice_ref(prefix),
            }),
            None if at == 0 && changes_in == ChangesIn::First => return None,
            None => others.push(body),
        }
    }
    let has_changes = match changes_in {
        ChangesIn::Nothing => false,
        ChangesIn::Whole => changes.len() == 1 && others.is_empty(),
        ChangesIn::First | ChangesIn::Any => !changes.is_empty(),
    };
    has_changes.then(|| (changes, joined(&others)))
}

/// A message of these frames, if there are any.
fn joined(bodies: &[&[u8]]) -> Option<Bytes> {
    let (last, before) = bodies.split_last()?;
    let mut frames = Vec::new();
    for (flags, body) in before.iter().map(|body| (MORE, body)).chain([(0, last)]) {
        put_header(&mut frames, flags, body.len());
        frames.extend_from_slice(body);
    }
    Some(BytesMut::from(&*frames).freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ChangesIn; 4] = [
        ChangesIn::Nothing,
        ChangesIn::Whole,
        ChangesIn::First,
        ChangesIn::Any,
    ];

    /// What is made of a message of these frames, by each way to look at it: changes, and the frames that are left.
    fn sorted(bodies: &[&[u8]]) -> [(String, Vec<Vec<u8>>); 4] {
        let whole = joined(bodies).expect("a message has a frame");
        KINDS.map(|changes_in| {
            let (changes, rest) = sort(&whole, changes_in).unwrap_or((Vec::new(), Some(whole.clone())));
            let signs = changes.iter().map(|change| {
                let sign = if change.subscribe { '+' } else { '-' };
                format!("{sign}{}", change.prefix.escape_ascii())
            });
            let rest = rest
                .iter()
                .flat_map(|rest| Frames::new(rest).map(|(_, body)| body.to_vec()));
            (signs.collect(), rest.collect())
        })
    }

    #[test]
    fn a_message_without_a_change_is_left_alone() {
        for bodies in [&[&b""[..]][..], &[b"a"], &[b"\x02a", b"", b"b"]] {
            for (changes, rest) in sorted(bodies) {
                assert_eq!(
                    (&*changes, rest),
                    ("", bodies.iter().map(|body| body.to_vec()).collect())
                );
            }
        }
    }

    #[test]
    fn the_only_frame_of_a_message_may_be_a_change() {
        for (body, change) in [(&b"\x01a"[..], "+a"), (b"\x00", "-"), (b"\x01\x00b", "+\\x00b")] {
            let [nothing, whole, first, any] = sorted(&[body]);
            assert_eq!(nothing, (String::new(), vec![body.to_vec()]));
            for sorted in [whole, first, any] {
                assert_eq!(sorted, (change.to_owned(), vec![]));
            }
        }
    }

    #[test]
    fn of_a_message_of_several_frames_each_way_makes_something_else() {
        let untouched = |bodies: &[&[u8]]| {
            (
                String::new(),
                bodies.iter().map(|body| body.to_vec()).collect::<Vec<_>>(),
            )
        };
        let begins: &[&[u8]] = &[b"\x01a", b"b", b"\x00c", b""];
        let taken = ("+a-c".to_owned(), vec![b"b".to_vec(), vec![]]);
        assert_eq!(
            sorted(begins),
            [untouched(begins), untouched(begins), taken.clone(), taken]
        );

        let ends: &[&[u8]] = &[b"b", b"\x01a"];
        let taken = ("+a".to_owned(), vec![b"b".to_vec()]);
        assert_eq!(
            sorted(ends),
            [untouched(ends), untouched(ends), untouched(ends), taken]
        );
    }
}
