//! G1, G2 and G3: once, in order, whole.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use hubless::{Pull, Push};
use peers::libzmq::SocketType;

use crate::libzmq::{Zmq, recv};
use crate::{number, soon, until};

/// A libzmq PULL takes some messages, goes, and another one comes at the same place, all under load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g02_numbers_only_go_up_while_a_libzmq_pull_comes_and_goes() {
    const GENERATIONS: usize = 5;
    let push = Push::builder()
        .send_hwm(10)
        .reconnect(Duration::from_millis(1), Duration::from_millis(20))
        .build()
        .expect("no contradiction");
    let mut at = "tcp://127.0.0.1:*".to_owned();
    let mut sending = None;
    let mut all: Vec<u64> = Vec::new();
    for generation in 0..GENERATIONS {
        let place = at.clone();
        let zmq = Zmq::new(SocketType::Pull, move |_, pull, tell| {
            let bound = pull.bind(&place).expect("the place is free");
            tell.send(bound).expect("the test waits");
            (0..100)
                .map(|_| {
                    let frames = recv(pull);
                    assert_eq!(frames[1], vec![7; 3000], "whole");
                    u64::from_be_bytes(frames[0][..].try_into().expect("a number"))
                })
                .collect::<Vec<_>>()
        });
        at = zmq.told();
        if generation == 0 {
            drop(push.connect(at.as_str()).expect("an endpoint"));
            let push = push.clone();
            sending = Some(tokio::spawn(async move {
                for n in 0_u64.. {
                    let number = n.to_be_bytes();
                    if push.send((&number[..], vec![7; 3000])).await.is_err() {
                        break;
                    }
                }
            }));
        }
        let came = zmq.ends().await;
        assert!(
            came.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "no gap on one connection: {came:?}"
        );
        assert!(
            all.last() < came.first(),
            "{:?}, then {:?}",
            all.last(),
            came.first()
        );
        all.extend(came);
    }
    sending.expect("it was started").abort();
}

/// Sends are given up at any moment, most of them at the mark: what was ready arrives whole, and nothing else.
#[tokio::test]
async fn g03_a_send_that_is_dropped_sends_all_frames_or_none() {
    let pull = Pull::builder().recv_hwm(1).build().expect("a mark");
    let push = Push::builder().send_hwm(2).build().expect("a mark");
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    soon("a peer", push.connect(at).expect("an endpoint"))
        .await
        .expect("it connects");
    let (mut accepted, mut came, mut given_up) = (Vec::new(), Vec::new(), 0);
    let body = vec![5; 200_000];
    for n in 0..400_u64 {
        let number = n.to_be_bytes();
        let mut sending = push.send((&number[..], &body[..], &number[..]));
        // Polled so many times at most, with the other tasks running in between.
        let mut polls = n % 3;
        let done = poll_fn(|cx| match Pin::new(&mut sending).poll(cx) {
            Poll::Ready(sent) => Poll::Ready(Some(sent)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => {
                polls -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
        drop(sending);
        match done {
            Some(sent) => {
                sent.expect("it is open");
                accepted.push(n);
            }
            None => given_up += 1,
        }
        if n % 2 == 0
            && let Ok(message) = pull.try_recv()
        {
            came.push(message);
        }
        tokio::task::yield_now().await;
    }
    while came.len() < accepted.len() {
        came.push(soon("a message", pull.recv()).await.expect("it is open"));
    }
    until("rest", || push.stats().outgoing.queued.messages == 0).await;
    assert!(pull.try_recv().is_err());
    assert!(
        given_up > 20 && accepted.len() > 20,
        "{given_up} given up, {} accepted",
        accepted.len()
    );
    for (message, n) in came.iter().zip(&accepted) {
        assert_eq!(number(message), *n);
        let frames: Vec<&[u8]> = message.iter().collect();
        assert_eq!(frames, [&n.to_be_bytes()[..], &body, &n.to_be_bytes()]);
    }
    assert_eq!(push.stats().outgoing.accepted.messages, accepted.len() as u64);
}
