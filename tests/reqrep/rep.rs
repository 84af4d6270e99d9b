//! The answering side.

use hubless::{DropReason, Message, Rep, SendError};

use crate::raw::Raw;
use crate::{alone, next, over_each_stream, req_to};

/// Waits until this many messages have been received.
async fn received(rep: &Rep, messages: u64) {
    while rep.stats().incoming.received.messages < messages {
        tokio::task::yield_now().await;
    }
}

#[test]
fn requesters_take_turns() {
    over_each_stream(async |at| {
        let rep = Rep::new();
        let endpoint = rep.bind(at).await.expect("the endpoint is free");
        let mut peers = Vec::new();
        for name in ["a", "b", "c"] {
            let mut peer = Raw::connect(&endpoint, "DEALER").await;
            for round in 0..4 {
                peer.send(&["", &format!("{name}{round}")]).await;
            }
            peers.push(peer);
        }
        received(&rep, 12).await;
        for round in 0..4 {
            let mut turn = Vec::new();
            for _ in 0..3 {
                turn.push(crate::text(next(&rep).await.message()));
            }
            turn.sort();
            assert_eq!(turn, ["a", "b", "c"].map(|name| format!("{name}{round}")));
        }
    });
}

#[test]
fn an_envelope_comes_back_as_it_went() {
    over_each_stream(async |at| {
        let rep = Rep::new();
        let endpoint = rep.bind(at).await.expect("the endpoint is free");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        let long = "an address that is too long to lie inline, and so is shared".repeat(4);
        for addresses in [
            &[][..],
            &["one"],
            &["\0zero", "two"],
            &[&long, "x", &long],
            &["hop"; 16],
        ] {
            let request = [addresses, &["", "question", "", "more"]].concat();
            dealer.send(&request).await;
            let request = next(&rep).await;
            assert_eq!(*request.message(), Message::from(["question", "", "more"]));
            request.reply(("answer", "")).await.expect("the socket is open");
            let expected = [addresses, &["", "answer", ""]].concat();
            assert_eq!(
                dealer.recv().await.expect("it is answered"),
                expected.iter().map(|frame| frame.as_bytes()).collect::<Vec<_>>()
            );
        }
        // Verbatim: a header in the long form stays one.
        dealer.send_bytes(b"\x03\0\0\0\0\0\0\0\x01a\x01\0\x00\x01?").await;
        next(&rep).await.reply("!").await.expect("the socket is open");
        assert_eq!(
            dealer.recv_bytes(15).await,
            b"\x03\0\0\0\0\0\0\0\x01a\x01\0\x00\x01!"
        );
    });
}

#[test]
fn what_is_no_request_is_dropped_in_silence_and_counted() {
    over_each_stream(async |at| {
        let rep = Rep::new();
        let endpoint = rep.bind(at).await.expect("the endpoint is free");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        dealer.send(&["no delimiter"]).await;
        dealer.send(&["no", "delimiter"]).await;
        dealer.send(&[""]).await;
        dealer.send(&["delimiter", "last", ""]).await;
        dealer.send(&[&["hop"; 17][..], &["", "too many"]].concat()).await;
        dealer.send(&["", "question"]).await;
        let request = next(&rep).await;
        assert_eq!(*request.message(), "question");
        request.reply("answer").await.expect("the socket is open");
        assert_eq!(
            dealer.recv().await.expect("it is answered"),
            [&b""[..], b"answer"]
        );
        let incoming = rep.stats().incoming;
        assert_eq!(incoming.dropped.by(DropReason::ProtocolError), 5);
        assert_eq!((incoming.received.messages, incoming.delivered.messages), (6, 1));
    });
}

#[test]
fn a_reply_to_a_peer_that_does_not_read_is_dropped_at_the_mark_and_counted() {
    over_each_stream(async |at| {
        let rep = Rep::builder().send_hwm(2).build().expect("no contradiction");
        let endpoint = rep.bind(at).await.expect("the endpoint is free");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        let body = vec![b'x'; 1 << 20];
        while rep.stats().outgoing.dropped.by(DropReason::Hwm) == 0 {
            dealer.send(&["", "more"]).await;
            next(&rep)
                .await
                .reply(&body[..])
                .await
                .expect("the peer's fault is no error");
        }
        let outgoing = rep.stats().outgoing;
        assert_eq!(outgoing.dropped.by(DropReason::Hwm), 1);
        assert_eq!(outgoing.queued.messages, 2);
        assert_eq!(outgoing.accepted.messages, outgoing.handed_over.messages + 3);
        // Another peer is served meanwhile.
        let mut req = req_to(&endpoint).await;
        let (reply, ()) = tokio::join!(req.request("question"), async {
            next(&rep)
                .await
                .reply("answer")
                .await
                .expect("the socket is open");
        });
        assert_eq!(reply.expect("it is answered"), "answer");
    });
}

#[test]
fn a_reply_too_large_is_given_back_and_the_request_unanswered() {
    alone(async {
        let rep = Rep::builder()
            .max_message_size(100)
            .build()
            .expect("no contradiction");
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        dealer.send(&["", "question"]).await;
        let error = next(&rep)
            .await
            .reply(vec![0; 101])
            .await
            .expect_err("it is too large");
        assert!(
            matches!(&error, SendError::TooLarge { limit: 100, .. }),
            "{error}"
        );
        assert_eq!(error.into_message().byte_len(), 101);
        assert_eq!(rep.stats().unanswered, 1);
    });
}

#[test]
fn a_request_outlives_the_handle_and_keeps_its_socket_open() {
    alone(async {
        let rep = Rep::new();
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        dealer.send(&["", "question"]).await;
        let request = next(&rep).await;
        drop(rep);
        request.reply("answer").await.expect("the socket is open");
        assert_eq!(
            dealer.recv().await.expect("it is answered"),
            [&b""[..], b"answer"]
        );
        assert_eq!(dealer.recv().await, None, "the last handle has gone");
    });
}

#[test]
fn a_reply_after_close_is_given_back() {
    alone(async {
        let rep = Rep::new();
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        let mut dealer = Raw::connect(&endpoint, "DEALER").await;
        dealer.send(&["", "question"]).await;
        let request = next(&rep).await;
        let (closed, ()) = tokio::join!(rep.close(), async move { while dealer.recv().await.is_some() {} });
        closed.expect("nothing was queued");
        let error = request.reply("answer").await.expect_err("the socket is closed");
        assert_eq!(error, SendError::Closed("answer".into()));
    });
}
