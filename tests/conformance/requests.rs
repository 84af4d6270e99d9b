//! REQ and REP on the wire: the envelope, byte for byte (trap 14 and 15; guarantees, row 13).

use hubless::{Rep, Req};

use crate::bytes::{command, frame, greeting, hex, message, ping, pong, property, ready};
use crate::raw::{Raw, RawListener, handshake, soon};
use crate::vectors::frames;

#[tokio::test]
async fn a_request_and_its_reply_are_those_of_the_specification() {
    for listener in [RawListener::tcp().await, RawListener::ipc("request")] {
        let mut req = Req::new();
        drop(req.connect(listener.endpoint()).expect("an endpoint"));
        let mut raw = listener.accept().await;
        // An identity goes along, also when it is empty: trap_06.
        raw.shake_hands("REP", "REQ").await;
        let answering = async {
            raw.expect(&hex("01 00 00 02 68 69")).await;
            // Commands may come anywhere, also within the envelope: trap_07.
            raw.say(&[frame(1, b""), ping(0, b"!"), frame(0, b"ho")].concat())
                .await;
            raw.expect(&pong(b"!")).await;
        };
        let (answer, ()) = tokio::join!(soon("an answer", req.request("hi")), answering);
        assert_eq!(frames(&answer.expect("it is answered")), [b"ho"]);
    }
}

#[tokio::test]
async fn a_chosen_routing_id_is_announced() {
    let listener = RawListener::tcp().await;
    let req = Req::builder().routing_id("me").build().expect("no contradiction");
    drop(req.connect(listener.endpoint()).expect("an endpoint"));
    let mut raw = listener.accept().await;
    raw.greet().await;
    let metadata = [property("Socket-Type", b"REQ"), property("Identity", b"me")];
    raw.expect(&command("READY", &metadata.concat())).await;
}

#[tokio::test]
async fn trap_14_a_numbered_request_has_four_bytes_in_front_and_takes_no_other_answer() {
    let listener = RawListener::tcp().await;
    let mut req = Req::builder().correlate(true).build().expect("no contradiction");
    drop(req.connect(listener.endpoint()).expect("an endpoint"));
    let mut raw = listener.accept().await;
    raw.shake_hands("REP", "REQ").await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let answering = async {
            let mut request = raw.message().await;
            assert_eq!(request[1..], [&b""[..], b"hi", b"you"]);
            let number = request.swap_remove(0);
            assert_eq!(number.len(), 4);
            let other: Vec<u8> = number.iter().map(|byte| !byte).collect();
            raw.say(&message(&[&other, b"", b"late"])).await;
            raw.say(&message(&[b"", b"without"])).await;
            raw.say(&message(&[&number, b"", b"right"])).await;
            number
        };
        let (answer, number) = tokio::join!(soon("an answer", req.request(["hi", "you"])), answering);
        assert_eq!(frames(&answer.expect("it is answered")), [b"right"]);
        assert!(!numbers.contains(&number));
        numbers.push(number);
    }
}

#[tokio::test]
async fn row_13_an_answer_counts_only_from_the_peer_that_was_asked() {
    let mut req = Req::new();
    let mut monitor = req.monitor();
    let at = req.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut peers = Vec::new();
    for _ in 0..2 {
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("REP", "REQ").await;
        handshake(&mut monitor).await;
        peers.push(raw);
    }
    for _ in 0..4 {
        let [asked, other] = &mut peers[..] else {
            unreachable!("two peers")
        };
        let spoofing = async {
            asked.expect(&message(&[b"", b"who?"])).await;
            // It has been read when the PING behind it is answered.
            other
                .say(&[message(&[b"", b"spoofed"]), ping(0, b"")].concat())
                .await;
            other.expect(&pong(b"")).await;
            asked.say(&message(&[b"", b"me"])).await;
        };
        let (answer, ()) = tokio::join!(soon("an answer", req.request("who?")), spoofing);
        assert_eq!(frames(&answer.expect("it is answered")), [b"me"]);
        // In turn.
        peers.reverse();
    }
}

#[tokio::test]
async fn row_13_a_rep_gives_back_any_envelope_and_passes_over_what_has_none() {
    for door in ["tcp://127.0.0.1:*", "ipc://*"] {
        let rep = Rep::new();
        let at = rep.bind(door).await.expect("a free endpoint");
        let mut raw = Raw::connect(&at).await;
        raw.say(&[greeting(), ready("DEALER")].concat()).await;
        raw.expect(&[greeting(), ready("REP")].concat()).await;
        let long = vec![0xEE; 300];
        let envelopes: [Vec<&[u8]>; 5] = [
            vec![],
            vec![b"\x00\x01\x02\x03\x04"],
            vec![b"four"],
            vec![b"a", &long, b"\x00"],
            vec![b"hop"; 16],
        ];
        for envelope in envelopes {
            let nonsense = [
                message(&[b"no delimiter"]),
                message(&[b"no", b"delimiter"]),
                message(&[b""]),
                message(&[b"address", b""]),
                message(&[&[&b"hop"[..]; 17][..], &[b"", b"too far"]].concat()),
            ];
            let request = [&envelope[..], &[b"", b"question", b""]].concat();
            raw.say(&[nonsense.concat(), message(&request)].concat()).await;
            let request = soon("a request", rep.recv_request())
                .await
                .expect("the socket is open");
            assert_eq!(frames(request.message()), [&b"question"[..], b""]);
            soon("room", request.reply(["answer", ""]))
                .await
                .expect("the socket is open");
            raw.expect(&message(&[&envelope[..], &[b"", b"answer", b""]].concat()))
                .await;
        }
    }
}
