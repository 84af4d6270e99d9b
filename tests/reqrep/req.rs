//! The asking side.

use std::time::Duration;

use hubless::{DisconnectReason, DropReason, Message, ProtocolError, Rep, Req, RequestError, SendError};
use tokio::net::TcpListener;

use crate::raw::Raw;
use crate::{alone, disconnected, echo, next, over_each_stream, req_to};

#[test]
fn a_request_goes_out_behind_one_empty_frame() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let mut rep = Raw::connect(&endpoint, "REP").await;
        let (reply, ()) = tokio::join!(req.request(("one", "two")), async {
            assert_eq!(rep.recv_bytes(12).await, b"\x01\x00\x01\x03one\x00\x03two");
            rep.send(&["", "three", "", "four"]).await;
        });
        assert_eq!(
            reply.expect("it is answered"),
            Message::from(["three", "", "four"])
        );
    });
}

#[test]
fn only_peers_whose_handshake_is_done_are_asked() {
    alone(async {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut req = Req::new();
        let address = silent.local_addr().expect("it is bound");
        req.connect(format!("tcp://{address}").as_str())
            .expect("an endpoint");
        let (_kept, _) = silent.accept().await.expect("a connection comes");
        let endpoint = echo("tcp://127.0.0.1:0", "hello ").await;
        req.connect(&endpoint).expect("an endpoint");
        for _ in 0..3 {
            assert_eq!(req.request("you").await.expect("it is answered"), "hello you");
        }
    });
}

#[test]
fn row_13_a_reply_from_another_peer_than_the_one_asked_is_dropped_and_counted() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let mut asked = Raw::connect(&endpoint, "REP").await;
        req.peers().at_least(1).await.expect("the socket is open");
        let mut other = Raw::connect(&endpoint, "REP").await;
        req.peers().at_least(2).await.expect("the socket is open");
        let stats = req.peers().list();
        let (reply, ()) = tokio::join!(req.request("question"), async {
            assert_eq!(asked.recv().await.expect("it is asked"), [&b""[..], b"question"]);
            other.send(&["", "forged"]).await;
            // The forged reply has arrived before the true one is sent.
            while !stats
                .iter()
                .any(|peer| peer.stats().incoming.received.messages == 1)
            {
                tokio::task::yield_now().await;
            }
            asked.send(&["", "true"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "true");
        let incoming = req.stats().incoming;
        assert_eq!(incoming.dropped.by(DropReason::ProtocolError), 1);
        assert_eq!((incoming.received.messages, incoming.delivered.messages), (2, 1));
    });
}

#[test]
fn what_comes_before_the_question_is_no_answer_to_it() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let mut rep = Raw::connect(&endpoint, "ROUTER").await;
        rep.send(&["", "hasty"]).await;
        while req.stats().incoming.received.messages == 0 {
            tokio::task::yield_now().await;
        }
        let (reply, ()) = tokio::join!(req.request("question"), async {
            rep.recv().await.expect("it is asked");
            rep.send(&["", "answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
        assert_eq!(req.stats().incoming.dropped.by(DropReason::ProtocolError), 1);
    });
}

#[test]
fn trap_15_a_reply_without_an_empty_frame_closes_the_connection() {
    over_each_stream(async |at| {
        for malformed in [
            &["body"][..],
            &["four", "body"],
            &["", "", ""][..1],
            &["four", ""],
        ] {
            let mut req = Req::new();
            let mut monitor = req.monitor();
            let endpoint = req.bind(at).await.expect("the endpoint is free");
            let mut rep = Raw::connect(&endpoint, "REP").await;
            let (reply, ()) = tokio::join!(req.request("question"), async {
                rep.recv().await.expect("it is asked");
                rep.send(malformed).await;
                assert_eq!(rep.recv().await, None);
            });
            let error = reply.expect_err("no answer came");
            assert!(
                matches!(
                    error,
                    RequestError::ConnectionLost {
                        sent: true,
                        message: None,
                        ..
                    }
                ),
                "{error}"
            );
            let reason = disconnected(&mut monitor).await;
            assert!(
                matches!(
                    reason,
                    DisconnectReason::Protocol(ProtocolError::Malformed { what: "reply", .. })
                ),
                "{reason}"
            );
        }
    });
}

#[test]
fn a_request_whose_server_restarts_fails_and_the_next_one_works() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let mut req = Req::builder()
            .reconnect(
                std::time::Duration::from_millis(1),
                std::time::Duration::from_millis(2),
            )
            .build()
            .expect("no contradiction");
        let endpoint = format!("tcp://{address}");
        req.connect(endpoint.as_str()).expect("an endpoint");
        let mut first = Raw::accept(&listener, "REP").await;
        let (reply, ()) = tokio::join!(req.request("question"), async {
            first.recv().await.expect("it is asked");
            drop(first);
        });
        let error = reply.expect_err("no answer came");
        assert_eq!(
            error.to_string(),
            format!(
                "cannot complete the request: the connection to {endpoint} was lost before the answer came"
            )
        );
        assert!(matches!(
            error,
            RequestError::ConnectionLost {
                sent: true,
                message: None,
                ..
            }
        ));

        let (reply, ()) = tokio::join!(req.request("again"), async {
            let mut second = Raw::accept(&listener, "REP").await;
            assert_eq!(second.recv().await.expect("it is asked"), [&b""[..], b"again"]);
            second.send(&["", "answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
    });
}

#[test]
fn a_reply_that_comes_with_the_end_of_the_connection_still_counts() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        for round in 0..20 {
            let mut rep = Raw::connect(&endpoint, "REP").await;
            let (reply, ()) = tokio::join!(req.request("question"), async {
                rep.recv().await.expect("it is asked");
                rep.send(&["", "last words"]).await;
                drop(rep);
            });
            assert_eq!(
                reply.unwrap_or_else(|error| panic!("round {round}: {error}")),
                "last words"
            );
        }
    });
}

#[test]
fn g01_a_request_of_which_no_byte_has_left_goes_to_another_peer() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let mut monitor = req.monitor();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let first = Raw::connect(&endpoint, "REP").await;
        req.peers().at_least(1).await.expect("the socket is open");
        let mut second = Raw::connect(&endpoint, "REP").await;
        req.peers().at_least(2).await.expect("the socket is open");
        // Nobody of the socket runs between this and the request, so it still believes in the connection.
        first.reset();
        let (reply, ()) = tokio::join!(req.request("question"), async {
            assert_eq!(second.recv().await.expect("it is asked"), [&b""[..], b"question"]);
            second.send(&["", "answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
        disconnected(&mut monitor).await;
        let outgoing = req.stats().outgoing;
        assert_eq!(
            (outgoing.accepted.messages, outgoing.handed_over.messages),
            (1, 1)
        );
        assert_eq!(outgoing.dropped.total(), 0);
        req.close().await.expect("nothing is left unsent");
    });
}

#[test]
fn g01_a_request_of_which_no_byte_has_left_waits_for_a_peer_that_comes() {
    over_each_stream(async |at| {
        let mut req = Req::new();
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let first = Raw::connect(&endpoint, "REP").await;
        req.peers().at_least(1).await.expect("the socket is open");
        let mut monitor = req.monitor();
        first.reset();
        let (reply, ()) = tokio::join!(req.request("question"), async {
            disconnected(&mut monitor).await;
            let mut second = Raw::connect(&endpoint, "REP").await;
            assert_eq!(second.recv().await.expect("it is asked"), [&b""[..], b"question"]);
            second.send(&["", "answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
    });
}

#[test]
fn an_abandoned_request_takes_its_connection_with_it_and_a_late_answer_meets_nobody() {
    alone(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        // Longer than the test: the connection is dialed again without back-off.
        let hour = std::time::Duration::from_secs(3600);
        let mut req = Req::builder()
            .reconnect(hour, hour)
            .build()
            .expect("no contradiction");
        let mut monitor = req.monitor();
        req.connect(format!("tcp://{address}").as_str())
            .expect("an endpoint");
        let mut first = Raw::accept(&listener, "REP").await;
        {
            let request = req.request("abandoned");
            tokio::select! {
                _ = request => panic!("nobody answers"),
                asked = first.recv() => assert!(asked.is_some()),
            }
        }
        first.send(&["", "late"]).await;
        let (reply, ()) = tokio::join!(req.request("question"), async {
            let mut second = Raw::accept(&listener, "REP").await;
            assert_eq!(second.recv().await.expect("it is asked"), [&b""[..], b"question"]);
            assert_eq!(first.recv().await, None, "the first connection has ended");
            second.send(&["", "answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
        assert_eq!(disconnected(&mut monitor).await, DisconnectReason::Abandoned);
    });
}

#[test]
fn a_correlated_request_carries_a_number_that_counts_up() {
    over_each_stream(async |at| {
        let mut req = Req::builder().correlate(true).build().expect("no contradiction");
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let mut rep = Raw::connect(&endpoint, "REP").await;
        let mut numbers = Vec::new();
        for _ in 0..2 {
            let (reply, ()) = tokio::join!(req.request("question"), async {
                let request = rep.recv().await.expect("it is asked");
                assert_eq!(request[1..], [&b""[..], b"question"]);
                let number: [u8; 4] = request[0][..].try_into().expect("four bytes");
                numbers.push(u32::from_ne_bytes(number));
                rep.send(&[&number[..], b"", b"answer"]).await;
            });
            assert_eq!(reply.expect("it is answered"), "answer");
        }
        assert_eq!(numbers[1], numbers[0].wrapping_add(1));
    });
}

#[test]
fn a_late_answer_to_an_abandoned_correlated_request_is_discarded() {
    over_each_stream(async |at| {
        let mut req = Req::builder().correlate(true).build().expect("no contradiction");
        let endpoint = req.bind(at).await.expect("the endpoint is free");
        let mut rep = Raw::connect(&endpoint, "ROUTER").await;
        let first = tokio::select! {
            _ = req.request("abandoned") => panic!("nobody answers"),
            request = rep.recv() => request.expect("it is asked"),
        };
        let (reply, ()) = tokio::join!(req.request("question"), async {
            let second = rep.recv().await.expect("on the same connection");
            assert_eq!(second[2], b"question");
            rep.send(&[&first[0][..], b"", b"late"]).await;
            rep.send(&[b"".as_slice(), b"without a number"]).await;
            rep.send(&[&second[0][..], b"", b"answer"]).await;
        });
        assert_eq!(reply.expect("it is answered"), "answer");
        assert_eq!(req.stats().incoming.dropped.by(DropReason::ProtocolError), 2);
    });
}

#[test]
fn a_request_larger_than_the_limit_is_given_back_and_its_envelope_counts() {
    alone(async {
        let rep = Rep::builder()
            .max_message_size(100)
            .build()
            .expect("no contradiction");
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        let mut req = Req::builder()
            .max_message_size(100)
            .build()
            .expect("no contradiction");
        req.connect(&endpoint).expect("an endpoint");
        let error = req.request(vec![b'x'; 37]).await.expect_err("it is too large");
        assert!(
            matches!(
                error,
                RequestError::Send(SendError::TooLarge {
                    size: 101,
                    limit: 100,
                    ..
                })
            ),
            "{error}"
        );
        assert_eq!(error.into_message().expect("it is given back").byte_len(), 37);
        let (reply, ()) = tokio::join!(req.request(vec![b'x'; 36]), async {
            let request = next(&rep).await;
            request.reply(vec![b'y'; 36]).await.expect("it is admitted");
        });
        assert_eq!(reply.expect("the peer admits what we do").byte_len(), 36);
    });
}

#[test]
fn a_second_connection_to_the_same_endpoint_is_refused() {
    alone(async {
        let endpoint = echo("tcp://127.0.0.1:0", "").await;
        let req = req_to(&endpoint).await;
        let error = req.connect(&endpoint).expect_err("it is connected");
        assert!(
            matches!(error, hubless::EndpointError::AlreadyConnected(_)),
            "{error}"
        );
    });
}

#[test]
fn a_request_ends_with_its_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("one");
    let (mut req, rep) = runtime.block_on(async {
        let rep = Rep::new();
        let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
        (req_to(&endpoint).await, rep)
    });
    alone(async {
        let (reply, ()) = tokio::join!(req.request("question"), async {
            let _request = next(&rep).await;
            runtime.shutdown_background();
        });
        assert_eq!(reply.expect_err("nobody can answer"), RequestError::Closed);
        let error = req.request("more").await.expect_err("the socket is closed");
        assert!(
            matches!(error, RequestError::Send(SendError::Closed(_))),
            "{error}"
        );
    });
}

/// In a program under test time may stand still until all its tasks wait. A driver that keeps its thread awake for a
/// while must not take that for a short while.
#[test]
fn a_ping_pong_that_has_ended_lets_time_pass_even_if_that_stands_still() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let rep = Rep::builder()
                .handshake_timeout(None)
                .build()
                .expect("no contradiction");
            let mut req = Req::builder()
                .handshake_timeout(None)
                .build()
                .expect("no contradiction");
            let endpoint = rep.bind("tcp://127.0.0.1:0").await.expect("a port");
            req.connect(&endpoint).expect("an endpoint");
            for _ in 0..30 {
                let (reply, ()) = tokio::join!(req.request("ping"), async {
                    next(&rep).await.reply("pong").await.expect("the socket is open");
                });
                assert_eq!(reply.expect("it is answered"), "pong");
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
        });
        let _ = done.send(());
    });
    is_done
        .recv_timeout(crate::DEADLINE)
        .expect("an hour of this runtime passes");
}
