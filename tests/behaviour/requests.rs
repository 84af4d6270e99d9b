//! Whom a REQ asks, and whose answer it takes (RFC 28).

use std::time::Duration;

use hubless::{DropReason, Endpoint, Message, Rep, Req, Request, RequestError, Router, SendError};

use crate::text;
use crate::transport::{Outcome, Place, Transport, over_every_transport, polled, spawn, until};

over_every_transport! {
    each_of_n_repliers_gets_one_of_n_requests_in_turn
    repliers_that_came_to_us_take_turns_too
    a_request_waits_while_there_is_no_peer
    a_request_whose_peer_leaves_fails_and_the_next_one_is_answered
    a_late_answer_to_an_abandoned_request_meets_nobody
    an_abandoned_request_closes_an_accepted_connection_and_its_peer_comes_again
    a_late_answer_to_an_abandoned_numbered_request_is_told_by_its_number
    numbered_requests_are_answered_like_others
    answers_that_nobody_asked_for_are_held_back_at_the_mark
    requests_of_every_size_and_shape_come_back_as_they_went
}

pub(crate) async fn next(rep: &Rep) -> Request {
    rep.recv_request().await.expect("the socket is open")
}

/// A REQ that is connected.
pub(crate) async fn req_to(endpoint: &Endpoint) -> Outcome<Req> {
    let req = Req::new();
    req.connect(endpoint)?.await?;
    Ok(req)
}

/// Answers every request of this socket with `answer` in front of it, in the background.
fn echo(rep: &Rep, answer: &'static str) {
    let rep = rep.clone();
    spawn(async move {
        while let Ok(request) = rep.recv_request().await {
            let body = format!("{answer}{}", text(request.message()));
            let _ = request.reply(body).await;
        }
    });
}

/// A REP that listens, and where.
pub(crate) async fn bound(at: Transport) -> Outcome<(Rep, Place)> {
    let rep = Rep::new();
    let place = at.bind(&rep).await?;
    Ok((rep, place))
}

/// Asks something that is received, and gives it up: the request, still to be answered.
async fn abandoned(req: &mut Req, rep: &Rep) -> Request {
    tokio::select! {
        _ = req.request("abandoned") => panic!("nobody answers"),
        request = next(rep) => request,
    }
}

/// Asks, gives up, and asks again: the answer to what was given up comes first, and is nobody's.
async fn a_late_answer_meets_nobody(req: &mut Req, rep: &Rep) -> Outcome {
    let late = abandoned(req, rep).await;
    let (reply, served) = tokio::join!(req.request("question"), async {
        let request = next(rep).await;
        assert_eq!(*request.message(), "question");
        late.reply("late").await?;
        request.reply("answer").await
    });
    served?;
    assert_eq!(reply?, "answer");
    assert_eq!(rep.stats().outgoing.dropped.by(DropReason::NoPeer), 1);
    Ok(())
}

async fn each_of_n_repliers_gets_one_of_n_requests_in_turn(at: Transport) -> Outcome {
    let mut req = Req::new();
    let mut held = Vec::new();
    for name in ["a", "b", "c"] {
        let (rep, place) = bound(at).await?;
        echo(&rep, name);
        req.connect(&place)?.await?;
        held.push(place);
    }
    for round in 0..3 {
        for name in ["a", "b", "c"] {
            assert_eq!(req.request(round.to_string()).await?, format!("{name}{round}"));
        }
    }
    assert_eq!(req.stats().outgoing.accepted.messages, 9);
    assert_eq!(req.stats().incoming.delivered.messages, 9);
    Ok(())
}

async fn repliers_that_came_to_us_take_turns_too(at: Transport) -> Outcome {
    let mut req = Req::new();
    let place = at.bind(&req).await?;
    for (peers, name) in (1..).zip(["a", "b", "c"]) {
        let rep = Rep::new();
        rep.connect(&place)?;
        echo(&rep, name);
        req.peers().at_least(peers).await?;
    }
    for name in ["a", "b", "c", "a", "b", "c"] {
        assert_eq!(req.request("?").await?, format!("{name}?"));
    }
    Ok(())
}

async fn a_request_waits_while_there_is_no_peer(at: Transport) -> Outcome {
    let mut req = Req::new();
    let place = at.place();
    req.connect(&place)?;
    assert!(polled(req.request("early"), 1).await.is_none());
    assert_eq!(
        req.stats().outgoing.accepted.messages,
        0,
        "nothing is queued for nobody"
    );
    let rep = Rep::new();
    let (reply, served) = tokio::join!(req.request("question"), async {
        rep.bind(&place).await?;
        let request = next(&rep).await;
        assert_eq!(*request.message(), "question");
        request.reply("answer").await?;
        Outcome::Ok(())
    });
    served?;
    assert_eq!(reply?, "answer");
    Ok(())
}

async fn a_request_whose_peer_leaves_fails_and_the_next_one_is_answered(at: Transport) -> Outcome {
    let mut req = Req::new();
    let (rep, place) = bound(at).await?;
    req.connect(&place)?.await?;
    let (reply, ()) = tokio::join!(req.request("question"), async {
        next(&rep).await;
        drop(rep);
    });
    let error = reply.expect_err("nobody answers");
    assert!(
        matches!(&error, RequestError::ConnectionLost { endpoint, sent: true, message: None, .. } if *endpoint == *place),
        "{error}"
    );
    let rep = Rep::new();
    // The name is free when the last of that socket's tasks has ended.
    while rep.bind(&place).await.is_err() {
        tokio::task::yield_now().await;
    }
    echo(&rep, "hello ");
    assert_eq!(req.request("again").await?, "hello again");
    Ok(())
}

async fn a_late_answer_to_an_abandoned_request_meets_nobody(at: Transport) -> Outcome {
    // Longer than the test: the connection is dialed again without back-off.
    let hour = Duration::from_secs(3600);
    let mut req = Req::builder().reconnect(hour, hour).build()?;
    let (rep, place) = bound(at).await?;
    req.connect(&place)?.await?;
    a_late_answer_meets_nobody(&mut req, &rep).await
}

async fn an_abandoned_request_closes_an_accepted_connection_and_its_peer_comes_again(
    at: Transport,
) -> Outcome {
    let mut req = Req::new();
    let place = at.bind(&req).await?;
    let (min, max) = (Duration::from_millis(1), Duration::from_millis(2));
    let rep = Rep::builder().reconnect(min, max).build()?;
    rep.connect(&place)?;
    a_late_answer_meets_nobody(&mut req, &rep).await
}

async fn a_late_answer_to_an_abandoned_numbered_request_is_told_by_its_number(at: Transport) -> Outcome {
    let mut req = Req::builder().correlate(true).build()?;
    let ((first, _one), (second, _two)) = (bound(at).await?, bound(at).await?);
    req.connect(&_one)?.await?;
    req.connect(&_two)?.await?;
    // The next request goes to the other one, then one to the same again: the late answer comes before theirs.
    let late = abandoned(&mut req, &first).await;
    let later = abandoned(&mut req, &second).await;
    let arrived = req.peers().list();
    let arrived = || -> u64 {
        arrived
            .iter()
            .map(|peer| peer.stats().incoming.received.messages)
            .sum()
    };
    let (reply, served) = tokio::join!(req.request("question"), async {
        let request = next(&first).await;
        late.reply("late").await?;
        later.reply("late").await?;
        until(|| arrived() == 2).await;
        request.reply("answer").await
    });
    served?;
    assert_eq!(reply?, "answer");
    let incoming = req.stats().incoming;
    assert_eq!(incoming.dropped.by(DropReason::ProtocolError), 2);
    assert_eq!((incoming.received.messages, incoming.delivered.messages), (3, 1));
    assert_eq!(req.peers().count(), 2, "no connection was given up");
    Ok(())
}

async fn numbered_requests_are_answered_like_others(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    echo(&rep, "hello ");
    let mut req = Req::builder().correlate(true).build()?;
    req.connect(&place)?;
    for name in ["one", "two"] {
        assert_eq!(req.request(name).await?, format!("hello {name}"));
    }
    Ok(())
}

async fn requests_of_every_size_and_shape_come_back_as_they_went(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    spawn(async move {
        while let Ok(request) = rep.recv_request().await {
            let message = request.message().clone();
            request.reply(message).await?;
        }
        Ok::<_, SendError>(())
    });
    let mut req = req_to(&place).await?;
    for size in [
        0,
        1,
        27,
        28,
        29,
        33,
        254,
        255,
        256,
        8 << 10,
        40_000,
        300_000,
        1 << 20,
    ] {
        let body = vec![b'x'; size];
        assert!(req.request(&body[..]).await? == body, "{size} bytes");
        let parts = Message::from([&body[..], b"", b"end"]);
        assert!(req.request(&parts).await? == parts, "{size} bytes and more");
    }
    Ok(())
}

async fn answers_that_nobody_asked_for_are_held_back_at_the_mark(at: Transport) -> Outcome {
    let mut req = Req::builder().correlate(true).recv_hwm(2).build()?;
    let router = Router::builder().mandatory(true).send_hwm(3).build()?;
    req.connect(&at.bind(&router).await?)?.await?;
    router.peers().at_least(1).await?;
    let id = router.peers().list()[0].routing_id().into();
    let mut still = 0;
    until(|| {
        let stale = router.try_send_to(&id, (&b"0000"[..], "", vec![7; 64 << 10]));
        let queued = req.stats().incoming.queued.messages;
        assert!(queued <= 2, "{queued}");
        still = if stale.is_err() && queued == 2 {
            still + 1
        } else {
            0
        };
        still > 1000
    })
    .await;
    let answering = async {
        let (id, message) = router.recv_from().await?;
        let (envelope, _) = message.split_envelope().expect("a REQ sends one");
        router
            .send_to(&id, Message::with_envelope(envelope, "answer"))
            .await?;
        Outcome::Ok(())
    };
    let (answer, answered) = tokio::join!(req.request("question"), answering);
    answered?;
    assert_eq!(answer?, "answer");
    Ok(())
}
