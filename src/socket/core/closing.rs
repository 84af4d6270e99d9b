//! The end of a socket: all calls end, every task is told to finish, and what they could not send comes back.

use super::{Core, Sending, order_to_finish};
use crate::error::Unsent;
use crate::monitor::DisconnectReason;
use crate::socket::options::Linger;

impl Core {
    pub(crate) async fn close(&self) -> Result<(), Unsent> {
        let tasks = &self.shared.tasks;
        let first = self
            .endpoints()
            .into_iter()
            .next()
            .or_else(|| tasks.last_endpoint());
        self.begin_close(self.linger);
        tasks.ended(|_, _| true).await;
        self.shared.events.close();
        let mut unsent = tasks.take_unsent(|_| true);
        if let (Some(endpoint), Sending::Pipes(outbox)) = (first, &self.sending) {
            // What lost its peer and found no other would have gone to whoever came next.
            unsent.push((endpoint, outbox.give_up_stranded()));
        }
        Unsent::unless_empty(
            unsent
                .into_iter()
                .map(|(endpoint, unsent)| (endpoint, unsent.run)),
        )
    }

    /// Ends all calls and tells every task to finish; the tasks do the rest on their runtime.
    pub(crate) fn begin_close(&self, linger: Linger) {
        self.shared.close();
        let order = order_to_finish(linger, DisconnectReason::Close);
        if self.shared.tasks.close(&order) {
            self.shared.events.close();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.begin_close(self.linger);
        self.shared.mind_the_rest();
    }
}
