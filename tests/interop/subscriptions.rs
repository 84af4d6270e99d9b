//! Subscriptions made, cancelled and made again, in both forms: commands to libzmq, which announces ZMTP 3.1, and
//! messages to the `zeromq` crate, which announces 3.0.
//!
//! Where ours subscribes, an XPUB at the other end shows what it is told, byte for byte.
//!
//! What is subscribed twice: a publisher, ours and libzmq's, holds a prefix once for each peer, and the first cancellation
//! that arrives ends it. libzmq counts where it subscribes: it tells every subscription and only the last cancellation.
//! The `zeromq` crate tells all of both, so with it the first cancellation is the end, whatever it means.

use hubless::{Pub, SocketKind, Sub};

use crate::meeting::{Meeting, with_everybody_everywhere};
use crate::other::OtherSocket;
use crate::zeromq_crate::ZeromqCrate;

with_everybody_everywhere! {
    pub_serves_who_subscribes_until_it_cancels_and_when_it_subscribes_again
    sub_subscribes_cancels_and_subscribes_again
    sub_tells_a_prefix_once_however_often_it_is_wanted
    prefixes_of_every_length_and_of_any_bytes_are_understood
}

mod twice_by_libzmq {
    crate::meeting::everywhere! { crate::libzmq::Libzmq, pub_serves_who_subscribed_twice_and_cancelled_once }
}
mod twice_by_the_zeromq_crate {
    crate::meeting::everywhere! { crate::zeromq_crate::ZeromqCrate, pub_holds_a_prefix_once_for_each_peer }
}

mod two_forms_at_once {
    crate::meeting::over_both! { binding, crate::libzmq::Libzmq, We, pub_serves_whoever_subscribes_in_whatever_form }
}

/// Waits until nobody gets this topic any more.
async fn nobody_gets(publisher: &Pub, topic: &str) {
    while publisher.subscribers().to(topic).count() > 0 {
        tokio::task::yield_now().await;
    }
}

async fn somebody_gets(publisher: &Pub, topic: &str) {
    let subscribers = publisher.subscribers().to(topic);
    subscribers.at_least(1).await.expect("it is open");
}

async fn publish(publisher: &Pub, messages: &[&str]) {
    for message in messages {
        publisher.send(*message).await.expect("it is open");
    }
}

async fn pub_serves_who_subscribes_until_it_cancels_and_when_it_subscribes_again<O: OtherSocket>(
    meeting: Meeting,
) {
    let publisher: Pub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    sub.subscribe("a").await;
    sub.subscribe("b").await;
    somebody_gets(&publisher, "a").await;
    somebody_gets(&publisher, "b").await;
    publish(&publisher, &["none of them", "a1", "b1"]).await;
    assert_eq!(sub.recv().await, "a1");
    assert_eq!(sub.recv().await, "b1");

    sub.unsubscribe("a").await;
    nobody_gets(&publisher, "a").await;
    publish(&publisher, &["a2", "b2"]).await;
    assert_eq!(sub.recv().await, "b2");

    sub.subscribe("a").await;
    somebody_gets(&publisher, "a").await;
    publish(&publisher, &["a3"]).await;
    assert_eq!(sub.recv().await, "a3");
}

async fn pub_serves_whoever_subscribes_in_whatever_form<O: OtherSocket>(meeting: Meeting) {
    let publisher: Pub = meeting.socket();
    let mut newer: O = meeting.of(&publisher, SocketKind::Sub).await;
    let mut older: ZeromqCrate = meeting.they_come(SocketKind::Sub).await;
    newer.subscribe("a").await;
    older.subscribe("a").await;
    older.subscribe("b").await;
    let both = publisher.subscribers().to("a");
    both.at_least(2).await.expect("it is open");
    somebody_gets(&publisher, "b").await;
    publish(&publisher, &["b1", "a1"]).await;
    assert_eq!(newer.recv().await, "a1");
    assert_eq!(older.recv().await, "b1");
    assert_eq!(older.recv().await, "a1");
}

async fn pub_serves_who_subscribed_twice_and_cancelled_once<O: OtherSocket>(meeting: Meeting) {
    let publisher: Pub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    subscribe_twice_and_cancel_once(&publisher, &mut sub).await;
    publish(&publisher, &["a is wanted once"]).await;
    assert_eq!(sub.recv().await, "a is wanted once");
    sub.unsubscribe("a").await;
    nobody_gets(&publisher, "a").await;
}

async fn pub_holds_a_prefix_once_for_each_peer<O: OtherSocket>(meeting: Meeting) {
    let publisher: Pub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    subscribe_twice_and_cancel_once(&publisher, &mut sub).await;
    assert_eq!(publisher.subscribers().to("a").count(), 0);
}

/// The publisher has heard all of it when this returns.
async fn subscribe_twice_and_cancel_once(publisher: &Pub, sub: &mut impl OtherSocket) {
    for prefix in ["a", "a", "last"] {
        sub.subscribe(prefix).await;
    }
    somebody_gets(publisher, "a").await;
    somebody_gets(publisher, "last").await;
    for prefix in ["a", "last"] {
        sub.unsubscribe(prefix).await;
    }
    nobody_gets(publisher, "last").await;
}

pub(crate) async fn sub_subscribes_cancels_and_subscribes_again<O: OtherSocket>(meeting: Meeting) {
    let sub: Sub = meeting.socket();
    sub.subscribe("a");
    let mut publisher: O = meeting.of(&sub, SocketKind::XPub).await;
    assert_eq!(publisher.recv().await, "\x01a");
    for message in ["none of them", "a1"] {
        publisher.send(message).await;
    }
    assert_eq!(sub.recv().await.expect("it is open"), "a1");

    assert!(sub.unsubscribe("a"));
    sub.subscribe("b");
    assert_eq!(publisher.recv().await, "\0a");
    assert_eq!(publisher.recv().await, "\x01b");
    for message in ["a2", "b2"] {
        publisher.send(message).await;
    }
    assert_eq!(sub.recv().await.expect("it is open"), "b2");

    sub.subscribe("a");
    assert_eq!(publisher.recv().await, "\x01a");
    publisher.send("a3").await;
    assert_eq!(sub.recv().await.expect("it is open"), "a3");
}

async fn sub_tells_a_prefix_once_however_often_it_is_wanted<O: OtherSocket>(meeting: Meeting) {
    let sub: Sub = meeting.socket();
    let mut publisher: O = meeting.of(&sub, SocketKind::XPub).await;
    sub.subscribe("first");
    assert_eq!(publisher.recv().await, "\x01first");
    // From here on there is a connection.
    sub.subscribe("a");
    sub.subscribe("a");
    assert!(sub.unsubscribe("a"));
    sub.subscribe("b");
    assert_eq!(publisher.recv().await, "\x01a");
    assert_eq!(publisher.recv().await, "\x01b");
    assert!(sub.unsubscribe("a"));
    assert_eq!(publisher.recv().await, "\0a");
}

async fn prefixes_of_every_length_and_of_any_bytes_are_understood<O: OtherSocket>(meeting: Meeting) {
    let sub: Sub = meeting.socket();
    let mut publisher: O = meeting.of(&sub, SocketKind::XPub).await;
    // With the byte in front, or with a command's name, they are as long as a short frame can be, or longer.
    let lengths = [0, 1, 243, 244, 245, 246, 254, 255, 256, 65_536];
    for prefix in lengths.map(|length| vec![0xFF; length]) {
        let told = |first: u8| [&[first], prefix.as_slice()].concat();
        sub.subscribe(&prefix);
        assert_eq!(publisher.recv().await, told(1));
        let message = [prefix.as_slice(), b"\0"].concat();
        publisher.send(message.clone()).await;
        assert_eq!(sub.recv().await.expect("it is open"), message);
        assert!(sub.unsubscribe(&prefix));
        assert_eq!(publisher.recv().await, told(0));
    }
}
