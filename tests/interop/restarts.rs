//! One side ends and comes back, and the other one stays: traffic goes on by itself.
//!
//! In the first table they go: whichever side binds, ours loses its peer and is met again. In the second one we go, and
//! they must find us; so only those are in it that dial again: all kinds of libzmq, and of the `zeromq` crate its SUB.

use hubless::{Event, Monitor, Pub, Pull, Push, Rep, Req, RequestError, SocketKind, Sub};

use crate::meeting::{Meeting, with_everybody_everywhere};
use crate::other::OtherSocket;
use crate::until;

with_everybody_everywhere! {
    push_goes_on_when_they_come_back
    pull_goes_on_when_they_come_back
    pub_serves_what_they_want_when_they_come_back
    sub_tells_what_it_wants_when_they_come_back
    req_asks_whoever_is_there_when_they_come_back
    rep_answers_when_they_come_back
}

mod libzmq_finds_us_again {
    crate::meeting::over_both! {
        binding, crate::libzmq::Libzmq, We,
        they_pull_when_we_come_back
        they_push_when_we_come_back
        they_subscribe_when_we_come_back
        they_publish_when_we_come_back
        they_answer_when_we_come_back
        they_ask_when_we_come_back
    }
}

mod zeromq_crate_finds_us_again {
    crate::meeting::over_both! {
        binding, crate::zeromq_crate::ZeromqCrate, We,
        they_subscribe_when_we_come_back
    }
}

/// They end, and we have seen it.
async fn they_go(other: impl OtherSocket, monitor: &mut Monitor) {
    other.close().await;
    until(monitor, |event| matches!(event, Event::Disconnected { .. })).await;
}

/// What is sent meanwhile waits: in the queue of the endpoint that connects, or before it is accepted.
async fn push_goes_on_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let push = Push::new();
    let mut monitor = push.monitor();
    let mut pull: O = meeting.of(&push, SocketKind::Pull).await;
    push.send("first").await.expect("it is open");
    assert_eq!(pull.recv().await, "first");

    they_go(pull, &mut monitor).await;
    let sending = async {
        push.send("second").await.expect("it is open");
        push.send("third").await.expect("it is open");
    };
    let coming = meeting.they_come::<O>(SocketKind::Pull);
    let ((), mut pull) = tokio::join!(sending, coming);
    assert_eq!(pull.recv().await, "second");
    assert_eq!(pull.recv().await, "third");
}

async fn pull_goes_on_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let pull = Pull::new();
    let mut monitor = pull.monitor();
    let mut push: O = meeting.of(&pull, SocketKind::Push).await;
    push.send("first").await;
    assert_eq!(pull.recv().await.expect("it is open"), "first");

    they_go(push, &mut monitor).await;
    let mut push: O = meeting.they_come(SocketKind::Push).await;
    push.send("second").await;
    assert_eq!(pull.recv().await.expect("it is open"), "second");
}

/// What the first one wanted has gone with it.
async fn pub_serves_what_they_want_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let publisher = Pub::new();
    let mut monitor = publisher.monitor();
    let mut sub: O = meeting.of(&publisher, SocketKind::Sub).await;
    sub.subscribe("a").await;
    let wanted = |topic: &str| publisher.subscribers().to(topic);
    wanted("a").at_least(1).await.expect("it is open");
    publisher.send("a1").await.expect("it is open");
    assert_eq!(sub.recv().await, "a1");

    they_go(sub, &mut monitor).await;
    let mut sub = O::new(SocketKind::Sub);
    sub.subscribe("b").await;
    meeting.joins(&mut sub).await;
    wanted("b").at_least(1).await.expect("it is open");
    assert_eq!(wanted("a").count(), 0);
    publisher.send("a2").await.expect("it is open");
    publisher.send("b2").await.expect("it is open");
    assert_eq!(sub.recv().await, "b2");
}

/// All of what is wanted then, each once, and nothing else: what changed while nobody was there too.
async fn sub_tells_what_it_wants_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let sub = Sub::new();
    let mut monitor = sub.monitor();
    for prefix in ["a", "b", "b"] {
        sub.subscribe(prefix);
    }
    let mut publisher: O = meeting.of(&sub, SocketKind::XPub).await;
    hears(&mut publisher, ["\x01a", "\x01b"]).await;
    publisher.send("a1").await;
    assert_eq!(sub.recv().await.expect("it is open"), "a1");

    they_go(publisher, &mut monitor).await;
    assert!(sub.unsubscribe("a"));
    assert!(sub.unsubscribe("b"));
    sub.subscribe("c");
    let mut publisher: O = meeting.they_come(SocketKind::XPub).await;
    hears(&mut publisher, ["\x01b", "\x01c"]).await;
    for message in ["a2", "b2"] {
        publisher.send(message).await;
    }
    assert_eq!(sub.recv().await.expect("it is open"), "b2");
    // Had it been told anything else, that would come before this.
    sub.subscribe("last");
    assert_eq!(publisher.recv().await, "\x01last");
}

/// It receives these two, in any order.
async fn hears(publisher: &mut impl OtherSocket, subscriptions: [&str; 2]) {
    let told = [publisher.recv().await, publisher.recv().await];
    let [one, other] = subscriptions;
    assert!(told == [one, other] || told == [other, one], "{told:?}");
}

async fn req_asks_whoever_is_there_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut req = Req::new();
    let mut monitor = req.monitor();
    let mut rep: O = meeting.of(&req, SocketKind::Rep).await;
    let answering = async {
        assert_eq!(rep.recv().await, "first?");
        rep.send("first!").await;
    };
    let (answer, ()) = tokio::join!(req.request("first?"), answering);
    assert_eq!(answer.expect("the connection stays"), "first!");

    // They go with a question that they have heard: nobody knows what became of it, so nobody asks it again.
    let leaving = async {
        assert_eq!(rep.recv().await, "second?");
        they_go(rep, &mut monitor).await;
    };
    let (answer, ()) = tokio::join!(req.request("second?"), leaving);
    assert!(
        matches!(answer, Err(RequestError::ConnectionLost { .. })),
        "{answer:?}"
    );

    let answering = async {
        let mut rep: O = meeting.they_come(SocketKind::Rep).await;
        assert_eq!(rep.recv().await, "third?");
        rep.send("third!").await;
        rep
    };
    let (answer, _rep) = tokio::join!(req.request("third?"), answering);
    assert_eq!(answer.expect("the connection stays"), "third!");
}

async fn rep_answers_when_they_come_back<O: OtherSocket>(meeting: Meeting) {
    let rep = Rep::new();
    let mut monitor = rep.monitor();
    let mut req: O = meeting.of(&rep, SocketKind::Req).await;
    req.send("first?").await;
    answer(&rep).await;
    assert_eq!(req.recv().await, "first?");

    // They go with a question that is open: the answer is for nobody.
    req.send("second?").await;
    let request = rep.recv_request().await.expect("it is open");
    they_go(req, &mut monitor).await;
    let mut req: O = meeting.they_come(SocketKind::Req).await;
    request.reply("for nobody").await.expect("it is open");
    req.send("third?").await;
    answer(&rep).await;
    assert_eq!(req.recv().await, "third?");
}

/// Answers the next question with itself.
async fn answer(rep: &Rep) {
    let request = rep.recv_request().await.expect("it is open");
    let answer = request.message().clone();
    request.reply(answer).await.expect("it is open");
}

async fn they_pull_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut pull = O::new(SocketKind::Pull);
    for message in ["first", "second", "third"] {
        let push = Push::new();
        meeting.we_come(&push).await;
        if message == "first" {
            meeting.joins(&mut pull).await;
        }
        push.send(message).await.expect("it is open");
        assert_eq!(pull.recv().await, message);
        push.close().await.expect("nothing is left");
    }
}

async fn they_push_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut push = O::new(SocketKind::Push);
    for message in ["first", "second", "third"] {
        let pull = Pull::new();
        meeting.we_come(&pull).await;
        if message == "first" {
            meeting.joins(&mut push).await;
        }
        // What they send before they have seen us go is lost.
        pull.peers().at_least(1).await.expect("it is open");
        push.send(message).await;
        assert_eq!(pull.recv().await.expect("it is open"), message);
        pull.close().await.expect("nothing is left");
    }
}

async fn they_subscribe_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut sub = O::new(SocketKind::Sub);
    sub.subscribe("a").await;
    for message in ["a: first", "a: second", "a: third"] {
        let publisher = Pub::new();
        meeting.we_come(&publisher).await;
        if message == "a: first" {
            meeting.joins(&mut sub).await;
        }
        let publishing = async {
            let wanted = publisher.subscribers().to("a");
            wanted.at_least(1).await.expect("it is open");
            publisher.send("not wanted").await.expect("it is open");
            publisher.send(message).await.expect("it is open");
        };
        // They receive meanwhile: the crate sees that we have gone only when it does.
        let ((), received) = tokio::join!(publishing, sub.recv());
        assert_eq!(received, message);
        publisher.close().await.expect("nothing is left");
    }
}

async fn they_publish_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut publisher = O::new(SocketKind::XPub);
    for message in ["a: first", "a: second", "a: third"] {
        let sub = Sub::new();
        sub.subscribe("a");
        meeting.we_come(&sub).await;
        if message == "a: first" {
            meeting.joins(&mut publisher).await;
            // Told once: a libzmq that connects keeps what its peer wants for when it is back.
            assert_eq!(publisher.recv().await, "\x01a");
        }
        sub.subscribed().await.expect("it is open");
        publisher.send("not wanted").await;
        publisher.send(message).await;
        assert_eq!(sub.recv().await.expect("it is open"), message);
        sub.close().await.expect("nothing is left");
    }
}

async fn they_answer_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut rep = O::new(SocketKind::Rep);
    for question in ["first?", "second?", "third?"] {
        let mut req = Req::new();
        meeting.we_come(&req).await;
        if question == "first?" {
            meeting.joins(&mut rep).await;
        }
        let answering = async {
            assert_eq!(rep.recv().await, question);
            rep.send("yes").await;
        };
        let (answer, ()) = tokio::join!(req.request(question), answering);
        assert_eq!(answer.expect("the connection stays"), "yes");
        req.close().await.expect("nothing is left");
    }
}

async fn they_ask_when_we_come_back<O: OtherSocket>(meeting: Meeting) {
    let mut req = O::new(SocketKind::Req);
    for question in ["first?", "second?", "third?"] {
        let rep = Rep::new();
        meeting.we_come(&rep).await;
        if question == "first?" {
            meeting.joins(&mut req).await;
        }
        rep.peers().at_least(1).await.expect("it is open");
        req.send(question).await;
        answer(&rep).await;
        assert_eq!(req.recv().await, question);
        rep.close().await.expect("nothing is left");
    }
}
