//! High-water marks: how much is accepted for a peer that does not read, and when it goes on.

use hubless::{Linger, Pair, Pull, Push, SendError, TcpOptions, TrySendError};

use crate::ended;
use crate::transport::{
    Outcome, Transport, most_on_the_way, number_of, numbered, over_every_transport, polled, spawn, until,
};

over_every_transport! {
    g06_no_more_is_accepted_than_the_marks_and_what_the_system_holds
    a_sender_that_waits_goes_on_as_soon_as_there_is_room
    those_who_wait_are_served_in_the_order_in_which_they_came
    zero_is_no_mark
    without_a_mark_one_who_reserves_lets_others_run
    a_mark_is_each_peers_own
    a_mark_may_be_raised_and_lowered_while_the_socket_lives
    whoever_is_held_back_goes_on_when_the_receivers_mark_is_raised
    a_message_of_many_frames_counts_once_and_is_never_cut
    a_byte_budget_is_a_mark_too
    queues_are_filled_to_a_pace_while_they_move_and_to_their_marks_when_not
    a_burst_of_some_mib_finds_room_though_nobody_receives
    g06_a_peer_that_left_costs_no_connection_though_nobody_reads
    g06_nor_does_one_that_left_while_there_was_more_for_it
    row_23_who_comes_while_too_much_is_unread_of_those_who_left_waits_and_nothing_is_lost
}

async fn g06_no_more_is_accepted_than_the_marks_and_what_the_system_holds(at: Transport) -> Outcome {
    const SIZE: usize = 64 << 10;
    let push = Push::builder().send_hwm(3).build()?;
    let pull = Pull::builder().recv_hwm(2).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    let mut accepted = 0;
    let (mut refused, mut last) = (0, 0);
    until(|| {
        match push.try_send(numbered(accepted, SIZE)) {
            Ok(()) => accepted += 1,
            Err(error) => assert!(matches!(error, TrySendError::Full(_)), "{error}"),
        }
        let (out, inward) = (push.stats().outgoing, pull.stats().incoming);
        assert!(out.queued.messages <= 3, "{out:?}");
        assert!(inward.queued.messages <= 2, "{inward:?}");
        // Everything stands still, and goes on doing so.
        refused = if last == accepted && out.queued.messages == 3 {
            refused + 1
        } else {
            0
        };
        last = accepted;
        inward.queued.messages == 2 && refused > 1000
    })
    .await;
    if at.is_stream() {
        let beyond = accepted.saturating_sub(5) * SIZE as u64;
        assert!(beyond <= most_on_the_way() as u64, "{beyond} bytes");
    } else {
        assert_eq!(accepted, 5);
    }
    // Nothing of it was lost, and what is read makes room.
    for number in 0..accepted {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    for number in accepted..accepted + 100 {
        push.send(numbered(number, SIZE)).await?;
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    assert_eq!(push.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn a_sender_that_waits_goes_on_as_soon_as_there_is_room(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(1).build()?;
    let pull = Pull::builder().recv_hwm(1).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?;
    let sending = spawn(async move {
        for number in 0..1000 {
            push.send(numbered(number, 4096)).await?;
        }
        Ok::<_, SendError>(push)
    });
    for number in 0..1000 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    sending.await??.close().await?;
    Ok(())
}

async fn those_who_wait_are_served_in_the_order_in_which_they_came(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(1).build()?;
    let place = at.place();
    push.connect(&place)?;
    push.send(numbered(0, 8)).await?;
    let mut waiting = Vec::new();
    for number in 1..10 {
        let sender = push.clone();
        waiting.push(spawn(async move { sender.send(numbered(number, 8)).await }));
        tokio::task::yield_now().await;
    }
    assert!(waiting.iter().all(|sending| !sending.is_finished()));
    let pull = Pull::new();
    pull.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    for sending in waiting {
        sending.await??;
    }
    Ok(())
}

async fn zero_is_no_mark(at: Transport) -> Outcome {
    const MANY: u64 = 20_000;
    let push = Push::builder().send_hwm(0).build()?;
    let place = at.place();
    push.connect(&place)?;
    for number in 0..MANY {
        push.try_send(numbered(number, 8))?;
    }
    assert_eq!(push.stats().outgoing.queued.messages, MANY);
    let pull = Pull::builder().recv_hwm(0).build()?;
    pull.bind(&place).await?;
    until(|| pull.stats().incoming.queued.messages == MANY).await;
    for number in 0..MANY {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn without_a_mark_one_who_reserves_lets_others_run(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(0).send_hwm_bytes(0).build()?;
    push.connect(at.place())?;
    let other = spawn(async {});
    let mut reserved = 0;
    while !other.is_finished() && reserved < 100_000 {
        push.reserve().await?.send("x")?;
        reserved += 1;
    }
    assert!(other.is_finished(), "{reserved} reservations in one go");
    Ok(())
}

async fn a_mark_is_each_peers_own(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(2).build()?;
    let nobody = [at.place(), at.place(), at.place()];
    for place in &nobody {
        push.connect(place)?;
    }
    for number in 0..6 {
        push.try_send(numbered(number, 8))?;
    }
    let refused = push.try_send("one too many").expect_err("all three are full");
    assert_eq!(refused.into_message(), "one too many");
    Ok(())
}

async fn a_mark_may_be_raised_and_lowered_while_the_socket_lives(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(1).build()?;
    let place = at.place();
    push.connect(&place)?;
    push.try_send(numbered(0, 8))?;
    let sender = push.clone();
    let waiting = spawn(async move { sender.send(numbered(1, 8)).await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());

    push.set_send_hwm(3);
    waiting.await??;
    push.try_send(numbered(2, 8))?;
    assert!(push.try_send("a fourth").is_err());

    // Nothing is dropped for a lower mark, and nothing comes to what is beyond it.
    push.set_send_hwm(2);
    assert_eq!(push.stats().outgoing.queued.messages, 3);
    assert!(push.try_send("a fourth").is_err());
    push.set_send_hwm(0);
    for number in 3..2000 {
        push.try_send(numbered(number, 8))?;
    }
    let pull = Pull::new();
    pull.bind(&place).await?;
    for number in 0..2000 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    assert_eq!(push.stats().outgoing.dropped.total(), 0);
    Ok(())
}

async fn whoever_is_held_back_goes_on_when_the_receivers_mark_is_raised(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(0).build()?;
    let pull = Pull::builder().recv_hwm(2).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    for number in 0..100 {
        push.try_send(numbered(number, 8))?;
    }
    let queued = || pull.stats().incoming.queued.messages;
    until(|| queued() == 2).await;
    pull.set_recv_hwm(40);
    until(|| queued() == 40).await;

    // What a lower mark finds is received all the same, and then it holds.
    pull.set_recv_hwm(4);
    for number in 0..40 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    until(|| queued() == 4).await;
    for number in 40..100 {
        assert!(queued() <= 4);
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn a_message_of_many_frames_counts_once_and_is_never_cut(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm(2).build()?;
    let place = at.place();
    push.connect(&place)?;
    push.try_send(["frame"; 10])?;
    push.try_send(["frame"; 10])?;
    let refused = push.try_send(["frame"; 10]).expect_err("two is the mark");
    assert_eq!(refused.into_message().len(), 10);
    let pull = Pull::builder().recv_hwm(1).build()?;
    pull.bind(&place).await?;
    push.send("last").await?;
    assert_eq!(pull.recv().await?.len(), 10);
    assert_eq!(pull.recv().await?.len(), 10);
    assert_eq!(pull.recv().await?, "last");
    Ok(())
}

/// The reader is at its mark and so does not read on, and hears of the end all the same.
async fn g06_a_peer_that_left_costs_no_connection_though_nobody_reads(at: Transport) -> Outcome {
    if !at.is_stream() {
        // Nothing lies between the two: what is beyond the mark is still the sender's, who waits with it.
        return Ok(());
    }
    let push = Push::new();
    let pull = Pull::builder().recv_hwm(2).build()?;
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    for number in 0..500 {
        push.send(numbered(number, 100)).await?;
    }
    until(|| pull.stats().incoming.queued.messages == 2).await;
    push.close().await?;
    until(|| pull.peers().count() == 0).await;
    // What it sent is all there.
    for number in 0..500 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn row_23_who_comes_while_too_much_is_unread_of_those_who_left_waits_and_nothing_is_lost(
    at: Transport,
) -> Outcome {
    if !at.is_stream() {
        // Peers in the same process are trusted.
        return Ok(());
    }
    const MARK: u64 = 3;
    let pull = Pull::builder().recv_hwm(MARK as usize).build()?;
    let place = at.bind(&pull).await?;
    let mut monitor = pull.monitor();
    for number in 0..MARK {
        let push = Push::new();
        push.connect(&place)?;
        push.send(numbered(number, 8)).await?;
        push.close().await?;
        ended(&mut monitor).await;
    }
    let late = Push::new();
    let mut connecting = late.connect(&place)?;
    late.send(numbered(MARK, 8)).await?;
    // Whole handshakes with somebody else take place meanwhile.
    let other = Pull::new();
    let elsewhere = at.bind(&other).await?;
    for _ in 0..3 {
        Push::new().connect(&elsewhere)?.await?;
    }
    assert!(polled(&mut connecting, 10).await.is_none());
    assert_eq!(
        (pull.peers().count(), pull.stats().incoming.queued.messages),
        (0, MARK)
    );
    // One that is read lets one in.
    assert_eq!(number_of(&pull.recv().await?), 0);
    connecting.await?;
    for number in 1..=MARK {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn a_byte_budget_is_a_mark_too(at: Transport) -> Outcome {
    let push = Push::builder().send_hwm_bytes(1000).build()?;
    let place = at.place();
    push.connect(&place)?;
    // One that is larger than the budget goes into an empty queue.
    push.try_send(vec![1; 5000])?;
    assert!(matches!(push.try_send("small"), Err(TrySendError::Full(_))));
    let pull = Pull::new();
    pull.bind(&place).await?;
    assert_eq!(pull.recv().await?.byte_len(), 5000);
    push.send("small").await?;
    assert_eq!(pull.recv().await?, "small");
    Ok(())
}

/// Of each of the two queues, in bytes.
const PACE: u64 = 1 << 20;
const BUDGET: u64 = 8 << 20;

async fn queues_are_filled_to_a_pace_while_they_move_and_to_their_marks_when_not(at: Transport) -> Outcome {
    const SIZE: usize = 64 << 10;
    let many = (most_on_the_way() + (20 << 20)) / SIZE;
    let (push, pull) = (Push::new(), Pull::new());
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    let queued = || {
        let (out, inward) = (push.stats().outgoing, pull.stats().incoming);
        (out.queued.bytes, inward.queued.bytes)
    };
    // As long as no time goes by nothing has stood still for long.
    tokio::time::pause();
    let sender = push.clone();
    let sending = spawn(async move {
        for number in 0..many as u64 {
            sender.send(numbered(number, SIZE)).await?;
        }
        Ok::<_, SendError>(())
    });
    let (mut last, mut unchanged) = (queued(), 0);
    until(|| {
        let now = queued();
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
        unchanged > 10_000 && now.0 >= PACE && now.1 >= PACE
    })
    .await;
    // What was read in one piece, or one message, is beyond it.
    let most = match at.is_stream() {
        true => PACE + (256 << 10),
        false => BUDGET + (SIZE as u64 + 9),
    };
    assert!(last.0 <= most && last.1 <= most, "{last:?} of at most {most}");
    if !at.is_stream() {
        assert!(
            last.0 > 2 * PACE && last.1 > 2 * PACE,
            "no clock is looked at: {last:?}"
        );
    }
    tokio::time::resume();
    let full = BUDGET - SIZE as u64 - 9;
    until(|| queued().0 >= full && queued().1 >= full).await;
    for number in 0..many as u64 {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    sending.await??;
    Ok(())
}

async fn a_burst_of_some_mib_finds_room_though_nobody_receives(at: Transport) -> Outcome {
    const SIZE: usize = 64 << 10;
    const MANY: u64 = 15 * 16;
    let (push, pull) = (Push::new(), Pull::new());
    let place = at.bind(&pull).await?;
    push.connect(&place)?.await?;
    // In one task: who waited here for room would wait for itself.
    for number in 0..MANY {
        push.send(numbered(number, SIZE)).await?;
    }
    for number in 0..MANY {
        assert_eq!(number_of(&pull.recv().await?), number);
    }
    Ok(())
}

async fn g06_nor_does_one_that_left_while_there_was_more_for_it(at: Transport) -> Outcome {
    let pair = || {
        let small = TcpOptions::new().send_buffer(16 << 10).recv_buffer(16 << 10);
        Pair::builder()
            .send_hwm(1)
            .recv_hwm(1)
            .linger(Linger::Discard)
            .tcp(small)
    };
    let (here, there) = (pair().build()?, pair().build()?);
    let mut events = here.monitor();
    there.connect(&at.bind(&here).await?)?.await?;
    // Neither reads, until neither can send.
    let mut refused = 0;
    while refused < 1000 {
        let sent = [&here, &there].map(|socket| socket.try_send(vec![7; 16 << 10]).is_ok());
        refused = if sent.contains(&true) { 0 } else { refused + 1 };
        tokio::task::yield_now().await;
    }
    drop(there);
    // Writing is broken, and reading stands at the mark. What the peer has taken before it left is replaced: without
    // anything to write, nobody could know.
    until(|| {
        let _ = here.try_send(vec![7; 16 << 10]);
        here.peers().count() == 0
    })
    .await;
    ended(&mut events).await;
    Ok(())
}
