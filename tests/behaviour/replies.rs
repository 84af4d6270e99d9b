//! Whom a REP serves, and what becomes of its replies (RFC 28).

use hubless::{DropReason, Event, Req};

use crate::requests::{bound, next, req_to};
use crate::transport::{Outcome, Transport, over_every_transport, spawn, until};
use crate::{ended, event, text};

over_every_transport! {
    requesters_take_turns
    several_requests_are_answered_in_any_order_by_any_task
    a_reply_to_a_vanished_peer_is_counted_and_the_next_request_served
    a_request_whose_peer_has_left_is_still_received
    a_dropped_request_sends_nothing_and_is_counted_and_told
}

async fn requesters_take_turns(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    for name in ["a", "b", "c"] {
        let mut req = req_to(&place).await?;
        spawn(async move { while req.request(name).await.is_ok() {} });
    }
    let mut served = String::new();
    for _ in 0..12 {
        // All three have asked: whose turn it is, is not a matter of who was quicker.
        until(|| rep.stats().incoming.queued.messages == 3).await;
        let request = next(&rep).await;
        served += &text(request.message());
        request.reply("answer").await?;
    }
    let mut names: Vec<char> = served[..3].chars().collect();
    names.sort();
    assert_eq!(names, ['a', 'b', 'c']);
    assert_eq!(served, served[..3].repeat(4));
    Ok(())
}

async fn several_requests_are_answered_in_any_order_by_any_task(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    let mut asking = Vec::new();
    for name in 0..8 {
        let mut req = req_to(&place).await?;
        asking.push(spawn(async move {
            let reply = req.request(format!("{name}")).await.expect("it is answered");
            assert_eq!(reply, format!("answer {name}"));
        }));
    }
    let mut requests = Vec::new();
    for _ in 0..8 {
        requests.push(next(&rep).await);
    }
    for request in requests.into_iter().rev() {
        spawn(async move {
            let answer = format!("answer {}", text(request.message()));
            request.reply(answer).await.expect("the socket is open");
        });
    }
    for asked in asking {
        asked.await?;
    }
    assert_eq!(rep.stats().unanswered, 0);
    Ok(())
}

/// Asks this question, and leaves without waiting for the answer as soon as `seen` is done.
async fn ask_and_leave<T>(mut req: Req, question: &str, seen: impl Future<Output = T>) -> T {
    tokio::select! {
        _ = req.request(question) => panic!("nobody answers"),
        seen = seen => seen,
    }
}

async fn a_reply_to_a_vanished_peer_is_counted_and_the_next_request_served(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    let mut monitor = rep.monitor();
    let request = ask_and_leave(req_to(&place).await?, "question", next(&rep)).await;
    ended(&mut monitor).await;
    // In the place of the one that has left, which must not get its answer.
    let mut req = req_to(&place).await?;
    let (reply, served) = tokio::join!(req.request("another"), async {
        let another = next(&rep).await;
        assert_ne!(request.peer(), another.peer());
        request.reply("answer").await?;
        another.reply("another").await
    });
    served?;
    assert_eq!(reply?, "another");
    let outgoing = rep.stats().outgoing;
    assert_eq!(outgoing.dropped.by(DropReason::NoPeer), 1);
    assert_eq!(
        (outgoing.accepted.messages, outgoing.handed_over.messages),
        (2, 1)
    );
    Ok(())
}

async fn a_request_whose_peer_has_left_is_still_received(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    let mut monitor = rep.monitor();
    let arrived = until(|| rep.stats().incoming.received.messages == 1);
    ask_and_leave(req_to(&place).await?, "last words", arrived).await;
    ended(&mut monitor).await;
    let request = next(&rep).await;
    assert_eq!(*request.message(), "last words");
    assert_eq!(*request.peer().endpoint(), *place);
    request.reply("answer").await?;
    assert_eq!(rep.stats().outgoing.dropped.by(DropReason::NoPeer), 1);
    Ok(())
}

async fn a_dropped_request_sends_nothing_and_is_counted_and_told(at: Transport) -> Outcome {
    let (rep, place) = bound(at).await?;
    let mut monitor = rep.monitor();
    let (mut ignored, mut answered) = (req_to(&place).await?, req_to(&place).await?);
    let told = tokio::select! {
        _ = ignored.request("ignored") => panic!("nobody answers"),
        told = async {
            drop(next(&rep).await);
            event(&mut monitor, |event| match event {
                Event::Unanswered { peer } => Some(peer),
                _ => None,
            }).await
        } => told,
    };
    assert!(rep.peers().list().contains(&told), "its peer stays connected");
    let (reply, served) = tokio::join!(answered.request("answered"), async {
        next(&rep).await.reply("answer").await
    });
    served?;
    assert_eq!(reply?, "answer");
    assert_eq!(rep.stats().unanswered, 1);
    assert_eq!(rep.stats().outgoing.accepted.messages, 1);
    Ok(())
}
