//! The `zeromq` crate as a contestant: what a user of it would write, with default options, on tokio's current_thread
//! runtime, where it is a little faster than on two workers.
//!
//! It has one PUSH and one PULL, and round trips, each in two processes.

use bytes::Bytes;
use peers::zeromq::prelude::*;
use peers::zeromq::{PullSocket, PushSocket, RepSocket, ReqSocket, ZmqMessage};

use super::Failure;
use super::case::{Case, Payload};
use super::contestant::{Runtime, Side};
use super::counters;
use super::process;
use super::round_trips::RoundTrips;

/// The largest message, in bytes, of which it can be made to send as fast as it can: its PUSH queues 100 000 of them,
/// however large they are, and of 64 KiB each that is more than most machines have.
pub const MOST_QUEUED: usize = 1 << 10;

const RUNTIME: Runtime = Runtime::CurrentThread;

/// The crate.
#[derive(Debug)]
pub struct ZeromqCrate;

impl Side for ZeromqCrate {
    fn send(&self, case: &Case) -> Result<(), Failure> {
        RUNTIME.run(push_all(case.payload))
    }

    fn receive(&self, case: &Case) -> Result<(), Failure> {
        RUNTIME.run(pull_all(case.bind_address()))
    }

    fn send_and_receive(&self, _: &Case) -> Result<(), Failure> {
        Err(NO_INPROC.into())
    }

    fn ask(&self, case: &Case) -> Result<(), Failure> {
        RUNTIME.run(ask(case.payload))
    }

    fn answer(&self, case: &Case) -> Result<(), Failure> {
        RUNTIME.run(answer(case.bind_address()))
    }

    fn ask_and_answer(&self, _: &Case) -> Result<(), Failure> {
        Err(NO_INPROC.into())
    }
}

const NO_INPROC: &str = "the zeromq crate has no transport within a process";

async fn push_all(payload: Payload) -> Result<(), Failure> {
    let mut push = PushSocket::new();
    push.connect(&process::endpoint()?).await?;
    let frame = Bytes::from(payload.frame());
    loop {
        push.send(message(payload, &frame)?).await?;
        counters::lane(0).add(1);
    }
}

/// It takes owned bytes, so what is borrowed is copied here.
#[inline]
fn message(payload: Payload, frame: &Bytes) -> Result<ZmqMessage, Failure> {
    Ok(match payload {
        Payload::Slice(_) => Bytes::copy_from_slice(frame).into(),
        Payload::Owned(_) => frame.clone().into(),
        Payload::Parts { count, .. } => {
            let frames: Vec<_> = (0..count).map(|_| Bytes::copy_from_slice(frame)).collect();
            ZmqMessage::try_from(frames).map_err(|error| error.to_string())?
        }
    })
}

async fn pull_all(address: String) -> Result<(), Failure> {
    let mut pull = PullSocket::new();
    process::tell_endpoint(&pull.bind(&address).await?.to_string());
    loop {
        std::hint::black_box(pull.recv().await?);
        counters::lane(0).add(1);
    }
}

async fn ask(payload: Payload) -> Result<(), Failure> {
    let mut req = ReqSocket::new();
    req.connect(&process::endpoint()?).await?;
    let frame = Bytes::from(payload.frame());
    let mut round_trips = RoundTrips::new();
    while round_trips.wanted() {
        req.send(message(payload, &frame)?).await?;
        std::hint::black_box(req.recv().await?);
        round_trips.done();
    }
    round_trips.tell()
}

async fn answer(address: String) -> Result<(), Failure> {
    let mut rep = RepSocket::new();
    process::tell_endpoint(&rep.bind(&address).await?.to_string());
    loop {
        let request = rep.recv().await?;
        rep.send(request).await?;
    }
}
