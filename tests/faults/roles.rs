//! What the other processes do.
//!
//! The test binary starts itself again with a role in its environment: a kind, how it meets the other side, where, the
//! seed of its letters, and a number. The two talk in lines.
//!
//! ```text
//! pull | sub   bind | connect   ENDPOINT   SEED   N    says  got NUMBER   for each letter, and stops reading after N
//! push | pub   bind | connect   ENDPOINT   SEED   -    says  sent COUNT DROPPED   after each letter
//!                                                      is told  end,  closes, and says  closed COUNT DROPPED
//! ```
//!
//! One that listens says `ready` when it does. A process ends with its standard input.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hubless::kind::{Kind, Receives, Sends};
use hubless::{DropReason, Socket};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::again::MARK;
use crate::letter::{letter, opened};
use crate::sockets;

pub(crate) const ROLE: &str = "HUBLESS_FAULTS_ROLE";

fn say(line: std::fmt::Arguments<'_>) {
    println!("{MARK}{line}");
}

/// Where a process begins; without a role there is nothing to do.
#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let words: Vec<&str> = role.split(' ').collect();
    let [kind, meets, endpoint, seed, limit] = words[..] else {
        panic!("no role {role}");
    };
    let part = Part {
        binds: meets == "bind",
        endpoint: endpoint.to_owned(),
        seed: seed.parse().expect("a seed"),
        limit: limit.parse().unwrap_or(u64::MAX),
        ended: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let ended = part.ended.clone();
        let role = async {
            match kind {
                "pull" => part.receives(sockets::pull()).await,
                "sub" => part.receives(sockets::subscriber()).await,
                "push" => part.sends(sockets::push()).await,
                "pub" => {
                    let publisher = sockets::publisher();
                    let subscribers = publisher.subscribers();
                    part.meets(&publisher).await;
                    subscribers.at_least(1).await.expect("it is open");
                    part.publishes(publisher).await;
                }
                other => panic!("no role {other}"),
            }
        };
        tokio::select! {
            () = role => {}
            () = listen(&ended) => {}
        }
    });
    runtime.shutdown_background();
}

/// Takes orders until there are none any more.
async fn listen(ended: &AtomicBool) {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(order)) = orders.next_line().await {
        assert_eq!(order, "end");
        ended.store(true, Ordering::Relaxed);
    }
}

struct Part {
    binds: bool,
    endpoint: String,
    seed: u64,
    limit: u64,
    ended: Arc<AtomicBool>,
}

impl Part {
    async fn meets<K: Kind>(&self, socket: &Socket<K>) {
        if self.binds {
            socket.bind(&self.endpoint).await.expect("the place is ours");
            say(format_args!("ready"));
        } else {
            drop(socket.connect(&self.endpoint).expect("an endpoint"));
        }
    }

    async fn receives<K: Receives>(&self, socket: Socket<K>) {
        self.meets(&socket).await;
        for _ in 0..self.limit {
            let message = socket.recv().await.expect("it is open");
            match opened(self.seed, &message) {
                Ok(number) => say(format_args!("got {number}")),
                Err(wrong) => say(format_args!("failed {wrong}")),
            }
        }
        pending().await
    }

    async fn sends<K: Sends>(&self, socket: Socket<K>) {
        self.meets(&socket).await;
        self.publishes(socket).await;
    }

    async fn publishes<K: Sends>(&self, socket: Socket<K>) {
        let mut count = 0;
        while !self.ended.load(Ordering::Relaxed) {
            socket.send(letter(self.seed, count)).await.expect("it is open");
            count += 1;
            say(format_args!("sent {count} {}", dropped(&socket)));
            // Orders must be heard, however fast it goes.
            tokio::task::consume_budget().await;
        }
        let dropped = dropped(&socket);
        socket.close().await.expect("all of it goes");
        say(format_args!("closed {count} {dropped}"));
    }
}

fn dropped<K: Kind>(socket: &Socket<K>) -> u64 {
    socket.stats().outgoing.dropped.by(DropReason::Hwm)
}
