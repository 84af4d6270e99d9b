//! G6 and G12: what a whole process holds and leaves, read off `/proc` of one that does nothing else.
//!
//! The test binary starts itself again with a role in its environment. A role talks in lines, ends with its standard
//! input if it waits at all, and whatever it finds wrong it panics about.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use hubless::{Pub, Pull, Push, Rep, Req, Sub, TrySendError};
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

use crate::again::{Again, MARK, program};
use crate::citizen;
use crate::{soon, until};

const ROLE: &str = "HUBLESS_GUARANTEES_ROLE";
const MIB: usize = 1 << 20;

pub(crate) struct Child(Again);

impl Child {
    pub(crate) fn start(role: &str) -> Self {
        Self(Again::start(program().env(ROLE, role), "process::plays_its_role"))
    }

    async fn says(&mut self, word: &str) {
        soon(word, async {
            loop {
                let line = self.0.lines.recv().await.expect("the process lives");
                if line
                    .split_once(MARK)
                    .is_some_and(|(_, said)| said.starts_with(word))
                {
                    return;
                }
            }
        })
        .await;
    }

    /// It does what it has to do, finds nothing wrong, and ends well.
    pub(crate) async fn ends_well(mut self) {
        let mut said = String::new();
        while let Some(line) = soon("the end of a process", self.0.lines.recv()).await {
            said += &format!("{line}\n");
        }
        let status = soon("the end of a process", self.0.process.wait()).await;
        let status = status.expect("it is ours");
        assert!(
            status.success() && said.contains("» done"),
            "{status}, and said: {said}"
        );
    }
}

#[test]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "broken pipes" => peers::signal::die_of_broken_pipes(),
        "own threads" => citizen::leaves_no_threads(),
        "many threads" => citizen::leaves_nothing_on_many_threads(),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        match role.split_once(' ').unwrap_or((&role, "")) {
            ("push", endpoint) => push_to_the_mark(endpoint).await,
            ("broken", _) => meets_broken_pipes().await,
            ("leaves", "nothing") => leaves_nothing().await,
            ("leaves", "no datagrams") => citizen::leaves_no_datagrams().await,
            ("leaves", "no keys") => citizen::leaves_no_keys().await,
            ("own" | "many", "threads") => {}
            other => panic!("no role {other:?}"),
        }
    });
    println!("{MARK}done");
}

// ---- memory --------------------------------------------------------------------------------------------------

async fn push_to_the_mark(endpoint: &str) {
    let push = Push::new();
    soon("a peer", push.connect(endpoint).expect("an endpoint"))
        .await
        .expect("it connects");
    println!("{MARK}connected");
    let mut tries = 0;
    while tries < 1000 {
        match push.try_send(vec![1; MIB]) {
            Ok(()) => tries = 0,
            Err(TrySendError::Full(_)) => tries += 1,
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    println!("{MARK}full");
    // Until the test has seen enough.
    let _ = tokio::io::stdin().read(&mut [0]).await;
}

#[tokio::test]
async fn g06_a_sender_at_its_mark_holds_its_byte_budget_its_buffers_and_one_message() {
    let pull = Pull::builder().recv_hwm(1).build().expect("a mark");
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut child = Child::start(&format!("push {at}"));
    child.says("connected").await;
    let before = child.0.memory();
    child.says("full").await;
    let grown = child.0.memory().saturating_sub(before);
    // And a little that a process touches for the first time while it does this: stacks, tables of its allocator.
    let little = MIB / 4;
    assert!(grown <= (8 + 2 + 1) * MIB + little, "{grown} bytes");
    assert!(grown >= 4 * MIB, "{grown} bytes: is it at its mark at all?");
}

// ---- a good citizen ------------------------------------------------------------------------------------------

/// A greeting, and the READY of a PULL.
fn introduction() -> Vec<u8> {
    let mut said = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1];
    said.extend(b"NULL");
    said.resize(64, 0);
    let mut ready = b"\x05READY\x0bSocket-Type\0\0\0\x04PULL".to_vec();
    said.extend([4, ready.len() as u8]);
    said.append(&mut ready);
    said
}

/// Peers that leave in the middle, with input unread, which breaks the line at once.
async fn meets_broken_pipes() {
    let push = Push::new();
    let tcp = push.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let ipc = push.bind("ipc://*").await.expect("a free path");
    let address = tcp.as_str().trim_start_matches("tcp://").to_owned();
    let path = ipc.as_str().trim_start_matches("ipc://").to_owned();
    for round in 0..40 {
        let mut stream: Box<dyn ReadWrite> = if round % 2 == 0 {
            Box::new(TcpStream::connect(&address).expect("somebody listens"))
        } else {
            Box::new(UnixStream::connect(&path).expect("somebody listens"))
        };
        stream.write_all(&introduction()).expect("it is open");
        soon("a peer", push.peers().at_least(1))
            .await
            .expect("it is open");
        // Until the line is full; then it breaks, and we go on writing as fast as we can.
        while push.try_send(vec![1; 10_000]).is_ok() {}
        drop(stream);
        until("the peer to leave", || {
            let _ = push.try_send(&[2; 100]);
            push.peers().count() == 0
        })
        .await;
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

#[tokio::test]
async fn g12_a_broken_connection_is_no_signal() {
    Child::start("broken pipes").ends_well().await;
}

pub(crate) fn descriptors() -> BTreeSet<String> {
    let listed = fs::read_dir("/proc/self/fd").expect("our own").flatten();
    let names: Vec<_> = listed
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    // The directory that was read was itself one, and is gone by now.
    let is_open = |name: &String| fs::read_link(format!("/proc/self/fd/{name}")).is_ok();
    names.into_iter().filter(is_open).collect()
}

pub(crate) fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("our own").count()
}

pub(crate) fn is_closed_on_exec(descriptor: &str) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")).expect("it is open");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.expect("flags").trim(), 8).expect("octal");
    flags & 0o2_000_000 != 0
}

/// Six sockets with listeners and connections over every transport; while they are open, and when they are closed.
pub(crate) async fn leaves_nothing() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = (descriptors(), threads(), tasks());
    for round in 0..3 {
        let (push, pull, publisher, sub) = (Push::new(), Pull::new(), Pub::new(), Sub::new());
        let (mut reqs, rep) = (Vec::new(), Rep::new());
        sub.subscribe("");
        for at in ["tcp://127.0.0.1:*", "ipc://*", "inproc://"] {
            let at = |kind: &str| match at {
                "inproc://" => format!("{at}{kind}-{round}"),
                other => other.to_owned(),
            };
            let place = pull.bind(at("pull")).await.expect("a free place");
            soon("a peer", push.connect(place).expect("an endpoint"))
                .await
                .expect("it connects");
            let place = publisher.bind(at("pub")).await.expect("a free place");
            soon("a peer", sub.connect(place).expect("an endpoint"))
                .await
                .expect("it connects");
            let place = rep.bind(at("rep")).await.expect("a free place");
            let req = Req::new();
            soon("a peer", req.connect(place).expect("an endpoint"))
                .await
                .expect("it connects");
            reqs.push(req);
        }
        soon("subscriptions", sub.subscribed()).await.expect("it is open");
        for _ in 0..30 {
            push.send(vec![1; 10_000]).await.expect("it is open");
            publisher.send(vec![2; 10_000]).await.expect("it is open");
        }
        for _ in 0..30 {
            soon("a message", pull.recv()).await.expect("it is open");
            soon("a message", sub.recv()).await.expect("it is open");
        }
        for req in &mut reqs {
            let answering = async {
                let request = rep.recv_request().await.expect("it is open");
                request.reply("answer").await.expect("it is open");
            };
            let (answer, ()) = soon("an exchange", async {
                tokio::join!(req.request("question"), answering)
            })
            .await;
            answer.expect("an answer");
        }
        let open = descriptors();
        let new: Vec<&String> = open.difference(&before.0).collect();
        // Two of three transports, each with three listeners and three connections of two ends.
        assert!(new.len() >= 2 * (3 + 3 * 2), "{} descriptors", new.len());
        for descriptor in new {
            assert!(is_closed_on_exec(descriptor), "{descriptor} would be inherited");
        }
        assert_eq!(threads(), before.1, "no threads of our own");
        if round == 0 {
            // Dropped, and not closed.
            drop((push, pull, publisher, sub, rep, reqs));
        } else {
            soon("closing", async {
                push.close().await.expect("nothing is left");
                publisher.close().await.expect("nothing is left");
                for req in reqs {
                    req.close().await.expect("nothing is left");
                }
                rep.close().await.expect("nothing is left");
                pull.close().await.expect("nothing is left");
                sub.close().await.expect("nothing is left");
            })
            .await;
        }
        until("everything to be given back", || {
            (descriptors(), threads(), tasks()) == before
        })
        .await;
    }
}

#[tokio::test]
async fn g12_descriptors_are_closed_on_exec_and_nothing_is_left_after_close() {
    Child::start("leaves nothing").ends_well().await;
}
