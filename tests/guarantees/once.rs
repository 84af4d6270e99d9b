//! G1: a message arrives at most once, whoever sends it, whoever has the name it is for, and whatever is in between.
//!
//! Connections go over a [`Line`], which is cut again and again in the middle of the traffic; every message has a number.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hubless::{Dealer, Event, Linger, Pull, Push, Router, proxy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, yield_now};

use crate::{number, soon, until};

/// Bytes of a message: so many that a cut is in the middle of one.
const SIZE: usize = 4000;

fn numbered(number: u64) -> Vec<u8> {
    let mut message = number.to_be_bytes().to_vec();
    message.resize(SIZE, 7);
    message
}

/// Whoever connects to it is connected to somebody else, until that is cut.
struct Line {
    at: String,
    scissors: Arc<Notify>,
    relaying: JoinHandle<()>,
}

impl Line {
    async fn to(endpoint: &hubless::Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = format!("tcp://{}", listener.local_addr().expect("it listens"));
        let there = endpoint.as_str().trim_start_matches("tcp://").to_owned();
        let scissors = Arc::new(Notify::new());
        let cut = scissors.clone();
        let relaying = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (there, cut) = (there.clone(), cut.clone());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(there).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        Self {
            at,
            scissors,
            relaying,
        }
    }

    fn cut(&self) {
        self.scissors.notify_waiters();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.relaying.abort();
    }
}

/// Numbers from several clones of a handle at once, until it is enough: nobody knows how many a cut swallows.
fn send_at_once(push: &Push, senders: usize, enough: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let send = |sender| {
        let (push, enough) = (push.clone(), enough.clone());
        tokio::spawn(async move {
            for number in (sender as u64..).step_by(senders) {
                push.send(numbered(number)).await.expect("it is open");
                if enough.load(Ordering::Relaxed) {
                    return;
                }
            }
        })
    };
    (0..senders).map(send).collect()
}

/// What several clones of a handle receive at once, until the socket is closed.
fn receive_at_once(pull: &Pull, receivers: u64, came: &Arc<AtomicU64>) -> Vec<JoinHandle<Vec<u64>>> {
    let receive = |_| {
        let (pull, came) = (pull.clone(), came.clone());
        tokio::spawn(async move {
            let mut numbers = Vec::new();
            while let Ok(message) = pull.recv().await {
                assert_eq!(message.byte_len(), SIZE, "whole");
                numbers.push(number(&message));
                came.fetch_add(1, Ordering::Relaxed);
            }
            numbers
        })
    };
    (0..receivers).map(receive).collect()
}

/// All that arrived: none twice. Whoever is in between has ended before.
async fn arrived(pull: Pull, receiving: Vec<JoinHandle<Vec<u64>>>) -> BTreeSet<u64> {
    until("the last message", || {
        pull.peers().count() == 0 && pull.stats().incoming.queued.messages == 0
    })
    .await;
    pull.close().await.expect("it sends nothing");
    let (mut numbers, mut count) = (BTreeSet::new(), 0);
    for receiving in receiving {
        let received = receiving.await.expect("it does not panic");
        count += received.len();
        numbers.extend(received);
    }
    assert_eq!(numbers.len(), count, "nothing twice");
    numbers
}

/// Cuts each of the lines in turn while messages come.
async fn cut_in_the_middle(lines: &[&Line], came: &AtomicU64, cuts: u64, every: u64) {
    for cut in 1..=cuts {
        let mark = cut * every;
        until("traffic after a cut", || came.load(Ordering::Relaxed) >= mark).await;
        lines[cut as usize % lines.len()].cut();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_clones_of_a_handle_used_at_once_send_and_receive_each_message_once() {
    let soon_again = Duration::from_millis(1);
    let push = Push::builder().reconnect(soon_again, soon_again).send_hwm(20);
    let push = push.build().expect("no contradiction");
    let (pull, came) = (Pull::new(), Arc::new(AtomicU64::new(0)));
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let line = Line::to(&at).await;
    drop(push.connect(line.at.as_str()).expect("an endpoint"));
    let receiving = receive_at_once(&pull, 3, &came);
    let enough = Arc::default();
    let sending = send_at_once(&push, 4, &enough);
    cut_in_the_middle(&[&line], &came, 5, 300).await;
    enough.store(true, Ordering::Relaxed);
    for sending in sending {
        soon("room", sending).await.expect("it does not panic");
    }
    soon("closing", push.close()).await.expect("all of it goes");
    assert!(!arrived(pull, receiving).await.is_empty());
}

/// Two who share a name take it from each other again and again, each by its reconnecting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_what_is_for_a_name_that_is_handed_over_reaches_one_of_its_holders_once() {
    let router = Router::builder()
        .handover(true)
        .send_hwm(20)
        .linger(Linger::Discard);
    let router = router.build().expect("no contradiction");
    let at = router.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut monitor = router.monitor();
    let soon_again = Duration::from_millis(1);
    let holders: Vec<Dealer> = (0..2)
        .map(|_| {
            let dealer = Dealer::builder()
                .routing_id("same")
                .linger(Linger::Discard)
                .reconnect(soon_again, soon_again);
            let dealer = dealer.build().expect("no contradiction");
            drop(dealer.connect(&at).expect("an endpoint"));
            dealer
        })
        .collect();
    // What they send goes the other way meanwhile, and is read once, too.
    let receiving: Vec<_> = (0..)
        .zip(&holders)
        .map(|(holder, dealer)| {
            let dealer = dealer.clone();
            tokio::spawn(async move {
                let (mut numbers, mut sent) = (Vec::new(), holder);
                while let Ok(message) = dealer.recv().await {
                    numbers.push(number(&message));
                    sent += u64::from(dealer.try_send(numbered(sent)).is_ok()) * 2;
                }
                numbers
            })
        })
        .collect();
    let (mut sent, mut handed_over, mut back) = (0, 0, Vec::new());
    soon("the name to be handed over", async {
        while handed_over < 20 {
            router
                .send_to(&"same".into(), numbered(sent))
                .await
                .expect("it is open");
            sent += 1;
            while let Ok((_, message)) = router.try_recv_from() {
                back.push(number(&message));
            }
            while let Some(Some(event)) = futures::FutureExt::now_or_never(monitor.next()) {
                let is_it = matches!(&event, Event::Disconnected { reason, .. } if *reason == hubless::DisconnectReason::HandedOver);
                handed_over += u64::from(is_it);
            }
            yield_now().await;
        }
    })
    .await;
    drop(router.close().await);
    let mut numbers = Vec::new();
    for (dealer, receiving) in holders.into_iter().zip(receiving) {
        until("the last message", || {
            dealer.peers().count() == 0 && dealer.stats().incoming.queued.messages == 0
        })
        .await;
        // What it has queued is for nobody.
        drop(dealer.disconnect(&at).await);
        drop(dealer.close().await);
        numbers.extend(receiving.await.expect("it does not panic"));
    }
    for numbers in [numbers, back] {
        assert!(!numbers.is_empty());
        let once: BTreeSet<_> = numbers.iter().collect();
        assert_eq!(once.len(), numbers.len(), "nothing twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g01_a_proxy_whose_connections_break_on_either_side_forwards_nothing_twice() {
    let soon_again = Duration::from_millis(1);
    let built = || {
        let push = Push::builder().reconnect(soon_again, soon_again).send_hwm(20);
        push.build().expect("no contradiction")
    };
    let (producer, front, back, worker) = (built(), Pull::new(), built(), Pull::new());
    let at = [
        front.bind("tcp://127.0.0.1:*").await.expect("a free port"),
        worker.bind("tcp://127.0.0.1:*").await.expect("a free port"),
    ];
    let lines = [Line::to(&at[0]).await, Line::to(&at[1]).await];
    drop(producer.connect(lines[0].at.as_str()).expect("an endpoint"));
    drop(back.connect(lines[1].at.as_str()).expect("an endpoint"));
    let proxy = proxy(front.clone(), back.clone());
    let handle = proxy.handle();
    let running = tokio::spawn(proxy.run());

    let came = Arc::new(AtomicU64::new(0));
    let receiving = receive_at_once(&worker, 1, &came);
    let enough = Arc::default();
    let sending = send_at_once(&producer, 1, &enough);
    cut_in_the_middle(&[&lines[0], &lines[1]], &came, 6, 250).await;
    enough.store(true, Ordering::Relaxed);
    for sending in sending {
        soon("room", sending).await.expect("it does not panic");
    }
    soon("closing", producer.close()).await.expect("all of it goes");
    // Or almost: what comes by a connection that is being made is not waited for.
    until("the proxy to have forwarded everything", || {
        front.peers().count() == 0 && front.stats().incoming.queued.messages == 0
    })
    .await;
    handle.terminate();
    let forwarded = soon("the end of the proxy", running)
        .await
        .expect("it does not panic");
    soon("closing", back.close()).await.expect("all of it goes");
    assert_eq!(forwarded.front.received_messages, forwarded.back.sent_messages);
    assert!(!arrived(worker, receiving).await.is_empty());
}
