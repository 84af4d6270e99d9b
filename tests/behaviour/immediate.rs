//! `immediate`: a PUSH that queues for connections, not for endpoints.

use hubless::{DropReason, Pull, Push};

use crate::ended;
use crate::linger::stuck;
use crate::pipeline::waits;
use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport};

over_every_transport! {
    nothing_is_queued_before_there_is_a_connection
    what_waits_when_a_connection_is_lost_waits_for_the_next
    g04_what_was_queued_for_a_lost_connection_is_counted_and_not_sent_again
    peers_that_are_connected_share_what_would_wait_for_others
}

fn immediate() -> Push {
    let push = Push::builder().immediate(true).send_hwm_bytes(0).build();
    push.expect("no contradiction")
}

async fn bound(place: &Place) -> Outcome<Pull> {
    let pull = Pull::new();
    pull.bind(place).await?;
    Ok(pull)
}

async fn nothing_is_queued_before_there_is_a_connection(at: Transport) -> Outcome {
    let place = at.place();
    let push = immediate();
    push.connect(&place)?;
    let sending = waits(&push).await;
    assert_eq!(push.stats().outgoing.accepted.messages, 0);
    let pull = bound(&place).await?;
    sending.await??;
    assert_eq!(pull.recv().await?, "patient");
    Ok(())
}

async fn what_waits_when_a_connection_is_lost_waits_for_the_next(at: Transport) -> Outcome {
    let place = at.place();
    let push = immediate();
    let mut monitor = push.monitor();
    let connecting = push.connect(&place)?;
    let pull = bound(&place).await?;
    connecting.await?;
    pull.close().await?;
    ended(&mut monitor).await;
    let sending = waits(&push).await;
    let pull = bound(&place).await?;
    sending.await??;
    assert_eq!(pull.recv().await?, "patient");
    Ok(())
}

async fn g04_what_was_queued_for_a_lost_connection_is_counted_and_not_sent_again(at: Transport) -> Outcome {
    let place = at.place();
    let push = immediate();
    let mut monitor = push.monitor();
    push.connect(&place)?;
    let stalled = Pull::builder().recv_hwm(2).build()?;
    stalled.bind(&place).await?;
    let sent = stuck(&push, &stalled).await?;
    stalled.close().await?;
    let (_, dropped) = ended(&mut monitor).await;
    let outgoing = push.stats().outgoing;
    assert_eq!(outgoing.queued.messages, 0);
    assert_eq!(dropped, outgoing.dropped.by(DropReason::PipeClosed));
    assert!(dropped >= 10, "{dropped}");
    assert_eq!(
        outgoing.accepted.messages,
        outgoing.handed_over.messages + outgoing.dropped.total()
    );

    let pull = bound(&place).await?;
    push.send(numbered(sent, 8)).await?;
    assert_eq!(number_of(&pull.recv().await?), sent, "nothing from before");
    Ok(())
}

async fn peers_that_are_connected_share_what_would_wait_for_others(at: Transport) -> Outcome {
    let push = immediate();
    let place = at.place();
    let pull = bound(&place).await?;
    let nobody = at.place();
    push.connect(&nobody)?;
    push.connect(&place)?.await?;
    for number in 0..20 {
        push.send(numbered(number, 8)).await?;
    }
    for number in 0..20 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}
