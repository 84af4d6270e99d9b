//! Six sockets against libzmq 4.3.5: as binder and as connector, over tcp and ipc, one to three frames, from no byte
//! to a mebibyte; subscriptions made, cancelled and made again; reconnecting when the libzmq side comes back.
//!
//! libzmq's calls block, so its side is a thread of its own in each test.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use hubless::{Message, Pub, Pull, Push, Rep, Req, Sub};
use peers::libzmq::{Context, Socket, SocketType};
use tokio::time::timeout;

type Frames = Vec<Vec<u8>>;

/// Far more than anything here takes: a test that would hang fails instead.
const SOON: Duration = Duration::from_secs(30);

const SIZES: [usize; 9] = [0, 1, 32, 33, 255, 256, 8192, 65_536, 1024 * 1024];

#[derive(Clone, Copy)]
enum Over {
    Tcp,
    Ipc,
}

impl Over {
    /// An address that nobody else has, for whoever binds.
    fn any(self) -> &'static str {
        match self {
            Self::Tcp => "tcp://127.0.0.1:*",
            Self::Ipc => "ipc://*",
        }
    }
}

/// Messages of every size and one to three frames, each frame filled with a byte of its own.
fn messages() -> Vec<Frames> {
    let frames =
        |size: usize, count: usize| -> Frames { (0..count).map(|i| vec![b'a' + i as u8; size]).collect() };
    SIZES
        .iter()
        .flat_map(|size| (1..=3).map(move |count| frames(*size, count)))
        .collect()
}

fn to_message(frames: &Frames) -> Message {
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| hubless::Frame::from(frame.clone()))
        .collect();
    Message::try_from(frames).expect("there is a frame")
}

fn to_frames(message: &Message) -> Frames {
    message.iter().map(<[u8]>::to_vec).collect()
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(SOON, work).await.expect("it takes far less")
}

/// libzmq's side of a test.
fn zmq<T: Send + 'static>(
    kind: SocketType,
    work: impl FnOnce(&Socket) -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || {
        let context = Context::new();
        let socket = context.socket(kind).expect("libzmq makes a socket");
        socket
            .set(peers::libzmq::option::LINGER, 30_000)
            .expect("it lingers");
        work(&socket)
    })
}

async fn joined<T: Send + 'static>(thread: JoinHandle<T>) -> T {
    soon(tokio::task::spawn_blocking(move || {
        thread.join().expect("libzmq's side ends well")
    }))
    .await
    .expect("it ran")
}

fn recv(socket: &Socket) -> Frames {
    socket.recv_timeout(SOON).expect("a message comes")
}

async fn push_to_libzmq(over: Over, we_bind: bool) {
    let push = Push::new();
    let (tell, told) = std::sync::mpsc::channel();
    let at = if we_bind {
        soon(push.bind(over.any())).await.expect("it binds").to_string()
    } else {
        String::new()
    };
    let libzmq = zmq(SocketType::Pull, move |pull| {
        if we_bind {
            pull.connect(&at).expect("it connects");
        } else {
            tell.send(pull.bind(over.any()).expect("it binds"))
                .expect("the test waits");
        }
        messages().iter().map(|_| recv(pull)).collect::<Vec<_>>()
    });
    if !we_bind {
        let at = tokio::task::spawn_blocking(move || told.recv().expect("an address"))
            .await
            .expect("it ran");
        push.connect(at).expect("an endpoint");
    }
    for frames in messages() {
        soon(push.send(to_message(&frames))).await.expect("it sends");
    }
    assert_eq!(joined(libzmq).await, messages());
    soon(push.close()).await.expect("nothing is left");
}

async fn pull_from_libzmq(over: Over, we_bind: bool) {
    let pull = Pull::new();
    let (tell, told) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let at = if we_bind {
        soon(pull.bind(over.any())).await.expect("it binds").to_string()
    } else {
        String::new()
    };
    let libzmq = zmq(SocketType::Push, move |push| {
        if we_bind {
            push.connect(&at).expect("it connects");
        } else {
            tell.send(push.bind(over.any()).expect("it binds"))
                .expect("the test waits");
        }
        messages()
            .iter()
            .for_each(|frames| push.send(frames).expect("it sends"));
        let _ = ended.recv();
    });
    if !we_bind {
        let at = tokio::task::spawn_blocking(move || told.recv().expect("an address"))
            .await
            .expect("it ran");
        pull.connect(at).expect("an endpoint");
    }
    for frames in messages() {
        assert_eq!(to_frames(&soon(pull.recv()).await.expect("it receives")), frames);
    }
    drop(end);
    joined(libzmq).await;
}

async fn ask_libzmq(over: Over) {
    let (tell, told) = std::sync::mpsc::channel();
    let libzmq = zmq(SocketType::Rep, move |rep| {
        tell.send(rep.bind(over.any()).expect("it binds"))
            .expect("the test waits");
        for _ in messages() {
            let mut frames = recv(rep);
            frames.push(b"answered".to_vec());
            rep.send(&frames).expect("it answers");
        }
    });
    let at = tokio::task::spawn_blocking(move || told.recv().expect("an address"))
        .await
        .expect("it ran");
    let mut req = Req::new();
    req.connect(at).expect("an endpoint");
    for mut frames in messages() {
        let answer = soon(req.request(to_message(&frames))).await.expect("an answer");
        frames.push(b"answered".to_vec());
        assert_eq!(to_frames(&answer), frames);
    }
    joined(libzmq).await;
}

async fn answer_libzmq(over: Over) {
    let rep = Rep::new();
    let at = soon(rep.bind(over.any())).await.expect("it binds").to_string();
    let libzmq = zmq(SocketType::Req, move |req| {
        req.connect(&at).expect("it connects");
        let ask = |frames: &Frames| {
            req.send(frames).expect("it asks");
            recv(req)
        };
        messages().iter().map(ask).collect::<Vec<_>>()
    });
    for frames in messages() {
        let request = soon(rep.recv_request()).await.expect("a request");
        assert_eq!(to_frames(request.message()), frames);
        let answer = request.message().clone();
        soon(request.reply(answer)).await.expect("it answers");
    }
    assert_eq!(joined(libzmq).await, messages());
}

async fn publish_to_libzmq(over: Over) {
    let publisher = Pub::new();
    let at = soon(publisher.bind(over.any()))
        .await
        .expect("it binds")
        .to_string();
    let (order, orders) = std::sync::mpsc::channel::<&str>();
    let libzmq = zmq(SocketType::Sub, move |sub| {
        sub.subscribe("a").expect("it subscribes");
        sub.subscribe("b").expect("it subscribes");
        sub.connect(&at).expect("it connects");
        let all: Vec<_> = messages().iter().map(|_| recv(sub)).collect();
        while let Ok(cancelled) = orders.recv() {
            sub.unsubscribe(cancelled).expect("it cancels");
        }
        (all, recv(sub))
    });
    soon(publisher.subscribers().to("a").at_least(1))
        .await
        .expect("it stays open");
    let topical = |frames: &Frames| {
        let mut frames = frames.clone();
        frames[0].insert(0, b'a');
        frames
    };
    for frames in messages() {
        soon(publisher.send("z: for nobody")).await.expect("it publishes");
        soon(publisher.send(to_message(&topical(&frames))))
            .await
            .expect("it publishes");
    }
    let told = messages().iter().map(topical).collect::<Vec<_>>();
    order.send("a").expect("libzmq listens");
    drop(order);
    while publisher.subscribers().to("a").count() > 0 {
        tokio::task::yield_now().await;
    }
    soon(publisher.send("a: too late")).await.expect("it publishes");
    soon(publisher.send("b: still heard"))
        .await
        .expect("it publishes");
    let (all, last) = joined(libzmq).await;
    assert_eq!(all, told);
    assert_eq!(last, [b"b: still heard".to_vec()]);
}

async fn subscribe_to_libzmq(over: Over) {
    let sub = Sub::new();
    sub.subscribe("a");
    let (tell, told) = std::sync::mpsc::channel();
    let (order, orders) = std::sync::mpsc::channel::<()>();
    let libzmq = zmq(SocketType::XPub, move |publisher| {
        tell.send(publisher.bind(over.any()).expect("it binds"))
            .expect("the test waits");
        assert_eq!(recv(publisher), [b"\x01a".to_vec()]);
        publisher.send(&["z: for nobody"]).expect("it publishes");
        publisher.send(&["a", "heard"]).expect("it publishes");
        assert_eq!(recv(publisher), [b"\x00a".to_vec()]);
        assert_eq!(recv(publisher), [b"\x01b".to_vec()]);
        publisher.send(&["a: cancelled"]).expect("it publishes");
        publisher.send(&["b"]).expect("it publishes");
        let _ = orders.recv();
    });
    let at = tokio::task::spawn_blocking(move || told.recv().expect("an address"))
        .await
        .expect("it ran");
    sub.connect(at).expect("an endpoint");
    assert_eq!(
        to_frames(&soon(sub.recv()).await.expect("it receives")),
        [b"a".to_vec(), b"heard".to_vec()]
    );
    sub.unsubscribe("a");
    soon(sub.subscribed()).await.expect("libzmq has heard");
    sub.subscribe("b");
    assert_eq!(soon(sub.recv()).await.expect("it receives"), "b");
    drop(order);
    joined(libzmq).await;
}

/// A libzmq PULL goes and another comes at the same place: what is sent meanwhile reaches it, in order.
async fn libzmq_comes_back(over: Over) {
    let push = Push::new();
    let path = std::env::temp_dir().join(format!("hubless-interop-{}", std::process::id()));
    let place = match over {
        Over::Tcp => over.any().to_owned(),
        Over::Ipc => format!("ipc://{}", path.display()),
    };
    let (tell, told) = std::sync::mpsc::channel();
    let libzmq = zmq(SocketType::Pull, move |pull| {
        tell.send(pull.bind(&place).expect("it binds"))
            .expect("the test waits");
        recv(pull)
    });
    let at = tokio::task::spawn_blocking(move || told.recv().expect("an address"))
        .await
        .expect("it ran");
    let mut monitor = push.monitor();
    soon(push.connect(at.as_str()).expect("an endpoint"))
        .await
        .expect("it connects");
    soon(push.send("first")).await.expect("it sends");
    assert_eq!(joined(libzmq).await, [b"first".to_vec()]);
    while !matches!(
        soon(monitor.next()).await,
        Some(hubless::Event::Disconnected { .. })
    ) {}
    for text in ["second", "third"] {
        soon(push.send(text)).await.expect("it sends");
    }
    let libzmq = zmq(SocketType::Pull, move |pull| {
        pull.bind(&at).expect("the place is free");
        (recv(pull), recv(pull))
    });
    assert_eq!(
        joined(libzmq).await,
        (vec![b"second".to_vec()], vec![b"third".to_vec()])
    );
    let _ = std::fs::remove_file(path);
}

macro_rules! over_both {
    ($($name:ident => $test:expr;)+) => {
        mod tcp {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use super::*;
                ($test)(Over::Tcp).await;
            }
        )+}
        mod ipc {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                use super::*;
                ($test)(Over::Ipc).await;
            }
        )+}
    };
}

over_both! {
    push_binds_and_libzmq_pulls => |over| push_to_libzmq(over, true);
    push_connects_and_libzmq_pulls => |over| push_to_libzmq(over, false);
    pull_binds_and_libzmq_pushes => |over| pull_from_libzmq(over, true);
    pull_connects_and_libzmq_pushes => |over| pull_from_libzmq(over, false);
    req_asks_libzmq => ask_libzmq;
    rep_answers_libzmq => answer_libzmq;
    pub_publishes_to_libzmq_until_it_cancels => publish_to_libzmq;
    sub_subscribes_at_libzmq_cancels_and_subscribes_again => subscribe_to_libzmq;
    libzmq_goes_and_comes_back => libzmq_comes_back;
}
