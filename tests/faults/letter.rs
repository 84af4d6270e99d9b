//! What travels: messages of one to three frames, from no byte to some 100 KiB each, of which every byte follows from
//! a seed and a number. The first frame begins with the number, so whoever receives one can say what it must be.

use hubless::{Frame, Message, Payload};

use crate::dice::Dice;

/// Most frames are small, as in life; a few are too large for any buffer in between.
const SMALL: [usize; 9] = [0, 1, 31, 32, 33, 254, 255, 256, 1000];
const MIDDLE: [usize; 3] = [8191, 8192, 10_000];
const LARGE: [usize; 3] = [33_000, 70_000, 110_000];

fn frames(seed: u64, number: u64) -> Vec<Vec<u8>> {
    let mut dice = Dice::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
    let count = 1 + dice.below(3);
    let frame = |index| {
        let size = match dice.below(20) {
            0 => dice.pick(&LARGE),
            1..=4 => dice.pick(&MIDDLE),
            _ => dice.pick(&SMALL),
        };
        let mut body = Vec::with_capacity(16 + size);
        if index == 0 {
            body.extend_from_slice(&number.to_be_bytes());
        }
        let size = body.len() + size;
        while body.len() < size {
            body.extend_from_slice(&dice.roll().to_le_bytes());
        }
        body.truncate(size);
        body
    };
    (0..count).map(frame).collect()
}

/// Letter `number` of the sender with this seed.
pub(crate) fn letter(seed: u64, number: u64) -> Payload<'static> {
    let frames: Vec<Frame> = frames(seed, number).into_iter().map(Frame::from).collect();
    Message::try_from(frames).expect("one to three frames").into()
}

/// The number of a letter from the sender with this seed; an error if a single byte or frame is not as it was sent.
pub(crate) fn opened(seed: u64, message: &Message) -> Result<u64, String> {
    let head = message.frame(0).and_then(|frame| frame.first_chunk());
    let number = u64::from_be_bytes(*head.ok_or("a letter without a number")?);
    let expected = frames(seed, number);
    if message.iter().eq(expected.iter().map(|frame| &frame[..])) {
        return Ok(number);
    }
    let lens: Vec<_> = message.iter().map(<[u8]>::len).collect();
    let should: Vec<_> = expected.iter().map(Vec::len).collect();
    Err(format!(
        "torn or foreign: letter {number} has frames of {lens:?} bytes and should have {should:?}"
    ))
}

#[test]
fn a_letter_with_one_wrong_byte_or_frame_is_no_letter() {
    for number in 0..200 {
        let message = letter(7, number).into_message();
        assert_eq!(opened(7, &message), Ok(number));
        assert!(opened(8, &message).is_err(), "of another sender");
        let mut frames = frames(7, number);
        let last = frames.len() - 1;
        frames[last].push(0);
        let whole: Vec<Frame> = frames.iter().cloned().map(Frame::from).collect();
        assert!(opened(7, &Message::try_from(whole.clone()).expect("frames")).is_err());
        if last > 0 {
            let torn = whole[..last].to_vec();
            assert!(opened(7, &Message::try_from(torn).expect("frames")).is_err());
        }
    }
}
