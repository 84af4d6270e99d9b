//! Rules that hold for every kind: its high-water marks, how it closes, and for whom it queues.
//!
//! A [`Way`] is one kind that sends and one that receives, and how both are built; the table of them is at the end, and
//! each makes a test of each check over each transport that carries it: `ways::push_to_pull::tcp::zero_is_no_mark`. What a kind does in its own way, to send one message to
//! its one peer and to receive one, is said once, by [`Sender`] and [`Receiver`].

use std::time::{Duration, Instant};

use hubless::kind::{self, HasOutgoing, Kind, Publishes, QueuesAhead, Sends};
use hubless::{Builder, DropReason, Linger, Message, Peer, Socket, SocketKind, TcpOptions, TrySendError};
use tokio::task::yield_now;

use crate::ended;
use crate::speaking::{Hears, Later, Receiver, Sender};
use crate::transport::{Outcome, Transport, polled};

/// What a kind does when the pipe of the peer is at its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtMark {
    /// It waits for room.
    Waits,
    /// It drops, and counts.
    Drops,
    /// It waits for room, and takes back what is given up.
    TakesBack,
}

/// From one kind to another.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) sends: SocketKind,
    pub(crate) receives: SocketKind,
    pub(crate) at_mark: AtMark,
    open: fn(Transport, Terms) -> Later<'static, Outcome<Ends>>,
}

impl Way {
    pub(crate) fn goes(&self, over: Transport) -> bool {
        self.sends != SocketKind::Stream || over.is_stream()
    }

    /// Two sockets that are connected, and the first can send.
    async fn open(&self, at: Transport, terms: Terms) -> Outcome<Ends> {
        (self.open)(at, terms).await
    }
}

/// What is said of both when they are built.
#[derive(Clone, Copy)]
struct Terms {
    send_hwm: usize,
    recv_hwm: usize,
    linger: Linger,
    sender_binds: bool,
}

const SENDS: u64 = 3;
const RECEIVES: u64 = 2;
const MARKS: Terms = Terms {
    send_hwm: SENDS as usize,
    recv_hwm: RECEIVES as usize,
    linger: Linger::Discard,
    sender_binds: true,
};

struct Ends {
    sender: Box<dyn Sender>,
    receiver: Box<dyn Receiver>,
    /// Of the sender.
    peer: Peer,
}

impl Ends {
    fn out(&self) -> hubless::OutgoingStats {
        self.peer.stats().outgoing
    }
}

// ---- the checks ---------------------------------------------------------------------------------------------

const SIZE: usize = 16 << 10;

/// A message of `size` bytes that tells its number, and does not begin like a subscription.
fn letter(number: u64, size: usize) -> Vec<u8> {
    let mut letter = b"n".to_vec();
    letter.extend(number.to_be_bytes());
    letter.resize(size, 7);
    letter
}

/// What [`letter`] wrote, behind an envelope or not.
fn number_of(message: &Message) -> u64 {
    let letter = message.frame(message.len() - 1).unwrap_or_default();
    u64::from_be_bytes(letter[1..9].try_into().expect("eight bytes"))
}

/// So many messages come, in their order; the number of the last.
async fn hear(receiver: &mut dyn Receiver, many: u64) -> Outcome<Option<u64>> {
    let mut last = None;
    for _ in 0..many {
        let number = Some(number_of(&receiver.hear(SIZE).await?));
        assert!(last < number, "{last:?}, then {number:?}");
        last = number;
    }
    Ok(last)
}

impl Ends {
    /// Sends until nothing moves any more, and a while longer; the number of the next message.
    async fn fill(&mut self) -> Outcome<u64> {
        self.fill_to(0, SENDS, RECEIVES).await
    }

    /// The same from a number on, and with these marks.
    async fn fill_to(&mut self, from: u64, sends: u64, receives: u64) -> Outcome<u64> {
        let (mut number, mut still, mut last) = (from, 0, None);
        while still < 1000 {
            match self.sender.hastily(&self.peer, letter(number, SIZE)).await {
                Ok(()) => number += 1,
                Err(error) => assert!(matches!(error, TrySendError::Full(_)), "{error}"),
            }
            yield_now().await;
            let (out, inward) = (self.out(), self.receiver.stats().incoming);
            assert!(out.queued.messages <= sends, "{out:?}");
            assert!(inward.queued.messages <= receives, "{inward:?}");
            let now = Some((out.handed_over, inward.received, out.queued));
            let stands = now == last && inward.queued.messages == receives;
            still = if stands { still + 1 } else { 0 };
            last = now;
        }
        Ok(number)
    }

    /// What was accepted and not dropped: all of it will come, or is given back.
    fn kept(&self) -> u64 {
        let out = self.out();
        let kept = out.handed_over.messages + out.queued.messages;
        assert_eq!(out.accepted.messages, kept + out.dropped.total(), "{out:?}");
        kept
    }
}

const BOTH: [bool; 2] = [true, false];

async fn g06_no_more_is_accepted_than_the_marks_and_it_goes_on_when_there_is_room(
    way: &Way,
    at: Transport,
) -> Outcome {
    for sender_binds in BOTH {
        let mut ends = way
            .open(
                at,
                Terms {
                    sender_binds,
                    ..MARKS
                },
            )
            .await?;
        let mut number = ends.fill().await?;
        let (out, kept) = (ends.out(), ends.kept());
        if way.at_mark != AtMark::TakesBack {
            assert_eq!(out.queued.messages, SENDS, "{out:?}");
        }
        if !at.is_stream() {
            assert_eq!(out.handed_over.messages, RECEIVES, "{out:?}");
        }
        let dropped = out.dropped.by(DropReason::Hwm);
        assert_eq!(dropped > 0, way.at_mark == AtMark::Drops, "{out:?}");
        assert_eq!(dropped, out.dropped.total());
        let Ends {
            sender,
            receiver,
            peer,
        } = &mut ends;
        if way.at_mark == AtMark::Drops {
            hear(&mut **receiver, kept).await?;
        } else {
            let given_up = polled(sender.patiently(peer, letter(number, SIZE)), 10).await;
            assert!(given_up.is_none(), "it waits");
            let sending = sender.patiently(peer, letter(number, SIZE));
            let ((), last) = tokio::try_join!(sending, hear(&mut **receiver, kept + 1))?;
            assert_eq!(last, Some(number), "who waits has its turn");
            number += 1;
        }
        for number in number..number + 20 {
            let sending = sender.patiently(peer, letter(number, SIZE));
            let ((), heard) = tokio::try_join!(sending, hear(&mut **receiver, 1))?;
            assert_eq!(heard, Some(number));
        }
        assert_eq!(ends.out().dropped.total(), dropped);
    }
    Ok(())
}

async fn marks_may_be_raised_and_lowered(way: &Way, at: Transport) -> Outcome {
    let mut ends = way.open(at, MARKS).await?;
    let number = ends.fill().await?;
    ends.sender.mark(3 * SENDS);
    ends.receiver.mark(2 * RECEIVES);
    let number = ends.fill_to(number, 3 * SENDS, 2 * RECEIVES).await?;
    if way.at_mark != AtMark::TakesBack {
        assert_eq!(ends.out().queued.messages, 3 * SENDS);
    }

    // A lower mark drops nothing that is there, and lets nothing in before there is room.
    let before = (ends.kept(), ends.out().dropped.total());
    ends.sender.mark(SENDS);
    ends.receiver.mark(RECEIVES);
    assert_eq!((ends.kept(), ends.out().dropped.total()), before);
    let sent = ends.sender.hastily(&ends.peer, letter(number, SIZE)).await;
    assert!(way.at_mark != AtMark::Waits || sent.is_err(), "there is no room");
    let kept = ends.kept();
    hear(&mut *ends.receiver, kept).await?;
    ends.fill_to(number + 1, SENDS, RECEIVES).await?;
    Ok(())
}

async fn zero_is_no_mark(way: &Way, at: Transport) -> Outcome {
    /// More than what is the mark if none is said, of both sides together.
    const MANY: u64 = 2500;
    for sender_binds in BOTH {
        let terms = Terms {
            send_hwm: 0,
            recv_hwm: 0,
            sender_binds,
            ..MARKS
        };
        let mut ends = way.open(at, terms).await?;
        for number in 0..MANY {
            ends.sender.hastily(&ends.peer, letter(number, 1000)).await?;
        }
        if way.at_mark == AtMark::TakesBack {
            continue;
        }
        assert_eq!(ends.kept(), MANY);
        for number in 0..MANY {
            assert_eq!(number_of(&ends.receiver.hear(1000).await?), number);
        }
    }
    Ok(())
}

async fn g10_closing_waits_for_ever_or_not_at_all_or_for_a_time(way: &Way, at: Transport) -> Outcome {
    // Those for whom it does not wait for ever have up to a second, if they do not read: all of that at once.
    let lingers = [Linger::Discard, Linger::For(TIME), Linger::Forever];
    let all = lingers.into_iter().flat_map(|linger| {
        BOTH.map(|sender_binds| {
            closing_waits(
                way,
                at,
                Terms {
                    linger,
                    sender_binds,
                    ..MARKS
                },
            )
        })
    });
    futures::future::try_join_all(all).await?;
    Ok(())
}

const TIME: Duration = Duration::from_millis(30);

async fn closing_waits(way: &Way, at: Transport, terms: Terms) -> Outcome {
    let mut ends = way.open(at, terms).await?;
    ends.fill().await?;
    let (kept, before) = (ends.kept(), ends.out());
    let Ends {
        sender,
        mut receiver,
        peer,
    } = ends;
    let handle = sender.another();
    let start = Instant::now();
    let mut closing = sender.close();
    if terms.linger == Linger::Forever && before.queued.messages > 0 {
        assert!(polled(&mut closing, 10).await.is_none(), "it waits");
        // What was given up may come, or be taken back now.
        let comes = match way.at_mark {
            AtMark::TakesBack => before.handed_over.messages,
            _ => kept,
        };
        let (closed, heard) = tokio::join!(closing, hear(&mut *receiver, comes));
        closed?;
        heard?;
    } else {
        let left = closing.await.err().map_or(0, |unsent| unsent.messages() as u64);
        let out = handle
            .map_or_else(|| peer.stats(), |handle| handle.stats())
            .outgoing;
        assert_eq!(out.dropped.by(DropReason::Linger), left, "{out:?}");
        let cut = out.dropped.by(DropReason::Cut);
        assert!(cut <= u64::from(at.is_stream()), "one can be half out");
        assert_eq!(out.dropped.total(), before.dropped.total() + left + cut);
        // The system may have taken a little more.
        assert!(left + cut <= before.queued.messages, "{out:?}");
        let is_exact = !at.is_stream() && way.at_mark != AtMark::TakesBack;
        assert!(!is_exact || left == before.queued.messages, "{out:?}");
        assert_eq!(
            out.accepted.messages,
            out.handed_over.messages + out.dropped.total()
        );
        assert!(terms.linger == Linger::Discard || left == 0 || start.elapsed() >= TIME);
        // Answers that find nobody end the connection, and with it what the system had on its way.
        if way.at_mark != AtMark::TakesBack {
            hear(&mut *receiver, out.handed_over.messages).await?;
        }
    }
    // It has nothing to send.
    receiver.close().await?;
    Ok(())
}

async fn calls_that_wait_end_when_the_socket_closes(way: &Way, at: Transport) -> Outcome {
    let mut ends = way.open(at, MARKS).await?;
    let receiver = ends.receiver.another();
    let (heard, closed) = tokio::join!(ends.receiver.hear(SIZE), receiver.close());
    assert!(heard.is_err());
    closed?;

    let mut ends = way.open(at, MARKS).await?;
    let number = ends.fill().await?;
    if let (AtMark::Waits, Some(handle)) = (way.at_mark, ends.sender.another()) {
        let sending = ends.sender.patiently(&ends.peer, letter(number, SIZE));
        let (sent, closed) = tokio::join!(sending, handle.close());
        assert!(sent.is_err() && closed.is_err());
    }
    Ok(())
}

/// `immediate`: nothing is queued before there is a connection, nor after it was lost.
async fn g04_nothing_is_queued_for_nobody<S, R>(at: Transport) -> Outcome
where
    S: QueuesAhead + Sends,
    R: Hears,
{
    let place = at.place();
    let socket = Socket::<S>::builder().immediate(true).build()?;
    let mut monitor = socket.monitor();
    socket.connect(&place)?;
    for round in ["before", "after"] {
        let refused = socket.try_send("hasty");
        assert!(
            matches!(refused, Err(TrySendError::Full(_))),
            "{round}: {refused:?}"
        );
        assert!(polled(socket.send("given up"), 10).await.is_none(), "{round}");
        let other = Socket::<R>::new();
        let binding = async {
            // Behind the one who waits.
            yield_now().await;
            other.bind(&place).await?;
            Outcome::Ok(())
        };
        let (sent, bound) = tokio::join!(socket.send("patient"), binding);
        sent?;
        bound?;
        let mut receiver = R::receiver(other);
        assert_eq!(receiver.hear(7).await?, "patient");
        receiver.close().await?;
        ended(&mut monitor).await;
    }
    assert_eq!(socket.stats().outgoing.accepted.messages, 2);
    Ok(())
}

// ---- the table ----------------------------------------------------------------------------------------------

/// When both are connected: what else there is to wait for, or to do.
type Ready<S, R> = for<'a> fn(&'a Socket<S>, &'a Socket<R>) -> Later<'a, Outcome>;

fn at_once<'a, S: Kind, R: Kind>(_: &'a Socket<S>, _: &'a Socket<R>) -> Later<'a, Outcome> {
    Box::pin(async { Ok(()) })
}

fn subscribed<'a, S: Publishes, R: Kind>(sender: &'a Socket<S>, _: &'a Socket<R>) -> Later<'a, Outcome> {
    Box::pin(async { Ok(sender.subscribers().at_least(1).await?) })
}

/// More often than any check answers.
fn asked<'a>(_: &'a Socket<kind::Rep>, dealer: &'a Socket<kind::Dealer>) -> Later<'a, Outcome> {
    Box::pin(async {
        for _ in 0..5000 {
            dealer.send(["", "question"]).await?;
        }
        Ok(())
    })
}

async fn open<S, R>(
    at: Transport,
    terms: Terms,
    sender: fn(Builder<S>) -> Builder<S>,
    ready: Ready<S, R>,
) -> Outcome<Ends>
where
    S: HasOutgoing,
    R: Hears,
    Socket<S>: Sender,
{
    let small = TcpOptions::new().send_buffer(16 << 10).recv_buffer(16 << 10);
    let sender = sender(Socket::<S>::builder())
        .send_hwm(terms.send_hwm)
        .linger(terms.linger)
        .tcp(small.clone())
        .build()?;
    let receiver = R::built(Socket::<R>::builder())
        .recv_hwm(terms.recv_hwm)
        .linger(terms.linger)
        .tcp(small)
        .build()?;
    R::asks(&receiver)?;
    if terms.sender_binds {
        receiver.connect(&at.bind(&sender).await?)?;
    } else {
        sender.connect(&at.bind(&receiver).await?)?;
    }
    sender.peers().at_least(1).await?;
    receiver.peers().at_least(1).await?;
    ready(&sender, &receiver).await?;
    Ok(Ends {
        peer: sender.peers().list().remove(0),
        sender: Box::new(sender),
        receiver: R::receiver(receiver),
    })
}

/// For each way a test of each check over each transport that carries it.
macro_rules! checks_of {
    ($way:ident $over:ident) => {
        checks_of! { $way $over:
            g06_no_more_is_accepted_than_the_marks_and_it_goes_on_when_there_is_room
            marks_may_be_raised_and_lowered
            zero_is_no_mark
            g10_closing_waits_for_ever_or_not_at_all_or_for_a_time
            calls_that_wait_end_when_the_socket_closes
        }
    };
    ($way:ident $over:ident: $($check:ident)+) => {
        mod $way {
            use crate::transport::{Outcome, Transport};

            $(async fn $check(at: Transport) -> Outcome {
                super::$check(super::way(stringify!($way)), at).await
            })+

            crate::transport::$over! { $($check)+ }
        }
    };
}

macro_rules! ways {
    ($($name:ident: $S:ident $R:ident $at_mark:ident $over:ident $ready:ident $(|$built:ident| $builder:expr)?;)+) => {
        pub(crate) const WAYS: &[Way] = &[$(Way {
            name: stringify!($name),
            sends: SocketKind::$S,
            receives: SocketKind::$R,
            at_mark: AtMark::$at_mark,
            open: |at, terms| {
                // As it is, if nothing is said.
                let built: &[fn(Builder<kind::$S>) -> Builder<kind::$S>] = &[$(|$built| $builder,)? |builder| builder];
                Box::pin(open::<kind::$S, kind::$R>(at, terms, built[0], $ready))
            },
        },)+];

        $(checks_of! { $name $over })+
    };
}

fn way(name: &str) -> &'static Way {
    let way = WAYS.iter().find(|way| way.name == name);
    way.expect("it is in the table")
}

ways! {
    push_to_pull: Push Pull Waits over_every_transport at_once;
    pub_to_sub: Pub Sub Drops over_every_transport subscribed;
    pub_to_sub_nodrop: Pub Sub Waits over_every_transport subscribed |b| b.nodrop(true);
    xpub_to_xsub: XPub XSub Drops over_every_transport subscribed;
    xpub_to_xsub_nodrop: XPub XSub Waits over_every_transport subscribed |b| b.nodrop(true);
    xsub_to_xpub: XSub XPub Drops over_every_transport at_once;
    req_to_rep: Req Rep TakesBack over_every_transport at_once |b| b.correlate(true);
    rep_to_dealer: Rep Dealer Drops over_every_transport asked |b| b.recv_hwm(0);
    dealer_to_router: Dealer Router Waits over_every_transport at_once;
    router_to_dealer: Router Dealer Drops over_every_transport at_once;
    router_to_dealer_mandatory: Router Dealer Waits over_every_transport at_once |b| b.mandatory(true);
    pair_to_pair: Pair Pair Waits over_every_transport at_once;
    client_to_server: Client Server Waits over_every_transport at_once;
    server_to_client: Server Client Waits over_every_transport at_once;
    radio_to_dish: Radio Dish Drops over_every_transport subscribed;
    radio_to_dish_nodrop: Radio Dish Waits over_every_transport subscribed |b| b.nodrop(true);
    scatter_to_gather: Scatter Gather Waits over_every_transport at_once;
    peer_to_peer: Peer Peer Waits over_every_transport at_once;
    channel_to_channel: Channel Channel Waits over_every_transport at_once;
    stream_to_stream: Stream Stream Waits over_every_stream at_once |b| b.notify(false);
}

/// The same for `immediate`, which is for kinds that have queues before they are connected.
macro_rules! ahead {
    ($($name:ident: $S:ident $R:ident;)+) => {
        pub(crate) const AHEAD: &[(&str, SocketKind)] = &[$((stringify!($name), SocketKind::$S),)+];

        $(mod $name {
            use crate::transport::{Outcome, Transport};
            use hubless::kind;

            async fn g04_nothing_is_queued_for_nobody(at: Transport) -> Outcome {
                super::g04_nothing_is_queued_for_nobody::<kind::$S, kind::$R>(at).await
            }

            crate::transport::over_every_transport! { g04_nothing_is_queued_for_nobody }
        })+
    };
}

ahead! {
    immediate_push: Push Pull;
    immediate_dealer: Dealer Dealer;
    immediate_pair: Pair Pair;
    immediate_client: Client Server;
    immediate_scatter: Scatter Gather;
    immediate_channel: Channel Channel;
}
