//! What a connecting endpoint makes of peers that are away, refuse, or come back (guarantees, rows 20 and 21, and G2).
//!
//! In virtual time, on a wire, but for one: what an endpoint says it will wait it does wait, to the millisecond.

use std::time::Duration;

use hubless::{Builder, ConnectError, DisconnectReason, Event, Monitor, ProtocolError, Pull, Push, kind};
use tokio::time::{Instant, sleep, timeout};

use crate::bytes::{command, greeting, greeting_of, message, ready};
use crate::raw::{RawListener, disconnection, event, failed_handshake, soon};
use crate::wire::{Call, Calls, Wire, dialing};

/// Longer than any wait, in virtual time.
const LONG: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn push_on_a_wire(builder: Builder<kind::Push>, seed: u64) -> (Push, Calls) {
    let (wire, calls) = Wire::new();
    (
        builder.carrier(wire, seed).build().expect("no contradiction"),
        calls,
    )
}

async fn call(calls: &mut Calls) -> Call {
    timeout(LONG, calls.recv())
        .await
        .expect("an attempt")
        .expect("the socket is open")
}

async fn retry(monitor: &mut Monitor) -> Duration {
    let picked = event(monitor, "the next attempt", |event| match event {
        Event::RetryIn { delay, .. } => Some(*delay),
        _ => None,
    });
    picked.await
}

/// `delay` lies in the upper half of `whole`.
#[track_caller]
fn is_drawn_from(delay: Duration, whole: Duration) {
    assert!(
        (whole / 2..=whole).contains(&delay),
        "{delay:?}, not from the upper half of {whole:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_20_waits_double_up_to_the_longest_each_drawn_from_its_upper_half() {
    let mut drawn = Vec::new();
    for seed in 0..20 {
        let (push, mut calls) = push_on_a_wire(Push::builder(), seed);
        let mut monitor = push.monitor();
        drop(push.connect("tcp://far.example:1").expect("an endpoint"));
        call(&mut calls).await.refuse();
        for attempt in 0..12 {
            let start = Instant::now();
            let delay = retry(&mut monitor).await;
            let whole = millis((100 << attempt).min(5000));
            is_drawn_from(delay, whole);
            drawn.push(delay.as_secs_f64() / whole.as_secs_f64());
            // It is as it was told.
            call(&mut calls).await.refuse();
            assert!(
                (delay..=delay + millis(2)).contains(&start.elapsed()),
                "{:?}",
                start.elapsed()
            );
        }
    }
    // They are spread over the whole half.
    assert!(
        drawn.iter().any(|part| *part < 0.6) && drawn.iter().any(|part| *part > 0.9),
        "{drawn:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn row_20_the_program_chooses_the_shortest_and_the_longest_wait() {
    let (push, mut calls) = push_on_a_wire(Push::builder().reconnect(millis(8), millis(20)), 1);
    let mut monitor = push.monitor();
    drop(push.connect("tcp://far.example:1").expect("an endpoint"));
    for whole in [8, 16, 20, 20, 20] {
        call(&mut calls).await.refuse();
        is_drawn_from(retry(&mut monitor).await, millis(whole));
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_waits_begin_anew_after_five_seconds_in_traffic_and_not_before() {
    let (push, mut calls) = push_on_a_wire(Push::builder(), 1);
    let mut monitor = push.monitor();
    drop(push.connect("tcp://far.example:1").expect("an endpoint"));
    // Connections that break at once are failures like any other.
    for whole in [100, 200, 400, 800] {
        let far = call(&mut calls).await.accept();
        let mut raw = far.raw();
        raw.shake_hands("PULL", "PUSH").await;
        raw.finish().await;
        is_drawn_from(retry(&mut monitor).await, millis(whole));
    }
    for whole in [100, 100] {
        let mut raw = call(&mut calls).await.accept().raw();
        raw.shake_hands("PULL", "PUSH").await;
        sleep(millis(5001)).await;
        raw.finish().await;
        is_drawn_from(retry(&mut monitor).await, millis(whole));
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_a_refusal_for_good_is_told_fails_connecting_and_is_tried_again_within_30_seconds() {
    let introduced = |bytes: Vec<u8>| [greeting(), bytes].concat();
    let refusals: [(&str, Vec<u8>); 6] = [
        (
            "peer refused the connection: no\\n",
            introduced(command("ERROR", b"\x03no\n")),
        ),
        (
            "peer announced the mechanism CURVE, this socket uses NULL",
            greeting_of(3, 1, "CURVE"),
        ),
        (
            "peer announced PUB, a PUSH accepts PULL",
            introduced(ready("PUB")),
        ),
        (
            "expected READY, found HELLO",
            introduced(command("HELLO", b"\0\0")),
        ),
        (
            "peer does not speak ZMTP 3: it began like HTTP",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        ),
        (
            "peer speaks ZMTP 1.0 (version byte 0), 2.0 or later is needed",
            greeting_of(0, 0, ""),
        ),
    ];
    for (expected, said) in refusals {
        let (push, mut calls) = push_on_a_wire(Push::builder(), 1);
        let mut monitor = push.monitor();
        let connecting = push.connect("tcp://far.example:1").expect("an endpoint");
        call(&mut calls).await.accept().piece(&said);
        match soon("the refusal", connecting).await {
            Err(ConnectError::Refused { endpoint, reason }) => {
                assert_eq!(endpoint.as_str(), "tcp://far.example:1");
                assert_eq!(reason.to_string(), expected);
                assert!(reason.is_fatal_refusal());
            }
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(failed_handshake(&mut monitor).await.to_string(), expected);
        let start = Instant::now();
        is_drawn_from(retry(&mut monitor).await, Duration::from_secs(30));
        // A message that was queued meanwhile goes to whoever is there then.
        push.send("kept").await.expect("the socket is open");
        let mut raw = call(&mut calls).await.accept().raw();
        assert!(
            start.elapsed() >= Duration::from_secs(15),
            "{:?}",
            start.elapsed()
        );
        raw.shake_hands("PULL", "PUSH").await;
        raw.expect(&message(&[b"kept"])).await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_a_peer_that_is_only_slow_or_gone_is_tried_again_soon_and_connecting_goes_on() {
    let (push, mut calls) = push_on_a_wire(Push::builder(), 1);
    let mut monitor = push.monitor();
    let connecting = push.connect("tcp://far.example:1").expect("an endpoint");
    // Refused by the system, silent, gone in the middle of the greeting, silent in the middle of READY.
    call(&mut calls).await.refuse();
    is_drawn_from(retry(&mut monitor).await, millis(100));
    let silent = call(&mut calls).await.accept();
    assert_eq!(
        failed_handshake(&mut monitor).await,
        DisconnectReason::Protocol(ProtocolError::HandshakeTimeout)
    );
    is_drawn_from(retry(&mut monitor).await, millis(200));
    silent.dropped().await;
    let mut gone = call(&mut calls).await.accept().raw();
    gone.say(&greeting()[..20]).await;
    gone.finish().await;
    assert_eq!(failed_handshake(&mut monitor).await, DisconnectReason::PeerClosed);
    is_drawn_from(retry(&mut monitor).await, millis(400));
    let slow = call(&mut calls).await.accept();
    slow.piece(&[greeting(), ready("PULL")[..10].to_vec()].concat());
    assert_eq!(
        failed_handshake(&mut monitor).await,
        DisconnectReason::Protocol(ProtocolError::HandshakeTimeout)
    );
    is_drawn_from(retry(&mut monitor).await, millis(800));
    call(&mut calls)
        .await
        .accept()
        .raw()
        .shake_hands("PULL", "PUSH")
        .await;
    soon("the handshake", connecting)
        .await
        .expect("in the end somebody is there");
}

#[tokio::test(start_paused = true)]
async fn row_20_the_limits_on_what_a_peer_may_send_hold_for_servers_too() {
    let (pull, mut calls) = dialing(Pull::builder().max_message_size(1000).max_message_frames(3));
    let mut monitor = pull.monitor();
    for (said, expected) in [
        (message(&[&[0; 1001]]), "message of 1001 bytes, the limit is 1000"),
        (
            message(&[&[0; 500], &[0; 500]]),
            "message of 1064 bytes, the limit is 1000",
        ),
        (
            message(&[b"", b"", b"", b""]),
            "more than 3 frames in one message",
        ),
    ] {
        let mut raw = call(&mut calls).await.accept().raw();
        raw.shake_hands("PUSH", "PULL").await;
        raw.say(&[message(&[&[0; 1000]]), said].concat()).await;
        assert_eq!(disconnection(&mut monitor).await.to_string(), expected);
        assert_eq!(
            soon("a message", pull.recv())
                .await
                .expect("what came before")
                .byte_len(),
            1000
        );
        is_drawn_from(retry(&mut monitor).await, Duration::from_secs(30));
    }
}

#[tokio::test(start_paused = true)]
async fn row_20_disconnecting_ends_every_wait_at_once() {
    let (push, mut calls) = push_on_a_wire(Push::builder(), 1);
    let connecting = push.connect("tcp://far.example:1").expect("an endpoint");
    call(&mut calls).await.refuse();
    let start = Instant::now();
    soon("disconnecting", push.disconnect(connecting.endpoint()))
        .await
        .expect("it was connected");
    assert!(matches!(
        soon("the end", connecting).await,
        Err(ConnectError::Disconnected(_))
    ));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(
        timeout(LONG, calls.recv()).await.is_err(),
        "nobody dials any more"
    );
}

#[tokio::test(start_paused = true)]
async fn row_21_a_thousand_peers_are_back_within_two_seconds_of_a_short_outage_and_not_all_at_once() {
    const CROWD: usize = 1000;
    let (wire, mut calls) = Wire::new();
    let peers: Vec<Push> = (0..CROWD as u64)
        .map(|seed| {
            let push = Push::builder()
                .carrier(wire.clone(), seed)
                .build()
                .expect("no contradiction");
            drop(push.connect("tcp://far.example:1").expect("an endpoint"));
            push
        })
        .collect();
    let mut lines = Vec::new();
    for _ in 0..CROWD {
        let far = call(&mut calls).await.accept();
        far.raw().shake_hands("PULL", "PUSH").await;
        lines.push(far);
    }
    sleep(Duration::from_secs(10)).await;
    let outage = Instant::now();
    for far in lines.drain(..) {
        far.raw().finish().await;
    }
    let mut at_a_time = [0_usize; 300];
    while lines.len() < CROWD {
        let call = call(&mut calls).await;
        let since = outage.elapsed();
        at_a_time[(since.as_millis() / 10) as usize] += 1;
        if since < millis(900) {
            call.refuse();
        } else {
            let far = call.accept();
            far.raw().shake_hands("PULL", "PUSH").await;
            lines.push(far);
        }
    }
    assert!(outage.elapsed() < millis(2900), "{:?}", outage.elapsed());
    let most = at_a_time.iter().max();
    assert!(most < Some(&(CROWD / 2)), "{most:?} came within 10 ms");
    drop(peers);
}

/// Whether or not it is at its mark, where what the first connection brought is taken in only when that is lost.
#[tokio::test]
async fn g02_a_connecting_pull_reads_one_connection_after_the_other() {
    for mark in [0, 2] {
        let listener = RawListener::tcp().await;
        let pull = Pull::builder()
            .recv_hwm(mark)
            .reconnect(millis(1), millis(1))
            .build()
            .expect("no contradiction");
        let mut monitor = pull.monitor();
        drop(pull.connect(listener.endpoint()).expect("an endpoint"));
        for connection in 0..3 {
            let mut raw = listener.accept().await;
            raw.shake_hands("PUSH", "PULL").await;
            let said = (0..5).map(|number| message(&[&[connection * 5 + number]]));
            raw.say(&said.collect::<Vec<_>>().concat()).await;
            raw.finish().await;
            disconnection(&mut monitor).await;
        }
        for number in 0..15 {
            let received = soon("a message", pull.recv()).await.expect("it is open");
            assert_eq!(received, [number], "with a mark of {mark}");
        }
    }
}
