//! hubless as a contestant for plain threads: the same programs as libzmq's, with default options.

use std::thread;

use bytes::Bytes;
use hubless::blocking::{Dealer, Pull, Push, Rep, Req, Router};
use hubless::{Context, Tuning};

use super::Failure;
use super::case::{Case, Payload, Shape};
use super::contestant::Side;
use super::counters::{self, Lane};
use super::process;
use super::round_trips::RoundTrips;

/// hubless without a runtime.
#[derive(Debug)]
pub struct Blocking {
    /// On so many threads of its context; with 0 those who wait drive.
    pub io_threads: usize,
    /// Whether round trips may keep the runtime awake, as they do by default.
    pub tuning: Tuning,
}

impl Side for Blocking {
    fn send(&self, case: &Case) -> Result<(), Failure> {
        let context = self.context()?;
        if let Shape::Window { requests } = case.shape {
            return ask_many(&context, case.payload, requests);
        }
        let mut pushes = Vec::new();
        for _ in 0..case.senders() {
            let push: Push = Push::builder().context(&context).build()?.into();
            if case.sender_binds() {
                process::tell_endpoint(&push.bind(case.bind_address().as_str())?.to_string());
                push.peers().at_least(case.receivers())?;
            } else {
                push.connect(process::endpoint()?.as_str())?;
            }
            pushes.push(push);
        }
        let payload = case.payload;
        on_threads(pushes, move |push, lane| push_all(&push, payload, lane))
    }

    fn receive(&self, case: &Case) -> Result<(), Failure> {
        let context = self.context()?;
        match case.shape {
            Shape::Pipeline { .. } => {}
            Shape::Window { .. } => return answer_all(&context, case),
            _ => return Err("plain threads publish nothing here".into()),
        }
        let mut pulls = Vec::new();
        for _ in 0..case.receivers() {
            let pull: Pull = Pull::builder().context(&context).build()?.into();
            if case.sender_binds() {
                pull.connect(process::endpoint()?.as_str())?;
            } else {
                process::tell_endpoint(&pull.bind(case.bind_address().as_str())?.to_string());
            }
            pulls.push(pull);
        }
        on_threads(pulls, |pull, lane| pull_all(&pull, lane))
    }

    fn send_and_receive(&self, case: &Case) -> Result<(), Failure> {
        let context = self.context()?;
        let pull: Pull = Pull::builder().context(&context).build()?.into();
        let push: Push = Push::builder().context(&context).build()?.into();
        push.connect(&pull.bind(case.bind_address().as_str())?)?;
        let payload = case.payload;
        thread::spawn(move || process::fail(push_all(&push, payload, counters::uncounted())));
        pull_all(&pull, counters::lane(0))
    }

    fn ask(&self, case: &Case) -> Result<(), Failure> {
        self.ask_at(&self.context()?, &process::endpoint()?, case.payload)
    }

    fn answer(&self, case: &Case) -> Result<(), Failure> {
        self.answer_at(&self.context()?, &case.bind_address(), process::tell_endpoint)
    }

    fn ask_and_answer(&self, case: &Case) -> Result<(), Failure> {
        let (context, address) = (self.context()?, case.bind_address());
        thread::scope(|scope| {
            scope.spawn(|| process::fail(self.answer_at(&context, &address, |_| ())));
            self.ask_at(&context, &address, case.payload)
        })
    }
}

impl Blocking {
    fn context(&self) -> Result<Context, Failure> {
        Ok(Context::builder().io_threads(self.io_threads).build()?)
    }

    fn ask_at(&self, context: &Context, endpoint: &str, payload: Payload) -> Result<(), Failure> {
        let req = Req::builder().context(context).tuning(self.tuning.clone());
        let mut req: Req = req.build()?.into();
        req.connect(endpoint)?;
        let request = payload.frame();
        let mut round_trips = RoundTrips::new();
        while round_trips.wanted() {
            std::hint::black_box(req.request(&request[..])?);
            round_trips.done();
        }
        round_trips.tell()
    }

    /// Answers with the request itself; `bound` is told the endpoint.
    fn answer_at(&self, context: &Context, address: &str, bound: impl Fn(&str)) -> Result<(), Failure> {
        let rep = Rep::builder().context(context).tuning(self.tuning.clone());
        let rep: Rep = rep.build()?.into();
        bound(&rep.bind(address)?.to_string());
        loop {
            let request = rep.recv_request()?;
            let same = request.message().clone();
            request.reply(same)?;
        }
    }
}

/// Asks again whenever an answer comes.
fn ask_many(context: &Context, payload: Payload, requests: usize) -> Result<(), Failure> {
    let dealer: Dealer = Dealer::builder().context(context).build()?.into();
    dealer.connect(process::endpoint()?.as_str())?;
    let request = payload.frame();
    for _ in 0..requests {
        dealer.send(&request[..])?;
    }
    loop {
        std::hint::black_box(dealer.recv()?);
        counters::lane(0).add(1);
        dealer.send(&request[..])?;
    }
}

fn answer_all(context: &Context, case: &Case) -> Result<(), Failure> {
    let router: Router = Router::builder().context(context).build()?.into();
    process::tell_endpoint(&router.bind(case.bind_address().as_str())?.to_string());
    loop {
        let (from, request) = router.recv_from()?;
        router.send_to(&from, request)?;
        counters::lane(0).add(1);
    }
}

/// Gives each socket a thread; the last one, often the only one, has ours.
fn on_threads<S, W>(mut sockets: Vec<S>, work: W) -> Result<(), Failure>
where
    S: Send + 'static,
    W: Fn(S, &'static Lane) -> Result<(), Failure> + Copy + Send + 'static,
{
    let last = sockets.pop().ok_or("a case without sockets")?;
    let mine = sockets.len();
    for (i, socket) in sockets.into_iter().enumerate() {
        thread::spawn(move || process::fail(work(socket, counters::lane(i))));
    }
    work(last, counters::lane(mine))
}

fn push_all(push: &Push, payload: Payload, sent: &'static Lane) -> Result<(), Failure> {
    let frame = payload.frame();
    match payload {
        Payload::Slice(_) => loop {
            push.send(&frame[..])?;
            sent.add(1);
        },
        Payload::Owned(_) => {
            let owned = Bytes::from(frame);
            loop {
                push.send(owned.clone())?;
                sent.add(1);
            }
        }
        Payload::Parts { count: 3, .. } => loop {
            push.send([&frame[..], &frame[..], &frame[..]])?;
            sent.add(1);
        },
        Payload::Parts { count, .. } => Err(format!("messages of {count} parts are not measured").into()),
    }
}

fn pull_all(pull: &Pull, received: &'static Lane) -> Result<(), Failure> {
    loop {
        std::hint::black_box(pull.recv()?);
        received.add(1);
    }
}
