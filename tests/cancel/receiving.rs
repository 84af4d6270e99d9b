//! What was not returned was not taken: however often receiving is given up, all arrives, in order, once.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_core::Stream;
use hubless::{Message, Pull, Push};
use tokio::task::yield_now;

use crate::published;
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn};

over_every_transport! {
    g08_a_receive_that_is_given_up_takes_nothing
    g08_a_receive_with_its_peer_that_is_given_up_takes_nothing
    g08_a_receive_with_a_limit_that_is_given_up_takes_nothing
    g08_receiving_many_that_is_given_up_takes_nothing
    g08_a_stream_that_is_given_up_takes_nothing
    g08_a_subscriber_that_gives_up_takes_nothing
    g08_a_receiver_that_gives_up_its_turn_passes_it_on
}

const MANY: u64 = 2000;

/// Receives by `receive`, which gives up after so many polls, while a PUSH sends a few at a time.
async fn receives_all(
    at: Transport,
    receive: impl AsyncFn(&Pull, usize) -> Outcome<Vec<Message>>,
) -> Outcome {
    let pull = Pull::builder().recv_hwm(4).build()?;
    let place = at.bind(&pull).await?;
    let push = Push::new();
    push.connect(&place)?;
    spawn(async move {
        for number in 0..MANY {
            push.send(numbered(number, 8)).await?;
            for _ in 0..number % 7 {
                yield_now().await;
            }
        }
        push.close().await?;
        Ok::<_, hubless::Error>(())
    });
    let (mut numbers, mut empty) = (Vec::new(), 0);
    for round in 0.. {
        let received = receive(&pull, round % 6).await?;
        empty += u32::from(received.is_empty());
        numbers.extend(received.iter().map(number_of));
        if numbers.len() as u64 >= MANY {
            break;
        }
        yield_now().await;
    }
    assert!(numbers.iter().copied().eq(0..MANY));
    assert!(empty > 100, "{empty} were given up");
    assert_eq!(pull.stats().incoming.delivered.messages, MANY);
    Ok(())
}

async fn g08_a_receive_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    receives_all(at, async |pull, polls| {
        Ok(polled(pull.recv(), polls)
            .await
            .transpose()?
            .into_iter()
            .collect())
    })
    .await
}

async fn g08_a_receive_with_its_peer_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    receives_all(at, async |pull, polls| {
        let received = polled(pull.recv_from(), polls).await.transpose()?;
        Ok(received.map(|(_, message)| message).into_iter().collect())
    })
    .await
}

async fn g08_a_receive_with_a_limit_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    let hour = Duration::from_secs(3600);
    receives_all(at, async |pull, polls| {
        let received = polled(pull.recv_timeout(hour), polls).await.transpose()?;
        Ok(received.into_iter().collect())
    })
    .await
}

async fn g08_receiving_many_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    receives_all(at, async |pull, polls| {
        let mut messages = Vec::new();
        match polled(pull.recv_many(&mut messages, 3), polls).await {
            Some(count) => assert_eq!(count?, messages.len()),
            None => assert!(messages.is_empty()),
        }
        Ok(messages)
    })
    .await
}

async fn g08_a_stream_that_is_given_up_takes_nothing(at: Transport) -> Outcome {
    receives_all(at, async |pull, polls| {
        let mut messages = pull.messages();
        let next = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx));
        Ok(polled(next, polls).await.flatten().into_iter().collect())
    })
    .await
}

async fn g08_a_subscriber_that_gives_up_takes_nothing(at: Transport) -> Outcome {
    let (publisher, subscriber, _place) = published(at).await?;
    let publishing = spawn(async move {
        for number in 0..MANY {
            publisher.send(numbered(number, 8)).await?;
            for _ in 0..number % 3 {
                yield_now().await;
            }
        }
        publisher.close().await?;
        Ok::<_, hubless::Error>(())
    });
    let mut numbers = Vec::new();
    for round in 0.. {
        let received = polled(subscriber.recv(), round % 4).await.transpose()?;
        numbers.extend(received.as_ref().map(number_of));
        if numbers.len() as u64 == MANY {
            break;
        }
    }
    assert!(numbers.iter().copied().eq(0..MANY));
    publishing.await??;
    Ok(())
}

async fn g08_a_receiver_that_gives_up_its_turn_passes_it_on(at: Transport) -> Outcome {
    let pull = Pull::new();
    let place = at.bind(&pull).await?;
    let push = Push::new();
    push.connect(&place)?.await?;
    for number in 0..100 {
        let mut first = Box::pin(pull.recv());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        let second = spawn({
            let pull = pull.clone();
            async move { pull.recv().await }
        });
        yield_now().await;
        push.send(numbered(number, 8)).await?;
        // It is the first one's turn, which is woken and does not come.
        while pull.stats().incoming.received.messages == number {
            yield_now().await;
        }
        drop(first);
        assert_eq!(number_of(&second.await??), number);
    }
    Ok(())
}
