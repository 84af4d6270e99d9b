//! Who counts as dead, what a broken line costs, and how a connection ends (guarantees, G1, G3, G7, G10).

use std::time::Duration;

use hubless::{DisconnectReason, DropReason, Heartbeat, ProtocolError, Pull, Push, Rep};
use tokio::time::{Instant, sleep};

use crate::bytes::{message, ping, pong, ready};
use crate::raw::{Raw, disconnection, handshake, soon};
use crate::vectors::frames;
use crate::wire::{Far, dialing, listening};

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The peer asks every second, and promises a sign of life within two; then it fills us up to the mark.
#[tokio::test(start_paused = true)]
async fn g07_while_we_do_not_read_we_say_so_often_enough_and_take_nobody_for_dead() {
    let pull = Pull::builder()
        .recv_hwm(1)
        .heartbeat(Heartbeat::every(millis(700)));
    let (pull, wire) = listening(pull).await;
    let mut monitor = pull.monitor();
    let far = wire.arrive("10.0.0.1:1");
    let mut raw = far.raw();
    raw.shake_hands("PUSH", "PULL").await;
    for _ in 0..3 {
        raw.say(&ping(20, b"")).await;
        sleep(millis(1000)).await;
    }
    const MESSAGES: u32 = 50;
    let flood: Vec<u8> = (0..MESSAGES)
        .flat_map(|number| message(&[&number.to_be_bytes()]))
        .collect();
    raw.say(&flood).await;
    sleep(millis(1)).await;
    raw.hear(far.written().len()).await;
    // Ten times its promise, and more than ten times our own timeout: from us a PONG every third of a second, no
    // question, and no end.
    let (start, mut last) = (Instant::now(), Instant::now());
    while start.elapsed() < millis(20_000) {
        far.piece(&ping(20, b""));
        let (flags, body) = soon("a sign of life", raw.frame()).await;
        assert_eq!((flags, &body[..]), (0x04, &b"\x04PONG"[..]));
        assert!(last.elapsed() <= millis(340), "silent for {:?}", last.elapsed());
        last = Instant::now();
    }
    for number in 0..MESSAGES {
        let received = soon("a message", pull.recv()).await.expect("the socket is open");
        assert_eq!(frames(&received), [number.to_be_bytes()]);
    }
    // Read again, it is asked again, and must answer again.
    assert_eq!(
        disconnection(&mut monitor).await,
        DisconnectReason::Protocol(ProtocolError::HeartbeatTimeout)
    );
}

/// A PUSH that asks every second, and a PULL that takes nothing off the line any more.
async fn push_that_cannot_write() -> (Push, Far) {
    let push = Push::builder().heartbeat(Heartbeat::every(millis(1000)));
    let (push, wire) = listening(push).await;
    let far = wire.arrive("10.0.0.1:1");
    far.raw().shake_hands("PULL", "PUSH").await;
    far.room(100);
    push.send(vec![7; 1 << 20]).await.expect("the socket is open");
    sleep(millis(1)).await;
    assert_eq!(far.written().len(), 100);
    (push, far)
}

#[tokio::test(start_paused = true)]
async fn g07_while_our_writes_cannot_move_a_peer_that_accepts_bytes_is_alive() {
    let (push, far) = push_that_cannot_write().await;
    let mut raw = far.raw();
    for _ in 0..20 {
        sleep(millis(900)).await;
        raw.hear(1).await;
    }
    assert_eq!(push.peers().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn g07_while_our_writes_cannot_move_a_peer_that_speaks_is_alive() {
    let (push, far) = push_that_cannot_write().await;
    for _ in 0..20 {
        sleep(millis(900)).await;
        far.piece(&pong(b""));
    }
    assert_eq!(push.peers().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn g07_while_our_writes_cannot_move_a_peer_that_does_neither_is_dead() {
    let (push, far) = push_that_cannot_write().await;
    let start = Instant::now();
    far.dropped().await;
    assert!(
        (millis(900)..=millis(2100)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(push.peers().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn g07_a_peer_that_breaks_its_promise_is_dead_and_one_that_made_none_is_not() {
    for (ttl, lives) in [(0, true), (5, false)] {
        let (_pull, wire) = listening(Pull::builder()).await;
        let far = wire.arrive("10.0.0.1:1");
        let mut raw = far.raw();
        raw.shake_hands("PUSH", "PULL").await;
        raw.say(&ping(ttl, b"")).await;
        raw.expect(&pong(b"")).await;
        let start = Instant::now();
        if lives {
            sleep(Duration::from_secs(10_000)).await;
            raw.say(&ping(0, b"!")).await;
            raw.expect(&pong(b"!")).await;
        } else {
            far.dropped().await;
            assert!(
                (millis(500)..=millis(510)).contains(&start.elapsed()),
                "{:?}",
                start.elapsed()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g01_a_message_of_which_one_byte_was_accepted_is_never_sent_again() {
    // How much of the first message the line takes before it breaks, from nothing to all but one byte.
    let first = message(&[b"first", &[1; 300]]);
    for taken in [0, 1, 2, 7, 8, 100, first.len() - 1] {
        let (push, mut calls) = dialing(Push::builder());
        let far = calls.recv().await.expect("an attempt").accept();
        let mut raw = far.raw();
        raw.shake_hands("PULL", "PUSH").await;
        far.room(taken);
        push.send([&b"first"[..], &[1; 300]])
            .await
            .expect("the socket is open");
        push.send("second").await.expect("the socket is open");
        sleep(millis(1)).await;
        assert_eq!(far.written(), first[..taken]);
        raw.finish().await;
        let mut raw = calls.recv().await.expect("another attempt").accept().raw();
        raw.shake_hands("PULL", "PUSH").await;
        if taken == 0 {
            raw.expect(&first).await;
        }
        raw.expect(&message(&[b"second"])).await;
        let cut = push.stats().outgoing.dropped.by(DropReason::Cut);
        assert_eq!(cut, u64::from(taken > 0), "{taken} bytes were taken");
    }
}

#[tokio::test(start_paused = true)]
async fn g03_of_a_message_whose_end_does_not_come_nothing_is_delivered() {
    let (pull, wire) = listening(Pull::builder()).await;
    let whole = message(&[b"one", &[2; 300], b"", b"four"]);
    for len in 0..whole.len() {
        let far = wire.arrive("127.0.0.1:1");
        let mut raw = far.raw();
        raw.shake_hands("PUSH", "PULL").await;
        raw.say(&whole[..len]).await;
        raw.finish().await;
        far.dropped().await;
        assert!(pull.try_recv().is_err(), "{len} of {} bytes", whole.len());
    }
}

#[tokio::test]
async fn g10_a_rep_that_closes_over_unread_requests_loses_no_reply() {
    let rep = Rep::builder().recv_hwm(1).build().expect("no contradiction");
    let at = rep.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.say(&[crate::bytes::greeting(), ready("DEALER")].concat())
        .await;
    raw.expect(&[crate::bytes::greeting(), ready("REP")].concat())
        .await;
    // More than it reads, less than the two kernels hold.
    raw.say(&message(&[b"", &[1; 1000]]).repeat(300)).await;
    let request = soon("a request", rep.recv_request())
        .await
        .expect("the socket is open");
    let answer = vec![2; 200_000];
    soon("room", request.reply(&answer[..]))
        .await
        .expect("the socket is open");
    let start = std::time::Instant::now();
    let closing = soon("closing", rep.close());
    let reading = async {
        let heard = raw.read_to_end().await.expect("a stream that ends in order");
        assert_eq!(heard.len(), message(&[b"", &answer]).len());
        // Closing waits until we have closed, too.
        drop(raw);
    };
    let (closed, ()) = tokio::join!(closing, reading);
    closed.expect("all was sent");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn g10_a_push_that_closes_over_unread_commands_loses_no_message() {
    let push = Push::new();
    let mut monitor = push.monitor();
    let at = push.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("PULL", "PUSH").await;
    handshake(&mut monitor).await;
    for _ in 0..20 {
        push.send(vec![3; 10_000]).await.expect("the socket is open");
    }
    raw.say(&[ping(0, b"never heard").repeat(1000), pong(b"").repeat(1000)].concat())
        .await;
    let reading = async {
        let mut heard = raw.read_to_end().await.expect("a stream that ends in order");
        // PONGs are among the messages; of these each is whole and none is missing.
        let mut messages = 0;
        while !heard.is_empty() {
            let len = if heard[0] & 0x02 == 0 {
                2 + usize::from(heard[1])
            } else {
                9 + 10_000
            };
            messages += usize::from(heard[0] & 0x04 == 0);
            heard.drain(..len);
        }
        drop(raw);
        messages
    };
    let (closed, messages) = tokio::join!(soon("closing", push.close()), reading);
    closed.expect("all was sent");
    assert_eq!(messages, 20);
}

#[tokio::test(start_paused = true)]
async fn g10_closing_waits_a_second_for_a_peer_that_does_not_close() {
    let (push, wire) = listening(Push::builder()).await;
    let far = wire.arrive("10.0.0.1:1");
    let mut raw = far.raw();
    raw.shake_hands("PULL", "PUSH").await;
    push.send("last").await.expect("the socket is open");
    let start = Instant::now();
    // It goes on talking, which is read and means nothing.
    far.piece(&pong(b"").repeat(1000));
    soon("closing", push.close()).await.expect("all was sent");
    assert!(
        (millis(1000)..=millis(1002)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    raw.expect(&message(&[b"last"])).await;
    assert_eq!(raw.read_to_end().await.expect("the end"), []);
    far.dropped().await;
}
