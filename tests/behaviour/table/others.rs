//! The other kinds, and who talks to whom: points 8, 9 and 13 to 15.

use hubless::SocketKind::{
    Channel, Client, Dish, Gather, Pair, Peer, Pull, Push, Radio, Scatter, Server, Stream,
};

use super::Shown::{Beside, Here};
use super::{EVERYWHERE, Rule, SINGLE, STREAMS, ZMTP, rule};

pub(super) const RULES: &[Rule] = &[
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
            Beside("tests/dynamic/mirror/messages.rs", "streams"),
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
