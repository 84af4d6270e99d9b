//! PUB and SUB on the wire: subscriptions in their two forms, and what one peer may ask for (guarantees, row 7).

use std::time::Duration;

use hubless::{DisconnectReason, Event, Heartbeat, ProtocolError, Pub, Sub};
use tokio::time::sleep;

use crate::bytes::{command, frame, greeting, greeting_of, message, ping, pong, ready};
use crate::child::Child;
use crate::costs::Costs;
use crate::raw::{Raw, event, handshake, soon};
use crate::vectors::frames;
use crate::wire::{Far, Wire, dialing, listening};

const MIB: usize = 1024 * 1024;

/// A subscription's change in the form that belongs to this minor version.
fn change(minor: u8, subscribe: bool, topic: &[u8]) -> Vec<u8> {
    match (minor, subscribe) {
        (0, _) => frame(0, &[&[u8::from(subscribe)], topic].concat()),
        (_, true) => command("SUBSCRIBE", topic),
        (_, false) => command("CANCEL", topic),
    }
}

/// What the socket says while virtual time stands still.
async fn said(far: &Far) -> Vec<u8> {
    let mut raw = far.raw();
    sleep(Duration::from_millis(1)).await;
    raw.hear(far.written().len()).await
}

/// A PUB of this minor version at a SUB; gives what the SUB says behind its READY.
async fn publisher_on(wire: &Wire, minor: u8) -> (Far, Vec<u8>) {
    let far = wire.arrive("10.0.0.1:1");
    let told = told_to_publisher(&far, minor).await;
    (far, told)
}

/// The same of a PUB at the other end of this line.
async fn told_to_publisher(far: &Far, minor: u8) -> Vec<u8> {
    let mut raw = far.raw();
    raw.say(&[greeting_of(3, minor, "NULL"), ready("PUB")].concat())
        .await;
    raw.expect(&[greeting(), ready("SUB")].concat()).await;
    said(far).await
}

#[tokio::test(start_paused = true)]
async fn trap_08_subscriptions_go_out_in_the_form_of_the_peers_minor_version() {
    for minor in [0, 1, 7] {
        let (sub, wire) = listening(Sub::builder()).await;
        sub.subscribe("A");
        let (far, first) = publisher_on(&wire, minor).await;
        assert_eq!(
            first,
            change(minor, true, b"A"),
            "all there is, right behind READY"
        );
        // trap_09: a topic is asked for once, and cancelled when nobody is left who wants it.
        sub.subscribe("A");
        assert!(sub.unsubscribe("A"));
        assert!(!sub.unsubscribe("B"));
        assert_eq!(said(&far).await, []);
        assert!(sub.unsubscribe("A"));
        assert_eq!(said(&far).await, change(minor, false, b"A"));
        // Empty topics, and topics at the borders of the two forms of a frame.
        for len in [0, 1, 245, 246, 247, 254, 255, 256, 1000, 65_536] {
            let topic = vec![b't'; len];
            sub.subscribe(&topic);
            assert_eq!(said(&far).await, change(minor, true, &topic), "{len}");
            assert!(sub.unsubscribe(&topic));
            assert_eq!(said(&far).await, change(minor, false, &topic), "{len}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_is_told_each_topic_once() {
    let (sub, wire) = listening(Sub::builder()).await;
    for topic in ["b", "a", "b", "gone", "", "aa"] {
        sub.subscribe(topic);
    }
    sub.unsubscribe("gone");
    for minor in [1, 0] {
        let (_far, told) = publisher_on(&wire, minor).await;
        let mut each: Vec<Vec<u8>> = [&b""[..], b"a", b"aa", b"b"]
            .map(|topic| change(minor, true, topic))
            .into();
        let mut rest = &told[..];
        while !rest.is_empty() {
            let at = each
                .iter()
                .position(|one| rest.starts_with(one))
                .expect("a topic, once");
            rest = &rest[each.swap_remove(at).len()..];
        }
        assert!(each.is_empty(), "not told: {each:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn g09_each_reconnection_is_told_what_is_wanted_then() {
    let (sub, mut calls) = dialing(Sub::builder());
    sub.subscribe("A");
    let mut wanted = vec![b"A".to_vec()];
    for minor in [1, 0, 1] {
        let far = calls.recv().await.expect("an attempt").accept();
        let told = told_to_publisher(&far, minor).await;
        let expected: usize = wanted.iter().map(|topic| change(minor, true, topic).len()).sum();
        assert_eq!(told.len(), expected);
        far.raw().finish().await;
        // What changes while nobody is there is told when somebody is.
        let topic = [b'B', minor].repeat(wanted.len());
        sub.subscribe(&topic);
        sub.subscribe("in between");
        sub.unsubscribe("in between");
        wanted.push(topic);
    }
}

#[tokio::test(start_paused = true)]
async fn trap_12_no_ping_goes_to_a_peer_that_announced_3_0() {
    let heartbeat = Heartbeat::every(Duration::from_secs(1)).ttl(Duration::from_secs(3));
    let (sub, wire) = listening(Sub::builder().heartbeat(heartbeat)).await;
    sub.subscribe("A");
    let (old, _) = publisher_on(&wire, 0).await;
    soon("the subscriptions", sub.subscribed())
        .await
        .expect("the socket is open");
    sleep(Duration::from_secs(100)).await;
    assert_eq!(old.written(), []);
    // It is never taken for dead either; a newer one is asked, with both bytes of the ttl, and is.
    let mut monitor = sub.monitor();
    let (new, _) = publisher_on(&wire, 1).await;
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(new.written(), ping(30, b""));
    let silent = event(&mut monitor, "a silent peer", |event| match event {
        Event::Disconnected { peer, reason, .. } => Some((peer.version(), reason.clone())),
        _ => None,
    });
    let timeout = DisconnectReason::Protocol(ProtocolError::HeartbeatTimeout);
    assert_eq!(silent.await, ((3, 1), timeout));
    old.piece(&message(&[b"A", b"still here"]));
    assert_eq!(
        frames(&soon("a message", sub.recv()).await.expect("open")),
        [&b"A"[..], b"still here"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_barrier_is_a_ping_behind_the_subscriptions() {
    let (sub, wire) = listening(Sub::builder()).await;
    let (far, _) = publisher_on(&wire, 1).await;
    sub.subscribe("A");
    let subscribed = tokio::spawn({
        let sub = sub.clone();
        async move { sub.subscribed().await }
    });
    let mut raw = far.raw();
    raw.expect(&command("SUBSCRIBE", b"A")).await;
    let (flags, body) = raw.frame().await;
    assert_eq!((flags, &body[..7]), (0x04, &b"\x04PING\0\0"[..]));
    assert!(!subscribed.is_finished());
    raw.say(&pong(&body[7..])).await;
    soon("the barrier", subscribed)
        .await
        .expect("no panic")
        .expect("the socket is open");
}

#[tokio::test]
async fn trap_08_a_publisher_takes_both_forms_from_every_peer() {
    for (announced, form) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for door in ["tcp://127.0.0.1:*", "ipc://*"] {
            let publisher = Pub::new();
            let at = publisher.bind(door).await.expect("a free endpoint");
            let mut raw = Raw::connect(&at).await;
            // trap_21: the subscriptions may come with the tail of the handshake.
            let wanted = [&b"A"[..], b"long topic", b"\x00", b"\x01b"];
            let changes = wanted.map(|topic| change(form, true, topic)).concat();
            raw.say(&[greeting_of(3, announced, "NULL"), ready("SUB"), changes].concat())
                .await;
            raw.expect(&[greeting(), ready("PUB")].concat()).await;
            let last = publisher.subscribers().to(b"\x01b");
            soon("the subscriptions", last.at_least(1))
                .await
                .expect("the socket is open");
            let published: [(&[&[u8]], bool); 9] = [
                (&[b"A"], true),
                (&[b"AB", b"", b"x"], true),
                (&[b"B", b"A"], false),
                (&[b"", b"A"], false),
                (&[b"long topi"], false),
                (&[b"long topic and more"], true),
                // trap: what begins like a subscription is published like anything else.
                (&[b"\x00anything"], true),
                (&[b"\x01a"], false),
                (&[b"\x01b", b"\x00"], true),
            ];
            for (body, _) in published {
                let body: Vec<hubless::Frame> = body.iter().map(|frame| (*frame).into()).collect();
                let body = hubless::Message::try_from(body).expect("a frame at least");
                publisher.send(body).await.expect("the socket is open");
            }
            for (body, _) in published.iter().filter(|(_, matches)| *matches) {
                raw.expect(&message(body)).await;
            }
        }
    }
}

#[tokio::test]
async fn trap_09_a_publisher_keeps_a_set_for_each_peer() {
    for form in [0, 1] {
        let publisher = Pub::new();
        let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("SUB", "PUB").await;
        raw.say(&[change(form, true, b"A").repeat(3), change(form, true, b"B")].concat())
            .await;
        soon("B", publisher.subscribers().to("B").at_least(1))
            .await
            .expect("the socket is open");
        assert_eq!(publisher.subscribers().to("A").count(), 1);
        let changes = [
            change(form, false, b"never"),
            change(form, false, b"A"),
            change(form, true, b"C"),
        ];
        raw.say(&changes.concat()).await;
        soon("C", publisher.subscribers().to("C").at_least(1))
            .await
            .expect("the socket is open");
        assert_eq!(publisher.subscribers().to("A").count(), 0, "one cancel is enough");
        for topic in ["A", "B", "C"] {
            publisher.send(topic).await.expect("the socket is open");
        }
        raw.expect(&[message(&[b"B"]), message(&[b"C"])].concat()).await;
    }
}

#[tokio::test]
async fn what_a_subscriber_says_besides_is_nobodys() {
    let publisher = Pub::new();
    let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("SUB", "PUB").await;
    let noise = [
        message(&[b""]),
        message(&[b"\x02x"]),
        message(&[b"\x01x", b"more"]),
        message(&[b"hello", b"\x01x"]),
        command("CANCEL", b"x"),
        command("NEWS", b"x"),
    ];
    raw.say(&[noise.concat(), ping(0, b"done")].concat()).await;
    raw.expect(&pong(b"done")).await;
    assert_eq!(publisher.subscribers().count(), 0);
}

#[tokio::test]
async fn a_subscriber_filters_for_a_publisher_that_does_not() {
    let sub = Sub::new();
    let mut monitor = sub.monitor();
    sub.subscribe("A");
    let at = sub.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("PUB", "SUB").await;
    handshake(&mut monitor).await;
    let published = [
        message(&[b"B"]),
        message(&[b""]),
        message(&[b"B", b"A"]),
        message(&[b"AB", b"x"]),
    ];
    raw.say(&published.concat()).await;
    assert_eq!(
        frames(&soon("a message", sub.recv()).await.expect("open")),
        [&b"AB"[..], b"x"]
    );
    assert!(sub.try_recv().is_err());
}

/// What a publisher made of subscriptions that came in these pieces.
async fn told_to_pub(pieces: impl IntoIterator<Item = &[u8]>) -> (Vec<u8>, usize) {
    let (publisher, wire) = listening(Pub::builder()).await;
    let far = wire.arrive("10.0.0.1:1");
    pieces.into_iter().for_each(|piece| far.piece(piece));
    sleep(Duration::from_millis(1)).await;
    for topic in ["a", "b", "c", "long", "d"] {
        publisher.send([topic, "body"]).await.expect("the socket is open");
    }
    sleep(Duration::from_millis(1)).await;
    (far.written(), publisher.subscribers().count())
}

#[tokio::test(start_paused = true)]
async fn subscriptions_mean_the_same_cut_in_two_at_every_byte_or_in_pieces() {
    let changes = [
        change(1, true, b"a"),
        change(0, true, b"b"),
        ping(0, b"1"),
        change(1, true, &[b'x'; 300]),
        change(1, true, b"c"),
        change(0, true, &[b'y'; 300]),
        change(0, false, b"c"),
        change(1, true, b"lo"),
        change(1, true, b"long"),
        change(1, false, b"lo"),
        ping(0, b"2"),
    ];
    let stream = [greeting(), ready("SUB"), changes.concat()].concat();
    let whole = told_to_pub([&stream[..]]).await;
    let published = [
        message(&[b"a", b"body"]),
        message(&[b"b", b"body"]),
        message(&[b"long", b"body"]),
    ];
    let expected = [
        greeting(),
        ready("PUB"),
        pong(b"1"),
        pong(b"2"),
        published.concat(),
    ];
    assert_eq!(whole, (expected.concat(), 1));
    for cut in 1..stream.len() {
        let (front, back) = stream.split_at(cut);
        assert!(told_to_pub([front, back]).await == whole, "cut at byte {cut}");
    }
    for size in [1, 2, 3, 7, 64] {
        assert!(
            told_to_pub(stream.chunks(size)).await == whole,
            "in pieces of {size}"
        );
    }
}

/// What ends it, what is subscribed to, and in which form.
type Flood<'a> = (&'a str, &'a dyn Fn(u32) -> Vec<u8>, u8);

#[tokio::test]
async fn row_07_who_subscribes_without_end_is_closed_and_all_of_it_is_freed() {
    let mut child = Child::new("bind", "PUB").await;
    let at = child.endpoint("bound").await;
    let mut good = Raw::connect(&at).await;
    good.shake_hands("SUB", "PUB").await;
    good.say(&command("SUBSCRIBE", b"good")).await;
    child.line("event", "handshake done").await;
    let (memory, descriptors) = (child.memory(), child.descriptors());
    let number = |n: u32| n.to_string().into_bytes();
    let floods: [Flood<'_>; 5] = [
        ("more than 100000 subscriptions", &number, 1),
        ("more than 100000 subscriptions", &number, 0),
        // Each the beginning of the next: as deep as a trie can be made.
        (
            "more than 16777216 bytes in subscriptions",
            &|n| vec![b'a'; n as usize],
            1,
        ),
        (
            "more than 16777216 bytes in subscriptions",
            &|n| [&vec![b'b'; 65_000][..], &number(n)].concat(),
            1,
        ),
        ("more than 65536 bytes in a topic", &|_| vec![b'c'; 65_537], 0),
    ];
    // What was freed is in no order, and the allocator keeps some of it; but a second time finds it there.
    let mut most = memory + 16 * MIB;
    for _ in 0..2 {
        for (reason, topic, form) in &floods {
            let before = Costs::of(&child);
            let mut raw = Raw::connect(&at).await;
            raw.shake_hands("SUB", "PUB").await;
            let mut topics = 0..;
            let changes = |n| change(*form, true, &topic(n));
            let mut next = || topics.by_ref().take(500).flat_map(changes).collect::<Vec<u8>>();
            while raw.try_say(&next()).await.is_ok() {}
            child.line("event", reason).await;
            good.say(&ping(0, b"still served?")).await;
            good.expect(&pong(b"still served?")).await;
            child.settles(most, descriptors).await;
            before.no_more_time_than(&child, Duration::from_secs(5));
        }
        most = child.memory() + 2 * MIB;
    }
}

#[tokio::test]
async fn row_07_subscribing_and_cancelling_for_ever_takes_no_more_than_once() {
    let mut child = Child::new("bind", "PUB").await;
    let at = child.endpoint("bound").await;
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("SUB", "PUB").await;
    let mut memory = None;
    for round in 0..40_u32 {
        let topics = |round: u32| (0..1000_u32).map(move |n| [round.to_be_bytes(), n.to_be_bytes()].concat());
        let subscribed = topics(round).flat_map(|topic| change(1, true, &topic));
        let cancelled = topics(round).flat_map(|topic| change(1, false, &topic));
        raw.say(
            &subscribed
                .chain(cancelled)
                .chain(ping(0, b"done"))
                .collect::<Vec<u8>>(),
        )
        .await;
        raw.expect(&pong(b"done")).await;
        if round == 9 {
            memory = Some(child.memory());
        }
    }
    let grown = child.memory().saturating_sub(memory.expect("a tenth round"));
    assert!(grown <= MIB, "{grown} bytes");
}

#[test]
fn row_07_the_deepest_topic_needs_no_stack() {
    // A recursion over a topic would not end well here.
    let thread = std::thread::Builder::new().stack_size(192 * 1024).spawn(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build();
        runtime.expect("a runtime").block_on(Box::pin(async {
            let (publisher, wire) = listening(Pub::builder()).await;
            let far = wire.arrive("10.0.0.1:1");
            far.raw().shake_hands("SUB", "PUB").await;
            for len in (1..5500).chain([65_536]) {
                far.piece(&change(1, true, &vec![b'a'; len]));
            }
            let deepest = vec![b'a'; 65_536];
            let subscribers = publisher.subscribers().to(&deepest);
            soon("the deepest", subscribers.at_least(1))
                .await
                .expect("the socket is open");
            publisher.send(&deepest[..]).await.expect("the socket is open");
            assert_eq!(far.raw().message().await, std::slice::from_ref(&deepest));
            for len in (1..5500).rev() {
                far.piece(&change(1, false, &vec![b'a'; len]));
            }
            far.piece(&change(1, false, &deepest));
            far.piece(&ping(0, b"done"));
            far.raw().expect(&pong(b"done")).await;
            assert_eq!(publisher.subscribers().count(), 0);
        }));
    });
    thread.expect("a thread can be started").join().expect("it holds");
}
