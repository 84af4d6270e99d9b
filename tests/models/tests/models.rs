//! Runs the models of `src`: each holds for every order of events.

macro_rules! models {
    ($($file:ident: $($model:ident)*;)*) => {
        $($(#[test] fn $model() { models::$file::$model(stringify!($model)) })*)*
    };
}

models! {
    outgoing:
        senders_and_driver_share_one_line
        a_driver_that_is_called_comes
        senders_at_the_mark_all_get_through
        room_made_in_the_middle_of_a_batch_is_noticed
        who_gives_up_passes_his_turn_on
        a_permit_given_back_is_room_for_another
        what_was_taken_before_the_close_goes_out
        a_close_wakes_all_who_wait_for_a_peer
        room_in_two_pipes_is_room_for_two
        a_new_connection_goes_on_where_the_old_one_was_cut
        a_torn_message_leaves_its_room
        a_new_peer_is_room_for_those_who_wait
        a_command_never_lands_inside_a_message
        nobody_writes_before_the_driver_has
        a_request_is_taken_back_or_sent
        who_names_a_pipe_waits_for_its_room
        who_gives_up_a_pipe_passes_his_turn_on
        the_end_of_a_pipe_is_told_to_who_waits_for_it
        ;
    incoming:
        credit_comes_back_to_a_driver_at_the_mark
        receivers_share_what_drivers_bring
        who_gives_up_leaves_the_message_to_another
        a_chunk_of_two_reaches_two_who_wait
        a_peer_that_has_left_is_read_to_its_end
        a_close_wakes_all_who_wait
        ;
    budget:
        what_leaves_one_socket_is_room_for_another
        all_who_wait_for_a_budget_are_told
        who_gives_up_a_budget_keeps_nobody_waiting
        what_is_read_and_what_is_sent_are_room_for_each_other
        a_close_is_room_for_others
        ;
    pace:
        a_driver_at_the_pace_is_called_by_receivers
        a_driver_at_the_pace_goes_on_by_the_clock
        a_sender_at_the_pace_goes_on_as_the_line_moves
        a_sender_at_the_pace_goes_on_while_the_line_stands_still
        a_line_that_goes_on_when_it_stood_still_keeps_nobody_waiting
        ;
}
