//! Those who do not get in, and that both sides can tell why.

use std::sync::mpsc;
use std::time::Duration;

use hubless::auth::{Applicant, Verdict};
use hubless::curve::{KeyPair, PublicKey};
use hubless::{ConnectError, Curve, Heartbeat, Mechanism, Null, Pair, Plain, PlainUsers, Pull, Push};
use peers::libzmq::{CurveKeys, EventKind, Monitor as ZmqMonitor, SocketType};

use crate::raw::failed_handshake;
use crate::zmq::{Setup, joined, told, zmq};
use crate::{SOON, failure, soon};

fn pair() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

fn users() -> PlainUsers {
    PlainUsers::new().with("ann", "hunter2")
}

/// What a PULL of ours, which binds, and a PUSH of ours make of each other.
async fn both(server: Mechanism, client: Mechanism) -> (String, String) {
    let pull = Pull::builder()
        .mechanism(server)
        .build()
        .expect("no contradiction");
    let push = Push::builder()
        .mechanism(client)
        .build()
        .expect("no contradiction");
    let (mut at_server, mut at_client) = (pull.monitor(), push.monitor());
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let connecting = push.connect(&at).expect("an endpoint");
    let reasons = (failure(&mut at_server).await, failure(&mut at_client).await);
    // What will not be otherwise the next time fails whoever waits for the connection.
    match soon("the refusal", connecting).await {
        Err(ConnectError::Refused { reason, .. }) => assert_eq!(reason.to_string(), reasons.1),
        other => panic!("not a refusal: {other:?}"),
    }
    assert_eq!((pull.peers().count(), push.peers().count()), (0, 0));
    reasons
}

#[tokio::test]
async fn row_14_mechanisms_do_not_mix_and_both_sides_say_so() {
    let key = pair();
    let named =
        |ours: &str, theirs: &str| format!("peer announced the mechanism {theirs}, this socket uses {ours}");
    let all: [(Mechanism, &str); 5] = [
        (Mechanism::default(), "NULL"),
        (Plain::client("ann", "hunter2"), "PLAIN"),
        (Plain::server(users()), "PLAIN"),
        (Curve::client(key.public_key(), pair()), "CURVE"),
        (Curve::server(key).allow_any(), "CURVE"),
    ];
    for (server, ours) in &all {
        for (client, theirs) in &all {
            if ours != theirs {
                let reasons = both(server.clone(), client.clone()).await;
                assert_eq!(reasons, (named(ours, theirs), named(theirs, ours)));
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_named_on_both_sides() {
    let reasons = both(Plain::server(users()), Plain::client("ann", "hunter3")).await;
    let expected = (
        "the peer was not let in (400): no user ann with that password",
        "the server refused our user name and password: 400",
    );
    assert_eq!((reasons.0.as_str(), reasons.1.as_str()), expected);
}

#[tokio::test]
async fn a_key_that_is_not_on_the_list_is_named_on_both_sides() {
    let (server, client) = (pair(), pair());
    let shown = client.public_key();
    let reasons = both(
        Curve::server(server.clone()).allow([pair().public_key()]),
        Curve::client(server.public_key(), client),
    )
    .await;
    assert_eq!(
        reasons.0,
        format!("the peer was not let in (400): its key {shown} is not on the list")
    );
    assert_eq!(reasons.1, "the server refused our key: 400");
}

#[tokio::test]
async fn a_wrong_server_key_is_named_on_both_sides() {
    let server = pair();
    let reasons = both(
        Curve::server(server).allow_any(),
        Curve::client(pair().public_key(), pair()),
    )
    .await;
    let expected = (
        "HELLO does not open: it is for another server key than ours",
        "the server refused our HELLO, as if its key were not the one that we expect: 400",
    );
    assert_eq!((reasons.0.as_str(), reasons.1.as_str()), expected);
}

#[tokio::test]
async fn two_clients_are_told_that_neither_is_the_server() {
    let client = || Plain::client("ann", "hunter2");
    let reasons = both(client(), client()).await;
    assert!(reasons.0 == "expected WELCOME, found HELLO" || reasons.1 == "expected WELCOME, found HELLO");
    let client = || Curve::client(pair().public_key(), pair());
    let reasons = both(client(), client()).await;
    assert!(reasons.0 == "expected WELCOME, found HELLO" || reasons.1 == "expected WELCOME, found HELLO");
}

#[tokio::test]
async fn the_wrong_kind_is_named_behind_a_mechanism_too() {
    let server = pair();
    for (ours, theirs) in [
        (Plain::server(users()), Plain::client("ann", "hunter2")),
        (
            Curve::server(server.clone()).allow_any(),
            Curve::client(server.public_key(), pair()),
        ),
    ] {
        let one = Pull::builder().mechanism(ours).build().expect("no contradiction");
        let other = Pull::builder()
            .mechanism(theirs)
            .build()
            .expect("no contradiction");
        let (mut at_one, mut at_other) = (one.monitor(), other.monitor());
        let at = one.bind("tcp://127.0.0.1:*").await.expect("a free port");
        drop(other.connect(&at).expect("an endpoint"));
        for monitor in [&mut at_one, &mut at_other] {
            assert_eq!(failure(monitor).await, "peer announced PULL, a PULL accepts PUSH");
        }
    }
}

/// A libzmq client that is not let in: what our server says of it, and which event libzmq has, if it is told anything.
async fn libzmq_comes(server: Mechanism, setup: Setup, expects: impl Into<Option<EventKind>>) -> String {
    let expects = expects.into();
    let pull = Pull::builder()
        .mechanism(server)
        .build()
        .expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let (end, ended) = mpsc::channel::<()>();
    let libzmq = zmq(SocketType::Push, setup, move |context, push| {
        let monitor = ZmqMonitor::new(context, push).expect("it watches");
        push.set(peers::libzmq::option::LINGER, 0)
            .expect("it does not linger");
        push.connect(at.as_str()).expect("it connects");
        match expects {
            Some(event) => drop(monitor.wait_for(event, SOON).expect("the event comes")),
            None => drop(ended.recv()),
        }
    });
    let reason = failure(&mut monitor).await;
    drop(end);
    joined(libzmq).await;
    reason
}

/// A libzmq server that does not let us in: what our client says of it.
async fn we_come_to_libzmq(client: Mechanism, setup: Setup) -> String {
    let push = Push::builder()
        .mechanism(client)
        .reconnect(Duration::from_millis(10), Duration::from_millis(10))
        .build()
        .expect("no contradiction");
    let mut monitor = push.monitor();
    let (tell, address) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let libzmq = zmq(SocketType::Pull, setup, move |_, pull| {
        let at = pull.bind("tcp://127.0.0.1:*").expect("it binds");
        tell.send(at).expect("the test waits");
        let _ = ended.recv();
    });
    drop(push.connect(told(address).await).expect("an endpoint"));
    let reason = failure(&mut monitor).await;
    drop(end);
    joined(libzmq).await;
    reason
}

fn zmq_pair() -> CurveKeys {
    CurveKeys::generate().expect("there is randomness")
}

fn public(keys: &CurveKeys) -> PublicKey {
    keys.public.parse().expect("a key")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libzmq_clients_with_the_wrong_secrets_hear_no_in_libzmq_s_own_words() {
    let reason = libzmq_comes(
        Plain::server(users()),
        Setup::PlainClient("ann", "wrong"),
        // It expects another spelling of ERROR.
        EventKind::HandshakeFailedProtocol,
    )
    .await;
    assert_eq!(
        reason,
        "the peer was not let in (400): no user ann with that password"
    );

    let (server, client) = (pair(), zmq_pair());
    let shown = client.public.clone();
    let reason = libzmq_comes(
        Curve::server(server.clone()).allow([pair().public_key()]),
        Setup::CurveClient {
            server: server.public_key().to_string(),
            own: client,
        },
        EventKind::HandshakeFailedAuth,
    )
    .await;
    assert_eq!(
        reason,
        format!("the peer was not let in (400): its key {shown} is not on the list")
    );

    let reason = libzmq_comes(
        Curve::server(server).allow_any(),
        Setup::CurveClient {
            server: zmq_pair().public,
            own: zmq_pair(),
        },
        EventKind::HandshakeFailedAuth,
    )
    .await;
    assert_eq!(
        reason,
        "HELLO does not open: it is for another server key than ours"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libzmq_servers_that_do_not_let_us_in_are_understood() {
    let reason = we_come_to_libzmq(Plain::client("ann", "wrong"), Setup::PlainServer("ann", "right")).await;
    assert_eq!(reason, "the server refused our user name and password: 400");

    let (server, client) = (zmq_pair(), pair());
    let reason = we_come_to_libzmq(
        Curve::client(public(&server), client.clone()),
        Setup::CurveServer {
            own: server.clone(),
            allowed: vec![zmq_pair().public],
        },
    )
    .await;
    assert_eq!(reason, "the server refused our key: 400");

    // libzmq says nothing here: what is told is a guess, and says so.
    let reason = we_come_to_libzmq(
        Curve::client(public(&zmq_pair()), client),
        Setup::CurveServer {
            own: server,
            allowed: Vec::new(),
        },
    )
    .await;
    assert_eq!(
        reason,
        "the peer closed the connection upon our HELLO: perhaps its key is not the one that we expect"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_14_libzmq_sockets_without_secrets_do_not_get_in() {
    let server = pair();
    for (mechanism, name) in [
        (Plain::server(users()), "PLAIN"),
        (Curve::server(server.clone()).allow_any(), "CURVE"),
        (Curve::client(server.public_key(), pair()), "CURVE"),
    ] {
        let reason = libzmq_comes(mechanism.clone(), Setup::Null, EventKind::HandshakeFailedProtocol).await;
        assert_eq!(
            reason,
            format!("peer announced the mechanism NULL, this socket uses {name}")
        );
        let reason = we_come_to_libzmq(mechanism, Setup::Null).await;
        assert_eq!(
            reason,
            format!("peer announced the mechanism NULL, this socket uses {name}")
        );
    }
}

/// Keys that libzmq was not told are zeros to it, and it comes all the same. (`dynamic` refuses such a socket; elsewhere there is
/// none.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libzmq_sockets_that_lack_a_key_do_not_get_in_and_nobody_comes_in_to_them() {
    let none = || CurveKeys {
        public: String::new(),
        secret: String::new(),
    };
    let half = || CurveKeys {
        secret: String::new(),
        ..zmq_pair()
    };
    let server = pair();
    let key = || server.public_key().to_string();
    let came = async |server_key, own, expects| {
        let setup = Setup::CurveClient {
            server: server_key,
            own,
        };
        let ours = Curve::server(server.clone()).allow_any();
        libzmq_comes(ours, setup, expects).await
    };
    let reasons = [
        came(
            String::new(),
            zmq_pair(),
            Some(EventKind::HandshakeFailedProtocol),
        )
        .await,
        came(key(), none(), None).await,
        came(key(), half(), None).await,
    ];
    assert_eq!(
        reasons,
        [
            // libzmq cannot seal a HELLO for a key of zeros, and tells its own program.
            "the peer closed the connection",
            "malformed the client's key: it is of low order",
            "the vouch in INITIATE does not open: the client does not have the key that it shows",
        ]
    );

    let reason = we_come_to_libzmq(
        Curve::client(pair().public_key(), pair()),
        Setup::CurveServer {
            own: none(),
            allowed: Vec::new(),
        },
    )
    .await;
    assert_eq!(
        reason,
        "the peer closed the connection upon our HELLO: perhaps its key is not the one that we expect"
    );
}

#[tokio::test]
async fn a_server_key_can_be_changed_without_a_client_noticing() {
    let (old, new) = (pair(), pair());
    let keys = hubless::curve::ServerKeys::from(old.clone());
    let pull = Pull::builder()
        .mechanism(Curve::server(keys.clone()).allow_any())
        .build()
        .expect("no contradiction");
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let come = async |key: PublicKey| {
        let push = Push::builder()
            .mechanism(Curve::client(key, pair()))
            .build()
            .expect("no contradiction");
        let connected = soon("a handshake", push.connect(&at).expect("an endpoint")).await;
        connected.map(|_| push)
    };
    let first = come(old.public_key()).await.expect("it knows our key");
    come(new.public_key()).await.expect_err("nobody has this key yet");
    keys.rotate(new.clone());
    come(new.public_key()).await.expect("it knows our new key");
    come(old.public_key()).await.expect("it knows our old key");
    keys.retire();
    come(old.public_key())
        .await
        .expect_err("nobody has this key any more");
    come(new.public_key()).await.expect("it knows our key");
    first.send("still here").await.expect("it is open");
    assert_eq!(
        soon("a message", pull.recv()).await.expect("it is open"),
        "still here"
    );
}

/// A PAIR that comes second is closed before it is told that it may send, whoever of both is the server, and hears
/// nothing else either: it is asked no question.
#[tokio::test]
async fn who_finds_no_seat_loses_nothing_with_any_mechanism() {
    let key = pair();
    let curve = Curve::client(key.public_key(), pair());
    let all: [(Mechanism, Mechanism); 6] = [
        (Mechanism::default(), Mechanism::default()),
        (
            Null::server(|_: Applicant| async { Verdict::accept() }),
            Mechanism::default(),
        ),
        (Plain::server(users()), Plain::client("ann", "hunter2")),
        (Curve::server(key.clone()).allow_any(), curve.clone()),
        (Plain::client("ann", "hunter2"), Plain::server(users())),
        (curve, Curve::server(key).allow_any()),
    ];
    for (binding, connecting) in all {
        let socket = |mechanism: Mechanism| {
            let builder = Pair::builder().mechanism(mechanism);
            let builder = builder.reconnect(Duration::from_millis(1), Duration::from_millis(10));
            let builder = builder.heartbeat(Heartbeat::every(Duration::from_secs(5)));
            builder.build().expect("no contradiction")
        };
        let (binds, first, second) = (socket(binding), socket(connecting.clone()), socket(connecting));
        let at = binds.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let (mut at_binds, mut at_second) = (binds.monitor(), second.monitor());
        soon("a handshake", first.connect(&at).expect("an endpoint"))
            .await
            .expect("the seat is free");
        soon("the same there", binds.peers().at_least(1))
            .await
            .expect("it is open");
        let connecting = second.connect(&at).expect("an endpoint");
        for number in 0..10 {
            second.send(format!("{number}")).await.expect("there is room");
        }
        for _ in 0..3 {
            let guess = failure(&mut at_second).await;
            assert!(guess.starts_with("the peer closed"), "{guess}");
            assert_eq!(
                failed_handshake(&mut at_binds).await.to_string(),
                "one peer at a time, and there is one already"
            );
        }
        let outgoing = second.stats().outgoing;
        assert_eq!((outgoing.handed_over.messages, outgoing.queued.messages), (0, 10));
        first.close().await.expect("nothing is left");
        soon("a handshake", connecting).await.expect("the seat is free");
        for number in 0..10 {
            let received = soon("a message", binds.recv()).await.expect("it is open");
            assert_eq!(received, format!("{number}"));
        }
    }
}
