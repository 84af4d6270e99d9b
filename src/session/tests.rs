//! Sessions as bytes in and bytes out, in virtual time.

mod legacy;
mod mechanisms;

use super::*;
use crate::error::Foreign;

/// The same moment in every test.
fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
}

pub(super) fn config(kind: SocketKind) -> SessionConfig {
    SessionConfig {
        raw: None,
        kind,
        routing_id: Bytes::new(),
        properties: Vec::new(),
        mechanism: Mechanism::default(),
        legacy: false,
        handshake_timeout: Some(Duration::from_secs(10)),
        heartbeat: None,
    }
}

fn session(kind: SocketKind) -> Session {
    Session::new(Arc::new(config(kind)), start())
}

/// What a peer sends until it is done with the handshake.
fn hello(minor: u8, socket_type: &str) -> Vec<u8> {
    let mut bytes = greeting([3, minor], b"NULL");
    bytes.extend_from_slice(&ready(socket_type));
    bytes
}

fn greeting(version: [u8; 2], mechanism: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F];
    bytes.extend_from_slice(&version);
    bytes.extend_from_slice(mechanism);
    bytes.resize(64, 0);
    bytes
}

fn ready(socket_type: &str) -> Vec<u8> {
    let mut metadata = b"\x0BSocket-Type\x00\x00\x00".to_vec();
    metadata.push(socket_type.len() as u8);
    metadata.extend_from_slice(socket_type.as_bytes());
    let mut bytes = Vec::new();
    command::put_ready(&mut bytes, &metadata);
    bytes
}

fn command_frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::frame::put_header(&mut bytes, crate::frame::COMMAND, body.len());
    bytes.extend_from_slice(body);
    bytes
}

fn take_output(session: &mut Session) -> Vec<u8> {
    std::mem::take(session.output())
}

fn feed(session: &mut Session, bytes: &[u8]) -> Result<BytesMut, ProtocolError> {
    let mut input = BytesMut::from(bytes);
    session.handle_bytes(start(), &mut input).map(|()| input)
}

/// A session in traffic with a peer of ZMTP 3.`minor`, its output and events taken.
fn established(kind: SocketKind, minor: u8) -> Session {
    established_with(config(kind), minor)
}

fn established_with(config: SessionConfig, minor: u8) -> Session {
    let peer = config.kind.peers()[0].name();
    let mut session = Session::new(Arc::new(config), start());
    feed(&mut session, &hello(minor, peer)).expect("the peer is fine");
    assert!(matches!(session.poll_event(), Some(SessionEvent::Established(_))));
    take_output(&mut session);
    session
}

/// The error that these bytes lead to, and what is said to the peer about it behind our READY.
fn refusal(kind: SocketKind, bytes: &[u8]) -> (ProtocolError, Vec<u8>) {
    let mut session = session(kind);
    let error = feed(&mut session, bytes).expect_err("the peer is to be refused");
    assert_eq!(
        feed(&mut session, bytes),
        Err(error.clone()),
        "a failed session stays failed"
    );
    assert!(!session.is_established());
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.poll_timeout(), None);
    let output = take_output(&mut session);
    (error, output)
}

/// How a peer of ours begins, and one of libzmq's.
const OPENING: &[u8] = b"\xFF\0\0\0\0\0\0\0\0\x7F\x03";
const LIBZMQ_LIKE: &[u8] = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x03\x01NULL";

// ---- the happy path --------------------------------------------------------------------------------------

#[test]
fn two_sessions_introduce_themselves() {
    let mut dealer = Session::new(
        Arc::new(SessionConfig {
            routing_id: "me".into(),
            ..config(SocketKind::Dealer)
        }),
        start(),
    );
    let mut router = session(SocketKind::Router);
    let (mut to_router, mut to_dealer) = (BytesMut::new(), BytesMut::new());
    let mut turns = 0;
    while !(dealer.is_established() && router.is_established()) {
        to_router.extend_from_slice(&take_output(&mut dealer));
        to_dealer.extend_from_slice(&take_output(&mut router));
        router
            .handle_bytes(start(), &mut to_router)
            .expect("a DEALER is fine");
        dealer
            .handle_bytes(start(), &mut to_dealer)
            .expect("a ROUTER is fine");
        turns += 1;
    }
    assert_eq!(
        turns, 2,
        "one round trip for the version, and everything else in the next"
    );
    assert_eq!((to_router.len(), to_dealer.len()), (0, 0));
    let expected = |kind, routing_id| Introduction {
        kind: Some(kind),
        routing_id,
        version: (3, 1),
        mechanism: "NULL",
        user_id: None,
        metadata: Vec::new(),
    };
    assert_eq!(
        router.poll_event(),
        Some(SessionEvent::Established(expected(
            SocketKind::Dealer,
            "me".into()
        )))
    );
    assert_eq!(
        dealer.poll_event(),
        Some(SessionEvent::Established(expected(
            SocketKind::Router,
            Bytes::new()
        )))
    );
    assert_eq!((router.poll_event(), dealer.poll_event()), (None, None));
}

#[test]
fn all_that_a_dealer_says_are_the_vectors_of_the_specification() {
    let mut session = session(SocketKind::Dealer);
    assert_eq!(*session.output(), OPENING);
    feed(&mut session, OPENING).expect("it is version 3");
    let said = take_output(&mut session);
    assert_eq!(said.len(), 11, "what is being written is not touched");
    let said = take_output(&mut session);
    let (rest, ready) = said.split_at(53);
    assert_eq!(rest[..5], *b"\x01NULL");
    assert_eq!(rest[5..], [0; 48]);
    assert_eq!(
        ready,
        b"\x04\x29\x05READY\x0BSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    );
}

#[test]
fn the_ready_of_a_sub_is_the_vector_of_the_specification() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, OPENING).expect("it is version 3");
    let said = take_output(&mut session);
    assert_eq!(
        said[64..],
        *b"\x04\x19\x05READY\x0BSocket-Type\x00\x00\x00\x03SUB"
    );
}

#[test]
fn the_same_stream_cut_anywhere_gives_the_same() {
    let mut stream = hello(1, "PUSH");
    let hello_len = stream.len();
    stream.extend_from_slice(b"\x00\x05hello");
    let expected = {
        let mut session = session(SocketKind::Pull);
        let rest = feed(&mut session, &stream).expect("the peer is fine");
        (session.poll_event(), rest, take_output(&mut session))
    };
    assert_eq!(expected.1, stream[hello_len..]);

    // In two pieces, and in pieces of one byte.
    let pieces = (1..stream.len()).map(|cut| vec![&stream[..cut], &stream[cut..]]);
    for pieces in pieces.chain([stream.chunks(1).collect::<Vec<_>>()]) {
        let mut session = session(SocketKind::Pull);
        let mut input = BytesMut::new();
        for piece in pieces {
            input.extend_from_slice(piece);
            session
                .handle_bytes(start(), &mut input)
                .expect("the peer is fine");
        }
        assert_eq!((session.poll_event(), input, take_output(&mut session)), expected);
    }
}

#[test]
fn a_peer_that_does_not_say_what_it_is_is_accepted() {
    let mut session = session(SocketKind::Pull);
    let bytes = [greeting([3, 1], b"NULL"), command_frame(b"\x05READY")].concat();
    feed(&mut session, &bytes).expect("libzmq accepts it too");
    let Some(SessionEvent::Established(introduction)) = session.poll_event() else {
        panic!("the handshake is complete");
    };
    assert_eq!((introduction.kind, introduction.metadata.len()), (None, 0));
}

#[test]
fn metadata_reach_the_program() {
    let mut session = session(SocketKind::Pull);
    let ready =
        command_frame(b"\x05READY\x03X-a\0\0\0\x01b\x07User-Id\0\0\0\x04root\x08Resource\0\0\0\x05/jobs");
    feed(&mut session, &[greeting([3, 0], b"NULL"), ready].concat()).expect("the peer is fine");
    let Some(SessionEvent::Established(introduction)) = session.poll_event() else {
        panic!("the handshake is complete");
    };
    assert_eq!(introduction.version, (3, 0));
    // `Resource` is an idea of ZMTP 3.1 that nobody has taken up; it does no harm.
    let told = [("X-a", "b"), ("Resource", "/jobs")];
    let told = told.map(|(name, value)| (name.to_owned(), Bytes::from(value)));
    assert_eq!(introduction.metadata, told);
}

#[test]
fn an_established_session_is_small_and_keeps_no_buffers() {
    assert!(size_of::<Session>() < 320, "{} bytes", size_of::<Session>());
    let mut session = established(SocketKind::Pull, 1);
    assert_eq!(session.output().capacity(), 0);
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.events.capacity(), 0);
}

// ---- traps -----------------------------------------------------------------------------------------------

#[test]
fn trap_01_padding_is_not_looked_at() {
    let mut bytes = hello(1, "PUSH");
    bytes[1..9].copy_from_slice(b"whatever");
    let mut session = session(SocketKind::Pull);
    feed(&mut session, &bytes).expect("padding means nothing");
    assert!(session.is_established());
}

#[test]
fn trap_02_as_server_and_filler_are_not_looked_at() {
    let mut bytes = hello(1, "PUSH");
    bytes[32..64].fill(0xAA);
    let mut session = session(SocketKind::Pull);
    feed(&mut session, &bytes).expect("as-server means nothing with NULL");
    assert!(session.is_established());
}

#[test]
fn trap_03_no_more_than_eleven_bytes_go_out_before_the_version_is_known() {
    let mut session = session(SocketKind::Pull);
    assert_eq!(take_output(&mut session).len(), 11);
    let mut input = BytesMut::new();
    for byte in &LIBZMQ_LIKE[..10] {
        input.extend_from_slice(&[*byte]);
        session
            .handle_bytes(start(), &mut input)
            .expect("it may be version 3");
        assert!(session.output().is_empty());
    }
    input.extend_from_slice(&LIBZMQ_LIKE[10..11]);
    session
        .handle_bytes(start(), &mut input)
        .expect("it is version 3");
    assert!(session.output().len() >= 53);
}

#[test]
fn trap_04_ready_is_sent_without_waiting_for_the_peers() {
    let mut session = session(SocketKind::Sub);
    take_output(&mut session);
    feed(&mut session, OPENING).expect("it is version 3");
    assert!(take_output(&mut session).ends_with(&ready("SUB")));
    assert!(!session.is_established());
}

/// What libzmq says, but for its READY.
fn libzmq_like() -> Vec<u8> {
    let mut greeting = LIBZMQ_LIKE.to_vec();
    greeting.resize(64, 0);
    greeting
}

#[test]
fn to_one_that_is_like_libzmq_ready_is_the_answer() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, &libzmq_like()).expect("it is well formed");
    let said = [take_output(&mut session), take_output(&mut session)].concat();
    assert_eq!(said.len(), 64);
    assert_eq!(session.explain_end(), None, "it knows nothing of us");
    feed(&mut session, &ready("PUB")).expect("it is well formed");
    assert!(session.is_established());
    assert_eq!(take_output(&mut session), ready("SUB"));
}

#[test]
fn one_that_is_like_libzmq_and_does_not_fit_is_named_and_hears_what_we_are() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, &libzmq_like()).expect("it is well formed");
    let error = feed(&mut session, &ready("PUSH")).expect_err("it does not fit");
    assert_eq!(
        error.to_string(),
        "peer announced PUSH, a SUB accepts PUB or XPUB"
    );
    let said = [take_output(&mut session), take_output(&mut session)].concat();
    assert!(said[64..].starts_with(&ready("SUB")));
    assert!(said.ends_with(b"wrong socket type for a SUB"));
}

#[test]
fn trap_04_one_that_is_like_libzmq_and_waits_is_not_waited_for() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, &libzmq_like()).expect("it is well formed");
    drop((take_output(&mut session), take_output(&mut session)));
    let patient = session.poll_timeout().expect("patience ends");
    assert!(patient < start() + Duration::from_secs(1));
    session.handle_timeout(start()).expect("it is early");
    assert!(session.output().is_empty());
    session
        .handle_timeout(patient)
        .expect("the handshake has more time");
    assert_eq!(take_output(&mut session), ready("SUB"));
    assert_eq!(session.poll_timeout(), Some(start() + Duration::from_secs(10)));
    feed(&mut session, &ready("PUB")).expect("it is well formed");
    assert!(session.is_established() && session.output().is_empty());
}

#[test]
fn with_legacy_we_are_like_libzmq_and_introduce_ourselves_at_once() {
    let legacy = SessionConfig {
        legacy: true,
        ..config(SocketKind::Sub)
    };
    let mut session = Session::new(Arc::new(legacy), start());
    feed(&mut session, &libzmq_like()).expect("it is well formed");
    let said = [take_output(&mut session), take_output(&mut session)].concat();
    assert!(said.ends_with(&ready("SUB")));
}

#[test]
fn who_closes_upon_our_ready_may_not_fit() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, &greeting([3, 1], b"NULL")).expect("it is well formed");
    let guess = session.explain_end().expect("it has an idea").to_string();
    assert!(guess.starts_with("the peer closed the connection upon our READY: perhaps its kind does not go"));
}

#[test]
fn trap_06_a_router_may_announce_an_empty_identity() {
    let mut session = session(SocketKind::Dealer);
    let ready = command_frame(b"\x05READY\x0BSocket-Type\x00\x00\x00\x06ROUTER\x08Identity\x00\x00\x00\x00");
    feed(&mut session, &[greeting([3, 1], b"NULL"), ready].concat()).expect("libzmq sends this");
    assert!(session.is_established());
}

#[test]
fn trap_08_the_form_of_a_subscription_follows_the_peers_minor_version() {
    let mut new = established(SocketKind::Sub, 1);
    new.subscribe(b"A");
    new.cancel(b"A");
    assert_eq!(*new.output(), b"\x04\x0B\x09SUBSCRIBEA\x04\x08\x06CANCELA");
    let mut old = established(SocketKind::Sub, 0);
    old.subscribe(b"A");
    old.cancel(b"A");
    assert_eq!(*old.output(), b"\x00\x02\x01A\x00\x02\x00A");
}

#[test]
fn trap_08_the_command_form_is_understood_from_any_peer() {
    for minor in [0, 1] {
        let mut session = established(SocketKind::Pub, minor);
        session
            .handle_command(start(), b"\x09SUBSCRIBEA")
            .expect("it is a command");
        session
            .handle_command(start(), b"\x06CANCELA")
            .expect("it is a command");
        session
            .handle_command(start(), b"\x09SUBSCRIBE")
            .expect("it is a command");
        assert_eq!(session.poll_event(), Some(SessionEvent::Subscribe("A".into())));
        assert_eq!(session.poll_event(), Some(SessionEvent::Cancel("A".into())));
        assert_eq!(session.poll_event(), Some(SessionEvent::Subscribe("".into())));
        assert_eq!(session.poll_event(), None);
    }
}

#[test]
fn trap_09_every_subscription_is_told_also_the_same_one_twice() {
    let mut session = established(SocketKind::XPub, 1);
    for _ in 0..2 {
        session
            .handle_command(start(), b"\x09SUBSCRIBEA")
            .expect("it is a command");
    }
    assert_eq!(session.poll_event(), Some(SessionEvent::Subscribe("A".into())));
    assert_eq!(session.poll_event(), Some(SessionEvent::Subscribe("A".into())));
}

#[test]
fn traffic_begins_with_the_question_whether_the_peer_lives() {
    let heartbeat = Heartbeat::every(Duration::from_secs(1)).ttl(Duration::from_secs(3));
    let config = SessionConfig {
        heartbeat: Some(heartbeat),
        ..config(SocketKind::Push)
    };
    let mut session = Session::new(Arc::new(config), start());
    feed(&mut session, &hello(1, "PULL")).expect("the peer is fine");
    assert!(take_output(&mut session).ends_with(b"PUSH\x04\x07\x04PING\x00\x1e"));
    assert_eq!(session.poll_timeout(), Some(start() + Duration::from_secs(1)));
}

#[test]
fn trap_12_a_peer_of_version_3_0_is_never_pinged() {
    let heartbeat = Heartbeat::every(Duration::from_secs(1)).ttl(Duration::from_secs(3));
    let config = SessionConfig {
        heartbeat: Some(heartbeat),
        ..config(SocketKind::Pull)
    };
    let mut session = established_with(config, 0);
    assert!(!session.ping(b"barrier"));
    assert_eq!(session.poll_timeout(), None);
    session
        .handle_timeout(start() + Duration::from_secs(3_600))
        .expect("nobody was asked anything");
    assert!(session.output().is_empty());
}

#[test]
fn trap_12_and_13_a_pong_echoes_sixteen_bytes_of_context_and_has_no_ttl() {
    let mut session = established(SocketKind::Pull, 1);
    session
        .handle_command(start(), b"\x04PING\x00\x00LOL")
        .expect("it is a PING");
    assert_eq!(take_output(&mut session), b"\x04\x08\x04PONGLOL");
    session
        .handle_command(start(), b"\x04PING\x00\x000123456789abcdefgh")
        .expect("it is a PING");
    assert_eq!(take_output(&mut session), b"\x04\x15\x04PONG0123456789abcdef");
}

#[test]
fn trap_17_a_hostile_identity_is_refused() {
    let table: [(&[u8], &str); 2] = [
        (
            b"\x00me",
            "malformed identity: it begins with a zero byte, which is reserved",
        ),
        (&[b'i'; 256], "identity of 256 bytes, the limit is 255"),
    ];
    for (identity, text) in table {
        let mut body = b"\x05READY\x08Identity\x00\x00".to_vec();
        body.extend_from_slice(&(identity.len() as u16).to_be_bytes());
        body.extend_from_slice(identity);
        let bytes = [greeting([3, 1], b"NULL"), command_frame(&body)].concat();
        let (error, output) = refusal(SocketKind::Router, &bytes);
        assert_eq!(error.to_string(), text);
        let mut reason = Vec::new();
        command::put_error(&mut reason, text.as_bytes());
        assert!(output.ends_with(&reason), "the peer is told why");
    }
}

#[test]
fn trap_18_the_reason_of_a_refusal_is_shown_escaped_whatever_it_is() {
    let table: [(&[u8], &str); 3] = [
        (b"400", "400"),
        (b"", ""),
        (b"go\naway\x1b[31m", "go\\naway\\x1b[31m"),
    ];
    for (reason, shown) in table {
        let mut bytes = greeting([3, 1], b"NULL");
        command::put_error(&mut bytes, reason);
        let (error, output) = refusal(SocketKind::Push, &bytes);
        assert_eq!(error, ProtocolError::Refused { reason: shown.into() });
        assert!(
            output.ends_with(&ready("PUSH")),
            "there is nothing to add to a refusal"
        );
    }
}

#[test]
fn trap_21_what_follows_the_handshake_in_the_same_read_is_traffic() {
    let mut session = session(SocketKind::Sub);
    let mut bytes = hello(1, "PUB");
    bytes.extend_from_slice(b"\x04\x07\x04PING\x00\x00\x00\x01A");
    let mut rest = feed(&mut session, &bytes).expect("the peer is fine");
    assert_eq!(rest, b"\x04\x07\x04PING\x00\x00\x00\x01A"[..]);
    session
        .handle_bytes(start(), &mut rest)
        .expect("it is not asked any more");
    assert_eq!(rest.len(), 12, "in traffic nothing is taken");
}

#[test]
fn trap_25_a_foreigner_is_recognised_by_its_first_byte() {
    let table = [
        (b'G', Foreign::Http),
        (0x16, Foreign::Tls),
        (b'S', Foreign::Ssh),
        (0x01, Foreign::Unversioned),
        (0xAB, Foreign::Other(0xAB)),
    ];
    for (first, found) in table {
        let (error, output) = refusal(SocketKind::Pull, &[first]);
        assert_eq!(error, ProtocolError::NotZmtp { found });
        assert_eq!(output.len(), 11, "it would not understand a reason");
    }
}

// ---- refusals --------------------------------------------------------------------------------------------

#[test]
fn version_one_is_refused_by_name() {
    let (error, output) = refusal(SocketKind::Pull, &greeting([0, 0], b"")[..11]);
    assert_eq!(error, ProtocolError::Version { found: 0 });
    assert_eq!(output.len(), 11);
}

#[test]
fn another_mechanism_is_refused_and_the_peer_is_told() {
    let table: [(&[u8], &str); 4] = [
        (b"PLAIN", "PLAIN"),
        (b"CURVE", "CURVE"),
        (b"null", "null"),
        (b"\xFF\n", "\\xff\\n"),
    ];
    for (announced, shown) in table {
        let (error, output) = refusal(SocketKind::Pull, &greeting([3, 1], announced));
        assert_eq!(
            error,
            ProtocolError::Mechanism {
                expected: "NULL",
                found: shown.into()
            }
        );
        let mut told = Vec::new();
        command::put_error(&mut told, b"wrong mechanism, expected NULL");
        assert!(output.ends_with(&told));
    }
}

#[test]
fn a_kind_that_ours_does_not_talk_to_is_refused_and_the_peer_is_told() {
    let table = [
        ("PUB", "PUB"),
        ("PUSH2", "PUSH2"),
        ("", ""),
        ("pull", "pull"),
        ("a\nb", "a\\nb"),
    ];
    for (announced, shown) in table {
        let (error, output) = refusal(SocketKind::Push, &hello(1, announced));
        assert_eq!(
            error,
            ProtocolError::Kind {
                ours: SocketKind::Push,
                theirs: shown.into()
            }
        );
        let mut told = Vec::new();
        command::put_error(&mut told, b"wrong socket type for a PUSH");
        assert!(output.ends_with(&told));
    }
}

#[test]
fn a_refusal_goes_out_behind_what_is_being_written() {
    let mut session = session(SocketKind::Push);
    session.output().drain(..5);
    feed(&mut session, &hello(1, "PUB")).expect_err("a PUB is no PULL");
    let said = take_output(&mut session);
    assert_eq!(
        said[..6],
        [0, 0, 0, 0, 0x7F, 3],
        "the rest of the opening comes first"
    );
    assert!(said.ends_with(b"wrong socket type for a PUSH"));
}

#[test]
fn malformed_handshakes_are_refused_with_a_reason() {
    let table: [(&[u8], &str); 16] = [
        (b"\x04\x00", "malformed command: its name ends beyond its body"),
        (b"\x04\x01\x00", "malformed command: its name is empty"),
        (
            b"\x04\x05\x05READ",
            "malformed command: its name ends beyond its body",
        ),
        (b"\x04\x06\x05HELLO", "expected READY, found HELLO"),
        (b"\x04\x06\x05ready", "expected READY, found ready"),
        (b"\x04\x07\x04PING\x00\x00", "expected READY, found PING"),
        (b"\x04\x05\x04PONG", "expected READY, found PONG"),
        (b"\x04\x0A\x09SUBSCRIBE", "expected READY, found SUBSCRIBE"),
        (b"\x04\x07\x06CANCEL", "expected READY, found CANCEL"),
        (
            b"\x00\x05\x04\xFF\n\0\x1b",
            "expected READY, found \\xff\\n\\x00\\x1b",
        ),
        (
            b"\x04\x06\x05ERROR",
            "malformed ERROR: its reason ends beyond its body",
        ),
        (
            b"\x04\x07\x05READY\x01",
            "malformed metadata: a property ends beyond the command",
        ),
        (
            b"\x04\x07\x05READY\x00",
            "malformed metadata: a property has no name",
        ),
        (
            b"\x06\x00\x00\x00\x00\x00\x00\x20\x01",
            "handshake command of 8193 bytes, the limit is 8192",
        ),
        (
            b"\x06\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            "handshake command of 9223372036854775807 bytes, the limit is 8192",
        ),
        (
            b"\x06\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            "handshake command of 18446744073709551615 bytes, the limit is 8192",
        ),
    ];
    for (frame, text) in table {
        let (error, output) = refusal(
            SocketKind::Pull,
            &[greeting([3, 1], b"NULL"), frame.into()].concat(),
        );
        assert_eq!(error.to_string(), text, "{}", frame.escape_ascii());
        assert!(error.is_fatal_refusal());
        let mut told = Vec::new();
        command::put_error(&mut told, text.as_bytes());
        assert!(output.ends_with(&told), "the peer is told: {text}");
    }
}

#[test]
fn a_handshake_frame_may_be_long_or_lack_the_command_flag() {
    let body = &ready("PUSH")[2..];
    let long = [
        &b"\x06\x00\x00\x00\x00\x00\x00\x00"[..],
        &[body.len() as u8],
        body,
    ]
    .concat();
    let plain = [&[0, body.len() as u8], body].concat();
    for frame in [long, plain] {
        let mut session = session(SocketKind::Pull);
        feed(&mut session, &[greeting([3, 1], b"NULL"), frame].concat()).expect("libzmq takes it too");
        assert!(session.is_established());
    }
}

#[test]
fn no_more_than_one_handshake_frame_waits_in_the_input() {
    let mut session = session(SocketKind::Pull);
    let mut bytes = greeting([3, 1], b"NULL");
    bytes.extend_from_slice(b"\x06\x00\x00\x00\x00\x00\x00\x20\x00\x05READY");
    let rest = feed(&mut session, &bytes).expect("the rest may still come");
    assert_eq!(rest.len(), 15, "the greeting is gone, the frame is not complete");
}

// ---- traffic ---------------------------------------------------------------------------------------------

#[test]
fn a_second_ready_ends_the_connection() {
    let mut session = established(SocketKind::Pull, 1);
    let error = session
        .handle_command(start(), b"\x05READY")
        .expect_err("it has no place here");
    assert_eq!(error.to_string(), "expected traffic, found READY");
    assert_eq!(session.handle_command(start(), b"\x04PONG"), Err(error.clone()));
    assert_eq!(session.handle_timeout(start()), Err(error));
    assert!(session.output().is_empty(), "NULL has no ERROR in traffic");
}

#[test]
fn an_error_in_traffic_is_a_late_refusal() {
    let mut session = established(SocketKind::Pull, 1);
    let error = session
        .handle_command(start(), b"\x05ERROR\x02no")
        .expect_err("the peer has left us");
    assert_eq!(error, ProtocolError::Refused { reason: "no".into() });
}

#[test]
fn a_malformed_command_in_traffic_ends_the_connection() {
    let table: [&[u8]; 5] = [b"", b"\x00", b"\x05PING", b"\x04PING\x00", b"\x05ERROR\x05"];
    for body in table {
        let mut session = established(SocketKind::Pull, 1);
        let error = session
            .handle_command(start(), body)
            .expect_err("it is malformed");
        assert!(matches!(error, ProtocolError::Malformed { .. }), "{error}");
        assert!(!session.is_established());
    }
}

#[test]
fn unknown_commands_are_ignored_and_counted() {
    let mut session = established(SocketKind::Pull, 1);
    for body in [
        &b"\x04NEWSof it"[..],
        b"\x04join",
        b"\x07MESSAGE",
        b"\x05HELLO",
        b"\x01x",
    ] {
        session.handle_command(start(), body).expect("it is ignored");
    }
    assert_eq!(session.unknown_commands(), 5);
    assert!(session.is_established() && session.output().is_empty());
    assert_eq!(session.poll_event(), None);
}

#[test]
fn groups_are_joined_and_left_by_commands() {
    for minor in [0, 1] {
        let mut dish = established(SocketKind::Dish, minor);
        dish.join(b"a");
        dish.leave(b"");
        assert_eq!(take_output(&mut dish), b"\x04\x06\x04JOINa\x04\x06\x05LEAVE");
        let mut radio = established(SocketKind::Radio, minor);
        for body in [&b"\x04JOINa"[..], b"\x05LEAVE"] {
            radio.handle_command(start(), body).expect("it is understood");
        }
        assert_eq!(radio.poll_event(), Some(SessionEvent::Join("a".into())));
        assert_eq!(radio.poll_event(), Some(SessionEvent::Leave("".into())));
    }
}

#[test]
fn a_barrier_is_answered_behind_the_subscriptions_before_it() {
    let mut sub = established(SocketKind::Sub, 1);
    let mut publisher = established(SocketKind::Pub, 1);
    sub.subscribe(b"A");
    assert!(sub.ping(b"7"));
    assert_eq!(
        take_output(&mut sub),
        b"\x04\x0B\x09SUBSCRIBEA\x04\x08\x04PING\x00\x007"
    );
    publisher
        .handle_command(start(), b"\x04PING\x00\x007")
        .expect("it is a PING");
    assert_eq!(take_output(&mut publisher), b"\x04\x06\x04PONG7");
    sub.handle_command(start(), b"\x04PONG7").expect("it is a PONG");
    assert_eq!(sub.poll_event(), Some(SessionEvent::Pong("7".into())));
}

#[test]
fn a_pong_that_cannot_be_the_answer_to_a_barrier_is_no_event() {
    let mut session = established(SocketKind::Sub, 1);
    session
        .handle_command(start(), b"\x04PONG")
        .expect("it is a PONG");
    session
        .handle_command(start(), b"\x04PONG0123456789abcdefg")
        .expect("it is a PONG");
    assert_eq!(session.poll_event(), None);
}

#[test]
fn nothing_is_ordered_before_traffic() {
    let mut session = session(SocketKind::Sub);
    session.subscribe(b"A");
    session.cancel(b"A");
    assert!(!session.ping(b"1"));
    session.handle_read(start());
    session.handle_written(start());
    session.handle_blocked();
    session.pause_reading(start());
    session.resume_reading(start());
    assert_eq!(session.output().len(), 11);
    let error = session
        .handle_command(start(), b"\x04PONG")
        .expect_err("there is no traffic yet");
    assert_eq!(error.to_string(), "expected the handshake, found a command");
}

#[test]
fn a_pong_overtakes_what_waits_but_not_what_is_being_written() {
    let mut session = established(SocketKind::XSub, 1);
    session.subscribe(b"A");
    session.output().drain(..3);
    session.subscribe(b"B");
    session
        .handle_command(start(), b"\x04PING\x00\x001")
        .expect("it is a PING");
    session
        .handle_command(start(), b"\x04PING\x00\x002")
        .expect("it is a PING");
    assert_eq!(
        take_output(&mut session),
        b"SUBSCRIBEA",
        "a command is never cut by another"
    );
    assert_eq!(
        take_output(&mut session),
        b"\x04\x06\x04PONG1\x04\x06\x04PONG2\x04\x0B\x09SUBSCRIBEB"
    );
    assert!(session.output().is_empty());
}

#[test]
fn more_than_one_waiting_answer_asks_for_reading_to_stop() {
    let mut session = established(SocketKind::Pull, 1);
    assert!(!session.owes_answers());
    session
        .handle_command(start(), b"\x04PING\x00\x000123456789abcdef")
        .expect("it is a PING");
    assert!(!session.owes_answers());
    session
        .handle_command(start(), b"\x04PING\x00\x000")
        .expect("it is a PING");
    assert!(session.owes_answers());
    take_output(&mut session);
    assert!(!session.owes_answers());
}

#[test]
fn every_ping_has_its_answer_unless_nothing_of_ours_moves() {
    let mut session = established(SocketKind::Pull, 1);
    for _ in 0..3 {
        session
            .handle_command(start(), b"\x04PING\x00\x00")
            .expect("it is a PING");
    }
    assert_eq!(take_output(&mut session), b"\x04\x05\x04PONG".repeat(3));
    session.handle_blocked();
    for _ in 0..1_000 {
        session
            .handle_command(start(), b"\x04PING\x00\x00")
            .expect("it is a PING");
    }
    assert!(
        !session.owes_answers(),
        "so that the peer's signs of life are still read"
    );
    session.handle_written(start());
    assert_eq!(take_output(&mut session), b"\x04\x05\x04PONG");
}

// ---- time ------------------------------------------------------------------------------------------------

#[test]
fn the_handshake_has_one_deadline_that_bytes_do_not_extend() {
    let deadline = start() + Duration::from_secs(10);
    let stream = hello(1, "PUSH");
    for len in [0, 1, 11, 40, 64, 70, stream.len() - 1] {
        let mut session = session(SocketKind::Pull);
        let late = start() + Duration::from_secs(9);
        session.handle_read(late);
        session
            .handle_bytes(late, &mut BytesMut::from(&stream[..len]))
            .expect("so far it is fine");
        assert_eq!(session.poll_timeout(), Some(deadline), "{len} bytes");
        session.handle_timeout(late).expect("it is early");
        assert_eq!(
            session.handle_timeout(deadline),
            Err(ProtocolError::HandshakeTimeout)
        );
        assert_eq!(session.poll_timeout(), None);
        assert_eq!(feed(&mut session, &stream), Err(ProtocolError::HandshakeTimeout));
    }
}

#[test]
fn the_handshake_deadline_ends_with_the_handshake() {
    let mut session = established(SocketKind::Pull, 1);
    assert_eq!(session.poll_timeout(), None);
    session
        .handle_timeout(start() + Duration::from_secs(3_600))
        .expect("there is no heartbeat");
}

#[test]
fn a_handshake_may_have_for_ever() {
    for handshake_timeout in [None, Some(Duration::MAX)] {
        let config = SessionConfig {
            handshake_timeout,
            ..config(SocketKind::Pull)
        };
        let mut session = Session::new(Arc::new(config), start());
        assert_eq!(session.poll_timeout(), None);
        session
            .handle_timeout(start() + Duration::from_secs(1_000_000))
            .expect("there is no deadline");
    }
}
