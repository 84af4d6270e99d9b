//! What each kind of socket does, seen by programs that use it, over every transport alike.
//!
//! [`table`] says which rule of which kind is held by which check. A check is one function of
//! the [`Transport`](transport::Transport) that it runs over; a line in the table of its file makes it a test for each of them, with the
//! transport in the test's name: `pipeline::tcp::messages_go_round`.
//!
//! | file | rules |
//! |---|---|
//! | [`requests`], [`replies`] | RFC 28: whom a REQ asks and whose answer it takes; whom a REP serves |
//! | [`dealer`], [`router`] | RFC 28: many questions at once; peers by their names |
//! | [`topics`], [`subscriptions`], [`losses`], [`subscribers`], [`limits`] | RFC 29: who gets what, what a SUB is subscribed to and when, who misses what, who is told, how much may be asked for |
//! | [`xpub`], [`xsub`], [`slow`] | the same: what an XPUB hears, what an XSUB sends, and both in the middle; what is done with who does not keep up |
//! | [`radio`] | RFC 48: groups |
//! | [`pipeline`] | RFC 30: turns, and what becomes of a queue whose peer is gone |
//! | [`order`] | in which order is read what came on one connection after the other |
//! | [`reroute`] | the same, where others get what was queued |
//! | [`ways`], [`speaking`] | for every kind: how much is queued, what is done at the mark, how it closes, and for whom it queues |
//! | [`marks`], [`budgets`], [`linger`], [`immediate`] | how much is queued, for how long, and for whom |
//! | [`stream`], [`datagram`] | bytes and datagrams of programs that know no ZMTP |
//! | [`udp`] | RFC 48 over datagrams: what is sent, and what is heard |
//! | [`listeners`], [`stopping`] | where a socket listens that is told no address; when one that connects gives up |
//! | [`pair`] | RFC 31 and 52: one peer at a time |
//! | [`numbers`] | RFC 41 and 51: peers that are named by numbers |
//! | [`single_frames`] | RFC 37: kinds whose messages have one frame each |
//! | [`kinds`] | who talks to whom at all |
//!
//! What takes a peer that speaks by hand, and so a byte stream, is in `tests/reqrep` and `tests/conformance`: the
//! shape on the wire, forged and malformed messages. What does not compile cannot be a check here: that a PULL does
//! not send and that question and answer alternate is shown in the documentation of [`hubless::Pull`] and
//! [`hubless::Req`].

mod budgets;
mod datagram;
mod dealer;
mod immediate;
mod kinds;
mod limits;
mod linger;
mod listeners;
mod losses;
mod marks;
mod numbers;
mod order;
mod pair;
mod pipeline;
mod radio;
mod replies;
mod requests;
mod reroute;
mod router;
mod single_frames;
mod slow;
mod speaking;
mod stopping;
mod stream;
mod subscribers;
mod subscriptions;
mod table;
mod topics;
mod transport;
mod udp;
mod ways;
mod xpub;
mod xsub;

use hubless::{DisconnectReason, Event, Message, Monitor};

/// The first event that `pick` picks.
pub(crate) async fn event<T>(monitor: &mut Monitor, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        let event = monitor.next().await.expect("the socket is open");
        if let Some(picked) = pick(event) {
            return picked;
        }
    }
}

/// The next connection ends: why, and how many messages that were queued for it went with it.
pub(crate) async fn ended(monitor: &mut Monitor) -> (DisconnectReason, u64) {
    event(monitor, |event| match event {
        Event::Disconnected { reason, dropped, .. } => Some((reason, dropped)),
        _ => None,
    })
    .await
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.frame(0).unwrap_or_default()).into_owned()
}
