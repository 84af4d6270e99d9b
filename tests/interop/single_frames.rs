//! The kinds whose messages have one frame each, with those of libzmq, which alone has them (built with its drafts):
//! messages of every size, and answers to whom they are for.

use std::time::Duration;

use hubless::{Channel, Client, Gather, Message, PeerId, PeerSocket, Scatter, SendError, Server, SocketKind};
use tokio::time::timeout;

use crate::meeting::Meeting;
use crate::messages::SIZES;
use crate::other::{Numbering, OtherSocket};

mod libzmq {
    crate::meeting::everywhere! {
        crate::libzmq::Libzmq,
        scatter_sends_every_message
        gather_receives_every_message
        client_asks_with_every_message
        server_answers_every_message
        server_answers_each_of_several
        server_throws_one_out_who_comes_again
        peer_throws_theirs_out
        peer_talks_to_theirs
        channel_talks_both_ways
    }
}

fn messages() -> impl Iterator<Item = Message> {
    (b'a'..).zip(SIZES).map(|(byte, size)| vec![byte; size].into())
}

pub(crate) async fn scatter_sends_every_message<O: OtherSocket>(meeting: Meeting) {
    let scatter: Scatter = meeting.socket();
    let mut gather: O = meeting.of(&scatter, SocketKind::Gather).await;
    let sending = async {
        for message in messages() {
            scatter.send(message).await.expect("it is open");
        }
        scatter.close().await.expect("nothing is left");
    };
    let receiving = async {
        for message in messages() {
            assert_eq!(gather.recv().await, message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn gather_receives_every_message<O: OtherSocket>(meeting: Meeting) {
    let gather: Gather = meeting.socket();
    let mut scatter: O = meeting.of(&gather, SocketKind::Scatter).await;
    let sending = async {
        for message in messages() {
            scatter.send(message).await;
        }
    };
    let receiving = async {
        for message in messages() {
            assert_eq!(gather.recv().await.expect("it is open"), message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn client_asks_with_every_message<O: Numbering>(meeting: Meeting) {
    let client: Client = meeting.socket();
    let mut server: O = meeting.of(&client, SocketKind::Server).await;
    for message in messages() {
        client.send(&message).await.expect("it is open");
        let (from, question) = server.recv_from().await;
        assert_eq!(question, message);
        server.send_to(from, question).await;
        assert_eq!(client.recv().await.expect("it is open"), message);
    }
}

pub(crate) async fn server_answers_every_message<O: OtherSocket>(meeting: Meeting) {
    let server: Server = meeting.socket();
    let mut client: O = meeting.of(&server, SocketKind::Client).await;
    for message in messages() {
        client.send(message.clone()).await;
        let (from, received) = server.recv_from().await.expect("it is open");
        assert_eq!(received, message);
        server.send_to(from, received).await.expect("it is there");
        assert_eq!(client.recv().await, message);
    }
}

async fn server_answers_each_of_several<O: OtherSocket>(meeting: Meeting) {
    let server: Server = meeting.socket();
    let mut clients = Vec::new();
    // One socket of ours has a place for one of theirs where they bind.
    let first: O = meeting.of(&server, SocketKind::Client).await;
    clients.push(first);
    let others = [meeting.elsewhere(), meeting.elsewhere()];
    for meeting in &others {
        clients.push(meeting.of(&server, SocketKind::Client).await);
    }
    let mut numbers = Vec::new();
    for (client, name) in clients.iter_mut().zip(["a", "b", "c"]) {
        client.send(name).await;
        let (from, message) = server.recv_from().await.expect("it is open");
        assert_eq!(message, name);
        numbers.push(from);
    }
    for (number, name) in numbers.iter().zip(["a", "b", "c"]).rev() {
        server.send_to(*number, name).await.expect("it is there");
    }
    for (client, name) in clients.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(client.recv().await, name);
    }
}

/// What was queued for it goes out before. One that had come to us comes again, as somebody else.
pub(crate) async fn server_throws_one_out_who_comes_again<O: OtherSocket>(meeting: Meeting) {
    let server: Server = meeting.socket();
    let mut client: O = meeting.of(&server, SocketKind::Client).await;
    let mut numbers = Vec::new();
    for round in 0..3 {
        let from = heard(&server, &mut client, &format!("{round}")).await;
        assert!(!numbers.contains(&from), "the same number again");
        numbers.push(from);
        for message in messages() {
            server.send_to(from, message).await.expect("it is there");
        }
        server.disconnect_peer(from).await.expect("it reads all of it");
        for message in messages() {
            assert_eq!(client.recv().await, message);
        }
        let late = server.send_to(from, "late").await;
        assert_eq!(late, Err(SendError::NoRoute("late".into())));
        if !meeting.we_bind() {
            // The endpoint has ended with it.
            assert_eq!(server.endpoints(), []);
            meeting.we_come(&server).await;
        }
    }
}

/// A CLIENT of theirs may not have noticed yet that its connection has ended, and lose a message there: until it is heard,
/// it says it again.
async fn heard<O: OtherSocket>(server: &Server, client: &mut O, message: &str) -> PeerId {
    loop {
        client.send(message).await;
        while let Ok(received) = timeout(Duration::from_millis(100), server.recv_from()).await {
            let (from, said) = received.expect("it is open");
            if said == *message {
                return from;
            }
        }
    }
}

async fn peer_throws_theirs_out<O: Numbering>(meeting: Meeting) {
    let ours: PeerSocket = meeting.socket();
    let mut other = O::new(SocketKind::Peer);
    if meeting.we_bind() {
        meeting.we_come(&ours).await;
        let number = other.connect_peer(meeting.endpoint()).await;
        other.send_to(number, "hello").await;
    } else {
        let number = ours.connect_peer(meeting.endpoint()).expect("an endpoint");
        ours.send_to(number, "who is there?")
            .await
            .expect("there is room");
        meeting.joins(&mut other).await;
        let (from, _) = other.recv_from().await;
        other.send_to(from, "hello").await;
    }
    let (from, message) = ours.recv_from().await.expect("it is open");
    assert_eq!(message, "hello");
    ours.send_to(from, "goodbye").await.expect("it is there");
    ours.disconnect_peer(from).await.expect("it reads all of it");
    assert_eq!(other.recv_from().await.1, "goodbye");
    let late = ours.send_to(from, "late").await;
    assert_eq!(late, Err(SendError::NoRoute("late".into())));
}

pub(crate) async fn peer_talks_to_theirs<O: Numbering>(meeting: Meeting) {
    let ours: PeerSocket = meeting.socket();
    let mut other = O::new(SocketKind::Peer);
    // Whoever connects can name the other one at once.
    if meeting.we_bind() {
        meeting.we_come(&ours).await;
        meeting.introduces(&mut other).await;
        let number = other.connect_peer(meeting.endpoint()).await;
        for message in messages() {
            other.send_to(number, message.clone()).await;
            let (from, received) = ours.recv_from().await.expect("it is open");
            assert_eq!(received, message);
            ours.send_to(from, received).await.expect("it is there");
            assert_eq!(other.recv_from().await, (number, message));
        }
    } else {
        let number = ours.connect_peer(meeting.endpoint()).expect("an endpoint");
        ours.send_to(number, "early").await.expect("there is room");
        meeting.joins(&mut other).await;
        assert_eq!(other.recv_from().await.1, "early");
        for message in messages() {
            ours.send_to(number, &message).await.expect("it is there");
            let (from, received) = other.recv_from().await;
            assert_eq!(received, message);
            other.send_to(from, received).await;
            assert_eq!(ours.recv_from().await.expect("it is open"), (number, message));
        }
    }
}

pub(crate) async fn channel_talks_both_ways<O: OtherSocket>(meeting: Meeting) {
    let channel: Channel = meeting.socket();
    let mut other: O = meeting.of(&channel, SocketKind::Channel).await;
    for message in messages() {
        channel.send(&message).await.expect("it is open");
        other.send(message.clone()).await;
        assert_eq!(other.recv().await, message);
        assert_eq!(channel.recv().await.expect("it is open"), message);
    }
}
