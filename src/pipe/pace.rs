//! How far queues are filled while they move.
//!
//! Marks say how much may wait; they are wide, since a program may send or leave unread a burst of some MiB before
//! anybody takes it. But a queue as long as that has left the processor's caches before it is taken. So whoever can
//! wait fills a queue to the pace only, and above it when it does not move: see [`Outgoing::handle_stalled`] and
//! [`Inbox::handle_stalled`].
//!
//! [`Outgoing::handle_stalled`]: super::Outgoing::handle_stalled
//! [`Inbox::handle_stalled`]: super::Inbox::handle_stalled

use crate::stats::Load;

/// So many bytes and so many messages: of large ones some wait too, or each would meet an empty line.
pub(super) const PACE: Load = Load {
    messages: 4,
    bytes: 1024 * 1024,
};

/// Receivers give credit back this often, so that a driver at the pace is called before they run dry.
pub(super) const GIVE_BACK: u64 = PACE.bytes / 8;

/// Whether so many paces are reached.
#[inline]
pub(super) fn is_reached(there: Load, paces: u64) -> bool {
    there.bytes >= PACE.bytes.saturating_mul(paces) && there.messages >= PACE.messages.saturating_mul(paces)
}

/// Whether half of so many paces is free again.
pub(super) fn is_half_free(there: Load, paces: u64) -> bool {
    there.bytes <= (PACE.bytes / 2).saturating_mul(paces)
        || there.messages <= (PACE.messages / 2).saturating_mul(paces)
}

#[cfg(test)]
mod tests;
