//! The publisher: the rules one by one, then all of them against a naive model.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::frame::Header;
use crate::pattern::{Change, Publications, TooManySubscriptions};
use crate::pipe::Outgoing;
use crate::stats::Load;
use crate::transport::Writer;

/// A line with room for so many bytes.
#[derive(Debug, Default)]
struct Line(Mutex<(usize, Vec<u8>)>);

impl Writer for Line {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let (room, written) = &mut *state;
        let mut accepted = 0;
        for slice in slices {
            let part = slice.len().min(*room);
            written.extend_from_slice(&slice[..part]);
            *room -= part;
            accepted += part;
        }
        if accepted == 0 {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(accepted)
        }
    }
}

/// A subscriber and its driver.
struct Peer {
    pipe: PipeId,
    batch: Batch,
    holds_line: bool,
    line: Arc<Line>,
    waker: Waker,
    calls: Arc<Calls>,
}

/// Counts how often a driver was called.
#[derive(Default)]
struct Calls(AtomicUsize);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether the publisher may write to a peer's line itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Inline {
    Yes,
    No,
}

impl Peer {
    fn new(fan_out: &FanOut, inline: Inline) -> Self {
        let calls = Arc::new(Calls::default());
        let mut peer = Self {
            pipe: fan_out.attach(),
            batch: Batch::default(),
            holds_line: false,
            line: Arc::default(),
            waker: calls.clone().into(),
            calls,
        };
        peer.go_online(fan_out, inline);
        peer
    }

    fn subscribed(fan_out: &FanOut, prefix: &str) -> Self {
        let mut peer = Self::new(fan_out, Inline::No);
        peer.subscribe(fan_out, prefix);
        peer.drive(fan_out);
        peer
    }

    fn subscribe(&self, fan_out: &FanOut, prefix: &str) {
        fan_out
            .apply(self.pipe, vec![change(true, prefix)])
            .expect("it is no more than it may be");
    }

    fn go_online(&mut self, fan_out: &FanOut, inline: Inline) {
        let line = crate::pipe::Line::Stream(self.line.clone());
        fan_out.online(self.pipe, (inline == Inline::Yes).then_some(line));
        self.drive(fan_out);
    }

    fn make_room(&self, bytes: usize) {
        self.line.0.lock().0 = bytes;
    }

    /// Writes as a driver does, until there is no room or nothing to write.
    fn drive(&mut self, fan_out: &FanOut) {
        loop {
            if !self.holds_line || self.batch.is_written() {
                let taken = fan_out.poll_take(self.pipe, &self.waker, &mut self.batch, false);
                self.holds_line = taken.is_ready();
                if !self.holds_line {
                    return;
                }
            }
            if self.batch.write(&mut Vec::new(), &*self.line).is_err() {
                return fan_out.handle_blocked(self.pipe);
            }
            if self.batch.has_passed_a_mark() && !self.batch.is_written() {
                fan_out.progress(self.pipe, &mut self.batch);
            }
        }
    }

    /// The connection breaks. Returns what it carried.
    fn go_offline(&mut self, fan_out: &FanOut) -> Vec<u8> {
        let offline = fan_out.poll_offline(self.pipe, &self.waker, &mut self.batch);
        assert!(offline.is_ready(), "nobody writes");
        self.holds_line = false;
        std::mem::take(&mut self.line.0.lock().1)
    }

    fn calls(&self) -> usize {
        self.calls.0.load(Ordering::Relaxed)
    }

    /// The last frames of all that arrived.
    fn received(&self) -> Vec<Bytes> {
        let (messages, rest) = split(&self.line.0.lock().1);
        assert_eq!(rest, 0, "whole messages");
        messages
    }

    fn dropped(&self, fan_out: &FanOut, reason: DropReason) -> u64 {
        fan_out
            .counters(self.pipe)
            .map_or(0, |counters| counters.dropped.by(reason))
    }
}

/// The last frame of each whole message, and how many bytes are left.
fn split(mut bytes: &[u8]) -> (Vec<Bytes>, usize) {
    let mut messages = Vec::new();
    let mut rest = bytes.len();
    while let Some(header) = Header::decode(bytes) {
        let Some(body) = bytes[header.len..].get(..header.size as usize) else {
            break;
        };
        bytes = &bytes[header.len + body.len()..];
        if !header.has_more() {
            messages.push(Bytes::copy_from_slice(body));
            rest = bytes.len();
        }
    }
    (messages, rest)
}

fn change(subscribe: bool, prefix: &str) -> Change {
    let prefix = Bytes::copy_from_slice(prefix.as_bytes());
    Change { subscribe, prefix }
}

fn config(conflate: bool) -> FanOutConfig {
    FanOutConfig {
        share_from: 32 * 1024,
        conflate,
        matching: Matching::Prefix,
        slow: Slow::default(),
        limits: AskLimits::default(),
    }
}

fn fan_out(messages: usize) -> FanOut {
    let marks = Marks {
        messages,
        bytes: usize::MAX,
    };
    FanOut::new(marks, config(false))
}

fn publish<'a>(fan_out: &FanOut, message: impl Into<Payload<'a>>) {
    fan_out
        .try_send(&message.into(), Instant::now)
        .expect("it is open");
}

fn no_subscriber(fan_out: &FanOut) -> u64 {
    fan_out.totals().0.dropped.by(DropReason::NoSubscriber)
}

#[test]
fn at_the_mark_a_subscriber_is_dropped_for_until_half_is_free() {
    let fan_out = fan_out(4);
    let mut peer = Peer::subscribed(&fan_out, "");
    for body in ["1", "2", "3", "4", "5", "6"] {
        publish(&fan_out, body);
    }
    assert_eq!(peer.dropped(&fan_out, DropReason::Hwm), 2);

    // What is being written counts until all of it is written.
    peer.make_room(5);
    peer.drive(&fan_out);
    publish(&fan_out, "7");
    assert_eq!(peer.dropped(&fan_out, DropReason::Hwm), 3);

    peer.make_room(usize::MAX);
    peer.drive(&fan_out);
    publish(&fan_out, "8");
    peer.drive(&fan_out);
    assert_eq!(peer.received(), ["1", "2", "3", "4", "8"]);
    assert_eq!(fan_out.totals().0.accepted.messages, 8);
}

#[test]
fn a_mark_may_change_whether_messages_are_noted_one_by_one_or_together() {
    for subscribers in [1, super::MANY] {
        let fan_out = fan_out(1000);
        let mut peers: Vec<_> = (0..subscribers).map(|_| Peer::subscribed(&fan_out, "")).collect();
        publish(&fan_out, "1");
        publish(&fan_out, "2");
        fan_out.set_mark(3);
        for body in ["3", "4", "5"] {
            publish(&fan_out, body);
        }
        fan_out.set_mark(6);
        for body in ["6", "7", "8", "9"] {
            publish(&fan_out, body);
        }
        for peer in &mut peers {
            assert_eq!(peer.dropped(&fan_out, DropReason::Hwm), 3, "{subscribers}");
            peer.make_room(usize::MAX);
            peer.drive(&fan_out);
            assert_eq!(peer.received(), ["1", "2", "3", "6", "7", "8"]);
        }
    }
}

#[test]
fn a_budget_in_bytes_is_a_mark_too() {
    let marks = Marks {
        messages: usize::MAX,
        bytes: 100,
    };
    let fan_out = FanOut::new(marks, config(false));
    let mut peer = Peer::subscribed(&fan_out, "");
    peer.make_room(usize::MAX);
    publish(&fan_out, vec![1; 98]);
    publish(&fan_out, vec![2; 1]);
    peer.drive(&fan_out);
    // One that is larger goes into an empty queue, and nothing with it.
    publish(&fan_out, vec![3; 200]);
    publish(&fan_out, vec![4; 1]);
    peer.drive(&fan_out);
    assert_eq!(peer.received(), [vec![1; 98], vec![3; 200]]);
    assert_eq!(peer.dropped(&fan_out, DropReason::Hwm), 2);
}

#[test]
fn a_message_is_queued_once_however_many_subscriptions_match() {
    let fan_out = fan_out(10);
    let mut peer = Peer::subscribed(&fan_out, "");
    peer.subscribe(&fan_out, "a");
    peer.subscribe(&fan_out, "ab");
    publish(&fan_out, "abc");
    peer.make_room(usize::MAX);
    peer.drive(&fan_out);
    assert_eq!(peer.received(), ["abc"]);
}

#[test]
fn a_message_that_nobody_asked_for_is_counted_outside_the_sum() {
    let fan_out = fan_out(10);
    publish(&fan_out, "a");
    let _peers = ["b", "c"].map(|prefix| Peer::subscribed(&fan_out, prefix));
    publish(&fan_out, "a");
    assert_eq!(no_subscriber(&fan_out), 2);
    assert_eq!(fan_out.totals().0.accepted.messages, 0);
    assert_eq!(fan_out.totals().0.dropped.total(), 0);
}

#[test]
fn many_are_called_for_one_message_and_each_only_once_for_more() {
    let fan_out = fan_out(1000);
    let peers: Vec<_> = (0..20).map(|_| Peer::subscribed(&fan_out, "")).collect();
    for _ in 0..10 {
        publish(&fan_out, "a");
    }
    assert!(peers.iter().all(|peer| peer.calls() == 1));
}

#[test]
fn a_message_for_one_whose_line_is_idle_is_written_at_once() {
    let fan_out = fan_out(10);
    let peer = Peer::new(&fan_out, Inline::Yes);
    peer.subscribe(&fan_out, "a");
    peer.make_room(4);
    let begin = Instant::now();
    let send = |at: u64, body: &str| {
        let now = || begin + Duration::from_micros(at);
        fan_out.try_send(&body.into(), now).expect("it is open");
    };
    send(0, "a1");
    assert_eq!(peer.received(), ["a1"]);
    assert_eq!(peer.calls(), 0);
    // Soon after it is the driver's.
    send(1, "a2");
    assert_eq!((peer.received().len(), peer.calls()), (1, 1));
}

#[test]
fn a_write_that_was_cut_short_is_the_drivers_to_finish() {
    let fan_out = fan_out(10);
    let mut peer = Peer::new(&fan_out, Inline::Yes);
    peer.subscribe(&fan_out, "");
    peer.make_room(3);
    publish(&fan_out, "abcd");
    publish(&fan_out, "efgh");
    assert_eq!((peer.line.0.lock().1.len(), peer.calls()), (3, 1));
    peer.make_room(usize::MAX);
    peer.drive(&fan_out);
    assert_eq!(peer.received(), ["abcd", "efgh"]);
}

#[test]
fn a_send_yields_once_when_a_driver_has_much_to_do() {
    let fan_out = fan_out(4);
    let _peer = Peer::subscribed(&fan_out, "");
    let now = Instant::now();
    let send = || fan_out.poll_send(Waker::noop(), &"a".into(), || now).is_ready();
    assert!(send() && send());
    assert!(!send(), "half of the mark is queued");
    assert!(send());
    assert_eq!(fan_out.totals().1.messages, 3, "what yields has queued nothing");
}

#[test]
fn what_is_queued_when_a_pipe_ends_is_returned_and_counted() {
    for peers in [1, 20] {
        let fan_out = fan_out(10);
        let mut peers: Vec<_> = (0..peers).map(|_| Peer::subscribed(&fan_out, "")).collect();
        let peer = &mut peers[0];
        for body in ["a", "b", "c"] {
            publish(&fan_out, body);
        }
        peer.make_room(4);
        peer.drive(&fan_out);
        assert_eq!(peer.go_offline(&fan_out), b"\0\x01a\0");
        let unsent = fan_out.detach(peer.pipe, DropReason::PipeClosed);

        assert_eq!(unsent.messages, 1);
        assert_eq!(unsent.run.frames(0..unsent.run.len()), b"\0\x01c");
        let counters = fan_out.totals().0;
        assert_eq!(counters.dropped.by(DropReason::PipeClosed), 1);
        assert_eq!(counters.dropped.by(DropReason::Cut), 1);
        assert_eq!(counters.done.messages, 1);
        assert_eq!(fan_out.counters(peer.pipe).map(drop), None);
    }
}

#[test]
fn row_07_more_subscriptions_than_a_peer_may_have_are_refused() {
    let fan_out = fan_out(10);
    let peer = Peer::new(&fan_out, Inline::No);
    let prefixes = (0..100_000)
        .map(|number| change(true, &number.to_string()))
        .collect();
    assert_eq!(fan_out.apply(peer.pipe, prefixes), Ok(()));
    assert_eq!(
        fan_out.apply(peer.pipe, vec![change(true, "7")]),
        Ok(()),
        "it has that one"
    );
    assert_eq!(
        fan_out.apply(peer.pipe, vec![change(true, "x")]),
        Err(TooManySubscriptions {
            what: "subscriptions",
            limit: 100_000
        })
    );
}

#[test]
fn row_07_longer_subscriptions_than_a_peer_may_have_are_refused() {
    let fan_out = fan_out(10);
    let peer = Peer::new(&fan_out, Inline::No);
    let refusal = |prefix: String| fan_out.apply(peer.pipe, vec![change(true, &prefix)]).err();
    let rest = " ".repeat((64 << 10) - 3);
    for number in 100..100 + 256 {
        assert_eq!(refusal(format!("{number}{rest}")), None);
    }
    assert_eq!(refusal("x".into()).map(|refusal| refusal.limit), Some(16 << 20));
    assert_eq!(
        refusal(" ".repeat(65537)).map(|refusal| refusal.limit),
        Some(64 << 10)
    );
}

#[test]
fn a_subscriber_that_lags_costs_its_mark_and_the_shared_log_its_bound() {
    const MARK: usize = 1000;
    let fan_out = fan_out(MARK);
    let mut peers: Vec<_> = (0..16).map(|_| Peer::subscribed(&fan_out, "")).collect();
    let body = [7; 1000];
    for published in 0..20_000 {
        publish(&fan_out, &body[..]);
        if published % 100 == 0 {
            for peer in &mut peers[2..] {
                peer.make_room(usize::MAX);
                peer.drive(&fan_out);
                peer.line.0.lock().1.clear();
            }
        }
        let state = fan_out.state.lock();
        assert!(
            state.shared.capacity() <= shared_log::FULL,
            "{}",
            state.shared.capacity()
        );
    }
    let own = |peer: &Peer| {
        let mut state = fan_out.state.lock();
        state
            .subscribers
            .get_mut(peer.pipe)
            .map_or(0, |subscriber| subscriber.log.len())
    };
    assert!(own(&peers[0]) <= MARK * 1009, "{}", own(&peers[0]));
    assert_eq!(own(&peers[5]), 0, "who keeps up has nothing of its own");
    assert_eq!(peers[0].dropped(&fan_out, DropReason::Hwm), 19_000);
    assert_eq!(peers[5].dropped(&fan_out, DropReason::Hwm), 0);
    let buffers: usize = fan_out.state.lock().buffers.iter().map(Run::capacity).sum();
    assert!(buffers <= 512 * 1024, "{buffers}");
}

// ---- the model -----------------------------------------------------------------------------------------------

#[derive(Debug, Clone)]
enum Step {
    Publish(&'static str, usize),
    Subscribe(usize, &'static str),
    Cancel(usize, &'static str),
    /// This much room on the line.
    Room(usize, usize),
    Drive(usize),
    /// The connection breaks, and the peer is back with these subscriptions.
    Renew(usize, Vec<&'static str>),
}

#[derive(Debug, Clone)]
struct Setup {
    marks: Marks,
    conflate: bool,
    inline: Inline,
    peers: Vec<Vec<&'static str>>,
}

/// What should become of one subscriber's messages.
#[derive(Default)]
struct Expected {
    prefixes: Vec<&'static str>,
    dropping: bool,
    dropped: u64,
    conflated: u64,
    /// Those that were queued and not replaced, in order.
    queued: Vec<u32>,
    /// With conflate: the last of them was not begun.
    is_last_replaceable: bool,
    /// What each of its connections carried.
    streams: Vec<Vec<u8>>,
}

fn topic() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b", "ab", "abc"])
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 4usize..40, 2 => 4000usize..5000, 1 => Just(20_000usize), 1 => Just(70_000usize)]
}

fn setup() -> impl Strategy<Value = Setup> {
    let marks = prop_oneof![
        3 => (1usize..6).prop_map(|messages| Marks { messages, bytes: usize::MAX }),
        1 => Just(Marks { messages: 50, bytes: 30_000 }),
        1 => Just(Marks { messages: usize::MAX, bytes: usize::MAX }),
    ];
    let conflate = prop_oneof![4 => Just(false), 1 => Just(true)];
    let peers = prop_oneof![1usize..4, 6usize..12]
        .prop_flat_map(|peers| prop::collection::vec(prop::collection::vec(topic(), 0..3), peers));
    (marks, conflate, any::<bool>(), peers).prop_map(|(marks, conflate, inline, peers)| Setup {
        marks,
        conflate,
        // Whether a message was begun is the driver's alone to say where that decides.
        inline: if inline && !conflate {
            Inline::Yes
        } else {
            Inline::No
        },
        peers,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || any::<prop::sample::Index>().prop_map(|index| index.index(12));
    let room = prop_oneof![0usize..50, 0usize..10_000, Just(usize::MAX)];
    prop_oneof![
        20 => (topic(), size()).prop_map(|(topic, size)| Step::Publish(topic, size)),
        2 => (peer(), topic()).prop_map(|(peer, prefix)| Step::Subscribe(peer, prefix)),
        1 => (peer(), topic()).prop_map(|(peer, prefix)| Step::Cancel(peer, prefix)),
        5 => (peer(), room).prop_map(|(peer, room)| Step::Room(peer, room)),
        10 => peer().prop_map(Step::Drive),
        1 => (peer(), prop::collection::vec(topic(), 0..3))
            .prop_map(|(peer, prefixes)| Step::Renew(peer, prefixes)),
    ]
}

impl Expected {
    /// What the rules say of a message of `bytes`, with this much in the queue.
    fn publish(&mut self, number: u32, topic: &str, bytes: usize, setup: &Setup, load: Load) -> bool {
        if !self.prefixes.iter().any(|prefix| topic.starts_with(prefix)) {
            return false;
        }
        if setup.conflate {
            if self.is_last_replaceable {
                self.queued.pop();
                self.conflated += 1;
            }
            self.is_last_replaceable = true;
        } else {
            let half = load.messages <= (setup.marks.messages / 2) as u64
                && load.bytes <= (setup.marks.bytes / 2) as u64;
            self.dropping &= !half;
            self.dropping |= !setup.marks.admit(load, bytes);
            if self.dropping {
                self.dropped += 1;
                return true;
            }
        }
        self.queued.push(number);
        true
    }

    /// All that was queued came in order, but for what broke with a connection. How many that were.
    fn check_streams(&self) -> u64 {
        let mut cut = 0;
        let mut queued = self.queued.iter();
        for stream in &self.streams {
            let (messages, rest) = split(stream);
            for message in messages {
                let number = u32::from_be_bytes(*message.first_chunk().expect("it begins with its number"));
                assert_eq!(Some(&number), queued.next());
                assert!(message[4..].iter().all(|byte| *byte == number as u8));
            }
            if rest > 0 {
                assert!(queued.next().is_some());
                cut += 1;
            }
        }
        assert_eq!(queued.next(), None, "nothing is left");
        cut
    }
}

proptest! {
    #[test]
    fn every_delivery_comes_once_in_order_or_is_counted(
        setup in setup(),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let fan_out = FanOut::new(setup.marks, config(setup.conflate));
        let mut nobody = 0;
        let mut peers: Vec<_> = setup.peers.iter().map(|prefixes| {
            let peer = Peer::new(&fan_out, setup.inline);
            prefixes.iter().for_each(|prefix| peer.subscribe(&fan_out, prefix));
            (peer, Expected { prefixes: prefixes.clone(), ..Expected::default() })
        }).collect();
        let count = peers.len();

        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Publish(topic, size) => {
                    let mut body = (number as u32).to_be_bytes().to_vec();
                    body.resize(size, number as u8);
                    let payload = Payload::from((topic, body));
                    let mut is_wanted = false;
                    for (peer, expected) in &mut peers {
                        let load = fan_out.queued(peer.pipe);
                        is_wanted |=
                            expected.publish(number as u32, topic, payload.wire_len(), &setup, load);
                    }
                    nobody += u64::from(!is_wanted);
                    fan_out.try_send(&payload, Instant::now).expect("it is open");
                }
                Step::Subscribe(peer, prefix) => {
                    let (peer, expected) = &mut peers[peer % count];
                    expected.prefixes.push(prefix);
                    peer.subscribe(&fan_out, prefix);
                }
                Step::Cancel(peer, prefix) => {
                    let (peer, expected) = &mut peers[peer % count];
                    expected.prefixes.retain(|held| *held != prefix);
                    prop_assert_eq!(fan_out.apply(peer.pipe, vec![change(false, prefix)]), Ok(()));
                }
                Step::Room(peer, bytes) => peers[peer % count].0.make_room(bytes),
                Step::Drive(peer) => {
                    let (peer, expected) = &mut peers[peer % count];
                    peer.drive(&fan_out);
                    // Whatever was there is begun, unless something older is still in the way.
                    let written = fan_out.queued(peer.pipe);
                    expected.is_last_replaceable &= written.messages > 1;
                }
                Step::Renew(peer, prefixes) => {
                    let (peer, expected) = &mut peers[peer % count];
                    let stream = peer.go_offline(&fan_out);
                    expected.streams.push(stream);
                    peer.make_room(0);
                    peer.go_online(&fan_out, setup.inline);
                    prefixes.iter().for_each(|prefix| peer.subscribe(&fan_out, prefix));
                    expected.prefixes = prefixes;
                    expected.is_last_replaceable = false;
                }
            }
        }

        for (peer, expected) in &mut peers {
            peer.make_room(usize::MAX);
            peer.drive(&fan_out);
            let stream = peer.go_offline(&fan_out);
            expected.streams.push(stream);
            let cut = expected.check_streams();

            let counters = fan_out.counters(peer.pipe).unwrap_or_default();
            prop_assert_eq!(fan_out.queued(peer.pipe), Load::default());
            prop_assert_eq!(counters.dropped.by(DropReason::Hwm), expected.dropped);
            prop_assert_eq!(counters.dropped.by(DropReason::Conflated), expected.conflated);
            prop_assert_eq!(counters.dropped.by(DropReason::Cut), cut);
            prop_assert_eq!(counters.accepted.messages, counters.done.messages + counters.dropped.total());
        }
        prop_assert_eq!(no_subscriber(&fan_out), nobody);
        prop_assert_eq!(fan_out.state.lock().shared.holders, 0);
    }
}
