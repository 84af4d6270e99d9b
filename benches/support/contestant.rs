//! Who is measured, and the face they share.

use std::fmt;
use std::thread;

use hubless::Tuning;

use super::case::{Case, Payload, Shape, Transport};
use super::{Failure, blocking_side, hubless_side, libzmq_side, process, raw_side, zeromq_side};

/// One who takes part in a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// hubless with its defaults, on one of these runtimes.
    Hubless(Runtime),
    /// The same without spinning: only where round trips are measured, between two processors.
    HublessNoSpin(Runtime),
    /// hubless on plain threads, which drive while they wait; where more than the quick cases is asked for.
    Blocking,
    /// The same without spinning: round trips only.
    BlockingNoSpin,
    /// The same on plain threads that sleep, and one I/O thread of the context.
    IoThread,
    /// libzmq on its own I/O thread, the program on plain threads, which call `zmq_send`.
    Libzmq,
    /// The same with `zmq_msg_init_data`, its way not to copy: only where the payload is owned.
    LibzmqByReference,
    /// The `zeromq` crate: one to one over tcp, and only where more than the quick cases is asked for.
    ZeromqCrate,
    /// A tokio stream without a library: what the kernel and tokio leave to win.
    Raw,
}

/// Where the program of an async contestant runs; always in a spawned task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// tokio's `current_thread`.
    CurrentThread,
    /// tokio's `multi_thread` with two workers.
    MultiThread,
    /// Two plain threads, each with a `current_thread` runtime of its own: in-process cases only.
    TwoThreads,
}

/// What a contestant can do. All methods run until the process is killed; they return only to say why they failed.
pub trait Side {
    /// Sends the case's messages as fast as possible, counting them.
    fn send(&self, case: &Case) -> Result<(), Failure>;
    /// Receives them, counting.
    fn receive(&self, case: &Case) -> Result<(), Failure>;
    /// Does both within one process, counting what is received.
    fn send_and_receive(&self, case: &Case) -> Result<(), Failure>;
    /// Asks again and again, and measures round trips.
    fn ask(&self, case: &Case) -> Result<(), Failure>;
    /// Answers every request with its own bytes.
    fn answer(&self, case: &Case) -> Result<(), Failure>;
    /// Does both within one process.
    fn ask_and_answer(&self, case: &Case) -> Result<(), Failure>;
}

impl Contestant {
    const ALL: [Self; 12] = [
        Self::Libzmq,
        Self::LibzmqByReference,
        Self::Hubless(Runtime::CurrentThread),
        Self::Hubless(Runtime::MultiThread),
        Self::Hubless(Runtime::TwoThreads),
        Self::HublessNoSpin(Runtime::CurrentThread),
        Self::HublessNoSpin(Runtime::MultiThread),
        Self::Blocking,
        Self::BlockingNoSpin,
        Self::IoThread,
        Self::ZeromqCrate,
        Self::Raw,
    ];

    /// Those who take part in a case; the first is the one the others are compared with. In a quick run it is only those
    /// who stand in the table of docs/performance.md.
    pub fn of(case: &Case, quick: bool) -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|contestant| contestant.takes_part(case))
            .filter(|contestant| !quick || contestant.is_quick())
            .collect()
    }

    fn is_quick(self) -> bool {
        !matches!(
            self,
            Self::Blocking | Self::BlockingNoSpin | Self::IoThread | Self::ZeromqCrate
        )
    }

    fn is_one_to_one(case: &Case) -> bool {
        matches!(
            case.shape,
            Shape::Pipeline {
                senders: 1,
                receivers: 1
            } | Shape::RoundTrip
        )
    }

    fn takes_part(self, case: &Case) -> bool {
        match self {
            Self::LibzmqByReference | Self::ZeromqCrate | Self::Raw if case.sealed => false,
            Self::Hubless(Runtime::TwoThreads) => case.transport == Transport::Inproc,
            Self::Libzmq | Self::Hubless(_) => true,
            Self::HublessNoSpin(_) => {
                case.shape == Shape::RoundTrip && case.transport != Transport::Inproc && !case.one_cpu
            }
            Self::Blocking | Self::IoThread => !matches!(case.shape, Shape::Publish { .. }),
            Self::BlockingNoSpin => Self::HublessNoSpin(Runtime::CurrentThread).takes_part(case),
            Self::LibzmqByReference => matches!(case.payload, Payload::Owned(_)),
            Self::ZeromqCrate => {
                let fits = case.shape == Shape::RoundTrip || case.payload.bytes() <= zeromq_side::MOST_QUEUED;
                Self::is_one_to_one(case) && case.transport == Transport::Tcp && fits
            }
            Self::Raw => Self::is_one_to_one(case) && case.transport != Transport::Inproc,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Libzmq => "libzmq",
            Self::LibzmqByReference => "libzmq by reference",
            Self::Hubless(Runtime::CurrentThread) => "hubless ct",
            Self::Hubless(Runtime::MultiThread) => "hubless mt",
            Self::Hubless(Runtime::TwoThreads) => "hubless 2t",
            Self::HublessNoSpin(Runtime::MultiThread) => "hubless mt, no spin",
            Self::HublessNoSpin(_) => "hubless ct, no spin",
            Self::Blocking => "hubless plain",
            Self::BlockingNoSpin => "hubless plain, no spin",
            Self::IoThread => "hubless I/O thread",
            Self::ZeromqCrate => "zeromq crate",
            Self::Raw => "raw tokio",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contestant| contestant.name() == name)
    }

    /// Its implementation.
    pub fn side(self) -> Box<dyn Side> {
        match self {
            Self::Libzmq => Box::new(libzmq_side::Libzmq { by_reference: false }),
            Self::LibzmqByReference => Box::new(libzmq_side::Libzmq { by_reference: true }),
            Self::Blocking => blocking(0, Tuning::new()),
            Self::BlockingNoSpin => blocking(0, no_spin()),
            Self::IoThread => blocking(1, Tuning::new()),
            Self::ZeromqCrate => Box::new(zeromq_side::ZeromqCrate),
            Self::Raw => Box::new(raw_side::Raw),
            Self::Hubless(runtime) => Box::new(hubless_side::Hubless {
                runtime,
                tuning: Tuning::new(),
            }),
            Self::HublessNoSpin(runtime) => Box::new(hubless_side::Hubless {
                runtime,
                tuning: no_spin(),
            }),
        }
    }
}

fn blocking(io_threads: usize, tuning: Tuning) -> Box<dyn Side> {
    Box::new(blocking_side::Blocking { io_threads, tuning })
}

pub fn no_spin() -> Tuning {
    Tuning::new().spin(false)
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Runtime {
    /// Runs a program as a spawned task of this runtime.
    pub fn run<P>(self, program: P) -> Result<(), Failure>
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut builder = match self {
            Self::CurrentThread | Self::TwoThreads => tokio::runtime::Builder::new_current_thread(),
            Self::MultiThread => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build()?;
        runtime.block_on(async { tokio::spawn(program).await? })
    }

    /// Runs two programs of one process: as two tasks, or on two threads with a runtime each.
    pub fn run_both<P, Q>(self, one: P, other: Q) -> Result<(), Failure>
    where
        P: Future<Output = Result<(), Failure>> + Send + 'static,
        Q: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        match self {
            Self::CurrentThread | Self::MultiThread => self.run(async move {
                let (one, other) = (tokio::spawn(one), tokio::spawn(other));
                tokio::select! {
                    ended = one => ended?,
                    ended = other => ended?,
                }
            }),
            Self::TwoThreads => {
                thread::spawn(move || process::fail(self.run(one)));
                self.run(other)
            }
        }
    }
}
