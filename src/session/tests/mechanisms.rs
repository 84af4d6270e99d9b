//! Mechanisms other than open NULL: who is asked, what waits meanwhile, and what a refused peer is told.

use super::*;
use crate::mechanism::auth::{Applicant, Verdict};
use crate::mechanism::{Null, Plain, PlainUsers};

fn with(kind: SocketKind, mechanism: Mechanism) -> Session {
    let config = SessionConfig {
        mechanism,
        ..config(kind)
    };
    Session::new(Arc::new(config), start())
}

fn plain_server() -> Session {
    with(SocketKind::Pull, Plain::server(PlainUsers::new()))
}

fn guarded_null() -> Session {
    with(
        SocketKind::Pull,
        Null::server(async |_: Applicant| Verdict::accept()),
    )
}

/// Takes the question that the session asks.
#[track_caller]
fn asked(session: &mut Session) -> Credentials {
    match session.poll_event() {
        Some(SessionEvent::Ask(credentials)) => credentials,
        other => panic!("a question, not {other:?}"),
    }
}

const HELLO: &[u8] = b"\x04\x0C\x05HELLO\x02me\x02pw";

fn initiate(kind: &str) -> Vec<u8> {
    let ready = ready(kind);
    command_frame(&[b"\x08INITIATE", &ready[8..]].concat())
}

fn plain_client() -> Vec<u8> {
    [greeting([3, 1], b"PLAIN"), HELLO.to_vec()].concat()
}

#[test]
fn a_plain_client_shows_its_password_to_nobody_who_has_not_named_plain() {
    let mut session = with(SocketKind::Push, Plain::client("me", "pw"));
    feed(&mut session, &greeting([3, 1], b"PLAIN")[..63]).expect("so far it is fine");
    let mut said = take_output(&mut session);
    said.extend(take_output(&mut session));
    assert_eq!(said.len(), 64);
    assert_eq!((&said[12..17], said[32]), (&b"PLAIN"[..], 0));

    let mut session = with(SocketKind::Push, Plain::client("me", "pw"));
    feed(&mut session, &greeting([3, 1], b"NULL")).expect_err("that is not PLAIN");
    let mut said = take_output(&mut session);
    said.extend(take_output(&mut session));
    assert!(!said.windows(2).any(|bytes| bytes == b"pw"));
    assert!(said.ends_with(b"wrong mechanism, expected PLAIN"));
}

#[test]
fn the_server_says_that_it_is_one_asks_and_goes_on_with_the_verdict() {
    let mut session = plain_server();
    let rest = feed(&mut session, &plain_client()).expect("it is well formed");
    assert!(rest.is_empty());
    let mut said = take_output(&mut session);
    said.extend(take_output(&mut session));
    assert_eq!((said.len(), said[32]), (64, 1), "nothing but a greeting");
    let Credentials::Plain { username, password } = asked(&mut session) else {
        panic!("they are PLAIN's");
    };
    assert!(username == "me" && password.matches("pw"));

    session
        .handle_verdict(start(), Verdict::accept_as("me").property("X-Seat", "4"))
        .expect("it may enter");
    assert_eq!(take_output(&mut session), b"\x04\x08\x07WELCOME");
    feed(&mut session, &initiate("PUSH")).expect("it is well formed");
    assert_eq!(take_output(&mut session), ready("PULL"));
    let Some(SessionEvent::Established(introduction)) = session.poll_event() else {
        panic!("the handshake is complete");
    };
    assert_eq!(
        (introduction.mechanism, introduction.user_id.as_deref()),
        ("PLAIN", Some("me"))
    );
    let metadata = [("User-Id", "me"), ("X-Seat", "4")];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), Bytes::from(value)));
    assert_eq!(introduction.metadata, metadata);
}

#[test]
fn a_plain_handshake_cut_anywhere_is_the_same() {
    let (first, second) = (plain_client(), [initiate("PUSH"), b"\0\x02hi".to_vec()].concat());
    let run = |cut_first: usize, cut_second: usize| {
        let mut session = plain_server();
        let mut input = BytesMut::new();
        let mut said = Vec::new();
        let mut feed = |session: &mut Session, piece: &[u8]| {
            input.extend_from_slice(piece);
            session.handle_bytes(start(), &mut input).expect("it is fine");
            said.extend(take_output(session));
            said.extend(take_output(session));
        };
        feed(&mut session, &first[..cut_first]);
        feed(&mut session, &first[cut_first..]);
        let question = asked(&mut session);
        session
            .handle_verdict(start(), Verdict::accept())
            .expect("it may enter");
        feed(&mut session, &second[..cut_second]);
        feed(&mut session, &second[cut_second..]);
        let event = session.poll_event();
        assert!(matches!(event, Some(SessionEvent::Established(_))));
        assert_eq!(input, b"\0\x02hi"[..]);
        (question, event, said)
    };
    let expected = run(0, 0);
    for cut in 0..=first.len() {
        assert_eq!(run(cut, 0), expected, "{cut}");
    }
    for cut in 0..=second.len() {
        assert_eq!(run(0, cut), expected, "{cut}");
    }
}

#[test]
fn while_somebody_decides_the_peer_is_not_looked_at_and_may_not_say_much() {
    let mut session = guarded_null();
    let stream = [greeting([3, 1], b"NULL"), ready("PUSH"), b"\0\x02hi".to_vec()].concat();
    let mut rest = feed(&mut session, &stream).expect("it waits");
    assert_eq!(rest.len(), stream.len() - 64);
    let mut said = take_output(&mut session);
    said.extend(take_output(&mut session));
    assert_eq!((asked(&mut session), said.len()), (Credentials::None, 64));
    session
        .handle_verdict(start(), Verdict::accept())
        .expect("it may enter");
    assert_eq!(take_output(&mut session), ready("PULL"));
    session
        .handle_bytes(start(), &mut rest)
        .expect("it is well formed");
    assert!(session.is_established());
    assert_eq!(rest, b"\0\x02hi"[..]);

    let mut session = guarded_null();
    let stream = [greeting([3, 1], b"NULL"), vec![0; 8192 + 9]].concat();
    feed(&mut session, &stream).expect("one frame may lie there");
    let error = session
        .handle_bytes(start(), &mut BytesMut::from(&[0; 8192 + 10][..]))
        .expect_err("more may not");
    assert_eq!(
        error.to_string(),
        "bytes ahead of a verdict of 8202 bytes, the limit is 8201"
    );
}

#[test]
fn a_peer_that_is_denied_is_told_a_code_or_nothing() {
    for (verdict, told) in [
        (Verdict::refuse("secret"), Some(&b"400"[..])),
        (Verdict::fail("secret"), Some(b"500")),
        (Verdict::not_now("secret"), None),
    ] {
        for (mut session, hello) in [
            (plain_server(), plain_client()),
            (guarded_null(), greeting([3, 1], b"NULL")),
        ] {
            feed(&mut session, &hello).expect("it is well formed");
            let before = take_output(&mut session).len() + take_output(&mut session).len();
            assert_eq!(before, 64);
            asked(&mut session);
            let error = session
                .handle_verdict(start(), verdict.clone())
                .expect_err("it may not enter");
            assert!(matches!(&error, ProtocolError::Denied { why, .. } if why == "secret"));
            let mut expected = Vec::new();
            if let Some(code) = told {
                command::put_error(&mut expected, code);
            }
            assert_eq!(take_output(&mut session), expected);
            assert_eq!(session.handle_verdict(start(), Verdict::accept()), Err(error));
            assert_eq!(session.poll_event(), None);
        }
    }
}

#[test]
fn a_verdict_that_nobody_waits_for_changes_nothing() {
    let mut session = plain_server();
    session
        .handle_verdict(start(), Verdict::accept())
        .expect("it is ignored");
    feed(&mut session, &plain_client()).expect("it is well formed");
    asked(&mut session);
}

#[test]
fn deciding_does_not_extend_the_handshake() {
    let mut session = plain_server();
    feed(&mut session, &plain_client()).expect("it is well formed");
    let deadline = start() + Duration::from_secs(10);
    assert_eq!(session.poll_timeout(), Some(deadline));
    assert_eq!(
        session.handle_timeout(deadline),
        Err(ProtocolError::HandshakeTimeout)
    );
    assert_eq!(
        session.handle_verdict(deadline, Verdict::accept()),
        Err(ProtocolError::HandshakeTimeout)
    );
}

#[test]
fn row_14_another_mechanism_or_none_is_no_way_in() {
    for mechanism in [
        Plain::server(PlainUsers::new()),
        Plain::client("me", "pw"),
        Null::server(async |_: Applicant| Verdict::accept()),
    ] {
        let kind = SocketKind::Pull;
        let name = mechanism.name();
        for announced in [&b"NULL"[..], b"PLAIN", b"CURVE", b"PLAIN2", b"plain"] {
            if announced == name.as_bytes() {
                continue;
            }
            let mut session = with(kind, mechanism.clone());
            let stream = [greeting([3, 1], announced), ready("PUSH")].concat();
            let error = feed(&mut session, &stream).expect_err("it is another one");
            assert!(matches!(error, ProtocolError::Mechanism { expected, .. } if expected == name));
        }
        for old in 0..3 {
            let mut session = with(kind, mechanism.clone());
            let error = feed(&mut session, &greeting([old, 0], b"")).expect_err("it has none");
            assert!(matches!(error, ProtocolError::NoSecurity { .. }), "{error}");
        }
    }
}

#[test]
fn a_client_tells_when_its_server_has_the_last_word() {
    let mut session = with(SocketKind::Pair, Plain::client("me", "pw"));
    let server = [greeting([3, 1], b"PLAIN"), b"\x04\x08\x07WELCOME".to_vec()].concat();
    feed(&mut session, &server[..64]).expect("so far it is fine");
    assert_eq!(session.poll_event(), None);
    take_output(&mut session);
    take_output(&mut session);
    feed(&mut session, &server[64..]).expect("it is welcome");
    assert_eq!(session.poll_event(), Some(SessionEvent::Invited));
    // Turned away now, the server hears nothing of it.
    session.fall_silent();
    assert!(take_output(&mut session).is_empty());
}
