//! PAIR at the wire: who introduces itself when, and what somebody hears for whom there is no seat.

use hubless::{DisconnectReason, Endpoint, Message, Monitor, Pair};

use crate::bytes::{command, frame, greeting, hex, message, ping, pong, ready};
use crate::raw::{Raw, RawListener, disconnection, failed_handshake, handshake, soon};

/// A PAIR, its monitor, and where it listens.
async fn listening_pair() -> (Pair, Monitor, Endpoint) {
    let pair = Pair::new();
    let monitor = pair.monitor();
    let endpoint = pair.bind("tcp://127.0.0.1:0").await.expect("a free port");
    (pair, monitor, endpoint)
}

/// One who comes and finds the seat free.
async fn seated(endpoint: &Endpoint) -> Raw {
    let mut peer = Raw::connect(endpoint).await;
    peer.greet().await;
    peer.say(&ready("PAIR")).await;
    peer.expect(&ready("PAIR")).await;
    peer
}

#[tokio::test]
async fn one_that_listens_introduces_itself_last_and_one_that_connects_does_not_wait() {
    let (pair, _, endpoint) = listening_pair().await;
    let mut raw = seated(&endpoint).await;
    pair.send(["two", "frames"]).await.expect("it is open");
    raw.expect(&message(&[b"two", b"frames"])).await;

    let (listener, pair) = (RawListener::tcp().await, Pair::new());
    drop(pair.connect(listener.endpoint()).expect("an endpoint"));
    let mut raw = listener.accept().await;
    raw.greet().await;
    raw.expect(&ready("PAIR")).await;
    raw.say(&[ready("PAIR"), message(&[b"one", b"", b"three"])].concat())
        .await;
    let received = soon("a message", pair.recv()).await.expect("it is open");
    assert_eq!(received, Message::from(["one", "", "three"]));
}

#[tokio::test]
async fn who_finds_no_seat_is_not_told_that_it_may_send_and_not_told_to_stay_away() {
    let (pair, mut monitor, endpoint) = listening_pair().await;
    let mut first = seated(&endpoint).await;
    handshake(&mut monitor).await;
    for _ in 0..3 {
        let mut second = Raw::connect(&endpoint).await;
        second.greet().await;
        second.say(&ready("PAIR")).await;
        // Neither READY nor ERROR, and the end of the stream in good order.
        assert_eq!(second.read_to_end().await.expect("no reset"), b"");
        assert_eq!(failed_handshake(&mut monitor).await, DisconnectReason::Occupied);
    }
    // One that does not fit is told so, seat or not.
    let mut other = Raw::connect(&endpoint).await;
    other.greet().await;
    other.say(&ready("PUSH")).await;
    let told = b"\x1Cwrong socket type for a PAIR";
    assert_eq!(other.end().await, command("ERROR", told)[..]);

    // The first has noticed nothing.
    first
        .say(&[ping(0, b"?"), frame(0, b"still here")].concat())
        .await;
    first.expect(&pong(b"?")).await;
    let received = soon("a message", pair.recv()).await.expect("it is open");
    assert_eq!(received, "still here");

    first.finish().await;
    first.end().await;
    disconnection(&mut monitor).await;
    drop(seated(&endpoint).await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_takes_no_seat() {
    let (pair, mut monitor, endpoint) = listening_pair().await;
    let mut slow = Vec::new();
    for said in [
        &greeting()[..5],
        &greeting(),
        &[greeting(), ready("PAIR")].concat()[..70],
    ] {
        let mut raw = Raw::connect(&endpoint).await;
        raw.say(said).await;
        slow.push(raw);
    }
    let mut quick = seated(&endpoint).await;
    handshake(&mut monitor).await;
    pair.send("you are the one").await.expect("it is open");
    quick.expect(&frame(0, b"you are the one")).await;
}

/// What a peer of ZMTP 2.0 says until it has heard what we are: its greeting, of a PAIR.
fn greeting_of_two() -> Vec<u8> {
    hex("FF 00 00 00 00 00 00 00 01 7F 01 00")
}

/// Of ours it needs eleven bytes to say that, and all to go on: our kind, then our identity.
const OPENING: &str = "FF 00 00 00 00 00 00 00 00 7F 03";

/// One of ZMTP 2.0 that finds the seat free, and has not introduced itself.
async fn seated_of_two(endpoint: &Endpoint) -> Raw {
    let mut peer = Raw::connect(endpoint).await;
    peer.say(&greeting_of_two()).await;
    peer.expect(&[hex(OPENING), hex("00 00 00")].concat()).await;
    peer
}

#[tokio::test]
async fn one_of_two_that_finds_no_seat_does_not_hear_what_we_are() {
    let (pair, mut monitor, endpoint) = listening_pair().await;
    // It takes no seat before its kind is known.
    let mut slow = Raw::connect(&endpoint).await;
    slow.say(&greeting_of_two()[..11]).await;
    slow.expect(&hex(OPENING)).await;

    let mut first = seated_of_two(&endpoint).await;
    // It may send from here on, so the seat is its own though it has not introduced itself.
    let mut second = Raw::connect(&endpoint).await;
    second.say(&greeting_of_two()[..11]).await;
    second.expect(&hex(OPENING)).await;
    second.say(&greeting_of_two()[11..]).await;
    assert_eq!(second.read_to_end().await.expect("no reset"), b"");
    assert_eq!(failed_handshake(&mut monitor).await, DisconnectReason::Occupied);

    first.say(&[frame(0, b""), frame(0, b"mine")].concat()).await;
    let received = soon("a message", pair.recv()).await.expect("it is open");
    assert_eq!(received, "mine");
    pair.send("and yours").await.expect("it is open");
    first.expect(&frame(0, b"and yours")).await;
}

#[tokio::test]
async fn one_of_two_that_leaves_before_it_has_introduced_itself_gives_its_seat_back() {
    let (_pair, mut monitor, endpoint) = listening_pair().await;
    drop(seated_of_two(&endpoint).await);
    failed_handshake(&mut monitor).await;
    drop(seated(&endpoint).await);
}
