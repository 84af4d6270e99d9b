//! Several addresses of one name, tried as RFC 8305 (Happy Eyeballs) says.
//!
//! ```text
//! first   ●─────────────────────────── silent ───…  dropped
//! second          ●── refused
//! third                     ●───── connected: the one that is kept
//!         ├ 250 ms ┤         at once
//! ```
//!
//! An address that answers with nothing at all would else hold up those behind it for as long as the system tries, some
//! two minutes. Who asked for the addresses keeps the resolver's answer in its order but for the families, which
//! alternate: where one of them leads nowhere, only every other attempt is lost.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::runtime::{self, Alarm};

/// How long an attempt goes on alone before the next address is tried beside it.
pub(super) const HEAD_START: Duration = Duration::from_millis(250);

/// The most attempts at a time: whoever answers for a name may say as many addresses as they like.
const MOST: usize = 8;

/// The first success, or the error of the attempt that failed last.
///
/// One attempt after the other is begun, in the order of the addresses: when one has failed, and each time the latest
/// has had its head start; without one only a failure makes way for the next. What is pending when one succeeds, or when
/// this future is dropped, is dropped.
pub(super) async fn first_of<T, Attempt>(
    addresses: Vec<SocketAddr>,
    head_start: Option<Duration>,
    mut attempt: impl FnMut(SocketAddr) -> Attempt,
) -> io::Result<T>
where
    Attempt: Future<Output = io::Result<T>>,
{
    let mut addresses = addresses.into_iter();
    let mut attempts = Vec::new();
    let mut alarm = Alarm::default();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    poll_fn(|cx| {
        loop {
            match poll_any(&mut attempts, cx) {
                Poll::Ready(Ok(made)) => return Poll::Ready(Ok(made)),
                Poll::Ready(Err(error)) => last = error,
                Poll::Pending if attempts.is_empty() || alarm.poll(cx).is_ready() => {}
                Poll::Pending => return Poll::Pending,
            }
            match addresses.next() {
                Some(address) => attempts.push(Box::pin(attempt(address))),
                None if attempts.is_empty() => {
                    let no_address = io::Error::from(io::ErrorKind::NotFound);
                    return Poll::Ready(Err(std::mem::replace(&mut last, no_address)));
                }
                None => {}
            }
            let goes_on = addresses.len() > 0 && attempts.len() < MOST;
            let next = head_start.filter(|_| goes_on);
            alarm.set(next.map(|head_start| runtime::now() + head_start));
        }
    })
    .await
}

/// Ready with what one of them came to, which is done with then. The one that was begun first is looked at first.
fn poll_any<T, Attempt>(attempts: &mut Vec<Pin<Box<Attempt>>>, cx: &mut Context<'_>) -> Poll<io::Result<T>>
where
    Attempt: Future<Output = io::Result<T>>,
{
    for at in 0..attempts.len() {
        if let Poll::Ready(made) = attempts[at].as_mut().poll(cx) {
            drop(attempts.remove(at));
            return Poll::Ready(made);
        }
    }
    Poll::Pending
}

/// The families in turn, that of the first address first; those of one family stay in their order (RFC 8305, section 4).
pub(super) fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let leads = |address: &SocketAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let (leading, others): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(leads);
    let (mut leading, mut others) = (leading.into_iter(), others.into_iter());
    let mut turns = Vec::with_capacity(addresses.len());
    while turns.len() < addresses.len() {
        turns.extend(leading.next());
        turns.extend(others.next());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::future::pending;
    use std::rc::Rc;

    use tokio::time::{Instant, sleep};

    fn numbers(text: &str) -> SocketAddr {
        text.parse().expect("a numeric address")
    }

    fn some(count: u16) -> Vec<SocketAddr> {
        (1..=count)
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect()
    }

    /// What an address does, and after how many milliseconds.
    #[derive(Clone, Copy)]
    enum Answers {
        Yes(u64),
        No(u64),
    }
    use Answers::{No, Yes};

    /// A network in which the addresses are told apart by their ports, and those that are not named are silent.
    #[derive(Default)]
    struct Net {
        answers: BTreeMap<u16, Answers>,
        /// Who was tried, and when.
        tried: RefCell<Vec<(u16, u64)>>,
        /// How many attempts are under way.
        pending: Rc<Cell<usize>>,
    }

    struct Pending(Rc<Cell<usize>>);

    impl Drop for Pending {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    impl Net {
        fn of(answers: impl IntoIterator<Item = (u16, Answers)>) -> Self {
            Self {
                answers: answers.into_iter().collect(),
                ..Self::default()
            }
        }

        /// Which port answered, or the one whose error was told.
        async fn dial(
            &self,
            addresses: Vec<SocketAddr>,
            head_start: Option<Duration>,
        ) -> Result<u16, String> {
            let begin = Instant::now();
            first_of(addresses, head_start, |address| {
                let port = address.port();
                let at = begin.elapsed().as_millis() as u64;
                self.tried.borrow_mut().push((port, at));
                self.pending.set(self.pending.get() + 1);
                let pending_now = Pending(self.pending.clone());
                async move {
                    let _pending_now = pending_now;
                    match self.answers.get(&port) {
                        Some(Yes(after)) => {
                            sleep(Duration::from_millis(*after)).await;
                            Ok(port)
                        }
                        Some(No(after)) => {
                            sleep(Duration::from_millis(*after)).await;
                            Err(io::Error::other(port.to_string()))
                        }
                        None => pending().await,
                    }
                }
            })
            .await
            .map_err(|error| error.to_string())
        }

        fn tried(&self) -> Vec<(u16, u64)> {
            self.tried.take()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_holds_up_the_next_for_a_quarter_of_a_second() {
        let net = Net::of([(3, Yes(10))]);
        assert_eq!(net.dial(some(4), Some(HEAD_START)).await, Ok(3));
        assert_eq!(net.tried(), [(1, 0), (2, 250), (3, 500)]);
        assert_eq!(net.pending.get(), 0, "the others are dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_in_time_is_the_only_one_tried() {
        let net = Net::of([(1, Yes(249)), (2, Yes(0))]);
        assert_eq!(net.dial(some(2), Some(HEAD_START)).await, Ok(1));
        assert_eq!(net.tried(), [(1, 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_the_next_is_tried_at_once() {
        let net = Net::of([(2, No(10)), (3, No(20)), (4, Yes(40))]);
        assert_eq!(net.dial(some(5), Some(HEAD_START)).await, Ok(4));
        assert_eq!(net.tried(), [(1, 0), (2, 250), (3, 260), (4, 280)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_address_may_still_win() {
        let net = Net::of([(1, Yes(300)), (2, Yes(100))]);
        assert_eq!(net.dial(some(2), Some(HEAD_START)).await, Ok(1));
        assert_eq!(net.tried(), [(1, 0), (2, 250)]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_that_answer_at_once_the_earlier_wins() {
        let net = Net::of([(1, Yes(350)), (2, Yes(100))]);
        assert_eq!(net.dial(some(2), Some(HEAD_START)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn when_no_address_answers_the_last_to_fail_tells_why() {
        let net = Net::of([(1, No(400)), (2, No(10)), (3, No(10))]);
        assert_eq!(net.dial(some(3), Some(HEAD_START)).await, Err("1".to_owned()));
        assert_eq!(net.tried(), [(1, 0), (2, 250), (3, 260)]);
        assert_eq!(
            net.dial(vec![], Some(HEAD_START)).await,
            Err("the name has no address".to_owned())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_eight_are_tried_at_a_time() {
        let net = Net::of([(1, No(60_000)), (9, No(30_000)), (10, Yes(5))]);
        assert_eq!(net.dial(some(40), Some(HEAD_START)).await, Ok(10));
        let mut expected: Vec<_> = (1..=8).map(|port| (port, 250 * u64::from(port - 1))).collect();
        expected.extend([(9, 60_000), (10, 90_000)]);
        assert_eq!(net.tried(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_head_start_only_failures_make_way() {
        let net = Net::of([(1, No(5_000)), (2, Yes(5_000))]);
        assert_eq!(net.dial(some(3), None).await, Ok(2));
        assert_eq!(net.tried(), [(1, 0), (2, 5_000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_drops_all_attempts() {
        let net = Net::default();
        let dialing = net.dial(some(3), Some(HEAD_START));
        let in_time = tokio::time::timeout(Duration::from_millis(300), dialing).await;
        assert!(in_time.is_err());
        assert_eq!(net.tried(), [(1, 0), (2, 250)]);
        assert_eq!(net.pending.get(), 0);
    }

    #[test]
    fn the_families_take_turns_and_keep_their_order() {
        let named = |names: &[&str]| -> Vec<SocketAddr> { names.iter().map(|name| numbers(name)).collect() };
        let mixed = named(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        assert_eq!(
            alternating(mixed),
            named(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"])
        );
        let led_by_v4 = named(&["1.1.1.1:1", "[::1]:1", "[::2]:1"]);
        assert_eq!(alternating(led_by_v4.clone()), led_by_v4);
        let one_family = named(&["2.2.2.2:1", "1.1.1.1:1"]);
        assert_eq!(alternating(one_family.clone()), one_family);
        assert_eq!(alternating(vec![]), []);
    }
}
