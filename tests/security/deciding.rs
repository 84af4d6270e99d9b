//! Those who decide about peers: what they are told, what they can say, and that they delay nobody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hubless::auth::{Applicant, Credentials, LocalUsers, Verdict};
use hubless::curve::{KeyPair, PublicKey};
use hubless::{Curve, Event, Mechanism, Null, Plain, PlainUsers, Pull, Push};
use peers::libzmq::{CurveKeys, SocketType, option};
use tokio::sync::{Notify, Semaphore};

use crate::raw::failed_handshake;
use crate::zmq::{Setup, joined, zmq};
use crate::{failure, outcome, soon};

fn pull_with(mechanism: Mechanism) -> Pull {
    Pull::builder()
        .mechanism(mechanism)
        .build()
        .expect("no contradiction")
}

fn push_as(name: &str) -> Push {
    Push::builder()
        .mechanism(Plain::client(name, "pw"))
        .reconnect(Duration::from_millis(10), Duration::from_millis(10))
        .build()
        .expect("no contradiction")
}

fn username(applicant: &Applicant) -> String {
    match applicant.credentials() {
        Credentials::Plain { username, .. } => String::from_utf8_lossy(username).into_owned(),
        other => panic!("not PLAIN's: {other:?}"),
    }
}

#[tokio::test]
async fn an_authenticator_is_told_everything_and_what_it_says_is_known_of_the_peer() {
    let asked = Arc::new(std::sync::Mutex::new(None));
    let note = asked.clone();
    let pull = pull_with(
        Plain::server(move |applicant: Applicant| {
            *note.lock().expect("no panic") = Some(applicant);
            std::future::ready(Verdict::accept_as("user 7").property("X-Role", "admin"))
        })
        .domain("jobs"),
    );
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let push = push_as("ann");
    soon("a handshake", push.connect(&at).expect("an endpoint"))
        .await
        .expect("it is let in");
    soon("a peer", pull.peers().at_least(1))
        .await
        .expect("it is open");

    let peer = pull.peers().list().remove(0);
    assert_eq!((peer.user_id(), peer.mechanism()), (Some("user 7"), "PLAIN"));
    assert_eq!(peer.property("User-Id"), Some(&b"user 7"[..]));
    assert_eq!(peer.property("x-role"), Some(&b"admin"[..]));
    let applicant = asked.lock().expect("no panic").take().expect("it was asked");
    assert_eq!(applicant.endpoint(), &at);
    assert_eq!(applicant.address(), peer.address());
    assert_eq!((applicant.mechanism(), applicant.domain()), ("PLAIN", "jobs"));
    assert_eq!(
        (username(&applicant).as_str(), applicant.process()),
        ("ann", None)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_decides_about_clients_of_libzmq() {
    let server = KeyPair::generate().expect("there is randomness");
    let own = CurveKeys::generate().expect("there is randomness");
    let key: PublicKey = own.public.parse().expect("a key");
    let by_name = |applicant: Applicant| {
        std::future::ready(match username(&applicant).as_str() {
            "ann" => Verdict::accept_as("user 7"),
            _ => Verdict::refuse("nobody knows it"),
        })
    };
    let by_key = move |applicant: Applicant| {
        std::future::ready(match applicant.credentials() {
            Credentials::Curve(shown) if *shown == key => Verdict::accept_as("user 7"),
            _ => Verdict::refuse("nobody knows it"),
        })
    };
    let curve = |own| Setup::CurveClient {
        server: server.public_key().to_string(),
        own,
    };
    let other = CurveKeys::generate().expect("there is randomness");
    let over_curve = || Curve::server(server.clone()).authenticator(by_key);
    for (ours, theirs, is_in) in [
        (Plain::server(by_name), Setup::PlainClient("ann", "pw"), true),
        (Plain::server(by_name), Setup::PlainClient("bob", "pw"), false),
        (over_curve(), curve(own), true),
        (over_curve(), curve(other), false),
        (
            Null::server(|_| async { Verdict::accept_as("user 7") }),
            Setup::Null,
            true,
        ),
    ] {
        let pull = pull_with(ours);
        let mut monitor = pull.monitor();
        let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let (end, ended) = mpsc::channel::<()>();
        let libzmq = zmq(SocketType::Push, theirs, move |_, push| {
            push.set(option::LINGER, 0).expect("it does not linger");
            push.connect(at.as_str()).expect("it connects");
            push.send(&[b"hello"]).expect("there is room");
            let _ = ended.recv();
        });
        if is_in {
            assert_eq!(soon("a message", pull.recv()).await.expect("it is open"), "hello");
            assert_eq!(pull.peers().list()[0].user_id(), Some("user 7"));
        } else {
            assert!(
                failure(&mut monitor)
                    .await
                    .starts_with("the peer was not let in (400)")
            );
        }
        drop(end);
        joined(libzmq).await;
    }
}

#[tokio::test]
async fn row_18_a_slow_verdict_delays_no_other_peer() {
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let pull = pull_with(Plain::server(move |applicant: Applicant| {
        let gate = opened.clone();
        async move {
            if username(&applicant) == "slow" {
                gate.notified().await;
            }
            Verdict::accept()
        }
    }));
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let slow = push_as("slow");
    let connecting = slow.connect(&at).expect("an endpoint");
    for _ in 0..10 {
        let quick = push_as("quick");
        soon("a handshake", quick.connect(&at).expect("an endpoint"))
            .await
            .expect("it is let in");
        quick.send("hello").await.expect("it is open");
        assert_eq!(soon("a message", pull.recv()).await.expect("it is open"), "hello");
    }
    assert_eq!(slow.peers().count(), 0);
    gate.notify_one();
    soon("the verdict", connecting).await.expect("it is let in");
}

#[tokio::test]
async fn row_18_at_most_64_questions_are_under_way_at_once() {
    const PEERS: usize = 100;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let answers = Arc::new(Semaphore::new(0));
    let asked = Arc::new(Semaphore::new(0));
    let pull = {
        let (running, most, answers, asked) = (running.clone(), most.clone(), answers.clone(), asked.clone());
        pull_with(Plain::server(move |_: Applicant| {
            let (running, most, answers, asked) =
                (running.clone(), most.clone(), answers.clone(), asked.clone());
            async move {
                most.fetch_max(1 + running.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
                asked.add_permits(1);
                answers.acquire().await.expect("it is open").forget();
                running.fetch_sub(1, Ordering::SeqCst);
                Verdict::accept()
            }
        }))
    };
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut monitor = pull.monitor();
    let peers: Vec<_> = (0..PEERS).map(|_| push_as("ann")).collect();
    for push in &peers {
        drop(push.connect(&at).expect("an endpoint"));
    }
    for _ in 0..PEERS {
        crate::event(&mut monitor, "a connection", |event| {
            matches!(event, Event::Accepted { .. }).then_some(())
        })
        .await;
    }
    soon("64 questions", asked.acquire_many(64))
        .await
        .expect("it is open")
        .forget();
    assert_eq!(running.load(Ordering::SeqCst), 64);
    answers.add_permits(PEERS);
    soon("all of them", pull.peers().at_least(PEERS))
        .await
        .expect("it is open");
    assert_eq!(
        (running.load(Ordering::SeqCst), most.load(Ordering::SeqCst)),
        (0, 64)
    );
}

#[tokio::test]
async fn row_18_an_authenticator_that_panics_lets_nobody_in() {
    let pull = pull_with(Plain::server(|applicant: Applicant| {
        assert_ne!(username(&applicant), "ann", "it was not made for ann");
        std::future::ready(Verdict::accept())
    }));
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let ann = push_as("ann");
    let mut at_ann = ann.monitor();
    drop(ann.connect(&at).expect("an endpoint"));
    assert_eq!(
        failure(&mut monitor).await,
        "the peer was not let in (500): the authenticator gave no answer"
    );
    assert_eq!(
        failure(&mut at_ann).await,
        "the server refused our user name and password: 500"
    );
    let bob = push_as("bob");
    soon("a handshake", bob.connect(&at).expect("an endpoint"))
        .await
        .expect("the socket lives");
}

#[tokio::test]
async fn row_18_who_is_not_decided_about_in_time_is_not_let_in_and_the_question_is_dropped() {
    struct Dropped(Arc<Notify>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let dropped = Arc::new(Notify::new());
    let note = dropped.clone();
    let pull = Pull::builder()
        .mechanism(Plain::server(move |_: Applicant| {
            let note = Dropped(note.clone());
            async move {
                let _note = note;
                std::future::pending().await
            }
        }))
        .handshake_timeout(Duration::from_millis(50))
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let push = push_as("ann");
    drop(push.connect(&at).expect("an endpoint"));
    assert_eq!(failure(&mut monitor).await, "handshake not complete in time");
    soon("the question to be dropped", dropped.notified()).await;
}

#[tokio::test]
async fn who_is_told_not_now_comes_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let pull = pull_with(Plain::server(move |_: Applicant| {
        let verdict = match count.fetch_add(1, Ordering::SeqCst) {
            0..2 => Verdict::not_now("too early"),
            _ => Verdict::accept(),
        };
        std::future::ready(verdict)
    }));
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let push = push_as("ann");
    let mut at_push = push.monitor();
    let connecting = push.connect(&at).expect("an endpoint");
    assert_eq!(
        failure(&mut monitor).await,
        "the peer was not let in (300): too early"
    );
    assert_eq!(
        failure(&mut at_push).await,
        "the peer closed the connection upon our HELLO: perhaps it lets nobody in now"
    );
    soon("the third try", connecting).await.expect("it is let in");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn over_ipc_the_user_of_the_other_process_decides() {
    let us = {
        let (pull, push) = (Pull::new(), Push::new());
        let at = pull.bind("ipc://*").await.expect("a free path");
        let peer = soon("a handshake", push.connect(&at).expect("an endpoint"))
            .await
            .expect("NULL");
        peer.process().expect("the system knows it")
    };
    let come = async |allowed: LocalUsers, at: &str| {
        let pull = pull_with(Null::server(allowed));
        let mut monitor = pull.monitor();
        let at = pull.bind(at).await.expect("it is free");
        let push = Push::new();
        drop(push.connect(&at).expect("an endpoint"));
        outcome(&mut monitor).await
    };
    let peer = come(LocalUsers::new().uid(us.uid), "ipc://*")
        .await
        .expect("it is one of ours");
    assert_eq!(peer.user_id(), Some(us.uid.to_string().as_str()));
    assert_eq!(peer.process(), Some(us));
    come(LocalUsers::new().gid(us.gid), "ipc://*")
        .await
        .expect("it is in our group");
    let other = LocalUsers::new().uid(us.uid + 1).gid(us.gid + 1);
    assert_eq!(
        come(other, "ipc://*").await.expect_err("it is somebody else"),
        format!(
            "the peer was not let in (400): neither user {} nor group {} is on the list",
            us.uid, us.gid
        )
    );
    let reason = come(LocalUsers::new().uid(us.uid), "tcp://127.0.0.1:*").await;
    let reason = reason.expect_err("nobody knows who that is");
    assert!(reason.ends_with("is not a process of this machine"), "{reason}");
}

#[tokio::test]
async fn whoever_is_removed_from_a_list_does_not_come_back() {
    let users = PlainUsers::new().with("ann", "pw");
    let pull = pull_with(Plain::server(users.clone()));
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    soon("a handshake", push_as("ann").connect(&at).expect("an endpoint"))
        .await
        .expect("she is known");
    users.remove("ann");
    let again = push_as("ann");
    drop(again.connect(&at).expect("an endpoint"));
    assert_eq!(
        failed_handshake(&mut monitor).await.to_string(),
        "the peer was not let in (400): no user ann with that password"
    );
}
