//! Asking who may enter, off the way of the bytes.
//!
//! An authenticator is anybody's code, and may take as long as a database or a network takes. So each question is a
//! task of its own, and the connection that waits for the answer is woken by it: it neither reads meanwhile nor delays
//! any other. Up to [`QUESTIONS`] of a socket are under way at once; further ones wait, in their order.
//!
//! ```text
//!  connection ── ask ──▶ task: wait for a place ──▶ authenticator ──▶ verdict ──▶ connection
//!      └── has ended, or its time is over ──▶ the task ends too
//! ```
//!
//! It fails closed: no answer, because the task panicked or its runtime went, is no entry.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{Semaphore, oneshot};

use super::Shared;
use crate::endpoint::Endpoint;
use crate::mechanism::auth::{Applicant, Credentials, Verdict};
use crate::runtime;
use crate::transport::Stream;

/// The most questions of one socket that are under way at once.
pub(crate) const QUESTIONS: usize = 64;

/// One that was asked.
#[derive(Debug)]
pub(super) struct Question(oneshot::Receiver<Verdict>);

impl Question {
    /// Asks about the peer at the other end of `stream`.
    pub(super) fn ask(
        shared: &Arc<Shared>,
        endpoint: &Endpoint,
        stream: &Stream,
        credentials: Credentials,
    ) -> Self {
        let (mut answer, question) = oneshot::channel();
        let mechanism = &shared.config.session.mechanism;
        let (Some(gate), Some(home)) = (mechanism.gate().cloned(), runtime::current()) else {
            return Self(question);
        };
        let applicant = Applicant {
            endpoint: endpoint.clone(),
            address: stream.peer_address().to_owned(),
            process: stream.peer_process(),
            mechanism: mechanism.name(),
            domain: mechanism.domain_name().clone(),
            routing_id: shared.config.session.routing_id.clone(),
            credentials,
        };
        let places = shared.questions.clone();
        runtime::spawn(&home, async move {
            let deciding = pin!(decide(&places, || gate.ask(applicant)));
            if let Some(verdict) = unless_given_up(&mut answer, deciding).await {
                let _ = answer.send(verdict);
            }
        });
        Self(question)
    }

    /// The answer, when it is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|answer| answer.unwrap_or_else(|_| Verdict::fail("the authenticator gave no answer")))
    }
}

/// Waits for a place, then for the verdict. The authenticator's code does not run before.
async fn decide<V: Future<Output = Verdict>>(places: &Semaphore, ask: impl FnOnce() -> V) -> Verdict {
    match places.acquire().await {
        Ok(_place) => ask().await,
        Err(_) => Verdict::fail("the socket is closed"),
    }
}

/// What `work` comes to; `None` when nobody waits for it any more.
async fn unless_given_up<T>(
    answer: &mut oneshot::Sender<T>,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> Option<T> {
    poll_fn(|cx| match answer.poll_closed(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(cx).map(Some),
    })
    .await
}
