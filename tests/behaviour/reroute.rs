//! What waited for a peer that is lost goes to others, if the socket reroutes: once, in order, and counted once.

use hubless::{Dealer, DropReason, EndpointError, Linger, Pull, Push, TrySendError};

use crate::ended;
use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn, until};

over_every_transport! {
    g01_what_waited_for_an_accepted_peer_goes_to_another_and_nothing_arrives_twice
    g02_what_finds_nobody_waits_for_the_next_peer_and_comes_before_what_is_sent_later
    g05_what_is_more_than_a_queue_may_hold_is_dropped_and_counted
    what_was_left_for_a_disconnected_endpoint_goes_to_another
    g01_whoever_waits_already_gets_what_was_left_for_another
    g10_what_is_stranded_when_the_socket_closes_is_given_back
    g10_what_is_stranded_when_no_endpoint_is_left_is_given_back_too
    what_is_stranded_still_goes_out_while_the_socket_closes
    a_dealer_reroutes_too
}

/// A PUSH that reroutes and is bound, with this mark.
async fn push(at: Transport, hwm: usize) -> Outcome<(Push, Place)> {
    let push = Push::builder().reroute(true).send_hwm(hwm).build()?;
    let place = at.bind(&push).await?;
    Ok((push, place))
}

/// A PULL that does not read, and is full, as is its queue; how many messages that took, large ones.
async fn stalled(push: &Push, place: &Place, hwm: u64, first: u64) -> Outcome<(Pull, u64)> {
    let peers = push.peers().count();
    let queued = push.stats().outgoing.queued.messages;
    let pull = Pull::builder().recv_hwm(1).build()?;
    pull.connect(place)?;
    push.peers().at_least(peers + 1).await?;
    let mut sent = 0;
    until(|| {
        sent += u64::from(push.try_send(numbered(first + sent, 64 << 10)).is_ok());
        pull.stats().incoming.queued.messages == 1 && push.stats().outgoing.queued.messages == queued + hwm
    })
    .await;
    Ok((pull, sent))
}

fn is_balanced(push: &Push) -> bool {
    let out = push.stats().outgoing;
    out.accepted.messages == out.handed_over.messages + out.dropped.total() + out.queued.messages
}

async fn g01_what_waited_for_an_accepted_peer_goes_to_another_and_nothing_arrives_twice(
    at: Transport,
) -> Outcome {
    let (push, place) = push(at, 10).await?;
    let (stalled, sent) = stalled(&push, &place, 10, 0).await?;
    let heir = Pull::new();
    heir.connect(&place)?;
    push.peers().at_least(2).await?;
    let mut monitor = push.monitor();
    let mut lost = vec![number_of(&stalled.recv().await?)];
    until(|| stalled.stats().incoming.queued.messages == 1 || at.is_stream()).await;
    let before = push.stats().outgoing;
    drop(stalled);
    let (_, dropped) = ended(&mut monitor).await;
    assert_eq!(dropped, 0);
    let after = push.stats().outgoing;
    assert_eq!(after.accepted.messages, before.accepted.messages, "counted once");
    assert_eq!(after.dropped.by(DropReason::PipeClosed), 0);
    push.send(numbered(u64::MAX, 8)).await?;

    let mut numbers = Vec::new();
    loop {
        match number_of(&heir.recv().await?) {
            u64::MAX => break,
            number => numbers.push(number),
        }
    }
    // The end of what was sent to the other one, without a gap: no part of it had left.
    assert!(numbers.len() >= 8, "{numbers:?}");
    lost.extend(numbers.first().map_or(0..sent, |first| lost.len() as u64..*first));
    let all: Vec<u64> = lost.into_iter().chain(numbers).collect();
    assert_eq!(all, (0..sent).collect::<Vec<_>>());
    assert!(is_balanced(&push));
    Ok(())
}

async fn g02_what_finds_nobody_waits_for_the_next_peer_and_comes_before_what_is_sent_later(
    at: Transport,
) -> Outcome {
    let (push, place) = push(at, 5).await?;
    let (stalled, sent) = stalled(&push, &place, 5, 0).await?;
    let mut monitor = push.monitor();
    drop(stalled);
    ended(&mut monitor).await;
    let waiting = push.stats().outgoing.queued.messages;
    assert!(waiting >= 4, "all but what was half out: {waiting}");
    assert!(
        matches!(push.try_send("early"), Err(TrySendError::Full(_))),
        "nobody is there"
    );
    assert!(is_balanced(&push));

    let heir = Pull::new();
    heir.connect(&place)?;
    push.peers().at_least(1).await?;
    push.send(numbered(sent, 8)).await?;
    for number in sent - waiting..=sent {
        assert_eq!(number_of(&heir.recv().await?), number);
    }
    until(|| push.stats().outgoing.queued.messages == 0).await;
    assert!(is_balanced(&push));
    Ok(())
}

async fn g05_what_is_more_than_a_queue_may_hold_is_dropped_and_counted(at: Transport) -> Outcome {
    let (push, place) = push(at, 4).await?;
    let mut monitor = push.monitor();
    let (first, sent) = stalled(&push, &place, 4, 0).await?;
    let (second, more) = stalled(&push, &place, 4, sent).await?;
    drop(first);
    assert_eq!(ended(&mut monitor).await.1, 0, "as many may wait");
    let waiting = push.stats().outgoing.queued.messages;
    drop(second);
    let (_, dropped) = ended(&mut monitor).await;
    let outgoing = push.stats().outgoing;
    assert_eq!(outgoing.queued.messages, 4, "and no more");
    assert!(dropped >= waiting.saturating_sub(5), "{dropped} of {waiting}");
    assert_eq!(outgoing.dropped.by(DropReason::PipeClosed), dropped);
    assert!(dropped >= 2);
    assert_eq!(outgoing.accepted.messages, sent + more);
    assert!(is_balanced(&push));
    Ok(())
}

async fn what_was_left_for_a_disconnected_endpoint_goes_to_another(at: Transport) -> Outcome {
    let push = Push::builder().reroute(true).linger(Linger::Discard).build()?;
    let nobody = at.place();
    push.connect(&nobody)?;
    for number in 0..10 {
        push.send(numbered(number, 8)).await?;
    }
    let heir = Pull::new();
    let place = at.bind(&heir).await?;
    push.connect(&place)?.await?;
    push.disconnect(&nobody).await?;
    for number in 0..10 {
        assert_eq!(number_of(&heir.recv().await?), number);
    }
    assert_eq!(push.stats().outgoing.accepted.messages, 10);
    assert!(is_balanced(&push));
    Ok(())
}

async fn g01_whoever_waits_already_gets_what_was_left_for_another(at: Transport) -> Outcome {
    let push = Push::builder().reroute(true).linger(Linger::Discard).build()?;
    let nobody = at.place();
    push.connect(&nobody)?;
    push.send("left").await?;
    let heir = Pull::new();
    let place = at.bind(&heir).await?;
    push.connect(&place)?.await?;

    let waiting = spawn(async move { (heir.recv().await, heir.recv().await) });
    // It has asked, and is asleep.
    tokio::task::yield_now().await;
    push.disconnect(&nobody).await?;
    push.send("rest").await?;
    let (left, rest) = waiting.await?;
    assert_eq!((left?, rest?), ("left".into(), "rest".into()));
    assert!(is_balanced(&push));
    Ok(())
}

async fn g10_what_is_stranded_when_the_socket_closes_is_given_back(at: Transport) -> Outcome {
    let push = Push::builder().reroute(true).linger(Linger::Discard).build()?;
    let place = at.bind(&push).await?;
    let nobody = at.place();
    push.connect(&nobody)?;
    push.send(numbered(0, 8)).await?;
    push.disconnect(&nobody)
        .await
        .map_err(|error: EndpointError| error)?;
    assert_eq!(push.stats().outgoing.queued.messages, 1);
    let handle = push.clone();
    let unsent = push.close().await.expect_err("nobody was there");
    assert_eq!(unsent.by_endpoint()[0].endpoint, *place);
    let messages: Vec<_> = unsent
        .into_messages()
        .map(|message| number_of(&message))
        .collect();
    assert_eq!(messages, [0]);
    assert_eq!(handle.stats().outgoing.dropped.by(DropReason::Linger), 1);
    assert!(is_balanced(&handle));
    Ok(())
}

async fn g10_what_is_stranded_when_no_endpoint_is_left_is_given_back_too(at: Transport) -> Outcome {
    let push = Push::builder().reroute(true).linger(Linger::Discard).build()?;
    let nobody = at.place();
    push.connect(&nobody)?;
    push.send(numbered(0, 8)).await?;
    push.disconnect(&nobody).await?;
    assert!(push.endpoints().is_empty());
    let handle = push.clone();
    let unsent = push.close().await.expect_err("nobody was there");
    assert_eq!(unsent.by_endpoint()[0].endpoint, *nobody);
    assert_eq!(unsent.messages(), 1);
    let out = handle.stats().outgoing;
    assert_eq!((out.queued.messages, out.dropped.by(DropReason::Linger)), (0, 1));
    Ok(())
}

async fn what_is_stranded_still_goes_out_while_the_socket_closes(at: Transport) -> Outcome {
    let (push, place) = push(at, 4).await?;
    let mut monitor = push.monitor();
    let (dying, sent) = stalled(&push, &place, 4, 0).await?;
    let (heir, more) = stalled(&push, &place, 4, sent).await?;
    drop(dying);
    ended(&mut monitor).await;
    let stranded = push.stats().outgoing.queued.messages - 4;
    assert!(stranded >= 3, "{stranded}");
    let closing = spawn(push.close());
    let mut numbers = Vec::new();
    while let Ok(message) = heir.recv().await {
        numbers.push(number_of(&message));
        if numbers.len() as u64 == more + stranded {
            break;
        }
    }
    let expected: Vec<u64> = (sent..sent + more).chain(sent - stranded..sent).collect();
    assert_eq!(numbers, expected);
    closing.await??;
    Ok(())
}

async fn a_dealer_reroutes_too(at: Transport) -> Outcome {
    let dealer = Dealer::builder().reroute(true).linger(Linger::Discard).build()?;
    let nobody = at.place();
    dealer.connect(&nobody)?;
    dealer.send(("two", "frames")).await?;
    let heir = Dealer::new();
    let place = at.bind(&heir).await?;
    dealer.connect(&place)?.await?;
    dealer.disconnect(&nobody).await?;
    assert_eq!(heir.recv().await?, hubless::Message::from(("two", "frames")));
    Ok(())
}
