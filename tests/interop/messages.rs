//! Messages of every size and of one to three frames through each of the six sockets, as fast as they go: many small ones
//! arrive together, and of the large ones each in many pieces.

use std::time::Duration;

use hubless::{Frame, Message, Pub, Pull, Push, Rep, Req, SocketKind, Sub, TryRecvError};

use crate::meeting::{Meeting, with_everybody_everywhere};
use crate::other::OtherSocket;

with_everybody_everywhere! {
    push_sends_every_message
    pull_receives_every_message
    pub_publishes_every_message
    sub_receives_every_message
    req_asks_with_every_message
    rep_answers_every_message
}

const MIB: usize = 1 << 20;

/// No byte, one, and around the sizes at which something changes: in a message of ours (32), on the wire (255), where
/// what was read is no longer copied (8 KiB), and up to more than any one buffer takes.
pub(crate) const SIZES: [usize; 12] = [0, 1, 32, 33, 255, 256, 8192, 8193, 32_768, 65_536, 65_537, MIB];

/// Messages of every size and of one to three frames, each frame filled with a byte of its own.
pub(crate) fn messages() -> impl Iterator<Item = Message> {
    SIZES.into_iter().flat_map(|size| {
        (1..=3).map(move |count| {
            let frames: Vec<_> = (b'a'..)
                .take(count)
                .map(|byte| Frame::from(vec![byte; size]))
                .collect();
            Message::try_from(frames).expect("there is a frame")
        })
    })
}

pub(crate) async fn push_sends_every_message<O: OtherSocket>(meeting: Meeting) {
    let push: Push = meeting.socket();
    let mut pull: O = meeting.of(&push, SocketKind::Pull).await;
    let sending = async {
        for message in messages() {
            push.send(&message).await.expect("it is open");
        }
        push.close().await.expect("nothing is left");
    };
    let receiving = async {
        for message in messages() {
            assert_eq!(pull.recv().await, message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn pull_receives_every_message<O: OtherSocket>(meeting: Meeting) {
    let pull: Pull = meeting.socket();
    let mut push: O = meeting.of(&pull, SocketKind::Push).await;
    let sending = async {
        for message in messages() {
            push.send(message).await;
        }
    };
    let receiving = async {
        for message in messages() {
            assert_eq!(pull.recv().await.expect("it is open"), message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn pub_publishes_every_message<O: OtherSocket>(meeting: Meeting) {
    let publisher: Pub = meeting.socket();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    sub.subscribe("").await;
    publisher.subscribers().at_least(1).await.expect("it is open");
    let sending = async {
        for message in messages() {
            publisher.send(&message).await.expect("it is open");
        }
    };
    let receiving = async {
        for message in messages() {
            assert_eq!(sub.recv().await, message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn sub_receives_every_message<O: OtherSocket>(meeting: Meeting) {
    let sub: Sub = meeting.socket();
    sub.subscribe("");
    let mut publisher: O = meeting.of(&sub, SocketKind::Pub).await;
    // A PUB of theirs does not say who has subscribed.
    let question = "can you hear me?";
    let mut answer = Err(TryRecvError::Empty);
    while answer == Err(TryRecvError::Empty) {
        publisher.send(question).await;
        answer = sub.recv_timeout(Duration::from_millis(10)).await;
    }
    assert_eq!(answer.expect("it is open"), question);
    let sending = async {
        for message in messages() {
            publisher.send(message).await;
        }
    };
    let receiving = async {
        for message in messages() {
            let mut received = sub.recv().await.expect("it is open");
            while received == question {
                received = sub.recv().await.expect("it is open");
            }
            assert_eq!(received, message);
        }
    };
    tokio::join!(sending, receiving);
}

pub(crate) async fn req_asks_with_every_message<O: OtherSocket>(meeting: Meeting) {
    let mut req: Req = meeting.socket();
    let mut rep: O = meeting.of(&req, SocketKind::Rep).await;
    for message in messages() {
        let answering = async {
            let question = rep.recv().await;
            assert_eq!(question, message);
            rep.send(question).await;
        };
        let (answer, ()) = tokio::join!(req.request(&message), answering);
        assert_eq!(answer.expect("the connection stays"), message);
    }
}

pub(crate) async fn rep_answers_every_message<O: OtherSocket>(meeting: Meeting) {
    let rep: Rep = meeting.socket();
    let mut req: O = meeting.of(&rep, SocketKind::Req).await;
    for message in messages() {
        req.send(message.clone()).await;
        let request = rep.recv_request().await.expect("it is open");
        assert_eq!(request.message(), &message);
        let answer = request.message().clone();
        request.reply(answer).await.expect("it is open");
        assert_eq!(req.recv().await, message);
    }
}
