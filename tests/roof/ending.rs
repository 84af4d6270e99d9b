//! Closing while others wait, and what is left of threads: nothing.

use std::thread;

use hubless::blocking::{PollItem, poll};
use hubless::{RequestError, SendError, WaitError, kind};

use crate::{LIMIT, Outcome, context, socket_in, threads_called, wait_until};

#[test]
fn closing_ends_all_waiting() -> Outcome {
    let context = context("closing-ends");
    let (pull, push, publisher, subscriber, rep) = (
        socket_in::<kind::Pull>(&context),
        socket_in::<kind::Push>(&context),
        socket_in::<kind::Pub>(&context),
        socket_in::<kind::Sub>(&context),
        socket_in::<kind::Rep>(&context),
    );
    pull.bind("tcp://127.0.0.1:0")?;
    rep.bind("tcp://127.0.0.1:0")?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| pull.recv());
        let iterating = scope.spawn(|| pull.messages().count());
        let counting = scope.spawn(|| pull.peers().at_least(1));
        let polling = scope.spawn(|| poll(&mut [PollItem::readable(&pull)], LIMIT));
        let sending = scope.spawn(|| push.send("nobody"));
        let serving = scope.spawn(|| rep.recv_request().err());
        let looking = scope.spawn(|| publisher.subscribers().at_least(1));
        let subscribing = scope.spawn(|| subscriber.subscribed());
        // Those who wait are in the lines before the sockets close, or find them closed: both are right.
        pull.clone().close().expect("nothing is queued");
        push.clone().close().expect("nothing is queued");
        rep.clone().close().expect("nothing is queued");
        publisher.clone().close().expect("nothing is queued");
        subscriber.clone().close().expect("nothing is queued");
        assert_eq!(receiving.join().expect("no panic"), Err(WaitError::Closed));
        assert_eq!(iterating.join().expect("no panic"), 0);
        assert_eq!(counting.join().expect("no panic"), Err(WaitError::Closed));
        assert_eq!(polling.join().expect("no panic"), Ok(1));
        assert_eq!(
            sending.join().expect("no panic"),
            Err(SendError::Closed("nobody".into()))
        );
        assert_eq!(serving.join().expect("no panic"), Some(WaitError::Closed));
        assert_eq!(looking.join().expect("no panic"), Err(WaitError::Closed));
        assert_eq!(subscribing.join().expect("no panic"), Err(WaitError::Closed));
    });
    Ok(())
}

#[test]
fn a_request_that_is_under_way_hears_that_its_peer_has_gone() -> Outcome {
    let (here, there) = (context("asks"), context("goes"));
    let rep = socket_in::<kind::Rep>(&there);
    let mut req = socket_in::<kind::Req>(&here);
    req.connect(&rep.bind("tcp://127.0.0.1:0")?)?;
    let serving = thread::spawn(move || {
        let request = rep.recv_request().expect("one comes");
        rep.close().expect("nothing is queued");
        drop(request);
    });
    let lost = req.request_timeout("?", LIMIT);
    assert!(
        matches!(lost, Err(RequestError::ConnectionLost { sent: true, .. })),
        "{lost:?}"
    );
    serving.join().map_err(|_| "it panicked")?;
    Ok(())
}

#[test]
fn no_thread_is_left_when_the_last_socket_has_gone() -> Outcome {
    const NAME: &str = "no-thread-left";
    let context = context(NAME);
    for round in 0..10 {
        assert_eq!(threads_called(NAME), 0, "sockets without endpoints need nobody");
        let (pull, push) = (
            socket_in::<kind::Pull>(&context),
            socket_in::<kind::Push>(&context),
        );
        let peers = push.peers();
        push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
        push.send("hello")?;
        pull.recv()?;
        // A thread takes its name when it first runs.
        wait_until("one stands in for all sockets", || threads_called(NAME) == 1);
        // In any order, with and without closing, and with a view that outlives them.
        match round % 3 {
            0 => push.close()?,
            1 => drop(push),
            _ => {
                drop(pull);
                push.close()?;
                drop(peers);
                wait_until("the thread has ended", || threads_called(NAME) == 0);
                continue;
            }
        }
        pull.close()?;
        drop(peers);
        wait_until("the thread has ended", || threads_called(NAME) == 0);
    }
    Ok(())
}

#[test]
fn sockets_may_be_dropped_inside_a_runtime() -> Outcome {
    const NAME: &str = "dropped-inside";
    let context = context(NAME);
    let (pull, push) = (
        socket_in::<kind::Pull>(&context),
        socket_in::<kind::Push>(&context),
    );
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?.wait()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        drop(context);
        drop((pull, push));
    });
    wait_until("the thread has ended", || threads_called(NAME) == 0);
    Ok(())
}

#[test]
fn the_last_handle_may_go_while_its_own_thread_waits() -> Outcome {
    const NAME: &str = "while-it-waits";
    let pull = socket_in::<kind::Pull>(&context(NAME));
    let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    let waiting = thread::spawn(move || {
        let received = pull.recv();
        drop(pull);
        received
    });
    let push = socket_in::<kind::Push>(&context("another"));
    push.connect(&endpoint)?;
    push.send("hello")?;
    assert_eq!(waiting.join().map_err(|_| "it panicked")??, "hello");
    wait_until("the thread has ended", || threads_called(NAME) == 0);
    Ok(())
}
