//! A socket lives on the runtime of its first endpoint, and may be used from anywhere: from other runtimes, and from
//! threads that have none.

use std::error::Error;
use std::time::Duration;

use futures::executor::block_on;
use futures::{SinkExt, StreamExt};
use hubless::{Event, Pub, Pull, Push, Rep, Req, SendTimeoutError, Sub, TryRecvError};
use tokio::runtime::{Builder, Runtime};

type Outcome = Result<(), Box<dyn Error>>;

/// Long for anything that is to happen.
const LIMIT: Duration = Duration::from_secs(30);

/// Short for anything that is not.
const MOMENT: Duration = Duration::from_millis(1);

/// A runtime that runs by itself.
fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_thread_without_a_runtime_can_do_everything() -> Outcome {
    let home = runtime();
    let (pull, push) = (Pull::new(), Push::new());
    let mut monitor = pull.monitor();
    home.block_on(pull.bind("inproc://the-first-endpoint-of-both"))?;
    home.block_on(async { push.connect("inproc://the-first-endpoint-of-both") })?;

    block_on(async {
        // A name has to be looked up, and the lock of a directory may have to be waited for.
        for at in ["tcp://127.0.0.1:0", "tcp://localhost:0", "ipc://*"] {
            let endpoint = pull.bind(at).await?;
            push.connect(&endpoint)?.await?;
            push.disconnect(&endpoint).await?;
            pull.unbind(&endpoint).await?;
        }
        pull.peers().at_least(1).await?;
        push.send("one").await?;
        push.send_timeout("two", LIMIT).await?;
        push.reserve().await?.send("three")?;
        push.sink().send("four").await?;
        assert_eq!(pull.recv().await?, "one");
        assert_eq!(pull.recv_timeout(LIMIT).await?, "two");
        assert_eq!(pull.recv_from().await?.1, "three");
        assert_eq!(pull.messages().next().await.expect("it is open"), "four");
        assert_eq!(pull.recv_timeout(MOMENT).await, Err(TryRecvError::Empty));
        push.close().await?;
        pull.close().await?;
        while !matches!(monitor.next().await, Some(Event::Closed)) {}
        Ok(())
    })
}

#[test]
fn a_thread_without_a_runtime_can_ask_answer_publish_and_subscribe() -> Outcome {
    let home = runtime();
    let (rep, mut req, publisher, subscriber) = (Rep::new(), Req::new(), Pub::new(), Sub::new());
    let at = home.block_on(rep.bind("tcp://127.0.0.1:0"))?;
    home.block_on(async { req.connect(&at) })?;
    let at = home.block_on(publisher.bind("tcp://127.0.0.1:0"))?;
    home.block_on(async { subscriber.connect(&at) })?;

    block_on(async {
        let (reply, replied) = futures::join!(req.request("?"), async {
            rep.recv_request().await?.reply("!").await?;
            Ok::<(), hubless::Error>(())
        });
        replied?;
        assert_eq!(reply?, "!");

        subscriber.subscribe("news");
        subscriber.subscribed().await?;
        publisher.subscribers().to("news").at_least(1).await?;
        publisher.send("news of today").await?;
        assert_eq!(subscriber.recv().await?, "news of today");
        Ok(())
    })
}

#[test]
fn without_a_runtime_a_limit_on_waiting_is_kept_by_the_clock_of_the_sockets_own() -> Outcome {
    let home = runtime();
    let push = Push::builder().send_hwm(1).build()?;
    home.block_on(async { push.connect("inproc://nobody-ever") })?;
    block_on(push.send("fills the queue"))?;
    let error = block_on(push.send_timeout("too much", MOMENT)).expect_err("there is no room");
    assert!(matches!(error, SendTimeoutError::Timeout(_)));
    Ok(())
}

#[test]
fn what_is_bound_from_another_runtime_outlives_that_runtime() -> Outcome {
    let home = runtime();
    let pull = Pull::new();
    home.block_on(pull.bind("tcp://127.0.0.1:0"))?;
    for at in ["tcp://127.0.0.1:0", "tcp://localhost:0", "ipc://*"] {
        let guest = runtime();
        let endpoint = guest.block_on(pull.bind(at))?;
        drop(guest);
        home.block_on(async {
            let push = Push::new();
            push.connect(&endpoint)?;
            push.send_timeout("is anybody there?", LIMIT).await?;
            assert_eq!(pull.recv_timeout(LIMIT).await?, "is anybody there?");
            Ok::<(), hubless::Error>(())
        })?;
    }
    Ok(())
}

#[test]
fn what_is_connected_from_another_runtime_outlives_that_runtime() -> Outcome {
    let home = runtime();
    let (pull, push) = (Pull::new(), Push::new());
    let endpoint = home.block_on(pull.bind("tcp://127.0.0.1:0"))?;
    home.block_on(async { push.connect("inproc://nobody-ever") })?;
    let guest = runtime();
    guest.block_on(async { push.connect(&endpoint)?.await.map_err(hubless::Error::from) })?;
    drop(guest);
    home.block_on(async {
        for number in ["first", "second"] {
            push.send(number).await?;
        }
        pull.recv_timeout(LIMIT).await?;
        Ok::<(), hubless::Error>(())
    })?;
    Ok(())
}

#[test]
fn a_first_endpoint_needs_a_runtime_and_says_so() {
    let pull = Pull::new();
    let error = block_on(pull.bind("tcp://127.0.0.1:0")).expect_err("there is no runtime");
    assert_eq!(
        error.to_string(),
        "cannot bind tcp://127.0.0.1:0: no tokio runtime is running here"
    );
    let error = pull
        .connect("tcp://127.0.0.1:9")
        .expect_err("there is no runtime");
    assert_eq!(
        error.to_string(),
        "cannot connect to tcp://127.0.0.1:9: no tokio runtime is running here"
    );
}
