//! The rules for each kind, point by point, and the checks that hold them: over which transports, and where.
//!
//! A rule names its checks as they stand in the files beside this one, `pipeline::messages_go_round`, and over what it
//! holds; [`ways`](crate::ways) has those that hold for every kind. That each of them is a test of this program, over each of these transports, is a test too, [below](the_table_is_true);
//! and so is that each point is shown for each kind that it concerns; so whoever looks for what shows a rule finds it here, and whoever renames a check mends the table. What takes a peer
//! that speaks by hand is in another program: there a rule names file and function.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use hubless::SocketKind;

use Shown::{Ahead, Beside, Here, OnEachWay};
use SocketKind::{
    Channel, Client, Dealer, Dgram, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req, Router,
    Scatter, Server, Stream, Sub, XPub, XSub,
};

use crate::transport::Transport;
use crate::ways::{AHEAD, WAYS};

struct Rule {
    /// The point that it belongs to.
    point: u8,
    /// The kinds it is about; those of the [ways](crate::ways) that show it come to them.
    kinds: &'static [SocketKind],
    says: &'static str,
    by: &'static [Shown],
}

/// What shows it.
enum Shown {
    /// Checks of this program, each over all of these transports.
    Here(&'static [&'static str], &'static [&'static str]),
    /// Checks of [`ways`](crate::ways), for each way over each transport that carries it.
    OnEachWay(&'static [&'static str]),
    /// One of them for each kind that has a queue before it is connected.
    Ahead(&'static str),
    /// What a file of the repository says, mostly by a function of this name.
    Beside(&'static str, &'static str),
}

/// Where kinds of ZMTP meet.
const EVERYWHERE: &[&str] = &["tcp", "ipc", "inproc"];

/// Where bytes are carried.
const STREAMS: &[&str] = &["tcp", "ipc"];

/// Where datagrams are.
const UDP: &[&str] = &["udp"];

/// Kinds that shake hands.
const ZMTP: &[SocketKind] = &[
    Push, Pull, Pub, Sub, Req, Rep, Dealer, Router, XPub, XSub, Pair, Client, Server, Radio, Dish, Scatter,
    Gather, Peer, Channel,
];

/// Kinds whose messages have one frame each.
const SINGLE: &[SocketKind] = &[Client, Server, Radio, Dish, Scatter, Gather, Peer, Channel];

/// Kinds that have a queue before they are connected.
const AHEAD_KINDS: &[SocketKind] = &[Push, Dealer, Pair, Client, Scatter, Channel];

const fn rule(point: u8, kinds: &'static [SocketKind], says: &'static str, by: &'static [Shown]) -> Rule {
    Rule {
        point,
        kinds,
        says,
        by,
    }
}

const TABLE: &[Rule] = &[
    // ---- REQ ----
    rule(
        1,
        &[Req],
        "of n REPs each gets one of n requests, in turn",
        &[Here(
            EVERYWHERE,
            &[
                "requests::each_of_n_repliers_gets_one_of_n_requests_in_turn",
                "requests::repliers_that_came_to_us_take_turns_too",
            ],
        )],
    ),
    rule(
        1,
        &[Req],
        "an answer from a peer that was not asked counts for nothing",
        &[
            Beside(
                "tests/reqrep/req.rs",
                "row_13_a_reply_from_another_peer_than_the_one_asked_is_dropped_and_counted",
            ),
            Beside(
                "tests/conformance/requests.rs",
                "row_13_an_answer_counts_only_from_the_peer_that_was_asked",
            ),
        ],
    ),
    rule(
        1,
        &[Req],
        "a request waits while there is nobody",
        &[Here(
            EVERYWHERE,
            &["requests::a_request_waits_while_there_is_no_peer"],
        )],
    ),
    rule(
        1,
        &[Req],
        "on the wire an empty frame stands before the body",
        &[Beside(
            "tests/conformance/requests.rs",
            "a_request_and_its_reply_are_those_of_the_specification",
        )],
    ),
    rule(
        1,
        &[Req],
        "question and answer alternate: what would not does not compile",
        &[Beside("src/socket/reqrep.rs", "```compile_fail")],
    ),
    rule(
        1,
        &[Req],
        "a late answer to a request that was given up meets no other (libzmq: RELAXED and CORRELATE)",
        &[Here(
            EVERYWHERE,
            &[
                "requests::a_late_answer_to_an_abandoned_request_meets_nobody",
                "requests::a_late_answer_to_an_abandoned_numbered_request_is_told_by_its_number",
                "requests::numbered_requests_are_answered_like_others",
            ],
        )],
    ),
    // ---- REP ----
    rule(
        2,
        &[Rep],
        "those who ask take turns",
        &[Here(EVERYWHERE, &["replies::requesters_take_turns"])],
    ),
    rule(
        2,
        &[Rep],
        "envelopes of any number of addresses come back as they went; what has no delimiter is passed over",
        &[
            Here(
                EVERYWHERE,
                &["dealer::a_rep_answers_in_the_envelope_that_the_dealer_made"],
            ),
            Beside(
                "tests/conformance/requests.rs",
                "row_13_a_rep_gives_back_any_envelope_and_passes_over_what_has_none",
            ),
            Beside("tests/reqrep/rep.rs", "an_envelope_comes_back_as_it_went"),
            Beside(
                "tests/reqrep/rep.rs",
                "what_is_no_request_is_dropped_in_silence_and_counted",
            ),
        ],
    ),
    rule(
        2,
        &[Rep],
        "a reply to one who has left is dropped, and the next request served",
        &[Here(
            EVERYWHERE,
            &["replies::a_reply_to_a_vanished_peer_is_counted_and_the_next_request_served"],
        )],
    ),
    // ---- DEALER ----
    rule(
        3,
        &[Dealer],
        "round robin out, in turn in, nothing added",
        &[Here(
            EVERYWHERE,
            &[
                "dealer::questions_go_round_and_answers_are_collected_in_turn",
                "dealer::nothing_is_added_to_a_message_and_nothing_taken_away",
            ],
        )],
    ),
    rule(
        3,
        &[Dealer],
        "a send waits while there is nobody",
        &[Here(EVERYWHERE, &["dealer::without_a_peer_a_dealer_waits"])],
    ),
    rule(
        3,
        &[Dealer],
        "what was queued for an accepted peer that leaves is dropped; what it sent is read (libzmq drops it)",
        &[Here(
            EVERYWHERE,
            &[
                "dealer::g04_what_was_queued_for_an_accepted_peer_that_leaves_is_dropped_and_what_it_sent_is_read",
            ],
        )],
    ),
    // ---- ROUTER ----
    rule(
        4,
        &[Router],
        "peers take turns, each message with the name of its sender",
        &[Here(
            EVERYWHERE,
            &["router::peers_take_turns_and_each_message_says_whose_it_is"],
        )],
    ),
    rule(
        4,
        &[Router],
        "what is for nobody is dropped, or given back if that is wanted (MANDATORY)",
        &[Here(
            EVERYWHERE,
            &[
                "router::a_message_for_nobody_is_dropped_and_counted",
                "router::mandatory_a_message_for_nobody_is_given_back",
            ],
        )],
    ),
    rule(
        4,
        &[Router],
        "what is for a full peer is dropped, or waits",
        &[Here(
            EVERYWHERE,
            &[
                "router::a_message_for_a_peer_at_its_mark_is_dropped_and_counted",
                "router::mandatory_a_send_to_a_full_peer_waits_and_another_peer_does_not",
            ],
        )],
    ),
    rule(
        4,
        &[Router],
        "of two with one name the second is refused, or takes it over (HANDOVER)",
        &[
            Here(
                EVERYWHERE,
                &[
                    "router::of_two_peers_with_one_routing_id_the_second_is_refused_until_the_first_has_gone",
                    "router::with_handover_the_second_takes_the_routing_id_and_the_first_is_closed",
                ],
            ),
            Beside(
                "tests/conformance/names.rs",
                "row_12_who_takes_a_name_over_gets_what_is_sent_from_then_on_and_nothing_from_before",
            ),
        ],
    ),
    rule(
        4,
        &[Router],
        "a name that is made up has five bytes, the first 0, and is nobody else's",
        &[Here(
            EVERYWHERE,
            &["router::who_has_no_routing_id_is_given_one_of_its_own"],
        )],
    ),
    rule(
        4,
        &[Router],
        "an endpoint that it has connected to keeps its name over reconnects",
        &[Here(
            EVERYWHERE,
            &["router::g02_a_connected_peer_keeps_its_id_and_its_queue_over_reconnects"],
        )],
    ),
    // ---- PUB and SUB ----
    rule(
        5,
        &[Pub, Sub],
        "the first frame is matched by its prefix, and no other",
        &[Here(
            EVERYWHERE,
            &[
                "topics::a_message_goes_to_those_who_subscribed_to_a_prefix_of_it",
                "topics::only_the_first_frame_is_a_topic",
            ],
        )],
    ),
    rule(
        5,
        &[Pub, Sub],
        "the empty subscription asks for everything, and none for nothing",
        &[Here(
            EVERYWHERE,
            &[
                "topics::an_empty_subscription_asks_for_everything",
                "topics::a_new_subscriber_is_subscribed_to_nothing",
            ],
        )],
    ),
    rule(
        5,
        &[Pub, Sub],
        "subscribed twice, the first end changes nothing and the second ends it; of what is not there none does",
        &[Here(
            EVERYWHERE,
            &[
                "topics::what_was_subscribed_twice_is_unsubscribed_by_the_second_time",
                "topics::unsubscribing_what_is_not_subscribed_changes_nothing",
                "topics::a_message_comes_once_however_many_subscriptions_match",
            ],
        )],
    ),
    rule(
        5,
        &[Pub, Sub],
        "subscriptions are made again when the publisher comes back",
        &[Here(
            EVERYWHERE,
            &[
                "subscriptions::g09_subscriptions_are_made_again_when_the_publisher_comes_back",
                "subscriptions::g09_what_changed_while_the_publisher_was_away_is_what_it_hears",
            ],
        )],
    ),
    rule(
        5,
        &[Pub, Sub],
        "a slow subscriber loses alone, or is waited for (NODROP)",
        &[Here(
            EVERYWHERE,
            &[
                "losses::g04_a_subscriber_that_does_not_read_loses_alone_and_every_loss_is_counted",
                "slow::who_waits_has_dropped_nothing_and_goes_on_when_there_is_room",
                "slow::nobody_gets_what_one_cannot_take",
            ],
        )],
    ),
    rule(
        5,
        &[Pub, Sub],
        "a message that begins with 00 or 01 is a message",
        &[Here(
            EVERYWHERE,
            &["topics::messages_that_look_like_subscriptions_are_published_intact"],
        )],
    ),
    // ---- XPUB ----
    rule(
        6,
        &[XPub],
        "the first subscription and the last end are told, or each (VERBOSE), or all (VERBOSER)",
        &[Here(
            EVERYWHERE,
            &[
                "xpub::the_first_subscriber_of_a_topic_and_its_last_are_told",
                "xpub::verbose_tells_of_every_subscription",
                "xpub::verboser_tells_of_every_change",
            ],
        )],
    ),
    rule(
        6,
        &[XPub],
        "who leaves takes back what nobody else holds",
        &[Here(
            EVERYWHERE,
            &["xpub::a_peer_that_leaves_takes_back_what_nobody_else_holds"],
        )],
    ),
    rule(
        6,
        &[XPub],
        "the program may decide (MANUAL), and welcome who comes (WELCOME_MSG)",
        &[Here(
            EVERYWHERE,
            &[
                "xpub::manual_leaves_it_to_the_program_who_gets_what",
                "xpub::whoever_comes_is_welcomed",
            ],
        )],
    ),
    rule(
        6,
        &[XPub],
        "subscriptions are understood as commands and as messages",
        &[
            Beside(
                "tests/conformance/subscriptions.rs",
                "trap_08_a_publisher_takes_both_forms_from_every_peer",
            ),
            Beside(
                "tests/conformance/audience.rs",
                "trap_08_an_xpub_hears_both_forms_as_one",
            ),
        ],
    ),
    // ---- XSUB ----
    rule(
        7,
        &[XSub],
        "subscriptions go through a proxy of XSUB and XPUB, and messages back",
        &[Here(
            EVERYWHERE,
            &[
                "xsub::a_proxy_of_both_forwards_subscriptions_and_messages_both_ways",
                "xsub::a_proxy_hears_when_the_last_subscriber_has_left",
                "xsub::it_subscribes_by_sending_and_by_name",
            ],
        )],
    ),
    rule(
        7,
        &[XSub],
        "what a program sends goes to every publisher",
        &[Here(
            EVERYWHERE,
            &[
                "xsub::messages_go_to_every_publisher_that_is_there",
                "xpub::other_messages_of_an_xsub_are_received_whole",
            ],
        )],
    ),
    // ---- PUSH and PULL ----
    rule(
        8,
        &[Push, Pull],
        "round robin out, past those without room; in turn in",
        &[Here(
            EVERYWHERE,
            &[
                "pipeline::messages_go_round",
                "pipeline::messages_go_round_among_those_who_came_to_us",
                "pipeline::one_that_has_no_room_is_passed_over",
                "pipeline::senders_take_turns",
            ],
        )],
    ),
    rule(
        8,
        &[Push, Pull],
        "a send waits while there is nobody",
        &[Here(EVERYWHERE, &["pipeline::without_a_peer_a_send_waits"])],
    ),
    rule(
        8,
        &[Push, Pull],
        "when a peer dies in the middle of a message nobody gets half of it",
        &[Here(
            EVERYWHERE,
            &["pipeline::g03_whose_peer_dies_in_the_middle_of_a_message_sends_no_half_of_it"],
        )],
    ),
    rule(
        8,
        &[Push, Pull],
        "the queue of an accepted peer that leaves is dropped, that of an endpoint kept",
        &[Here(
            EVERYWHERE,
            &[
                "pipeline::g04_the_queue_of_an_accepted_peer_that_leaves_is_dropped_and_counted",
                "pipeline::g02_a_connecting_endpoint_keeps_its_queue_for_the_next_peer",
            ],
        )],
    ),
    // ---- PAIR ----
    rule(
        9,
        &[Pair, Channel],
        "a second peer is turned away, and comes in when the first has gone",
        &[Here(
            EVERYWHERE,
            &[
                "pair::a_second_peer_is_turned_away_and_comes_in_when_the_first_has_gone",
                "pair::of_several_who_want_in_one_is_in_at_a_time",
            ],
        )],
    ),
    // ---- high-water marks ----
    rule(
        10,
        &[],
        "towards one that does not read only so much is accepted; then it is waited or dropped, and goes on when it reads",
        &[OnEachWay(&[
            "g06_no_more_is_accepted_than_the_marks_and_it_goes_on_when_there_is_room",
        ])],
    ),
    rule(10, &[], "0 is no mark", &[OnEachWay(&["zero_is_no_mark"])]),
    rule(
        10,
        &[Req],
        "one that asks is held back from what it did not ask for",
        &[Here(
            EVERYWHERE,
            &["requests::answers_that_nobody_asked_for_are_held_back_at_the_mark"],
        )],
    ),
    rule(
        10,
        &[Push, Pull],
        "what is within the marks is bounded by what the system holds, a mark is each peer's own",
        &[Here(
            EVERYWHERE,
            &[
                "marks::g06_no_more_is_accepted_than_the_marks_and_what_the_system_holds",
                "marks::a_sender_that_waits_goes_on_as_soon_as_there_is_room",
                "marks::a_mark_is_each_peers_own",
            ],
        )],
    ),
    rule(
        10,
        &[Dgram],
        "datagrams beyond the mark are dropped, and 0 is no mark",
        &[Here(
            UDP,
            &[
                "datagram::what_is_beyond_the_mark_is_dropped_and_counted",
                "datagram::zero_is_no_mark",
            ],
        )],
    ),
    rule(
        10,
        &[Radio, Dish],
        "so are those of a group",
        &[Here(
            &["unicast"],
            &["udp::what_is_beyond_the_mark_is_dropped_and_counted"],
        )],
    ),
    rule(
        10,
        &[],
        "a mark may change while the socket lives, for pipes that there are too",
        &[OnEachWay(&["marks_may_be_raised_and_lowered"])],
    ),
    // ---- linger ----
    rule(
        11,
        &[],
        "closing waits for ever, not at all, or for a time, and gives back what is left",
        &[OnEachWay(&[
            "g10_closing_waits_for_ever_or_not_at_all_or_for_a_time",
        ])],
    ),
    rule(
        11,
        &[Push],
        "for one who comes, too",
        &[Here(
            EVERYWHERE,
            &[
                "linger::g10_lingering_for_ever_waits_for_a_peer_that_comes",
                "linger::g10_who_does_not_linger_gives_back_what_is_queued",
                "linger::g10_lingering_for_a_time_takes_that_time_and_gives_back_what_is_left",
            ],
        )],
    ),
    rule(
        11,
        &[Radio, Dgram],
        "what was queued as datagrams is sent before the end",
        &[
            Here(&["unicast"], &["udp::what_was_published_is_sent_before_the_end"]),
            Here(UDP, &["datagram::what_was_queued_is_sent_before_the_end"]),
        ],
    ),
    rule(
        11,
        &[],
        "closing ends calls that wait",
        &[
            OnEachWay(&["calls_that_wait_end_when_the_socket_closes"]),
            Here(
                EVERYWHERE,
                &["linger::calls_that_wait_end_when_the_socket_closes"],
            ),
        ],
    ),
    rule(
        11,
        ZMTP,
        "closing ends what is connecting",
        &[
            Here(EVERYWHERE, &["kinds::whoever_is_connecting_closes_at_once"]),
            Beside(
                "tests/inproc.rs",
                "connecting_fails_when_the_endpoint_is_disconnected_or_the_socket_closed",
            ),
            Beside(
                "tests/conformance/reconnect.rs",
                "row_20_disconnecting_ends_every_wait_at_once",
            ),
        ],
    ),
    rule(
        11,
        &[Push, Pull],
        "so does the end of its runtime (libzmq: of its context)",
        &[
            Here(
                EVERYWHERE,
                &["linger::g05_what_is_queued_when_the_runtime_goes_is_counted"],
            ),
            Beside(
                "tests/guarantees/close.rs",
                "g10_the_end_of_a_runtime_never_hangs",
            ),
        ],
    ),
    // ---- immediate ----
    rule(
        12,
        AHEAD_KINDS,
        "nothing is queued before there is a connection, nor after it was lost",
        &[Ahead("g04_nothing_is_queued_for_nobody")],
    ),
    rule(
        12,
        &[Push],
        "what was queued for a connection that is lost is counted, and waits for no other",
        &[Here(
            EVERYWHERE,
            &[
                "immediate::nothing_is_queued_before_there_is_a_connection",
                "immediate::what_waits_when_a_connection_is_lost_waits_for_the_next",
                "immediate::g04_what_was_queued_for_a_lost_connection_is_counted_and_not_sent_again",
            ],
        )],
    ),
    rule(
        12,
        &[Router],
        "a peer that was named by connecting has its queue all the same",
        &[Here(
            EVERYWHERE,
            &["router::an_immediate_router_queues_for_connected_peers_and_for_those_that_it_named"],
        )],
    ),
    // ---- STREAM ----
    rule(
        13,
        &[Stream],
        "it is told who comes and who goes, and whose bytes they are",
        &[Here(
            STREAMS,
            &[
                "stream::comings_and_goings_are_told_around_the_bytes_of_each_peer",
                "stream::without_notices_there_are_only_bytes",
                "stream::bytes_go_both_ways_as_they_are",
            ],
        )],
    ),
    rule(
        13,
        &[Stream],
        "the program closes a peer; in libzmq's form two frames are a piece, of which an empty one closes",
        &[
            Here(
                STREAMS,
                &["stream::a_peer_that_is_closed_gets_what_was_queued_for_it_and_nothing_more"],
            ),
            Beside("tests/dynamic/mirror.rs", "streams"),
        ],
    ),
    // ---- kinds of single frames ----
    rule(
        14,
        SINGLE,
        "several frames are refused where they are sent, and dropped where they come",
        &[
            Here(
                EVERYWHERE,
                &[
                    "single_frames::a_message_of_several_frames_is_refused_and_given_back",
                    "single_frames::a_message_of_several_frames_is_refused_by_those_who_name_their_peers",
                    "radio::a_message_has_one_frame",
                ],
            ),
            Beside(
                "tests/conformance/single_frames.rs",
                "a_message_of_several_frames_is_dropped_whole_and_its_connection_goes_on",
            ),
        ],
    ),
    rule(
        14,
        &[Server, Peer],
        "SERVER and PEER: a number that is nobody's is refused",
        &[Here(
            EVERYWHERE,
            &[
                "numbers::a_number_that_was_never_given_names_nobody",
                "numbers::a_number_that_has_lost_its_peer_names_nobody",
            ],
        )],
    ),
    rule(
        14,
        &[Radio, Dish],
        "RADIO: a group is matched by its whole name; DISH: groups are joined again",
        &[Here(
            EVERYWHERE,
            &[
                "radio::a_message_goes_to_those_who_joined_its_group_by_its_whole_name",
                "radio::g09_groups_are_joined_again_when_the_radio_comes_back",
            ],
        )],
    ),
    rule(
        14,
        &[Scatter, Gather, Client, Channel],
        "SCATTER, GATHER, CLIENT and CHANNEL deal out and collect as PUSH, PULL, DEALER and PAIR do",
        &[Here(
            EVERYWHERE,
            &[
                "single_frames::a_scatter_deals_out_in_turn",
                "single_frames::a_gather_collects_in_turn",
                "single_frames::a_client_deals_out_in_turn",
                "single_frames::without_a_peer_a_send_waits",
                "pair::two_talk_both_ways_in_any_order",
            ],
        )],
    ),
    // ---- who talks to whom ----
    rule(
        15,
        ZMTP,
        "every two kinds talk to each other or refuse each other, both sides alike",
        &[
            Here(
                EVERYWHERE,
                &["kinds::every_two_kinds_meet_or_refuse_each_other_by_name"],
            ),
            Beside(
                "tests/conformance/kinds.rs",
                "every_kind_accepts_its_peers_and_refuses_all_others_by_name",
            ),
        ],
    ),
];

/// The kinds that each point concerns: all of them have to be those of a rule.
const POINTS: [(u8, &[SocketKind]); 15] = [
    (1, &[Req]),
    (2, &[Rep]),
    (3, &[Dealer]),
    (4, &[Router]),
    (5, &[Pub, Sub]),
    (6, &[XPub]),
    (7, &[XSub]),
    (8, &[Push, Pull]),
    (9, &[Pair, Channel]),
    (10, EVERY),
    (11, EVERY),
    (12, AHEAD_KINDS),
    (13, &[Stream]),
    (14, SINGLE),
    (15, ZMTP),
];

const EVERY: &[SocketKind] = &[
    Push, Pull, Pub, Sub, Req, Rep, Dealer, Router, XPub, XSub, Pair, Client, Server, Radio, Dish, Scatter,
    Gather, Peer, Channel, Stream, Dgram,
];

impl Rule {
    /// The names of the tests that there have to be.
    fn tests(&self) -> impl Iterator<Item = String> {
        self.by.iter().flat_map(|shown| match shown {
            Here(transports, checks) => each(checks, transports, |check, over| {
                let (file, name) = check.split_once("::").expect("file::check");
                format!("{file}::{over}::{name}")
            }),
            OnEachWay(checks) => {
                let ways = WAYS.iter().flat_map(|way| {
                    let over = Transport::ALL.into_iter().filter(|over| way.goes(*over));
                    let names: Vec<_> = over.map(Transport::name).collect();
                    each(checks, &names, |check, over| {
                        format!("ways::{}::{over}::{check}", way.name)
                    })
                });
                ways.collect()
            }
            Ahead(check) => {
                let names: Vec<_> = AHEAD.iter().map(|(name, _)| *name).collect();
                each(EVERYWHERE, &names, |over, name| {
                    format!("ways::{name}::{over}::{check}")
                })
            }
            Beside(..) => Vec::new(),
        })
    }

    /// The kinds that it is shown for, each as one that sends and as one that receives, if it does both.
    fn shown_for(&self, kind: SocketKind) -> bool {
        let on_ways = self.by.iter().any(|shown| matches!(shown, OnEachWay(_)));
        self.kinds.contains(&kind)
            || on_ways && WAYS.iter().any(|way| [way.sends, way.receives].contains(&kind))
    }
}

fn each(some: &[&str], others: &[&str], name: impl Fn(&str, &str) -> String) -> Vec<String> {
    let pairs = some
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| name(one, other)).collect()
}

#[test]
fn the_table_is_true() {
    let all = Command::new(env::current_exe().expect("this runs"))
        .arg("--list")
        .output()
        .expect("it runs once more");
    let all = String::from_utf8(all.stdout).expect("names are text");
    let tests: HashSet<&str> = all
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let mut wrong = Vec::new();
    for rule in TABLE {
        for test in rule.tests().filter(|test| !tests.contains(test.as_str())) {
            wrong.push(format!("{}. {}: there is no test {test}", rule.point, rule.says));
        }
        for shown in rule.by {
            let Beside(file, what) = shown else { continue };
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = fs::read_to_string(path).unwrap_or_default();
            let is_there = match file.strip_prefix("tests/") {
                Some(_) => text.contains(&format!("fn {what}(")) || text.contains(&format!("fn {what}<")),
                None => text.contains(what),
            };
            if !is_there {
                wrong.push(format!("{}. {}: {file} has no {what}", rule.point, rule.says));
            }
        }
    }
    for (point, kinds) in POINTS {
        for kind in kinds {
            let mut rules = TABLE
                .iter()
                .filter(|rule| rule.point == point && !rule.by.is_empty());
            if !rules.any(|rule| rule.shown_for(*kind)) {
                wrong.push(format!("{point}. nothing shows it for {kind}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What receives is not only met by what sends, and the other way about.
#[test]
fn every_kind_that_sends_and_every_kind_that_receives_has_its_ways() {
    let only_receive = [Pull, Sub, Dish, Gather];
    let only_send = [Push, Pub, Radio, Scatter];
    for kind in EVERY.iter().filter(|kind| **kind != Dgram) {
        let sends = WAYS.iter().any(|way| way.sends == *kind);
        let receives = WAYS.iter().any(|way| way.receives == *kind);
        assert_eq!(sends, !only_receive.contains(kind), "{kind}");
        // An answer comes to one who asks, and what else comes has a check of its own.
        assert_eq!(receives, !only_send.contains(kind) && *kind != Req, "{kind}");
    }
    let ahead: Vec<_> = AHEAD.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(ahead, AHEAD_KINDS);
}
