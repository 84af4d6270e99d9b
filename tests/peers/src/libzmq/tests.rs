//! The face works: messages pass over tcp and ipc, CURVE is there, drops do not wait.

use std::sync::Arc;
use std::time::Duration;

use super::*;

/// Longest wait for something that must happen.
const SOON: Duration = Duration::from_secs(10);

const TRANSPORTS: [&str; 2] = ["tcp://127.0.0.1:*", "ipc://*"];

#[test]
fn the_library_is_4_3_5_with_curve_ipc_and_drafts() {
    assert_eq!(version(), (4, 3, 5));
    for capability in ["curve", "ipc", "draft"] {
        assert!(has(capability), "{capability}");
    }
    assert!(!has("norm"));
    assert!(build_flags().contains("-O2") && build_flags().contains("ZMQ_HAVE_EVENTFD"));
}

#[test]
fn a_pull_receives_what_a_push_sends() -> Result<()> {
    for transport in TRANSPORTS {
        let context = Context::new();
        let pull = context.socket(SocketType::Pull)?;
        let endpoint = pull.bind(transport)?;
        assert_ne!(endpoint, transport, "resolved");
        let push = context.socket(SocketType::Push)?;
        push.connect(&endpoint)?;

        push.send(&["one"])?;
        push.send(&[&b"many"[..], b"", &[7; 100_000]])?;
        assert_eq!(pull.recv_timeout(SOON)?, [b"one".to_vec()]);
        assert_eq!(
            pull.recv_timeout(SOON)?,
            [b"many".to_vec(), vec![], vec![7; 100_000]]
        );
        assert!(pull.try_recv().is_err_and(|error| error.would_block()));
    }
    Ok(())
}

#[test]
fn a_rep_answers_a_req() -> Result<()> {
    for transport in TRANSPORTS {
        let context = Context::new();
        let rep = context.socket(SocketType::Rep)?;
        let req = context.socket(SocketType::Req)?;
        req.connect(&rep.bind(transport)?)?;

        req.send(&["question"])?;
        let question = rep.recv_timeout(SOON)?;
        rep.send(&[&question[0][..], b"answer"])?;
        assert_eq!(
            req.recv_timeout(SOON)?,
            [b"question".to_vec(), b"answer".to_vec()]
        );
    }
    Ok(())
}

#[test]
fn a_sub_receives_only_what_it_asked_for() -> Result<()> {
    for transport in TRANSPORTS {
        let context = Context::new();
        // XPUB shows when the subscription has arrived, so nothing has to sleep.
        let publisher = context.socket(SocketType::XPub)?;
        let sub = context.socket(SocketType::Sub)?;
        sub.subscribe("b")?;
        sub.connect(&publisher.bind(transport)?)?;
        assert_eq!(publisher.recv_timeout(SOON)?, [b"\x01b".to_vec()]);

        publisher.send(&["a1"])?;
        publisher.send(&["b1"])?;
        assert_eq!(sub.recv_timeout(SOON)?, [b"b1".to_vec()]);
    }
    Ok(())
}

#[test]
fn curve_encrypts_between_two_sockets() -> Result<()> {
    let keys = CurveKeys::generate()?;
    assert_eq!(CurveKeys::from_secret(&keys.secret)?, keys);
    let ours = CurveKeys::generate()?;

    let context = Context::new();
    let pull = context.socket(SocketType::Pull)?;
    pull.set(option::CURVE_SERVER, 1)?;
    pull.set_bytes(option::CURVE_SECRETKEY, &keys.secret)?;
    let push = context.socket(SocketType::Push)?;
    push.set_bytes(option::CURVE_SERVERKEY, &keys.public)?;
    push.set_bytes(option::CURVE_PUBLICKEY, &ours.public)?;
    push.set_bytes(option::CURVE_SECRETKEY, &ours.secret)?;
    assert_eq!(push.get(option::MECHANISM)?, 2);

    push.connect(&pull.bind("tcp://127.0.0.1:*")?)?;
    push.send(&["secret"])?;
    assert_eq!(pull.recv_timeout(SOON)?, [b"secret".to_vec()]);
    Ok(())
}

#[test]
fn frames_in_libzmqs_own_form_arrive_and_shared_bytes_come_back() -> Result<()> {
    let context = Context::new();
    let pull = context.socket(SocketType::Pull)?;
    let push = context.socket(SocketType::Push)?;
    push.connect(&pull.bind("tcp://127.0.0.1:*")?)?;
    let shared = Arc::new(vec![3; 50_000]);

    push.send_slice(b"slice", Wait::Yes)?;
    push.send_msg(&mut Msg::copy_of(b"copy")?, Wait::Yes)?;
    push.send_msg(&mut Msg::shared(Arc::clone(&shared))?, Wait::Yes)?;

    let mut message = Msg::new();
    for expected in [&b"slice"[..], b"copy", &shared] {
        pull.recv_into(&mut message, Wait::Yes)?;
        assert_eq!(message.bytes(), expected);
        assert!(!message.more());
    }
    drop((push, pull, context)); // the context waits for its I/O thread, so after this nothing holds the bytes
    assert_eq!(Arc::strong_count(&shared), 1);
    Ok(())
}

#[test]
fn a_monitor_tells_of_listeners_and_handshakes_and_can_go_first() -> Result<()> {
    let context = Context::new();
    let pull = context.socket(SocketType::Pull)?;
    let monitor = Monitor::new(&context, &pull)?;
    let endpoint = pull.bind("tcp://127.0.0.1:*")?;
    assert_eq!(monitor.next(SOON)?.kind, EventKind::Listening);

    let push = context.socket(SocketType::Push)?;
    push.connect(&endpoint)?;
    assert_eq!(
        monitor.wait_for(EventKind::HandshakeSucceeded, SOON)?.endpoint,
        endpoint
    );
    drop(push);
    monitor.wait_for(EventKind::Disconnected, SOON)?;
    drop(monitor);
    pull.unbind(&endpoint)
}

#[test]
fn polling_finds_the_socket_that_has_something() -> Result<()> {
    let context = Context::new();
    let (quiet, busy) = (
        context.socket(SocketType::Pull)?,
        context.socket(SocketType::Pull)?,
    );
    quiet.bind("tcp://127.0.0.1:*")?;
    let push = context.socket(SocketType::Push)?;
    push.connect(&busy.bind("tcp://127.0.0.1:*")?)?;
    assert!(!busy.wait_readable(Duration::ZERO)?);

    push.send(&["x"])?;
    let mut items = [PollItem::reading(&quiet), PollItem::reading(&busy)];
    assert_eq!(poll(&mut items, Some(SOON))?, 1);
    assert!(!items[0].readable() && items[1].readable());
    Ok(())
}

#[test]
fn draft_sockets_address_by_number_and_group() -> Result<()> {
    let context = Context::new();
    let (server, client) = (
        context.socket(SocketType::Server)?,
        context.socket(SocketType::Client)?,
    );
    client.connect(&server.bind("tcp://127.0.0.1:*")?)?;
    client.send(&["hello"])?;
    let mut message = Msg::new();
    server.recv_into(&mut message, Wait::Yes)?;
    let mut answer = Msg::copy_of(b"there")?;
    answer.set_routing_id(message.routing_id())?;
    server.send_msg(&mut answer, Wait::Yes)?;
    assert_eq!(client.recv_timeout(SOON)?, [b"there".to_vec()]);
    Ok(())
}

#[test]
fn dropping_with_unsent_messages_does_not_wait() -> Result<()> {
    let context = Context::new();
    let push = context.socket(SocketType::Push)?;
    push.connect("tcp://127.0.0.1:1")?; // nobody listens there
    push.send(&["lost"])?;
    drop((push, context));
    Ok(())
}

#[test]
fn errors_name_the_call_and_the_reason() -> Result<()> {
    let context = Context::new();
    let pull = context.socket(SocketType::Pull)?;
    let error = pull.bind("tcp://nonsense").expect_err("not an endpoint");
    assert_eq!(error.to_string(), "zmq_bind: Invalid argument (errno 22)");
    assert_eq!(
        pull.send(&["x"]).expect_err("receives only").errno(),
        libc::ENOTSUP
    );
    Ok(())
}
