//! Cancel safety (guarantees, G8): each future dropped after each number of polls.

use std::pin::pin;
use std::task::Poll;

use hubless::{Rep, Req};

use crate::{alone, fresh, next, over_each_transport, req_to};

/// Polls `future` up to `polls` times, each time that it is woken; then drops it.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut done = 0;
    std::future::poll_fn(|cx| {
        if done == polls {
            return Poll::Ready(None);
        }
        done += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if done == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[test]
fn g08_a_request_dropped_after_any_number_of_polls_leaves_the_socket_ready_for_the_next() {
    over_each_transport(async |at| {
        for correlate in [false, true] {
            let rep = Rep::new();
            let endpoint = rep.bind(fresh(at).as_str()).await.expect("the endpoint is free");
            tokio::spawn(async move {
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
    });
}

#[test]
fn g08_a_request_dropped_before_a_byte_of_it_left_is_seen_by_nobody() {
    over_each_transport(async |at| {
        let mut req = Req::new();
        let mut seen = Vec::new();
        let rep = Rep::new();
        let endpoint = rep.bind(fresh(at).as_str()).await.expect("the endpoint is free");
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
            seen.push(crate::text(request.message()));
            request.reply("answer").await.expect("the socket is open");
        });
        assert_eq!(reply.expect("it is answered"), "answer");
        assert_eq!(seen, ["kept"]);
        assert_eq!(req.stats().outgoing.accepted.messages, 1);
    });
}

#[test]
fn g08_a_dropped_recv_request_loses_no_request() {
    over_each_transport(async |at| {
        let rep = Rep::new();
        let endpoint = rep.bind(fresh(at).as_str()).await.expect("the endpoint is free");
        let mut req = req_to(&endpoint).await;
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
    });
}

#[test]
fn g08_a_reply_is_queued_at_its_first_poll_and_not_before() {
    alone(async {
        let rep = Rep::new();
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        let mut req = req_to(&endpoint).await;
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
    });
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
#[test]
fn g08_a_late_answer_never_meets_another_question() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    };
    for (seed, at) in ["tcp://127.0.0.1:0", "ipc://*", "inproc://late"]
        .into_iter()
        .enumerate()
    {
        for correlate in [false, true] {
            runtime().block_on(async {
                tokio::time::timeout(crate::DEADLINE, impatient(seed as u64, at, correlate))
                    .await
                    .expect("the test ends in time");
            });
        }
    }
}

async fn impatient(seed: u64, at: &str, correlate: bool) {
    let rep = Rep::new();
    let endpoint = rep.bind(fresh(at).as_str()).await.expect("the endpoint is free");
    for answerer in 0..2 {
        let rep = rep.clone();
        let mut dice = Dice(seed + answerer);
        tokio::spawn(async move {
            while let Ok(request) = rep.recv_request().await {
                let (patience, answers) = (dice.roll(4), dice.roll(8) > 0);
                tokio::spawn(async move {
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
}
