//! PAIR and CHANNEL have one peer at a time (RFC 31, RFC 52): who it is, whom it turns away, and who comes next.
//!
//! Both kinds do everything here; that a CHANNEL has messages of one frame is in [`single_frames`](crate::single_frames).

use std::time::Duration;

use hubless::kind::{self, HasIncoming, HasOutgoing, QueuesAhead, Receives, Sends, Shares};
use hubless::{
    Builder, DisconnectReason, DropReason, Event, Linger, Monitor, ProtocolError, RecvError, SendError,
    Socket, TryRecvError, TrySendError,
};
use tokio::task::yield_now;

use crate::transport::{
    Outcome, Place, Transport, most_on_the_way, number_of, numbered, over_every_transport, polled, spawn,
    until,
};
use crate::{ended, event};

over_every_transport! {
    two_talk_both_ways_in_any_order
    a_message_of_a_pair_may_have_several_frames
    without_a_peer_a_send_waits
    g02_a_connecting_endpoint_has_its_queue_before_there_is_a_peer
    g02_a_connecting_endpoint_keeps_its_queue_for_the_next_peer
    with_immediate_nothing_is_queued_before_there_is_a_peer
    a_second_peer_is_turned_away_and_comes_in_when_the_first_has_gone
    what_the_first_peer_sent_is_read_before_anything_of_the_second
    g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted
    a_second_endpoint_waits_until_the_first_is_disconnected
    an_endpoint_that_waits_for_its_turn_can_be_disconnected
    a_connecting_endpoint_has_the_seat_before_it_is_connected
    of_several_who_want_in_one_is_in_at_a_time
    g06_what_is_queued_for_a_peer_that_does_not_read_is_bounded_and_goes_on_when_it_reads
    g10_what_is_left_at_the_end_is_given_back
    calls_that_wait_end_when_the_socket_closes
}

/// What both kinds can do.
trait Exclusive: Sends + Receives + Shares + HasOutgoing + HasIncoming + QueuesAhead {}
impl<K: Sends + Receives + Shares + HasOutgoing + HasIncoming + QueuesAhead> Exclusive for K {}

/// A check of both kinds.
macro_rules! of_both {
    ($($check:ident: $inner:ident;)+) => {$(
        async fn $check(at: Transport) -> Outcome {
            $inner::<kind::Pair>(at).await?;
            $inner::<kind::Channel>(at).await
        }
    )+};
}

of_both! {
    two_talk_both_ways_in_any_order: talk;
    without_a_peer_a_send_waits: waits;
    g02_a_connecting_endpoint_has_its_queue_before_there_is_a_peer: queues_ahead;
    g02_a_connecting_endpoint_keeps_its_queue_for_the_next_peer: keeps_its_queue;
    with_immediate_nothing_is_queued_before_there_is_a_peer: immediate;
    a_second_peer_is_turned_away_and_comes_in_when_the_first_has_gone: turned_away;
    what_the_first_peer_sent_is_read_before_anything_of_the_second: unread_first;
    g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted: dropped;
    a_second_endpoint_waits_until_the_first_is_disconnected: second_endpoint;
    an_endpoint_that_waits_for_its_turn_can_be_disconnected: gives_up_its_turn;
    a_connecting_endpoint_has_the_seat_before_it_is_connected: seat_ahead;
    of_several_who_want_in_one_is_in_at_a_time: several;
    g06_what_is_queued_for_a_peer_that_does_not_read_is_bounded_and_goes_on_when_it_reads: bounded;
    g10_what_is_left_at_the_end_is_given_back: given_back;
    calls_that_wait_end_when_the_socket_closes: close_ends_calls;
}

/// Whoever is turned away comes again soon.
fn builder<K: Exclusive>() -> Builder<K> {
    Socket::<K>::builder().reconnect(Duration::from_millis(1), Duration::from_millis(20))
}

fn socket<K: Exclusive>() -> Socket<K> {
    builder().build().expect("no contradiction")
}

/// One that is bound, one that is connected to it, and where.
async fn two<K: Exclusive>(at: Transport) -> Outcome<(Socket<K>, Socket<K>, Place)> {
    let (binds, connects) = (socket::<K>(), socket::<K>());
    let place = at.bind(&binds).await?;
    connects.connect(&place)?.await?;
    binds.peers().at_least(1).await?;
    Ok((binds, connects, place))
}

/// Why the next handshake fails.
async fn refusal(monitor: &mut Monitor) -> DisconnectReason {
    event(monitor, |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

async fn talk<K: Exclusive>(at: Transport) -> Outcome {
    let (one, other, _place) = two::<K>(at).await?;
    for number in 0..10 {
        one.send(numbered(number, 8)).await?;
    }
    for number in 0..5 {
        other.send(numbered(number, 8)).await?;
    }
    for number in 0..10 {
        let (peer, message) = other.recv_from().await?;
        assert_eq!((number_of(&message), peer.kind()), (number, Some(K::KIND)));
    }
    for number in 0..5 {
        assert_eq!(number_of(&one.recv().await?), number);
    }
    Ok(())
}

async fn a_message_of_a_pair_may_have_several_frames(at: Transport) -> Outcome {
    let (one, other, _place) = two::<kind::Pair>(at).await?;
    for size in [0, 33, 300 << 10] {
        let body = vec![7; size];
        one.send(("", body.clone(), "end")).await?;
        let [empty, received, end] = other.recv().await?.into_frames()?;
        assert_eq!((empty, end), ("".into(), "end".into()));
        assert!(received == body);
    }
    Ok(())
}

async fn waits<K: Exclusive>(at: Transport) -> Outcome {
    let binds = socket::<K>();
    assert!(matches!(binds.try_send("early"), Err(TrySendError::Full(_))));
    let place = at.bind(&binds).await?;
    let mut monitor = binds.monitor();
    let sending = spawn({
        let binds = binds.clone();
        async move { binds.send("patient").await }
    });
    yield_now().await;
    assert!(!sending.is_finished());
    let connects = socket::<K>();
    connects.connect(&place)?;
    sending.await??;
    assert_eq!(connects.recv().await?, "patient");
    connects.close().await?;
    ended(&mut monitor).await;
    assert!(matches!(binds.try_send("late"), Err(TrySendError::Full(_))));
    Ok(())
}

async fn queues_ahead<K: Exclusive>(at: Transport) -> Outcome {
    let place = at.place();
    let connects = socket::<K>();
    connects.connect(&place)?;
    for number in 0..10 {
        connects.send(numbered(number, 8)).await?;
    }
    let binds = socket::<K>();
    binds.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&binds.recv().await?), number);
    }
    Ok(())
}

async fn keeps_its_queue<K: Exclusive>(at: Transport) -> Outcome {
    let (binds, connects, place) = two::<K>(at).await?;
    let mut monitor = connects.monitor();
    binds.close().await?;
    assert_eq!(ended(&mut monitor).await.1, 0);
    for number in 0..10 {
        connects.send(numbered(number, 8)).await?;
    }
    let next = socket::<K>();
    next.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&next.recv().await?), number);
    }
    Ok(())
}

async fn immediate<K: Exclusive>(at: Transport) -> Outcome {
    let place = at.place();
    let connects = builder::<K>().immediate(true).build()?;
    connects.connect(&place)?;
    assert!(matches!(connects.try_send("early"), Err(TrySendError::Full(_))));
    let binds = socket::<K>();
    binds.bind(&place).await?;
    connects.send("now").await?;
    assert_eq!(binds.recv().await?, "now");
    Ok(())
}

async fn turned_away<K: Exclusive>(at: Transport) -> Outcome {
    let (binds, first, place) = two::<K>(at).await?;
    let second = socket::<K>();
    let (mut at_binds, mut at_second) = (binds.monitor(), second.monitor());
    let connecting = second.connect(&place)?;
    second.send("at last").await?;
    assert_eq!(refusal(&mut at_binds).await, DisconnectReason::Occupied);
    match (at, refusal(&mut at_second).await) {
        (Transport::Inproc, DisconnectReason::Occupied) => {}
        (_, DisconnectReason::Protocol(reason @ ProtocolError::ClosedUpon { .. })) => {
            assert!(!reason.is_fatal_refusal());
            assert!(reason.to_string().contains("one peer at a time"), "{reason}");
        }
        (_, other) => panic!("expected a guess that it has a peer, found {other}"),
    }
    event(&mut at_second, |event| {
        matches!(event, Event::RetryIn { .. }).then_some(())
    })
    .await;
    assert_eq!((binds.peers().count(), second.peers().count()), (1, 0));
    // The two that were there first did not notice.
    first.send("still here").await?;
    assert_eq!(binds.recv().await?, "still here");
    binds.send("and so am I").await?;
    assert_eq!(first.recv().await?, "and so am I");

    first.close().await?;
    connecting.await?;
    assert_eq!(binds.recv().await?, "at last");
    binds.send("welcome").await?;
    assert_eq!(second.recv().await?, "welcome");
    let outgoing = second.stats().outgoing;
    assert_eq!((outgoing.handed_over.messages, outgoing.dropped.total()), (1, 0));
    Ok(())
}

async fn unread_first<K: Exclusive>(at: Transport) -> Outcome {
    let (binds, first, place) = two::<K>(at).await?;
    for number in 0..10 {
        first.send(numbered(number, 8)).await?;
    }
    first.close().await?;
    until(|| binds.peers().count() == 0).await;
    let second = socket::<K>();
    second.connect(&place)?;
    for number in 10..20 {
        second.send(numbered(number, 8)).await?;
    }
    until(|| binds.stats().incoming.queued.messages == 20).await;
    for number in 0..20 {
        assert_eq!(number_of(&binds.recv().await?), number);
    }
    Ok(())
}

async fn dropped<K: Exclusive>(at: Transport) -> Outcome {
    let binds = builder::<K>().send_hwm_bytes(0).send_hwm(10).build()?;
    let place = at.bind(&binds).await?;
    let mut monitor = binds.monitor();
    let stalled = builder::<K>().recv_hwm(1).build()?;
    stalled.connect(&place)?.await?;
    binds.peers().at_least(1).await?;
    // Larger than all buffers on the way: no second one is handed over.
    let large = most_on_the_way();
    for number in 0..5 {
        binds.send(numbered(number, large)).await?;
    }
    until(|| stalled.stats().incoming.queued.messages > 0 || at.is_stream()).await;
    drop(stalled);
    let (_, dropped) = ended(&mut monitor).await;
    assert!(dropped >= 3, "{dropped}");
    let outgoing = binds.stats().outgoing;
    assert_eq!(outgoing.dropped.by(DropReason::PipeClosed), dropped);
    assert_eq!(
        outgoing.accepted.messages,
        outgoing.handed_over.messages + outgoing.dropped.total()
    );
    assert_eq!(outgoing.queued.messages, 0);
    Ok(())
}

async fn second_endpoint<K: Exclusive>(at: Transport) -> Outcome {
    let (one, other, connects) = (socket::<K>(), socket::<K>(), socket::<K>());
    let (first, second) = (at.bind(&one).await?, at.bind(&other).await?);
    connects.connect(&first)?.await?;
    let mut waiting = connects.connect(&second)?;
    for number in 0..4 {
        connects.send(numbered(number, 8)).await?;
        assert_eq!(number_of(&one.recv().await?), number);
    }
    assert!(polled(&mut waiting, 10).await.is_none());
    assert_eq!(other.peers().count(), 0);

    connects.disconnect(&first).await?;
    waiting.await?;
    connects.send("hello").await?;
    assert_eq!(other.recv().await?, "hello");
    Ok(())
}

async fn gives_up_its_turn<K: Exclusive>(at: Transport) -> Outcome {
    let (one, connects) = (socket::<K>(), socket::<K>());
    let (first, second) = (at.bind(&one).await?, at.place());
    connects.connect(&first)?.await?;
    let waiting = connects.connect(&second)?;
    connects.disconnect(&second).await?;
    assert!(matches!(
        waiting.await,
        Err(hubless::ConnectError::Disconnected(_))
    ));
    assert_eq!(connects.endpoints(), [(*first).clone()]);
    connects.connect(&second)?;
    connects.close().await?;
    Ok(())
}

async fn seat_ahead<K: Exclusive>(at: Transport) -> Outcome {
    let (both, guest) = (socket::<K>(), socket::<K>());
    let (nobody, place) = (at.place(), at.bind(&both).await?);
    let mut monitor = both.monitor();
    both.connect(&nobody)?;
    both.send("for whoever binds there").await?;
    guest.connect(&place)?;
    assert_eq!(refusal(&mut monitor).await, DisconnectReason::Occupied);
    let host = socket::<K>();
    host.bind(&nobody).await?;
    assert_eq!(host.recv().await?, "for whoever binds there");
    both.disconnect(&nobody).await?;
    both.peers().at_least(1).await?;
    both.send("for the guest").await?;
    assert_eq!(guest.recv().await?, "for the guest");
    Ok(())
}

async fn several<K: Exclusive>(at: Transport) -> Outcome {
    // They come at once, so that most of them are turned away when they introduce themselves, with all they have queued.
    const GUESTS: u64 = 5;
    let binds = socket::<K>();
    let place = at.bind(&binds).await?;
    for guest in 0..GUESTS {
        let socket = socket::<K>();
        socket.connect(&place)?;
        spawn(async move {
            for part in 0..3 {
                socket.send(numbered(guest * 10 + part, 8)).await?;
            }
            assert_eq!(socket.recv().await?, "thank you");
            socket.close().await?;
            Ok::<_, hubless::Error>(())
        });
    }
    let mut seen = Vec::new();
    for _ in 0..GUESTS {
        let guest = number_of(&binds.recv().await?);
        for part in 1..3 {
            assert_eq!(number_of(&binds.recv().await?), guest + part, "one at a time");
        }
        assert_eq!(binds.peers().count(), 1);
        binds.send("thank you").await?;
        seen.push(guest / 10);
    }
    seen.sort();
    assert_eq!(seen, (0..GUESTS).collect::<Vec<_>>());
    Ok(())
}

async fn bounded<K: Exclusive>(at: Transport) -> Outcome {
    let binds = builder::<K>().send_hwm(3).send_hwm_bytes(0).build()?;
    let place = at.bind(&binds).await?;
    let reads_late = builder::<K>().recv_hwm(2).build()?;
    reads_late.connect(&place)?.await?;
    binds.peers().at_least(1).await?;
    let large = most_on_the_way() / 2;
    let mut sent = 0;
    while polled(binds.send(numbered(sent, large)), 100)
        .await
        .transpose()?
        .is_some()
    {
        sent += 1;
    }
    assert!((3..=3 + 2 + 4).contains(&sent), "{sent}");
    assert_eq!(binds.stats().outgoing.dropped.total(), 0);
    let sending = spawn({
        let binds = binds.clone();
        async move { binds.send(numbered(sent, large)).await }
    });
    for number in 0..=sent {
        assert_eq!(number_of(&reads_late.recv().await?), number);
    }
    sending.await??;
    Ok(())
}

async fn given_back<K: Exclusive>(at: Transport) -> Outcome {
    let nobody = at.place();
    let connects = builder::<K>().linger(Linger::Discard).build()?;
    connects.connect(&nobody)?;
    connects.send("one").await?;
    connects.send("two").await?;
    let unsent = connects.close().await.expect_err("nobody was there");
    assert!(unsent.into_messages().eq(["one", "two"]));
    Ok(())
}

async fn close_ends_calls<K: Exclusive>(at: Transport) -> Outcome {
    let binds = socket::<K>();
    at.bind(&binds).await?;
    let (sends, receives) = (binds.clone(), binds.clone());
    let sending = spawn(async move { sends.send("never").await });
    let receiving = spawn(async move { receives.recv().await });
    yield_now().await;
    let handle = binds.clone();
    binds.close().await?;
    assert_eq!(sending.await?, Err(SendError::Closed("never".into())));
    assert_eq!(receiving.await?, Err(RecvError::Closed));
    assert_eq!(handle.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(handle.try_send("late"), Err(TrySendError::Closed("late".into())));
    Ok(())
}
