//! A context with threads of its own.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use futures::executor::block_on;
use hubless::{Context, Pull, Push, blocking, kind};

use crate::{LIMIT, Outcome, socket_in, threads_called, wait_until};

#[test]
fn sockets_need_no_runtime_and_are_dealt_out_over_the_threads() -> Outcome {
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let started = numbers.clone();
    let context = Context::builder()
        .io_threads(2)
        .thread_name("dealt-out")
        .on_thread_start(move |number| {
            let name = thread::current().name().map(str::to_owned);
            started.lock().expect("no panic").push((number, name));
        })
        .build()?;
    wait_until("both have started", || {
        numbers.lock().expect("no panic").len() == 2
    });
    let mut numbers = numbers.lock().expect("no panic").clone();
    numbers.sort();
    assert_eq!(
        numbers,
        [
            (0, Some("dealt-out-0".to_owned())),
            (1, Some("dealt-out-1".to_owned()))
        ]
    );

    block_on(async {
        let pull = Pull::builder().context(&context).build()?;
        let push = Push::builder().context(&context).build()?;
        push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
        push.send("hello").await?;
        assert_eq!(pull.recv().await?, "hello");
        assert_eq!(
            pull.recv_timeout(crate::MOMENT).await,
            Err(hubless::TryRecvError::Empty)
        );
        push.close().await?;
        Ok::<(), Box<dyn std::error::Error>>(())
    })
}

#[test]
fn its_threads_drive_for_plain_threads_too() -> Outcome {
    let context = Context::builder()
        .io_threads(1)
        .thread_name("they-drive")
        .build()?;
    let (pull, push) = (
        socket_in::<kind::Pull>(&context),
        socket_in::<kind::Push>(&context),
    );
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?.wait()?;
    assert_eq!(
        pull.recv_timeout(crate::MOMENT),
        Err(hubless::TryRecvError::Empty)
    );
    let sending = thread::spawn({
        let push = push.clone();
        move || (0..5_000).try_for_each(|_| push.send("hello"))
    });
    for _ in 0..5_000 {
        assert_eq!(pull.recv()?, "hello");
    }
    sending.join().map_err(|_| "it panicked")??;
    assert_eq!(threads_called("they-drive"), 1, "nobody else is needed");
    push.close()?;
    Ok(())
}

#[test]
fn a_program_that_computes_does_not_hold_up_its_sockets() -> Outcome {
    let context = Context::builder().io_threads(1).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let push = Push::builder().context(&context).build()?;
        let endpoint = push.bind("tcp://127.0.0.1:0").await?;
        let (received, receive) = mpsc::channel();
        thread::spawn(move || {
            let pull = blocking::Pull::new();
            pull.connect(&endpoint).expect("it is an endpoint");
            received.send(pull.recv()).expect("it is awaited");
        });
        // This runtime's only thread does nothing else from here on: the peer is let in and served all the same.
        while push.try_send("hello").is_err() {
            thread::yield_now();
        }
        assert_eq!(receive.recv_timeout(LIMIT)??, "hello");
        Ok(())
    })
}

#[test]
fn the_threads_end_with_the_last_handle_wherever_that_is_dropped() -> Outcome {
    const NAME: &str = "they-end";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for round in 0..6 {
        let context = Context::builder().io_threads(2).thread_name(NAME).build()?;
        wait_until("they have started", || threads_called(NAME) == 2);
        let pull = Pull::builder().context(&context).build()?;
        let push = Push::builder().context(&context).build()?;
        drop(context);
        block_on(async {
            push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?.await?;
            push.send("hello").await?;
            pull.recv().await?;
            Ok::<(), hubless::Error>(())
        })?;
        assert_eq!(threads_called(NAME), 2, "sockets keep them");
        match round % 3 {
            0 => drop((pull, push)),
            1 => runtime.block_on(async { drop((push, pull)) }),
            _ => block_on(async {
                push.close().await?;
                pull.close().await
            })?,
        }
        wait_until("they have ended", || threads_called(NAME) == 0);
    }
    Ok(())
}

#[test]
fn a_context_without_sockets_ends_its_threads_too() -> Outcome {
    const NAME: &str = "no-sockets";
    let context = Context::builder().io_threads(3).thread_name(NAME).build()?;
    wait_until("they have started", || threads_called(NAME) == 3);
    drop(context.clone());
    drop(context);
    wait_until("they have ended", || threads_called(NAME) == 0);
    Ok(())
}

#[test]
fn a_name_that_is_still_bound_does_not_keep_the_threads() -> Outcome {
    const NAME: &str = "still-bound";
    let context = Context::builder().io_threads(1).thread_name(NAME).build()?;
    let (pull, push) = (
        socket_in::<kind::Pull>(&context),
        socket_in::<kind::Push>(&context),
    );
    pull.bind("inproc://name")?;
    push.connect("inproc://name")?.wait()?;
    push.connect("inproc://nobody")?;
    drop((context, push, pull));
    wait_until("they have ended", || threads_called(NAME) == 0);
    Ok(())
}
