//! hubless as a contestant: what a user would write, with default options.

use bytes::Bytes;
use hubless::curve::{KeyPair, SecretKey};
use hubless::{Curve, Dealer, Mechanism, Pub, Pull, Push, Rep, Req, Router, Sub, Tuning};
use tokio::task::JoinSet;

use super::Failure;
use super::case::{self, Case, Payload, Readers, Shape, Topics};
use super::contestant::{Runtime, Side};
use super::counters::{self, Lane};
use super::round_trips::RoundTrips;
use super::{process, subscribers};

/// hubless on one of tokio's runtimes.
#[derive(Debug)]
pub struct Hubless {
    pub runtime: Runtime,
    /// Of the sockets of round trips.
    pub tuning: Tuning,
}

impl Side for Hubless {
    fn send(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        self.runtime.run(async move {
            match case.shape {
                Shape::Publish {
                    subscribers, topics, ..
                } => publish(case, subscribers, topics).await,
                Shape::Window { requests } => ask_many(case.payload, requests).await,
                _ => push_from_all(case).await,
            }
        })
    }

    fn receive(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        match case.shape {
            Shape::Publish {
                subscribers,
                topics,
                readers: Readers::Own,
            } => self.runtime.run(subscribe_all(subscribers, topics)),
            Shape::Publish { .. } => subscribers::receive(&case),
            Shape::Window { .. } => self.runtime.run(answer_all(case)),
            _ => self.runtime.run(pull_to_all(case)),
        }
    }

    fn send_and_receive(&self, case: &Case) -> Result<(), Failure> {
        let (address, payload) = (case.bind_address(), case.payload);
        let to = address.clone();
        let push = async move {
            let push = Push::new();
            push.connect(to.as_str())?;
            push_all(push, payload, counters::uncounted()).await
        };
        let pull = async move {
            let pull = Pull::new();
            pull.bind(address.as_str()).await?;
            pull_all(pull, counters::lane(0)).await
        };
        self.runtime.run_both(push, pull)
    }

    fn ask(&self, case: &Case) -> Result<(), Failure> {
        self.runtime
            .run(ask(process::endpoint()?, case.payload, self.tuning.clone()))
    }

    fn answer(&self, case: &Case) -> Result<(), Failure> {
        self.runtime.run(answer(
            case.bind_address(),
            self.tuning.clone(),
            process::tell_endpoint,
        ))
    }

    fn ask_and_answer(&self, case: &Case) -> Result<(), Failure> {
        let address = case.bind_address();
        self.runtime.run_both(
            answer(address.clone(), self.tuning.clone(), |_| ()),
            ask(address, case.payload, self.tuning.clone()),
        )
    }
}

fn mechanism(case: &Case, serves: bool) -> Result<Mechanism, Failure> {
    if !case.sealed {
        return Ok(Mechanism::default());
    }
    let own = if serves { case::SERVER } else { case::CLIENT };
    let own = KeyPair::from(own.1.parse::<SecretKey>()?);
    Ok(match serves {
        true => Curve::server(own).allow_any(),
        false => Curve::client(case::SERVER.0.parse()?, own),
    })
}

async fn push_from_all(case: Case) -> Result<(), Failure> {
    let mut pushing = JoinSet::new();
    for i in 0..case.senders() {
        let push = Push::builder()
            .mechanism(mechanism(&case, case.sender_binds())?)
            .build()?;
        if case.sender_binds() {
            process::tell_endpoint(&push.bind(case.bind_address().as_str()).await?.to_string());
            push.peers().at_least(case.receivers()).await?;
        } else {
            push.connect(process::endpoint()?.as_str())?;
        }
        pushing.spawn(push_all(push, case.payload, counters::lane(i)));
    }
    all(pushing).await
}

async fn push_all(push: Push, payload: Payload, sent: &'static Lane) -> Result<(), Failure> {
    let frame = payload.frame();
    match payload {
        Payload::Slice(_) => loop {
            push.send(&frame[..]).await?;
            sent.add(1);
        },
        Payload::Owned(_) => {
            let owned = Bytes::from(frame);
            loop {
                push.send(owned.clone()).await?;
                sent.add(1);
            }
        }
        Payload::Parts { count: 3, .. } => loop {
            push.send([&frame[..], &frame[..], &frame[..]]).await?;
            sent.add(1);
        },
        Payload::Parts { count, .. } => Err(format!("messages of {count} parts are not measured").into()),
    }
}

async fn pull_to_all(case: Case) -> Result<(), Failure> {
    let mut pulling = JoinSet::new();
    for i in 0..case.receivers() {
        let pull = Pull::builder()
            .mechanism(mechanism(&case, !case.sender_binds())?)
            .build()?;
        if case.sender_binds() {
            pull.connect(process::endpoint()?.as_str())?;
        } else {
            process::tell_endpoint(&pull.bind(case.bind_address().as_str()).await?.to_string());
        }
        pulling.spawn(pull_all(pull, counters::lane(i)));
    }
    all(pulling).await
}

async fn pull_all(pull: Pull, received: &'static Lane) -> Result<(), Failure> {
    loop {
        std::hint::black_box(pull.recv().await?);
        received.add(1);
    }
}

async fn publish(case: Case, subscribers: usize, topics: Topics) -> Result<(), Failure> {
    let publisher = Pub::new();
    process::tell_endpoint(&publisher.bind(case.bind_address().as_str()).await?.to_string());
    match topics {
        Topics::Same => {
            publisher
                .subscribers()
                .to(case::topic(topics, 0))
                .at_least(subscribers)
                .await?;
        }
        Topics::Own => {
            for i in 0..subscribers {
                publisher
                    .subscribers()
                    .to(case::topic(topics, i))
                    .at_least(1)
                    .await?;
            }
        }
    }
    let messages = case::publications(case.payload, topics, subscribers);
    loop {
        for message in &messages {
            publisher.send(&message[..]).await?;
            counters::lane(0).add(1);
        }
    }
}

async fn subscribe_all(subscribers: usize, topics: Topics) -> Result<(), Failure> {
    let mut reading = JoinSet::new();
    for i in 0..subscribers {
        let sub = Sub::new();
        sub.subscribe(case::topic(topics, i));
        sub.connect(process::endpoint()?.as_str())?;
        reading.spawn(async move {
            let received = counters::lane(i);
            loop {
                std::hint::black_box(sub.recv().await?);
                received.add(1);
            }
        });
    }
    all(reading).await
}

async fn ask(endpoint: String, payload: Payload, tuning: Tuning) -> Result<(), Failure> {
    let mut req = Req::builder().tuning(tuning).build()?;
    req.connect(endpoint.as_str())?;
    let request = payload.frame();
    let mut round_trips = RoundTrips::new();
    while round_trips.wanted() {
        std::hint::black_box(req.request(&request[..]).await?);
        round_trips.done();
    }
    round_trips.tell()
}

/// Answers with the request itself; `bound` is told the endpoint.
async fn answer(address: String, tuning: Tuning, bound: impl Fn(&str) + Send) -> Result<(), Failure> {
    let rep = Rep::builder().tuning(tuning).build()?;
    bound(&rep.bind(address.as_str()).await?.to_string());
    loop {
        let request = rep.recv_request().await?;
        let same = request.message().clone();
        request.reply(same).await?;
    }
}

/// Asks again whenever an answer comes.
async fn ask_many(payload: Payload, requests: usize) -> Result<(), Failure> {
    let dealer = Dealer::new();
    dealer.connect(process::endpoint()?.as_str())?;
    let request = payload.frame();
    for _ in 0..requests {
        dealer.send(&request[..]).await?;
    }
    loop {
        std::hint::black_box(dealer.recv().await?);
        counters::lane(0).add(1);
        dealer.send(&request[..]).await?;
    }
}

async fn answer_all(case: Case) -> Result<(), Failure> {
    let router = Router::new();
    process::tell_endpoint(&router.bind(case.bind_address().as_str()).await?.to_string());
    loop {
        let (from, request) = router.recv_from().await?;
        router.send_to(&from, request).await?;
        counters::lane(0).add(1);
    }
}

/// Waits for the first task that ends: none should.
async fn all(mut tasks: JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}
