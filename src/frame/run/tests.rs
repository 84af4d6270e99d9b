//! The run against a model that keeps every frame apart.

use proptest::prelude::*;

use super::*;
use crate::frame::MORE;

/// What to do to a run and to its model.
#[derive(Debug, Clone)]
enum Step {
    /// Put a message of frames of these sizes; each is copied or goes by reference, whole or frame by frame.
    Put(Vec<(usize, How)>),
    PutWire(Vec<usize>),
    Take(usize, usize),
    Pop,
    CutAt(usize),
    Append(Vec<usize>),
    Prepend(Vec<usize>),
    Clear,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Copy,
    Bytes,
}

/// Bodies from here on go by reference in these tests.
const SHARE: usize = 40;

type Frames = Vec<Bytes>;

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0usize..60, 1 => 250usize..260, 1 => Just(1_000usize)]
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![Just(How::Copy), Just(How::Bytes)];
    let shape = || prop::collection::vec(sizes(), 1..4);
    prop_oneof![
        8 => prop::collection::vec((sizes(), how), 1..4).prop_map(Step::Put),
        4 => shape().prop_map(Step::PutWire),
        2 => (0usize..6, 0usize..600).prop_map(|(n, bytes)| Step::Take(n, bytes)),
        2 => Just(Step::Pop),
        2 => (0usize..3_000).prop_map(Step::CutAt),
        1 => shape().prop_map(Step::Append),
        1 => shape().prop_map(Step::Prepend),
        1 => Just(Step::Clear),
    ]
}

/// Bodies that differ from each other, so that a mix-up shows.
struct Source(u8);

impl Source {
    fn body(&mut self, size: usize) -> Bytes {
        self.0 = self.0.wrapping_add(1);
        (0..size)
            .map(|i| self.0.wrapping_mul(31).wrapping_add(i as u8))
            .collect()
    }

    fn frames(&mut self, sizes: &[usize]) -> Frames {
        sizes.iter().map(|&size| self.body(size)).collect()
    }
}

fn wire(frames: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, body) in frames.iter().enumerate() {
        put_header(&mut out, if i + 1 < frames.len() { MORE } else { 0 }, body.len());
        out.extend_from_slice(body);
    }
    out
}

fn by_reference(frames: &[Bytes]) -> Run {
    let mut run = Run::default();
    run.put_frames_by_reference(&wire(frames).into(), SHARE);
    run
}

fn written(run: &Run, from: usize, width: usize) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), from);
    loop {
        let mut slices = vec![IoSlice::new(&[]); width];
        let filled = run.slices(at, &mut slices);
        if filled == 0 {
            return out;
        }
        for slice in &slices[..filled] {
            assert!(!slice.is_empty());
            out.extend_from_slice(slice);
            at += slice.len();
        }
    }
}

fn bodies(popped: Popped<'_>) -> Frames {
    match popped {
        Popped::Frames { from, len } => super::Frames::new(&from[..len])
            .map(|(_, body)| Bytes::copy_from_slice(body))
            .collect(),
        Popped::Body(body) => vec![body],
        Popped::Bodies(bodies) => bodies,
    }
}

fn check(run: &Run, model: &[Frames]) {
    let expected: Vec<u8> = model.iter().flat_map(|message| wire(message)).collect();
    assert_eq!(run.len(), expected.len());
    assert_eq!(run.is_empty(), expected.is_empty());
    assert_eq!(run.count_messages(), model.len());
    for from in [
        0,
        1,
        2,
        3,
        expected.len() / 2,
        expected.len().saturating_sub(1),
        expected.len(),
    ] {
        let rest = expected.get(from..).unwrap_or_default();
        assert_eq!(written(run, from, 1), rest);
        assert_eq!(written(run, from, 30), rest);
    }
}

proptest! {
    #[test]
    fn a_run_is_the_concatenation_of_what_was_put_and_not_taken(steps in prop::collection::vec(step(), 1..40)) {
        let (mut run, mut model, mut source) = (Run::default(), Vec::<Frames>::new(), Source(0));
        for step in steps {
            match step {
                Step::Put(shape) => {
                    let mut message = Frames::new();
                    for (i, &(size, how)) in shape.iter().enumerate() {
                        let (body, flags) = (source.body(size), if i + 1 < shape.len() { MORE } else { 0 });
                        match how {
                            How::Copy => run.put(flags, &body),
                            How::Bytes => run.put_bytes(flags, &body, SHARE),
                        }
                        message.push(body);
                    }
                    model.push(message);
                }
                Step::PutWire(shape) => {
                    let message = source.frames(&shape);
                    run.put_frames_by_reference(&wire(&message).into(), SHARE);
                    model.push(message);
                }
                Step::Take(n, max_bytes) => {
                    let (taken, messages) = run.take_messages(n, max_bytes);
                    let before: Vec<_> = model.drain(..messages).collect();
                    check(&taken, &before);
                    prop_assert!(messages <= n && (messages <= 1 || taken.len() <= max_bytes));
                    if let Some(next) = model.first().filter(|_| messages < n) {
                        prop_assert!(messages > 0 && taken.len() + wire(next).len() > max_bytes);
                    }
                }
                Step::Pop => {
                    let popped = run.pop_message().map(bodies);
                    let expected = (!model.is_empty()).then(|| model.remove(0));
                    prop_assert_eq!(popped, expected);
                }
                Step::CutAt(accepted) => {
                    let (boundary, messages) = run.boundary_at_or_after(accepted);
                    let ends = model.iter().scan(0, |end, message| { *end += wire(message).len(); Some(*end) });
                    let expected = std::iter::once(0).chain(ends).enumerate().find(|&(_, end)| end >= accepted);
                    let whole = (model.len(), run.len());
                    prop_assert_eq!((messages, boundary), expected.unwrap_or(whole));
                    run.split_off_front(boundary);
                    model.drain(..messages);
                }
                Step::Append(shape) => {
                    let message = source.frames(&shape);
                    run.append(by_reference(&message));
                    model.push(message);
                }
                Step::Prepend(shape) => {
                    let message = source.frames(&shape);
                    run.prepend(by_reference(&message));
                    model.insert(0, message);
                }
                Step::Clear => {
                    run.clear();
                    model.clear();
                }
            }
            check(&run, &model);
        }
    }
}

#[test]
fn a_large_body_goes_by_reference() {
    let body = Bytes::from(vec![7; 100]);
    let mut run = Run::default();
    run.put_bytes(0, &body, 100);
    assert!(matches!(run.pop_message(), Some(Popped::Body(popped)) if popped.as_ptr() == body.as_ptr()));
}

#[test]
fn an_empty_body_is_never_shared() {
    let mut run = Run::default();
    run.put_bytes(MORE, &Bytes::new(), 0);
    run.put_bytes(0, &Bytes::from_static(b"x"), 0);
    let mut slices = [IoSlice::new(&[]); 4];
    assert_eq!(run.slices(0, &mut slices), 2);
    assert_eq!((&*slices[0], &*slices[1]), (&b"\x01\x00\x00\x01"[..], &b"x"[..]));
}

#[test]
fn taking_everything_moves_the_buffer_and_leaves_the_other_one() {
    let mut run = Run::default();
    run.put(0, b"first");
    let address = run.bytes.as_ptr();
    let mut other = Run::default();
    other.put(0, b"gone");
    other.clear();
    let capacity = other.capacity();
    assert_eq!(run.move_messages(usize::MAX, usize::MAX, &mut other), 1);
    assert_eq!(other.bytes.as_ptr(), address);
    assert_eq!((run.len(), run.capacity()), (0, capacity));
}

#[test]
fn a_run_consumed_in_small_steps_moves_each_byte_about_once() {
    let mut run = Run::default();
    for i in 0..10_000u32 {
        run.put(0, &i.to_be_bytes());
    }
    let mut moved = 0;
    while !run.is_empty() {
        let before = run.head;
        run.split_off_front(6);
        if run.head < before {
            moved += run.bytes.len();
        }
    }
    assert!(moved <= 60_000, "{moved} bytes were moved for 60 000 taken");
}
