//! Sealed messages, and those of ZMTP 1.0, on lines that break and crawl, through limits and out of sockets that close:
//! what is promised of plain frames is promised of these.

use std::time::Duration;

use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::kind::{self, Kind};
use hubless::{
    Builder, Curve, DropReason, Heartbeat, Mechanism, Plain, PlainUsers, Pub, Pull, Push, Rep, Req, Socket,
    Sub,
};

use crate::bytes::frame;
use crate::raw::{Raw, disconnection, soon};
use crate::script::{Client, Server, body, curve_greeting, metadata};
use crate::wire::{Far, dialing, listening};

fn pair(secret: &[u8; 32]) -> KeyPair {
    SecretKey::from(*secret).into()
}

fn as_client() -> Mechanism {
    let server = PublicKey::from(crate::script::public(&crate::script::SERVER));
    Curve::client(server, pair(&crate::script::CLIENT))
}

fn as_server() -> Mechanism {
    Curve::server(pair(&crate::script::SERVER)).allow_any()
}

/// A server that has heard who the client is, and has not let it in yet.
async fn be_introduced(raw: &mut Raw) -> Server {
    let mut server = Server::new();
    raw.say(&curve_greeting()).await;
    raw.hear(64).await;
    server.hear_hello(&raw.frame().await.1);
    raw.say(&server.welcome()).await;
    server.hear_initiate(&raw.frame().await.1);
    server
}

/// A server that has come to traffic with a PUSH.
async fn shake_hands(raw: &mut Raw) -> Server {
    let mut server = be_introduced(raw).await;
    raw.say(&server.ready(&metadata("PULL"))).await;
    server
}

/// A client that has been welcomed, and has not said yet who it is.
async fn be_welcomed(raw: &mut Raw) -> Client {
    let mut client = Client::new();
    raw.say(&[curve_greeting(), client.hello()].concat()).await;
    raw.hear(64).await;
    client.hear_welcome(&raw.frame().await.1);
    client
}

/// A socket that listens, and how somebody came to it from afar who has been welcomed.
async fn welcoming(pull: Builder<kind::Pull>) -> (Pull, Far, Raw, Client) {
    let (pull, wire) = listening(pull.mechanism(as_server())).await;
    let far = wire.arrive("127.0.0.1:1");
    let mut raw = far.raw();
    let client = be_welcomed(&mut raw).await;
    (pull, far, raw, client)
}

/// The body of the next message, of one frame.
async fn hear(raw: &mut Raw, server: &Server) -> Vec<u8> {
    let (flags, sealed) = raw.frame().await;
    assert_eq!(flags, 0);
    let (_, inner) = server.hear_message(&sealed);
    assert_eq!(inner[0], 0);
    inner[1..].to_vec()
}

#[tokio::test(start_paused = true)]
async fn g01_a_sealed_message_of_which_one_byte_was_accepted_is_never_sent_again() {
    // Sealed, one frame of 300 bytes takes 9 + 333.
    for taken in [0, 1, 2, 9, 100, 341] {
        let (push, mut calls) = dialing(Push::builder().mechanism(as_client()));
        let far = calls.recv().await.expect("an attempt").accept();
        let mut raw = far.raw();
        shake_hands(&mut raw).await;
        soon("traffic", push.peers().at_least(1))
            .await
            .expect("it is open");
        far.room(taken);
        push.send(vec![1; 300]).await.expect("it is open");
        push.send("second").await.expect("it is open");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(far.written().len(), taken);
        raw.finish().await;

        let mut raw = calls.recv().await.expect("another attempt").accept().raw();
        let server = shake_hands(&mut raw).await;
        if taken == 0 {
            assert_eq!(hear(&mut raw, &server).await, [1; 300]);
        }
        assert_eq!(hear(&mut raw, &server).await, b"second");
        let cut = push.stats().outgoing.dropped.by(DropReason::Cut);
        assert_eq!(cut, u64::from(taken > 0), "{taken} bytes were taken");
        let outgoing = push.stats().outgoing;
        assert_eq!(outgoing.accepted.messages, outgoing.handed_over.messages + cut);
    }
}

#[tokio::test(start_paused = true)]
async fn g01_what_was_sealed_in_one_piece_is_cut_between_its_messages() {
    // Ten messages of 42 sealed bytes each, of which the line takes any number of bytes.
    const ONE: usize = 2 + 33 + 7;
    for taken in (0..=10 * ONE).step_by(7) {
        let (push, mut calls) = dialing(Push::builder().mechanism(as_client()));
        for n in 0..10 {
            push.send(format!("number{n}")).await.expect("it has a queue");
        }
        let far = calls.recv().await.expect("an attempt").accept();
        let mut raw = far.raw();
        // Our greeting and HELLO, then INITIATE: what comes then are the ten.
        let mut server = be_introduced(&mut raw).await;
        far.room(taken);
        raw.say(&server.ready(&metadata("PULL"))).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        let begun = far.written().len().div_ceil(ONE);
        assert_eq!(far.written().len(), taken);
        raw.finish().await;

        let mut raw = calls.recv().await.expect("another attempt").accept().raw();
        let server = shake_hands(&mut raw).await;
        for n in begun..10 {
            assert_eq!(
                hear(&mut raw, &server).await,
                format!("number{n}").into_bytes(),
                "{taken}"
            );
        }
        let outgoing = push.stats().outgoing;
        let cut = outgoing.dropped.by(DropReason::Cut);
        assert_eq!(cut, u64::from(taken % ONE != 0), "{taken} bytes were taken");
        assert_eq!(outgoing.accepted.messages, outgoing.handed_over.messages + cut);
    }
}

#[tokio::test(start_paused = true)]
async fn a_line_that_takes_one_byte_at_a_time_brings_all_in_order() {
    let (push, mut calls) = dialing(Push::builder().mechanism(as_client()));
    let far = calls.recv().await.expect("an attempt").accept();
    far.grain(1);
    let mut raw = far.raw();
    let mut server = shake_hands(&mut raw).await;
    for n in 0..20_u8 {
        push.send(vec![n; usize::from(n) * 20]).await.expect("it is open");
        raw.say(&server.message(b"\x02\x04PING\0\0")).await;
    }
    let mut messages = 0;
    let mut pongs = 0;
    while messages < 20 || pongs < 20 {
        let (_, inner) = server.hear_message(&raw.frame().await.1);
        match inner.split_first() {
            Some((0, message)) => {
                assert_eq!(message, vec![messages; usize::from(messages) * 20]);
                messages += 1;
            }
            Some((2, b"\x04PONG")) => pongs += 1,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_stream_cut_anywhere_brings_the_same_messages() {
    let mut stream_of = Vec::new();
    for cut in 0..200 {
        let (pull, far, mut raw, mut client) = welcoming(Pull::builder()).await;
        // READY is not awaited: what follows INITIATE is sealed for when it is done.
        let initiate = client.initiate("PUSH");
        let stream = [
            client.message(b"\x01one"),
            client.message(b"\x02\x04PING\0\0"),
            client.message(b"\x00two"),
            client.message(&[0; 301]),
            client.message(b"\x00"),
        ]
        .concat();
        raw.say(&initiate).await;
        raw.frame().await;
        let at = cut * stream.len() / 199;
        far.piece(&stream[..at]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        far.piece(&stream[at..]);
        let mut story = Vec::new();
        for _ in 0..3 {
            let message = soon("a message", pull.recv()).await.expect("it is open");
            story.push(message.iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        }
        story.push(vec![client.hear_message(&raw.frame().await.1).1]);
        if stream_of.is_empty() {
            stream_of.clone_from(&story);
        }
        assert_eq!(story, stream_of, "{at}");
    }
    assert_eq!(stream_of[0], [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(stream_of[3], [b"\x02\x04PONG".to_vec()]);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_forged_message_is_delivered_in_one_read_as_in_two() {
    for in_one in [true, false] {
        let (pull, far, mut raw, mut client) = welcoming(Pull::builder().recv_hwm(1)).await;
        let mut monitor = pull.monitor();
        raw.say(&client.initiate("PUSH")).await;
        raw.frame().await;
        let good = [client.message(b"\x00one"), client.message(b"\x00two")].concat();
        let mut forged = client.message(b"\x00three");
        forged[30] ^= 1;
        match in_one {
            true => far.piece(&[good, forged].concat()),
            false => [good, forged].iter().for_each(|piece| far.piece(piece)),
        }
        for text in ["one", "two"] {
            assert_eq!(soon("a message", pull.recv()).await.expect("it is open"), text);
        }
        assert_eq!(
            disconnection(&mut monitor).await.to_string(),
            "MESSAGE does not open: it is forged or damaged"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_as_large_as_is_allowed_may_come_in_one_read_with_others() {
    let (pull, far, mut raw, mut client) = welcoming(Pull::builder().max_message_size(70_000)).await;
    raw.say(&client.initiate("PUSH")).await;
    raw.frame().await;
    let sizes = [1000, 9000, 70_000, 20_000, 1, 70_000];
    let sealed = sizes.map(|size| client.message(&vec![0; 1 + size]));
    for pieces in sealed.chunks(3) {
        far.piece(&pieces.concat());
    }
    for size in sizes {
        let message = soon("a message", pull.recv()).await.expect("it is allowed");
        assert_eq!(message, vec![0; size]);
    }
}

/// A socket that listens, and one that connects to it.
async fn connected<B: Kind, C: Kind>(binds: Builder<B>, connects: Builder<C>) -> (Socket<B>, Socket<C>) {
    let binds = binds.build().expect("no contradiction");
    let connects = connects.build().expect("no contradiction");
    let at = binds.bind("tcp://127.0.0.1:*").await.expect("a free port");
    connects.connect(&at).expect("an endpoint");
    (binds, connects)
}

/// The mechanisms under which all the rest is tried.
fn mechanisms() -> [(Mechanism, Mechanism); 2] {
    [
        (as_server(), as_client()),
        (
            Plain::server(PlainUsers::new().with("ann", "pw")),
            Plain::client("ann", "pw"),
        ),
    ]
}

#[tokio::test]
async fn messages_of_every_size_go_both_ways_and_a_mark_of_one_lets_one_in() {
    for (server, client) in mechanisms() {
        let rep = Rep::builder().mechanism(server).recv_hwm(1);
        let (rep, mut req) = connected(rep, Req::builder().mechanism(client)).await;
        for size in [0, 1, 100, 65_500, 65_536, 70_000, 300_000, 9 << 20] {
            let text: Vec<u8> = (0..size).map(|at| at as u8).collect();
            let answering = async {
                let request = soon("a request", rep.recv_request()).await.expect("it is open");
                let question = request.message().clone();
                request.reply(question).await.expect("it is open");
            };
            let asking = soon("an answer", req.request((text.clone(), text.clone())));
            let (answer, ()) = tokio::join!(asking, answering);
            let [one, other] = answer.expect("it is answered").into_frames().expect("two frames");
            assert!(one == text[..] && other == text[..], "{size}");
        }
    }
}

#[tokio::test]
async fn a_receiver_at_its_mark_holds_the_sender_back_and_gets_everything() {
    for (server, client) in mechanisms() {
        let pull = Pull::builder().mechanism(server).recv_hwm(1);
        let push = Push::builder().mechanism(client).send_hwm(10);
        let (pull, push) = connected(pull, push).await;
        let sending = tokio::spawn(async move {
            for n in 0..5000_u32 {
                push.send(n.to_be_bytes().to_vec()).await.expect("it is open");
            }
            push.close().await.expect("all is on its way");
        });
        for n in 0..5000_u32 {
            let message = soon("a message", pull.recv()).await.expect("it is open");
            assert_eq!(message, n.to_be_bytes());
            assert!(pull.stats().incoming.queued.messages <= 1);
        }
        soon("closing", sending).await.expect("it ran");
    }
}

#[tokio::test]
async fn g10_closing_brings_everything_to_its_end() {
    for (server, client) in mechanisms() {
        let pull = Pull::builder().mechanism(server);
        let (pull, push) = connected(pull, Push::builder().mechanism(client)).await;
        let receiving = tokio::spawn(async move {
            let mut count = 0;
            while count < 1000 {
                soon("a message", pull.recv()).await.expect("it is open");
                count += 1;
            }
        });
        for _ in 0..1000 {
            push.send(vec![7; 2000]).await.expect("it is open");
        }
        soon("closing", push.close()).await.expect("nothing is left");
        soon("all of them", receiving).await.expect("it ran");
    }
}

#[tokio::test]
async fn whoever_sends_more_than_is_allowed_is_stopped_and_told_here() {
    for (server, client) in mechanisms() {
        let pull = Pull::builder().mechanism(server).max_message_size(1000);
        let (pull, push) = connected(pull, Push::builder().mechanism(client)).await;
        let mut monitor = pull.monitor();
        push.send(vec![1; 1000]).await.expect("it is open");
        push.send(vec![1; 1001]).await.expect("it is open");
        assert_eq!(
            soon("a message", pull.recv())
                .await
                .expect("it is open")
                .byte_len(),
            1000
        );
        assert_eq!(
            disconnection(&mut monitor).await.to_string(),
            "message of 1001 bytes, the limit is 1000"
        );
    }
}

#[tokio::test]
async fn many_subscribers_hear_the_same_and_each_of_them_what_it_wants() {
    for (server, client) in mechanisms() {
        let publisher = Pub::builder()
            .mechanism(server)
            .build()
            .expect("no contradiction");
        let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let subscribers: Vec<_> = (0..20)
            .map(|n| {
                let sub = Sub::builder()
                    .mechanism(client.clone())
                    .build()
                    .expect("no contradiction");
                sub.subscribe("all");
                sub.subscribe(format!("only {n}."));
                sub.connect(&at).expect("an endpoint");
                sub
            })
            .collect();
        for sub in &subscribers {
            soon("a PONG", sub.subscribed()).await.expect("it is open");
        }
        for n in 0..100 {
            publisher.send(("all", vec![n; 500])).await.expect("it is open");
            publisher.send(format!("only {n}.")).await.expect("it is open");
        }
        for (at, sub) in subscribers.iter().enumerate() {
            for n in 0..100_u8 {
                let message = soon("a message", sub.recv()).await.expect("it is open");
                assert_eq!(message.iter().last(), Some(&[n; 500][..]));
                if usize::from(n) == at {
                    let message = soon("a message", sub.recv()).await.expect("it is open");
                    assert_eq!(message, format!("only {n}.").as_str());
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sealed_heartbeat_keeps_a_peer_and_its_absence_ends_it() {
    let (push, mut calls) = dialing(
        Push::builder()
            .mechanism(as_client())
            .heartbeat(Heartbeat::every(Duration::from_secs(1))),
    );
    let mut monitor = push.monitor();
    let mut raw = calls.recv().await.expect("an attempt").accept().raw();
    let mut server = shake_hands(&mut raw).await;
    for _ in 0..5 {
        assert_eq!(server.hear_message(&raw.frame().await.1).1, b"\x02\x04PING\0\0");
        raw.say(&server.message(b"\x02\x04PONG")).await;
    }
    assert_eq!(
        disconnection(&mut monitor).await.to_string(),
        "no sign of life from the peer within the heartbeat timeout"
    );
}

#[tokio::test(start_paused = true)]
async fn no_stream_of_bytes_harms_a_socket_that_asks_for_security() {
    let mut state = 7_u64;
    let mut roll = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let builders = [
        Pull::builder().mechanism(as_server()),
        Pull::builder().mechanism(Plain::server(PlainUsers::new().with("ann", "pw"))),
        Pull::builder().legacy(true),
    ];
    for (which, builder) in builders.into_iter().enumerate() {
        let (pull, wire) = listening(builder).await;
        let mut monitor = pull.monitor();
        for round in 0..1000 {
            let far = wire.arrive("127.0.0.1:1");
            let mut raw = far.raw();
            let mut client = Client::new();
            let mut pieces = match which {
                0 => vec![curve_greeting(), client.hello()],
                1 => vec![
                    crate::script::plain_greeting(),
                    crate::script::plain_hello("ann", "pw"),
                    crate::bytes::command("INITIATE", &metadata("PUSH")),
                ],
                _ => vec![
                    b"\x03\x00me".to_vec(),
                    b"\x03\x01hi".to_vec(),
                    b"\x02\x00!".to_vec(),
                ],
            };
            if which == 0 && round % 2 == 0 {
                // Through the door, to spoil what is sealed.
                client = be_welcomed(&mut raw).await;
                raw.say(&client.initiate("PUSH")).await;
                raw.frame().await;
                pieces = (0..4)
                    .map(|n| client.message(&vec![n % 3; 1 + roll() % 40]))
                    .collect();
                pieces.push(frame(4, body(&client.message(b"\x02\x04PING\0\0"))));
            }
            for _ in 0..roll() % 4 {
                let which = roll() % pieces.len();
                let piece = &mut pieces[which];
                let at = roll() % piece.len().max(1);
                match roll() % 4 {
                    0 if !piece.is_empty() => piece[at] ^= 1 << (roll() % 8),
                    1 => piece.truncate(at),
                    2 => piece.insert(at, roll() as u8),
                    _ => piece.extend_from_within(..at),
                }
            }
            for piece in pieces {
                far.piece(&piece);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            raw.finish().await;
            crate::event(&mut monitor, "the end", |event| {
                matches!(
                    event,
                    hubless::Event::HandshakeFailed { .. } | hubless::Event::Disconnected { .. }
                )
                .then_some(())
            })
            .await;
            far.dropped().await;
            while pull.try_recv().is_ok() {}
        }
        soon("closing", pull.close()).await.expect("it sends nothing");
    }
}
