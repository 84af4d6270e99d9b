//! Whatever a peer says, the socket stays as it is (guarantees, G11).
//!
//! What is wrong in a way that somebody has thought of is in the table; here are some ten thousand ways that nobody has.
//! Each is drawn from its number, so that a failure names the number and can be repeated.

use std::time::Duration;

use hubless::{Event, SocketKind, StreamEvent, StreamSocket};
use tokio::time::sleep;

use crate::bytes::{command, frame, greeting, header, message, ping, property, ready};
use crate::child::Child;
use crate::malformed::notation;
use crate::raw::{Raw, event, soon};
use crate::subject::{Bench, KINDS};
use crate::wire::{Wire, listening};

/// SplitMix64: small, even, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most + 1);
        (0..len).map(|_| self.roll() as u8).collect()
    }
}

/// Something that a peer of this kind might say, and then changed in a few places.
fn stream(dice: &mut Dice, kind: &str) -> Vec<u8> {
    let mut parts = vec![greeting(), ready(kind)];
    for _ in 0..dice.below(12) {
        let body = dice.bytes(40);
        parts.push(match dice.below(16) {
            0 => message(&[&body]),
            1 => message(&[b"", &body]),
            2 => message(&[b"four", b"", &body, b"!"]),
            3 => frame(0x01, &body),
            4 => ping(dice.roll() as u16, &body),
            5 => command("PONG", &body),
            6 => command("SUBSCRIBE", &body),
            7 => command("CANCEL", &body),
            8 => message(&[&[&[1], &body[..]].concat()]),
            9 => command("ERROR", &body),
            10 => command("READY", &property("X", &body)),
            11 => header(dice.roll() as u8, dice.roll() >> dice.below(64)),
            12 => frame(dice.roll() as u8 & !0x02, &body),
            13 => command("JOIN", &body),
            14 => command("LEAVE", &body),
            _ => message(&[&vec![7; dice.below(70_000)]]),
        });
    }
    let mut stream = parts.concat();
    for _ in 0..dice.below(4) {
        let at = dice.below(stream.len());
        match dice.below(6) {
            0 => stream[at] ^= 1 << dice.below(8),
            1 => stream[at] = dice.roll() as u8,
            2 => stream.truncate(at),
            3 => drop(stream.splice(at..at, dice.bytes(20))),
            4 => drop(stream.drain(at..(at + dice.below(20)).min(stream.len()))),
            _ => stream.extend_from_within(..at),
        }
        if stream.is_empty() {
            break;
        }
    }
    stream
}

/// Streams against a socket of each kind.
const STREAMS: u64 = 1500;

/// Each stream comes in pieces and ends, and beside it or behind it a peer that does it right is served.
async fn no_stream_harms(kind: SocketKind) {
    let (wire, _) = Wire::new();
    let mut bench = Bench::new(kind, Some(wire.clone())).await;
    for seed in 0..STREAMS {
        let mut dice = Dice(seed);
        let stream = stream(&mut dice, notation::peer_of(kind.name()));
        let far = wire.arrive("127.0.0.1:1");
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(1 + dice.below(rest.len()));
            far.piece(piece);
            rest = left;
        }
        sleep(Duration::from_millis(1)).await;
        far.raw().finish().await;
        let what = format!("the end of stream {seed}");
        event(&mut bench.monitor, &what, |event| match event {
            Event::HandshakeFailed { address, .. } => (address == "127.0.0.1:1").then_some(()),
            Event::Disconnected { peer, .. } => (peer.address() == "127.0.0.1:1").then_some(()),
            _ => None,
        })
        .await;
        soon(&what, far.dropped()).await;
        bench.the_good_peer_is_served().await;
    }
}

macro_rules! for_every_kind {
    ($($test:ident $kind:ident;)+) => {
        #[test]
        fn g11_every_kind_is_played_against() {
            assert_eq!(KINDS, [$(SocketKind::$kind),+]);
        }

        $(#[tokio::test(start_paused = true)]
        async fn $test() {
            no_stream_harms(SocketKind::$kind).await;
        })+
    };
}

for_every_kind! {
    g11_no_stream_of_bytes_harms_a_push Push;
    g11_no_stream_of_bytes_harms_a_pull Pull;
    g11_no_stream_of_bytes_harms_a_pub Pub;
    g11_no_stream_of_bytes_harms_a_sub Sub;
    g11_no_stream_of_bytes_harms_a_req Req;
    g11_no_stream_of_bytes_harms_a_rep Rep;
    g11_no_stream_of_bytes_harms_a_dealer Dealer;
    g11_no_stream_of_bytes_harms_a_router Router;
    g11_no_stream_of_bytes_harms_an_xpub XPub;
    g11_no_stream_of_bytes_harms_an_xsub XSub;
    g11_no_stream_of_bytes_harms_a_pair Pair;
    g11_no_stream_of_bytes_harms_a_client Client;
    g11_no_stream_of_bytes_harms_a_server Server;
    g11_no_stream_of_bytes_harms_a_radio Radio;
    g11_no_stream_of_bytes_harms_a_dish Dish;
    g11_no_stream_of_bytes_harms_a_scatter Scatter;
    g11_no_stream_of_bytes_harms_a_gather Gather;
    g11_no_stream_of_bytes_harms_a_peer Peer;
    g11_no_stream_of_bytes_harms_a_channel Channel;
}

/// One that speaks no ZMTP takes them all, as they are.
#[tokio::test(start_paused = true)]
async fn g11_no_stream_of_bytes_harms_a_stream() {
    let (socket, wire) = listening(StreamSocket::builder()).await;
    for seed in 0..STREAMS {
        let mut dice = Dice(seed);
        let stream = stream(&mut dice, "PUSH");
        let far = wire.arrive("127.0.0.1:1");
        far.piece(&stream);
        far.raw().finish().await;
        let (mut told, mut heard) = (Vec::new(), Vec::new());
        while told.last() != Some(&StreamEvent::Disconnected) {
            match soon("an event", socket.recv_from()).await.expect("it is open").1 {
                StreamEvent::Data(data) => heard.extend_from_slice(&data),
                event => told.push(event),
            }
        }
        assert_eq!(told, [StreamEvent::Connected, StreamEvent::Disconnected]);
        assert!(heard == stream, "stream {seed}");
    }
}

#[tokio::test]
async fn g11_the_whole_table_leaves_no_memory_and_no_descriptor() {
    const MIB: usize = 1024 * 1024;
    for kind in ["PULL", "PUSH", "PUB", "SUB", "REQ", "REP"] {
        let mut child = Child::new("bind", kind).await;
        let at = child.endpoint("bound").await;
        let mut good = Raw::connect(&at).await;
        good.shake_hands(notation::peer_of(kind), kind).await;
        child.line("event", "handshake done").await;
        let descriptors = child.descriptors();
        // The first round is what such a process takes; another two take nothing more.
        let mut most = child.memory() + 8 * MIB;
        for _ in 0..3 {
            for case in notation::cases().iter().filter(|case| case.kind == kind) {
                let mut raw = Raw::connect(&at).await;
                let _ = raw.try_say(&case.script()).await;
                child.line("event", &case.reason).await;
            }
            child.settles(most, descriptors).await;
            most = most.min(child.memory() + MIB);
        }
        good.say(&ping(0, b"still here?")).await;
        good.expect(&crate::bytes::pong(b"still here?")).await;
    }
}
