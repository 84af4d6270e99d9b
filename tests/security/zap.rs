//! The bridge to a ZAP handler: what it is asked, what it can say, and that nobody enters without an answer.

use std::time::Duration;

use hubless::auth::Zap;
use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::{Context, Curve, Mechanism, Message, Null, Peer, Plain, Pull, Push, Rep};

use peers::libzmq::{CurveKeys, EventKind, Monitor as ZmqMonitor, SocketType};

use crate::zmq::{Setup, joined, zmq};
use crate::{SOON, outcome, soon};

const ZAP: &str = "inproc://zeromq.zap.01";

/// A socket that lets in whom the handler in this context lets in.
async fn pull(context: &Context, server: impl FnOnce(Zap) -> Mechanism, at: &str) -> (Pull, String) {
    // The socket itself is elsewhere.
    let pull = Pull::builder()
        .mechanism(server(Zap::in_context(context)).domain("jobs"))
        .context(&Context::new())
        .build()
        .expect("no contradiction");
    let at = soon("a free endpoint", pull.bind(at)).await.expect("it binds");
    (pull, at.to_string())
}

fn push(client: Mechanism) -> Push {
    Push::builder()
        .mechanism(client)
        .reconnect(Duration::from_secs(60), Duration::from_secs(60))
        .build()
        .expect("no contradiction")
}

async fn handler(context: &Context) -> Rep {
    let rep = Rep::builder().context(context).build().expect("no contradiction");
    rep.bind(ZAP).await.expect("nobody else decides");
    rep
}

/// A handler that gives every question this reply; the question comes out.
async fn answer(handler: &Rep, reply: Message) -> Vec<Vec<u8>> {
    let request = soon("a question", handler.recv_request())
        .await
        .expect("it is open");
    let question = request.message().iter().map(<[u8]>::to_vec).collect();
    request.reply(reply).await.expect("it is open");
    question
}

/// How the next handshake ends, while somebody comes.
async fn outcome_of(pull: &Pull, coming: impl Future) -> Result<Peer, String> {
    let mut monitor = pull.monitor();
    tokio::join!(outcome(&mut monitor), coming).0
}

fn yes() -> Message {
    ("1.0", "1", "200", "OK", "user 7", "").into()
}

#[tokio::test]
async fn a_handler_is_asked_in_the_words_of_the_specification_whatever_the_mechanism() {
    let context = Context::new();
    let handler = handler(&context).await;
    let (server, client): (KeyPair, KeyPair) =
        (SecretKey::from([1; 32]).into(), SecretKey::from([2; 32]).into());
    let key = *client.public_key().as_bytes();
    let server_key = server.public_key();
    let over_curve = move |zap| Curve::server(server).authenticator(zap);
    type Server = Box<dyn FnOnce(Zap) -> Mechanism>;
    let table: [(Server, Mechanism, &str, &[&[u8]]); 3] = [
        (Box::new(Null::server), Mechanism::default(), "NULL", &[]),
        (
            Box::new(Plain::server),
            Plain::client("ann", "pw"),
            "PLAIN",
            &[b"ann", b"pw"],
        ),
        (
            Box::new(over_curve),
            Curve::client(server_key, client),
            "CURVE",
            &[&key],
        ),
    ];
    for (server, client, name, credentials) in table {
        let (pull, at) = pull(&context, server, "tcp://127.0.0.1:*").await;
        let push = push(client);
        let (peer, question) = tokio::join!(
            outcome_of(&pull, async {
                soon("a handshake", push.connect(&at).expect("an endpoint"))
                    .await
                    .expect("it is let in");
            }),
            answer(&handler, yes()),
        );
        let expected = [&b"1.0"[..], b"1", b"jobs", b"127.0.0.1", b"", name.as_bytes()];
        assert_eq!(question, [&expected[..], credentials].concat());
        let peer = peer.expect("it is let in");
        assert_eq!((peer.mechanism(), peer.user_id()), (name, Some("user 7")));
    }
}

#[tokio::test]
async fn what_a_handler_says_of_a_peer_is_known_of_it() {
    let context = Context::new();
    let handler = handler(&context).await;
    let (pull, at) = pull(&context, Null::server, "ipc://*").await;
    let reply = ("1.0", "1", "200", "", "ann", "\x06X-Role\0\0\0\x05admin");
    let push = Push::builder()
        .property("X-Role", "guest")
        .build()
        .expect("no contradiction");
    let (peer, question) = tokio::join!(
        outcome_of(&pull, async { drop(push.connect(&at).expect("an endpoint")) }),
        answer(&handler, reply.into()),
    );
    let peer = peer.expect("it is let in");
    assert_eq!(
        (peer.user_id(), peer.property("x-role")),
        (Some("ann"), Some(&b"admin"[..]))
    );
    // Over ipc the address is the process, as libzmq has it.
    assert_eq!(question[3], peer.address().as_bytes());
    assert!(peer.address().ends_with(&format!(":{}", std::process::id())));
}

#[tokio::test]
async fn row_18_each_no_is_told_to_both_sides_and_so_is_every_reply_that_is_none() {
    let context = Context::new();
    let handler = handler(&context).await;
    let (pull, at) = pull(&context, Plain::server, "tcp://127.0.0.1:*").await;
    let refused = "the server refused our user name and password:";
    let closed = "the peer closed the connection upon our HELLO: perhaps it lets nobody in now";
    let table: [(Message, &str, String); 9] = [
        (
            ("1.0", "1", "400", "unknown", "", "").into(),
            "(400): unknown",
            format!("{refused} 400"),
        ),
        (
            ("1.0", "1", "500", "away", "", "").into(),
            "(500): away",
            format!("{refused} 500"),
        ),
        (
            ("1.0", "1", "300", "later", "", "").into(),
            "(300): later",
            closed.to_owned(),
        ),
        (
            "hello".into(),
            "(500): malformed reply of the ZAP handler: expected 6 frames, found 1",
            format!("{refused} 500"),
        ),
        (
            ("1.0", "1", "200", "", "").into(),
            "(500): malformed reply of the ZAP handler: expected 6 frames, found 5",
            format!("{refused} 500"),
        ),
        (
            ("1.1", "1", "200", "", "", "").into(),
            "(500): malformed reply of the ZAP handler: expected version 1.0, found 1.1",
            format!("{refused} 500"),
        ),
        (
            ("1.0", "2", "200", "", "", "").into(),
            "(500): malformed reply of the ZAP handler: it answers another question",
            format!("{refused} 500"),
        ),
        (
            ("1.0", "1", "2OO", "", "", "").into(),
            "(500): malformed reply of the ZAP handler: expected a status of 200, 300, 400 or 500, found 2OO",
            format!("{refused} 500"),
        ),
        (
            ("1.0", "1", "200", "", "", "?").into(),
            "(500): malformed reply of the ZAP handler: malformed metadata: a property ends beyond the command",
            format!("{refused} 500"),
        ),
    ];
    for (reply, why, told) in table {
        let push = push(Plain::client("ann", "pw"));
        let mut monitor = push.monitor();
        let (peer, ..) = tokio::join!(
            outcome_of(&pull, async { drop(push.connect(&at).expect("an endpoint")) }),
            answer(&handler, reply),
        );
        assert_eq!(peer, Err(format!("the peer was not let in {why}")));
        assert_eq!(crate::failure(&mut monitor).await, told);
    }
    assert_eq!(pull.peers().count(), 0);
}

#[tokio::test]
async fn row_18_without_a_handler_nobody_enters_and_with_one_the_next_does() {
    let context = Context::new();
    let (pull, at) = pull(&context, Plain::server, "tcp://127.0.0.1:*").await;
    let come = async || {
        let push = push(Plain::client("ann", "pw"));
        let peer = outcome_of(&pull, async { drop(push.connect(&at).expect("an endpoint")) }).await;
        (push, peer)
    };
    let nobody = format!("the peer was not let in (500): no ZAP handler is bound at {ZAP}");
    assert_eq!(come().await.1, Err(nobody.clone()));

    let handler = handler(&context).await;
    let (come_in, _) = tokio::join!(come(), answer(&handler, yes()));
    come_in.1.expect("it is let in");

    // One that goes away while it is asked has not said yes.
    let (come_in, _) = tokio::join!(come(), async {
        let request = soon("a question", handler.recv_request())
            .await
            .expect("it is open");
        drop(request);
        soon("closing", handler.close()).await.expect("nothing is left");
    });
    let why = come_in.1.expect_err("nobody said yes");
    assert!(
        why.starts_with("the peer was not let in (500): the ZAP handler did not answer"),
        "{why}"
    );
    assert_eq!(come().await.1, Err(nobody));
}

#[tokio::test]
async fn row_18_a_handler_that_does_not_answer_in_time_lets_nobody_in() {
    let context = Context::new();
    let handler = handler(&context).await;
    let server = |zap: Zap| Plain::server(zap.timeout(Duration::from_millis(50)));
    let (pull, at) = pull(&context, server, "tcp://127.0.0.1:*").await;
    let push = push(Plain::client("ann", "pw"));
    let peer = outcome_of(&pull, async { drop(push.connect(&at).expect("an endpoint")) }).await;
    let late = "the peer was not let in (500): the ZAP handler did not answer within 50ms";
    assert_eq!(peer, Err(late.to_owned()));
    // What it says later is said to nobody.
    let late = soon("the question", handler.recv_request())
        .await
        .expect("it is open");
    late.reply(yes()).await.expect("it is open");
    assert_eq!(pull.peers().count(), 0);
}

#[tokio::test]
async fn row_18_a_question_that_takes_long_delays_no_other() {
    let context = Context::new();
    let handler = handler(&context).await;
    let (pull, at) = pull(&context, Plain::server, "tcp://127.0.0.1:*").await;
    let (first, second) = (push(Plain::client("ann", "pw")), push(Plain::client("bob", "pw")));
    let slow = first.connect(&at).expect("an endpoint");
    let waiting = soon("a question", handler.recv_request())
        .await
        .expect("it is open");
    let quick = second.connect(&at).expect("an endpoint");
    assert_eq!(answer(&handler, yes()).await[6], b"bob");
    soon("a handshake", quick).await.expect("it is let in");
    assert_eq!(pull.peers().count(), 1);
    waiting.reply(yes()).await.expect("it is open");
    soon("a handshake", slow).await.expect("it is let in");
}

/// Whoever decides here decides about peers of libzmq too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_here_decides_about_clients_of_libzmq() {
    let context = Context::new();
    let handler = handler(&context).await;
    let server = KeyPair::generate().expect("there is randomness");
    let own = CurveKeys::generate().expect("there is randomness");
    let key: PublicKey = own.public.parse().expect("a key");
    let setup = Setup::CurveClient {
        server: server.public_key().to_string(),
        own,
    };
    type Server = Box<dyn FnOnce(Zap) -> Mechanism>;
    type Case = (
        fn(KeyPair) -> Server,
        Setup,
        &'static str,
        Vec<Vec<u8>>,
        EventKind,
    );
    // libzmq expects another spelling of ERROR from a server of PLAIN than RFC 24 has.
    let (protocol, auth) = (EventKind::HandshakeFailedProtocol, EventKind::HandshakeFailedAuth);
    let table: [Case; 2] = [
        (
            |_| Box::new(Plain::server),
            Setup::PlainClient("ann", "pw"),
            "PLAIN",
            vec![b"ann".to_vec(), b"pw".to_vec()],
            protocol,
        ),
        (
            |server| Box::new(|zap| Curve::server(server).authenticator(zap)),
            setup,
            "CURVE",
            vec![key.as_bytes().to_vec()],
            auth,
        ),
    ];
    for (serve, setup, name, credentials, failed) in table {
        for is_in in [true, false] {
            let (pull, at) = pull(&context, serve(server.clone()), "tcp://127.0.0.1:*").await;
            let libzmq = zmq(SocketType::Push, setup.clone(), move |context, push| {
                let monitor = ZmqMonitor::new(context, push).expect("it watches");
                push.connect(&at).expect("it connects");
                match is_in {
                    true => push.send(&[b"hello"]).expect("there is room"),
                    false => {
                        push.set(peers::libzmq::option::LINGER, 0)
                            .expect("it does not linger");
                        monitor.wait_for(failed, SOON).expect("it is told");
                    }
                }
            });
            let no = ("1.0", "1", "400", "not today", "", "").into();
            let reply = if is_in { yes() } else { no };
            let (outcome, question) = tokio::join!(outcome_of(&pull, async {}), answer(&handler, reply));
            assert_eq!(question[5], name.as_bytes());
            assert_eq!(question[6..], credentials[..]);
            match outcome {
                Ok(peer) => {
                    assert_eq!(
                        (is_in, peer.mechanism(), peer.user_id()),
                        (true, name, Some("user 7"))
                    );
                    assert_eq!(soon("a message", pull.recv()).await.expect("it is open"), "hello");
                }
                Err(reason) => assert_eq!(
                    (is_in, reason.as_str()),
                    (false, "the peer was not let in (400): not today")
                ),
            }
            joined(libzmq).await;
        }
    }
}
