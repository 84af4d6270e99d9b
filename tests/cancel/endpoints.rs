//! Binding that is given up has bound nothing; every end that has begun goes on.

use hubless::{EndpointError, Linger, Pull, Push, SendError};

use crate::at_every_poll;
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};

over_every_transport! {
    g08_a_bind_that_is_given_up_binds_nothing
    g08_an_unbind_that_is_given_up_goes_on
    g08_a_disconnect_that_is_given_up_goes_on_and_close_gives_back_what_is_left
    g08_a_close_that_is_given_up_goes_on
    g08_waiting_for_a_connection_can_be_given_up
}

async fn g08_a_bind_that_is_given_up_binds_nothing(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let place = at.place();
        let mut name = place.to_string();
        if at == Transport::Tcp {
            // To look it up is something to wait for.
            name = name.replace("127.0.0.1", "localhost");
        }
        let pull = Pull::new();
        let bound = polled(pull.bind(&name), polls).await;
        let is_bound = bound.is_some();
        bound.transpose()?;
        assert_eq!(pull.endpoints().len(), usize::from(is_bound));
        assert_eq!(
            Pull::new().bind(&place).await.is_err(),
            is_bound,
            "after {polls} polls"
        );
        Outcome::Ok(is_bound)
    })
    .await?;
    Ok(())
}

async fn g08_an_unbind_that_is_given_up_goes_on(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let pull = Pull::new();
        let place = at.bind(&pull).await?;
        let push = Push::new();
        push.connect(&place)?;
        pull.peers().at_least(1).await?;
        let unbound = polled(pull.unbind(&place), polls).await;
        let is_done = unbound.is_some();
        unbound.transpose()?;
        if polls == 0 {
            assert_eq!(
                (pull.endpoints().len(), pull.peers().count()),
                (1, 1),
                "it has not begun"
            );
            return Ok(is_done);
        }
        until(|| pull.endpoints().is_empty() && pull.peers().count() == 0).await;
        Pull::new().bind(&place).await?;
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}

async fn g08_a_disconnect_that_is_given_up_goes_on_and_close_gives_back_what_is_left(
    at: Transport,
) -> Outcome {
    at_every_poll(async |polls| {
        let push = Push::builder().linger(Linger::Discard).build()?;
        let place = at.place();
        push.connect(&place)?;
        for number in 0..3 {
            push.send(numbered(number, 8)).await?;
        }
        let unsent = match polled(push.disconnect(&place), polls).await {
            Some(Err(EndpointError::Unsent(unsent))) => {
                push.close().await?;
                (true, unsent)
            }
            Some(other) => panic!("three were left: {other:?}"),
            None => {
                if polls == 0 {
                    assert_eq!(push.endpoints().len(), 1, "it has not begun");
                } else {
                    until(|| push.endpoints().is_empty()).await;
                }
                (false, push.close().await.expect_err("three were left"))
            }
        };
        let (is_done, unsent) = unsent;
        let back: Vec<u64> = unsent
            .into_messages()
            .map(|message| number_of(&message))
            .collect();
        assert_eq!(back, [0, 1, 2], "after {polls} polls");
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}

async fn g08_a_close_that_is_given_up_goes_on(at: Transport) -> Outcome {
    const MANY: u64 = 50;
    at_every_poll(async |polls| {
        let pull = Pull::builder().recv_hwm(1).build()?;
        let place = at.place();
        let push = Push::builder().linger(Linger::Forever).build()?;
        push.connect(&place)?;
        for number in 0..MANY {
            push.send(numbered(number, 8)).await?;
        }
        pull.bind(&place).await?;
        let receiving = spawn(async move {
            for number in 0..MANY {
                assert_eq!(number_of(&pull.recv().await?), number);
            }
            Ok::<_, hubless::RecvError>(())
        });
        let other = push.clone();
        let closed = polled(push.close(), polls).await;
        let is_done = closed.is_some();
        closed.transpose()?;
        let late = other.try_send(numbered(MANY, 8));
        assert_eq!(late.is_err(), polls > 0, "it begins with the first poll");
        if polls > 0 {
            assert!(matches!(other.send("late").await, Err(SendError::Closed(_))));
        }
        drop(other);
        receiving.await??;
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}

async fn g08_waiting_for_a_connection_can_be_given_up(at: Transport) -> Outcome {
    at_every_poll(async |polls| {
        let (push, pull) = (Push::new(), Pull::new());
        let place = at.place();
        let connecting = push.connect(&place)?;
        pull.bind(&place).await?;
        let connected = polled(connecting, polls).await;
        let is_done = connected.is_some();
        connected.transpose()?;
        push.send("arrives").await?;
        assert_eq!(pull.recv().await?, "arrives");
        Outcome::Ok(is_done)
    })
    .await?;
    Ok(())
}
