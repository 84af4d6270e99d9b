//! G10: an end in good order, and never a long one.

use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use hubless::{DropReason, Linger, Pull, Push, Rep};
use peers::libzmq::{Error, SocketType, option};
use tokio::runtime::{Builder, Runtime};

use crate::libzmq::Zmq;
use crate::{DEADLINE, soon, until};

const REPLIES: u64 = 100;

/// A libzmq DEALER goes on asking while we close, and has not read our replies yet, of which the two kernels hold most: it
/// gets every one. Over tcp a careless close would take them back with a reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g10_close_loses_nothing_with_unread_input() {
    for _ in 0..5 {
        let rep = Rep::builder().recv_hwm(5).build().expect("a mark");
        let at = rep.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let (read, may_read) = mpsc::channel::<()>();
        let zmq = Zmq::new(SocketType::Dealer, move |_, dealer, _| {
            dealer.set(option::RCVHWM, 1).expect("an option");
            // It need not come back: there would be nobody.
            dealer.set(option::RECONNECT_IVL, 60_000).expect("an option");
            dealer.connect(at.as_str()).expect("it connects");
            let start = Instant::now();
            let (mut came, mut reads) = (0, false);
            while came < REPLIES && start.elapsed() < DEADLINE / 3 {
                match dealer.try_send(&[vec![], vec![1; 500]]) {
                    Ok(()) => {}
                    Err(error) => assert!(Error::would_block(&error), "{error}"),
                }
                reads |= may_read.try_recv().is_ok();
                while reads && let Ok(reply) = dealer.try_recv() {
                    assert_eq!(reply[1], vec![2; 2000], "whole");
                    came += 1;
                }
            }
            came
        });
        for _ in 0..REPLIES {
            let request = soon("a request", rep.recv_request()).await.expect("it is open");
            soon("a reply", request.reply(vec![2; 2000]))
                .await
                .expect("it is open");
        }
        let handle = rep.clone();
        let reading = async {
            until("the last reply to be handed over", || {
                handle.stats().outgoing.queued.messages == 0
            })
            .await;
            read.send(()).expect("libzmq's side lives");
        };
        let (closed, ()) = tokio::join!(soon("closing", rep.close()), reading);
        closed.expect("all of it goes");
        assert_eq!(zmq.ends().await, REPLIES);
    }
}

/// A PUSH that waits for ever, with a queue that never goes: nobody listens there, or whoever listens does not read.
async fn stuck() -> (Push, tokio::net::TcpListener) {
    let push = Push::builder()
        .linger(Linger::Forever)
        .build()
        .expect("no contradiction");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("it listens");
    drop(push.connect(format!("tcp://{address}")).expect("an endpoint"));
    drop(push.connect("tcp://127.0.0.1:1").expect("an endpoint"));
    for _ in 0..100 {
        push.send(vec![1; 10_000]).await.expect("it queues");
    }
    (push, listener)
}

/// In a thread of its own, so that one that hangs fails.
fn ends(what: &str, work: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    let worker = thread::spawn(move || {
        work();
        let _ = tell.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(DEADLINE) {
        panic!("{what} hangs");
    }
    worker.join().expect("no panic");
}

fn runtimes() -> [Runtime; 2] {
    let mut many = Builder::new_multi_thread();
    [&mut Builder::new_current_thread(), many.worker_threads(2)]
        .map(|builder| builder.enable_all().build().expect("a runtime"))
}

#[test]
fn g10_dropping_a_socket_never_blocks() {
    for runtime in runtimes() {
        ends("a drop", move || {
            // Within the runtime, where nothing could run while it blocked; and from outside.
            runtime.block_on(async { drop(stuck().await) });
            let outside = runtime.block_on(stuck());
            drop(outside.0);
        });
    }
}

#[test]
fn g10_the_end_of_a_runtime_never_hangs() {
    for runtime in runtimes() {
        ends("the end of a runtime", move || {
            let open = runtime.block_on(stuck());
            runtime.block_on(async { drop(stuck().await) });
            let closing = runtime.block_on(stuck()).0;
            let closing = runtime.spawn(closing.close());
            runtime.block_on(tokio::task::yield_now());
            let waiting = open.0.clone();
            let waiting = thread::spawn(move || {
                let own = Builder::new_current_thread().build().expect("a runtime");
                // Waits at the mark at last, on a runtime of its own, and is told.
                own.block_on(async { while waiting.send(vec![1; 100_000]).await.is_ok() {} });
            });
            drop(runtime);
            waiting.join().expect("no panic");
            drop(closing);
            let balance = open.0.stats().outgoing;
            assert_eq!(
                balance.accepted.messages,
                balance.handed_over.messages + balance.dropped.total(),
                "{balance:?}"
            );
        });
    }
}

/// What waits when the runtime goes is counted as that, whatever the way, and no peer is left.
#[test]
fn g10_the_end_of_a_runtime_leaves_no_peer_and_no_queue() {
    for place in ["tcp://127.0.0.1:*", "ipc://*", "inproc://g10-runtime"] {
        for push_binds in [true, false] {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            let push = Push::new();
            let pull = Pull::builder().recv_hwm(2).build().expect("a mark");
            let peer = runtime.block_on(async {
                if push_binds {
                    let at = push.bind(place).await.expect("a free place");
                    drop(pull.connect(at).expect("an endpoint"));
                } else {
                    let at = pull.bind(place).await.expect("a free place");
                    drop(push.connect(at).expect("an endpoint"));
                }
                soon("a peer", push.peers().at_least(1))
                    .await
                    .expect("it is open");
                soon("a queue", async {
                    while push.stats().outgoing.queued.messages < 5 {
                        push.send(vec![1; 100_000]).await.expect("it is open");
                        tokio::task::yield_now().await;
                    }
                })
                .await;
                push.peers().list().remove(0)
            });
            drop(runtime);
            assert_eq!((push.peers().count(), pull.peers().count()), (0, 0), "{place}");
            let out = push.stats().outgoing;
            assert_eq!(out.queued.messages, 0, "{place}: {out:?}");
            assert!(out.dropped.by(DropReason::RuntimeGone) > 0, "{place}: {out:?}");
            assert_eq!(
                out.accepted.messages,
                out.handed_over.messages + out.dropped.total(),
                "{place}: {out:?}"
            );
            if push_binds {
                assert_eq!(peer.stats().outgoing, out, "{place}");
            }
        }
    }
}
