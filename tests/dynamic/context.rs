//! Contexts: how many sockets there are, and how they end.

use std::thread;

use hubless::dynamic::{Context, Errno, IO_THREADS, MAX_SOCKETS, SOCKET_LIMIT, flag, kind, option};

/// A port that the system chose.
fn listen(socket: &hubless::dynamic::Socket) -> String {
    socket.bind("tcp://127.0.0.1:*").expect("there are free ports");
    String::from_utf8(socket.option(option::LAST_ENDPOINT).expect("it is bound")).expect("it is text")
}

#[test]
fn there_are_as_many_sockets_as_were_allowed() {
    let context = Context::new();
    assert_eq!(context.get(MAX_SOCKETS), Ok(1023));
    context.set(MAX_SOCKETS, 2).expect("a number");
    let one = context.socket(kind::PAIR).expect("one");
    let _two = context.socket(kind::PAIR).expect("two");
    assert_eq!(context.socket(kind::PAIR).err(), Some(Errno::EMFILE));
    drop(one);
    assert!(context.socket(kind::PAIR).is_ok());
}

#[test]
fn what_no_context_can_be_is_refused() {
    let context = Context::new();
    assert_eq!(context.socket(21).err(), Some(Errno::EINVAL));
    assert_eq!(context.socket(-1).err(), Some(Errno::EINVAL));
    for (number, value) in [(MAX_SOCKETS, 0), (IO_THREADS, -1), (SOCKET_LIMIT, 1), (4711, 1)] {
        assert_eq!(context.set(number, value), Err(Errno::EINVAL));
    }
    assert_eq!(context.get(4711), Err(Errno::EINVAL));
    let _socket = context.socket(kind::PAIR).expect("a socket");
    assert_eq!(context.set(IO_THREADS, 1), Err(Errno::EINVAL));
}

#[test]
fn threads_of_the_context_carry_its_sockets() {
    let context = Context::new();
    context.set(IO_THREADS, 1).expect("a number");
    let (pull, push) = (
        context.socket(kind::PULL).expect("a socket"),
        context.socket(kind::PUSH).expect("a socket"),
    );
    push.connect(&listen(&pull)).expect("it can be dialed");
    push.send("hello", 0).expect("it goes");
    assert_eq!(pull.recv(0).expect("it comes"), "hello");
}

#[test]
fn the_end_waits_until_what_was_sent_is_on_its_way() {
    let (here, there) = (Context::new(), Context::new());
    let pull = there.socket(kind::PULL).expect("a socket");
    let endpoint = listen(&pull);
    let push = here.socket(kind::PUSH).expect("a socket");
    push.connect(&endpoint).expect("it can be dialed");
    for _ in 0..100 {
        push.send("message", 0).expect("it goes");
    }
    drop(push);
    here.terminate().expect("this thread may wait");
    for _ in 0..100 {
        assert_eq!(pull.recv(0).expect("it comes"), "message");
    }
}

#[test]
fn the_end_waits_for_sockets_in_other_threads_which_are_told() {
    let context = Context::new();
    let pull = context.socket(kind::PULL).expect("a socket");
    let waiting = thread::spawn(move || pull.recv(0));
    context.terminate().expect("this thread may wait");
    assert_eq!(waiting.join().expect("it does not panic"), Err(Errno::ETERM));
    assert_eq!(context.socket(kind::PULL).err(), Some(Errno::ETERM));
}

#[test]
fn what_lingers_no_more_is_dropped_at_the_end() {
    let context = Context::new();
    let push = context.socket(kind::PUSH).expect("a socket");
    push.connect("tcp://127.0.0.1:1").expect("it can be dialed");
    push.send("to nobody", 0).expect("it is queued");
    push.set_int_option(option::LINGER, 0).expect("at any time");
    drop(push);
    // Or it would wait for 30 seconds.
    context.terminate().expect("this thread may wait");
}

#[test]
fn nobody_waits_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let context = Context::new();
    let pull = context.socket(kind::PULL).expect("a socket");
    runtime.block_on(async {
        assert_eq!(pull.bind("inproc://here"), Err(Errno::EDEADLK));
        assert_eq!(pull.recv(0), Err(Errno::EDEADLK));
        assert_eq!(pull.recv(flag::DONTWAIT), Err(Errno::EAGAIN));
    });
}
