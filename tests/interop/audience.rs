//! XPUB and XSUB: what ours hears of their subscribers, and theirs of ours; and what goes upstream.
//!
//! The `zeromq` crate has no XSUB, so only libzmq's is met.

use hubless::{Message, Pub, SocketKind, XPub, XSub};

use crate::meeting::{Meeting, everywhere, with_everybody_everywhere};
use crate::other::OtherSocket;

with_everybody_everywhere! {
    xpub_hears_what_a_sub_wants_and_serves_it
    xsub_subscribes_by_messages_at_an_xpub
}

mod with_libzmqs_xsub {
    super::everywhere! {
        crate::libzmq::Libzmq,
        pub_serves_an_xsub
        xpub_hears_an_xsub_in_both_forms
        xpub_receives_what_an_xsub_sends
        xpub_hears_when_they_leave
        xsub_sends_to_an_xpub
        xsub_is_served_by_a_pub
        xsub_tells_again_when_they_come_back
    }
}

async fn news(publisher: &XPub) -> Message {
    publisher.recv().await.expect("it is open")
}

pub(crate) async fn xpub_hears_what_a_sub_wants_and_serves_it<O: OtherSocket>(meeting: Meeting) {
    let publisher: XPub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    sub.subscribe("a").await;
    assert_eq!(news(&publisher).await, "\x01a");
    sub.subscribe("b").await;
    assert_eq!(news(&publisher).await, "\x01b");
    for message in ["none of them", "a1", "b1"] {
        publisher.send(message).await.expect("it is open");
    }
    assert_eq!(sub.recv().await, "a1");
    assert_eq!(sub.recv().await, "b1");
    sub.unsubscribe("a").await;
    assert_eq!(news(&publisher).await, "\0a");
    publisher.send("a2").await.expect("it is open");
    publisher.send("b2").await.expect("it is open");
    assert_eq!(sub.recv().await, "b2");
}

pub(crate) async fn xsub_subscribes_by_messages_at_an_xpub<O: OtherSocket>(meeting: Meeting) {
    let subscriber: XSub = meeting.socket();
    subscriber.send(b"\x01a").await.expect("it is open");
    let mut publisher: O = meeting.of(&subscriber, SocketKind::XPub).await;
    assert_eq!(publisher.recv().await, "\x01a");
    for message in ["none of them", "a1"] {
        publisher.send(message).await;
    }
    assert_eq!(subscriber.recv().await.expect("it is open"), "a1");
    subscriber.send(b"\x00a").await.expect("it is open");
    assert_eq!(publisher.recv().await, "\0a");
    subscriber.subscribe("b");
    assert_eq!(publisher.recv().await, "\x01b");
}

pub(crate) async fn pub_serves_an_xsub<O: OtherSocket>(meeting: Meeting) {
    let publisher: Pub = meeting.socket();
    let mut xsub: O = meeting.of(&publisher, SocketKind::XSub).await;
    publisher.peers().at_least(1).await.expect("it is open");
    xsub.send(b"\x01a").await;
    let subscribers = publisher.subscribers().to("a");
    subscribers.at_least(1).await.expect("it is open");
    for message in ["none of them", "a1"] {
        publisher.send(message).await.expect("it is open");
    }
    assert_eq!(xsub.recv().await, "a1");
    xsub.send(b"\0a").await;
    while publisher.subscribers().to("a").count() > 0 {
        tokio::task::yield_now().await;
    }
}

/// An XSUB of libzmq sends a subscription on as the message that it was sent, and tells whoever comes by commands.
pub(crate) async fn xpub_hears_an_xsub_in_both_forms<O: OtherSocket>(meeting: Meeting) {
    let publisher: XPub = meeting.socket();
    let mut xsub = O::new(SocketKind::XSub);
    xsub.send(b"\x01as a command").await;
    meeting.we_come(&publisher).await;
    meeting.joins(&mut xsub).await;
    assert_eq!(news(&publisher).await, "\x01as a command");
    xsub.send(b"\x01as a message").await;
    assert_eq!(news(&publisher).await, "\x01as a message");
    for topic in ["as a command", "as a message"] {
        publisher.send(topic).await.expect("it is open");
        assert_eq!(xsub.recv().await, topic);
        xsub.send([&[0], topic.as_bytes()].concat()).await;
        assert_eq!(news(&publisher).await, [&[0], topic.as_bytes()].concat());
    }
}

async fn xpub_receives_what_an_xsub_sends<O: OtherSocket>(meeting: Meeting) {
    let publisher: XPub = meeting.socket();
    let mut xsub: O = meeting.of(&publisher, SocketKind::XSub).await;
    // What it wants it says as soon as it knows of us; before that it drops what it sends.
    xsub.send("\x01a").await;
    assert_eq!(news(&publisher).await, "\x01a");
    for message in [
        Message::from("one"),
        Message::from(("two", "frames")),
        Message::from(("large", vec![7; 100_000], "")),
    ] {
        xsub.send(message.clone()).await;
        assert_eq!(news(&publisher).await, message);
    }
}

async fn xpub_hears_when_they_leave<O: OtherSocket>(meeting: Meeting) {
    let publisher: XPub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    sub.subscribe("a").await;
    assert_eq!(news(&publisher).await, "\x01a");
    sub.close().await;
    assert_eq!(news(&publisher).await, "\0a");
    assert_eq!(publisher.topics(), 0);
}

async fn xsub_sends_to_an_xpub<O: OtherSocket>(meeting: Meeting) {
    let subscriber: XSub = meeting.socket();
    let mut publisher: O = meeting.of(&subscriber, SocketKind::XPub).await;
    subscriber.peers().at_least(1).await.expect("it is open");
    for message in [
        Message::from("one"),
        Message::from(("two", "frames")),
        Message::from(("large", vec![7; 100_000], "")),
    ] {
        subscriber.send(message.clone()).await.expect("it is open");
        assert_eq!(publisher.recv().await, message);
    }
}

pub(crate) async fn xsub_is_served_by_a_pub<O: OtherSocket>(meeting: Meeting) {
    let subscriber: XSub = meeting.socket();
    let mut publisher: O = meeting.of(&subscriber, SocketKind::Pub).await;
    subscriber.subscribe("a");
    subscriber.subscribed().await.expect("it is open");
    subscriber
        .send("a PUB does not look at this")
        .await
        .expect("it is open");
    let question = "a: can you hear me?";
    let mut answer = Err(hubless::TryRecvError::Empty);
    while answer == Err(hubless::TryRecvError::Empty) {
        publisher.send(question).await;
        answer = subscriber
            .recv_timeout(std::time::Duration::from_millis(10))
            .await;
    }
    assert_eq!(answer.expect("it is open"), question);
}

async fn xsub_tells_again_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let subscriber: XSub = meeting.socket();
    subscriber.send(b"\x01a").await.expect("it is open");
    let mut publisher: O = meeting.of(&subscriber, SocketKind::XPub).await;
    assert_eq!(publisher.recv().await, "\x01a");
    publisher.close().await;
    subscriber.send(b"\x01b").await.expect("it is open");
    let mut publisher: O = meeting.they_come(SocketKind::XPub).await;
    let mut told = [publisher.recv().await, publisher.recv().await];
    told.sort_by_key(|message| message.frame(0).map(<[u8]>::to_vec));
    assert_eq!(told, [Message::from("\x01a"), Message::from("\x01b")]);
}
