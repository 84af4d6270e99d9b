//! Those that ask and answer: points 1 to 4.

use hubless::SocketKind::{Dealer, Rep, Req, Router};

use super::Shown::{Beside, Here};
use super::{EVERYWHERE, Rule, rule};

pub(super) const RULES: &[Rule] = &[
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
];
