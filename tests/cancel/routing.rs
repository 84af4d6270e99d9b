//! A message to a peer that is named, and one that says whom it is from: given up, the one was not sent, and the other was
//! not taken.

use hubless::{Dealer, Router, RoutingId, TcpOptions};
use tokio::task::yield_now;

use crate::at_every_poll;
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, until};

over_every_transport! {
    g08_a_send_to_a_full_peer_that_is_given_up_sends_nothing
    g08_one_who_gives_up_waiting_for_a_peer_passes_its_turn_on
    g08_a_recv_from_that_is_given_up_loses_nothing
}

/// A ROUTER whose peer `a` has little room.
async fn pair(at: Transport) -> Outcome<(Router, Dealer, RoutingId)> {
    // Buffers that hold a part of what is sent below: else the system may take it all before anybody has to wait.
    let small = TcpOptions::new().send_buffer(64 << 10).recv_buffer(64 << 10);
    let router = Router::builder()
        .mandatory(true)
        .send_hwm(1)
        .tcp(small.clone())
        .build()?;
    let dealer = Dealer::builder().routing_id("a").recv_hwm(1).tcp(small).build()?;
    let place = at.bind(&router).await?;
    dealer.connect(&place)?.await?;
    router.peers().at_least(1).await?;
    Ok((router, dealer, "a".into()))
}

async fn g08_a_send_to_a_full_peer_that_is_given_up_sends_nothing(at: Transport) -> Outcome {
    let (router, dealer, id) = pair(at).await?;
    let receiving = tokio::spawn({
        let dealer = dealer.clone();
        async move {
            let mut numbers = Vec::new();
            loop {
                for _ in 0..numbers.len() % 7 {
                    yield_now().await;
                }
                match number_of(&dealer.recv().await?) {
                    u64::MAX => return Ok::<_, hubless::RecvError>(numbers),
                    number => numbers.push(number),
                }
            }
        }
    });
    let (mut number, mut sent, mut given_up) = (0, Vec::new(), 0);
    for _ in 0..200 {
        given_up += at_every_poll(async |polls| {
            number += 1;
            let is_sent = polled(router.send_to(&id, numbered(number, 64 << 10)), polls)
                .await
                .is_some_and(|sent| sent.is_ok());
            if is_sent {
                sent.push(number);
            }
            Outcome::Ok(is_sent)
        })
        .await?;
    }
    assert!(given_up > 200, "more than one each, so some waited: {given_up}");
    router.send_to(&id, numbered(u64::MAX, 8)).await?;
    assert_eq!(receiving.await??, sent);
    assert_eq!(router.stats().outgoing.accepted.messages, 201);

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
        let second = tokio::spawn({
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
    tokio::spawn(async move {
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
