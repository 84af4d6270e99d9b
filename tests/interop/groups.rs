//! RADIO and DISH with libzmq's, which has them as a draft: groups joined and left, and messages in them. The `zeromq` crate
//! has neither.

// The table of tests names the peer by a type, and here is but one.
#![allow(clippy::extra_unused_type_parameters)]

use std::time::Duration;

use hubless::{Dish, Heartbeat, Radio, SocketKind, TryRecvError, kind};

use crate::DEADLINE;
use crate::libzmq::Libzmq;
use crate::meeting::{Meeting, everywhere};

mod libzmq {
    super::everywhere! {
        crate::libzmq::Libzmq,
        radio_serves_who_joins_until_it_leaves
        dish_joins_leaves_and_joins_again
        messages_of_every_size_go_both_ways
        groups_of_every_length_are_understood
        a_dish_is_not_asked_for_signs_of_life
        groups_are_joined_again_when_they_come_back
    }
}

async fn somebody_joined(radio: &Radio, group: &str) {
    let members = radio.subscribers().to(group);
    members.at_least(1).await.expect("it is open");
}

async fn nobody_is_in(radio: &Radio, group: &str) {
    while radio.subscribers().to(group).count() > 0 {
        tokio::task::yield_now().await;
    }
}

/// A RADIO of theirs does not say who has joined: until it is heard, it says something.
async fn is_heard(dish: &Dish, radio: &mut Libzmq, group: &str) {
    loop {
        radio.send_to_group(group, b"can you hear me?".to_vec()).await;
        match dish.recv_from_timeout(Duration::from_millis(10)).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error, TryRecvError::Empty),
        }
    }
}

/// The next message that is no question whether it is heard.
async fn next(dish: &Dish) -> (Vec<u8>, Vec<u8>) {
    loop {
        let (group, body) = dish.recv_from().await.expect("it is open");
        if body != "can you hear me?" {
            return (group.to_vec(), body.to_vec());
        }
    }
}

pub(crate) async fn radio_serves_who_joins_until_it_leaves<O>(meeting: Meeting) {
    let radio: Radio = meeting.socket();
    let mut dish: Libzmq = meeting.of(&radio, SocketKind::Dish).await;
    dish.join("a").await;
    dish.join("b").await;
    somebody_joined(&radio, "a").await;
    somebody_joined(&radio, "b").await;
    for group in ["none", "ab", "a", "b"] {
        radio.send_to(group, group).await.expect("it is open");
    }
    assert_eq!(dish.recv_in_group().await, ("a".to_owned(), b"a".to_vec()));
    assert_eq!(dish.recv_in_group().await, ("b".to_owned(), b"b".to_vec()));

    dish.leave("a").await;
    nobody_is_in(&radio, "a").await;
    radio.send_to("a", "missed").await.expect("it is open");
    dish.join("a").await;
    somebody_joined(&radio, "a").await;
    radio.send_to("a", "heard").await.expect("it is open");
    assert_eq!(dish.recv_in_group().await, ("a".to_owned(), b"heard".to_vec()));
}

pub(crate) async fn dish_joins_leaves_and_joins_again<O>(meeting: Meeting) {
    let dish: Dish = meeting.socket();
    dish.join("a").expect("a short name");
    dish.join("a").expect("a short name");
    let mut radio: Libzmq = meeting.of(&dish, SocketKind::Radio).await;
    is_heard(&dish, &mut radio, "a").await;
    for (group, body) in [("b", "none of ours"), ("a", "ours")] {
        radio.send_to_group(group, body.as_bytes().to_vec()).await;
    }
    assert_eq!(next(&dish).await, (b"a".to_vec(), b"ours".to_vec()));

    assert!(dish.leave("a"));
    dish.join("b").expect("a short name");
    dish.joined().await.expect("it is open");
    is_heard(&dish, &mut radio, "b").await;
    for group in ["a", "b"] {
        radio.send_to_group(group, group.as_bytes().to_vec()).await;
    }
    assert_eq!(next(&dish).await, (b"b".to_vec(), b"b".to_vec()));

    dish.join("a").expect("a short name");
    dish.joined().await.expect("it is open");
    is_heard(&dish, &mut radio, "a").await;
}

pub(crate) async fn messages_of_every_size_go_both_ways<O>(meeting: Meeting) {
    const SIZES: [usize; 8] = [0, 1, 32, 255, 256, 8192, 65_537, 1 << 20];
    let (radio, dish): (Radio, Dish) = (meeting.socket(), meeting.socket());
    dish.join("a").expect("a short name");
    let elsewhere = meeting.elsewhere();
    let mut theirs: Libzmq = meeting.of(&radio, SocketKind::Dish).await;
    theirs.join("a").await;
    somebody_joined(&radio, "a").await;
    let mut sends: Libzmq = elsewhere.of(&dish, SocketKind::Radio).await;
    is_heard(&dish, &mut sends, "a").await;
    for size in SIZES {
        let body = vec![size as u8; size];
        radio.send_to("a", &body).await.expect("it is open");
        assert!(
            theirs.recv_in_group().await == ("a".to_owned(), body.clone()),
            "{size} from us"
        );
        sends.send_to_group("a", body.clone()).await;
        assert!(next(&dish).await == (b"a".to_vec(), body), "{size} from them");
    }
}

/// libzmq's RADIO aborts the process at a longer one.
async fn groups_of_every_length_are_understood<O>(meeting: Meeting) {
    let radio: Radio = meeting.socket();
    let mut dish: Libzmq = meeting.of(&radio, SocketKind::Dish).await;
    for length in [0, 1, 13, 14, 15, 16, 249, 250, 251, 255] {
        let group = "g".repeat(length);
        dish.join(&group).await;
        somebody_joined(&radio, &group).await;
        radio.send_to(&group, "in it").await.expect("it is open");
        assert_eq!(dish.recv_in_group().await, (group.clone(), b"in it".to_vec()));
        dish.leave(&group).await;
        nobody_is_in(&radio, &group).await;
    }
}

/// It would take a PING for a broken message, and close. Beside it is one who is asked, at the same interval: by its
/// answers we know that the time has come again and again. It may take its time for them, as a busy machine may give
/// libzmq none for longer than any interval: were it taken for dead, what it did not confirm would never be confirmed.
/// The dish, which is not asked, owes no sign of life, however short the time-out.
async fn a_dish_is_not_asked_for_signs_of_life<O>(meeting: Meeting) {
    let heartbeat = Heartbeat::every(Duration::from_millis(10));
    let radio = meeting
        .builder::<kind::Radio>()
        .heartbeat(heartbeat.ttl(Duration::from_millis(200)))
        .build()
        .expect("no contradiction");
    let elsewhere = meeting.elsewhere();
    let mut dish: Libzmq = meeting.of(&radio, SocketKind::Dish).await;
    dish.join("a").await;
    somebody_joined(&radio, "a").await;
    let asks = elsewhere
        .builder::<kind::Push>()
        .heartbeat(heartbeat.timeout(DEADLINE).ttl(DEADLINE))
        .build()
        .expect("no contradiction");
    let _answers: Libzmq = elsewhere.of(&asks, SocketKind::Pull).await;
    let peer = radio.peers().list().remove(0);
    for number in 0..20 {
        radio.send_to("a", format!("{number}")).await.expect("it is open");
        assert_eq!(dish.recv_in_group().await.1, format!("{number}").into_bytes());
        asks.send("is anybody there?").await.expect("it is open");
        while asks.stats().outgoing.unconfirmed.messages > 0 || asks.stats().outgoing.queued.messages > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(radio.peers().list(), [peer], "the same connection all the time");
}

async fn groups_are_joined_again_when_they_come_back<O>(meeting: Meeting) {
    let dish: Dish = meeting.socket();
    dish.join("a").expect("a short name");
    let radio: Libzmq = meeting.of(&dish, SocketKind::Radio).await;
    dish.joined().await.expect("it is open");
    radio.end().await;
    let mut radio: Libzmq = meeting.they_come(SocketKind::Radio).await;
    is_heard(&dish, &mut radio, "a").await;
    // It was joined once on this connection too: one leave is enough.
    assert!(dish.leave("a"));
    dish.join("b").expect("a short name");
    dish.joined().await.expect("it is open");
    is_heard(&dish, &mut radio, "b").await;
    let received = dish.stats().incoming.received.messages;
    for _ in 0..10 {
        radio.send_to_group("a", b"nobody's".to_vec()).await;
    }
    radio.send_to_group("b", b"the last one".to_vec()).await;
    assert_eq!(next(&dish).await, (b"b".to_vec(), b"the last one".to_vec()));
    assert_eq!(dish.stats().incoming.received.messages, received + 1);
}
