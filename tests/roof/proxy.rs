//! A proxy: what goes through, in which order, and who steers it.

use std::future::IntoFuture;

use hubless::{
    Dealer, DropReason, Pair, ProxyHandle, ProxyStatistics, Pub, Pull, Push, Rep, Req, Router, Sub,
    TryRecvError, XPub, XSub, kind, proxy,
};
use tokio::task::{JoinHandle, yield_now};

use crate::Outcome;

/// An endpoint on each transport; the name within the process is the test's own.
fn everywhere(name: &str) -> [[String; 2]; 3] {
    let inproc = |side| format!("inproc://{name}-{side}");
    [
        ["tcp://127.0.0.1:0"; 2].map(str::to_owned),
        ["ipc://*"; 2].map(str::to_owned),
        ["front", "back"].map(inproc),
    ]
}

/// A running proxy between a pipeline's two halves, and the two ends outside of it.
struct Pipeline {
    producer: Push,
    worker: Pull,
    front: Pull,
    back: Push,
    handle: ProxyHandle,
    running: JoinHandle<ProxyStatistics>,
}

impl Pipeline {
    async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        Self::with(|proxy| proxy).await
    }

    async fn with(
        build: impl FnOnce(hubless::Proxy<kind::Pull, kind::Push>) -> hubless::Proxy<kind::Pull, kind::Push>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let (front, back, producer, worker) = (Pull::new(), Push::new(), Push::new(), Pull::new());
        producer.connect(&front.bind("tcp://127.0.0.1:0").await?)?.await?;
        worker.connect(&back.bind("tcp://127.0.0.1:0").await?)?.await?;
        let proxy = build(proxy(front.clone(), back.clone()));
        let handle = proxy.handle();
        let running = tokio::spawn(proxy.into_future());
        Ok(Self {
            producer,
            worker,
            front,
            back,
            handle,
            running,
        })
    }

    /// Waits until so much lies before the proxy, and everybody has had some turns since.
    async fn queued(&self, messages: u64) {
        while self.front.stats().incoming.queued.messages < messages {
            yield_now().await;
        }
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_pipeline_goes_through_in_order_and_whole() -> Outcome {
    for at in everywhere("pipeline") {
        let (front, back, producer, worker) = (Pull::new(), Push::new(), Push::new(), Pull::new());
        producer.connect(&front.bind(at[0].as_str()).await?)?;
        worker.connect(&back.bind(at[1].as_str()).await?)?;
        let proxy = proxy(front, back);
        let handle = proxy.handle();
        let running = tokio::spawn(proxy.run());

        let sending = tokio::spawn(async move {
            for i in 0..5_000u32 {
                let body = vec![7; (i % 300) as usize];
                producer.send((&i.to_be_bytes()[..], body)).await?;
            }
            producer.close().await?;
            Ok::<(), hubless::Error>(())
        });
        for i in 0..5_000u32 {
            let [number, body] = worker.recv().await?.into_frames()?;
            assert_eq!(number, i.to_be_bytes());
            assert_eq!(body.len(), (i % 300) as usize);
        }
        sending.await??;
        handle.terminate();
        let statistics = running.await?;
        assert_eq!(statistics.front.received_messages, 5_000);
        assert_eq!(statistics.front.received_frames, 10_000);
        assert_eq!(statistics.back.sent_messages, 5_000);
        assert_eq!(statistics.back.sent_bytes, statistics.front.received_bytes);
        assert_eq!(statistics.back.received_messages, 0);
    }
    Ok(())
}

#[tokio::test]
async fn subscriptions_go_one_way_and_news_the_other() -> Outcome {
    for at in everywhere("news") {
        let (front, back) = (XSub::new(), XPub::new());
        let (publisher, subscriber) = (Pub::new(), Sub::new());
        publisher.connect(&front.bind(at[0].as_str()).await?)?;
        subscriber.connect(&back.bind(at[1].as_str()).await?)?;
        tokio::spawn(proxy(front, back).run());

        subscriber.subscribe("a");
        publisher.subscribers().to("a").at_least(1).await?;
        assert_eq!(
            publisher.subscribers().to("b").count(),
            0,
            "only what somebody wants"
        );
        publisher.send(("a", "yes")).await?;
        publisher.send(("b", "no")).await?;
        subscriber.subscribe("b");
        publisher.subscribers().to("b").at_least(1).await?;
        publisher.send(("b", "now")).await?;
        assert_eq!(subscriber.recv().await?.frame(1), Some(&b"yes"[..]));
        assert_eq!(subscriber.recv().await?.frame(1), Some(&b"now"[..]));

        subscriber.unsubscribe("a");
        while publisher.subscribers().to("a").count() > 0 {
            yield_now().await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn both_ways_have_their_turns() -> Outcome {
    for at in everywhere("turns") {
        let (front, back, left, right) = (Pair::new(), Pair::new(), Pair::new(), Pair::new());
        left.connect(&front.bind(at[0].as_str()).await?)?;
        right.connect(&back.bind(at[1].as_str()).await?)?;
        let running = proxy(front, back);
        let handle = running.handle();
        let running = tokio::spawn(running.run());

        async fn talk(socket: &Pair, name: &str) -> Result<(), hubless::Error> {
            for _ in 0..3_000 {
                socket.send(name).await?;
            }
            Ok(())
        }
        async fn hear(socket: &Pair, name: &str) -> Result<(), hubless::Error> {
            for _ in 0..3_000 {
                assert_eq!(socket.recv().await?, name);
            }
            Ok(())
        }
        tokio::try_join!(
            talk(&left, "left"),
            talk(&right, "right"),
            hear(&left, "right"),
            hear(&right, "left")
        )?;
        handle.terminate();
        let statistics = running.await?;
        assert_eq!(statistics.front.received_messages, 3_000);
        assert_eq!(statistics.front.sent_messages, 3_000);
        assert_eq!(statistics.back.received_bytes, 3_000 * 5);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_taken_for_which_there_is_no_room() -> Outcome {
    for at in everywhere("room") {
        let (front, back, producer, worker) = (Pull::new(), Push::new(), Push::new(), Pull::new());
        producer.connect(&front.bind(at[0].as_str()).await?)?;
        tokio::spawn(proxy(front.clone(), back.clone()).run());
        producer.send("early").await?;
        while front.stats().incoming.queued.messages == 0 {
            yield_now().await;
        }
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(
            front.stats().incoming.delivered.messages,
            0,
            "nobody is behind it"
        );
        worker.connect(&back.bind(at[1].as_str()).await?)?;
        assert_eq!(worker.recv().await?, "early");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_paused_waits_and_goes_on_when_resumed() -> Outcome {
    let line = Pipeline::new().await?;
    line.producer.send("before").await?;
    assert_eq!(line.worker.recv().await?, "before");

    line.handle.pause();
    yield_now().await;
    line.producer.send("meanwhile").await?;
    line.queued(1).await;
    assert_eq!(line.worker.try_recv(), Err(TryRecvError::Empty));
    line.handle.resume();
    assert_eq!(line.worker.recv().await?, "meanwhile");
    assert_eq!(line.handle.statistics().back.sent_messages, 2);
    Ok(())
}

#[tokio::test]
async fn while_it_is_paused_others_receive_in_its_place() -> Outcome {
    let line = Pipeline::new().await?;
    line.producer.send("through").await?;
    assert_eq!(line.worker.recv().await?, "through");
    line.handle.pause();
    yield_now().await;
    let front = line.front.clone();
    let other = tokio::spawn(async move { front.recv().await });
    yield_now().await;
    line.producer.send("for the other").await?;
    assert_eq!(other.await??, "for the other");
    Ok(())
}

#[tokio::test]
async fn it_ends_when_it_is_terminated_and_nothing_makes_it_run_again() -> Outcome {
    let line = Pipeline::new().await?;
    line.producer.send("one").await?;
    assert_eq!(line.worker.recv().await?, "one");
    line.handle.pause();
    line.handle.terminate();
    line.handle.resume();
    assert_eq!(line.running.await?.front.received_messages, 1);
    Ok(())
}

#[tokio::test]
async fn it_ends_when_one_of_its_sockets_is_closed() -> Outcome {
    let line = Pipeline::new().await?;
    line.front.close().await?;
    line.running.await?;

    let line = Pipeline::new().await?;
    line.back.close().await?;
    line.running.await?;

    // Also while it is paused, and while it waits for room on the other side.
    let line = Pipeline::new().await?;
    line.handle.pause();
    yield_now().await;
    line.front.close().await?;
    line.running.await?;
    let (front, back) = (Pull::new(), Push::new());
    let running = tokio::spawn(proxy(front.clone(), back).run());
    yield_now().await;
    front.close().await?;
    running.await?;
    Ok(())
}

#[tokio::test]
async fn a_copy_of_everything_goes_to_whoever_captures() -> Outcome {
    let (tap, listener) = (Push::new(), Pull::new());
    tap.bind("inproc://proxy-tap").await?;
    let line = Pipeline::with(|proxy| proxy.capture(tap)).await?;

    line.producer.send(("a", "b")).await?;
    line.queued(1).await;
    assert_eq!(
        line.worker.try_recv(),
        Err(TryRecvError::Empty),
        "a copy is made of everything"
    );
    listener.connect("inproc://proxy-tap")?;
    assert_eq!(line.worker.recv().await?, listener.recv().await?);

    let line = Pipeline::with(|proxy| proxy.capture(Pub::new())).await?;
    line.producer.send("nobody listens").await?;
    assert_eq!(line.worker.recv().await?, "nobody listens");
    Ok(())
}

#[tokio::test]
async fn commands_steer_it_over_a_rep() -> Outcome {
    let (control, mut steering) = (Rep::new(), Req::new());
    steering.connect(&control.bind("tcp://127.0.0.1:0").await?)?;
    let line = Pipeline::with(|proxy| proxy.control(control)).await?;
    line.producer.send(("four", "bytes")).await?;
    line.worker.recv().await?;

    let answer = steering.request("STATISTICS").await?;
    let numbers = answer
        .iter()
        .map(|frame| Ok(u64::from_ne_bytes(frame.try_into()?)));
    let numbers: Result<Vec<_>, Box<dyn std::error::Error>> = numbers.collect();
    assert_eq!(numbers?, [2, 9, 0, 0, 0, 0, 2, 9]);

    assert_eq!(steering.request("PAUSE").await?, "");
    line.producer.send("meanwhile").await?;
    line.queued(1).await;
    assert_eq!(line.worker.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(
        steering.request("nonsense").await?,
        "",
        "whoever asks is answered"
    );
    assert_eq!(steering.request(("RESUME", "and more")).await?, "");
    assert_eq!(line.worker.recv().await?, "meanwhile");
    assert_eq!(steering.request("TERMINATE").await?, "");
    line.running.await?;
    Ok(())
}

#[tokio::test]
async fn commands_steer_it_over_a_pair() -> Outcome {
    let (control, steering) = (Pair::new(), Pair::new());
    steering.connect(&control.bind("tcp://127.0.0.1:0").await?)?;
    let line = Pipeline::with(|proxy| proxy.control(control)).await?;
    steering.send("PAUSE").await?;
    steering.send("nonsense").await?;
    steering.send("STATISTICS").await?;
    assert_eq!(steering.recv().await?.len(), 8, "only this one is answered");
    steering.send("TERMINATE").await?;
    line.running.await?;
    Ok(())
}

#[tokio::test]
async fn a_control_socket_that_is_closed_leaves_the_proxy_running() -> Outcome {
    let control = Rep::new();
    let other_handle = control.clone();
    let line = Pipeline::with(|proxy| proxy.control(control)).await?;
    other_handle.close().await?;
    line.producer.send("still").await?;
    assert_eq!(line.worker.recv().await?, "still");
    line.handle.terminate();
    line.running.await?;
    Ok(())
}

#[tokio::test]
async fn what_the_other_side_may_not_send_is_dropped_and_missing_in_the_count() -> Outcome {
    let (front, producer, worker) = (Pull::new(), Push::new(), Pull::new());
    let back = Push::builder().max_message_size(10).build()?;
    producer.connect(&front.bind("tcp://127.0.0.1:0").await?)?;
    worker.connect(&back.bind("tcp://127.0.0.1:0").await?)?;
    let proxy = proxy(front, back);
    let handle = proxy.handle();
    tokio::spawn(proxy.run());
    producer.send("much too large").await?;
    producer.send("fits").await?;
    assert_eq!(worker.recv().await?, "fits");
    let statistics = handle.statistics();
    assert_eq!(statistics.front.received_messages, 2);
    assert_eq!(statistics.back.sent_messages, 1);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_leaves_takes_nothing_with_it_that_was_not_sent() -> Outcome {
    let (front, back, producer) = (Pull::new(), Push::new(), Push::new());
    producer.connect(&front.bind("tcp://127.0.0.1:0").await?)?;
    let at = back.bind("tcp://127.0.0.1:0").await?;
    tokio::spawn(proxy(front, back.clone()).run());
    // The proxy has taken room for the next message in the pipe of a peer that then leaves.
    let first = Pull::new();
    first.connect(&at)?.await?;
    producer.send("one").await?;
    assert_eq!(first.recv().await?, "one");
    first.close().await?;
    while back.peers().count() > 0 {
        yield_now().await;
    }
    producer.send("two").await?;
    for _ in 0..20 {
        yield_now().await;
    }
    let second = Pull::new();
    second.connect(&at)?;
    assert_eq!(second.recv().await?, "two");
    Ok(())
}

#[tokio::test]
async fn questions_go_through_and_answers_find_their_way_back() -> Outcome {
    for at in everywhere("questions") {
        let (front, back) = (Router::new(), Dealer::new());
        let (asked, answered) = (
            front.bind(at[0].as_str()).await?,
            back.bind(at[1].as_str()).await?,
        );
        let proxy = proxy(front, back);
        let handle = proxy.handle();
        let running = tokio::spawn(proxy.run());
        for _ in 0..2 {
            let rep = Rep::new();
            rep.connect(&answered)?;
            tokio::spawn(async move {
                while let Ok(request) = rep.recv_request().await {
                    let echo = request.message().clone();
                    request.reply(echo).await.expect("it is open");
                }
            });
        }
        let asking = (0..3u8).map(|who| {
            let mut req = Req::new();
            let asked = asked.clone();
            tokio::spawn(async move {
                req.connect(&asked)?;
                for number in 0..100u8 {
                    assert_eq!(req.request(&[who, number]).await?, [who, number]);
                }
                Ok::<(), hubless::Error>(())
            })
        });
        for asking in asking.collect::<Vec<_>>() {
            asking.await??;
        }
        handle.terminate();
        let statistics = running.await?;
        assert_eq!(statistics.front.received_messages, 300);
        assert_eq!(statistics.front.sent_messages, 300);
        assert_eq!(
            statistics.front.received_frames, 900,
            "the name, the delimiter and the question"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_for_whom_a_router_must_wait_waits() -> Outcome {
    let front = Router::builder().mandatory(true).send_hwm(1).build()?;
    let (back, server, client) = (
        Dealer::new(),
        Dealer::new(),
        Dealer::builder().recv_hwm(1).build()?,
    );
    client.connect(&front.bind("inproc://must-wait-front").await?)?;
    server.connect(&back.bind("inproc://must-wait-back").await?)?;
    tokio::spawn(proxy(front, back).run());
    client.send("who am I?").await?;
    let name = server.recv().await?.frame(0).ok_or("the name")?.to_vec();
    server.send(("nobody", "dropped")).await?;
    server.send("no body").await?;
    for number in 0..200u8 {
        server.send((&name[..], &[number][..])).await?;
    }
    for number in 0..200u8 {
        assert_eq!(client.recv().await?, [number]);
    }
    Ok(())
}

/// What a proxy has taken and cannot send goes with it, but not unseen.
#[tokio::test]
async fn what_is_held_back_when_it_ends_is_counted_as_dropped_and_missing_in_what_was_sent() -> Outcome {
    // Its room went with the worker.
    let (front, back, producer) = (Pull::new(), Push::new(), Push::new());
    producer.connect(&front.bind("inproc://held-front").await?)?;
    let at = back.bind("inproc://held-back").await?;
    let proxying = proxy(front.clone(), back.clone());
    let handle = proxying.handle();
    let running = tokio::spawn(proxying.run());
    let worker = Pull::new();
    worker.connect(&at)?.await?;
    producer.send("one").await?;
    assert_eq!(worker.recv().await?, "one");
    worker.close().await?;
    while back.peers().count() > 0 {
        yield_now().await;
    }
    producer.send("two").await?;
    while front.stats().incoming.delivered.messages < 2 {
        yield_now().await;
    }
    handle.terminate();
    let statistics = running.await?;
    assert_eq!(statistics.front.received_messages, 2);
    assert_eq!(statistics.back.sent_messages, 1);
    assert_eq!(back.stats().outgoing.dropped.by(DropReason::NoPeer), 1);

    // A router has to wait for the one whom it is for.
    let front = Router::builder().mandatory(true).send_hwm(1).build()?;
    let (back, server) = (Dealer::new(), Dealer::new());
    let client = Dealer::builder().recv_hwm(1).build()?;
    client.connect(&front.bind("inproc://held-router").await?)?;
    server.connect(&back.bind("inproc://held-dealer").await?)?;
    let proxying = proxy(front.clone(), back.clone());
    let handle = proxying.handle();
    let running = tokio::spawn(proxying.run());
    client.send("who am I?").await?;
    let name = server.recv().await?.frame(0).ok_or("the name")?.to_vec();
    for number in 0..200u8 {
        server.send((&name[..], &[number][..])).await?;
    }
    for _ in 0..1000 {
        yield_now().await;
    }
    handle.terminate();
    let (statistics, counted) = (running.await?, front.stats().outgoing);
    let taken = statistics.back.received_messages;
    assert!(taken < 200, "the client reads nothing");
    assert_eq!(statistics.front.sent_messages, taken - 1);
    assert_eq!(
        (counted.accepted.messages, counted.dropped.by(DropReason::Hwm)),
        (taken, 1)
    );
    Ok(())
}
