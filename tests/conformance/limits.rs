//! What one peer can take away from the process and from its other peers (guarantees, rows 1, 3, 5, 6, 8, 10, 11).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hubless::{DisconnectReason, Event, Monitor, ProtocolError, Pull, Rep, Req};
use tokio::time::{Instant, sleep};

use crate::bytes::{command, frame, greeting, header, message, ping, pong, property, ready};
use crate::child::Child;
use crate::costs::{Costs, PATIENCE, comes_to_rest};
use crate::raw::{Raw, event, soon};
use crate::vectors::frames;
use crate::wire::{Far, Wire, listening};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A PUSH on the wire whose handshake is done, and heard.
async fn push_on(wire: &Wire, address: &str) -> Far {
    let far = wire.arrive(address);
    far.raw().shake_hands("PUSH", "PULL").await;
    far
}

async fn refusal(monitor: &mut Monitor, address: &str) -> DisconnectReason {
    event(monitor, "the end of a connection", |event| match event {
        Event::HandshakeFailed {
            address: of, reason, ..
        } if of == address => Some(reason.clone()),
        Event::Disconnected { peer, reason, .. } if peer.address() == address => Some(reason.clone()),
        _ => None,
    })
    .await
}

async fn next(pull: &Pull) -> Vec<Vec<u8>> {
    frames(&soon("a message", pull.recv()).await.expect("the socket is open"))
}

#[tokio::test(start_paused = true)]
async fn row_01_a_handshake_has_one_deadline_that_no_byte_extends() {
    let (pull, wire) = listening(Pull::builder()).await;
    let mut monitor = pull.monitor();
    let whole = [
        greeting(),
        command(
            "READY",
            &[property("Socket-Type", b"PUSH"), property("X", &[b'x'; 200])].concat(),
        ),
    ];
    let whole = whole.concat();
    let start = Instant::now();
    let silent = wire.arrive("10.0.0.1:1");
    let slow = wire.arrive("10.0.0.2:2");
    for byte in whole.chunks(1).take(99) {
        slow.piece(byte);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    let timeout = DisconnectReason::Protocol(ProtocolError::HandshakeTimeout);
    for (far, address) in [(silent, "10.0.0.1:1"), (slow, "10.0.0.2:2")] {
        assert_eq!(refusal(&mut monitor, address).await, timeout);
        assert!(
            (10_000..10_010).contains(&start.elapsed().as_millis()),
            "{:?}",
            start.elapsed()
        );
        far.dropped().await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_01_who_is_a_moment_before_the_deadline_is_in() {
    let limit = Duration::from_millis(500);
    let (pull, wire) = listening(Pull::builder().handshake_timeout(limit)).await;
    let far = wire.arrive("10.0.0.1:1");
    far.piece(&greeting());
    sleep(Duration::from_millis(499)).await;
    far.piece(&[ready("PUSH"), message(&[b"in time"])].concat());
    assert_eq!(next(&pull).await, [b"in time"]);
    // And the deadline is gone with the handshake.
    sleep(Duration::from_secs(1000)).await;
    far.piece(&message(&[b"later"]));
    assert_eq!(next(&pull).await, [b"later"]);
}

#[tokio::test]
async fn row_01_over_tcp_a_silent_peer_is_closed_and_told_of() {
    let pull = Pull::builder()
        .handshake_timeout(Duration::from_millis(50))
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.say(&greeting()).await;
    let timeout = DisconnectReason::Protocol(ProtocolError::HandshakeTimeout);
    assert_eq!(refusal(&mut monitor, &raw.address).await, timeout);
    raw.end().await;
}

#[tokio::test]
async fn row_03_a_thousand_half_open_connections_cost_at_most_8_kib_each() {
    const CROWD: usize = 1000;
    let mut child = Child::new("pull", "max_pending_handshakes=2000 handshake_timeout=120").await;
    let at = child.endpoint("bound").await;
    let mut first = Raw::connect(&at).await;
    first.shake_hands("PUSH", "PULL").await;
    child.line("event", "handshake done").await;
    let before = Costs::of(&child);
    let (descriptors, memory) = (before.descriptors, before.memory);
    let each = |child: &Child| child.memory().saturating_sub(memory) / CROWD;

    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Raw::connect(&at).await);
        child.line("event", "accepted").await;
    }
    let silent = each(&child);
    // A whole greeting, and the beginning of READY.
    for raw in &mut crowd {
        raw.say(&[greeting(), ready("PUSH")[..20].to_vec()].concat())
            .await;
        raw.expect(&[greeting(), ready("PULL")].concat()).await;
    }
    let greeted = each(&child);
    assert!(
        silent <= 8 * KIB && greeted <= 8 * KIB,
        "{silent} bytes silent, {greeted} bytes greeted"
    );
    // With them everything goes, and a second crowd finds what the first one had.
    drop(crowd);
    child.settles(usize::MAX, descriptors).await;
    let after_one = child.memory();
    let crowd: Vec<Raw> = {
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(Raw::connect(&at).await);
            child.line("event", "accepted").await;
        }
        crowd
    };
    drop(crowd);
    child.settles(usize::MAX, descriptors).await;
    let grown = child.memory().saturating_sub(after_one);
    assert!(grown <= MIB, "the second crowd left {grown} bytes");
    before.no_more_time_than(&child, Duration::from_secs(2));
    first.say(&message(&[b"still here"])).await;
    child.line("message", "still here").await;
}

#[tokio::test]
async fn row_05_memory_grows_with_what_has_come_not_with_what_is_announced() {
    const CROWD: usize = 32;
    let mut child = Child::new("pull", "").await;
    let at = child.endpoint("bound").await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("PUSH", "PULL").await;
        child.line("event", "handshake done").await;
        crowd.push(raw);
    }
    let before = Costs::of(&child);
    let memory = before.memory;
    let grown = |child: &Child| child.memory().saturating_sub(memory);
    for raw in &mut crowd {
        // A PING behind the first bytes would be answered when they are read: but it is inside the frame. So a
        // message before it tells that all of it was read.
        raw.say(&[message(&[b"before"]), header(0, 200 << 20), vec![1; KIB]].concat())
            .await;
        child.line("message", "before").await;
    }
    let announced = grown(&child);
    assert!(announced <= CROWD * 64 * KIB, "{announced} bytes for {CROWD} KiB");
    // One of them goes on, and is charged what it sends.
    let eight = vec![2; 8 * MIB];
    crowd[0].say(&eight).await;
    child.grows_to(memory + 8 * MIB).await;
    let sent = grown(&child);
    assert!(sent <= announced + 20 * MIB, "{sent} bytes for 8 MiB");
    drop(crowd);
    for _ in 0..CROWD {
        child.line("event", "the peer closed the connection").await;
    }
    let descriptors = before.descriptors - CROWD;
    child.settles(memory + 2 * MIB, descriptors).await;
    before.no_more_time_than(&child, Duration::from_secs(1));
}

#[tokio::test]
async fn row_06_endless_frames_are_cut_off_and_their_memory_comes_back() {
    let mut child = Child::new("pull", "").await;
    let at = child.endpoint("bound").await;
    let mut good = Raw::connect(&at).await;
    good.shake_hands("PUSH", "PULL").await;
    child.line("event", "handshake done").await;
    let memory = child.memory();
    for (part, reason) in [
        (frame(0x01, b""), "more than 16384 frames in one message"),
        (frame(0x01, &[0; 60_000]), "the limit is 268435456"),
    ] {
        let before = Costs::of(&child);
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("PUSH", "PULL").await;
        let mut most = 0;
        while raw.try_say(&part.repeat(20)).await.is_ok() {
            most = child.memory().saturating_sub(memory).max(most);
        }
        child.line("event", reason).await;
        // Never more than twice what was sent, and the buffer that it is copied from.
        assert!(most <= 2 * 256 * MIB + 2 * MIB, "{most} bytes");
        good.say(&message(&[reason.as_bytes()])).await;
        child.line("message", reason).await;
        child.settles(memory + 4 * MIB, before.descriptors).await;
        before.no_more_time_than(&child, Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn row_08_who_asks_without_listening_is_not_read_and_others_are_served() {
    let (pull, wire) = listening(Pull::builder()).await;
    let flooder = push_on(&wire, "10.0.0.1:1").await;
    let good = push_on(&wire, "10.0.0.2:2").await;
    flooder.room(100);
    let before = flooder.consumed();
    const PIECES: usize = 1000;
    let mut numbers = 0_u32..;
    let piece: usize = ping(0, &[0; 4]).len() * 1000;
    for _ in 0..PIECES {
        let pings = numbers
            .by_ref()
            .take(1000)
            .flat_map(|number| ping(0, &number.to_be_bytes()));
        flooder.piece(&pings.collect::<Vec<u8>>());
    }
    sleep(Duration::from_secs(1)).await;
    let read = flooder.consumed() - before;
    assert!(read <= MIB, "{read} of {} bytes were read", PIECES * piece);
    good.piece(&message(&[b"served"]));
    assert_eq!(next(&pull).await, [b"served"]);
    // Whoever listens again is answered again: each PING at most once, in order, and the last one.
    let mut raw = flooder.raw();
    let mut last = None;
    while last != Some(PIECES as u32 * 1000 - 1) {
        let (flags, body) = raw.frame().await;
        assert_eq!((flags, &body[..5]), (0x04, &b"\x04PONG"[..]));
        let number = u32::from_be_bytes(body[5..].try_into().expect("the context"));
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
    }
}

#[tokio::test(start_paused = true)]
async fn row_08_a_flood_of_commands_does_not_hold_up_others() {
    // In a task of its own: the runtime looks after the main one only now and then.
    let test = tokio::spawn(async {
        let (pull, wire) = listening(Pull::builder()).await;
        let flooder = push_on(&wire, "10.0.0.1:1").await;
        let good = push_on(&wire, "10.0.0.2:2").await;
        let noise = [command("NOISE", b""), pong(b""), command("SUBSCRIBE", b"x")];
        let noise = noise.concat().repeat(2000);
        for _ in 0..1000 {
            flooder.piece(&noise);
        }
        for round in 1..=10_u32 {
            let before = flooder.consumed();
            good.piece(&message(&[&round.to_be_bytes()]));
            assert_eq!(next(&pull).await, [round.to_be_bytes()]);
            let between = flooder.consumed() - before;
            assert!(
                between <= 2 * MIB,
                "{between} bytes of noise were read before the message of round {round}"
            );
        }
        assert!(
            flooder.consumed() < 1000 * noise.len(),
            "the flood was over too early to show anything"
        );
    });
    test.await.expect("it holds");
}

#[tokio::test]
async fn row_08_over_tcp_others_are_looked_after_between_two_handfuls_of_commands() {
    // In a task of its own: the runtime looks after the main one only now and then.
    let test = tokio::spawn(async {
        let rep = Rep::new();
        let at = rep.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let said = Arc::new(AtomicUsize::new(0));
        let flooder = std::thread::spawn({
            let (said, to) = (said.clone(), at.as_str()["tcp://".len()..].to_owned());
            move || {
                let mut stream = std::net::TcpStream::connect(to).expect("somebody listens");
                let hello = [greeting(), ready("REQ")].concat();
                stream.write_all(&hello).expect("the other side listens");
                let noise = command("NOISE", b"").repeat(1000);
                // Until it is closed.
                while stream.write_all(&noise).is_ok() {
                    said.fetch_add(noise.len(), Ordering::Relaxed);
                }
            }
        });
        let answering = tokio::spawn({
            let rep = rep.clone();
            async move {
                while let Ok(request) = rep.recv_request().await {
                    request.reply("served").await.expect("the socket is open");
                }
            }
        });
        let mut req = Req::new();
        req.connect(&at).expect("an endpoint");
        // More than the kernel's buffers hold, so it is read.
        while said.load(Ordering::Relaxed) < 8 * MIB {
            soon("an answer", req.request("?")).await.expect("a peer");
        }
        let before = said.load(Ordering::Relaxed);
        for _ in 0..10 {
            soon("an answer", req.request("?")).await.expect("a peer");
        }
        let between = (said.load(Ordering::Relaxed) - before) / 10;
        assert!(
            between <= MIB,
            "{between} bytes of noise were said from one answer to the next"
        );
        drop(req);
        rep.close().await.expect("all is answered");
        answering.await.expect("it ends with the socket");
        flooder.join().expect("it ends with the socket");
    });
    test.await.expect("it holds");
}

#[tokio::test]
async fn row_08_a_process_that_is_flooded_with_pings_stays_small() {
    let mut child = Child::new("pull", PATIENCE).await;
    let at = child.endpoint("bound").await;
    let mut good = Raw::connect(&at).await;
    good.shake_hands("PUSH", "PULL").await;
    let mut flooder = Raw::connect(&at).await;
    flooder.shake_hands("PUSH", "PULL").await;
    child.line("event", "handshake done").await;
    child.line("event", "handshake done").await;
    let before = Costs::of(&child);
    // It never listens; at last the kernel takes no more of it, because nobody reads.
    let pings: Vec<u8> = (0..10_000_u32)
        .flat_map(|number| ping(0, &number.to_be_bytes()))
        .collect();
    let mut said = 0;
    while let Ok(done) = tokio::time::timeout(Duration::from_millis(500), flooder.try_say(&pings)).await {
        done.expect("it is not closed");
        said += pings.len();
        assert!(said < 1000 * MIB, "it reads for ever");
    }
    let grown = child.memory().saturating_sub(before.memory);
    assert!(grown <= 2 * MIB, "{grown} bytes");
    // Who is not read costs no time.
    comes_to_rest(&mut child, &at).await;
    good.say(&message(&[b"served"])).await;
    child.line("message", "served").await;
    drop(flooder);
    child
        .settles(before.memory + 2 * MIB, before.descriptors - 1)
        .await;
}

#[tokio::test(start_paused = true)]
async fn row_10_of_ten_peers_one_that_floods_leaves_the_others_their_share() {
    const EACH: usize = 400;
    let (pull, wire) = listening(Pull::builder()).await;
    let flooder = push_on(&wire, "10.0.0.1:1").await;
    let mut others = Vec::new();
    for host in 2..=10 {
        others.push(push_on(&wire, &format!("10.0.0.{host}:1")).await);
    }
    for _ in 0..200 {
        flooder.piece(&message(&[b"flood"]).repeat(1000));
    }
    for other in &others {
        (0..EACH).for_each(|_| other.piece(&message(&[b"other"])));
    }
    // All have arrived, up to the mark.
    sleep(Duration::from_secs(1)).await;
    let (mut of_flooder, mut of_others) = (0, 0);
    while of_others < others.len() * EACH {
        match &next(&pull).await[0][..] {
            b"flood" => of_flooder += 1,
            _ => of_others += 1,
        }
    }
    assert!(
        of_flooder * 80 <= EACH * 100,
        "{of_flooder} of the flooder until {EACH} of each other"
    );
}

#[tokio::test]
async fn row_11_metadata_as_large_as_allowed_is_taken_and_shown() {
    let pull = Pull::new();
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    // 64 properties, 8 KiB in all.
    let mut metadata = property("Socket-Type", b"PUSH");
    for number in 0..62 {
        metadata.extend(property(&format!("X-{number}"), &[b'v'; 100]));
    }
    let rest = 8 * KIB - "\x05READY".len() - metadata.len() - property("X-Rest", b"").len();
    metadata.extend(property("X-Rest", &vec![0xFF; rest]));
    let ready = command("READY", &metadata);
    assert_eq!(ready.len(), 9 + 8 * KIB);
    let mut raw = Raw::connect(&at).await;
    raw.say(&[greeting(), ready].concat()).await;
    let peer = event(&mut monitor, "a handshake", |event| event.peer().cloned()).await;
    assert_eq!(peer.metadata().count(), 63, "Socket-Type is the kind");
    assert_eq!(peer.property("X-Rest").map(<[u8]>::len), Some(rest));
}
