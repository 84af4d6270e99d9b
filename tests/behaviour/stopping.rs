//! When a connecting endpoint is given up, and how long it tries.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hubless::{ConnectError, Event, Pub, Pull, Push, ReconnectStop};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::event;
use crate::transport::{Outcome, Transport, over_every_stream, until};

over_every_stream! {
    an_endpoint_where_nobody_listens_is_given_up
    an_endpoint_whose_handshake_fails_is_given_up
    an_endpoint_that_has_had_its_connection_is_given_up
}

fn stops(stop: ReconnectStop) -> Outcome<Push> {
    let quick = Duration::from_millis(1);
    Ok(Push::builder()
        .reconnect(quick, quick)
        .reconnect_stop(stop)
        .build()?)
}

/// It is told, and nothing of the endpoint is left.
async fn is_given_up(push: &Push, monitor: &mut hubless::Monitor) {
    event(monitor, |event| {
        matches!(event, Event::ConnectStopped { .. }).then_some(())
    })
    .await;
    until(|| push.endpoints().is_empty()).await;
}

async fn an_endpoint_where_nobody_listens_is_given_up(at: Transport) -> Outcome {
    let place = at.place();
    let patient = stops(ReconnectStop::new().handshake_failed(true).lost(true))?;
    let mut monitor = patient.monitor();
    patient.connect(&place)?;
    for _ in 0..3 {
        event(&mut monitor, |event| {
            matches!(event, Event::RetryIn { .. }).then_some(())
        })
        .await;
    }
    assert_eq!(patient.endpoints().len(), 1);
    let push = stops(ReconnectStop::new().refused(true))?;
    let mut monitor = push.monitor();
    let connecting = push.connect(&place)?;
    push.send("for nobody").await?;
    match connecting.await {
        Err(ConnectError::Stopped { endpoint, reason }) => {
            let expected = match at {
                Transport::Ipc => "no such file or directory",
                _ => "connection refused",
            };
            assert_eq!((endpoint, reason.as_str()), ((*place).clone(), expected));
        }
        other => panic!("expected that nobody listens there, found {other:?}"),
    }
    is_given_up(&push, &mut monitor).await;
    let unsent = push.close().await.expect_err("nobody was there");
    assert_eq!(unsent.messages(), 1);
    Ok(())
}

async fn an_endpoint_whose_handshake_fails_is_given_up(at: Transport) -> Outcome {
    let publisher = Pub::new();
    let place = at.bind(&publisher).await?;
    let push = stops(ReconnectStop::new().handshake_failed(true))?;
    let mut monitor = push.monitor();
    match push.connect(&place)?.await {
        Err(ConnectError::Stopped { reason, .. }) => {
            assert_eq!(reason, "peer announced PUB, a PUSH accepts PULL");
        }
        other => panic!("expected that they do not fit, found {other:?}"),
    }
    is_given_up(&push, &mut monitor).await;
    Ok(())
}

async fn an_endpoint_that_has_had_its_connection_is_given_up(at: Transport) -> Outcome {
    let pull = Pull::new();
    let place = at.bind(&pull).await?;
    let push = stops(ReconnectStop::new().lost(true))?;
    let mut monitor = push.monitor();
    push.connect(&place)?.await?;
    push.send("once").await?;
    assert_eq!(pull.recv().await?, "once");
    pull.close().await?;
    is_given_up(&push, &mut monitor).await;
    assert_eq!(push.stats().reconnects, 0);
    Ok(())
}

/// A listener that takes no more connections, and those that keep it from it.
fn full() -> Outcome<(Socket, SocketAddr, Vec<Socket>)> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    listener.listen(0)?;
    let at = listener.local_addr()?.as_socket().expect("it has one");
    let mut crowd = Vec::new();
    loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Err(error) = socket.connect_timeout(&SockAddr::from(at), Duration::from_millis(50)) {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            return Ok((listener, at, crowd));
        }
        crowd.push(socket);
    }
}

#[tokio::test]
async fn an_attempt_takes_no_longer_than_it_may() -> Outcome {
    let (_listener, at, _crowd) = full()?;
    let push = Push::builder()
        .connect_timeout(Duration::from_millis(20))
        .build()?;
    let mut monitor = push.monitor();
    push.connect(format!("tcp://{at}"))?;
    let error = event(&mut monitor, |event| match event {
        Event::ConnectFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "not connected within 20ms");
    Ok(())
}
