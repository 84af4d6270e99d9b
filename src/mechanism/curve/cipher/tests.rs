//! Traffic under CURVE, frame by frame.

use super::*;
use crate::frame::Frames;

fn ends() -> (Cipher, Cipher) {
    let key = || SharedKey::of_our_own(&[3; 32]);
    (
        Cipher::new(key(), Counter::of_client(2), Counter::of_server(1)),
        Cipher::new(key(), Counter::of_server(1), Counter::of_client(2)),
    )
}

fn sealed(cipher: &mut Cipher, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    cipher.put(flags, body, &mut out).expect("nonces are left");
    out
}

/// A MESSAGE frame that a client could seal, whatever is in it.
fn forged(outer: u8, nonce: u64, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_header(&mut out, outer, 8 + 8 + TAG + text.len());
    out.extend(b"\x07MESSAGE");
    out.extend(nonce.to_be_bytes());
    SharedKey::of_our_own(&[3; 32]).put_box(&short_nonce(OF_CLIENT, nonce), &[text], &mut out);
    out
}

fn taken(cipher: &mut Cipher, bytes: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let (mut input, mut plain) = (BytesMut::from(bytes), BytesMut::new());
    match cipher.take(&mut input, &mut plain, 1 << 20)? {
        Taken::Whole => {
            assert!(input.is_empty());
            Ok(plain.to_vec())
        }
        partial => panic!("{partial:?}"),
    }
}

fn plain(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::put_header(&mut out, flags, body.len());
    out.extend_from_slice(body);
    out
}

#[test]
fn trap_10_a_message_is_a_message_frame_whatever_is_in_it() {
    let (mut client, _) = ends();
    for (flags, inner) in [(0, 0), (MORE, 1), (COMMAND, 2)] {
        let frame = sealed(&mut client, flags, b"x");
        assert_eq!(frame[..2], [0, 34], "neither MORE nor COMMAND");
        let mut text = frame[34..].to_vec();
        let tag = frame[18..34].first_chunk().expect("16 bytes");
        let nonce = u64::from_be_bytes(*frame[10..18].first_chunk().expect("8 bytes"));
        let key = SharedKey::of_our_own(&[3; 32]);
        assert!(key.open(&short_nonce(b"CurveZMQMESSAGEC", nonce), tag, &mut text));
        assert_eq!(text, [inner, b'x']);
    }
    assert_eq!(
        sealed(&mut client, 0, &[0; 300])[..9],
        [2, 0, 0, 0, 0, 0, 0, 1, 77]
    );
}

#[test]
fn nonces_count_on_from_the_handshake() {
    let (mut client, mut server) = ends();
    for expected in [3, 4, 5] {
        let frame = sealed(&mut client, 0, b"");
        assert_eq!(frame[2..10], *b"\x07MESSAGE");
        assert_eq!(frame[10..18], u64::to_be_bytes(expected));
        taken(&mut server, &frame).expect("it is for us");
    }
    assert_eq!(sealed(&mut server, 0, b"")[10..18], u64::to_be_bytes(2));
}

#[test]
fn every_frame_arrives_as_it_was_whatever_its_size() {
    let (mut client, mut server) = ends();
    for size in [0, 1, 31, 32, 33, 222, 223, 255, 256, LARGE - 1, LARGE, 300_000] {
        let body: Vec<u8> = (0..size).map(|i| i as u8).collect();
        for flags in [0, MORE, COMMAND] {
            let frame = sealed(&mut client, flags, &body);
            assert_eq!(
                taken(&mut server, &frame),
                Ok(plain(flags, &body)),
                "{size} bytes, flags {flags}"
            );
        }
    }
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_frames() {
    let (mut client, _) = ends();
    let bodies: [(u8, &[u8]); 4] = [
        (MORE, b"one"),
        (0, &[7; 300]),
        (COMMAND, b"\x04PING\0\0"),
        (0, b""),
    ];
    let mut stream = Vec::new();
    for (flags, body) in bodies {
        client.put(flags, body, &mut stream).expect("nonces are left");
    }
    let expected: Vec<u8> = bodies
        .iter()
        .flat_map(|(flags, body)| plain(*flags, body))
        .collect();
    for cut in 0..=stream.len() {
        let (_, mut server) = ends();
        let (mut input, mut plain) = (BytesMut::new(), BytesMut::new());
        for piece in [&stream[..cut], &stream[cut..]] {
            input.extend_from_slice(piece);
            loop {
                match server.take(&mut input, &mut plain, 1000).expect("it is for us") {
                    Taken::Whole => {}
                    Taken::Partial { need } => {
                        assert!(need > input.len());
                        break;
                    }
                }
            }
        }
        assert_eq!(plain, expected[..], "{cut}");
        assert_eq!(Frames::new(&plain).count(), 4);
    }
}

#[test]
fn both_kinds_of_outer_frames_are_taken_and_none_with_more() {
    for outer in [0, COMMAND] {
        let (_, mut server) = ends();
        assert_eq!(
            taken(&mut server, &forged(outer, 3, b"\x00x")),
            Ok(plain(0, b"x"))
        );
    }
    let (_, mut server) = ends();
    let error = taken(&mut server, &forged(MORE, 3, b"\x00x")).expect_err("a MESSAGE is alone");
    assert_eq!(
        error.to_string(),
        "malformed MESSAGE: its frame says that more follow"
    );
}

#[test]
fn row_15_a_message_that_was_seen_or_comes_late_ends_the_connection() {
    let frames: Vec<_> = (3..6).map(|nonce| forged(0, nonce, b"\x00x")).collect();
    let fails = |order: &[usize], text: &str| {
        let (_, mut server) = ends();
        let (last, before) = order.split_last().expect("there is one");
        for at in before {
            taken(&mut server, &frames[*at]).expect("so far it is fine");
        }
        let error = taken(&mut server, &frames[*last]).expect_err("it is a copy, or late");
        assert_eq!(
            error.to_string(),
            format!("expected a nonce above the last one, found {text}")
        );
    };
    fails(&[0, 0], "3 after 3");
    fails(&[0, 1, 0], "3 after 4");
    fails(&[1, 0], "3 after 4");
    fails(&[2, 1], "4 after 5");
    let (_, mut server) = ends();
    taken(&mut server, &frames[0]).expect("gaps are fine");
    taken(&mut server, &frames[2]).expect("gaps are fine");
    let (_, mut server) = ends();
    let initiate_s = forged(0, 2, b"\x00x");
    taken(&mut server, &initiate_s).expect_err("INITIATE had this one");
}

#[test]
fn a_message_that_fails_does_not_move_the_count() {
    let (_, mut server) = ends();
    let mut far = forged(0, u64::MAX, b"\x00x");
    *far.last_mut().expect("it has bytes") ^= 1;
    let error = taken(&mut server, &far).expect_err("it is forged");
    assert_eq!(
        error.to_string(),
        "MESSAGE does not open: it is forged or damaged"
    );
    assert_eq!(server.theirs.last, 2);
}

#[test]
fn our_own_words_do_not_come_back() {
    let (mut client, _) = ends();
    let frame = sealed(&mut client, 0, b"x");
    let error = taken(&mut client, &frame).expect_err("it is the server's turn");
    assert_eq!(
        error.to_string(),
        "MESSAGE does not open: it is forged or damaged"
    );
}

#[test]
fn what_is_no_message_is_refused() {
    let short = |len: usize| {
        let mut body = b"\x07MESSAGE".to_vec();
        body.extend(3_u64.to_be_bytes());
        body.resize(len, 0);
        plain(0, &body)
    };
    let table: [(Vec<u8>, &str); 9] = [
        (plain(0, b"hello"), "malformed MESSAGE: it is too short"),
        (
            plain(0, b"hello, world"),
            "malformed MESSAGE: in traffic every frame is one",
        ),
        (
            plain(COMMAND, b"\x05READY\0\0\0\0\0\0\0\0"),
            "malformed MESSAGE: in traffic every frame is one",
        ),
        (short(8), "malformed MESSAGE: it is too short"),
        (short(16), "malformed MESSAGE: it is too short"),
        (short(31), "malformed MESSAGE: it is too short"),
        (forged(0, 3, b""), "malformed MESSAGE: it is too short"),
        (
            forged(0, 3, b"\x03x"),
            "malformed MESSAGE: it has flags that mean nothing",
        ),
        (
            forged(0, 3, b"\x04x"),
            "malformed MESSAGE: it has flags that mean nothing",
        ),
    ];
    for (bytes, text) in table {
        let (_, mut server) = ends();
        assert_eq!(
            taken(&mut server, &bytes).expect_err("it is none").to_string(),
            text
        );
    }
}

#[test]
fn a_size_is_judged_before_anybody_waits_for_the_bytes() {
    let (_, mut server) = ends();
    let mut header = Vec::new();
    frame::put_header(&mut header, 0, 100 + OVERHEAD);
    let mut input = BytesMut::from(&header[..]);
    let taken = server.take(&mut input, &mut BytesMut::new(), 100);
    let need = header.len() + 100 + OVERHEAD;
    assert_eq!(taken, Ok(Taken::Partial { need }));
    for size in [101 + OVERHEAD as u64, u64::MAX] {
        let header = [&[2][..], &size.to_be_bytes()].concat();
        let error = server
            .take(&mut BytesMut::from(&header[..]), &mut BytesMut::new(), 100)
            .expect_err("it is too large");
        let size = size - OVERHEAD as u64;
        assert_eq!(
            error.to_string(),
            format!("message of {size} bytes, the limit is 100")
        );
    }
}

#[test]
fn the_last_nonce_is_the_last() {
    let (mut client, _) = ends();
    client.ours.last = u64::MAX - 1;
    sealed(&mut client, 0, b"x");
    client
        .put(0, b"x", &mut Vec::new())
        .expect_err("they never begin anew");
}
