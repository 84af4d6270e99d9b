//! However a stream is cut, it means the same: the same events, the same messages, the same answers.

use std::time::Duration;

use hubless::{Event, Pull, Push};
use tokio::io::AsyncWriteExt;

use crate::bytes::{command, frame, greeting, message, ping, property};
use crate::raw::{event, soon};
use crate::vectors::frames;
use crate::wire::{Far, Wire, listening};

/// What a socket made of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) events: Vec<String>,
    pub(crate) messages: Vec<Vec<Vec<u8>>>,
    said: Vec<u8>,
}

impl Story {
    /// It ends for this reason.
    pub(crate) fn tells(&self, reason: &str) -> bool {
        self.events
            .last()
            .is_some_and(|last| last.trim_end().ends_with(reason))
    }
}

/// A hundred frames, 1 to 3 a message, most of them small, with PINGs and unknown commands between the messages and
/// between their frames; at the end a message that is never finished.
fn traffic() -> Vec<u8> {
    let mut stream = Vec::new();
    let mut count = 0;
    while count < 100 {
        let parts = 1 + count % 3;
        for part in 1..=parts {
            let body = match count {
                50 => vec![b'l'; 300],
                51 => vec![b'L'; 256],
                _ => count.to_string().into_bytes().repeat(count % 4),
            };
            stream.extend(frame(u8::from(part < parts), &body));
            count += 1;
            match count % 10 {
                3 => stream.extend(ping(0, count.to_string().as_bytes())),
                7 => stream.extend(command("NEWS", b"for later versions")),
                8 => stream.extend([ping(1, b""), ping(0, b"twice")].concat()),
                _ => {}
            }
        }
    }
    stream.extend(frame(0x01, b"never finished"));
    stream.extend(ping(0, b"still answered"));
    stream
}

fn introduction(kind: &str) -> Vec<u8> {
    let metadata = [
        property("X-Name", b"knife"),
        property("Socket-Type", kind.as_bytes()),
        property("Identity", b"id"),
    ];
    [greeting(), command("READY", &metadata.concat())].concat()
}

/// What a PULL makes of a stream that comes in these pieces and then ends.
pub(crate) async fn told_to_pull(
    pieces: impl IntoIterator<Item = &[u8]>,
    adjust: impl FnOnce(&Far),
) -> Story {
    let (wire, _) = Wire::new();
    let pull = Pull::builder()
        .carrier(wire.clone(), 1)
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    pull.bind("tcp://1.2.3.4:5")
        .await
        .expect("a carrier takes everything");
    let far = wire.arrive("10.0.0.1:1");
    adjust(&far);
    pieces.into_iter().for_each(|piece| far.piece(piece));
    // Virtual time moves when nothing else does: all is read, and all answers are out.
    tokio::time::sleep(Duration::from_secs(1)).await;
    far.clone().shutdown().await.expect("the line is open");
    let mut events = Vec::new();
    event(&mut monitor, "the end", |event| {
        events.push(event.to_string());
        matches!(event, Event::Disconnected { .. } | Event::HandshakeFailed { .. }).then_some(())
    })
    .await;
    far.dropped().await;
    let mut messages = Vec::new();
    while let Ok(message) = pull.try_recv() {
        messages.push(frames(&message));
    }
    Story {
        events,
        messages,
        said: far.written(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_means_the_same_cut_in_two_at_every_byte_or_in_pieces_of_any_size() {
    let stream = [introduction("PUSH"), traffic()].concat();
    let whole = told_to_pull([&stream[..]], |_| {}).await;
    assert_eq!(
        whole.events.len(),
        4,
        "listening, accepted, handshake done, disconnected: {:?}",
        whole.events
    );
    assert_eq!(whole.messages.concat().len(), 100);
    assert!(whole.said.ends_with(b"PONGstill answered"));
    for cut in 1..stream.len() {
        let (front, back) = stream.split_at(cut);
        let story = told_to_pull([front, back], |_| {}).await;
        assert!(story == whole, "cut at byte {cut}: {story:?}");
    }
    for size in [1, 2, 3, 5, 7, 9, 64, 100, 1000] {
        let story = told_to_pull(stream.chunks(size), |_| {}).await;
        assert!(story == whole, "in pieces of {size}: {story:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn our_answers_mean_the_same_however_little_of_them_a_write_takes() {
    let stream = [introduction("PUSH"), traffic()].concat();
    let whole = told_to_pull([&stream[..]], |_| {}).await;
    for grain in [1, 2, 3, 11, 64] {
        let story = told_to_pull([&stream[..]], |far| far.grain(grain)).await;
        assert!(story == whole, "{grain} bytes a write: {story:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn large_frames_mean_the_same_wherever_they_are_cut() {
    let large = |len: usize| -> Vec<u8> { (0..len).map(|i| (i % 251) as u8).collect() };
    let (a, b, c) = (large(70_000), large(300_000), large(1_100_000));
    let traffic = [
        message(&[b"before"]),
        message(&[&a]),
        frame(0x01, &b),
        ping(0, b"between"),
        frame(0x01, b""),
        frame(0x00, &a),
        message(&[&c]),
        message(&[b"between"]),
        message(&[&c]),
        message(&[&b, &b]),
        message(&[b"behind"]),
    ];
    let introduction = introduction("PUSH");
    // Cuts fall around the borders of frames, and somewhere within.
    let mut cuts = Vec::new();
    let mut border = introduction.len();
    for part in &traffic {
        cuts.extend((border - 2)..(border + 12));
        cuts.push(border + part.len() / 2);
        border += part.len();
    }
    let stream = [introduction, traffic.concat()].concat();
    let whole = told_to_pull([&stream[..]], |_| {}).await;
    assert_eq!(whole.messages.len(), 8);
    for cut in cuts.into_iter().filter(|cut| (1..stream.len()).contains(cut)) {
        let (front, back) = stream.split_at(cut);
        let story = told_to_pull([front, back], |_| {}).await;
        assert!(story == whole, "cut at byte {cut}");
    }
    for size in [1 << 12, 65_537, 131_072, 262_144] {
        let story = told_to_pull(stream.chunks(size), |_| {}).await;
        assert!(story == whole, "in pieces of {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_end_at_every_byte_and_what_was_whole_stays() {
    let introduction = introduction("PUSH");
    let stream = [
        &introduction[..],
        &message(&[b"one"]),
        &message(&[b"two", b"three"]),
        &ping(0, b""),
    ]
    .concat();
    let whole = told_to_pull([&stream[..]], |_| {}).await;
    for end in 0..stream.len() {
        let story = told_to_pull([&stream[..end]], |_| {}).await;
        let last = story.events.last().expect("an event");
        let complete = end >= introduction.len();
        let expected = if complete {
            "disconnected from PUSH at 10.0.0.1:1"
        } else {
            "handshake with 10.0.0.1:1 failed"
        };
        assert!(
            last.contains(expected) && last.contains("the peer closed the connection"),
            "at {end}: {last}"
        );
        assert!(
            whole.messages.starts_with(&story.messages),
            "at {end}: {:?}",
            story.messages
        );
        assert!(whole.said.starts_with(&story.said), "at {end}: {:?}", story.said);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_push_says_is_the_same_however_little_of_it_a_write_takes() {
    let mut told = Vec::new();
    for grain in [usize::MAX, 1, 2, 3, 7, 10, 100] {
        let (push, wire) = listening(Push::builder()).await;
        let far = wire.arrive("10.0.0.1:1");
        far.grain(grain);
        let mut raw = far.raw();
        raw.shake_hands("PULL", "PUSH").await;
        for count in 0..20_usize {
            let body = vec![count as u8; count * 40];
            push.send([&body[..], b"", b"x"])
                .await
                .expect("the socket is open");
        }
        let mut heard = Vec::new();
        for _ in 0..20 {
            heard.push(soon("a message", raw.message()).await);
        }
        told.push(heard);
    }
    assert!(told.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(told[0][9], [vec![9; 360], vec![], b"x".to_vec()]);
}
