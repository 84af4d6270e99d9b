//! Waiting for several sockets.

use std::time::Duration;

use hubless::dynamic::event::{POLLIN, POLLOUT};
use hubless::dynamic::{Context, Errno, PollItem, kind, option, poll};

use crate::DEADLINE;

#[test]
fn whichever_is_ready_ends_the_wait() {
    let context = Context::new();
    let socket = |kind| context.socket(kind).expect("a socket");
    let (one, two, push) = (socket(kind::PULL), socket(kind::PULL), socket(kind::PUSH));
    one.bind("inproc://one").expect("a free name");
    two.bind("inproc://two").expect("a free name");
    push.connect("inproc://two").expect("a name");
    push.send("to two", 0).expect("it goes");
    let mut items = [PollItem::new(&one, POLLIN), PollItem::new(&two, POLLIN)];
    assert_eq!(poll(&mut items, DEADLINE), Ok(1));
    assert_eq!(items.map(|item| item.found()), [0, POLLIN]);
}

#[test]
fn room_that_was_found_uses_up_no_turn() {
    let context = Context::new();
    let push = context.socket(kind::PUSH).expect("a socket");
    let pulls: Vec<_> = ["inproc://a", "inproc://b"]
        .iter()
        .map(|name| {
            let pull = context.socket(kind::PULL).expect("a socket");
            pull.bind(name).expect("a free name");
            push.connect(name).expect("a name");
            pull
        })
        .collect();
    for _ in 0..10 {
        assert_eq!(poll(&mut [PollItem::new(&push, POLLOUT)], DEADLINE), Ok(1));
        assert_eq!(push.int_option(option::EVENTS), Ok(POLLOUT.into()));
        push.send("fairly", 0).expect("there is room");
    }
    for pull in pulls {
        for _ in 0..5 {
            assert_eq!(pull.recv(0).expect("its share"), "fairly");
        }
    }
}

#[test]
fn the_end_of_the_context_ends_the_wait() {
    let context = Context::new();
    let pull = context.socket(kind::PULL).expect("a socket");
    let ending = std::thread::spawn({
        let context = context.clone();
        move || context.shutdown()
    });
    assert_eq!(poll(&mut [PollItem::new(&pull, POLLIN)], None), Err(Errno::ETERM));
    ending.join().expect("it does not panic");
}

#[test]
fn when_the_time_is_up_none_is_ready() {
    let context = Context::new();
    let (pull, push) = (
        context.socket(kind::PULL).expect("a socket"),
        context.socket(kind::PUSH).expect("a socket"),
    );
    let mut items = [
        PollItem::new(&pull, POLLIN | POLLOUT),
        PollItem::new(&push, POLLIN | POLLOUT),
    ];
    assert_eq!(poll(&mut items, Duration::from_millis(5)), Ok(0));
    assert_eq!(poll(&mut [], Duration::ZERO), Ok(0));
}
