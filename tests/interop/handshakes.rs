//! What the two sides find out about each other, and keep to.

use std::time::{Duration, Instant};

use hubless::kind::{self, Kind};
use hubless::{DisconnectReason, Event, Heartbeat, Monitor, ProtocolError, Push, Socket, SocketKind, Sub};

use crate::DEADLINE;
use crate::meeting::{Meeting, with_everybody_everywhere};
use crate::other::OtherSocket;

with_everybody_everywhere! {
    the_older_version_of_the_two_is_spoken
    with_a_heartbeat_every_peer_stays
    sub_learns_that_its_subscriptions_have_gone_out
}

mod a_wrong_libzmq {
    crate::meeting::everywhere! {
        crate::libzmq::Libzmq,
        a_pub_names_the_push_that_it_met
        a_pull_names_the_sub_that_it_met
        a_dealer_names_the_pull_that_it_met
    }
}
mod a_wrong_zeromq_crate {
    // As binder only: where it connects it is the first to know, and says so to its program.
    crate::meeting::over_both! {
        connecting, crate::zeromq_crate::ZeromqCrate, They,
        a_pub_names_the_push_that_it_met
    }
}

async fn the_older_version_of_the_two_is_spoken<O: OtherSocket>(meeting: Meeting) {
    let push = Push::new();
    let _pull: O = meeting.of(&push, SocketKind::Pull).await;
    push.peers().at_least(1).await.expect("it is open");
    let peers = push.peers().list();
    assert_eq!(peers[0].version(), O::VERSION);
    assert_eq!(peers[0].kind(), Some(SocketKind::Pull));
    assert_eq!(peers[0].mechanism(), "NULL");
}

/// Peers that know a PING are asked many times and answer; the others, who would hang up, are not asked.
async fn with_a_heartbeat_every_peer_stays<O: OtherSocket>(meeting: Meeting) {
    let interval = Duration::from_millis(1);
    let heartbeat = Heartbeat::every(interval).timeout(DEADLINE);
    let push = Push::builder()
        .heartbeat(heartbeat)
        .build()
        .expect("no contradiction");
    let mut pull: O = meeting.of(&push, SocketKind::Pull).await;
    push.peers().at_least(1).await.expect("it is open");
    let first = push.peers().list();
    let start = Instant::now();
    while start.elapsed() < 50 * interval {
        push.send("still there?").await.expect("it is open");
        assert_eq!(pull.recv().await, "still there?");
    }
    assert_eq!(push.peers().list(), first);
}

/// Who knows a PING has answered one; to the others they have been written.
async fn sub_learns_that_its_subscriptions_have_gone_out<O: OtherSocket>(meeting: Meeting) {
    let sub = Sub::new();
    let mut publisher: O = meeting.of(&sub, SocketKind::XPub).await;
    sub.subscribe("a");
    sub.subscribed().await.expect("it is open");
    assert_eq!(publisher.recv().await, "\x01a");
    assert!(sub.unsubscribe("a"));
    sub.subscribed().await.expect("it is open");
    assert_eq!(publisher.recv().await, "\0a");
}

async fn a_pub_names_the_push_that_it_met<O: OtherSocket>(meeting: Meeting) {
    names_what_it_met::<kind::Pub, O>(meeting, SocketKind::Push).await;
}

async fn a_pull_names_the_sub_that_it_met<O: OtherSocket>(meeting: Meeting) {
    names_what_it_met::<kind::Pull, O>(meeting, SocketKind::Sub).await;
}

async fn a_dealer_names_the_pull_that_it_met<O: OtherSocket>(meeting: Meeting) {
    names_what_it_met::<kind::Dealer, O>(meeting, SocketKind::Pull).await;
}

/// The first handshake tells which kind is at the other end.
async fn names_what_it_met<K: Kind, O: OtherSocket>(meeting: Meeting, theirs: SocketKind) {
    let socket = Socket::<K>::new();
    let mut monitor = socket.monitor();
    let _other: O = meeting.of(&socket, theirs).await;
    let named = ProtocolError::Kind {
        ours: K::KIND,
        theirs: theirs.to_string(),
    };
    assert_eq!(failure(&mut monitor).await, DisconnectReason::Protocol(named));
}

/// Why the first handshake fails.
async fn failure(monitor: &mut Monitor) -> DisconnectReason {
    loop {
        match monitor.next().await.expect("it is open") {
            Event::HandshakeFailed { reason, .. } => return reason,
            Event::HandshakeDone { peer } => panic!("{peer} was let in"),
            _ => {}
        }
    }
}
