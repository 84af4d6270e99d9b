//! PLAIN and CURVE with libzmq 4.3.5: every kind as client and as server of the mechanism, over tcp and ipc, messages
//! of every size.

use std::sync::mpsc;

use hubless::curve::{AllowList, KeyPair, SecretKey};
use hubless::{Curve, Frame, Mechanism, Message, Plain, PlainUsers, Pub, Pull, Push, Rep, Req, Sub};
use peers::libzmq::{CurveKeys, Socket, SocketType, option};

use crate::zmq::{Setup, joined, told, zmq};
use crate::{SOON, soon};

type Frames = Vec<Vec<u8>>;

#[derive(Debug, Clone, Copy)]
enum Over {
    Tcp,
    Ipc,
}

impl Over {
    fn any(self) -> &'static str {
        match self {
            Self::Tcp => "tcp://127.0.0.1:*",
            Self::Ipc => "ipc://*",
        }
    }
}

/// Which mechanism, and what we are in it. Servers bind.
#[derive(Debug, Clone, Copy)]
enum With {
    PlainClient,
    PlainServer,
    CurveClient,
    CurveServer,
}

const ALL: [With; 4] = [
    With::PlainClient,
    With::PlainServer,
    With::CurveClient,
    With::CurveServer,
];

impl With {
    fn we_serve(self) -> bool {
        matches!(self, Self::PlainServer | Self::CurveServer)
    }

    /// Our side and theirs.
    fn sides(self) -> (Mechanism, Setup) {
        let (ours, theirs) = (
            KeyPair::generate().expect("there is randomness"),
            CurveKeys::generate().expect("there is randomness"),
        );
        let their_public = theirs.public.parse().expect("a key");
        match self {
            Self::PlainClient => (
                Plain::client("ann", "hunter2"),
                Setup::PlainServer("ann", "hunter2"),
            ),
            Self::PlainServer => (
                Plain::server(PlainUsers::new().with("bob", "pw")),
                Setup::PlainClient("bob", "pw"),
            ),
            Self::CurveClient => {
                let allowed = vec![ours.public_key().to_string()];
                (
                    Curve::client(their_public, ours),
                    Setup::CurveServer { own: theirs, allowed },
                )
            }
            Self::CurveServer => (
                Curve::server(ours.clone()).allow(AllowList::from([their_public])),
                Setup::CurveClient {
                    server: ours.public_key().to_string(),
                    own: theirs,
                },
            ),
        }
    }
}

fn messages() -> Vec<Frames> {
    let frames =
        |size: usize, count: usize| -> Frames { (0..count).map(|i| vec![b'a' + i as u8; size]).collect() };
    [0, 1, 33, 222, 223, 255, 256, 8192, 65_536, 1024 * 1024]
        .iter()
        .flat_map(|size| (1..=3).map(move |count| frames(*size, count)))
        .collect()
}

fn to_message(frames: &Frames) -> Message {
    let frames: Vec<_> = frames.iter().map(|frame| Frame::from(frame.clone())).collect();
    Message::try_from(frames).expect("there is a frame")
}

fn to_frames(message: &Message) -> Frames {
    message.iter().map(<[u8]>::to_vec).collect()
}

fn recv(socket: &Socket) -> Frames {
    socket.recv_timeout(SOON).expect("a message comes")
}

/// Both sides meet: a socket of ours with this mechanism, and libzmq's doing `$work`.
macro_rules! meet {
    ($socket:ty, $over:expr, $with:expr, $kind:expr, $work:expr) => {{
        let (mechanism, setup) = $with.sides();
        let socket = <$socket>::builder()
            .mechanism(mechanism)
            .build()
            .expect("no contradiction");
        let we_serve = $with.we_serve();
        let at = match we_serve {
            true => soon("a free endpoint", socket.bind($over.any()))
                .await
                .expect("it binds")
                .to_string(),
            false => String::new(),
        };
        let (tell, address) = mpsc::channel();
        let over = $over;
        let libzmq = zmq($kind, setup, move |_, theirs| {
            if we_serve {
                theirs.connect(&at).expect("it connects");
            } else {
                tell.send(theirs.bind(over.any()).expect("it binds"))
                    .expect("the test waits");
            }
            ($work)(theirs)
        });
        if !we_serve {
            let at = told(address).await;
            let connecting = socket.connect(at).expect("an endpoint");
            soon("a handshake", connecting).await.expect("we are let in");
        }
        (socket, libzmq)
    }};
}

async fn push(over: Over, with: With) {
    let (push, libzmq) = meet!(Push, over, with, SocketType::Pull, |pull: &Socket| {
        messages().iter().map(|_| recv(pull)).collect::<Vec<_>>()
    });
    for frames in messages() {
        soon("room", push.send(to_message(&frames)))
            .await
            .expect("it is open");
    }
    assert_eq!(joined(libzmq).await, messages());
    soon("closing", push.close()).await.expect("nothing is left");
}

async fn pull(over: Over, with: With) {
    let (end, ended) = mpsc::channel::<()>();
    let (pull, libzmq) = meet!(Pull, over, with, SocketType::Push, move |push: &Socket| {
        messages()
            .iter()
            .for_each(|frames| push.send(frames).expect("it sends"));
        let _ = ended.recv();
    });
    for frames in messages() {
        let message = soon("a message", pull.recv()).await.expect("it is open");
        assert_eq!(to_frames(&message), frames);
    }
    let peer = pull.peers().list().remove(0);
    let (mechanism, user_id) = match with {
        With::PlainClient => ("PLAIN", None),
        With::PlainServer => ("PLAIN", Some("bob".to_owned())),
        With::CurveClient => ("CURVE", None),
        With::CurveServer => ("CURVE", peer.user_id().map(str::to_owned)),
    };
    assert_eq!(
        (peer.mechanism(), peer.user_id()),
        (mechanism, user_id.as_deref())
    );
    assert_eq!(peer.user_id().is_some(), with.we_serve());
    drop(end);
    joined(libzmq).await;
}

async fn req(over: Over, with: With) {
    let (mut req, libzmq) = meet!(Req, over, with, SocketType::Rep, |rep: &Socket| {
        for _ in messages() {
            let mut frames = recv(rep);
            frames.push(b"answered".to_vec());
            rep.send(&frames).expect("it answers");
        }
    });
    for mut frames in messages() {
        let answer = soon("an answer", req.request(to_message(&frames))).await;
        frames.push(b"answered".to_vec());
        assert_eq!(to_frames(&answer.expect("an answer")), frames);
    }
    joined(libzmq).await;
}

async fn rep(over: Over, with: With) {
    let (rep, libzmq) = meet!(Rep, over, with, SocketType::Req, |req: &Socket| {
        let ask = |frames: &Frames| {
            req.send(frames).expect("it asks");
            recv(req)
        };
        messages().iter().map(ask).collect::<Vec<_>>()
    });
    for frames in messages() {
        let request = soon("a request", rep.recv_request()).await.expect("it is open");
        assert_eq!(to_frames(request.message()), frames);
        let answer = request.message().clone();
        soon("room", request.reply(answer)).await.expect("it is open");
    }
    assert_eq!(joined(libzmq).await, messages());
}

fn topical(frames: &Frames) -> Frames {
    let mut frames = frames.clone();
    frames[0].insert(0, b'a');
    frames
}

async fn publish(over: Over, with: With) {
    let (publisher, libzmq) = meet!(Pub, over, with, SocketType::Sub, |sub: &Socket| {
        sub.subscribe("a").expect("it subscribes");
        let all: Vec<_> = messages().iter().map(|_| recv(sub)).collect();
        sub.subscribe("b").expect("it subscribes");
        sub.unsubscribe("a").expect("it cancels");
        (all, recv(sub))
    });
    let subscribed = |topic: &'static str| {
        let subscribers = publisher.subscribers();
        async move {
            soon(topic, subscribers.to(topic).at_least(1))
                .await
                .expect("it is open")
        }
    };
    subscribed("a").await;
    for frames in messages() {
        publisher.send("z: for nobody").await.expect("it is open");
        publisher
            .send(to_message(&topical(&frames)))
            .await
            .expect("it is open");
    }
    subscribed("b").await;
    while publisher.subscribers().to("a").count() > 0 {
        tokio::task::yield_now().await;
    }
    publisher.send("a: too late").await.expect("it is open");
    publisher.send("b: still heard").await.expect("it is open");
    let (all, last) = joined(libzmq).await;
    assert_eq!(all, messages().iter().map(topical).collect::<Vec<_>>());
    assert_eq!(last, [b"b: still heard".to_vec()]);
}

async fn subscribe(over: Over, with: With) {
    let (end, ended) = mpsc::channel::<()>();
    let (subscriber, libzmq) = meet!(Sub, over, with, SocketType::XPub, move |publisher: &Socket| {
        assert_eq!(recv(publisher), [b"\x01a".to_vec()]);
        publisher.send(&["z: for nobody"]).expect("it publishes");
        for frames in messages() {
            publisher.send(&topical(&frames)).expect("it publishes");
        }
        assert_eq!(recv(publisher), [b"\x00a".to_vec()]);
        let _ = ended.recv();
    });
    subscriber.subscribe("a");
    for frames in messages() {
        let message = soon("a message", subscriber.recv()).await.expect("it is open");
        assert_eq!(to_frames(&message), topical(&frames));
    }
    subscriber.unsubscribe("a");
    // PING and PONG are sealed as well.
    soon("a PONG", subscriber.subscribed())
        .await
        .expect("libzmq has heard");
    drop(end);
    joined(libzmq).await;
}

macro_rules! every_kind {
    ($($name:ident => $work:ident;)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_tcp() {
                for with in ALL {
                    $work(Over::Tcp, with).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_ipc() {
                for with in ALL {
                    $work(Over::Ipc, with).await;
                }
            }
        }
    )+};
}

every_kind! {
    a_push_and_a_libzmq_pull_trust_each_other => push;
    a_pull_and_a_libzmq_push_trust_each_other => pull;
    a_req_and_a_libzmq_rep_trust_each_other => req;
    a_rep_and_a_libzmq_req_trust_each_other => rep;
    a_pub_and_a_libzmq_sub_trust_each_other => publish;
    a_sub_and_a_libzmq_xpub_trust_each_other => subscribe;
}

#[test]
fn keys_are_the_same_to_libzmq_and_us() {
    for _ in 0..20 {
        let theirs = CurveKeys::generate().expect("there is randomness");
        let secret: SecretKey = theirs.secret.parse().expect("a key");
        assert_eq!(secret.public_key().to_string(), theirs.public);
        assert_eq!(*secret.expose_text(), theirs.secret);
        let ours = KeyPair::generate().expect("there is randomness");
        let again = CurveKeys::from_secret(&ours.secret_key().expose_text()).expect("a key");
        assert_eq!(again.public, ours.public_key().to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_libzmq_says_of_itself_is_read_and_what_it_says_of_others_is_not() {
    let pull = Pull::builder()
        .property("X-Room", "ours")
        .build()
        .expect("no contradiction");
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let (end, ended) = mpsc::channel::<()>();
    let libzmq = zmq(SocketType::Push, Setup::Null, move |_, push| {
        for property in ["X-Room:7", "X-Floor:2"] {
            push.set_bytes(option::METADATA, property).expect("a property");
        }
        push.connect(at.as_str()).expect("it connects");
        let _ = ended.recv();
    });
    soon("a handshake", pull.peers().at_least(1))
        .await
        .expect("it is open");
    let peer = pull.peers().list().remove(0);
    assert_eq!(peer.property("x-room"), Some(&b"7"[..]));
    assert_eq!(peer.property("X-Floor"), Some(&b"2"[..]));
    assert_eq!((peer.user_id(), peer.property("User-Id")), (None, None));
    drop(end);
    joined(libzmq).await;
}
