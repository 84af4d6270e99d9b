//! Every shape of message is the same list of frames, whichever way it came.

use proptest::prelude::*;

use super::*;

/// Sizes around every border: inline, short header, copied, large.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let borders = [
        0,
        1,
        17,
        30,
        32,
        33,
        255,
        256,
        COPIED,
        COPIED + 1,
        LARGE - 1,
        LARGE,
    ];
    let size = prop_oneof![3 => 0usize..50, 1 => prop::sample::select(borders.to_vec())];
    (any::<u8>(), size).prop_map(|(seed, size)| (0..size).map(|i| seed.wrapping_add(i as u8)).collect())
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(body(), 1..5)
}

fn message(bodies: &[Vec<u8>]) -> Message {
    let frames: Vec<Frame> = bodies.iter().map(Frame::from).collect();
    frames.try_into().expect("there are frames")
}

fn check(message: &Message, bodies: &[Vec<u8>]) {
    assert!(message.iter().eq(bodies));
    assert_eq!(message.len(), bodies.len());
    assert_eq!(message.byte_len(), bodies.iter().map(Vec::len).sum::<usize>());
    assert_eq!(
        message.frame(bodies.len() - 1),
        bodies.last().map(|body| &body[..])
    );
    assert_eq!(message.frame(bodies.len()), None);
    let frames: Vec<Frame> = message.clone().into_iter().collect();
    assert_eq!(frames, bodies);
    assert_eq!(
        *message,
        super::Message::try_from(frames).expect("there are frames")
    );
    assert_eq!(*message == bodies[0], bodies.len() == 1);
}

proptest! {
    #[test]
    fn what_goes_onto_the_wire_comes_back(messages in prop::collection::vec(bodies(), 1..6), share_from in 1usize..50_000) {
        let (mut run, mut ends) = (Run::default(), Vec::new());
        for bodies in &messages {
            let message = message(bodies);
            check(&message, bodies);
            let before = run.len();
            message.encode(&mut run, share_from);
            prop_assert_eq!(run.len() - before, message.wire_len());
            prop_assert_eq!(message.wire_len(), bodies.iter().map(|body| framed_len(body.len())).sum::<usize>());
            ends.push(run.len());
        }

        // As the driver cuts it.
        let mut slices = vec![std::io::IoSlice::new(&[]); 64];
        let filled = run.slices(0, &mut slices);
        let chunk: Bytes = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let mut start = 0;
        for (bodies, end) in messages.iter().zip(ends) {
            let received = Message::from_wire(&chunk, start..end);
            check(&received, bodies);
            // Once more through a log, now from a wire form.
            let mut again = Run::default();
            received.encode(&mut again, share_from);
            prop_assert_eq!(again.len(), received.wire_len());
            let popped = Message::pop_from(&mut again).expect("a message was put in");
            check(&popped, bodies);
            prop_assert_eq!(Message::pop_from(&mut again), None);
            start = end;
        }

        // As a pipe inside the process does it.
        for bodies in &messages {
            check(&Message::pop_from(&mut run).expect("there are more messages"), bodies);
        }
        prop_assert_eq!(Message::pop_from(&mut run), None);
    }

    #[test]
    fn an_envelope_comes_off_and_on_again(ids in prop::collection::vec(body(), 0..3), bodies in bodies()) {
        let ids: Vec<Vec<u8>> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        let envelope: Vec<Frame> = ids.iter().map(Frame::from).collect();
        let whole = Message::with_envelope(envelope.clone(), message(&bodies));
        let all: Vec<Vec<u8>> = ids.iter().cloned().chain([vec![]]).chain(bodies.iter().cloned()).collect();
        check(&whole, &all);
        let (split, body) = whole.split_envelope().expect("there is a delimiter and something behind it");
        prop_assert_eq!(split, envelope);
        check(&body, &bodies);
    }

    #[test]
    fn a_payload_of_a_slice_is_that_slice(bytes in body(), share_from in 1usize..10_000) {
        let payload = Payload::from(&bytes);
        prop_assert_eq!((payload.byte_len(), payload.frame_count()), (bytes.len(), 1));
        let mut run = Run::default();
        payload.encode(&mut run, share_from);
        prop_assert_eq!(run.len(), payload.wire_len());
        check(&Message::pop_from(&mut run).expect("a message was put in"), &[bytes]);
    }
}

#[test]
fn no_envelope_without_a_delimiter_or_a_body() {
    for message in [["a", "b"], ["a", ""]] {
        assert_eq!(Message::from(message).split_envelope(), None);
    }
    assert_eq!(Message::from("").split_envelope(), None);
}

#[test]
#[allow(clippy::needless_borrows_for_generic_args)] // Borrowing is what is tested.
fn everything_with_bytes_in_it_can_be_sent() {
    fn payload<'a>(payload: impl Into<Payload<'a>>) -> Message {
        payload.into().into_message()
    }
    let long = "a text that is longer than what is kept inline";
    let owned = long.to_owned();
    for message in [
        payload(long),
        payload(&owned),
        payload(owned.clone()),
        payload(long.as_bytes()),
        payload(&owned.clone().into_bytes()),
        payload(owned.clone().into_bytes()),
        payload(owned.clone().into_bytes().into_boxed_slice()),
        payload(Bytes::from(owned.clone())),
        payload(&Bytes::from(owned.clone())),
        payload(bytes::BytesMut::from(long)),
        payload(Frame::from(long)),
        payload(&Frame::from(long)),
        payload(Message::from(long)),
        payload(&Message::from(long)),
        payload([long]),
        payload((&owned,)),
    ] {
        assert_eq!(message, long);
        assert_eq!(message.into_bytes().expect("one frame"), long);
    }
    assert_eq!(payload(b"array"), "array");
}

#[test]
fn a_part_of_several_frames_stands_in_its_place() {
    let inner = Message::from(("b", "c"));
    assert_eq!(
        Message::from(("a", inner, ["d"])),
        Message::from(["a", "b", "c", "d"])
    );
}

#[test]
fn large_frames_that_a_user_put_together_go_by_reference() {
    let body = Bytes::from(vec![1; LARGE]);
    let message = Message::from(("topic", &body));
    let mut run = Run::default();
    message.encode(&mut run, LARGE);
    let mut slices = [std::io::IoSlice::new(&[]); 4];
    assert_eq!(run.slices(0, &mut slices), 2);
    assert_eq!(slices[1].as_ptr(), body.as_ptr());
}

#[test]
fn a_received_message_keeps_the_chunk_alive_only_when_it_is_large() {
    for (sizes, shared) in [
        (&[COPIED][..], false),
        (&[COPIED + 1], true),
        (&[COPIED / 2, COPIED / 2 - 18], false),
        (&[COPIED / 2, COPIED / 2 - 17], true),
    ] {
        let mut run = Run::default();
        Message::several(sizes.iter().map(|&size| vec![0; size].into()).collect())
            .encode(&mut run, usize::MAX);
        let mut slices = [std::io::IoSlice::new(&[])];
        run.slices(0, &mut slices);
        let chunk = Bytes::copy_from_slice(&slices[0]);
        let message = Message::from_wire(&chunk, 0..chunk.len());
        assert_eq!(message.len(), sizes.len());
        assert_eq!(!chunk.is_unique(), shared, "{sizes:?}");
    }
}

#[test]
fn reading_less_than_everything_gives_the_message_back() {
    let message = Message::from(("a", "b"));
    let error = message.clone().into_bytes().expect_err("there are two frames");
    assert_eq!(error.to_string(), "the message has 2 frames, 1 was expected");
    assert_eq!(error.into_message(), message);
    let error = Message::from("a")
        .into_frames::<2>()
        .expect_err("there is one frame");
    assert_eq!(error.to_string(), "the message has 1 frame, 2 were expected");
}

#[test]
fn a_long_header_for_a_small_body_reads_like_a_short_one() {
    let chunk =
        Bytes::from_static(b"\x02\x00\x00\x00\x00\x00\x00\x00\x05hello\x03\0\0\0\0\0\0\0\x01a\x00\x01b");
    assert_eq!(Message::from_wire(&chunk, 0..14), "hello");
    assert_eq!(
        Message::from_wire(&chunk, 14..chunk.len()),
        Message::from(["a", "b"])
    );
}

#[test]
fn debug_output_is_readable_and_bounded() {
    assert_eq!(format!("{:?}", Message::from("héllo\n")), r#"["h\xc3\xa9llo\n"]"#);
    assert_eq!(format!("{:?}", Message::from(("a", b"\0"))), r#"["a", "\x00"]"#);
    let long = format!("{:?}", Message::from(vec![b'x'; 100_000]));
    assert!(long.ends_with("… (100000 bytes)]") && long.len() < 100, "{long}");
    let many = format!("{:?}", Message::from(["x"; 1_000]));
    assert!(many.ends_with(", … (1000 frames)]") && many.len() < 100, "{many}");
}
