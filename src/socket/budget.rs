//! How whoever makes room in a budget reaches the pipes that wait for it.
//!
//! A budget knows nobody who draws on it, only wakers. Behind each is one side of a socket, for as long as that is there.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use crate::pipe::{Budget, Claimant, Share};

/// Calls whoever holds a share.
struct Call<T>(Weak<T>);

impl<T: Claimant + Send + Sync> Wake for Call<T> {
    fn wake(self: Arc<Self>) {
        if let Some(holder) = self.0.upgrade() {
            holder.handle_room();
        }
    }
}

/// What `build` builds, with a share of the budget, if there is one.
pub(super) fn with_share<T>(budget: Option<&Arc<Budget>>, build: impl FnOnce(Option<Share>) -> T) -> Arc<T>
where
    T: Claimant + Send + Sync + 'static,
{
    Arc::new_cyclic(|holder| {
        let share = |budget: &Arc<Budget>| {
            let call = Arc::new(Call(holder.clone()));
            Share::new(budget.clone(), Waker::from(call))
        };
        build(budget.map(share))
    })
}
