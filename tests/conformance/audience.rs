//! XPUB, RADIO and DISH on the wire: what is heard of whom, in which words, and what a hostile peer can make of it.

use std::time::Duration;

use hubless::{DisconnectReason, Dish, Heartbeat, ProtocolError, Radio, TryRecvError, XPub, XSub};
use tokio::time::sleep;

use crate::bytes::{command, frame, greeting, greeting_of, message, ping, pong, ready};
use crate::child::Child;
use crate::raw::{Raw, RawListener, disconnection, handshake, soon};
use crate::wire::listening;

const MIB: usize = 1024 * 1024;

/// A subscription's change as a command or as a message.
fn change(as_command: bool, subscribe: bool, topic: &[u8]) -> Vec<u8> {
    match (as_command, subscribe) {
        (false, _) => frame(0, &[&[u8::from(subscribe)], topic].concat()),
        (true, true) => command("SUBSCRIBE", topic),
        (true, false) => command("CANCEL", topic),
    }
}

async fn xpub(builder: hubless::Builder<hubless::kind::XPub>) -> (XPub, Raw) {
    let publisher = builder.build().expect("no contradiction");
    let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("XSUB", "XPUB").await;
    (publisher, raw)
}

/// All that was said before it has been taken in.
async fn heard(raw: &mut Raw) {
    raw.say(&ping(0, b"heard?")).await;
    raw.expect(&pong(b"heard?")).await;
}

async fn next(publisher: &XPub) -> Vec<u8> {
    let message = soon("a notification", publisher.recv())
        .await
        .expect("the socket is open");
    message.frame(0).unwrap_or_default().to_vec()
}

#[tokio::test]
async fn trap_08_an_xpub_hears_both_forms_as_one() {
    for (subscribes, cancels) in [(true, true), (true, false), (false, true), (false, false)] {
        let (publisher, mut raw) = xpub(XPub::builder()).await;
        for topic in [&b"a"[..], b"", b"\x00\x01"] {
            raw.say(&change(subscribes, true, topic)).await;
            assert_eq!(next(&publisher).await, [&[1], topic].concat());
            raw.say(&change(cancels, false, topic)).await;
            assert_eq!(next(&publisher).await, [&[0], topic].concat());
        }
    }
}

#[tokio::test]
async fn an_xpub_hears_of_what_changes_and_of_nothing_else() {
    let (publisher, mut raw) = xpub(XPub::builder()).await;
    let said = [
        change(true, false, b"never held"),
        change(true, true, b"a"),
        change(false, true, b"a"),
        command("NEWS", b"a"),
        command("JOIN", b"a"),
    ];
    raw.say(&said.concat()).await;
    heard(&mut raw).await;
    assert_eq!(next(&publisher).await, b"\x01a");
    assert_eq!(publisher.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn messages_of_several_frames_reach_an_xpubs_program() {
    let (publisher, mut raw) = xpub(XPub::builder()).await;
    raw.say(&message(&[b"hello", b"\x01a", b""])).await;
    let whole = soon("a message", publisher.recv())
        .await
        .expect("the socket is open");
    assert_eq!(whole, hubless::Message::from([&b"hello"[..], b"\x01a", b""]));
    assert_eq!(publisher.topics(), 0);
    // One that begins with a change is changes, and what else is in it.
    raw.say(&message(&[b"\x01a", b"left", b"\x01b", b"over"])).await;
    let mut came = Vec::new();
    for _ in 0..3 {
        came.push(
            soon("all of it", publisher.recv())
                .await
                .expect("the socket is open"),
        );
    }
    came.sort_by_key(|message| message.frame(0).map(<[u8]>::to_vec));
    let expected = [
        hubless::Message::from(b"\x01a"),
        hubless::Message::from(b"\x01b"),
        hubless::Message::from(("left", "over")),
    ];
    assert_eq!(came, expected);
}

#[tokio::test]
async fn row_07_ten_thousand_topics_come_and_go() {
    const MANY: u32 = 10_000;
    let (publisher, mut raw) = xpub(XPub::builder()).await;
    let all: Vec<u8> = (0..MANY)
        .flat_map(|n| change(true, true, &n.to_be_bytes()))
        .collect();
    raw.say(&all).await;
    for n in 0..MANY {
        assert_eq!(next(&publisher).await, [&[1][..], &n.to_be_bytes()].concat());
    }
    drop(raw);
    let mut gone = Vec::new();
    for _ in 0..MANY {
        let notice = next(&publisher).await;
        assert_eq!(notice[0], 0);
        gone.push(u32::from_be_bytes(notice[1..].try_into().expect("four bytes")));
    }
    gone.sort_unstable();
    assert!(gone.into_iter().eq(0..MANY));
    assert_eq!(
        (publisher.topics(), publisher.try_recv()),
        (0, Err(TryRecvError::Empty))
    );
}

#[tokio::test]
async fn row_07_who_subscribes_without_end_at_an_xpub_that_never_reads_is_closed_and_all_of_it_is_freed() {
    let mut child = Child::new("bind", "XPUB").await;
    let at = child.endpoint("bound").await;
    let mut good = Raw::connect(&at).await;
    good.shake_hands("SUB", "XPUB").await;
    child.line("event", "handshake done").await;
    let (memory, descriptors) = (child.memory(), child.descriptors());
    // What was freed is in no order, and the allocator keeps some of it; but a second time finds it there.
    let mut most = memory + 64 * MIB;
    for _ in 0..2 {
        for (reason, size) in [
            ("more than 100000 subscriptions", 4),
            ("more than 16777216 bytes in subscriptions", 60_000),
        ] {
            let mut raw = Raw::connect(&at).await;
            raw.shake_hands("SUB", "XPUB").await;
            let mut topics = 0_u32..;
            let mut topic = |n: u32| {
                let mut topic = n.to_be_bytes().to_vec();
                topic.resize(size, 7);
                change(true, true, &topic)
            };
            let mut next = || {
                topics
                    .by_ref()
                    .take(200)
                    .flat_map(&mut topic)
                    .collect::<Vec<u8>>()
            };
            while raw.try_say(&next()).await.is_ok() {}
            child.line("event", reason).await;
            heard(&mut good).await;
            child.settles(most, descriptors).await;
        }
        most = child.memory() + 2 * MIB;
    }
}

#[tokio::test]
async fn row_07_changing_ones_mind_for_ever_at_an_xpub_that_never_reads_takes_nothing() {
    let mut child = Child::new("bind", "XPUB").await;
    let at = child.endpoint("bound").await;
    let mut memory = None;
    for round in 0..40_u32 {
        // Some of them with a connection each, which takes the rest with it.
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("SUB", "XPUB").await;
        let topics = (0..1000_u32).map(|n| [round.to_be_bytes(), n.to_be_bytes()].concat());
        let changes = topics.flat_map(|topic| {
            let cancel = change(true, false, &topic);
            let ends = topic[7].is_multiple_of(2);
            [change(true, true, &topic), if ends { cancel } else { Vec::new() }].concat()
        });
        let changes: Vec<u8> = changes.collect();
        raw.say(&changes).await;
        heard(&mut raw).await;
        drop(raw);
        child.line("event", "the peer closed the connection").await;
        if round == 9 {
            memory = Some(child.memory());
        }
    }
    let grown = child.memory().saturating_sub(memory.expect("a tenth round"));
    assert!(grown <= MIB, "{grown} bytes");
}

#[tokio::test]
async fn an_xpubs_program_that_does_not_read_holds_back_messages_and_not_subscriptions_of_others() {
    let (publisher, mut talker) = xpub(XPub::builder().recv_hwm(10)).await;
    let at = publisher.endpoints().remove(0);
    let mut quiet = Raw::connect(&at).await;
    quiet.shake_hands("SUB", "XPUB").await;
    let flood = message(&[b"hello"]).repeat(100);
    talker.say(&flood).await;
    // Behind the mark nothing of it is read.
    talker.say(&change(true, true, b"behind")).await;
    quiet.say(&change(true, true, b"quiet")).await;
    heard(&mut quiet).await;
    assert_eq!(publisher.subscribers().to("quiet").count(), 1);
    assert_eq!(publisher.subscribers().to("behind").count(), 0);
    let mut messages = 0;
    while publisher.subscribers().to("behind").count() == 0 || messages < 100 {
        let message = soon("a message", publisher.recv())
            .await
            .expect("the socket is open");
        messages += u32::from(message.as_subscription().is_none());
    }
}

#[tokio::test]
async fn an_xsub_tells_the_same_again_and_no_more() {
    let listener = RawListener::tcp().await;
    let subscriber = XSub::new();
    drop(subscriber.connect(listener.endpoint()).expect("an endpoint"));
    let mut raw = listener.accept().await;
    raw.shake_hands("XPUB", "XSUB").await;
    for _ in 0..3 {
        subscriber.send(b"\x01a").await.expect("the socket is open");
        raw.expect(&command("SUBSCRIBE", b"a")).await;
    }
    for left in [2, 1, 0] {
        subscriber.send(b"\x00a").await.expect("the socket is open");
        if left == 0 {
            raw.expect(&command("CANCEL", b"a")).await;
        }
    }
    subscriber.send(("\x02b", "c")).await.expect("the socket is open");
    raw.expect(&message(&[b"\x02b", b"c"])).await;
}

#[tokio::test]
async fn a_dish_joins_and_leaves_by_commands_and_takes_two_frames() {
    let dish = Dish::new();
    dish.join("a").expect("a short name");
    let listener = RawListener::tcp().await;
    drop(dish.connect(listener.endpoint()).expect("an endpoint"));
    let mut raw = listener.accept().await;
    raw.shake_hands("RADIO", "DISH").await;
    raw.expect(&command("JOIN", b"a")).await;
    dish.join("").expect("a short name");
    raw.expect(&command("JOIN", b"")).await;
    let long = [b'x'; 255];
    dish.join(long).expect("as long as it may be");
    raw.expect(&command("JOIN", &long)).await;
    dish.leave("");
    raw.expect(&command("LEAVE", b"")).await;
    for published in [
        message(&[b"a"]),
        message(&[b"a", b"two", b"frames"]),
        message(&[b"", b"left"]),
        message(&[b"ab", b"never joined"]),
        message(&[b"a", b"body"]),
    ] {
        raw.say(&published).await;
    }
    let (group, body) = soon("a message", dish.recv_from())
        .await
        .expect("the socket is open");
    assert_eq!((group, body), ("a".into(), "body".into()));
    let dropped = dish.stats().incoming.dropped;
    assert_eq!(dropped.by(hubless::DropReason::ProtocolError), 2);
    assert_eq!(dropped.by(hubless::DropReason::Filtered), 2);
}

async fn radio() -> (Radio, Raw) {
    let radio = Radio::new();
    let at = radio.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    raw.shake_hands("DISH", "RADIO").await;
    (radio, raw)
}

#[tokio::test]
async fn a_radio_sends_two_frames_to_a_set_of_members() {
    let (radio, mut raw) = radio().await;
    // Once more is still once; what is no JOIN is nobody's.
    let said = [
        command("JOIN", b"a").repeat(3),
        command("SUBSCRIBE", b""),
        message(&[b"\x01"]),
        message(&[b"a", b"hello"]),
        command("JOIN", b"b"),
    ];
    raw.say(&said.concat()).await;
    soon("b", radio.subscribers().to("b").at_least(1))
        .await
        .expect("the socket is open");
    for group in ["", "ab", "a"] {
        radio.send_to(group, "body").await.expect("the socket is open");
    }
    raw.expect(&message(&[b"a", b"body"])).await;
    raw.say(&[command("LEAVE", b"a"), command("JOIN", b"c")].concat())
        .await;
    soon("c", radio.subscribers().to("c").at_least(1))
        .await
        .expect("the socket is open");
    assert_eq!(radio.subscribers().to("a").count(), 0, "one LEAVE is enough");
}

#[tokio::test]
async fn a_group_of_256_bytes_is_a_fault_that_is_named() {
    let (radio, mut good) = radio().await;
    let mut monitor = radio.monitor();
    good.say(&command("JOIN", &[b'x'; 255])).await;
    soon("a long group", radio.subscribers().at_least(1))
        .await
        .expect("the socket is open");
    let mut raw = Raw::connect(&radio.endpoints()[0]).await;
    raw.shake_hands("DISH", "RADIO").await;
    raw.say(&command("JOIN", &[b'x'; 256])).await;
    let reason = disconnection(&mut monitor).await;
    let expected = ProtocolError::TooMany {
        what: "bytes in a group",
        limit: 255,
    };
    assert_eq!(reason, DisconnectReason::Protocol(expected));
    assert_eq!(reason.to_string(), "more than 255 bytes in a group");
    raw.end().await;
    radio
        .send_to([b'x'; 255], "body")
        .await
        .expect("the socket is open");
    good.expect(&message(&[&[b'x'; 255], b"body"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_dish_is_asked_nothing_and_a_radio_is() {
    let heartbeat = Heartbeat::every(Duration::from_secs(1));
    let (radio, wire) = listening(Radio::builder().heartbeat(heartbeat)).await;
    let far = wire.arrive("10.0.0.1:1");
    let mut raw = far.raw();
    raw.say(&[greeting_of(3, 1, "NULL"), ready("DISH")].concat())
        .await;
    raw.expect(&[greeting(), ready("RADIO")].concat()).await;
    sleep(Duration::from_secs(100)).await;
    assert_eq!(far.written(), []);
    assert_eq!(radio.peers().count(), 1, "and its silence means nothing");
    // It may ask us.
    raw.say(&ping(0, b"you?")).await;
    raw.expect(&pong(b"you?")).await;

    let (dish, wire) = listening(Dish::builder().heartbeat(heartbeat)).await;
    let mut monitor = dish.monitor();
    let far = wire.arrive("10.0.0.1:1");
    let mut raw = far.raw();
    raw.say(&[greeting_of(3, 1, "NULL"), ready("RADIO")].concat())
        .await;
    raw.expect(&[greeting(), ready("DISH"), ping(0, b"")].concat())
        .await;
    raw.say(&pong(b"")).await;
    handshake(&mut monitor).await;
    // That it has joined is known by an answer.
    dish.join("a").expect("a short name");
    let joined = tokio::spawn({
        let dish = dish.clone();
        async move { dish.joined().await }
    });
    raw.expect(&command("JOIN", b"a")).await;
    let (flags, body) = raw.frame().await;
    assert_eq!((flags, &body[..7]), (0x04, &b"\x04PING\0\0"[..]));
    assert!(!joined.is_finished());
    raw.say(&pong(&body[7..])).await;
    soon("the barrier", joined)
        .await
        .expect("no panic")
        .expect("the socket is open");
}
