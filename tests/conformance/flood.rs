//! A flood of peers that begin a handshake and never end it, and a good peer in its middle (guarantees, row 2).

use std::time::Duration;

use hubless::{Builder, kind};
use tokio::time::Instant;

use crate::raw::{Raw, soon};
use crate::wire::{Far, listening};

/// 128 of them at 16 places, each as far as `halts` goes; the good one `comes` in and says `through`. Who is younger than a
/// second keeps its place: so it takes as many seconds as there were sixteens before it, and no more.
pub(crate) async fn a_good_peer_gets_through(
    server: Builder<kind::Pull>,
    halts: impl AsyncFn(&mut Raw),
    comes: impl AsyncFn(&mut Raw),
) {
    let (pull, wire) = listening(server.max_pending_handshakes(16)).await;
    let flood = |port: u32| wire.arrive(&format!("127.0.0.1:{port}"));
    let mut halted: Vec<Far> = (0..64).map(flood).collect();
    let good = wire.arrive("127.0.0.1:9999");
    halted.extend((64..128).map(flood));
    let start = Instant::now();
    let halting = async {
        let mut raws = Vec::new();
        for far in &halted {
            let mut raw = far.raw();
            // Who has not been let in yet says nothing: it waits for its turn as the good one does.
            halts(&mut raw).await;
            raws.push(raw);
        }
        std::future::pending::<()>().await;
        drop(raws);
    };
    let through = async {
        let mut raw = good.raw();
        comes(&mut raw).await;
        let message = soon("a message", pull.recv()).await.expect("it is open");
        assert_eq!(message, "through");
    };
    tokio::select! {
        () = through => {}
        () = halting => {}
    }
    assert!(
        start.elapsed() <= Duration::from_millis(4100),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(pull.peers().count(), 1);
}
