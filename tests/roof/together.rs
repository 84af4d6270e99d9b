//! Many threads at once, and programs in which nobody waits.

use std::thread;
use std::time::Instant;

use hubless::blocking::{Pull, Push, Rep, Req};
use hubless::{Heartbeat, TryRecvError, kind};

use crate::{LIMIT, MOMENT, Outcome, context, socket_in, wait_until};

#[test]
fn threads_share_a_socket_and_each_message_goes_to_one() -> Outcome {
    const SENDERS: u64 = 3;
    const EACH: u64 = 20_000;
    let pull = Pull::new();
    let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    let push = Push::new();
    push.connect(&endpoint)?;

    let receiving: Vec<_> = (0..3)
        .map(|_| {
            let pull = pull.clone();
            thread::spawn(move || pull.messages().map(|_| 1).sum::<u64>())
        })
        .collect();
    let sending: Vec<_> = (0..SENDERS)
        .map(|_| {
            let push = push.clone();
            thread::spawn(move || (0..EACH).try_for_each(|i| push.send(&i.to_be_bytes())))
        })
        .collect();
    for sender in sending {
        sender.join().map_err(|_| "it panicked")??;
    }
    push.close()?;
    wait_until("all is delivered", || {
        pull.stats().incoming.delivered.messages == SENDERS * EACH
    });
    pull.close()?;
    let received: Result<Vec<_>, _> = receiving.into_iter().map(thread::JoinHandle::join).collect();
    assert_eq!(
        received.map_err(|_| "it panicked")?.iter().sum::<u64>(),
        SENDERS * EACH
    );
    Ok(())
}

#[test]
fn pairs_of_threads_hand_the_lease_to_one_another() -> Outcome {
    let pairs: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(|| -> Result<(), hubless::Error> {
                let rep = Rep::new();
                let endpoint = rep.bind("tcp://127.0.0.1:0")?;
                let answering = thread::spawn(move || {
                    while let Ok(request) = rep.recv_request() {
                        if *request.message() == "end" {
                            return request.reply("end");
                        }
                        request.reply("yes")?;
                    }
                    Ok(())
                });
                let mut req = Req::new();
                req.connect(&endpoint)?;
                for _ in 0..2_000 {
                    assert_eq!(req.request_timeout("?", LIMIT)?, "yes");
                }
                assert_eq!(req.request_timeout("end", LIMIT)?, "end");
                Ok(answering.join().expect("it does not panic")?)
            })
        })
        .collect();
    for pair in pairs {
        pair.join().map_err(|_| "it panicked")??;
    }
    Ok(())
}

#[test]
fn a_thread_that_goes_leaves_its_work_to_the_one_that_waits() -> Outcome {
    let (first, second, push) = (Pull::new(), Pull::new(), Push::new());
    let endpoint = first.bind("tcp://127.0.0.1:0")?;
    second.bind("tcp://127.0.0.1:0")?;
    for _ in 0..50 {
        // One of the two drives; whichever it is, the other's time must come.
        thread::scope(|scope| {
            let short = scope.spawn(|| second.recv_timeout(MOMENT));
            let long = scope.spawn(|| first.recv_timeout(LIMIT));
            assert_eq!(short.join().expect("it does not panic"), Err(TryRecvError::Empty));
            if push.endpoints().is_empty() {
                push.connect(&endpoint).expect("it is an endpoint");
            }
            push.send("hello").expect("it is open");
            assert_eq!(long.join().expect("it does not panic"), Ok("hello".into()));
        });
    }
    Ok(())
}

#[test]
fn what_is_left_behind_goes_out_though_nobody_waits() -> Outcome {
    let (here, there) = (context("left-here"), context("left-there"));
    let pull = socket_in::<kind::Pull>(&there);
    let push = socket_in::<kind::Push>(&here);
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?.wait()?;
    // More than the mark: the sender has driven in between, and leaves the rest.
    for burst in [1, 10, 2_500] {
        let sending = thread::spawn({
            let push = push.clone();
            move || (0..burst).try_for_each(|_| push.send("in time"))
        });
        for _ in 0..burst {
            assert_eq!(pull.recv_timeout(LIMIT)?, "in time");
        }
        sending.join().map_err(|_| "it panicked")??;
    }
    Ok(())
}

#[test]
fn peers_are_let_in_and_heard_though_nobody_waits() -> Outcome {
    let (here, there) = (context("heard-here"), context("heard-there"));
    let pull = socket_in::<kind::Pull>(&there);
    let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    let push = Push::builder()
        .context(&here)
        .heartbeat(Heartbeat::every(100 * MOMENT))
        .build()?;
    let push = Push::from(push);
    let mut events = push.monitor();
    push.connect(&endpoint)?.wait()?;
    push.send("hello")?;
    wait_until("it has been read", || pull.stats().incoming.queued.messages == 1);
    // It pings, and gives up whoever does not answer: the peer does, though nobody calls anything there.
    let begin = Instant::now();
    while begin.elapsed() < 500 * MOMENT {
        if let Ok(Some(event)) = events.next_timeout(100 * MOMENT) {
            assert!(!matches!(event, hubless::Event::Disconnected { .. }), "{event}");
        }
    }
    assert_eq!(pull.try_recv()?, "hello");
    Ok(())
}

#[test]
fn a_socket_that_is_dropped_sends_what_it_has() -> Outcome {
    let (here, there) = (context("dropped-here"), context("dropped-there"));
    let pull = socket_in::<kind::Pull>(&there);
    let push = socket_in::<kind::Push>(&here);
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    for _ in 0..100 {
        push.send("bequest")?;
    }
    drop((push, here));
    for _ in 0..100 {
        assert_eq!(pull.recv_timeout(LIMIT)?, "bequest");
    }
    Ok(())
}
