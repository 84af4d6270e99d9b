//! A message whose future was dropped was not sent; one whose future was ready was; and no room is lost by either.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use hubless::{Pull, Push};
use tokio::task::yield_now;

use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};
use crate::{END, SENT, published, reads_numbers, sends_numbers, small_buffers};

over_every_transport! {
    g08_a_send_that_is_given_up_sends_nothing
    g08_a_send_with_a_limit_that_is_given_up_sends_nothing
    g08_a_reservation_that_is_given_up_keeps_no_room
    g08_a_sink_that_is_given_up_keeps_no_room
    g08_a_sink_that_is_closed_gives_up_its_place_in_the_line
    g08_a_sender_that_gives_up_its_turn_passes_it_on
    g08_a_publisher_that_gives_up_sends_nothing
}

/// Sends numbers by `send`, which gives up after so many polls and says whether it did not, to a PULL that takes its
/// time. Exactly those that were sent arrive, in order, and afterwards there is as much room as before.
async fn sends_what_it_says(at: Transport, send: impl AsyncFn(&Push, u64, usize) -> bool) -> Outcome {
    let push = Push::builder().send_hwm(1).tcp(small_buffers()).build()?;
    let pull = Pull::builder().recv_hwm(1).tcp(small_buffers()).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    let receiving = reads_numbers(&pull);
    let sent = sends_numbers(async |number, polls| Ok(send(&push, number, polls).await)).await?;
    push.send(numbered(END, 8)).await?;
    assert_eq!(receiving.await??, sent);
    assert_eq!(push.stats().outgoing.accepted.messages, SENT + 1);

    // No credit has leaked.
    until(|| {
        let _ = push.try_send(numbered(0, 64 << 10));
        pull.stats().incoming.queued.messages == 1 && push.stats().outgoing.queued.messages == 1
    })
    .await;
    Ok(())
}

async fn g08_a_send_that_is_given_up_sends_nothing(at: Transport) -> Outcome {
    sends_what_it_says(at, async |push, number, polls| {
        let sent = polled(push.send(numbered(number, 4096)), polls).await;
        sent.is_some_and(|sent| sent.is_ok())
    })
    .await
}

async fn g08_a_send_with_a_limit_that_is_given_up_sends_nothing(at: Transport) -> Outcome {
    let hour = Duration::from_secs(3600);
    sends_what_it_says(at, async |push, number, polls| {
        let sent = polled(push.send_timeout(numbered(number, 4096), hour), polls).await;
        sent.is_some_and(|sent| sent.is_ok())
    })
    .await
}

async fn g08_a_reservation_that_is_given_up_keeps_no_room(at: Transport) -> Outcome {
    sends_what_it_says(at, async |push, number, polls| {
        match polled(push.reserve(), polls).await {
            // A permit that is not used is given up, too.
            Some(Ok(_unused)) if number % 3 == 0 => false,
            Some(Ok(permit)) => permit.send(numbered(number, 4096)).is_ok(),
            _ => false,
        }
    })
    .await
}

async fn g08_a_sink_that_is_given_up_keeps_no_room(at: Transport) -> Outcome {
    sends_what_it_says(at, async |push, number, polls| {
        let mut sink = push.sink();
        let mut sink = Pin::new(&mut sink);
        let ready = poll_fn(|cx| Sink::<Vec<u8>>::poll_ready(sink.as_mut(), cx));
        match polled(ready, polls).await {
            Some(Ok(())) if number % 3 == 0 => false,
            Some(Ok(())) => sink.start_send(numbered(number, 4096)).is_ok(),
            _ => false,
        }
    })
    .await
}

async fn g08_a_sink_that_is_closed_gives_up_its_place_in_the_line(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(1).build()?;
    let mut sink = push.sink();
    let mut sink = Pin::new(&mut sink);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Sink::<Vec<u8>>::poll_ready(sink.as_mut(), &mut cx).is_pending());
    let behind = spawn({
        let push = push.clone();
        async move { push.send(numbered(1, 8)).await }
    });
    yield_now().await;
    assert!(Sink::<Vec<u8>>::poll_close(sink.as_mut(), &mut cx).is_ready());
    // The room that comes now is for whoever waits.
    let place = at.place();
    push.connect(&place)?;
    behind.await??;
    Ok(())
}

async fn g08_a_sender_that_gives_up_its_turn_passes_it_on(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(1).build()?;
    for reserves in [false, true] {
        let place = at.place();
        push.connect(&place)?;
        push.send(numbered(0, 8)).await?;
        let mut cx = Context::from_waker(Waker::noop());
        let (mut first, mut reservation) = (Box::pin(push.send("given up")), Box::pin(push.reserve()));
        if reserves {
            assert!(reservation.as_mut().poll(&mut cx).is_pending());
        } else {
            assert!(first.as_mut().poll(&mut cx).is_pending());
        }
        let second = spawn({
            let push = push.clone();
            async move { push.send(numbered(1, 8)).await }
        });
        yield_now().await;
        // The peer's first read makes room for one, and it is the first one's.
        let pull = Pull::new();
        pull.bind(&place).await?;
        assert_eq!(number_of(&pull.recv().await?), 0);
        yield_now().await;
        assert!(!second.is_finished(), "it does not overtake");
        drop((first, reservation));
        second.await??;
        assert_eq!(number_of(&pull.recv().await?), 1);
        push.disconnect(&place).await?;
    }
    Ok(())
}

async fn g08_a_publisher_that_gives_up_sends_nothing(at: Transport) -> Outcome {
    const MANY: u64 = 10_000;
    let (publisher, subscriber, _place) = published(at).await?;
    let receiving = reads_numbers(&subscriber);
    let (mut sent, mut given_up) = (Vec::new(), 0);
    let mut reservation_given_up = 0;
    for number in 0..MANY {
        // A publisher waits for nobody, but lets others run now and then.
        let mut cx = Context::from_waker(Waker::noop());
        match Box::pin(publisher.send(numbered(number, 64)))
            .as_mut()
            .poll(&mut cx)
        {
            Poll::Ready(done) => {
                done?;
                sent.push(number);
            }
            Poll::Pending => given_up += 1,
        }
        reservation_given_up += u32::from(Box::pin(publisher.reserve()).as_mut().poll(&mut cx).is_pending());
    }
    assert!(given_up + reservation_given_up > 0, "it lets others run");
    publisher.send(numbered(END, 64)).await?;
    assert_eq!(receiving.await??, sent);
    Ok(())
}
