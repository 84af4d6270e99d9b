//! Whom a message concerns.

use super::State;

/// How what peers ask for and the first frame of a message are compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matching {
    /// Those who asked for a prefix of it.
    #[default]
    Prefix,
    /// Those who did not.
    Inverted,
    /// Those who asked for exactly this, and those who cannot ask.
    Exact,
    /// Everybody, without being asked.
    Everybody,
}

impl State {
    /// Notes in `hits` whom the message concerns, each once.
    #[inline]
    pub(super) fn find_hits(&mut self, matching: Matching, topic: &[u8]) {
        if matching != Matching::Prefix {
            return self.find_others(matching, topic);
        }
        let (hits, mut prefixes) = (&mut self.hits, 0);
        hits.clear();
        self.subscriptions.for_each_match(topic, |holders| {
            hits.extend_from_slice(holders);
            prefixes += 1;
        });
        if prefixes > 1 {
            let (subscribers, number) = (&mut self.subscribers, self.number);
            hits.retain(|slot| subscribers.is_new(*slot, number));
        }
        if let Some(news) = &mut self.news {
            news.narrow(hits);
        }
    }

    #[inline(never)]
    fn find_others(&mut self, matching: Matching, topic: &[u8]) {
        let (hits, subscribers, number) = (&mut self.hits, &mut self.subscribers, self.number);
        hits.clear();
        match matching {
            Matching::Exact => {
                hits.extend_from_slice(self.subscriptions.holders(topic));
                hits.extend_from_slice(&self.takers);
            }
            Matching::Everybody => {
                let staying = subscribers.iter().filter(|(_, one)| !one.retired);
                hits.extend(staying.map(|(slot, _)| slot));
            }
            Matching::Prefix | Matching::Inverted => {
                self.subscriptions.for_each_match(topic, |holders| {
                    for slot in holders {
                        subscribers.is_new(*slot, number);
                    }
                });
                let others = subscribers
                    .iter()
                    .filter(|(_, one)| !one.was_asked(number) && !one.retired);
                hits.extend(others.map(|(slot, _)| slot));
            }
        }
        if let Some(news) = &mut self.news {
            news.narrow(hits);
        }
    }

    /// How many peers get a message with this first frame.
    pub(super) fn count_matching(&self, matching: Matching, topic: &[u8]) -> usize {
        let everybody = || self.subscribers.iter().count();
        match matching {
            Matching::Prefix => self.subscriptions.count_matching(topic),
            Matching::Inverted => everybody() - self.subscriptions.count_matching(topic),
            Matching::Exact => self.subscriptions.holders(topic).len() + self.takers.len(),
            Matching::Everybody => everybody(),
        }
    }
}
