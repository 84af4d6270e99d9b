//! What a peer can cost a process: memory, descriptors and processor time of one that does nothing else, read off
//! `/proc`. (Rows whose costs belong to what else they show are with it: the crowds in [`admission`](crate::admission),
//! large messages and floods in [`limits`](crate::limits), topics in [`subscriptions`](crate::subscriptions).) Limits on time are
//! many times what is used, and of another order than what a process that spins would use.
//!
//! What a second costs is measured over one that the process itself counts: a silent connection is closed after it.

use std::time::Duration;

use hubless::{Endpoint, Pull};

use crate::bytes::{command, greeting, message, property, ready};
use crate::child::Child;
use crate::raw::{Raw, RawListener, soon};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Where a silent connection is closed after a second.
pub(crate) const PATIENCE: &str = "handshake_timeout=1";

/// What a process has and has used.
pub(crate) struct Costs {
    pub(crate) memory: usize,
    pub(crate) descriptors: usize,
    cpu: Duration,
}

impl Costs {
    pub(crate) fn of(child: &Child) -> Self {
        Self {
            memory: child.memory(),
            descriptors: child.descriptors(),
            cpu: child.cpu(),
        }
    }

    /// Everything comes back but so much memory, and no more processor time was used than that.
    pub(crate) async fn come_back(&self, child: &Child, memory: usize, cpu: Duration) {
        child.settles(self.memory + memory, self.descriptors).await;
        self.no_more_time_than(child, cpu);
    }

    pub(crate) fn no_more_time_than(&self, child: &Child, limit: Duration) {
        let used = child.cpu() - self.cpu;
        println!("{used:?} of processor time, of {limit:?}");
        assert!(used <= limit, "{used:?} of processor time");
    }
}

/// The processor time that a process uses in a second.
async fn a_second_of(child: &mut Child, at: &Endpoint) -> Duration {
    let before = child.cpu();
    let _silent = Raw::connect(at).await;
    child.line("event", "handshake not complete in time").await;
    child.cpu() - before
}

/// A twentieth: more is no idling.
const IDLE: Duration = Duration::from_millis(50);

/// The child comes to rest: a second costs it no more than idling does. What it had to do before that may take longer than a
/// second on a busy machine.
pub(crate) async fn comes_to_rest(child: &mut Child, at: &Endpoint) {
    soon("a second of rest", async {
        while a_second_of(child, at).await > IDLE {}
    })
    .await;
}

#[tokio::test]
async fn row_01_those_who_never_come_to_the_point_cost_nothing_afterwards() {
    let mut child = Child::new("pull", PATIENCE).await;
    let at = child.endpoint("bound").await;
    let descriptors = child.descriptors();
    let crowd = async || {
        let mut crowd = Vec::new();
        for number in 0..500 {
            let mut raw = Raw::connect(&at).await;
            raw.say(&greeting()[..number % 64]).await;
            crowd.push(raw);
        }
        for raw in &mut crowd {
            raw.end().await;
        }
    };
    // An allocator keeps what one crowd has needed. The next one finds it there.
    crowd().await;
    child.settles(usize::MAX, descriptors).await;
    let before = Costs::of(&child);
    crowd().await;
    before.come_back(&child, MIB / 2, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn row_09_a_peer_that_does_not_read_costs_the_mark_and_no_time() {
    let mut child = Child::new("push", PATIENCE).await;
    let at = child.endpoint("bound").await;
    let pushes = child.endpoint("pushes").await;
    a_second_of(&mut child, &at).await;
    let before = Costs::of(&child);
    let mut deaf = Raw::connect(&pushes).await;
    deaf.shake_hands("PULL", "PUSH").await;
    child.line("stuck", "").await;
    let held = child.memory().saturating_sub(before.memory);
    assert!(held <= 8 * MIB + 2 * MIB + 64 * KIB, "{held} bytes");
    assert!(child.descriptors() <= before.descriptors + 1);
    let used = a_second_of(&mut child, &at).await;
    assert!(used <= IDLE, "{used:?} of a second");
    drop(deaf);
    child.settles(before.memory + 2 * MIB, before.descriptors).await;
}

#[tokio::test]
async fn row_10_peers_that_flood_one_who_does_not_read_cost_their_marks_and_no_time() {
    const FLOODERS: usize = 10;
    let mut child = Child::new("idle", &format!("{PATIENCE} recv_hwm=100")).await;
    let at = child.endpoint("bound").await;
    a_second_of(&mut child, &at).await;
    let before = Costs::of(&child);
    let mut flooding = Vec::new();
    for _ in 0..FLOODERS {
        let mut raw = Raw::connect(&at).await;
        raw.shake_hands("PUSH", "PULL").await;
        // More than any kernel holds, so this never ends.
        flooding.push(tokio::spawn(async move {
            let flood = message(&[&[b'x'; KIB]]).repeat(100);
            while raw.try_say(&flood).await.is_ok() {}
        }));
    }
    comes_to_rest(&mut child, &at).await;
    let held = child.memory().saturating_sub(before.memory) / FLOODERS;
    assert!(held <= 100 * KIB + 2 * MIB, "{held} bytes for each");
    assert!(child.descriptors() <= before.descriptors + FLOODERS);
    flooding.iter().for_each(|flood| flood.abort());
}

#[tokio::test]
async fn row_11_metadata_that_is_refused_costs_nothing_afterwards() {
    let mut child = Child::new("pull", "").await;
    let at = child.endpoint("bound").await;
    let kind = property("Socket-Type", b"PUSH");
    let many: Vec<u8> = (0..65).flat_map(|n| property(&format!("X-{n}"), b"v")).collect();
    let bombs = [
        [kind.clone(), many].concat(),
        [kind.clone(), property("X-Large", &vec![b'v'; 9 * KIB])].concat(),
        [kind.clone(), kind.clone()].concat(),
        [kind, property("X-Liar", b"")[..10].to_vec(), vec![0xFF; 4]].concat(),
    ];
    let explode = async |number: usize| {
        let mut raw = Raw::connect(&at).await;
        raw.say(&greeting()).await;
        // It may have closed over the size alone.
        let _ = raw.try_say(&command("READY", &bombs[number % bombs.len()])).await;
        raw.end().await;
    };
    explode(0).await;
    child.line("event", "failed").await;
    let before = Costs::of(&child);
    for number in 0..400 {
        explode(number).await;
    }
    before.come_back(&child, MIB, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn row_20_servers_that_refuse_for_good_are_left_in_peace() {
    const DIALED: usize = 100;
    let hostile = RawListener::tcp().await;
    let mut child = Child::new(
        "dials",
        &format!("{PATIENCE} dial={}*{DIALED}", hostile.endpoint()),
    )
    .await;
    let at = child.endpoint("bound").await;
    a_second_of(&mut child, &at).await;
    let before = Costs::of(&child);
    child.line("dialing", "").await;
    for _ in 0..DIALED {
        let mut raw = hostile.accept().await;
        let _ = raw.try_say(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        raw.end().await;
    }
    let used = a_second_of(&mut child, &at).await;
    assert!(used <= IDLE, "{used:?} of a second");
    // Nobody has come again meanwhile, and nobody has left anything behind.
    let again = tokio::time::timeout(Duration::ZERO, hostile.accept()).await;
    assert!(again.is_err(), "a refusal for good is taken seriously");
    before.come_back(&child, MIB, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn row_21_a_crowd_that_comes_back_costs_what_it_did_before() {
    const CROWD: usize = 500;
    let pull = Pull::new();
    let place = pull.bind("tcp://127.0.0.1:0").await.expect("a free port");
    let mut child = Child::new("crowd", &format!("{PATIENCE} dial={place}*{CROWD}")).await;
    let at = child.endpoint("bound").await;
    let peers = pull.peers();
    let all = || soon("the crowd", peers.at_least(CROWD));
    a_second_of(&mut child, &at).await;
    all().await.expect("the socket is open");
    let before = Costs::of(&child);
    for _ in 0..3 {
        pull.unbind(&place).await.expect("it is bound");
        assert_eq!(peers.count(), 0);
        pull.bind(&place).await.expect("it is free again");
        all().await.expect("the socket is open");
    }
    assert_eq!(peers.count(), CROWD);
    before.come_back(&child, MIB, Duration::from_secs(3)).await;
}

#[tokio::test]
async fn row_22_a_monitor_that_nobody_reads_costs_no_more_than_its_ring() {
    let mut child = Child::new("unread", PATIENCE).await;
    let at = child.endpoint("bound").await;
    a_second_of(&mut child, &at).await;
    let before = Costs::of(&child);
    // Each is accepted, refused and told of by name: six times as many events as the ring holds.
    for _ in 0..3000 {
        let mut raw = Raw::connect(&at).await;
        raw.say(&[greeting(), ready("PUB")].concat()).await;
        raw.end().await;
    }
    before.come_back(&child, MIB / 2, Duration::from_secs(3)).await;
}
