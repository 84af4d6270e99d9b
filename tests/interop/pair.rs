//! PAIR with that of libzmq: both ways, one at a time, and the next one when the first has gone.

use hubless::{DisconnectReason, Event, Pair, SocketKind};

use crate::meeting::Meeting;
use crate::messages::messages;
use crate::other::OtherSocket;
use crate::until;

mod libzmq {
    crate::meeting::everywhere! {
        crate::libzmq::Libzmq,
        both_say_everything
        the_next_one_takes_the_place_of_one_that_has_gone
    }
}

/// A libzmq that listens keeps a second connection open, and never takes it.
mod libzmq_connects {
    crate::meeting::over_both! { binding, crate::libzmq::Libzmq, We, whoever_comes_second_waits_for_its_turn }
}

pub(crate) async fn both_say_everything<O: OtherSocket>(meeting: Meeting) {
    let pair: Pair = meeting.socket();
    let mut other: O = meeting.of(&pair, SocketKind::Pair).await;
    for message in messages() {
        pair.send(&message).await.expect("it is open");
        other.send(message.clone()).await;
        assert_eq!(other.recv().await, message);
        assert_eq!(pair.recv().await.expect("it is open"), message);
    }
}

async fn whoever_comes_second_waits_for_its_turn<O: OtherSocket>(meeting: Meeting) {
    let pair = Pair::new();
    let mut monitor = pair.monitor();
    let mut first: O = meeting.of(&pair, SocketKind::Pair).await;
    first.send("first").await;
    assert_eq!(pair.recv().await.expect("it is open"), "first");
    let mut second: O = meeting.they_come(SocketKind::Pair).await;
    second.send("second").await;
    for _ in 0..2 {
        // It comes again, and again.
        until(&mut monitor, |event| {
            matches!(event, Event::HandshakeFailed { reason, .. } if *reason == DisconnectReason::Occupied)
        })
        .await;
    }
    pair.send("still you").await.expect("it is open");
    assert_eq!(first.recv().await, "still you");
    first.close().await;
    assert_eq!(pair.recv().await.expect("it is open"), "second");
    pair.send("and now you").await.expect("it is open");
    assert_eq!(second.recv().await, "and now you");
}

async fn the_next_one_takes_the_place_of_one_that_has_gone<O: OtherSocket>(meeting: Meeting) {
    let pair = Pair::new();
    let mut monitor = pair.monitor();
    meeting.we_come(&pair).await;
    for round in 0..3 {
        let mut other: O = meeting.they_come(SocketKind::Pair).await;
        other.send(format!("{round}")).await;
        assert_eq!(pair.recv().await.expect("it is open"), format!("{round}"));
        pair.send("seen").await.expect("it is open");
        assert_eq!(other.recv().await, "seen");
        other.close().await;
        until(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    }
}
