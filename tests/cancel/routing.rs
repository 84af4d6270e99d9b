//! A message to a peer that is named, and one that says whom it is from: given up, the one was not sent, and the other was
//! not taken.

use hubless::{Dealer, Router, RoutingId};
use tokio::task::yield_now;

use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};
use crate::{END, SENT, at_every_poll, reads_numbers, sends_numbers, small_buffers};

over_every_transport! {
    g08_a_send_to_a_full_peer_that_is_given_up_sends_nothing
    g08_one_who_gives_up_waiting_for_a_peer_passes_its_turn_on
    g08_a_recv_from_that_is_given_up_loses_nothing
}

/// A ROUTER whose peer `a` has little room.
async fn pair(at: Transport) -> Outcome<(Router, Dealer, RoutingId)> {
    let router = Router::builder()
        .mandatory(true)
        .send_hwm(1)
        .tcp(small_buffers())
        .build()?;
    let dealer = Dealer::builder()
        .routing_id("a")
        .recv_hwm(1)
        .tcp(small_buffers())
        .build()?;
    let place = at.bind(&router).await?;
    dealer.connect(&place)?.await?;
    router.peers().at_least(1).await?;
    Ok((router, dealer, "a".into()))
}

async fn g08_a_send_to_a_full_peer_that_is_given_up_sends_nothing(at: Transport) -> Outcome {
    let (router, dealer, id) = pair(at).await?;
    let receiving = reads_numbers(&dealer);
    let sent = sends_numbers(async |number, polls| {
        let sent = polled(router.send_to(&id, numbered(number, 64 << 10)), polls).await;
        Ok(sent.transpose()?.is_some())
    })
    .await?;
    router.send_to(&id, numbered(END, 8)).await?;
    assert_eq!(receiving.await??, sent);
    assert_eq!(router.stats().outgoing.accepted.messages, SENT + 1);

    // No place is kept for one that gave up.
    until(|| {
        let _ = router.try_send_to(&id, numbered(0, 64 << 10));
        dealer.stats().incoming.queued.messages == 1 && router.stats().outgoing.queued.messages == 1
    })
    .await;
    Ok(())
}

async fn g08_one_who_gives_up_waiting_for_a_peer_passes_its_turn_on(at: Transport) -> Outcome {
    let (router, dealer, id) = pair(at).await?;
    let (mut sent, mut received) = (0, Vec::new());
    for round in 0..20 {
        until(|| {
            sent += u64::from(router.try_send_to(&id, numbered(sent, 64 << 10)).is_ok());
            dealer.stats().incoming.queued.messages == 1 && router.stats().outgoing.queued.messages == 1
        })
        .await;
        // The first in the line goes away: while it waits, when it has been given the room, or later.
        let mut first = Some(Box::pin(router.send_to(&id, numbered(u64::MAX, 8))));
        assert!(polled(first.as_mut().expect("it is there"), 1).await.is_none());
        let second = spawn({
            let (router, id, number) = (router.clone(), id.clone(), sent);
            async move { router.send_to(&id, numbered(number, 64 << 10)).await }
        });
        yield_now().await;
        let mut looks = 0;
        until(|| {
            looks += 1;
            if looks > round {
                first = None;
            }
            received.extend(dealer.try_recv().map(|message| number_of(&message)));
            second.is_finished()
        })
        .await;
        second.await??;
        sent += 1;
    }
    while (received.len() as u64) < sent {
        received.push(number_of(&dealer.recv().await?));
    }
    assert_eq!(received, (0..sent).collect::<Vec<_>>());
    Ok(())
}

async fn g08_a_recv_from_that_is_given_up_loses_nothing(at: Transport) -> Outcome {
    let router = Router::new();
    let place = at.bind(&router).await?;
    let dealer = Dealer::builder().routing_id("a").build()?;
    dealer.connect(&place)?;
    spawn(async move {
        for number in 0..200 {
            for _ in 0..number % 5 {
                yield_now().await;
            }
            dealer.send(numbered(number, 8)).await?;
        }
        dealer.close().await?;
        Ok::<(), hubless::Error>(())
    });
    for number in 0..200 {
        at_every_poll(async |polls| {
            let Some(received) = polled(router.recv_from(), polls).await else {
                return Ok(false);
            };
            let (id, message) = received?;
            assert_eq!((id, number_of(&message)), ("a".into(), number));
            Outcome::Ok(true)
        })
        .await?;
    }
    Ok(())
}
