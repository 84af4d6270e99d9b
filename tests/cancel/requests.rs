//! A request that is given up leaves its socket ready for the next; one that was not returned was not taken.

use hubless::{Endpoint, Rep, Req, Request};

use crate::transport::{Outcome, Transport, over_every_transport, polled, spawn};

over_every_transport! {
    g08_a_request_dropped_after_any_number_of_polls_leaves_the_socket_ready_for_the_next
    g08_a_request_dropped_before_a_byte_of_it_left_is_seen_by_nobody
    g08_a_dropped_recv_request_loses_no_request
    g08_a_reply_is_queued_at_its_first_poll_and_not_before
    g08_a_late_answer_never_meets_another_question
}

async fn next(rep: &Rep) -> Request {
    rep.recv_request().await.expect("the socket is open")
}

/// A REQ that is connected.
async fn req_to(endpoint: &Endpoint) -> Outcome<Req> {
    let req = Req::new();
    req.connect(endpoint)?.await?;
    Ok(req)
}

async fn g08_a_request_dropped_after_any_number_of_polls_leaves_the_socket_ready_for_the_next(
    at: Transport,
) -> Outcome {
    for correlate in [false, true] {
        let rep = Rep::new();
        let endpoint = at.bind(&rep).await?;
        spawn(async move {
            while let Ok(request) = rep.recv_request().await {
                let message = request.message().clone();
                // Late, so that the answer to what was dropped comes while another is awaited.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                let _ = request.reply(message).await;
            }
        });
        let mut req = Req::builder()
            .correlate(correlate)
            .build()
            .expect("no contradiction");
        req.connect(&endpoint).expect("an endpoint");
        let mut finished = 0;
        for round in 0..40 {
            let dropped = format!("dropped {round}");
            if let Some(reply) = polled(req.request(&dropped), round % 8).await {
                assert_eq!(reply.expect("it is answered"), dropped);
                finished += 1;
            }
            let kept = format!("kept {round}");
            assert_eq!(req.request(&kept).await.expect("it is answered"), kept);
        }
        assert!(finished < 40, "some were dropped");
    }
    Ok(())
}

async fn g08_a_request_dropped_before_a_byte_of_it_left_is_seen_by_nobody(at: Transport) -> Outcome {
    // Room for one: a place in the line that was not given up would keep it.
    let mut req = Req::builder().send_hwm(1).build()?;
    let mut seen = Vec::new();
    let rep = Rep::new();
    let endpoint = at.bind(&rep).await?;
    for _ in 0..3 {
        assert!(
            polled(req.request("dropped"), 1).await.is_none(),
            "there is no peer yet"
        );
    }
    req.connect(&endpoint)
        .expect("an endpoint")
        .await
        .expect("a connection");
    assert!(polled(req.request("dropped"), 0).await.is_none());
    let (reply, ()) = tokio::join!(req.request("kept"), async {
        let request = next(&rep).await;
        seen.push(request.message().clone());
        request.reply("answer").await.expect("the socket is open");
    });
    assert_eq!(reply.expect("it is answered"), "answer");
    assert_eq!(seen, ["kept"]);
    assert_eq!(req.stats().outgoing.accepted.messages, 1);
    Ok(())
}

async fn g08_a_dropped_recv_request_loses_no_request(at: Transport) -> Outcome {
    let rep = Rep::new();
    let endpoint = at.bind(&rep).await?;
    let mut req = req_to(&endpoint).await?;
    for round in 0..30 {
        let question = round.to_string();
        let (reply, ()) = tokio::join!(req.request(&question), async {
            let mut request = None;
            for polls in 0..=round % 4 {
                if request.is_none() {
                    request = polled(rep.recv_request(), polls).await;
                }
            }
            let request = match request {
                Some(request) => request.expect("the socket is open"),
                None => next(&rep).await,
            };
            assert_eq!(*request.message(), question);
            request.reply(&question).await.expect("the socket is open");
        });
        assert_eq!(reply.expect("it is answered"), question);
    }
    assert_eq!(rep.stats().incoming.delivered.messages, 30);
    Ok(())
}

async fn g08_a_reply_is_queued_at_its_first_poll_and_not_before(at: Transport) -> Outcome {
    let rep = Rep::new();
    let endpoint = at.bind(&rep).await?;
    let mut req = req_to(&endpoint).await?;
    tokio::select! {
        _ = req.request("question") => panic!("nobody answers"),
        request = next(&rep) => drop(request.reply("never polled")),
    }
    assert_eq!(rep.stats().unanswered, 1);
    assert_eq!(rep.stats().outgoing.accepted.messages, 0);
    let (reply, ()) = tokio::join!(req.request("question"), async {
        let request = next(&rep).await;
        assert_eq!(polled(request.reply("answer"), 1).await, Some(Ok(())));
    });
    assert_eq!(reply.expect("it is answered"), "answer");
    Ok(())
}

/// A number for each call, the same for each seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// Several threads, several askers that lose patience at any time, several answerers that take their time or drop
/// the question: whoever gets an answer gets the answer to its own question, and nobody is stuck.
async fn g08_a_late_answer_never_meets_another_question(at: Transport) -> Outcome {
    for (seed, correlate) in [(1, false), (2, true)] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let outcome = runtime.spawn(impatient(seed, at, correlate)).await;
        runtime.shutdown_background();
        outcome??;
    }
    Ok(())
}

async fn impatient(seed: u64, at: Transport, correlate: bool) -> Result<(), hubless::Error> {
    let rep = Rep::new();
    let endpoint = at.place();
    rep.bind(&endpoint).await?;
    for answerer in 0..2 {
        let rep = rep.clone();
        let mut dice = Dice(seed + answerer);
        spawn(async move {
            while let Ok(request) = rep.recv_request().await {
                let (patience, answers) = (dice.roll(4), dice.roll(8) > 0);
                spawn(async move {
                    for _ in 0..patience {
                        tokio::task::yield_now().await;
                    }
                    if answers {
                        let answer = request.message().clone();
                        let _ = request.reply(answer).await;
                    }
                });
            }
        });
    }
    let mut asking = tokio::task::JoinSet::new();
    for asker in 0..4 {
        let mut req = Req::builder()
            .correlate(correlate)
            .build()
            .expect("no contradiction");
        req.connect(&endpoint).expect("an endpoint");
        let mut dice = Dice(100 + seed + asker);
        asking.spawn(async move {
            let mut answered = 0;
            for number in 0..200 {
                let question = format!("{asker} asks {number}");
                // Every way to lose patience: by polls, as many as it is woken for, and by turns of the runtime.
                let turns = dice.roll(60);
                let reply = tokio::select! {
                    biased;
                    reply = req.request(&question) => Some(reply),
                    () = async { for _ in 0..turns { tokio::task::yield_now().await } } => None,
                };
                if let Some(reply) = reply {
                    assert_eq!(reply.expect("the connection stays"), question);
                    answered += 1;
                }
            }
            answered
        });
    }
    let answered: u32 = asking.join_all().await.iter().sum();
    assert!(answered > 0, "some were patient");
    Ok(())
}
