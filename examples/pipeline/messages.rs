//! What goes over the wire.
//!
//! ```text
//!   ventilator ──▶ worker    [ number | text ]               a chunk
//!                            [ "end" ]                       there are no more
//!   worker     ──▶ sink      [ worker | number | counts ]    an answer: lines of "times word"
//! ```

use hubless::{Frame, Message};

use super::Result;
use super::text::Count;

/// A piece of text.
#[derive(Debug)]
pub struct Chunk {
    pub number: u64,
    pub text: String,
}

impl Chunk {
    pub fn into_message(self) -> Message {
        (self.number.to_string(), self.text).into()
    }

    /// What a worker received: a chunk, or the end.
    pub fn from_message(message: Message) -> Result<Option<Self>> {
        if message == "end" {
            return Ok(None);
        }
        let [number, text] = message.into_frames()?;
        Ok(Some(Self {
            number: parse(&number)?,
            text: String::from_utf8(text.to_vec())?,
        }))
    }
}

/// The words of one chunk, counted.
#[derive(Debug)]
pub struct Answer {
    pub worker: usize,
    pub number: u64,
    pub count: Count,
}

impl Answer {
    pub fn to_message(&self) -> Message {
        let lines: String = self
            .count
            .iter()
            .map(|(word, times)| format!("{times} {word}\n"))
            .collect();
        [self.worker.to_string(), self.number.to_string(), lines].into()
    }

    pub fn from_message(message: Message) -> Result<Self> {
        let [worker, number, lines] = message.into_frames()?;
        let mut count = Count::default();
        for line in std::str::from_utf8(&lines)?.lines() {
            let (times, word) = line
                .split_once(' ')
                .ok_or("an answer without a space in a line")?;
            count.add(word, times.parse()?);
        }
        Ok(Self {
            worker: parse(&worker)?,
            number: parse(&number)?,
            count,
        })
    }
}

fn parse<T: std::str::FromStr>(frame: &Frame) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    Ok(std::str::from_utf8(frame)?.parse()?)
}
