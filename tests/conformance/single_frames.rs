//! Kinds whose messages have one frame each, at the wire: what comes in several frames is dropped whole and counted, and
//! its connection goes on (RFC 41, 49, 51, 52); a number is no part of what is sent.

use hubless::kind::Kind;
use hubless::{Channel, Client, DropReason, Gather, Message, PeerSocket, Scatter, Server, Socket};

use crate::bytes::{frame, greeting, message, ping, pong, ready};
use crate::raw::{Raw, soon};

/// What a peer says: messages of one frame, and among them some that are none of these kinds'.
fn said() -> Vec<u8> {
    let large = vec![7; 300 << 10];
    [
        frame(0, b"one"),
        message(&[b"two", b"frames"]),
        frame(0, b""),
        message(&[b"", b""]),
        message(&[b"one", &large, b"three"]),
        // A command may stand between the frames of a message that will be dropped, too.
        frame(1, b"begun"),
        ping(0, b"!"),
        frame(0, b"ended"),
        frame(0, &large),
        message(&vec![&b"many"[..]; 1000]),
        frame(0, b"last"),
        ping(0, b"?"),
    ]
    .concat()
}

/// How many of them are dropped.
const DROPPED: u64 = 5;

/// All of a peer's messages that are for the program.
fn kept() -> [Message; 4] {
    ["one".into(), "".into(), vec![7; 300 << 10].into(), "last".into()]
}

/// A peer of this kind that has said all of it, over and over.
async fn peer_of<K: Kind>(socket: &Socket<K>, kind: &str) -> Raw {
    let endpoint = socket.bind("tcp://127.0.0.1:0").await.expect("a free port");
    let mut raw = Raw::connect(&endpoint).await;
    raw.say(&[greeting(), ready(kind)].concat()).await;
    raw.expect(&[greeting(), ready(K::KIND.name())].concat()).await;
    for _ in 0..3 {
        raw.say(&said()).await;
    }
    raw
}

/// Its connection goes on: it is answered, and only what was dropped is counted as that.
async fn goes_on<K: Kind>(socket: &Socket<K>, mut raw: Raw) {
    for _ in 0..3 {
        raw.expect(&pong(b"!")).await;
        raw.expect(&pong(b"?")).await;
    }
    assert_eq!(socket.peers().count(), 1);
    let incoming = socket.stats().incoming;
    assert_eq!(incoming.dropped.by(DropReason::ProtocolError), 3 * DROPPED);
    assert_eq!(incoming.dropped.total(), 3 * DROPPED);
    assert_eq!(incoming.delivered.messages, 3 * 4);
    assert_eq!(incoming.received.messages, 3 * (4 + DROPPED));
}

#[tokio::test]
async fn a_message_of_several_frames_is_dropped_whole_and_its_connection_goes_on() {
    let gather = Gather::new();
    let raw = peer_of(&gather, "SCATTER").await;
    for expected in [kept(), kept(), kept()].concat() {
        assert_eq!(
            soon("a message", gather.recv()).await.expect("it is open"),
            expected
        );
    }
    goes_on(&gather, raw).await;

    let channel = Channel::new();
    let raw = peer_of(&channel, "CHANNEL").await;
    for expected in [kept(), kept(), kept()].concat() {
        let received = soon("a message", channel.recv_from()).await;
        assert_eq!(received.expect("it is open").1, expected);
    }
    goes_on(&channel, raw).await;

    let client = Client::new();
    let raw = peer_of(&client, "SERVER").await;
    let mut received = Vec::new();
    while received.len() < 12 {
        soon("messages", client.recv_many(&mut received, 5))
            .await
            .expect("it is open");
    }
    assert_eq!(received, [kept(), kept(), kept()].concat());
    goes_on(&client, raw).await;

    let server = Server::new();
    let raw = peer_of(&server, "CLIENT").await;
    for expected in [kept(), kept(), kept()].concat() {
        let (_, received) = soon("a message", server.recv_from()).await.expect("it is open");
        assert_eq!(received, expected);
    }
    goes_on(&server, raw).await;

    let peer = PeerSocket::new();
    let raw = peer_of(&peer, "PEER").await;
    for expected in [kept(), kept(), kept()].concat() {
        let received = loop {
            match peer.try_recv_from() {
                Ok((_, received)) => break received,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(received, expected);
    }
    goes_on(&peer, raw).await;
}

#[tokio::test]
async fn small_messages_in_a_stream_are_kept_and_those_of_several_frames_among_them_are_not() {
    let gather = Gather::new();
    let endpoint = gather.bind("tcp://127.0.0.1:0").await.expect("a free port");
    let mut raw = Raw::connect(&endpoint).await;
    raw.say(&[greeting(), ready("SCATTER")].concat()).await;
    raw.expect(&[greeting(), ready("GATHER")].concat()).await;
    let mut stream = Vec::new();
    for number in 0..200u8 {
        stream.extend(frame(0, &[number]));
        if number % 3 == 0 {
            stream.extend(message(&[&[number], b"and more"]));
        }
    }
    raw.say(&stream).await;
    for number in 0..200u8 {
        assert_eq!(
            soon("a message", gather.recv()).await.expect("it is open"),
            [number]
        );
    }
    assert_eq!(gather.stats().incoming.dropped.by(DropReason::ProtocolError), 67);
}

#[tokio::test]
async fn a_number_is_no_part_of_what_is_sent() {
    let server = Server::new();
    let endpoint = server.bind("tcp://127.0.0.1:0").await.expect("a free port");
    let mut raw = Raw::connect(&endpoint).await;
    raw.say(&[greeting(), ready("CLIENT"), frame(0, b"hi")].concat())
        .await;
    raw.expect(&[greeting(), ready("SERVER")].concat()).await;
    let (from, _) = soon("a message", server.recv_from()).await.expect("it is open");
    server.send_to(from, "ho").await.expect("it is there");
    raw.expect(&frame(0, b"ho")).await;

    let scatter = Scatter::new();
    let endpoint = scatter.bind("tcp://127.0.0.1:0").await.expect("a free port");
    let mut raw = Raw::connect(&endpoint).await;
    raw.say(&[greeting(), ready("GATHER")].concat()).await;
    raw.expect(&[greeting(), ready("SCATTER")].concat()).await;
    scatter.send("work").await.expect("it is open");
    raw.expect(&frame(0, b"work")).await;
}
