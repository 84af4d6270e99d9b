//! Who gets which name, and whom a message for it goes to.

use super::*;

fn addressed(handover: bool) -> Addressed {
    Addressed::new(AddressedConfig {
        outbox: OutboxConfig::with_marks(2, usize::MAX),
        handover,
        mandatory: true,
        first: u32::MAX,
    })
}

fn lane(slot: u32) -> PipeId {
    PipeId { slot, generation: 1 }
}

/// A peer that came to us and says its name; nobody asks who it is.
fn comes(addressed: &Addressed, name: &str) -> (PipeId, Result<Welcome, NameTaken>) {
    let pipe = addressed.attach();
    (pipe, says(addressed, pipe, name, Principal::Anybody))
}

fn says(addressed: &Addressed, pipe: PipeId, name: &str, principal: Principal) -> Result<Welcome, NameTaken> {
    let who = Newcomer {
        name: name.as_bytes(),
        principal,
        lane: Some(lane(pipe.slot)),
        outlives: false,
    };
    addressed.introduce(pipe, who)
}

fn welcome(name: &[u8]) -> Result<Welcome, NameTaken> {
    Ok(Welcome {
        name: Some(name.to_vec().into()),
        displaced: None,
    })
}

fn sent(addressed: &Addressed, to: impl Into<RoutingId>) -> Result<(), Refusal> {
    addressed.try_send(&to.into(), &"message".into())
}

#[test]
fn who_has_no_name_is_given_one_of_five_bytes_that_nobody_else_has() {
    let addressed = addressed(false);
    assert_eq!(comes(&addressed, "").1, welcome(b"\0\xff\xff\xff\xff"));
    let (second, is) = comes(&addressed, "");
    assert_eq!(is, welcome(b"\0\0\0\0\0"), "the numbers go on over their end");

    // And if they come again, those that are in use are left out.
    addressed.names.lock().next = u32::MAX;
    assert_eq!(comes(&addressed, "").1, welcome(b"\0\0\0\0\x01"));
    addressed.names.lock().next = 0;
    addressed.detach(second, DropReason::PipeClosed);
    assert_eq!(comes(&addressed, "").1, welcome(b"\0\0\0\0\0"));
}

#[test]
fn a_message_goes_to_whoever_has_the_name_now() {
    let addressed = addressed(false);
    let (first, _) = comes(&addressed, "a");
    let (second, _) = comes(&addressed, "b");
    assert_eq!(sent(&addressed, "b"), Ok(()));
    assert_eq!(addressed.queued(first).messages, 0);
    assert_eq!(addressed.queued(second).messages, 1);
    assert_eq!(sent(&addressed, "c"), Err(Refusal::Gone));

    addressed.detach(second, DropReason::PipeClosed);
    assert_eq!(sent(&addressed, "b"), Err(Refusal::Gone));
    let (third, is) = comes(&addressed, "b");
    assert_eq!(is, welcome(b"b"));
    assert_eq!(third.slot, second.slot);
    assert_eq!(sent(&addressed, "b"), Ok(()));
    assert_eq!(addressed.queued(third).messages, 1);
}

#[test]
fn an_id_that_came_with_a_message_finds_its_peer_by_itself_and_the_next_of_that_name_too() {
    let addressed = addressed(false);
    let (first, _) = comes(&addressed, "a");
    let id = addressed.sender(lane(first.slot)).expect("it is known");
    assert_eq!(id.hint(), Some(first));
    assert_eq!(sent(&addressed, &id), Ok(()));

    addressed.detach(first, DropReason::PipeClosed);
    let stranger = comes(&addressed, "stranger").0;
    assert_eq!(stranger.slot, first.slot, "in the same place");
    assert_eq!(sent(&addressed, &id), Err(Refusal::Gone));
    let (again, _) = comes(&addressed, "a");
    assert_eq!(sent(&addressed, &id), Ok(()));
    assert_eq!(addressed.queued(stranger).messages, 0);
    assert_eq!(addressed.queued(again).messages, 1);
}

#[test]
fn a_name_that_is_taken_is_refused_and_free_again_when_its_holder_ends() {
    let addressed = addressed(false);
    let (first, _) = comes(&addressed, "a");
    let (second, is) = comes(&addressed, "a");
    assert_eq!(is, Err(NameTaken));
    addressed.detach(second, DropReason::PipeClosed);
    assert_eq!(
        addressed.find(b"a"),
        Some(first),
        "whoever was refused takes nothing away"
    );
    addressed.detach(first, DropReason::PipeClosed);
    assert_eq!(comes(&addressed, "a").1, welcome(b"a"));
}

#[test]
fn a_name_is_handed_over_if_the_socket_does_so_and_the_old_pipe_takes_nothing_more() {
    let addressed = addressed(true);
    let (old, _) = comes(&addressed, "a");
    let id = addressed.sender(lane(old.slot)).expect("it is known");
    let (new, is) = comes(&addressed, "a");
    assert_eq!(is.map(|welcome| welcome.displaced), Ok(Some(old)));
    assert_eq!(sent(&addressed, &id), Ok(()));
    assert_eq!(sent(&addressed, "a"), Ok(()));
    assert_eq!(
        (addressed.queued(old).messages, addressed.queued(new).messages),
        (0, 2)
    );

    // What it had sent is its own still, and the end of its pipe takes nothing away.
    assert_eq!(addressed.sender(lane(old.slot)), Some(id));
    addressed.detach(old, DropReason::PipeClosed);
    assert_eq!(addressed.find(b"a"), Some(new));
}

#[test]
fn row_12_a_name_is_handed_over_to_the_same_principal_only() {
    let named = |name: &str| Principal::Named(name.into());
    for (holder, claimant, handed) in [
        (Principal::Anybody, Principal::Anybody, true),
        (named("alice"), named("alice"), true),
        (named("alice"), named("mallory"), false),
        (named("alice"), Principal::Anybody, false),
        (Principal::Anybody, named("alice"), false),
        // Each was let in, but nothing says that they are the same.
        (Principal::Unnamed, Principal::Unnamed, false),
        (named("alice"), Principal::Unnamed, false),
    ] {
        let addressed = addressed(true);
        let pipe = addressed.attach();
        assert_eq!(says(&addressed, pipe, "a", holder.clone()), welcome(b"a"));
        let newcomer = addressed.attach();
        let said = says(&addressed, newcomer, "a", claimant.clone());
        assert_eq!(said.is_ok(), handed, "{holder:?} and {claimant:?}");
    }
}

#[test]
fn an_endpoint_keeps_its_name_whatever_its_peers_call_themselves() {
    let addressed = addressed(true);
    let pipe = addressed.attach_as(&"mine".into()).expect("nobody has it");
    assert_eq!(addressed.attach_as(&"mine".into()), Err(NameTaken));
    assert_eq!(sent(&addressed, "mine"), Ok(()), "before anybody is there");
    for name in ["other", "", "mine"] {
        assert_eq!(says(&addressed, pipe, name, Principal::Anybody), welcome(b"mine"));
    }
    assert_eq!(
        comes(&addressed, "mine").1,
        Err(NameTaken),
        "not even by handover"
    );
    assert_eq!(sent(&addressed, "other"), Err(Refusal::Gone));
    assert_eq!(sent(&addressed, "mine"), Ok(()));
    assert_eq!(sent(&addressed, "mine"), Err(Refusal::Full));
}

#[test]
fn the_first_name_of_an_endpoint_stays_with_it() {
    let addressed = addressed(false);
    let pipe = addressed.attach();
    let first = says(&addressed, pipe, "", Principal::Anybody);
    assert_eq!(first, welcome(b"\0\xff\xff\xff\xff"));
    assert_eq!(says(&addressed, pipe, "", Principal::Anybody), first);
    assert_eq!(says(&addressed, pipe, "late", Principal::Anybody), first);
}

#[test]
fn a_lane_that_is_another_peers_by_now_is_not_taken_for_its() {
    let addressed = addressed(false);
    let _ = comes(&addressed, "a");
    let before = PipeId {
        slot: 0,
        generation: 0,
    };
    assert_eq!(addressed.sender(lane(0)), Some("a".into()));
    assert_eq!(addressed.sender(before), None);
    assert_eq!(addressed.sender(lane(7)), None);
}

#[test]
fn what_may_be_chosen_has_1_to_255_bytes_and_does_not_begin_with_0() {
    let may = |id: &[u8]| RoutingId::from(id).may_be_chosen();
    assert!(may(b"a") && may(&[255; 255]));
    assert!(!may(b"") && !may(&[1; 256]) && !may(b"\0abc"));
}
