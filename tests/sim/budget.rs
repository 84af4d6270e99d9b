//! What sockets may hold together (G6): a budget, and one message for each queue that was empty.
//!
//! A socket may have a budget of its own, and in some stories all have one together, as sockets of one context. They are asked
//! at every step of a program.

use hubless::Context;

use crate::dice::Dice;
use crate::handle::Handle;
use crate::malice::Malice;
use crate::scenario::Options;
use crate::stage::Stage;

/// What all sockets of a story may hold together.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) budget: usize,
    pub(crate) context: Context,
}

/// In some stories all sockets share a budget; and where that is the planted bug, they do not keep to any.
pub(crate) fn draw_common<'a>(
    seed: u64,
    malice: Option<Malice>,
    sockets: impl Iterator<Item = &'a mut Options>,
) {
    let dice = &mut Dice::new(seed).fork(8);
    let common = dice.chance(8).then(|| {
        let budget = dice.size(1, 12_000) as usize;
        let context = Context::builder().memory_budget(budget).build();
        Common {
            budget,
            context: context.expect("it has no threads that could fail to start"),
        }
    });
    for options in sockets {
        options.common = common.clone();
        options.overdraws = malice == Some(Malice::Overdraw);
    }
}

/// A socket that may hold something.
pub(crate) struct Holder<'a> {
    pub(crate) number: u16,
    pub(crate) handle: &'a Handle,
    pub(crate) options: &'a Options,
    /// Endpoints that it dials, each of which has a queue, connected or not.
    pub(crate) dials: usize,
    /// The most bytes that a message may have.
    pub(crate) largest: u64,
    /// Bytes that a permit was given for, and that may wait yet.
    pub(crate) promised: u64,
    /// What waited for a peer that is lost may wait on.
    pub(crate) reroutes: bool,
}

/// Bytes.
#[derive(Default, Clone, Copy)]
struct Sum {
    held: u64,
    /// What may be held beyond any budget.
    beyond: u64,
}

impl Holder<'_> {
    /// What peers that have left had sent is taken in beyond the budget, and left out here.
    fn sum(&self, stage: &Stage) -> Sum {
        let (mut lanes, mut pipes, mut leaving) = (0, self.dials, false);
        stage.net.look(|links| {
            for link in links.iter().filter(|link| link.owners.contains(&self.number)) {
                let is_there = !link.is_gone();
                leaving |= is_there && !link.is_up();
                lanes += usize::from(is_there);
                pipes += usize::from(link.owners[1] == self.number && (is_there || self.reroutes));
            }
        });
        let stats = self.handle.stats();
        let (sent, received) = (stats.outgoing.queued.bytes, stats.incoming.received.messages);
        let mut unread = 0;
        if received > 0 && !leaving {
            let peers = self.handle.peers().list();
            unread = peers.iter().map(|peer| peer.stats().incoming.queued.bytes).sum();
        }
        let queues = if sent > 0 { pipes } else { 0 } + if unread > 0 { lanes } else { 0 };
        // With conflate one is being written and one waits.
        let each = if self.options.conflate { 2 } else { 1 };
        Sum {
            held: sent + unread,
            beyond: self.promised + each * queues as u64 * self.largest,
        }
    }
}

impl Stage {
    /// Holds what is held against what may be.
    pub(crate) fn check_budgets<'a>(&self, holders: impl Iterator<Item = Holder<'a>>) {
        let (mut all, mut common) = (Sum::default(), None);
        for holder in holders {
            let (own, shared) = (holder.options.memory_budget, holder.options.common.as_ref());
            if own == 0 && shared.is_none() {
                continue;
            }
            let sum = holder.sum(self);
            if own > 0 && sum.held > own as u64 + sum.beyond {
                let Sum { held, beyond } = sum;
                self.complain(format!(
                    "G6: socket {} holds {held} bytes, and may hold {own} and {beyond}: {:?}",
                    holder.number,
                    holder.handle.stats()
                ));
            }
            all.held += sum.held;
            all.beyond += sum.beyond;
            common = shared.map(|shared| shared.budget);
        }
        let Sum { held, beyond } = all;
        if let Some(budget) = common.filter(|budget| held > *budget as u64 + beyond) {
            self.complain(format!(
                "G6: all together hold {held} bytes, and may hold {budget} and {beyond}"
            ));
        }
    }

    /// Whether receivers are asked what they hold. Asking settles accounts that they leave open for a while, so it is not done
    /// in every story.
    pub(crate) fn asks_receivers(&self) -> bool {
        self.seed.is_multiple_of(4)
    }
}
