//! What went through a proxy.

use std::ops::AddAssign;

use crate::message::Message;

/// What went through a proxy so far.
///
/// # Examples
///
/// ```
/// use hubless::{ProxyStatistics, Pull, Push, SideStatistics, proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let proxy = proxy(Pull::new(), Push::new());
/// proxy.handle().terminate();
/// let ProxyStatistics { front, back, .. } = proxy.await;
/// assert_eq!((front, back), (SideStatistics::default(), SideStatistics::default()));
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyStatistics {
    /// The socket in front.
    pub front: SideStatistics,
    /// The one behind.
    pub back: SideStatistics,
}

/// What a proxy received from one of its sockets, and sent to it.
///
/// Example: at [`ProxyStatistics`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideStatistics {
    /// Messages that came from this side.
    pub received_messages: u64,
    /// Their frames.
    pub received_frames: u64,
    /// The bytes in them.
    pub received_bytes: u64,
    /// Messages that went to this side. Fewer than the other received when some were larger than this side's
    /// [`max_message_size`](crate::Builder::max_message_size): those are dropped. So may be one that was [held
    /// back](crate::Proxy::run) when the proxy ended.
    pub sent_messages: u64,
    /// Their frames.
    pub sent_frames: u64,
    /// The bytes in them.
    pub sent_bytes: u64,
}

impl ProxyStatistics {
    /// As libzmq tells them: received and sent, frames and bytes, front and back.
    pub(super) fn numbers(self) -> [u64; 8] {
        let of = |side: SideStatistics| {
            [
                side.received_frames,
                side.received_bytes,
                side.sent_frames,
                side.sent_bytes,
            ]
        };
        let ([a, b, c, d], [e, f, g, h]) = (of(self.front), of(self.back));
        [a, b, c, d, e, f, g, h]
    }
}

impl SideStatistics {
    pub(super) fn count_received(&mut self, count: Count) {
        self.received_messages += count.messages;
        self.received_frames += count.frames;
        self.received_bytes += count.bytes;
    }

    pub(super) fn count_sent(&mut self, count: Count) {
        self.sent_messages += count.messages;
        self.sent_frames += count.frames;
        self.sent_bytes += count.bytes;
    }
}

/// Messages, their frames, and the bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    messages: u64,
    frames: u64,
    bytes: u64,
}

impl Count {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            messages: 1,
            frames: message.len() as u64,
            bytes: message.byte_len() as u64,
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}
