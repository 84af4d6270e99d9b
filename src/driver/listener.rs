//! The task of one bound endpoint: accepts, and survives whatever accepting may meet.
//!
//! Running out of descriptors or memory is not an end: the listener waits a little, longer each time, and tries
//! again; one event a second tells of it (guarantees, row 4).

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::tasks::{self, Role, TaskGuard};
use super::{Home, Order};
use crate::monitor::Event;
use crate::runtime;
use crate::transport::{Listener, Stream};

/// The first wait after a failure to accept; each further one is twice as long …
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Starts to accept.
pub(crate) fn listen(home: &Home, guard: TaskGuard, listener: Listener) {
    tasks::start(home, run(home.clone(), guard, listener));
}

async fn run(home: Home, mut guard: TaskGuard, mut listener: Listener) {
    let shared = guard.shared.clone();
    shared.events.emit(|| Event::Listening {
        endpoint: guard.endpoint.clone(),
    });
    let mut wait = FIRST_WAIT;
    let mut told: Option<Instant> = None;
    while let Some(accepted) = next(&guard, &mut listener).await {
        match accepted {
            Ok(stream) => {
                wait = FIRST_WAIT;
                welcome(&home, &guard, stream);
            }
            Err(error) if is_the_peers_fault(&error) => {}
            Err(error) => {
                let now = runtime::now();
                if told.is_none_or(|told| now.duration_since(told) >= LONGEST_WAIT) {
                    told = Some(now);
                    let endpoint = guard.endpoint.clone();
                    shared.events.emit(|| Event::AcceptFailed {
                        endpoint,
                        error: Arc::new(error),
                    });
                }
                runtime::sleep_until(now + wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
    drop(listener);
    guard.end();
}

/// The next connection; `None` when ordered to finish.
async fn next(guard: &TaskGuard, listener: &mut Listener) -> Option<io::Result<Stream>> {
    poll_fn(|cx| {
        if let Poll::Ready(Order::Finish { .. }) = guard.control.poll(cx, &mut false) {
            return Poll::Ready(None);
        }
        listener.poll_accept(cx).map(Some)
    })
    .await
}

/// The connection was broken before it was accepted: nothing is wrong here.
fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

fn welcome(home: &Home, listener: &TaskGuard, stream: Stream) {
    let shared = &listener.shared;
    let endpoint = listener.endpoint.clone();
    shared.events.emit(|| Event::Accepted {
        endpoint: endpoint.clone(),
        address: stream.peer_address().to_owned(),
    });
    let Some(mut guard) = shared
        .tasks
        .enter(shared, endpoint.clone(), Role::Accepted(listener.id))
    else {
        return;
    };
    let connection = Connection::new(
        shared.clone(),
        guard.control.clone(),
        endpoint,
        stream,
        None,
        None,
        None,
    );
    tasks::start(home, async move {
        let end = connection.await;
        guard.leave_unsent(end.unsent);
        guard.end();
    });
}
