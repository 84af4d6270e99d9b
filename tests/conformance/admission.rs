//! Who is let in: floods of connections, descriptors that run out (guarantees, rows 2 and 4).

use std::io;
use std::time::Duration;

use hubless::{DisconnectReason, Event, Limit, Monitor, Pull};
use tokio::time::{Instant, sleep};

use crate::bytes::{greeting, message, ready};
use crate::child::Child;
use crate::costs::Costs;
use crate::flood::a_good_peer_gets_through;
use crate::raw::{Raw, event, handshake};
use crate::wire::{Far, Wire, listening};

/// What happened to a connection from this address.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Accepted(String),
    Refused(String, Limit),
    Evicted(String),
}

async fn fate(monitor: &mut Monitor) -> Fate {
    event(monitor, "somebody's fate", |event| match event {
        Event::Accepted { address, .. } => Some(Fate::Accepted(address.clone())),
        Event::Refused { address, limit, .. } => Some(Fate::Refused(address.clone(), *limit)),
        Event::HandshakeFailed {
            address,
            reason: DisconnectReason::Evicted,
            ..
        } => Some(Fate::Evicted(address.clone())),
        _ => None,
    })
    .await
}

fn accepted(address: &str) -> Fate {
    Fate::Accepted(address.into())
}

/// Arrives from each of these addresses, with a port of its own.
fn arrive(wire: &Wire, hosts: impl IntoIterator<Item = u8>) -> Vec<Far> {
    hosts
        .into_iter()
        .map(|host| wire.arrive(&format!("10.0.0.{host}:{host}")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn row_02_at_the_cap_newcomers_wait_and_take_the_place_of_whoever_is_older_than_a_second() {
    let (pull, wire) = listening(Pull::builder().max_pending_handshakes(8)).await;
    let mut monitor = pull.monitor();
    let start = Instant::now();
    let first = arrive(&wire, 1..=8);
    for host in 1..=8 {
        assert_eq!(
            fate(&mut monitor).await,
            accepted(&format!("10.0.0.{host}:{host}"))
        );
    }
    let late = arrive(&wire, 9..=12);
    sleep(Duration::from_millis(990)).await;
    assert_eq!(wire.taken(), 8, "the backlog waits while all are young");
    // All eight grow old in the same moment: the oldest go, and no more than have to.
    let mut fates = Vec::new();
    for _ in 0..8 {
        fates.push(fate(&mut monitor).await);
    }
    assert!(
        (1000..=1002).contains(&start.elapsed().as_millis()),
        "{:?}",
        start.elapsed()
    );
    for host in 1..=4 {
        assert!(
            fates.contains(&Fate::Evicted(format!("10.0.0.{host}:{host}"))),
            "{fates:?}"
        );
        let newcomer = host + 8;
        assert!(
            fates.contains(&accepted(&format!("10.0.0.{newcomer}:{newcomer}"))),
            "{fates:?}"
        );
    }
    for gone in &first[..4] {
        gone.dropped().await;
    }
    // Whoever was left alone can still finish.
    for far in [&first[7], &late[0]] {
        far.raw().shake_hands("PUSH", "PULL").await;
        handshake(&mut monitor).await;
    }
    // A finished handshake is a free place, at once.
    let next = arrive(&wire, [20, 21]);
    assert_eq!(fate(&mut monitor).await, accepted("10.0.0.20:20"));
    assert_eq!(fate(&mut monitor).await, accepted("10.0.0.21:21"));
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn row_02_one_source_has_a_quarter_of_the_places_and_loopback_all_of_them() {
    let (pull, wire) = listening(Pull::builder().max_pending_handshakes(8)).await;
    let mut monitor = pull.monitor();
    let mut lines = Vec::new();
    let mut expect = async |address: &str, expected: Fate| {
        lines.push(wire.arrive(address));
        assert_eq!(fate(&mut monitor).await, expected);
    };
    let share = Limit::PendingHandshakesOfSource;
    expect("10.0.0.1:1", accepted("10.0.0.1:1")).await;
    expect("10.0.0.1:2", accepted("10.0.0.1:2")).await;
    expect("10.0.0.1:3", Fate::Refused("10.0.0.1:3".into(), share)).await;
    expect("[2001:db8::1]:1", accepted("[2001:db8::1]:1")).await;
    expect("[2001:db8::2]:1", accepted("[2001:db8::2]:1")).await;
    expect("[2001:db8::3]:1", Fate::Refused("[2001:db8::3]:1".into(), share)).await;
    for address in ["127.0.0.1:1", "127.0.0.1:2", "[::1]:3", ":1000:1000:77"] {
        expect(address, accepted(address)).await;
    }
    // Old ones of its own make room for a source that has its share, although there are older ones.
    sleep(Duration::from_secs(1)).await;
    let before = wire.taken();
    lines.push(wire.arrive("[2001:db8::4]:1"));
    let fates = [fate(&mut monitor).await, fate(&mut monitor).await];
    assert!(
        fates.contains(&Fate::Evicted("[2001:db8::1]:1".into())),
        "{fates:?}"
    );
    assert!(fates.contains(&accepted("[2001:db8::4]:1")), "{fates:?}");
    assert_eq!(wire.taken(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn row_02_a_good_peer_gets_through_a_flood_that_never_ends() {
    // It says nothing at all.
    let halts = async |_: &mut Raw| {};
    let comes = async |raw: &mut Raw| {
        raw.shake_hands("PUSH", "PULL").await;
        raw.say(&message(&[b"through"])).await;
    };
    a_good_peer_gets_through(Pull::builder(), halts, comes).await;
}

#[tokio::test(start_paused = true)]
async fn row_04_no_more_connections_than_the_program_wants() {
    let (pull, wire) = listening(Pull::builder().max_connections(2)).await;
    let mut monitor = pull.monitor();
    let first = wire.arrive("10.0.0.1:1");
    let mut raw = first.raw();
    raw.shake_hands("PUSH", "PULL").await;
    let silent = wire.arrive("10.0.0.2:2");
    assert_eq!(fate(&mut monitor).await, accepted("10.0.0.1:1"));
    assert_eq!(fate(&mut monitor).await, accepted("10.0.0.2:2"));
    let third = wire.arrive("10.0.0.3:3");
    assert_eq!(
        fate(&mut monitor).await,
        Fate::Refused("10.0.0.3:3".into(), Limit::Connections)
    );
    third.dropped().await;
    // A handshake that takes its time makes room, a peer in traffic never does.
    sleep(Duration::from_secs(1)).await;
    let fourth = wire.arrive("10.0.0.4:4");
    silent.dropped().await;
    fourth.raw().shake_hands("PUSH", "PULL").await;
    sleep(Duration::from_secs(2)).await;
    let fifth = wire.arrive("10.0.0.5:5");
    fifth.dropped().await;
    // Whoever leaves makes room.
    raw.finish().await;
    first.dropped().await;
    wire.arrive("10.0.0.6:6").raw().shake_hands("PUSH", "PULL").await;
}

#[tokio::test(start_paused = true)]
async fn row_04_a_listener_that_cannot_accept_tries_again_ever_more_slowly_and_tells_once_a_second() {
    let (pull, wire) = listening(Pull::builder()).await;
    let mut monitor = pull.monitor();
    let (emfile, enobufs) = (24, 105);
    for round in 0..20 {
        let error = if round % 2 == 0 { emfile } else { enobufs };
        wire.fail(io::Error::from_raw_os_error(error));
    }
    let start = Instant::now();
    wire.fail(io::ErrorKind::ConnectionAborted.into());
    let good = wire.arrive("10.0.0.1:1");
    good.raw().shake_hands("PUSH", "PULL").await;
    // 5, 10, 20, … 640 ms, then a second each.
    let doubled: u64 = (0..8).map(|n| 5 << n).sum();
    let expected = Duration::from_millis(doubled + 12 * 1000);
    assert!(
        (expected..expected + Duration::from_millis(50)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    let mut told = 0;
    event(&mut monitor, "the handshake", |event| {
        told += u32::from(matches!(event, Event::AcceptFailed { .. }));
        matches!(event, Event::HandshakeDone { .. }).then_some(())
    })
    .await;
    assert!((11..=14).contains(&told), "{told} times");
    // The next failure is a first one.
    wire.fail(io::Error::from_raw_os_error(emfile));
    let start = Instant::now();
    wire.arrive("10.0.0.2:1").raw().shake_hands("PUSH", "PULL").await;
    assert!(
        start.elapsed() <= Duration::from_millis(10),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn row_04_a_listener_that_waits_closes_at_once() {
    let (pull, wire) = listening(Pull::builder().max_pending_handshakes(1)).await;
    let mut monitor = pull.monitor();
    (0..10).for_each(|_| wire.fail(io::Error::from_raw_os_error(24)));
    let first = wire.arrive("10.0.0.1:1");
    event(&mut monitor, "accepting", |event| {
        matches!(event, Event::Accepted { .. }).then_some(())
    })
    .await;
    wire.arrive("10.0.0.2:2");
    let start = Instant::now();
    pull.close().await.expect("nothing to send");
    first.dropped().await;
    assert!(
        start.elapsed() < Duration::from_millis(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn row_04_a_process_without_descriptors_idles_serves_its_peers_and_recovers() {
    let mut child = Child::with_descriptors(64, "pull", "").await;
    let at = child.endpoint("bound").await;
    let mut good = Raw::connect(&at).await;
    good.shake_hands("PUSH", "PULL").await;
    child.line("event", "handshake done").await;
    let before = Costs::of(&child);
    let mut flood = Vec::new();
    while flood.len() < 100 {
        flood.push(Raw::connect(&at).await);
    }
    child.line("event", "cannot accept: ").await;
    assert!(child.descriptors() >= 60, "they are used up");
    let grown = child.memory().saturating_sub(before.memory);
    assert!(grown <= 1 << 20, "{grown} bytes");
    // Its peer is served all the while, and nothing spins: the next two events are a second apart each.
    let cpu = child.cpu();
    let start = std::time::Instant::now();
    child.line("event", "cannot accept: ").await;
    child.line("event", "cannot accept: ").await;
    let (busy, passed) = (child.cpu() - cpu, start.elapsed());
    assert!(
        passed > Duration::from_millis(1500),
        "told twice within {passed:?}"
    );
    assert!(
        busy.as_secs_f64() <= 0.02 * passed.as_secs_f64() + 0.02,
        "{busy:?} of {passed:?}"
    );
    good.say(&message(&[b"still here"])).await;
    child.line("message", "still here").await;
    // With the flood gone, everything is as before.
    drop(flood);
    let mut late = Raw::connect(&at).await;
    late.shake_hands("PUSH", "PULL").await;
    late.say(&message(&[b"late"])).await;
    child.line("message", "late").await;
    drop(late);
    child.settles(before.memory + (1 << 20), before.descriptors).await;
}

#[tokio::test]
async fn row_02_a_flood_over_tcp_takes_no_more_descriptors_than_the_cap_and_a_good_peer_gets_through() {
    const CAP: usize = 64;
    let mut child = Child::new("pull", &format!("max_pending_handshakes={CAP}")).await;
    let at = child.endpoint("bound").await;
    let mut early = Raw::connect(&at).await;
    early.shake_hands("PUSH", "PULL").await;
    child.line("event", "handshake done").await;
    let before = Costs::of(&child);
    let (descriptors, memory) = (before.descriptors, before.memory);
    let mut flood = Vec::new();
    for _ in 0..3 * CAP {
        flood.push(Raw::connect(&at).await);
    }
    let mut late = Raw::connect(&at).await;
    late.say(&greeting()).await;
    let mut most = 0;
    for number in 0..3 * CAP - CAP {
        child.line("event", "evicted to make room").await;
        most = most.max(child.descriptors());
        early.say(&message(&[number.to_string().as_bytes()])).await;
    }
    late.expect(&greeting()).await;
    late.say(&[ready("PUSH"), message(&[b"through"])].concat()).await;
    child.line("message", "through").await;
    // Those that are evicted may still be closing.
    assert!(most <= descriptors + 2 * CAP, "{most} descriptors");
    assert!(
        child.memory() <= memory + 3 * CAP * 8 * 1024,
        "{} bytes more",
        child.memory() - memory
    );
    drop(flood);
    child.settles(usize::MAX, descriptors + 1).await;
    before.no_more_time_than(&child, Duration::from_secs(1));
}
