//! Sockets with small marks and small buffers in the kernel, so that both are full soon, and that are quick to come back.

use std::time::Duration;

use hubless::{Builder, Pub, Pull, Push, Sub, TcpOptions, kind::Kind};

/// The mark of a sending socket, in messages.
pub(crate) const SEND_MARK: u64 = 50;

/// The mark of a receiving socket, in messages.
pub(crate) const RECV_MARK: u64 = 20;

fn quick<K: Kind>(builder: Builder<K>) -> Builder<K> {
    let small = TcpOptions::new().send_buffer(32 << 10).recv_buffer(32 << 10);
    builder
        .tcp(small)
        .reconnect(Duration::from_millis(1), Duration::from_millis(20))
}

pub(crate) fn push() -> Push {
    let builder = Push::builder().send_hwm(SEND_MARK as usize);
    quick(builder).build().expect("no contradiction")
}

pub(crate) fn pull() -> Pull {
    let builder = Pull::builder().recv_hwm(RECV_MARK as usize);
    quick(builder).build().expect("no contradiction")
}

pub(crate) fn publisher() -> Pub {
    let builder = Pub::builder().send_hwm(SEND_MARK as usize);
    quick(builder).build().expect("no contradiction")
}

/// Subscribed to everything.
pub(crate) fn subscriber() -> Sub {
    let builder = Sub::builder().recv_hwm(RECV_MARK as usize);
    let sub = quick(builder).build().expect("no contradiction");
    sub.subscribe("");
    sub
}
