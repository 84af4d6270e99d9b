//! Each two kinds that talk to each other, by each mechanism: with libzmq, which alone has them all.
//!
//! The checks are those of the other files, where they are made with NULL; this table makes them with PLAIN and CURVE, over
//! tcp and ipc, with our socket as binder, which is then the mechanism's server, and as connector, its client:
//! `mechanisms::curve::connecting::ipc::client_asks_with_every_message`.

use std::collections::BTreeSet;

use hubless::{SocketKind, SocketKind::*};

use crate::audience::{
    pub_serves_an_xsub, xpub_hears_an_xsub_in_both_forms, xpub_hears_what_a_sub_wants_and_serves_it,
    xsub_is_served_by_a_pub, xsub_subscribes_by_messages_at_an_xpub,
};
use crate::groups::{dish_joins_leaves_and_joins_again, messages_of_every_size_go_both_ways};
use crate::meeting::Meeting;
use crate::messages::{
    pub_publishes_every_message, pull_receives_every_message, push_sends_every_message,
    rep_answers_every_message, req_asks_with_every_message, sub_receives_every_message,
};
use crate::other::OtherSocket;
use crate::pair::both_say_everything;
use crate::routing::{
    a_dealer_asks_their_rep, a_dealer_talks_to_their_dealer, a_dealer_talks_to_their_router,
    a_rep_answers_their_dealer, a_req_asks_their_router, a_router_answers_their_req,
    a_router_talks_to_their_dealer, a_router_talks_to_their_router,
};
use crate::single_frames::{
    channel_talks_both_ways, client_asks_with_every_message, gather_receives_every_message,
    peer_talks_to_theirs, scatter_sends_every_message, server_answers_every_message,
    server_throws_one_out_who_comes_again,
};
use crate::subscriptions::sub_subscribes_cancels_and_subscribes_again;

/// Ours and theirs of each check.
macro_rules! by_each_mechanism {
    ($($check:ident: $($ours:ident with $theirs:ident),+;)+) => {
        const TABLE: &[(SocketKind, SocketKind)] = &[$($(($ours, $theirs)),+),+];
        mod plain {
            crate::meeting::everywhere! { crate::libzmq::Libzmq, with Plain, $($check)+ the_mechanism_is_known_of_the_peer }
        }
        mod curve {
            crate::meeting::everywhere! { crate::libzmq::Libzmq, with Curve, $($check)+ the_mechanism_is_known_of_the_peer }
        }
    };
}

by_each_mechanism! {
    push_sends_every_message: Push with Pull;
    pull_receives_every_message: Pull with Push;
    pub_publishes_every_message: Pub with Sub;
    pub_serves_an_xsub: Pub with XSub;
    sub_receives_every_message: Sub with Pub;
    sub_subscribes_cancels_and_subscribes_again: Sub with XPub;
    xpub_hears_what_a_sub_wants_and_serves_it: XPub with Sub;
    xpub_hears_an_xsub_in_both_forms: XPub with XSub;
    xsub_is_served_by_a_pub: XSub with Pub;
    xsub_subscribes_by_messages_at_an_xpub: XSub with XPub;
    req_asks_with_every_message: Req with Rep;
    a_req_asks_their_router: Req with Router;
    rep_answers_every_message: Rep with Req;
    a_rep_answers_their_dealer: Rep with Dealer;
    a_dealer_asks_their_rep: Dealer with Rep;
    a_dealer_talks_to_their_dealer: Dealer with Dealer;
    a_dealer_talks_to_their_router: Dealer with Router;
    a_router_answers_their_req: Router with Req;
    a_router_talks_to_their_dealer: Router with Dealer;
    a_router_talks_to_their_router: Router with Router;
    both_say_everything: Pair with Pair;
    client_asks_with_every_message: Client with Server;
    server_answers_every_message: Server with Client;
    server_throws_one_out_who_comes_again: Server with Client;
    peer_talks_to_theirs: Peer with Peer;
    channel_talks_both_ways: Channel with Channel;
    scatter_sends_every_message: Scatter with Gather;
    gather_receives_every_message: Gather with Scatter;
    messages_of_every_size_go_both_ways: Radio with Dish, Dish with Radio;
    dish_joins_leaves_and_joins_again: Dish with Radio;
}

#[test]
fn the_table_has_each_two_kinds_that_talk_to_each_other() {
    let pairs = |ours: SocketKind| {
        ours.peers()
            .iter()
            .map(move |theirs| (ours.name(), theirs.name()))
    };
    let all = [
        Push, Pull, Pub, Sub, Req, Rep, Dealer, Router, XPub, XSub, Pair, Client, Server, Radio, Dish,
        Scatter, Gather, Peer, Channel,
    ];
    let all: BTreeSet<_> = all.into_iter().flat_map(pairs).collect();
    let table = TABLE.iter().map(|(ours, theirs)| (ours.name(), theirs.name()));
    assert_eq!(table.collect::<BTreeSet<_>>(), all);
}

/// What else is the same in all of them would be so if everybody spoke NULL.
async fn the_mechanism_is_known_of_the_peer<O: OtherSocket>(meeting: Meeting) {
    let push: hubless::Push = meeting.socket();
    let _pull: O = meeting.of(&push, Pull).await;
    push.peers().at_least(1).await.expect("it is open");
    assert_eq!(push.peers().list()[0].mechanism(), meeting.trust().name());
}
