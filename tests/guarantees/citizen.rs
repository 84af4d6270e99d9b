//! G12: nothing is left after close of what the six kinds over streams do not have: datagrams, keys, threads of the
//! library's own. And errors say what was behind them.
//!
//! Each is a role of a process of its own: [`process`](crate::process).

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::{
    BindError, Builder, ConnectError, Context, Curve, Datagram, Dish, ProtocolError, Pub, Pull, Push, Radio,
    blocking, kind,
};
use tokio::runtime::{self, Handle};

use crate::process::{Child, descriptors, is_closed_on_exec, leaves_nothing, threads};
use crate::{DEADLINE, soon, until};

type Open = (std::collections::BTreeSet<String>, usize);

fn open() -> Open {
    (descriptors(), threads())
}

fn nothing_is_inherited(before: &Open) {
    for descriptor in descriptors().difference(&before.0) {
        assert!(is_closed_on_exec(descriptor), "{descriptor} would be inherited");
    }
}

// ---- on a runtime --------------------------------------------------------------------------------------------

/// Datagrams, both ways that there are.
pub(crate) async fn leaves_no_datagrams() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = (open(), tasks());
    for closes in [true, false] {
        let (one, other) = (Datagram::new(), Datagram::new());
        let to = one.bind("udp://127.0.0.1:0").await.expect("a free port");
        other.bind("udp://127.0.0.1:0").await.expect("a free port");
        let to = to
            .as_str()
            .trim_start_matches("udp://")
            .parse()
            .expect("an address");
        other.send_to(to, "hello").await.expect("it is open");
        soon("a datagram", one.recv_from()).await.expect("it is open");

        let (radio, dish) = (Radio::new(), Dish::new());
        dish.join("news").expect("a short name");
        let to = dish.bind("udp://127.0.0.1:0").await.expect("a free port");
        soon("an endpoint", radio.connect(to).expect("an endpoint"))
            .await
            .expect("it connects");
        radio.send_to("news", "hello").await.expect("it is open");
        soon("a datagram", dish.recv_from()).await.expect("it is open");

        assert!(descriptors().len() >= before.0.0.len() + 4, "four sockets of UDP");
        nothing_is_inherited(&before.0);
        if closes {
            one.close().await.expect("nothing is left");
            other.close().await.expect("nothing is left");
            radio.close().await.expect("nothing is left");
            dish.close().await.expect("nothing is left");
        } else {
            drop((one, other, radio, dish));
        }
        until("everything to be given back", || (open(), tasks()) == before).await;
    }
}

fn keys(secret: u8) -> KeyPair {
    SecretKey::from([secret; 32]).into()
}

/// Connections that are sealed, and one that is refused for its key.
pub(crate) async fn leaves_no_keys() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = (open(), tasks());
    let client = |server: PublicKey| -> Builder<kind::Push> {
        Push::builder().mechanism(Curve::client(server, keys(2)))
    };
    for closes in [true, false] {
        let server = Curve::server(keys(1)).allow_any();
        let pull = Pull::builder()
            .mechanism(server)
            .build()
            .expect("no contradiction");
        let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
        let push = client(keys(1).public_key()).build().expect("no contradiction");
        soon("a peer", push.connect(&at).expect("an endpoint"))
            .await
            .expect("it connects");
        for _ in 0..30 {
            push.send(vec![1; 10_000]).await.expect("it is open");
            soon("a message", pull.recv()).await.expect("it is open");
        }
        let mistaken = client(keys(3).public_key()).build().expect("no contradiction");
        let mut monitor = mistaken.monitor();
        let _connecting = mistaken.connect(&at).expect("an endpoint");
        soon("a refusal", async {
            while !matches!(monitor.next().await, Some(hubless::Event::HandshakeFailed { .. })) {}
        })
        .await;
        nothing_is_inherited(&before.0);
        drop((mistaken, monitor));
        if closes {
            push.close().await.expect("nothing is left");
            pull.close().await.expect("nothing is left");
        } else {
            drop((push, pull));
        }
        until("everything to be given back", || (open(), tasks()) == before).await;
    }
}

/// The same that one thread leaves.
pub(crate) fn leaves_nothing_on_many_threads() {
    let mut many = runtime::Builder::new_multi_thread();
    let many = many.worker_threads(2).enable_all().build().expect("a runtime");
    many.block_on(leaves_nothing());
    many.block_on(leaves_no_datagrams());
}

// ---- threads of the library's own ----------------------------------------------------------------------------

/// Without a runtime, once with the thread that looks after sockets while nobody waits, and once with some of its own.
pub(crate) fn leaves_no_threads() {
    // With its signals, the first runtime of a process opens a pair that stays.
    drop(runtime::Builder::new_current_thread().enable_all().build());
    let before = open();
    for io_threads in [0, 2] {
        for closes in [true, false] {
            let context = Context::builder()
                .io_threads(io_threads)
                .build()
                .expect("threads");
            fn socket<K: kind::Kind>(context: &Context) -> blocking::Socket<K> {
                let built = blocking::Socket::<K>::builder().context(context).build();
                built.expect("no contradiction").into()
            }
            let (push, pull) = (socket::<kind::Push>(&context), socket::<kind::Pull>(&context));
            let at = pull.bind("tcp://127.0.0.1:*").expect("a free port");
            push.connect(at)
                .expect("an endpoint")
                .wait()
                .expect("it connects");
            for _ in 0..30 {
                push.send(vec![1; 10_000]).expect("it is open");
                pull.recv().expect("it is open");
            }
            let ours = threads() - before.1;
            assert_eq!(ours, io_threads.max(1), "with {io_threads} of its own");
            assert!(
                descriptors().len() >= before.0.len() + 3,
                "a listener and two ends"
            );
            nothing_is_inherited(&before);
            if closes {
                push.close().expect("nothing is left");
                pull.close().expect("nothing is left");
            } else {
                drop((push, pull));
            }
            drop(context);
            let start = Instant::now();
            while open() != before {
                assert!(start.elapsed() < DEADLINE, "left of {before:?}: {:?}", open());
                thread::park_timeout(Duration::from_millis(1));
            }
        }
    }
}

#[tokio::test]
async fn g12_sockets_for_datagrams_leave_nothing_after_close() {
    Child::start("leaves no datagrams").ends_well().await;
}

#[tokio::test]
async fn g12_sealed_connections_leave_nothing_after_close() {
    Child::start("leaves no keys").ends_well().await;
}

#[tokio::test]
async fn g12_on_many_threads_nothing_is_left_after_close_either() {
    Child::start("many threads").ends_well().await;
}

#[tokio::test]
async fn g12_threads_of_the_librarys_own_end_with_the_context_they_were_for() {
    Child::start("own threads").ends_well().await;
}

// ---- errors --------------------------------------------------------------------------------------------------

/// What is behind an error, last of all.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

#[tokio::test]
async fn g12_errors_have_their_sources() {
    // What the system said, with its number.
    let (one, other) = (Pull::new(), Pull::new());
    let at = one.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let error: BindError = other.bind(&at).await.expect_err("somebody listens there");
    let said = hubless::Error::from(error);
    let system = root(&said)
        .downcast_ref::<io::Error>()
        .expect("it was the system");
    assert_eq!(system.kind(), io::ErrorKind::AddrInUse);
    assert!(system.raw_os_error().is_some());

    // What was wrong with the peer.
    let publisher = Pub::new();
    let connecting = publisher.connect(&at).expect("an endpoint");
    let error: ConnectError = soon("a refusal", connecting).await.expect_err("they do not fit");
    let said = hubless::Error::from(error);
    assert!(root(&said).is::<ProtocolError>(), "{said:?}");

    // What kept a file from being read.
    let missing = std::env::temp_dir().join(format!("hubless-no-such-key-{}", std::process::id()));
    let error = KeyPair::load(missing).expect_err("it is not there");
    let system = root(&error)
        .downcast_ref::<io::Error>()
        .expect("it was the system");
    assert_eq!(system.kind(), io::ErrorKind::NotFound);
}
