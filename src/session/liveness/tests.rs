//! The clocks of traffic in virtual time.

use super::*;

const NO_TTL: Duration = Duration::ZERO;
const PING: &[u8] = b"\x04\x07\x04PING\x00\x00";
const PONG: &[u8] = b"\x04\x05\x04PONG";

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A connection's clocks with a time of their own. The line takes everything at once unless it is blocked.
struct Line {
    liveness: Liveness,
    outbox: Outbox,
    begin: Instant,
    now: Instant,
    blocked: bool,
    said: Vec<(Duration, Vec<u8>)>,
}

impl Line {
    fn new(heartbeat: Option<Heartbeat>, version: Version) -> Self {
        let now = Instant::now();
        Self {
            liveness: Liveness::new(now, heartbeat, version),
            outbox: Outbox::default(),
            begin: now,
            now,
            blocked: false,
            said: Vec::new(),
        }
    }

    fn asking(heartbeat: Heartbeat) -> Self {
        Self::new(Some(heartbeat), Version::V3_1)
    }

    fn quiet() -> Self {
        Self::new(None, Version::V3_1)
    }

    /// Lets time pass to this moment after the beginning, with everything that comes due on the way. `Err`: when the
    /// peer was given up.
    fn run_to(&mut self, at: Duration) -> Result<(), Duration> {
        let end = self.begin + at;
        while let Some(due) = self.liveness.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            let verdict = self.liveness.handle_timeout(self.now, &mut self.outbox);
            verdict.map_err(|_| self.now - self.begin)?;
            self.write();
        }
        self.now = end;
        Ok(())
    }

    fn write(&mut self) {
        let output = self.outbox.front();
        if output.is_empty() {
            return;
        }
        if self.blocked {
            self.liveness.handle_blocked();
        } else {
            self.said.push((self.now - self.begin, std::mem::take(output)));
            self.liveness.handle_written(self.now);
        }
    }

    fn read_at(&mut self, at: Duration) {
        self.run_to(at).expect("the peer is not given up before");
        self.liveness.handle_read(self.now);
    }

    fn ping_at(&mut self, at: Duration, ttl: Duration) {
        self.read_at(at);
        self.liveness.handle_ping(self.now, ttl, b"", &mut self.outbox);
        self.write();
    }

    fn pause_at(&mut self, at: Duration) {
        self.run_to(at).expect("the peer is not given up before");
        self.said.clear();
        self.liveness.pause_reading();
    }

    /// When something was said since it was last looked at, and that it was always this.
    fn said(&mut self, what: &[u8]) -> Vec<Duration> {
        let said = std::mem::take(&mut self.said);
        said.into_iter()
            .map(|(at, bytes)| {
                assert_eq!(
                    bytes.escape_ascii().to_string(),
                    what.escape_ascii().to_string(),
                    "at {at:?}"
                );
                at
            })
            .collect()
    }
}

// ---- our question ----------------------------------------------------------------------------------------

#[test]
fn without_a_heartbeat_nothing_is_ever_due() {
    let mut line = Line::quiet();
    assert_eq!(line.liveness.poll_timeout(), None);
    line.read_at(secs(5));
    assert_eq!(line.liveness.poll_timeout(), None);
}

#[test]
fn a_ping_is_sent_every_interval_also_while_traffic_flows() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    for at in 1..=10 {
        line.read_at(secs(at));
    }
    assert_eq!(line.said(PING), [2, 4, 6, 8, 10].map(secs));
}

#[test]
fn a_silent_peer_is_given_up_after_interval_and_timeout() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    assert_eq!(line.run_to(secs(100)), Err(secs(4)));
    let mut line = Line::asking(Heartbeat::every(secs(2)).timeout(secs(7)));
    assert_eq!(line.run_to(secs(100)), Err(secs(9)));
    assert_eq!(line.said(PING), [2, 4, 6, 8].map(secs));
    let mut line = Line::asking(Heartbeat::every(secs(60)).timeout(millis(500)));
    assert_eq!(line.run_to(secs(100)), Err(millis(60_500)));
}

#[test]
fn silence_counts_from_the_last_byte_whatever_it_was() {
    let mut line = Line::asking(Heartbeat::every(secs(2)).timeout(secs(1)));
    for at in [1, 3, 5, 7] {
        line.read_at(secs(at));
    }
    assert_eq!(line.run_to(secs(100)), Err(secs(10)));
}

#[test]
fn without_a_timeout_a_silent_peer_is_asked_and_never_given_up() {
    let mut line = Line::asking(Heartbeat::every(secs(2)).timeout(Duration::ZERO));
    assert_eq!(line.run_to(secs(100)), Ok(()));
    assert_eq!(line.said(PING).len(), 50);
}

#[test]
fn a_timeout_far_away_is_no_overflow() {
    let mut line = Line::asking(Heartbeat::every(Duration::MAX).timeout(Duration::MAX));
    assert_eq!(line.liveness.poll_timeout(), None);
    line.read_at(secs(1));
    let mut line = Line::asking(Heartbeat::every(secs(1)).timeout(Duration::MAX));
    assert_eq!(line.run_to(secs(1_000)), Ok(()));
}

#[test]
fn an_interval_of_zero_does_not_ask_without_end() {
    let mut line = Line::asking(Heartbeat::every(Duration::ZERO).timeout(millis(3)));
    assert_eq!(line.run_to(secs(1)), Err(millis(4)));
    assert_eq!(line.said(PING), [1, 2, 3].map(millis));
}

#[test]
fn after_a_late_call_no_questions_are_made_up_for() {
    let mut line = Line::asking(Heartbeat::every(secs(1)).timeout(secs(100)));
    line.now = line.begin + secs(50);
    line.liveness
        .handle_timeout(line.now, &mut line.outbox)
        .expect("it is not too late");
    line.write();
    assert_eq!(line.said(PING), [secs(50)]);
    assert_eq!(line.liveness.poll_timeout(), Some(line.begin + secs(51)));
}

#[test]
fn our_ttl_is_announced_with_every_question() {
    let mut line = Line::asking(Heartbeat::every(secs(2)).ttl(secs(6)).timeout(secs(9)));
    line.run_to(secs(2)).expect("the timeout is longer");
    assert_eq!(line.said(b"\x04\x07\x04PING\x00\x3C"), [secs(2)]);
}

#[test]
fn a_calling_early_does_nothing() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    line.liveness
        .handle_timeout(line.now + millis(1_999), &mut line.outbox)
        .expect("it is early");
    assert!(line.outbox.is_empty());
}

// ---- their promise ---------------------------------------------------------------------------------------

#[test]
fn a_ping_without_ttl_promises_nothing() {
    let mut line = Line::quiet();
    line.ping_at(secs(1), NO_TTL);
    assert_eq!(line.liveness.poll_timeout(), None);
    assert_eq!(line.said(PONG), [secs(1)]);
}

#[test]
fn a_peer_that_breaks_its_ttl_is_given_up() {
    let mut line = Line::quiet();
    line.ping_at(secs(1), millis(2_500));
    assert_eq!(line.run_to(secs(100)), Err(millis(3_500)));
}

#[test]
fn a_ttl_longer_than_the_interval_of_the_pings_is_started_anew_by_every_byte() {
    let mut line = Line::quiet();
    line.ping_at(secs(1), secs(3));
    line.ping_at(secs(2), secs(3));
    line.read_at(millis(2_500));
    assert_eq!(line.run_to(secs(100)), Err(millis(5_500)));
}

#[test]
fn a_ttl_that_its_pings_do_not_keep_ends_with_the_next_byte() {
    let mut line = Line::quiet();
    line.ping_at(secs(5), secs(2));
    line.read_at(secs(6));
    assert_eq!(line.run_to(secs(10)), Ok(()), "as in libzmq");
    line.ping_at(secs(10), secs(2));
    assert_eq!(
        line.run_to(secs(100)),
        Err(secs(12)),
        "silence behind a PING still counts"
    );
}

#[test]
fn a_later_ping_without_ttl_takes_the_promise_back() {
    let mut line = Line::quiet();
    line.ping_at(secs(1), secs(3));
    line.ping_at(secs(2), NO_TTL);
    assert_eq!(line.run_to(secs(100)), Ok(()));
}

#[test]
fn a_peer_of_version_3_0_that_asks_is_answered() {
    let mut line = Line::new(Some(Heartbeat::every(secs(1))), Version::V3_0);
    line.ping_at(secs(3), NO_TTL);
    assert_eq!(line.said(PONG), [secs(3)]);
    line.pause_at(secs(4));
    line.run_to(secs(7)).expect("nobody is asked");
    assert_eq!(line.said(PONG), [4, 5, 6, 7].map(secs));
}

// ---- G7: back-pressure is not death ----------------------------------------------------------------------

#[test]
fn g7_while_we_do_not_read_nobody_is_given_up_and_nobody_is_asked() {
    let mut line = Line::asking(Heartbeat::every(secs(1)));
    line.ping_at(millis(500), secs(2));
    line.pause_at(millis(600));
    line.run_to(secs(1_000)).expect("its silence means nothing now");
    assert!(line.said.iter().all(|(_, bytes)| bytes == PONG));
}

#[test]
fn g7_a_peer_that_never_asked_is_told_nothing() {
    let mut line = Line::asking(Heartbeat::every(secs(1)));
    line.pause_at(millis(500));
    assert_eq!(line.liveness.poll_timeout(), None);
}

#[test]
fn g7_a_peer_that_asks_hears_from_us_every_third_of_its_interval() {
    let mut line = Line::quiet();
    line.ping_at(secs(3), NO_TTL);
    line.ping_at(secs(6), NO_TTL);
    line.pause_at(secs(6));
    line.run_to(secs(10)).expect("nobody is given up");
    assert_eq!(line.said(PONG), [7, 8, 9, 10].map(secs));
}

#[test]
fn g7_a_peer_with_a_shorter_ttl_hears_from_us_every_third_of_that() {
    let mut line = Line::quiet();
    line.ping_at(secs(9), millis(1_500));
    line.pause_at(secs(9));
    line.run_to(millis(10_500)).expect("nobody is given up");
    assert_eq!(line.said(PONG), [9_500, 10_000, 10_500].map(millis));
}

#[test]
fn g7_a_ttl_of_our_own_is_kept_while_no_question_is_sent() {
    let mut line = Line::asking(Heartbeat::every(secs(1)).ttl(secs(3)));
    line.read_at(millis(500));
    line.pause_at(millis(1_500));
    line.run_to(secs(4)).expect("nobody is given up");
    assert_eq!(line.said(PONG), [2, 3, 4].map(secs));
}

#[test]
fn g7_a_pause_that_is_interrupted_again_and_again_does_not_silence_us() {
    let mut line = Line::quiet();
    line.ping_at(secs(3), NO_TTL);
    line.pause_at(secs(3));
    for at in (3_000..9_000).step_by(100) {
        line.run_to(millis(at)).expect("nobody is given up");
        line.liveness.resume_reading(line.now);
        line.liveness.handle_read(line.now);
        line.liveness.pause_reading();
    }
    assert_eq!(line.said(PONG), [4, 5, 6, 7, 8].map(secs));
}

#[test]
fn g7_a_peer_that_has_just_heard_from_us_needs_no_sign() {
    let mut line = Line::quiet();
    line.ping_at(secs(3), NO_TTL);
    line.pause_at(secs(3));
    line.run_to(millis(3_900)).expect("nobody is given up");
    line.liveness.handle_written(line.now);
    line.run_to(millis(4_900)).expect("nobody is given up");
    assert_eq!(line.said(PONG), [millis(4_900)]);
}

#[test]
fn g7_signs_do_not_pile_up_when_they_cannot_leave() {
    let mut line = Line::quiet();
    line.ping_at(secs(3), NO_TTL);
    line.pause_at(secs(3));
    line.blocked = true;
    line.run_to(secs(1_000)).expect("nobody is given up");
    line.blocked = false;
    line.write();
    assert_eq!(line.said(PONG), [secs(1_000)], "one of them waited");
}

#[test]
fn g7_the_interval_is_not_learned_from_pings_that_waited_or_came_out_of_turn() {
    let mut line = Line::quiet();
    line.ping_at(secs(3), NO_TTL);
    line.ping_at(millis(3_050), NO_TTL);
    line.pause_at(millis(3_100));
    line.run_to(secs(60)).expect("nobody is given up");
    line.liveness.resume_reading(line.now);
    for _ in 0..20 {
        line.ping_at(secs(60), NO_TTL);
    }
    line.pause_at(secs(61));
    line.run_to(secs(63)).expect("nobody is given up");
    assert_eq!(line.said(PONG), [61, 62, 63].map(secs));
}

#[test]
fn g7_a_peer_whose_interval_is_unknown_hears_from_us_three_times_a_second() {
    let mut line = Line::quiet();
    line.ping_at(millis(30), NO_TTL);
    line.pause_at(millis(30));
    line.run_to(millis(1_100)).expect("nobody is given up");
    assert_eq!(line.said(PONG).len(), 3);
}

#[test]
fn g7_a_ping_that_is_read_at_the_mark_is_answered_at_once() {
    let mut line = Line::quiet();
    line.pause_at(secs(1));
    line.liveness
        .handle_ping(line.now, secs(3), b"", &mut line.outbox);
    line.write();
    assert_eq!(line.said(PONG), [secs(1)]);
    line.run_to(secs(100)).expect("a ttl stands still as well");
}

#[test]
fn g7_when_we_read_again_the_clocks_begin_anew() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    line.pause_at(secs(1));
    line.run_to(secs(50)).expect("its silence means nothing");
    line.liveness.resume_reading(line.now);
    line.liveness.resume_reading(line.now + secs(1));
    assert_eq!(line.run_to(secs(100)), Err(secs(54)));
    assert_eq!(
        line.said(PING),
        [50, 52].map(secs),
        "and the question that was due is asked at once"
    );

    let mut line = Line::quiet();
    line.ping_at(secs(1), secs(3));
    line.pause_at(secs(2));
    line.run_to(secs(50)).expect("its silence means nothing");
    line.liveness.resume_reading(line.now);
    assert_eq!(line.run_to(secs(100)), Err(secs(53)));
}

#[test]
fn g7_while_our_writes_cannot_move_silence_counts_from_the_last_byte_that_did() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    line.blocked = true;
    line.liveness.handle_blocked();
    for at in [3, 6, 9] {
        line.run_to(secs(at)).expect("its kernel takes bytes");
        line.liveness.handle_written(line.now);
        line.liveness.handle_blocked();
    }
    assert_eq!(line.run_to(secs(100)), Err(secs(13)));
}

#[test]
fn g7_what_our_own_kernel_takes_is_no_sign_of_life() {
    let mut line = Line::asking(Heartbeat::every(secs(2)));
    for at in [1, 2, 3] {
        line.run_to(secs(at)).expect("it is early");
        line.liveness.handle_written(line.now);
    }
    assert_eq!(
        line.run_to(secs(100)),
        Err(secs(4)),
        "a half-open peer is noticed under traffic too"
    );
}

#[test]
fn a_question_that_has_not_left_is_not_asked_again() {
    let mut line = Line::asking(Heartbeat::every(secs(1)));
    line.blocked = true;
    for at in 1..=1_000 {
        line.read_at(secs(at));
    }
    line.blocked = false;
    line.write();
    line.write();
    assert_eq!(line.said(PING).len(), 2, "one was being written, one waited");
}

#[test]
fn g7_a_sender_of_ours_bears_a_receiver_of_ours_that_reads_nothing() {
    // The sender asks with a timeout far below the interval; the receiver is at its mark for a thousand timeouts.
    let heartbeat = Heartbeat::every(secs(3)).timeout(millis(100));
    let mut sender = Line::asking(heartbeat);
    let mut receiver = Line::quiet();
    receiver.ping_at(secs(3), NO_TTL);
    receiver.pause_at(millis(3_001));
    sender.read_at(secs(3));
    for at in 4..103 {
        receiver.run_to(secs(at)).expect("it has stopped its clocks");
        for heard in receiver.said(PONG) {
            sender.read_at(heard);
        }
    }
    assert!(sender.run_to(secs(103)).is_ok());
    assert_eq!(sender.said(PING).len(), 34);
}
