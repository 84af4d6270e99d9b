//! Every method does what the async one does.

use std::thread;
use std::time::{Duration, Instant};

use hubless::blocking::{self, PollItem, Pub, Pull, Push, Rep, Req, Sub, poll};
use hubless::{
    CloseError, EndpointError, Event, Linger, RequestError, SendTimeoutError, SocketKind, TryRecvError,
    TrySendError, WaitError,
};

use crate::{LIMIT, MOMENT, Outcome};

/// An endpoint on each transport; the name within the process is the test's own.
fn everywhere(name: &str) -> [String; 3] {
    [
        "tcp://127.0.0.1:0".into(),
        "ipc://*".into(),
        format!("inproc://{name}"),
    ]
}

#[test]
fn messages_are_sent_and_received_in_every_way() -> Outcome {
    for at in everywhere("every-way") {
        let (pull, push) = (Pull::new(), Push::new());
        let endpoint = pull.bind(at.as_str())?;
        let peer = push.connect(&endpoint)?.wait()?;
        assert_eq!(peer.kind(), Some(SocketKind::Pull));
        assert_eq!(
            (push.endpoints(), pull.endpoints()),
            (vec![endpoint.clone()], vec![endpoint])
        );
        pull.peers().at_least(1)?;
        assert_eq!((pull.peers().count(), pull.peers().list().len()), (1, 1));

        push.send("send")?;
        push.try_send("try_send")?;
        push.send_timeout("send_timeout", LIMIT)?;
        push.wait_for(|push| push.reserve())??.send("reserve")?;
        push.send(("two", "frames"))?;
        for i in 0..4u8 {
            push.send(&[i])?;
        }

        assert_eq!(pull.recv()?, "send");
        assert_eq!(pull.recv_timeout(LIMIT)?, "try_send");
        assert_eq!(pull.recv_from()?.1, "send_timeout");
        assert_eq!(pull.messages().next().ok_or("it is open")?, "reserve");
        assert_eq!(pull.recv()?.len(), 2);
        let mut many = Vec::new();
        while many.len() < 4 {
            assert!(pull.recv_many(&mut many, 3)? <= 3);
        }
        assert_eq!(many, [[0u8], [1], [2], [3]]);
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(pull.stats().incoming.delivered.messages, 9);
        push.close()?;
        pull.close()?;
    }
    Ok(())
}

#[test]
fn what_does_not_come_in_time_is_given_up() -> Outcome {
    let (pull, push, rep, subscriber) = (Pull::new(), Push::new(), Rep::new(), Sub::new());
    let mut req = Req::new();
    // Before there is an endpoint nobody drives, and then somebody does.
    for _ in 0..2 {
        let begin = Instant::now();
        assert_eq!(pull.recv_timeout(MOMENT), Err(TryRecvError::Empty));
        assert_eq!(rep.recv_request_timeout(MOMENT).err(), Some(TryRecvError::Empty));
        assert_eq!(req.request_timeout("?", MOMENT), Err(RequestError::Timeout));
        assert_eq!(pull.peers().at_least_timeout(1, MOMENT), Err(WaitError::Timeout));
        assert_eq!(poll(&mut [PollItem::readable(&pull)], MOMENT), Ok(0));
        assert!(begin.elapsed() >= 5 * MOMENT);
        subscriber.subscribe("");
        pull.bind("tcp://127.0.0.1:0")?;
        rep.bind("tcp://127.0.0.1:0")?;
        req.bind("tcp://127.0.0.1:0")?;
    }
    assert_eq!(
        push.send_timeout("nobody", MOMENT),
        Err(SendTimeoutError::Timeout("nobody".into()))
    );
    assert_eq!(push.try_send("nobody"), Err(TrySendError::Full("nobody".into())));
    let publisher = Pub::new();
    assert_eq!(
        publisher.subscribers().at_least_timeout(1, MOMENT),
        Err(WaitError::Timeout)
    );
    assert_eq!(
        push.monitor().next_timeout(MOMENT).err(),
        Some(WaitError::Timeout)
    );
    Ok(())
}

#[test]
fn a_limit_of_zero_only_looks() -> Outcome {
    let (pull, push) = (Pull::new(), Push::new());
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    push.send("hello")?;
    assert_eq!(poll(&mut [PollItem::readable(&pull)], LIMIT)?, 1);
    assert_eq!(pull.recv_timeout(Duration::ZERO)?, "hello");
    assert_eq!(pull.recv_timeout(Duration::ZERO), Err(TryRecvError::Empty));
    assert_eq!(poll(&mut [PollItem::readable(&pull)], Duration::ZERO)?, 0);
    Ok(())
}

#[test]
fn questions_are_asked_and_answered() -> Outcome {
    for at in everywhere("questions") {
        let rep = Rep::new();
        let endpoint = rep.bind(at.as_str())?;
        let answering = thread::spawn(move || {
            let mut served = 0;
            while let Ok(request) = rep.recv_request() {
                assert_eq!(request.peer().kind(), Some(SocketKind::Req));
                let echo = request.message().clone();
                request.reply(echo).expect("it is open");
                served += 1;
                if served == 100 {
                    break;
                }
            }
            rep.close()
        });
        let mut req = Req::new();
        req.connect(&endpoint)?;
        for i in 0..100u8 {
            assert_eq!(req.request_timeout(&[i], LIMIT)?, [i]);
        }
        answering.join().map_err(|_| "it panicked")??;
    }
    Ok(())
}

#[test]
fn news_come_to_those_who_asked_for_them() -> Outcome {
    for at in everywhere("news") {
        let (publisher, subscriber) = (Pub::new(), Sub::new());
        subscriber.connect(&publisher.bind(at.as_str())?)?;
        subscriber.subscribe("a");
        subscriber.subscribe("b");
        assert!(subscriber.unsubscribe("b"));
        assert!(!subscriber.unsubscribe("c"));
        subscriber.subscribed()?;
        publisher.subscribers().to("a").at_least_timeout(1, LIMIT)?;
        publisher.subscribers().at_least(1)?;
        assert_eq!(publisher.subscribers().to("b").count(), 0);

        publisher.send("b not")?;
        publisher.send("a yes")?;
        assert_eq!(subscriber.recv()?, "a yes");
    }
    Ok(())
}

#[test]
fn a_publisher_that_never_waits_has_its_drivers_run() -> Outcome {
    let (publisher, subscriber) = (Pub::new(), Sub::new());
    subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
    subscriber.subscribe("");
    publisher.subscribers().at_least(1)?;
    let reading = thread::spawn(move || -> Result<u64, WaitError> {
        let mut received = 0;
        while subscriber.recv()? != "end" {
            received += 1;
        }
        Ok(received)
    });
    let published = 200_000;
    for _ in 0..published {
        publisher.send("news")?;
    }
    // The last one is not dropped: the others are out by then.
    while publisher.stats().outgoing.queued.messages > 0 {
        thread::yield_now();
    }
    publisher.send("end")?;
    let received = reading.join().map_err(|_| "it panicked")??;
    let dropped = publisher.stats().outgoing.dropped.total();
    assert_eq!(received + dropped, published);
    assert!(received > published / 10, "{received} of {published}");
    Ok(())
}

#[test]
fn endpoints_go_and_say_what_was_left() -> Outcome {
    let pull = Pull::new();
    let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    pull.unbind(&endpoint)?;
    assert_eq!(pull.unbind(&endpoint), Err(EndpointError::NotFound(endpoint)));

    let push: Push = Push::builder().linger(Linger::Discard).build()?.into();
    let nobody = push.connect("inproc://nobody")?.endpoint().clone();
    push.send("left")?;
    match push.disconnect(&nobody) {
        Err(EndpointError::Unsent(unsent)) => assert_eq!(unsent.messages(), 1),
        other => panic!("expected the message back, found {other:?}"),
    }
    push.connect(&nobody)?;
    push.send("left again")?;
    match push.close() {
        Err(CloseError::Unsent(unsent)) => assert!(unsent.into_messages().eq(["left again"])),
        other => panic!("expected the message back, found {other:?}"),
    }
    Ok(())
}

#[test]
fn events_are_told_in_order() -> Outcome {
    let pull = Pull::new();
    let mut events = pull.monitor();
    let push = Push::new();
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    assert!(matches!(events.next(), Some(Event::Listening { .. })));
    assert!(matches!(
        events.next_timeout(LIMIT)?,
        Some(Event::Accepted { .. })
    ));
    assert!(matches!(events.next(), Some(Event::HandshakeDone { .. })));
    pull.close()?;
    assert!(matches!(events.by_ref().last(), Some(Event::Closed)));
    assert!(events.next().is_none());
    assert!(events.next_timeout(LIMIT)?.is_none());
    Ok(())
}

#[test]
fn several_sockets_are_waited_for_at_once() -> Outcome {
    let (jobs, other_jobs, news, push) = (Pull::new(), Pull::new(), Sub::new(), Push::new());
    let endpoint = jobs.bind("tcp://127.0.0.1:0")?;
    other_jobs.bind("tcp://127.0.0.1:0")?;

    let mut items = [
        PollItem::readable(&jobs),
        PollItem::readable(&other_jobs),
        PollItem::readable(&news),
        PollItem::writable(&push),
    ];
    assert_eq!(poll(&mut items, MOMENT)?, 0);
    push.connect(&endpoint)?;
    assert_eq!(poll(&mut items, None)?, 1);
    assert!(items[3].is_writable());

    push.send("work")?;
    assert_eq!(poll(&mut items[..3], None)?, 1);
    assert!(items[0].is_readable() && !items[1].is_readable() && !items[0].is_writable());
    assert_eq!(jobs.try_recv()?, "work");
    assert_eq!(poll(&mut items[..3], MOMENT)?, 0);
    assert!(!items[0].is_readable());

    assert_eq!(poll(&mut [PollItem::either(&push)], None)?, 1);
    jobs.clone().close()?;
    assert_eq!(
        poll(&mut items[..3], None)?,
        1,
        "what is closed is ready to say so"
    );
    assert_eq!(jobs.try_recv(), Err(TryRecvError::Closed));
    Ok(())
}

#[test]
fn one_who_looked_and_went_takes_no_message_from_one_who_waits() -> Outcome {
    let (pull, other, push) = (Pull::new(), Pull::new(), Push::new());
    let endpoint = pull.bind("tcp://127.0.0.1:0")?;
    let mut items = [PollItem::readable(&pull), PollItem::readable(&other)];
    assert_eq!(
        poll(&mut items, MOMENT)?,
        0,
        "from now on it would be the first in the line"
    );

    thread::scope(|scope| {
        let receiving = scope.spawn(|| pull.recv_timeout(LIMIT));
        push.connect(&endpoint)?;
        push.send("hello")?;
        assert_eq!(receiving.join().map_err(|_| "it panicked")??, "hello");
        drop(items);
        Ok(())
    })
}

#[test]
fn a_socket_may_be_blocking_and_async_in_turn() -> Outcome {
    let (pull, push) = (Pull::new(), Push::new());
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
    let (pull, push) = (pull.into_async(), push.into_async());
    // Nobody is inside the runtime where these sockets live: it is looked after all the same.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        push.send("from there").await?;
        assert_eq!(pull.recv().await?, "from there");
        Ok::<(), hubless::Error>(())
    })?;
    let (pull, push) = (blocking::Pull::from(pull), blocking::Push::from(push));
    push.send("from here")?;
    assert_eq!(pull.recv()?, "from here");
    assert_eq!(push.as_async().stats().outgoing.accepted.messages, 2);
    Ok(())
}

#[test]
fn a_socket_of_a_running_runtime_is_waited_for_from_outside() -> Outcome {
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let (pull, push) = (hubless::Pull::new(), hubless::Push::new());
    let endpoint = home.block_on(pull.bind("tcp://127.0.0.1:0"))?;
    home.block_on(async { push.connect(&endpoint) })?;
    let (pull, push) = (Pull::from(pull), Push::from(push));
    assert_eq!(pull.recv_timeout(MOMENT), Err(TryRecvError::Empty));
    push.send("hello")?;
    assert_eq!(pull.recv()?, "hello");
    drop(home);
    assert_eq!(pull.recv(), Err(WaitError::Closed));
    Ok(())
}
