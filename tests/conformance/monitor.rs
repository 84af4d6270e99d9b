//! What a peer writes, in events and logs; and monitors that do not keep up (guarantees, row 22).

use hubless::{Event, Pull};

use crate::bytes::{command, greeting, greeting_of, message, property, ready};
use crate::raw::{Raw, event, handshake, soon};
use crate::wire::Wire;

/// A line break, an escape sequence that clears a terminal, a NUL, something that is no UTF-8.
const HOSTILE: &[u8] = b"x\r\nERROR forged\x1b[2J\x07\x00\xFF";

fn is_harmless(text: &str) -> bool {
    !text.contains(|c: char| c.is_control())
}

#[tokio::test]
async fn row_22_what_a_peer_writes_forges_no_line_and_moves_no_cursor() {
    let introduced = |bytes: Vec<u8>| [greeting(), bytes].concat();
    let mut mechanism = greeting();
    mechanism[12..32].copy_from_slice(&HOSTILE[..20]);
    let reason = [&[HOSTILE.len() as u8], HOSTILE].concat();
    let metadata = [
        property("Socket-Type", b"PUSH"),
        property("Identity", HOSTILE),
        property("X-Text", HOSTILE),
    ];
    let said: Vec<Vec<u8>> = vec![
        mechanism,
        greeting_of(3, 1, "\u{9b}2J"),
        introduced(command("ERROR", &reason)),
        introduced(command("READY", &property("Socket-Type", HOSTILE))),
        introduced(command("READY", &property("X\nY", b""))),
        introduced(command("A\n\x1b[2J", b"")),
        introduced([command("READY", &metadata.concat()), command("ERROR", &reason)].concat()),
        introduced(
            [
                command("READY", &metadata.concat()),
                message(&[HOSTILE]),
                command("READY", b""),
            ]
            .concat(),
        ),
    ];
    let pull = Pull::new();
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    for bytes in said {
        let mut raw = Raw::connect(&at).await;
        raw.say(&bytes).await;
        event(&mut monitor, "the end", |event| {
            let (line, debug) = (event.to_string(), format!("{event:?}"));
            assert!(is_harmless(&line), "{line:?}");
            assert!(is_harmless(&debug), "{debug:?}");
            assert!(line.len() < 1000, "{line}");
            matches!(event, Event::HandshakeFailed { .. } | Event::Disconnected { .. }).then_some(())
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn row_22_a_monitor_that_nobody_reads_loses_its_oldest_events_and_holds_nothing_up() {
    const CONNECTIONS: u64 = 3000;
    let (wire, _) = Wire::new();
    let pull = Pull::builder()
        .carrier(wire.clone(), 1)
        .build()
        .expect("no contradiction");
    let (mut slow, mut quick) = (pull.monitor(), pull.monitor());
    pull.bind("tcp://1.2.3.4:5")
        .await
        .expect("a carrier takes everything");
    let mut seen = 1; // listening
    event(&mut quick, "listening", |event| {
        matches!(event, Event::Listening { .. }).then_some(())
    })
    .await;
    for number in 0..CONNECTIONS {
        let mut raw = wire.arrive(&format!("127.0.0.1:{number}")).raw();
        raw.say(&[greeting(), ready("PUSH"), message(&[&number.to_be_bytes()])].concat())
            .await;
        handshake(&mut quick).await;
        let received = soon("a message", pull.recv()).await.expect("the socket is open");
        assert_eq!(received.frame(0), Some(&number.to_be_bytes()[..]));
        raw.finish().await;
        event(&mut quick, "the end", |event| {
            matches!(event, Event::Disconnected { .. }).then_some(())
        })
        .await;
        seen += 3;
    }
    let lag = soon("an event", slow.next()).await;
    let Some(Event::Lagged { missed }) = lag else {
        panic!("{lag:?}")
    };
    assert_eq!(missed, seen - 1024);
    // The newest are there, in order, and the last is the last.
    pull.close().await.expect("nothing to send");
    let mut left = 0;
    while let Some(event) = soon("an event", slow.next()).await {
        left += 1;
        assert!(!matches!(event, Event::Lagged { .. }) || left == 1, "{event}");
    }
    assert!((1024..=1026).contains(&left), "{left}");
}
