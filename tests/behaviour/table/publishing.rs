//! Those that publish and subscribe: points 5 to 7.

use hubless::SocketKind::{Pub, Sub, XPub, XSub};

use super::Shown::{Beside, Here};
use super::{EVERYWHERE, Rule, rule};

pub(super) const RULES: &[Rule] = &[
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
];
