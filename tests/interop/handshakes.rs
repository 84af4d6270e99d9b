//! What the two sides find out about each other, and keep to.

use std::time::{Duration, Instant};

use hubless::{DisconnectReason, Event, Heartbeat, Monitor, Pub, Push, SocketKind, Sub};

use crate::DEADLINE;
use crate::meeting::{Meeting, with_everybody_everywhere};
use crate::other::OtherSocket;

with_everybody_everywhere! {
    the_older_version_of_the_two_is_spoken
    with_a_heartbeat_every_peer_stays
    sub_learns_that_its_subscriptions_have_gone_out
}

mod a_wrong_libzmq {
    crate::meeting::everywhere! { crate::libzmq::Libzmq, a_kind_that_does_not_fit_closes_without_a_word }
}
mod a_wrong_zeromq_crate {
    // As binder only: where it connects it is the first to know, and says so to its program.
    crate::meeting::over_both! {
        connecting, crate::zeromq_crate::ZeromqCrate, They,
        a_kind_that_does_not_fit_is_refused_by_name
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

/// libzmq judges our READY, which comes with our greeting, before it sends its own. So we never learn what it is.
async fn a_kind_that_does_not_fit_closes_without_a_word<O: OtherSocket>(meeting: Meeting) {
    let publisher = Pub::new();
    let mut monitor = publisher.monitor();
    let _push: O = meeting.of(&publisher, SocketKind::Push).await;
    assert_eq!(failure(&mut monitor).await, DisconnectReason::PeerClosed);
}

async fn a_kind_that_does_not_fit_is_refused_by_name<O: OtherSocket>(meeting: Meeting) {
    let publisher = Pub::new();
    let mut monitor = publisher.monitor();
    let _push: O = meeting.of(&publisher, SocketKind::Push).await;
    assert_eq!(
        failure(&mut monitor).await.to_string(),
        "peer announced PUSH, a PUB accepts SUB or XSUB"
    );
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
