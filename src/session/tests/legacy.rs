//! Peers from before ZMTP 3: what is said to them, and by which bytes they are known.

use super::*;
use crate::wire::spelling::Taken;

fn legacy(kind: SocketKind, routing_id: &'static str) -> Session {
    let config = SessionConfig {
        legacy: true,
        routing_id: routing_id.into(),
        ..config(kind)
    };
    Session::new(Arc::new(config), start())
}

/// All that it has said.
fn said(session: &mut Session) -> Vec<u8> {
    let mut said = take_output(session);
    said.extend(take_output(session));
    said
}

fn introduction(session: &mut Session) -> Introduction {
    match session.poll_event() {
        Some(SessionEvent::Established(introduction)) => introduction,
        other => panic!("the handshake is complete, and not {other:?}"),
    }
}

const TWO: &[u8] = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01";

#[test]
fn a_peer_of_two_is_answered_in_its_language() {
    let mut session = session(SocketKind::Pull);
    let stream = [TWO, b"\x08\x00\x02me\x01\x01a\x00\x01b"].concat();
    let rest = feed(&mut session, &stream).expect("it is fine");
    assert_eq!(rest, b"\x01\x01a\x00\x01b"[..], "traffic is not touched");
    assert_eq!(
        said(&mut session),
        b"\xFF\0\0\0\0\0\0\0\0\x7F\x03\x07\x00\x00",
        "our version does not matter to it"
    );
    let introduction = introduction(&mut session);
    assert_eq!(introduction.kind, Some(SocketKind::Push));
    assert_eq!(
        (introduction.version, introduction.routing_id),
        ((2, 0), "me".into())
    );
    assert!(session.spelling().is_none(), "its frames are ours");
}

#[test]
fn a_peer_of_two_that_may_be_turned_away_tells_its_kind_first() {
    let mut session = session(SocketKind::Pair);
    session.hear_first();
    feed(&mut session, TWO).expect("so far it is fine");
    assert_eq!(said(&mut session), b"\xFF\0\0\0\0\0\0\0\0\x7F\x03");
    assert_eq!(session.poll_event(), None);
    let mut input = BytesMut::from(&b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x00"[..]);
    session.handle_bytes(start(), &mut input).expect("it is a PAIR");
    assert_eq!(session.poll_event(), Some(SessionEvent::Invited));
    assert_eq!(said(&mut session), b"\x00\x00\x00");
    input.extend_from_slice(b"\x00\x02me");
    session.handle_bytes(start(), &mut input).expect("it is fine");
    assert_eq!(introduction(&mut session).routing_id, "me");
}

#[test]
fn our_identity_is_told_to_a_peer_of_two() {
    let config = SessionConfig {
        routing_id: "asker".into(),
        ..config(SocketKind::Req)
    };
    let mut session = Session::new(Arc::new(config), start());
    feed(&mut session, TWO).expect("so far it is fine");
    assert!(said(&mut session).ends_with(b"\x03\x03\x00\x05asker"));
}

#[test]
fn a_handshake_of_two_cut_anywhere_is_the_same() {
    let stream = [TWO, b"\x08\x02\0\0\0\0\0\0\0\x02me\x00\x02hi"].concat();
    let run = |pieces: &[&[u8]]| {
        let mut session = session(SocketKind::Pull);
        let mut input = BytesMut::new();
        for piece in pieces {
            input.extend_from_slice(piece);
            session.handle_bytes(start(), &mut input).expect("it is fine");
        }
        assert_eq!(input, b"\x00\x02hi"[..]);
        (session.poll_event(), said(&mut session))
    };
    let expected = run(&[&stream]);
    for cut in 1..stream.len() {
        assert_eq!(run(&[&stream[..cut], &stream[cut..]]), expected, "{cut}");
    }
    assert_eq!(run(&stream.chunks(1).collect::<Vec<_>>()), expected);
}

#[test]
fn a_peer_of_two_says_what_it_is_and_must_fit() {
    for (code, theirs) in [
        (1, "PUB"),
        (8, "PUSH"),
        (21, "socket type 21"),
        (255, "socket type 255"),
    ] {
        let stream = [TWO, &[code], b"\x00\x00"].concat();
        let (error, output) = refusal(SocketKind::Push, &stream);
        let ours = SocketKind::Push;
        assert_eq!(
            error,
            ProtocolError::Kind {
                ours,
                theirs: theirs.into()
            }
        );
        assert_eq!(output[11..14], [8, 0, 0], "we had introduced ourselves");
    }
}

#[test]
fn trap_17_an_identity_before_three_may_be_hostile_as_well() {
    for (identity, text) in [
        (
            &b"\x00\x02\x00x"[..],
            "malformed identity: it begins with a zero byte, which is reserved",
        ),
        (
            b"\x02\0\0\0\0\0\0\x01\0",
            "identity of 256 bytes, the limit is 255",
        ),
        (b"\x01\x01x", "malformed identity: it has more than one frame"),
    ] {
        let (error, _) = refusal(SocketKind::Pull, &[TWO, b"\x08", identity].concat());
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn subscriptions_go_to_a_peer_of_two_as_messages_and_it_is_never_pinged() {
    let mut session = session(SocketKind::Sub);
    feed(&mut session, &[TWO, b"\x01\x00\x00"].concat()).expect("it is fine");
    said(&mut session);
    session.subscribe(b"A");
    session.cancel(b"A");
    assert!(!session.ping(b"1"));
    assert_eq!(said(&mut session), b"\x00\x02\x01A\x00\x02\x00A");
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn there_are_no_commands_before_three() {
    let mut session = session(SocketKind::Pull);
    feed(&mut session, &[TWO, b"\x08\x00\x00"].concat()).expect("it is fine");
    let error = session
        .handle_command(start(), b"\x04PING\0\0")
        .expect_err("there are none");
    assert_eq!(
        error.to_string(),
        "expected messages, and nothing else before ZMTP 3, found a command"
    );
}

// ---- ZMTP 1.0 --------------------------------------------------------------------------------------------

#[test]
fn trap_03_whoever_speaks_with_peers_of_one_begins_with_ten_bytes() {
    let mut session = legacy(SocketKind::Req, "asker");
    assert_eq!(take_output(&mut session), b"\xFF\0\0\0\0\0\0\0\x06\x7F");
    feed(&mut session, &LIBZMQ_LIKE[..9]).expect("so far it is fine");
    assert!(said(&mut session).is_empty());
    feed(&mut session, &LIBZMQ_LIKE[..10]).expect("it has a version");
    assert_eq!(said(&mut session), b"\x03");
    feed(&mut session, LIBZMQ_LIKE).expect("it is version 3");
    let said = said(&mut session);
    assert_eq!(said[..5], *b"\x01NULL", "our version is not said twice");
    assert!(said.ends_with(b"\x08Identity\0\0\0\x05asker"));
}

#[test]
fn two_that_both_speak_with_peers_of_one_speak_three_with_each_other() {
    let (mut push, mut pull) = (legacy(SocketKind::Push, ""), legacy(SocketKind::Pull, ""));
    let (mut to_pull, mut to_push) = (BytesMut::new(), BytesMut::new());
    for _ in 0..4 {
        to_pull.extend_from_slice(&take_output(&mut push));
        to_push.extend_from_slice(&take_output(&mut pull));
        pull.handle_bytes(start(), &mut to_pull).expect("a PUSH is fine");
        push.handle_bytes(start(), &mut to_push).expect("a PULL is fine");
    }
    assert_eq!(introduction(&mut push).version, (3, 1));
    assert_eq!(introduction(&mut pull).version, (3, 1));
}

#[test]
fn a_peer_of_one_is_known_by_its_first_two_bytes_and_hears_the_rest_of_our_identity() {
    let mut session = legacy(SocketKind::Req, "asker");
    let mut input = BytesMut::new();
    for byte in b"\x03\x00me\x01\x01\x03\x00hi" {
        input.extend_from_slice(&[*byte]);
        session.handle_bytes(start(), &mut input).expect("it is fine");
    }
    assert_eq!(said(&mut session), b"\xFF\0\0\0\0\0\0\0\x06\x7Fasker");
    let introduction = introduction(&mut session);
    assert_eq!((introduction.version, introduction.kind), ((1, 0), None));
    assert_eq!(introduction.routing_id, "me");
    assert_eq!(session.poll_event(), Some(SessionEvent::Subscribe(Bytes::new())));

    let mut plain = BytesMut::new();
    let spelling = session.spelling().expect("its frames are others");
    for _ in 0..2 {
        assert_eq!(spelling.take(&mut input, &mut plain, 100), Ok(Taken::Whole));
    }
    assert_eq!(plain, b"\x01\x00\x00\x02hi"[..]);
}

#[test]
fn a_peer_of_one_may_have_a_long_identity_header() {
    for header in [&b"\xFF\0\0\0\0\0\0\0\x03\x00"[..], b"\xFF\0\0\0\0\0\0\0\x03\x02"] {
        let mut session = legacy(SocketKind::Pull, "");
        let rest = feed(&mut session, &[header, b"me\x02\x00x"].concat()).expect("it is fine");
        assert_eq!(introduction(&mut session).routing_id, "me");
        assert_eq!(rest, b"\x02\x00x"[..]);
        assert_eq!(
            said(&mut session).len(),
            10,
            "we have no identity, and no version for it"
        );
    }
}

#[test]
fn a_greeting_with_version_zero_has_the_frames_of_one() {
    let mut session = legacy(SocketKind::Pull, "me");
    let stream = b"\xFF\0\0\0\0\0\0\0\x01\x7F\x00\x08\x01\x00\x02\x00x";
    let rest = feed(&mut session, stream).expect("it is fine");
    assert_eq!(rest, b"\x02\x00x"[..]);
    assert_eq!(
        said(&mut session),
        b"\xFF\0\0\0\0\0\0\0\x03\x7F\x03\x07\x03\x00me"
    );
    let introduction = introduction(&mut session);
    assert_eq!(
        (introduction.version, introduction.kind),
        ((1, 0), Some(SocketKind::Push))
    );
    assert!(session.spelling().is_some());
}

#[test]
fn trap_25_others_are_told_from_peers_of_one_by_two_bytes() {
    for (stream, found) in [
        (&b"GET / HTTP/1.1\r\n"[..], Foreign::Http),
        (b"\x16\x03\x01", Foreign::Tls),
        (b"SSH-2.0", Foreign::Ssh),
        (b"\x00\x00", Foreign::Other(0)),
        (b"\x05\x02", Foreign::Unversioned),
    ] {
        let mut session = legacy(SocketKind::Pull, "");
        feed(&mut session, &stream[..1]).expect("one byte does not tell");
        let error = feed(&mut session, stream).expect_err("it is somebody else");
        assert_eq!(error, ProtocolError::NotZmtp { found });
    }
}

#[test]
fn what_we_say_to_a_peer_of_one_is_in_its_frames() {
    let mut session = legacy(SocketKind::Sub, "");
    feed(&mut session, b"\x01\x00").expect("it is fine");
    said(&mut session);
    session.subscribe(b"A");
    assert!(!session.ping(b"1"));
    assert_eq!(said(&mut session), b"\x03\x00\x01A");
}
