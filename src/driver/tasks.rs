//! The running tasks of one socket: who they are, how to reach them, and when the last has ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Control, Order, Shared};
use crate::endpoint::Endpoint;
use crate::pipe::{PipeId, Unsent};
use crate::runtime;
use crate::sync::{Mutex, MutexGuard};

/// Names one task of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(u64);

/// The tasks of one socket.
#[derive(Debug)]
pub(crate) struct Tasks {
    state: Mutex<State>,
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    running: BTreeMap<TaskId, Task>,
    /// What ended tasks left unsent, until somebody asks.
    unsent: Vec<(Endpoint, Unsent)>,
    /// Of the task that has ended last.
    last_endpoint: Option<Endpoint>,
    /// No task is started any more.
    closed: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) endpoint: Endpoint,
    pub(crate) role: Role,
    pub(crate) control: Arc<Control>,
    /// The pipe of a connecting endpoint that queues before it is connected.
    pub(crate) pipe: Option<PipeId>,
}

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Listener,
    Dialer,
    /// A connection that this listener accepted.
    Accepted(TaskId),
}

/// There is a task of this role at this endpoint already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAlone;

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            running: watch::Sender::new(0),
        }
    }

    /// Enters a task before it runs; the guard goes with it. `None`: the socket is closing.
    pub(crate) fn enter(&self, shared: &Arc<Shared>, endpoint: Endpoint, role: Role) -> Option<TaskGuard> {
        self.enter_locked(self.state.lock(), shared, endpoint, role)
    }

    /// The same for one that is to be the only one of its role at this endpoint.
    pub(crate) fn enter_alone(
        &self,
        shared: &Arc<Shared>,
        endpoint: Endpoint,
        role: Role,
    ) -> Result<Option<TaskGuard>, NotAlone> {
        let state = self.state.lock();
        let is_same = |task: &Task| task.role == role && task.endpoint == endpoint;
        if state.running.values().any(is_same) {
            return Err(NotAlone);
        }
        Ok(self.enter_locked(state, shared, endpoint, role))
    }

    fn enter_locked(
        &self,
        mut state: MutexGuard<'_, State>,
        shared: &Arc<Shared>,
        endpoint: Endpoint,
        role: Role,
    ) -> Option<TaskGuard> {
        if state.closed {
            return None;
        }
        let id = TaskId(state.next);
        state.next += 1;
        let control = Arc::new(Control::default());
        state.running.insert(
            id,
            Task {
                endpoint: endpoint.clone(),
                role,
                control: control.clone(),
                pipe: None,
            },
        );
        self.running.send_replace(state.running.len());
        Some(TaskGuard {
            shared: shared.clone(),
            id,
            endpoint,
            control,
            ended: false,
        })
    }

    /// This task has a pipe of its own.
    pub(super) fn hold(&self, id: TaskId, pipe: PipeId) {
        if let Some(task) = self.state.lock().running.get_mut(&id) {
            task.pipe = Some(pipe);
        }
    }

    /// All tasks that `which` picks.
    pub(crate) fn pick(&self, mut which: impl FnMut(TaskId, &Task) -> bool) -> Vec<(TaskId, Task)> {
        let state = self.state.lock();
        let picked = state.running.iter().filter(|(id, task)| which(**id, task));
        picked.map(|(id, task)| (*id, task.clone())).collect()
    }

    /// Passes a listener's order on to those whom it let in while the order was on its way, and who have not heard it. It
    /// lets nobody in any more.
    pub(super) fn pass_on(&self, listener: TaskId, order: &Order) {
        for (_, guest) in self.pick(|_, task| task.role == Role::Accepted(listener)) {
            guest.control.give(order.clone());
        }
    }

    /// Starts no task any more, and gives this order to all that run.
    /// `true`: there are none.
    pub(crate) fn close(&self, order: &Order) -> bool {
        let mut state = self.state.lock();
        state.closed = true;
        let controls: Vec<_> = state.running.values().map(|task| task.control.clone()).collect();
        drop(state);
        for control in &controls {
            control.give(order.clone());
        }
        controls.is_empty()
    }

    /// The endpoint of the task that has ended last.
    pub(crate) fn last_endpoint(&self) -> Option<Endpoint> {
        self.state.lock().last_endpoint.clone()
    }

    /// Waits until none of these tasks runs.
    pub(crate) async fn ended(&self, which: impl Fn(TaskId, &Task) -> bool) {
        let mut running = self.running.subscribe();
        loop {
            running.borrow_and_update();
            if !self
                .state
                .lock()
                .running
                .iter()
                .any(|(id, task)| which(*id, task))
            {
                return;
            }
            if running.changed().await.is_err() {
                return;
            }
        }
    }

    /// What tasks of these endpoints left unsent.
    pub(crate) fn take_unsent(&self, which: impl Fn(&Endpoint) -> bool) -> Vec<(Endpoint, Unsent)> {
        self.state
            .lock()
            .unsent
            .extract_if(.., |(endpoint, _)| which(endpoint))
            .collect()
    }

    fn leave(&self, id: TaskId) -> bool {
        let mut state = self.state.lock();
        if let Some(task) = state.running.remove(&id) {
            state.last_endpoint = Some(task.endpoint);
        }
        self.running.send_replace(state.running.len());
        state.closed && state.running.is_empty()
    }
}

/// Goes with a task: takes it off the list when it ends, however it ends.
#[derive(Debug)]
pub(crate) struct TaskGuard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: TaskId,
    pub(crate) endpoint: Endpoint,
    pub(crate) control: Arc<Control>,
    ended: bool,
}

impl TaskGuard {
    /// Keeps what was not sent for whoever closes, or is about to.
    pub(crate) fn leave_unsent(&self, unsent: Unsent) {
        if unsent.messages == 0 {
            return;
        }
        let mut state = self.shared.tasks.state.lock();
        if state.closed || !self.control.is_let_go() {
            state.unsent.push((self.endpoint.clone(), unsent));
        }
    }

    /// The task has come to its end.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        if !self.ended {
            // Dropped in the middle: the runtime has gone, and no driver will ever come again.
            self.shared.close();
        }
        if self.shared.tasks.leave(self.id) || !self.ended {
            self.shared.events.close();
        }
    }
}

/// Starts a task that was entered.
pub(crate) fn start(home: &super::Home, task: impl Future<Output = ()> + Send + 'static) {
    runtime::spawn(home, task);
}
