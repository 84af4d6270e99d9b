//! What is said to a builder: contradictions are refused, and the rest reaches the sockets of the system.

use std::error::Error;
use std::fs;
use std::time::Duration;

use hubless::{
    BuildError, Builder, Dealer, Event, Heartbeat, Keepalive, Linger, Pull, Push, Req, TcpOptions,
};
use socket2::{Domain, SockAddr, Socket, Type};

type Outcome = Result<(), Box<dyn Error>>;

const SECOND: Duration = Duration::from_secs(1);

/// The options that are named, each contradiction's by itself.
fn named<K: hubless::kind::Kind>(builder: Builder<K>) -> Vec<Vec<&'static str>> {
    let found = builder.build().err();
    let found = found.as_ref().map(BuildError::contradictions).unwrap_or_default();
    found.iter().map(|one| one.options().to_vec()).collect()
}

#[test]
fn every_contradiction_is_refused_by_name() {
    let push = Push::builder;
    let none: Vec<Vec<&str>> = vec![];
    assert_eq!(named(push()), none);
    assert_eq!(named(push().reconnect(2 * SECOND, SECOND)), [["reconnect"]]);
    assert_eq!(named(push().reconnect(Duration::ZERO, SECOND)), [["reconnect"]]);
    assert_eq!(named(push().reconnect(SECOND, SECOND)), none);
    assert_eq!(
        named(push().handshake_timeout(Duration::ZERO)),
        [["handshake_timeout"]]
    );
    assert_eq!(named(push().handshake_timeout(None)), none);
    assert_eq!(
        named(push().max_pending_handshakes(0)),
        [["max_pending_handshakes"]]
    );
    assert_eq!(named(push().max_connections(0)), [["max_connections"]]);
    assert_eq!(named(push().max_message_size(0)), [["max_message_size"]]);
    assert_eq!(named(push().max_message_frames(0)), [["max_message_frames"]]);
    assert_eq!(
        named(push().conflate(true).immediate(true)),
        [["conflate", "immediate"]]
    );
    assert_eq!(
        named(push().conflate(true).reroute(true)),
        [["conflate", "reroute"]]
    );
    let dealer = Dealer::builder;
    assert_eq!(
        named(dealer().probe(true).hello_message("hello")),
        [["probe", "hello_message"]]
    );
    assert_eq!(
        named(dealer().conflate(true).probe(true)),
        [["conflate", "probe"]]
    );
    assert_eq!(
        named(dealer().conflate(true).hello_message("hello")),
        [["conflate", "hello_message"]]
    );
    assert_eq!(named(Req::builder().routing_id(&b"\0mine"[..])), [["routing_id"]]);
    assert_eq!(
        named(Req::builder().routing_id(vec![b'x'; 256])),
        [["routing_id"]]
    );
    assert_eq!(named(Req::builder().routing_id(vec![b'x'; 255])), none);

    let publisher = hubless::Pub::builder;
    let waits = hubless::SlowPolicy::Wait(SECOND);
    assert_eq!(
        named(publisher().nodrop(true).on_slow(waits)),
        [["nodrop", "on_slow"]]
    );
    assert_eq!(
        named(publisher().conflate(true).on_slow(waits)),
        [["conflate", "on_slow"]]
    );
    assert_eq!(
        named(publisher().conflate(true).nodrop(true)),
        [["conflate", "nodrop"]]
    );
    assert_eq!(named(publisher().nodrop(true)), none);
    assert_eq!(named(publisher().max_subscriptions(0)), [["max_subscriptions"]]);
    assert_eq!(
        named(hubless::Radio::builder().on_slow(waits).nodrop(false)),
        none
    );

    let ttl = |ttl| push().heartbeat(Heartbeat::every(2 * SECOND).ttl(ttl));
    assert_eq!(named(ttl(2 * SECOND)), [["heartbeat"]]);
    assert_eq!(named(ttl(3 * SECOND)), none);
    assert_eq!(named(ttl(Duration::ZERO)), none, "that is no ttl");
    let minutes = Heartbeat::every(100 * SECOND).ttl(300 * SECOND);
    assert_eq!(
        named(push().heartbeat(minutes)),
        [["heartbeat"]],
        "it is sent as 65.5 s"
    );

    let all = push()
        .max_message_size(0)
        .max_connections(0)
        .reconnect(2 * SECOND, SECOND);
    assert_eq!(named(all).len(), 3, "all are told at once");
}

#[tokio::test]
async fn a_wait_that_is_longer_than_any_clock_tells_is_for_ever() -> Outcome {
    let push = Push::builder()
        .reconnect(Duration::MAX, Duration::MAX)
        .linger(Linger::Discard)
        .build()?;
    let mut monitor = push.monitor();
    let nobody = push.connect("tcp://127.0.0.1:1")?.endpoint().clone();
    while !matches!(monitor.next().await, Some(Event::RetryIn { .. })) {}
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    push.try_send("waits as well")?;
    assert!(push.disconnect(&nobody).await.is_err(), "it comes back");
    Ok(())
}

/// A connection that a socket of ours does not accept stays where the backlog counts it.
#[tokio::test]
async fn the_backlog_is_as_long_as_was_asked_for() -> Outcome {
    let fits = async |backlog| {
        // One that is young and says nothing shuts the door for a second.
        let pull = Pull::builder()
            .max_pending_handshakes(1)
            .backlog(backlog)
            .build()?;
        let mut monitor = pull.monitor();
        let endpoint = pull.bind("ipc://*").await?;
        let path = endpoint.as_str().strip_prefix("ipc://").expect("it is ipc");
        let connect = || {
            let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            socket.set_nonblocking(true).expect("a socket takes options");
            let connected = socket.connect(&SockAddr::unix(path).expect("a path"));
            connected.is_ok().then_some(socket)
        };
        let _silent = connect().expect("nobody waits yet");
        while !matches!(monitor.next().await, Some(Event::Accepted { .. })) {}
        let waiting: Vec<Socket> = std::iter::from_fn(connect).take(20).collect();
        Ok::<_, Box<dyn Error>>(waiting.len())
    };
    // Linux lets one more in than it was told.
    assert_eq!((fits(1).await?, fits(5).await?), (2, 6));
    Ok(())
}

/// The clock of the kernel's next probe is what shows of an idle connection's options.
#[tokio::test]
async fn options_of_tcp_reach_both_ends_of_a_connection() -> Outcome {
    for (options, expected) in [
        (TcpOptions::new(), 20..=30),
        (TcpOptions::new().keepalive(None), 0..=0),
        (
            TcpOptions::new().keepalive(Keepalive::new().idle(500 * SECOND)),
            490..=500,
        ),
    ] {
        let pull = Pull::builder().tcp(options.clone()).build()?;
        let push = Push::builder().tcp(options).build()?;
        let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
        push.connect(&endpoint)?.await?;
        pull.peers().at_least(1).await?;
        let port: u16 = endpoint.as_str().rsplit(':').next().unwrap_or_default().parse()?;
        // Until what was sent in the handshake is acknowledged, another clock runs.
        let clocks = loop {
            let clocks = clocks(port)?;
            if clocks.iter().all(|(kind, _)| *kind != "01") {
                break clocks;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(clocks.len(), 2, "{clocks:?}");
        for (kind, seconds) in clocks {
            assert!(
                expected.contains(&seconds),
                "{kind} in {seconds} s, expected {expected:?}"
            );
        }
    }
    Ok(())
}

/// Of each end of the connections to this port: which of the kernel's clocks runs, and how many seconds it has left.
fn clocks(port: u16) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
    const ESTABLISHED: &str = "01";
    let port = format!(":{port:04X}");
    let mut clocks = Vec::new();
    for line in fs::read_to_string("/proc/net/tcp")?.lines().skip(1) {
        let [_, local, remote, state, _, clock, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        if state == ESTABLISHED && (local.ends_with(&port) || remote.ends_with(&port)) {
            let (kind, hundredths) = clock.split_once(':').ok_or("a clock and a time")?;
            clocks.push((kind.to_owned(), u64::from_str_radix(hundredths, 16)? / 100));
        }
    }
    Ok(clocks)
}

#[tokio::test]
async fn a_receiver_holds_its_budget_of_bytes_and_at_most_one_message_more() -> Outcome {
    const BUDGET: u64 = 10_000;
    let pull = Pull::builder()
        .recv_hwm(0)
        .recv_hwm_bytes(BUDGET as usize)
        .build()?;
    let push = Push::builder().send_hwm(2).build()?;
    pull.bind("inproc://budget").await?;
    push.connect("inproc://budget")?.await?;
    let mut accepted = 0u64;
    let mut refused = 0;
    while refused < 1000 {
        refused = match push.try_send(vec![7; 1000]) {
            Ok(()) => 0,
            Err(_) => refused + 1,
        };
        accepted += u64::from(refused == 0);
        tokio::task::yield_now().await;
        let held = pull.stats().incoming.queued.bytes;
        assert!(held <= BUDGET + 1009, "{held} bytes");
    }
    assert!((10..=13).contains(&accepted), "{accepted}");
    for _ in 0..accepted {
        assert_eq!(pull.recv().await?.byte_len(), 1000);
    }
    Ok(())
}
