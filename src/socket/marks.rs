//! High-water marks that change while the socket lives.

use super::Socket;
use super::core::Sending;
use super::kind::{HasIncoming, HasOutgoing, Kind};

impl<K: HasOutgoing> Socket<K> {
    /// Changes the most messages that wait for one peer ([`Builder::send_hwm`](super::Builder::send_hwm)), for peers that there
    /// are and for those to come; 0 is unlimited. libzmq: `ZMQ_SNDHWM`.
    ///
    /// Raised, it lets in who waits. Lowered, it drops nothing: what is queued beyond it goes out, and nothing comes to it before
    /// there is room again. Sockets that [`conflate`](super::Builder::conflate) have no marks, and stay without.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use hubless::{Linger, Push};
    ///
    /// let push = Push::builder().send_hwm(1).linger(Linger::Discard).build()?;
    /// push.connect("tcp://127.0.0.1:9")?;
    /// push.try_send("first")?;
    /// assert!(push.try_send("second").is_err());
    ///
    /// push.set_send_hwm(2);
    /// push.try_send("second")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_send_hwm(&self, messages: usize) {
        self.mark_outgoing(messages);
    }
}

impl<K: HasIncoming> Socket<K> {
    /// Changes the most messages from one peer that wait to be received ([`Builder::recv_hwm`](super::Builder::recv_hwm)), for
    /// peers that there are and for those to come; 0 is unlimited. libzmq: `ZMQ_RCVHWM`.
    ///
    /// Raised, it has peers read on that were held back. Lowered, it drops nothing: what was received beyond it is received as ever,
    /// and what a peer was given room for still comes in.
    ///
    /// # Examples
    ///
    /// ```
    /// let pull = hubless::Pull::builder().recv_hwm(10).build()?;
    /// // A long computation begins: let more of its jobs come near.
    /// pull.set_recv_hwm(10_000);
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    pub fn set_recv_hwm(&self, messages: usize) {
        self.mark_incoming(messages);
    }
}

/// Of whatever kind it is: one that does not send, or not receive, has no such mark.
impl<K: Kind> Socket<K> {
    pub(crate) fn mark_outgoing(&self, messages: usize) {
        let messages = unlimited(messages);
        match &self.core.sending {
            Sending::Pipes(outbox) => outbox.set_mark(messages),
            Sending::FanOut(fan_out) => fan_out.set_mark(messages),
            Sending::Addressed(addressed) => addressed.set_mark(messages),
            Sending::Upstream(upstream) => upstream.fan_out.set_mark(messages),
            Sending::Never => {}
        }
    }

    pub(crate) fn mark_incoming(&self, messages: usize) {
        if let Some(inbox) = self.core.receiving.inbox() {
            inbox.set_mark(unlimited(messages));
        }
    }
}

/// 0 is no mark.
pub(super) fn unlimited(limit: usize) -> usize {
    match limit {
        0 => usize::MAX,
        limit => limit,
    }
}
