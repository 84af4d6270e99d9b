//! The sink: adds the answers up, and knows which are missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hubless::{Event, Message, Monitor, Pull};
use indicatif::ProgressBar;

use super::Result;
use super::messages::{Answer, Chunk};
use super::text::Count;

/// Receives answers until every worker has left.
///
/// A worker that is done closes its connection, and the kernel closes that of one that was killed. Either way the
/// event comes behind the last answer, so no clock is needed to tell a slow worker from a dead one.
pub async fn collect(
    answers: &Pull,
    mut monitor: Monitor,
    workers: usize,
    ledger: &Ledger,
    bar: &ProgressBar,
) -> Result<Count> {
    let mut count = Count::default();
    let mut take = |message: Message| -> Result<()> {
        let answer = Answer::from_message(message)?;
        bar.inc(ledger.answer(answer.number, answer.worker)?);
        answer
            .count
            .iter()
            .for_each(|(word, times)| count.add(word, times));
        Ok(())
    };

    let mut connected = workers;
    while connected > 0 {
        tokio::select! {
            message = answers.recv() => take(message?)?,
            event = monitor.next() => match event {
                Some(Event::Disconnected { .. } | Event::HandshakeFailed { .. }) => connected -= 1,
                Some(_) => {}
                None => break,
            },
        }
    }
    // Nobody sends any more; what came before the last one left is here already.
    while let Ok(message) = answers.try_recv() {
        take(message)?;
    }
    Ok(count)
}

/// Who was given which chunk, and which were answered: kept by the ventilator and the sink together.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    open: BTreeMap<u64, Given>,
    done: BTreeMap<usize, Share>,
}

#[derive(Debug, Clone, Copy)]
struct Given {
    worker: usize,
    bytes: u64,
}

/// What one worker did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Share {
    pub chunks: u64,
    pub bytes: u64,
}

impl Ledger {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn give(&self, chunk: &Chunk, worker: usize) {
        let bytes = chunk.text.len() as u64;
        self.entries().open.insert(chunk.number, Given { worker, bytes });
    }

    /// Enters an answer; returns how much text it answers for.
    pub fn answer(&self, number: u64, worker: usize) -> Result<u64> {
        let mut entries = self.entries();
        match entries.open.remove(&number) {
            Some(given) if given.worker == worker => {
                let share = entries.done.entry(worker).or_default();
                share.chunks += 1;
                share.bytes += given.bytes;
                Ok(given.bytes)
            }
            // At most once, and from the one who got it: this would be a fault of ours.
            _ => Err(format!("worker {worker} answered chunk {number}, which nobody waits for").into()),
        }
    }

    pub fn share(&self, worker: usize) -> Share {
        self.entries().done.get(&worker).copied().unwrap_or_default()
    }

    /// The chunks that this worker was given and did not answer.
    pub fn unanswered_by(&self, worker: usize) -> Vec<u64> {
        let entries = self.entries();
        let open = entries.open.iter().filter(|(_, given)| given.worker == worker);
        open.map(|(&number, _)| number).collect()
    }

    pub fn is_settled(&self) -> bool {
        self.entries().open.is_empty()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
