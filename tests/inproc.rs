//! `inproc://` through the public API: names and contexts, waiting for a binder, marks and counters, events, ends.

// A connection on its way is handed out of the runtime that it belongs to.
#![allow(clippy::async_yields_async)]

use std::future::Future;
use std::io;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use hubless::{
    BindError, ConnectError, Context, DisconnectReason, DropReason, EndpointError, Event, Linger, Message,
    Monitor, ProtocolError, Pull, Push, SocketKind,
};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

/// Far more than anything here takes: a test that would hang fails instead.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it does not take for ever")
}

/// Lets the tasks of the sockets run until `condition` holds.
async fn until(mut condition: impl FnMut() -> bool) {
    soon(async {
        while !condition() {
            yield_now().await;
        }
    })
    .await;
}

fn push(context: &Context) -> Push {
    Push::builder()
        .context(context)
        .build()
        .expect("no contradiction")
}

fn pull(context: &Context) -> Pull {
    Pull::builder()
        .context(context)
        .build()
        .expect("no contradiction")
}

/// A PULL bound and a PUSH connected to `inproc://a`.
async fn pair(context: &Context) -> (Push, Pull) {
    let (push, pull) = (push(context), pull(context));
    pull.bind("inproc://a").await.expect("a free name");
    let connecting = push.connect("inproc://a").expect("an endpoint");
    soon(connecting).await.expect("it is bound");
    (push, pull)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

async fn event(monitor: &mut Monitor) -> Event {
    soon(monitor.next()).await.expect("the socket is not closed")
}

// ---- names ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn two_sockets_meet_by_name() {
    let (push, pull) = pair(&Context::new()).await;
    push.send("one").await.expect("a peer");
    push.send(("two", "frames")).await.expect("a peer");
    assert_eq!(soon(pull.recv()).await.expect("sent"), "one");
    let [first, second] = soon(pull.recv()).await.expect("sent").into_frames().expect("two");
    assert_eq!((&first[..], &second[..]), (&b"two"[..], &b"frames"[..]));
}

#[tokio::test]
async fn sockets_without_a_context_share_one() {
    let (push, pull) = (Push::new(), Pull::new());
    let endpoint = pull.bind("inproc://shared by default").await.expect("free");
    assert_eq!(endpoint.to_string(), "inproc://shared by default");
    soon(push.connect(&endpoint).expect("an endpoint"))
        .await
        .expect("bound");
    push.send("hello").await.expect("a peer");
    assert_eq!(soon(pull.recv()).await.expect("sent"), "hello");
    // Not seen from a context of its own.
    pair(&Context::new()).await;
    pull_binds(&Context::new(), "inproc://shared by default").await;
}

async fn pull_binds(context: &Context, at: &str) -> Pull {
    let pull = pull(context);
    pull.bind(at).await.expect("a free name");
    pull
}

#[tokio::test]
async fn a_taken_name_is_an_address_in_use() {
    let context = Context::new();
    let first = pull_binds(&context, "inproc://a").await;
    let second = pull(&context);
    let error = second.bind("inproc://a").await.expect_err("it is taken");
    assert!(matches!(&error, BindError::Io { source, .. } if source.kind() == io::ErrorKind::AddrInUse));
    assert_eq!(error.to_string(), "cannot bind inproc://a: address in use");
    // The same socket has no second claim to it either, and the failure changed nothing.
    assert!(first.bind("inproc://a").await.is_err());
    second.bind("inproc://b").await.expect("a free name");
    assert_eq!(second.endpoints().len(), 1);
}

#[tokio::test]
async fn a_name_is_free_when_its_socket_unbinds_or_closes() {
    let context = Context::new();
    let pull = pull(&context);
    let endpoint = pull.bind("inproc://a").await.expect("free at first");
    soon(pull.unbind(&endpoint)).await.expect("bound");
    pull.bind("inproc://a").await.expect("free after unbind");
    soon(pull.close()).await.expect("nothing unsent");
    pull_binds(&context, "inproc://a").await;
    // Dropped just now: the name goes with the socket's task.
    let mut last = self::pull(&context);
    soon(async {
        while last.bind("inproc://a").await.is_err() {
            last = self::pull(&context);
            yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_last_binder_had_no_room_for_goes_to_the_next() {
    let context = Context::new();
    let push = push(&context);
    push.connect("inproc://a").expect("an endpoint");
    let narrow = Pull::builder()
        .context(&context)
        .recv_hwm(4)
        .build()
        .expect("one mark");
    narrow.bind("inproc://a").await.expect("a free name");
    for i in 0..10u8 {
        push.send(&[i]).await.expect("room");
    }
    until(|| narrow.stats().incoming.queued.messages == 4).await;
    for i in 0..3u8 {
        assert_eq!(soon(narrow.recv()).await.expect("sent"), [i]);
    }
    until(|| push.stats().outgoing.handed_over.messages >= 5).await;
    let received = narrow.stats().incoming.received.messages as u8;
    soon(narrow.close()).await.expect("nothing unsent");
    let next = pull_binds(&context, "inproc://a").await;
    for i in received..10 {
        assert_eq!(soon(next.recv()).await.expect("kept"), [i]);
    }
    let sent = push.stats().outgoing;
    assert_eq!((sent.accepted.messages, sent.handed_over.messages), (10, 10));
}

// ---- who fits ------------------------------------------------------------------------------------------------

#[tokio::test]
async fn kinds_that_do_not_fit_are_told_on_both_sides() {
    let context = Context::new();
    let (bound, connecting) = (push(&context), push(&context));
    let (mut at_bound, mut at_connecting) = (bound.monitor(), connecting.monitor());
    bound.bind("inproc://a").await.expect("free");
    let error = soon(connecting.connect("inproc://a").expect("an endpoint"))
        .await
        .expect_err("PUSH to PUSH");
    let kind = ProtocolError::Kind {
        ours: SocketKind::Push,
        theirs: "PUSH".to_owned(),
    };
    assert!(matches!(&error, ConnectError::Refused { reason, .. } if *reason == kind));
    assert_eq!(
        error.to_string(),
        "cannot connect to inproc://a: peer announced PUSH, a PUSH accepts PULL"
    );
    assert!(matches!(event(&mut at_bound).await, Event::Listening { .. }));
    assert!(matches!(event(&mut at_bound).await, Event::Accepted { .. }));
    assert!(matches!(
        event(&mut at_connecting).await,
        Event::Connecting { .. }
    ));
    assert!(matches!(event(&mut at_connecting).await, Event::Connected { .. }));
    for monitor in [&mut at_bound, &mut at_connecting] {
        let Event::HandshakeFailed { endpoint, reason, .. } = event(monitor).await else {
            panic!("the handshake fails");
        };
        assert_eq!(endpoint.to_string(), "inproc://a");
        assert_eq!(reason, DisconnectReason::Protocol(kind.clone()));
    }
    assert_eq!((bound.peers().count(), connecting.peers().count()), (0, 0));
    // The endpoint outlives the misfit.
    connecting.send("for later").await.expect("it queues");
    soon(bound.close()).await.expect("nothing unsent");
    let pull = pull_binds(&context, "inproc://a").await;
    assert_eq!(soon(pull.recv()).await.expect("kept"), "for later");
}

#[tokio::test]
async fn both_sides_see_the_story_as_over_tcp() {
    let context = Context::new();
    let (push, pull) = (push(&context), pull(&context));
    let (mut at_push, mut at_pull) = (push.monitor(), pull.monitor());
    let endpoint = pull.bind("inproc://a").await.expect("free");
    soon(push.connect("inproc://a").expect("an endpoint"))
        .await
        .expect("bound");

    assert!(matches!(event(&mut at_pull).await, Event::Listening { endpoint: at } if at == endpoint));
    assert!(matches!(event(&mut at_pull).await, Event::Accepted { address, .. } if address == "inproc://a"));
    let Event::HandshakeDone { peer } = event(&mut at_pull).await else {
        panic!("the handshake is done");
    };
    assert_eq!(peer.to_string(), "PUSH at inproc://a");
    assert_eq!((peer.version(), peer.mechanism()), ((3, 1), "NULL"));
    assert_eq!(pull.peers().list(), std::slice::from_ref(&peer));

    assert!(matches!(event(&mut at_push).await, Event::Connecting { .. }));
    assert!(matches!(event(&mut at_push).await, Event::Connected { address, .. } if address == "inproc://a"));
    let done = event(&mut at_push).await;
    assert_eq!(
        done.to_string(),
        "inproc://a: handshake done with PULL at inproc://a"
    );

    soon(push.disconnect(&endpoint)).await.expect("connected");
    let ours = event(&mut at_push).await;
    assert_eq!(
        ours.to_string(),
        "inproc://a: disconnected from PULL at inproc://a: the endpoint was disconnected here"
    );
    let theirs = event(&mut at_pull).await;
    assert_eq!(
        theirs.to_string(),
        "inproc://a: disconnected from PUSH at inproc://a: the peer closed the connection"
    );
    soon(push.close()).await.expect("nothing unsent");
    assert!(matches!(event(&mut at_push).await, Event::Closed));
    until(|| pull.peers().count() == 0).await;
}

// ---- marks and counters --------------------------------------------------------------------------------------

#[tokio::test]
async fn g05_counters_are_exact_on_both_sides() {
    let (push, pull) = pair(&Context::new()).await;
    for _ in 0..100 {
        push.send([&b"12345678"[..], &b"12"[..]]).await.expect("room");
    }
    for _ in 0..40 {
        soon(pull.recv()).await.expect("sent");
    }
    until(|| push.stats().outgoing.queued.messages == 0).await;
    let (sent, received) = (push.stats().outgoing, pull.stats().incoming);
    assert_eq!((sent.accepted.messages, sent.handed_over.messages), (100, 100));
    assert_eq!(sent.accepted.bytes, 100 * 14, "two headers of two bytes each");
    assert_eq!(sent.unconfirmed.messages, 0, "nothing dies in a kernel's buffer");
    assert_eq!(received.received, sent.handed_over);
    assert_eq!((received.delivered.messages, received.queued.messages), (40, 60));
    let peer = &pull.peers().list()[0];
    assert_eq!(peer.stats().incoming.received.messages, 100);
}

// ---- ends ----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn disconnect_says_what_the_peer_had_no_room_for() {
    let context = Context::new();
    let push = Push::builder()
        .context(&context)
        .linger(Linger::Discard)
        .build()
        .expect("no contradiction");
    let pull = Pull::builder()
        .context(&context)
        .recv_hwm(2)
        .build()
        .expect("a mark");
    let endpoint = pull.bind("inproc://a").await.expect("free");
    let connecting = push.connect(&endpoint).expect("an endpoint");
    soon(connecting).await.expect("bound");
    for i in 0..5u8 {
        push.send(&[i]).await.expect("room");
    }
    until(|| pull.stats().incoming.queued.messages == 2).await;
    let error = soon(push.disconnect(&endpoint))
        .await
        .expect_err("three are left");
    let EndpointError::Unsent(unsent) = error else {
        panic!("{error}");
    };
    assert!(
        unsent
            .into_messages()
            .eq([2u8, 3, 4].map(|i| Message::from(&[i][..])))
    );
    assert_eq!(push.stats().outgoing.dropped.by(DropReason::Linger), 3);
    // What the peer has is the peer's.
    assert_eq!(soon(pull.recv()).await.expect("received"), [0]);
    assert_eq!(soon(pull.recv()).await.expect("received"), [1]);
}

#[tokio::test]
async fn unbind_ends_the_links_that_were_accepted_there_and_no_others() {
    let context = Context::new();
    let pull = pull(&context);
    let a = pull.bind("inproc://a").await.expect("free");
    pull.bind("inproc://b").await.expect("free");
    let (to_a, to_b) = (push(&context), push(&context));
    soon(to_a.connect("inproc://a").expect("an endpoint"))
        .await
        .expect("bound");
    soon(to_b.connect("inproc://b").expect("an endpoint"))
        .await
        .expect("bound");
    soon(pull.unbind(&a)).await.expect("bound");
    until(|| to_a.peers().count() == 0).await;
    assert_eq!((pull.peers().count(), to_b.peers().count()), (1, 1));
    to_b.send("still here").await.expect("a peer");
    assert_eq!(soon(pull.recv()).await.expect("sent"), "still here");
    pull.bind("inproc://a").await.expect("free again");
    soon(to_a.peers().at_least(1)).await.expect("it waited for that");
}

#[tokio::test]
async fn connecting_fails_when_the_endpoint_is_disconnected_or_the_socket_closed() {
    let context = Context::new();
    let push = push(&context);
    let connecting = push.connect("inproc://a").expect("an endpoint");
    soon(push.disconnect(connecting.endpoint()))
        .await
        .expect("nothing queued");
    let error = soon(connecting).await.expect_err("it was disconnected");
    assert!(matches!(error, ConnectError::Disconnected(_)));
    let connecting = push.connect("inproc://a").expect("an endpoint");
    soon(push.close()).await.expect("nothing queued");
    let error = soon(connecting).await.expect_err("it was closed");
    assert!(matches!(error, ConnectError::Closed(_)));
}

// ---- runtimes ------------------------------------------------------------------------------------------------

#[test]
fn two_runtimes_on_two_threads_stream_to_each_other() {
    for bind_first in [true, false] {
        let context = Context::new();
        let (push, pull) = (push(&context), pull(&context));
        let sender = thread::spawn(move || {
            runtime().block_on(async {
                if bind_first {
                    push.bind("inproc://a").await.expect("free");
                } else {
                    push.connect("inproc://a").expect("an endpoint");
                }
                for i in 0..20_000u32 {
                    soon(push.send(&i.to_be_bytes()[..])).await.expect("a peer");
                }
                soon(push.close()).await.expect("all is handed over");
            });
        });
        runtime().block_on(async {
            if bind_first {
                pull.connect("inproc://a").expect("an endpoint");
            } else {
                pull.bind("inproc://a").await.expect("free");
            }
            for i in 0..20_000u32 {
                assert_eq!(soon(pull.recv()).await.expect("sent"), i.to_be_bytes());
            }
        });
        sender.join().expect("no panic");
    }
}

#[test]
fn a_runtime_that_is_shut_down_ends_the_link_and_not_the_other_socket() {
    for connecting_goes in [true, false] {
        let context = Context::new();
        let (push, pull) = (push(&context), pull(&context));
        let (first, second) = (runtime(), runtime());
        let (pushes, pulls) = if connecting_goes {
            (&first, &second)
        } else {
            (&second, &first)
        };
        pulls.block_on(pull.bind("inproc://a")).expect("free");
        let connecting = pushes.block_on(async { push.connect("inproc://a").expect("an endpoint") });
        pushes.block_on(soon(connecting)).expect("bound");
        pushes.block_on(push.send("before")).expect("a peer");
        pushes.block_on(until(|| push.stats().outgoing.queued.messages == 0));
        drop(first);
        second.block_on(async {
            if connecting_goes {
                assert_eq!(soon(pull.recv()).await.expect("received before"), "before");
                until(|| pull.peers().count() == 0).await;
                let next = self::push(&context);
                next.connect("inproc://a").expect("an endpoint");
                next.send("after").await.expect("it queues");
                assert_eq!(soon(pull.recv()).await.expect("from the next"), "after");
                soon(pull.close()).await.expect("nothing unsent");
            } else {
                until(|| push.peers().count() == 0).await;
                push.send("after").await.expect("it queues");
                let next = pull_binds(&context, "inproc://a").await;
                assert_eq!(soon(next.recv()).await.expect("kept"), "after");
                soon(push.close()).await.expect("all is handed over");
            }
        });
    }
}

#[test]
fn a_peer_whose_runtime_stands_still_holds_nobody_up() {
    let context = Context::new();
    let (push, pull) = (push(&context), pull(&context));
    let (standing, running) = (runtime(), runtime());
    running.block_on(pull.bind("inproc://a")).expect("free");
    let connecting = standing.block_on(async { push.connect("inproc://a").expect("an endpoint") });
    standing.block_on(soon(connecting)).expect("bound");
    // From here on the runtime of `push` is there, and nobody drives it.
    running.block_on(async {
        soon(pull.close()).await.expect("nothing unsent");
        pull_binds(&context, "inproc://a").await;
    });
    standing.block_on(until(|| push.peers().count() == 0));
}

// ---- by reference -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn large_bytes_go_by_reference() {
    let (push, pull) = pair(&Context::new()).await;
    let body = Bytes::from(vec![7; 1024]);
    push.send(body.clone()).await.expect("a peer");
    let received = soon(pull.recv())
        .await
        .expect("sent")
        .into_bytes()
        .expect("one frame");
    assert_eq!(received.as_ptr(), body.as_ptr());
    push.send(("topic", body.clone())).await.expect("a peer");
    let [topic, second] = soon(pull.recv()).await.expect("sent").into_frames().expect("two");
    assert_eq!(&topic[..], b"topic");
    assert_eq!(&second[..], &body[..]);
}
