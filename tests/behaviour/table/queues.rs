//! What holds for the queues of all kinds, and for closing: points 10 to 12.

use hubless::SocketKind::{Dgram, Dish, Pull, Push, Radio, Req, Router};

use super::Shown::{Ahead, Beside, Here, OnEachWay};
use super::{AHEAD_KINDS, EVERYWHERE, Rule, UDP, ZMTP, rule};

pub(super) const RULES: &[Rule] = &[
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
];
