//! DEALER and ROUTER, in every combination with the kinds that they talk to: every message in both directions, and the
//! names of peers, chosen and made up.

use hubless::{Dealer, Event, Message, Router, RoutingId, SendError, SocketKind, kind};
use peers::libzmq::option;

use crate::libzmq::Libzmq;
use crate::meeting::Meeting;
use crate::messages::messages;
use crate::other::OtherSocket;
use crate::until;

mod libzmq {
    crate::meeting::everywhere! {
        crate::libzmq::Libzmq,
        a_dealer_talks_to_their_router
        a_dealer_talks_to_their_dealer
        a_dealer_asks_their_rep
        a_router_talks_to_their_dealer
        a_router_talks_to_their_router
        a_router_answers_their_req
        a_req_asks_their_router
        a_rep_answers_their_dealer
        our_names_are_known_to_their_router
        their_names_are_known_to_our_router
        those_without_a_name_are_given_one
        a_probe_introduces_us
        a_probe_introduces_them
        a_burst_from_a_router_arrives_whole
    }
}

mod libzmq_comes_to_us {
    crate::meeting::over_both! {
        binding, crate::libzmq::Libzmq, We,
        their_second_of_a_name_is_let_in_when_the_first_has_gone
        their_second_of_a_name_takes_it_over
    }
}

/// Options that only libzmq has among the others.
pub(crate) trait WithOptions: OtherSocket {
    /// A socket with a routing id, or none if it is empty; `probe`: it sends an empty message first.
    async fn with(kind: SocketKind, routing_id: &'static str, probe: bool) -> Self;

    /// From now on a connection that is lost is not made again.
    async fn stays_away(&mut self);
}

impl WithOptions for Libzmq {
    async fn with(kind: SocketKind, routing_id: &'static str, probe: bool) -> Self {
        let other = Self::new(kind);
        other
            .ask(move |socket| {
                if !routing_id.is_empty() {
                    socket.set_bytes(option::ROUTING_ID, routing_id)?;
                }
                if probe {
                    socket.set(option::PROBE_ROUTER, 1)?;
                }
                Ok(())
            })
            .await;
        other
    }

    async fn stays_away(&mut self) {
        self.ask(|socket| socket.set(option::RECONNECT_IVL, -1)).await;
    }
}

/// Both come; theirs with a routing id.
async fn meet<K: kind::Kind, O: WithOptions>(
    meeting: &Meeting,
    ours: &hubless::Socket<K>,
    kind: SocketKind,
    routing_id: &'static str,
) -> O {
    let mut other = O::with(kind, routing_id, false).await;
    meeting.both_come(ours, &mut other).await;
    ours.peers().at_least(1).await.expect("it is open");
    other
}

/// A socket of ours with a routing id.
fn named<K: kind::Identifies>(meeting: &Meeting, routing_id: &'static str) -> hubless::Socket<K> {
    let builder = meeting.builder::<K>().routing_id(routing_id);
    builder.build().expect("a name")
}

/// A ROUTER that sends to those who are there alone.
fn that_must_reach(meeting: &Meeting) -> Router {
    let builder = meeting.builder::<kind::Router>().mandatory(true);
    builder.build().expect("no contradiction")
}

/// A message as a DEALER of theirs hears it.
fn plain(message: &Message) -> Message {
    message.clone()
}

/// The same as a ROUTER of theirs hears it: behind our name.
fn behind_our_name(message: &Message) -> Message {
    Message::from(("we", message))
}

/// Every message goes to them, who hear it like this, and comes back.
async fn dealer_talks(dealer: Dealer, other: &mut impl OtherSocket, heard: fn(&Message) -> Message) {
    for message in messages() {
        dealer.send(&message).await.expect("it is open");
        let received = other.recv().await;
        assert!(received == heard(&message));
        other.send(received).await;
        assert!(dealer.recv().await.expect("it is open") == message);
    }
}

pub(crate) async fn a_dealer_talks_to_their_router<O: WithOptions>(meeting: Meeting) {
    let dealer = named(&meeting, "we");
    let mut router: O = meet(&meeting, &dealer, SocketKind::Router, "").await;
    dealer_talks(dealer, &mut router, behind_our_name).await;
}

pub(crate) async fn a_dealer_talks_to_their_dealer<O: WithOptions>(meeting: Meeting) {
    let dealer = meeting.socket();
    let mut other: O = meet(&meeting, &dealer, SocketKind::Dealer, "").await;
    dealer_talks(dealer, &mut other, plain).await;
}

pub(crate) async fn a_dealer_asks_their_rep<O: WithOptions>(meeting: Meeting) {
    let dealer = meeting.socket::<kind::Dealer>();
    let mut rep: O = meet(&meeting, &dealer, SocketKind::Rep, "").await;
    for message in messages() {
        dealer.send(("id", "", &message)).await.expect("it is open");
        let question = rep.recv().await;
        assert!(question == message);
        rep.send(question).await;
        let answer = dealer.recv().await.expect("it is open");
        assert!(answer == Message::from(("id", "", message)));
    }
}

/// The same to one that is named.
async fn router_talks(router: Router, other: &mut impl OtherSocket, heard: fn(&Message) -> Message) {
    let they = RoutingId::from("they");
    for message in messages() {
        router.send_to(&they, &message).await.expect("it is there");
        let received = other.recv().await;
        assert!(received == heard(&message));
        other.send(received).await;
        let (id, echoed) = router.recv_from().await.expect("it is open");
        assert!(id == they && echoed == message);
    }
}

pub(crate) async fn a_router_talks_to_their_dealer<O: WithOptions>(meeting: Meeting) {
    let router = that_must_reach(&meeting);
    let mut dealer: O = meet(&meeting, &router, SocketKind::Dealer, "they").await;
    router_talks(router, &mut dealer, plain).await;
}

pub(crate) async fn a_router_talks_to_their_router<O: WithOptions>(meeting: Meeting) {
    let router = named(&meeting, "we");
    let mut other: O = meet(&meeting, &router, SocketKind::Router, "they").await;
    router_talks(router, &mut other, behind_our_name).await;
}

pub(crate) async fn a_router_answers_their_req<O: WithOptions>(meeting: Meeting) {
    let router = meeting.socket::<kind::Router>();
    let mut req: O = meet(&meeting, &router, SocketKind::Req, "").await;
    for message in messages() {
        req.send(message.clone()).await;
        let (id, question) = router.recv_from().await.expect("it is open");
        let (envelope, body) = question.split_envelope().expect("a REQ sends one");
        assert!(envelope.is_empty() && body == message);
        let answer = Message::with_envelope(envelope, body);
        router.send_to(&id, answer).await.expect("it is open");
        assert!(req.recv().await == message);
    }
}

pub(crate) async fn a_req_asks_their_router<O: WithOptions>(meeting: Meeting) {
    for correlate in [false, true] {
        let mut req = meeting
            .builder::<kind::Req>()
            .routing_id("we")
            .correlate(correlate)
            .build()
            .expect("no contradiction");
        let mut router: O = meet(&meeting, &req, SocketKind::Router, "").await;
        for message in messages() {
            let answering = async {
                let question = router.recv().await;
                let (envelope, body) = question.split_envelope().expect("we send one");
                assert_eq!(envelope.len(), 1 + usize::from(correlate));
                assert!(envelope[0] == "we" && body == message);
                router.send(question).await;
            };
            let (answer, ()) = tokio::join!(req.request(&message), answering);
            assert!(answer.expect("the connection stays") == message);
        }
        router.close().await;
        req.close().await.expect("nothing is left");
    }
}

pub(crate) async fn a_rep_answers_their_dealer<O: WithOptions>(meeting: Meeting) {
    let rep = meeting.socket::<kind::Rep>();
    let mut dealer: O = meet(&meeting, &rep, SocketKind::Dealer, "").await;
    for message in messages() {
        let question = Message::from(("id", "", &message));
        dealer.send(question.clone()).await;
        let request = rep.recv_request().await.expect("it is open");
        assert!(request.message() == &message);
        request.reply(&message).await.expect("it is open");
        assert!(dealer.recv().await == question);
    }
}

async fn our_names_are_known_to_their_router<O: WithOptions>(meeting: Meeting) {
    for name in ["x", "a name of several words"] {
        let dealer: Dealer = named(&meeting, name);
        let mut router: O = meet(&meeting, &dealer, SocketKind::Router, "").await;
        dealer.send("hello").await.expect("it is open");
        assert_eq!(router.recv().await, Message::from([name, "hello"]));
        router.send([name, "welcome"]).await;
        assert_eq!(dealer.recv().await.expect("it is open"), "welcome");
        router.close().await;
        dealer.close().await.expect("nothing is left");
    }
}

async fn their_names_are_known_to_our_router<O: WithOptions>(meeting: Meeting) {
    let router = meeting.socket::<kind::Router>();
    let mut dealer: O = meet(&meeting, &router, SocketKind::Dealer, "they").await;
    let peer = router.peer(&"they".into()).expect("it is there");
    assert_eq!(
        (peer.kind(), &peer.routing_id()[..]),
        (Some(SocketKind::Dealer), &b"they"[..])
    );
    dealer.send("hello").await;
    let (id, message) = router.recv_from().await.expect("it is open");
    assert_eq!((id, message), ("they".into(), "hello".into()));
}

async fn those_without_a_name_are_given_one<O: WithOptions>(meeting: Meeting) {
    let router = meeting.socket::<kind::Router>();
    let mut dealer: O = meet(&meeting, &router, SocketKind::Dealer, "").await;
    dealer.send("hello").await;
    let (id, _) = router.recv_from().await.expect("it is open");
    assert_eq!((id.len(), id[0]), (5, 0));
    router.send_to(&id, "welcome").await.expect("it is open");
    assert_eq!(dealer.recv().await, "welcome");
    // As it stands in a message, for instance after a detour.
    let copied = RoutingId::from(&id[..]);
    router.send_to(&copied, "again").await.expect("it is open");
    assert_eq!(dealer.recv().await, "again");
}

async fn a_probe_introduces_us<O: WithOptions>(meeting: Meeting) {
    let dealer = meeting
        .builder::<kind::Dealer>()
        .routing_id("we")
        .probe(true)
        .build()
        .expect("no contradiction");
    let mut router: O = meet(&meeting, &dealer, SocketKind::Router, "").await;
    assert_eq!(router.recv().await, Message::from(["we", ""]));
    router.send(["we", "welcome"]).await;
    assert_eq!(dealer.recv().await.expect("it is open"), "welcome");
}

async fn a_probe_introduces_them<O: WithOptions>(meeting: Meeting) {
    let router = meeting.socket::<kind::Router>();
    let mut dealer = O::with(SocketKind::Dealer, "they", true).await;
    meeting.both_come(&router, &mut dealer).await;
    let (id, message) = router.recv_from().await.expect("it is open");
    assert_eq!((id, message), ("they".into(), "".into()));
}

async fn a_burst_from_a_router_arrives_whole<O: WithOptions>(meeting: Meeting) {
    let router = that_must_reach(&meeting);
    let mut dealer: O = meet(&meeting, &router, SocketKind::Dealer, "they").await;
    let sending = async {
        for number in 0..5_000_u32 {
            router.send_to(&"they".into(), &number.to_be_bytes()).await?;
        }
        Ok::<(), SendError>(())
    };
    let receiving = async {
        for number in 0..5_000_u32 {
            assert_eq!(dealer.recv().await, number.to_be_bytes());
        }
    };
    let (sent, ()) = tokio::join!(sending, receiving);
    sent.expect("the peer is there");
}

/// As happens when the way to a peer is lost without a word, and it comes again on another.
async fn their_second_of_a_name_is_let_in_when_the_first_has_gone<O: WithOptions>(meeting: Meeting) {
    let router = meeting.socket::<kind::Router>();
    let first: O = meet(&meeting, &router, SocketKind::Dealer, "same").await;
    let mut monitor = router.monitor();
    let mut second = O::with(SocketKind::Dealer, "same", false).await;
    meeting.joins(&mut second).await;
    until(&mut monitor, |event| {
        matches!(event, Event::HandshakeFailed { .. })
    })
    .await;
    first.close().await;
    until(&mut monitor, |event| matches!(event, Event::HandshakeDone { .. })).await;
    router
        .send_to(&"same".into(), "welcome")
        .await
        .expect("it is open");
    assert_eq!(second.recv().await, "welcome");
}

async fn their_second_of_a_name_takes_it_over<O: WithOptions>(meeting: Meeting) {
    let router = meeting
        .builder::<kind::Router>()
        .handover(true)
        .build()
        .expect("no contradiction");
    // Else it would come back and take it back, and so on.
    let mut first = O::with(SocketKind::Dealer, "same", false).await;
    first.stays_away().await;
    meeting.we_come(&router).await;
    meeting.joins(&mut first).await;
    router.peers().at_least(1).await.expect("it is open");
    let mut monitor = router.monitor();
    let mut second = O::with(SocketKind::Dealer, "same", false).await;
    meeting.joins(&mut second).await;
    // Not the handshake: it may be that of the first one, which is told after it is among the peers.
    until(&mut monitor, |event| matches!(event, Event::Disconnected { .. })).await;
    router
        .send_to(&"same".into(), "to the one that came last")
        .await
        .expect("it is open");
    assert_eq!(second.recv().await, "to the one that came last");
}
