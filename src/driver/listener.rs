//! The task of one bound endpoint: accepts, and survives whatever accepting may meet.
//!
//! Running out of descriptors or memory is not an end: the listener waits a little, longer each time, and tries
//! again; one event a second tells of it (guarantees, row 4). Whom it lets in is up to [`admission`](super::admission). While
//! too much is unread of peers that have left it lets nobody in (row 23).

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::tasks::{self, Role, TaskGuard};
use super::{Home, Order};
use crate::monitor::Event;
use crate::runtime::{self, Alarm};
use crate::transport::{Listener, Stream};

/// The first wait after a failure to accept; each further one is twice as long …
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// … up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Starts to accept.
pub(crate) fn listen(home: &Home, guard: TaskGuard, listener: Listener) {
    let accepting = Accepting {
        home: home.clone(),
        guard,
        listener,
        pause: None,
        wait: FIRST_WAIT,
        told: None,
        alarm: Alarm::default(),
    };
    tasks::start(home, accepting.run());
}

struct Accepting {
    home: Home,
    guard: TaskGuard,
    listener: Listener,
    /// Nothing is accepted until then: the last time it failed.
    pause: Option<Instant>,
    /// The next pause.
    wait: Duration,
    /// When a failure was last told.
    told: Option<Instant>,
    alarm: Alarm,
}

impl Accepting {
    async fn run(mut self) {
        let endpoint = self.guard.endpoint.clone();
        self.guard.shared.events.emit(|| Event::Listening { endpoint });
        let order = loop {
            match self.next().await {
                Ok(Ok(stream)) => {
                    self.wait = FIRST_WAIT;
                    self.welcome(stream);
                }
                Ok(Err(error)) if is_the_peers_fault(&error) => {}
                Ok(Err(error)) => self.pause(error),
                Err(order) => break order,
            }
        };
        let Self {
            mut guard, listener, ..
        } = self;
        drop(listener);
        guard.shared.tasks.pass_on(guard.id, &order);
        guard.end();
    }

    /// The next connection that there may be room for; or the order to finish.
    async fn next(&mut self) -> Result<io::Result<Stream>, Order> {
        poll_fn(|cx| {
            if let Poll::Ready(order @ Order::Finish { .. }) = self.guard.control.poll(cx, &mut false) {
                return Poll::Ready(Err(order));
            }
            ready!(self.guard.shared.traffic.poll_open(cx.waker()));
            loop {
                let now = runtime::now();
                let paused = self.pause.filter(|until| *until > now);
                let opens = paused.or_else(|| self.guard.shared.admission.opens(now, cx.waker()));
                self.alarm.set(opens);
                if opens.is_none() {
                    return self.listener.poll_accept(cx).map(Ok);
                }
                ready!(self.alarm.poll(cx));
            }
        })
        .await
    }

    /// Accepting failed, for want of something that others may give back.
    fn pause(&mut self, error: io::Error) {
        let now = runtime::now();
        if self
            .told
            .is_none_or(|told| now.duration_since(told) >= LONGEST_WAIT)
        {
            self.told = Some(now);
            self.guard.shared.events.emit(|| Event::AcceptFailed {
                endpoint: self.guard.endpoint.clone(),
                error: Arc::new(error),
            });
        }
        self.pause = Some(now + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    fn welcome(&self, stream: Stream) {
        let shared = &self.guard.shared;
        let endpoint = self.guard.endpoint.clone();
        let address = || stream.peer_address().to_owned();
        let role = Role::Accepted(self.guard.id);
        let Some(mut guard) = shared.tasks.enter(shared, endpoint.clone(), role) else {
            return;
        };
        let ticket = match shared
            .admission
            .admit(runtime::now(), stream.peer_ip(), &guard.control)
        {
            Ok(ticket) => ticket,
            Err(limit) => {
                shared.events.emit(|| Event::Refused {
                    endpoint,
                    address: address(),
                    limit,
                });
                return guard.end();
            }
        };
        shared.events.emit(|| Event::Accepted {
            endpoint: endpoint.clone(),
            address: address(),
        });
        let control = guard.control.clone();
        let connection = Connection::new(shared.clone(), control, endpoint, stream, None, None, None);
        let mut connection = connection.admitted(ticket);
        tasks::start(&self.home, async move {
            // By reference: moved once more, the task would have room for it twice.
            let end = (&mut connection).await;
            guard.leave_unsent(end.unsent);
            guard.end();
        });
    }
}

/// The connection was broken before it was accepted: nothing is wrong here.
fn is_the_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
