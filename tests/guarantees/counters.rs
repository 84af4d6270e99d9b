//! G5: at rest, what went in is what came out, what was dropped and what waits, for every kind of socket. And row 9 of
//! the limits.

use hubless::{DropReason, Pub, Pull, Push, Rep, Req, Stats, Sub};

use crate::{number, soon, until};

#[track_caller]
fn balanced(what: &str, stats: Stats) {
    let out = stats.outgoing;
    assert_eq!(
        out.accepted.messages,
        out.handed_over.messages + out.dropped.total() + out.queued.messages,
        "{what}: {out:?}"
    );
    let into = stats.incoming;
    assert_eq!(
        into.received.messages,
        into.delivered.messages + into.dropped.total() + into.queued.messages,
        "{what}: {into:?}"
    );
}

#[tokio::test]
async fn g05_the_sum_holds_for_push_and_pull_when_newer_ones_take_the_place() {
    let pull = Pull::builder().conflate(true).build().expect("a choice");
    let push = Push::builder().conflate(true).build().expect("a choice");
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let connecting = push.connect(at).expect("an endpoint");
    for n in 0..100_u64 {
        push.send(&n.to_be_bytes()).await.expect("it is open");
    }
    soon("a peer", connecting).await.expect("it connects");
    while number(&soon("the newest", pull.recv()).await.expect("it is open")) < 99 {}
    let (out, into) = (push.stats(), pull.stats());
    balanced("PUSH", out);
    balanced("PULL", into);
    assert_eq!(out.outgoing.accepted.messages, 100);
    assert!(out.outgoing.dropped.by(DropReason::Conflated) > 0);
    assert_eq!(out.outgoing.handed_over.messages, into.incoming.received.messages);
}

#[tokio::test]
async fn g05_the_sum_holds_for_push_and_each_of_its_peers_when_one_leaves_with_a_full_queue() {
    let push = Push::builder()
        .send_hwm(20)
        .send_hwm_bytes(0)
        .build()
        .expect("a mark");
    let at = push.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let pull = Pull::builder().recv_hwm(5).build().expect("a mark");
    soon("a peer", pull.connect(at).expect("an endpoint"))
        .await
        .expect("it connects");
    soon("a peer", push.peers().at_least(1))
        .await
        .expect("it is open");
    let peer = push.peers().list().remove(0);
    for _ in 0..5 {
        push.send("read to the mark").await.expect("it is open");
    }
    until("the mark", || pull.stats().incoming.queued.messages == 5).await;
    // The kernel never takes all of the first one, so the queue is full and stays so.
    push.send(vec![1; 64 << 20]).await.expect("it is open");
    let mut sent = 6;
    while push.try_send("queued behind it").is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 5 + 20);
    drop(pull);
    until("the peer to leave", || push.peers().count() == 0).await;
    balanced("PUSH", push.stats());
    balanced("its peer", peer.stats());
    let out = peer.stats().outgoing;
    assert_eq!((out.accepted.messages, out.queued.messages), (sent, 0), "{out:?}");
    assert!(out.dropped.by(DropReason::PipeClosed) > 0, "{out:?}");
    assert_eq!(out, push.stats().outgoing);
}

#[tokio::test]
async fn g05_the_sum_holds_for_pub_and_sub_at_the_mark() {
    let publisher = Pub::builder().send_hwm(10).build().expect("a mark");
    let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let sub = Sub::builder().recv_hwm(5).build().expect("a mark");
    sub.subscribe("");
    drop(sub.connect(at).expect("an endpoint"));
    soon("a subscriber", publisher.subscribers().at_least(1))
        .await
        .expect("it is open");
    while publisher.stats().outgoing.dropped.by(DropReason::Hwm) < 100 {
        publisher.send(vec![1; 60_000]).await.expect("it is open");
    }
    let out = publisher.stats().outgoing;
    let kept = out.accepted.messages - out.dropped.total();
    for _ in 0..kept {
        soon("what was kept", sub.recv()).await.expect("it is open");
    }
    until("rest", || publisher.stats().outgoing.queued.messages == 0).await;
    balanced("PUB", publisher.stats());
    balanced("SUB", sub.stats());
    assert_eq!(publisher.stats().outgoing.handed_over.messages, kept);
    assert_eq!(sub.stats().incoming.received.messages, kept);
}

#[tokio::test]
async fn g05_the_sum_holds_for_req_and_rep_when_an_asker_leaves() {
    let rep = Rep::new();
    let at = rep.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut req = Req::new();
    drop(req.connect(&at).expect("an endpoint"));
    for n in 0..10_u64 {
        let question = n.to_be_bytes();
        let answering = async {
            let request = rep.recv_request().await.expect("it is open");
            request.reply(&question).await.expect("it is open");
        };
        let asked = req.request(&question);
        let (answer, ()) = soon("an exchange", async { tokio::join!(asked, answering) }).await;
        assert_eq!(number(&answer.expect("an answer")), n);
    }
    // One that does not wait for its answer.
    let request = tokio::select! {
        _ = req.request("and off") => panic!("nobody has answered"),
        request = rep.recv_request() => request.expect("it is open"),
    };
    balanced("REQ", req.stats());
    drop(req);
    until("the asker to leave", || rep.peers().count() == 0).await;
    soon("a reply to nobody", request.reply("too late"))
        .await
        .expect("it is open");
    balanced("REP", rep.stats());
    let stats = rep.stats();
    assert_eq!(stats.incoming.delivered.messages, 11);
    assert_eq!(
        stats.outgoing.dropped.by(DropReason::NoPeer),
        1,
        "{:?}",
        stats.outgoing
    );
    assert_eq!(stats.outgoing.handed_over.messages, 10);
}

#[tokio::test]
async fn row_09_a_pull_that_does_not_read_holds_no_other_up() {
    let push = Push::builder().send_hwm(10).build().expect("a mark");
    let at = push.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let [slow, fast] = [(); 2].map(|()| Pull::builder().recv_hwm(5).build().expect("a mark"));
    for pull in [&slow, &fast] {
        soon("a peer", pull.connect(&at).expect("an endpoint"))
            .await
            .expect("it connects");
    }
    soon("two peers", push.peers().at_least(2))
        .await
        .expect("it is open");
    // A mebibyte each fills any kernel's buffers soon; from then on all go to the fast one.
    let body = vec![1; 1 << 20];
    let mut came = 0;
    while came < 100 {
        soon("room", push.send(body.clone())).await.expect("it is open");
        while fast.try_recv().is_ok() {
            came += 1;
        }
    }
    let stats = push.stats().outgoing;
    assert_eq!(stats.dropped.total(), 0);
    assert!(slow.stats().incoming.queued.messages <= 5);
}

#[tokio::test]
async fn g05_what_was_received_and_not_read_is_dropped_when_the_socket_closes() {
    let (pull, push) = (Pull::new(), Push::new());
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    push.connect(at).expect("an endpoint");
    for n in 0..10_u64 {
        push.send(&n.to_be_bytes()).await.expect("it is open");
    }
    soon("the first", pull.recv()).await.expect("it is open");
    until("all are there", || pull.stats().incoming.received.messages == 10).await;
    let other = pull.clone();
    pull.close().await.expect("it sends nothing");
    let stats = other.stats();
    balanced("PULL", stats);
    assert_eq!(stats.incoming.dropped.by(DropReason::Unread), 9);
    assert_eq!(stats.incoming.queued.messages, 0);
}
