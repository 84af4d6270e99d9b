//! What a message costs in the pipe: from `send` into the outgoing log and out of it as a batch; from a chunk that a
//! driver has read through the incoming lane to `recv`; and all of that in turn, as between two sockets of one process.
//!
//! The files of `src/pipe` are included as they stand, with a line that takes everything at once and no kernel behind
//! it. One thread plays all parts, so these are the costs without waiting and without wake-ups; what processes make of
//! them is measured by `throughput`.

use std::hint::black_box;
use std::io::{self, IoSlice};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The house's own files; the paths in them lead through the names below.
#[path = "../src"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part is measured")]
#[allow(missing_docs, missing_debug_implementations, reason = "this is a program")]
mod house {
    pub(crate) mod frame;
    pub(crate) mod message;
    pub(crate) mod pipe;
    pub(crate) mod runtime;
    pub(crate) mod stats;
    pub(crate) mod sync;

    /// Of the errors those that receiving knows.
    pub(crate) mod error {
        mod receive;
        pub(crate) use receive::{RecvError, TryRecvError};
        pub(crate) struct Closed;
    }
}

/// Of the doors only the trait that the pipe knows.
#[path = "../tests/models/src/transport.rs"]
mod transport;

use house::{error, frame, message, pipe, runtime, stats, sync};
use message::{Message, Payload};
use pipe::{Batch, Chunk, Filter, Inbox, Marks, Messages, Outbox, OutboxConfig, Outgoing, PipeId, Prefixes};
use stats::{DropReason, Load};

/// Messages between two turns of the driver: half of the default mark.
const TURN: usize = 500;

/// The default marks.
const MARKS: Marks = Marks {
    messages: 1000,
    bytes: 8 << 20,
};

/// What is sent, through so many pipes in turn.
#[derive(Clone, Copy)]
struct Case {
    frames: usize,
    size: usize,
    pipes: usize,
}

const CASES: [Case; 6] = [
    Case::new(1, 16, 1),
    Case::new(1, 128, 1),
    Case::new(1, 1024, 1),
    Case::new(3, 32, 1),
    Case::new(1, 16, 8),
    Case::new(1, 16, 64),
];

impl Case {
    const fn new(frames: usize, size: usize, pipes: usize) -> Self {
        Self { frames, size, pipes }
    }

    fn name(self) -> String {
        let Self { frames, size, pipes } = self;
        match (frames, pipes) {
            (1, 1) => format!("{size} B"),
            (_, 1) => format!("{frames}×{size} B"),
            _ => format!("{size} B, {pipes} pipes"),
        }
    }

    /// One message for `send`, borrowed or built as a program would.
    fn payload(self, body: &[u8]) -> Payload<'_> {
        match self.frames {
            1 => Payload::from(body),
            _ => Payload::from([body; 3]),
        }
    }

    /// What a driver has read: for each pipe its share of a turn.
    fn read(self) -> Chunk {
        let (mut bytes, body) = (Vec::new(), vec![b'x'; self.size]);
        let messages = TURN / self.pipes;
        for _ in 0..messages {
            for nth in 1..=self.frames {
                let more = if nth < self.frames { frame::MORE } else { 0 };
                frame::put_header(&mut bytes, more, body.len());
                bytes.extend_from_slice(&body);
            }
        }
        let load = Load {
            messages: messages as u64,
            bytes: bytes.len() as u64,
        };
        Chunk {
            messages: Messages::Read(Bytes::from(bytes)),
            load,
        }
    }
}

/// Takes everything, and forgets it.
#[derive(Debug)]
struct Sink;

impl transport::Writer for Sink {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }
}

/// The program wants every message.
enum Never {}

impl Filter for Never {
    fn refuse(&self, _: &mut Prefixes, _: &Message, _: PipeId) -> Option<DropReason> {
        match *self {}
    }
}

/// The outgoing half: an outbox, and what drives its pipes.
struct Sender {
    outbox: Outbox,
    pipes: Vec<(PipeId, Batch)>,
}

impl Sender {
    /// Its pipes have no line, so the driver writes everything.
    fn new(pipes: usize) -> Self {
        let outbox = Outbox::new(OutboxConfig {
            marks: MARKS,
            share_from: 32 * 1024,
            conflate: false,
            reroute: false,
        });
        let attach = || {
            let pipe = outbox.attach();
            outbox.online(pipe, None);
            (pipe, Batch::default())
        };
        let pipes = (0..pipes).map(|_| attach()).collect();
        Self { outbox, pipes }
    }

    fn send_a_turn(&self, case: Case, body: &[u8]) {
        for _ in 0..TURN / case.pipes * case.pipes {
            let sent = self.outbox.try_send(&[], &case.payload(black_box(body)));
            assert!(sent.is_ok(), "the marks leave room for a turn");
        }
    }

    /// Every driver takes what there is, gives it to `carry`, and comes back.
    fn drive(&mut self, mut carry: impl FnMut(usize, &mut Batch)) {
        for (nth, (pipe, batch)) in self.pipes.iter_mut().enumerate() {
            while self
                .outbox
                .poll_take(*pipe, Waker::noop(), batch, false)
                .is_ready()
            {
                carry(nth, batch);
            }
        }
    }
}

/// The incoming half: an inbox with its lanes.
struct Receiver {
    inbox: Inbox,
    lanes: Vec<PipeId>,
}

impl Receiver {
    fn new(lanes: usize) -> Self {
        let inbox = Inbox::new(MARKS, false);
        let lanes = (0..lanes).map(|_| inbox.attach()).collect();
        Self { inbox, lanes }
    }

    fn receive_a_turn(&self, case: Case) {
        for _ in 0..TURN / case.pipes * case.pipes {
            let message = self.inbox.try_recv(&mut None, None::<&Never>);
            assert!(black_box(message).is_ok(), "as many have come");
        }
    }
}

fn outgoing(c: &mut Criterion) {
    let mut group = c.benchmark_group("append and write");
    for case in CASES {
        let (mut sender, body) = (Sender::new(case.pipes), vec![b'x'; case.size]);
        group.throughput(Throughput::Elements((TURN / case.pipes * case.pipes) as u64));
        group.bench_function(BenchmarkId::from_parameter(case.name()), |b| {
            b.iter(|| {
                sender.send_a_turn(case, &body);
                sender.drive(|_, batch| {
                    let written = batch.write(&mut Vec::new(), &Sink);
                    assert!(written.is_ok() && batch.is_written(), "a sink takes everything");
                });
            });
        });
    }
    group.finish();
}

fn incoming(c: &mut Criterion) {
    let mut group = c.benchmark_group("hand over and receive");
    for case in CASES {
        let receiver = Receiver::new(case.pipes);
        let Chunk { messages, load } = case.read();
        let Messages::Read(frames) = messages else {
            unreachable!("it was read")
        };
        group.throughput(Throughput::Elements((TURN / case.pipes * case.pipes) as u64));
        group.bench_function(BenchmarkId::from_parameter(case.name()), |b| {
            b.iter(|| {
                for lane in &receiver.lanes {
                    let credit = receiver.inbox.poll_credit(*lane, Waker::noop());
                    assert!(
                        matches!(credit, Poll::Ready(credit) if credit.messages as u64 >= load.messages),
                        "all has been received"
                    );
                    let messages = Messages::Read(frames.clone());
                    receiver.inbox.push(*lane, Chunk { messages, load });
                }
                receiver.receive_a_turn(case);
            });
        });
    }
    group.finish();
}

fn both(c: &mut Criterion) {
    let mut group = c.benchmark_group("send and receive in a process");
    for case in CASES {
        let (mut sender, receiver) = (Sender::new(case.pipes), Receiver::new(case.pipes));
        let body = vec![b'x'; case.size];
        group.throughput(Throughput::Elements((TURN / case.pipes * case.pipes) as u64));
        group.bench_function(BenchmarkId::from_parameter(case.name()), |b| {
            b.iter(|| {
                sender.send_a_turn(case, &body);
                sender.drive(|nth, batch| {
                    let accepted = receiver
                        .inbox
                        .poll_accept(receiver.lanes[nth], Waker::noop(), batch);
                    assert!(accepted.is_ready(), "the mark leaves room for a turn");
                });
                receiver.receive_a_turn(case);
            });
        });
    }
    group.finish();
}

/// Short, as these loops are steady: the whole file takes half a minute.
fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = brief(); targets = outgoing, incoming, both);
criterion_main!(benches);
