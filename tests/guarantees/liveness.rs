//! G7 against libzmq: back-pressure is not death.

use std::time::{Duration, Instant};

use hubless::{DisconnectReason, Event, Heartbeat, ProtocolError, Pull, Push};
use peers::libzmq::{EventKind, Monitor, SocketType, option};

use crate::libzmq::Zmq;
use crate::{number, soon};

const TIMEOUT: Duration = Duration::from_millis(100);

/// A libzmq PUSH fills a PULL of ours to the mark and beyond; for ten timeouts nobody reads, and nobody gives up.
async fn a_stalled_reader(theirs: bool, ours: bool) {
    let millis = TIMEOUT.as_millis() as i32;
    let mut pull = Pull::builder().recv_hwm(10);
    if ours {
        pull = pull.heartbeat(Heartbeat::every(TIMEOUT / 2).timeout(TIMEOUT));
    }
    let pull = pull.build().expect("no contradiction");
    let mut monitor = pull.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let (done, all_came) = std::sync::mpsc::channel::<()>();
    let zmq = Zmq::new(SocketType::Push, move |context, push, tell| {
        push.set(option::LINGER, 30_000).expect("an option");
        push.set(option::SNDHWM, 10).expect("an option");
        if theirs {
            push.set(option::HEARTBEAT_IVL, millis / 2).expect("an option");
            push.set(option::HEARTBEAT_TIMEOUT, millis).expect("an option");
            push.set(option::HEARTBEAT_TTL, millis * 2).expect("an option");
        }
        let events = Monitor::new(context, push).expect("it is watched");
        push.connect(at.as_str()).expect("it connects");
        let mut count = 0_u64;
        let letter = |count: u64| [&count.to_be_bytes()[..], &[3; 10_000]].concat();
        // Traffic for some intervals, so that questions are asked and answered; then as much as goes.
        let start = Instant::now();
        while start.elapsed() < TIMEOUT * 5 {
            push.send(&[letter(count)]).expect("it sends");
            count += 1;
        }
        tell.send("stall".to_owned()).expect("the test waits");
        while push.wait_writable(TIMEOUT * 3).expect("it polls") {
            push.send(&[letter(count)]).expect("it sends");
            count += 1;
        }
        let end = events.wait_for(EventKind::Disconnected, TIMEOUT * 10);
        assert!(end.is_err_and(|error| error.would_block()), "libzmq gave us up");
        tell.send(count.to_string()).expect("the test waits");
        push.send(&[letter(count)]).expect("it sends");
        // libzmq closes over unread PONGs, and such a close takes back what is on its way.
        let _ = all_came.recv();
    });
    let zmq = std::sync::Arc::new(std::sync::Mutex::new(Some(zmq)));
    let (stall, mut stalled) = tokio::sync::oneshot::channel();
    let listening = zmq.clone();
    let listener = tokio::task::spawn_blocking(move || {
        let zmq = listening
            .lock()
            .expect("nobody panics")
            .take()
            .expect("it is there");
        assert_eq!(zmq.told(), "stall");
        let _ = stall.send(());
        let count: u64 = zmq.told().parse().expect("a number");
        (zmq, count)
    });
    let mut came = 0;
    loop {
        tokio::select! {
            message = pull.recv() => {
                assert_eq!(number(&message.expect("it is open")), came);
                came += 1;
            }
            _ = &mut stalled => break,
        }
    }
    let (zmq, count) = soon("ten timeouts", listener).await.expect("it ran");
    while came <= count {
        let message = soon("a message", pull.recv()).await.expect("it is open");
        assert_eq!(number(&message), came);
        came += 1;
    }
    drop(done);
    zmq.ends().await;
    let received = pull.stats().incoming.received.messages;
    assert_eq!(received, count + 1);
    // The first end is the one that libzmq made, when all was done.
    let end = soon("the end", async {
        loop {
            if let Event::Disconnected { reason, .. } = monitor.next().await.expect("it is open") {
                return reason;
            }
        }
    });
    let silence = DisconnectReason::Protocol(ProtocolError::HeartbeatTimeout);
    assert_ne!(end.await, silence);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g07_a_stalled_reader_is_not_disconnected() {
    a_stalled_reader(true, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g07_a_stalled_reader_disconnects_nobody() {
    a_stalled_reader(false, true).await;
}

/// A PUSH of ours that floods from its first moment on, so that the reader stands still before an interval has passed.
#[tokio::test]
async fn g07_a_reader_that_stalls_before_it_was_ever_asked_is_not_disconnected() {
    let heartbeat = Heartbeat::every(Duration::from_millis(400)).timeout(Duration::from_millis(100));
    let pull = Pull::builder().recv_hwm(1).build().expect("no contradiction");
    let push = Push::builder()
        .heartbeat(heartbeat)
        .build()
        .expect("no contradiction");
    let mut monitor = push.monitor();
    let at = pull.bind("tcp://127.0.0.1:*").await.expect("a free port");
    push.connect(&at).expect("an endpoint");
    let body = vec![7; 64 << 10];
    let end = async {
        loop {
            match monitor.next().await.expect("it is open") {
                Event::Disconnected { reason, .. } => return reason,
                Event::HandshakeDone { .. } => while push.try_send(&body).is_ok() {},
                _ => {}
            }
        }
    };
    let ten_timeouts = 10 * Duration::from_millis(500);
    if let Ok(reason) = tokio::time::timeout(ten_timeouts, end).await {
        panic!("{reason}");
    }
    let accepted = push.stats().outgoing.accepted.messages;
    for _ in 0..accepted {
        soon("a message", pull.recv()).await.expect("it is open");
    }
}
