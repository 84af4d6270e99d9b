//! libzmq as a contestant: plain C calls (`zmq_send`, `zmq_msg_recv`) on plain threads, default options.

use std::sync::Arc;
use std::thread;

use peers::libzmq::{Context, Msg, PollItem, Socket, SocketType, Wait, option, poll};

use super::Failure;
use super::case::{self, Case, Payload, Readers, Shape, Transport};
use super::contestant::Side;
use super::counters::{self, Lane};
use super::round_trips::RoundTrips;
use super::{process, subscribers};

/// libzmq with one I/O thread.
#[derive(Debug)]
pub struct Libzmq {
    /// Hands owned payloads over instead of copying them.
    pub by_reference: bool,
}

impl Side for Libzmq {
    fn send(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        match case.shape {
            Shape::Publish { .. } => publish(&context, case),
            Shape::Window { requests } => ask_many(&context, case.payload, requests),
            _ => {
                let pushes = sockets(
                    &context,
                    case,
                    SocketType::Push,
                    case.senders(),
                    case.sender_binds(),
                )?;
                push_from_all(pushes, self.payload(case))
            }
        }
    }

    fn receive(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        match case.shape {
            Shape::Publish {
                topics,
                readers: Readers::Own,
                subscribers,
            } => {
                let subs = sockets(&context, case, SocketType::Sub, subscribers, false)?;
                for (i, sub) in subs.iter().enumerate() {
                    sub.subscribe(case::topic(topics, i))?;
                }
                pull_from_all(&subs)
            }
            Shape::Publish { .. } => subscribers::receive(case),
            Shape::Window { .. } => answer_all(&context, case),
            _ => {
                let pulls = sockets(
                    &context,
                    case,
                    SocketType::Pull,
                    case.receivers(),
                    !case.sender_binds(),
                )?;
                match <[Socket; 1]>::try_from(pulls) {
                    Ok([pull]) => pull_all(pull, case.payload, counters::lane(0)),
                    Err(pulls) => pull_from_all(&pulls),
                }
            }
        }
    }

    fn send_and_receive(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        let (pull, push) = (
            context.socket(SocketType::Pull)?,
            context.socket(SocketType::Push)?,
        );
        push.connect(&pull.bind(&address(case))?)?;
        let payload = self.payload(case);
        thread::spawn(move || process::fail(push_all(push, payload, counters::uncounted())));
        pull_all(pull, payload, counters::lane(0))
    }

    fn ask(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        let req = context.socket(SocketType::Req)?;
        req.connect(&process::endpoint()?)?;
        ask(&req, case)
    }

    fn answer(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        let rep = context.socket(SocketType::Rep)?;
        process::tell_endpoint(&rep.bind(&address(case))?);
        answer(&rep)
    }

    fn ask_and_answer(&self, case: &Case) -> Result<(), Failure> {
        let context = context()?;
        let (rep, req) = (context.socket(SocketType::Rep)?, context.socket(SocketType::Req)?);
        req.connect(&rep.bind(&address(case))?)?;
        thread::spawn(move || process::fail(answer(&rep)));
        ask(&req, case)
    }
}

impl Libzmq {
    /// What is sent: `zmq_send` takes owned bytes for a slice.
    fn payload(&self, case: &Case) -> Payload {
        match case.payload {
            Payload::Owned(size) if !self.by_reference => Payload::Slice(size),
            payload => payload,
        }
    }
}

fn context() -> Result<Context, Failure> {
    let context = Context::new();
    context.set_max_sockets(2000)?;
    Ok(context)
}

/// libzmq writes `*` where others write port 0.
fn address(case: &Case) -> String {
    match case.transport {
        Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
        Transport::Ipc | Transport::Inproc => case.bind_address(),
    }
}

/// This side's sockets of a pipeline or a publication, bound or connected.
fn sockets(
    context: &Context,
    case: &Case,
    kind: SocketType,
    count: usize,
    bind: bool,
) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = context.socket(kind)?;
        if case.sealed {
            seal(&socket, bind)?;
        }
        if bind {
            process::tell_endpoint(&socket.bind(&address(case))?);
        } else {
            socket.connect(&process::endpoint()?)?;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

fn seal(socket: &Socket, serves: bool) -> Result<(), Failure> {
    let own = if serves { case::SERVER } else { case::CLIENT };
    if serves {
        socket.set(option::CURVE_SERVER, 1)?;
    } else {
        socket.set_bytes(option::CURVE_SERVERKEY, case::SERVER.0)?;
        socket.set_bytes(option::CURVE_PUBLICKEY, own.0)?;
    }
    socket.set_bytes(option::CURVE_SECRETKEY, own.1)?;
    Ok(())
}

/// Gives each socket a thread. One thread that takes them in turn, waiting only when none can send, is as fast.
fn push_from_all(sockets: Vec<Socket>, payload: Payload) -> Result<(), Failure> {
    let threads: Vec<_> = sockets
        .into_iter()
        .enumerate()
        .map(|(i, socket)| thread::spawn(move || push_all(socket, payload, counters::lane(i))))
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn push_all(push: Socket, payload: Payload, sent: &Lane) -> Result<(), Failure> {
    let frame = payload.frame();
    match payload {
        Payload::Slice(_) => loop {
            push.send_slice(&frame, Wait::Yes)?;
            sent.add(1);
        },
        Payload::Owned(_) => {
            let shared = Arc::new(frame);
            loop {
                push.send_msg(&mut Msg::shared(Arc::clone(&shared))?, Wait::Yes)?;
                sent.add(1);
            }
        }
        Payload::Parts { count, .. } => loop {
            for _ in 1..count {
                push.send_slice_more(&frame, Wait::Yes)?;
            }
            push.send_slice(&frame, Wait::Yes)?;
            sent.add(1);
        },
    }
}

fn pull_all(pull: Socket, payload: Payload, received: &Lane) -> Result<(), Failure> {
    let mut message = Msg::new();
    match payload {
        Payload::Slice(_) | Payload::Owned(_) => loop {
            pull.recv_into(&mut message, Wait::Yes)?;
            received.add(1);
        },
        Payload::Parts { .. } => loop {
            pull.recv_into(&mut message, Wait::Yes)?;
            received.add(u64::from(!message.more()));
        },
    }
}

/// Reads many sockets on one thread: waits for any, then takes what is there. A thread for each is slower.
fn pull_from_all(sockets: &[Socket]) -> Result<(), Failure> {
    let mut message = Msg::new();
    let mut items: Vec<_> = sockets.iter().map(PollItem::reading).collect();
    loop {
        poll(&mut items, None)?;
        for (socket, _) in sockets.iter().zip(&items).filter(|(_, item)| item.readable()) {
            while socket.recv_into(&mut message, Wait::No).is_ok() {
                counters::lane(0).add(1);
            }
        }
    }
}

fn publish(context: &Context, case: &Case) -> Result<(), Failure> {
    let Shape::Publish {
        subscribers, topics, ..
    } = case.shape
    else {
        return Err("this case publishes nothing".into());
    };
    // XPUB is the same code as PUB, and shows when the subscriptions have arrived.
    let publisher = context.socket(SocketType::XPub)?;
    publisher.set(option::XPUB_VERBOSE, 1)?;
    process::tell_endpoint(&publisher.bind(&address(case))?);
    for _ in 0..subscribers {
        publisher.recv()?;
    }
    let messages = case::publications(case.payload, topics, subscribers);
    loop {
        for message in &messages {
            publisher.send_slice(message, Wait::Yes)?;
            counters::lane(0).add(1);
        }
    }
}

fn ask(req: &Socket, case: &Case) -> Result<(), Failure> {
    let request = case.payload.frame();
    let mut reply = Msg::new();
    let mut round_trips = RoundTrips::new();
    while round_trips.wanted() {
        req.send_slice(&request, Wait::Yes)?;
        req.recv_into(&mut reply, Wait::Yes)?;
        round_trips.done();
    }
    round_trips.tell()
}

/// Asks again whenever an answer comes.
fn ask_many(context: &Context, payload: Payload, requests: usize) -> Result<(), Failure> {
    let dealer = context.socket(SocketType::Dealer)?;
    dealer.connect(&process::endpoint()?)?;
    let request = payload.frame();
    for _ in 0..requests {
        dealer.send_slice(&request, Wait::Yes)?;
    }
    let mut answer = Msg::new();
    loop {
        dealer.recv_into(&mut answer, Wait::Yes)?;
        counters::lane(0).add(1);
        dealer.send_slice(&request, Wait::Yes)?;
    }
}

fn answer_all(context: &Context, case: &Case) -> Result<(), Failure> {
    let router = context.socket(SocketType::Router)?;
    process::tell_endpoint(&router.bind(&address(case))?);
    let (mut from, mut request) = (Msg::new(), Msg::new());
    loop {
        router.recv_into(&mut from, Wait::Yes)?;
        router.recv_into(&mut request, Wait::Yes)?;
        router.send_slice_more(from.bytes(), Wait::Yes)?;
        router.send_msg(&mut request, Wait::Yes)?;
        counters::lane(0).add(1);
    }
}

fn answer(rep: &Socket) -> Result<(), Failure> {
    let mut request = Msg::new();
    loop {
        rep.recv_into(&mut request, Wait::Yes)?;
        rep.send_slice(request.bytes(), Wait::Yes)?;
    }
}
