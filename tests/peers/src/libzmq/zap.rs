//! A ZAP handler: who decides about those that come to the servers of a context.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Context, Socket, SocketType};

/// Answers ZAP requests of a context's sockets until it is dropped, which is to be before the context.
#[derive(Debug)]
pub struct Zap {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Zap {
    /// Lets in whom `admits` admits, by their credentials: name and password for PLAIN, the key for CURVE. Panics, in a
    /// thread of its own, at a request for another domain.
    pub fn start(
        context: &Context,
        domain: &'static str,
        admits: impl Fn(&[Vec<u8>]) -> bool + Send + 'static,
    ) -> Self {
        let (tell, told) = mpsc::channel();
        let (context, ends) = (context.clone(), Arc::new(AtomicBool::new(false)));
        let end = ends.clone();
        let thread = thread::spawn(move || {
            let rep = context.socket(SocketType::Rep).expect("a socket");
            rep.bind("inproc://zeromq.zap.01").expect("nobody else decides");
            tell.send(()).expect("somebody waits");
            while !end.load(Ordering::Relaxed) {
                answer(&rep, domain, &admits);
            }
        });
        told.recv().expect("it starts");
        Self {
            ends,
            thread: Some(thread),
        }
    }
}

/// Answers a request, if one comes soon.
fn answer(rep: &Socket, domain: &str, admits: impl Fn(&[Vec<u8>]) -> bool) {
    let Ok(request) = rep.recv_timeout(Duration::from_millis(20)) else {
        return;
    };
    assert_eq!(request[0], b"1.0");
    assert_eq!(request[2], domain.as_bytes());
    let status: &[u8] = if admits(&request[6..]) { b"200" } else { b"400" };
    // No user id: libzmq passes it on as a message, and its own REQ takes that for a broken reply.
    let reply: [&[u8]; 6] = [b"1.0", &request[1], status, b"", b"", b""];
    rep.send(&reply).expect("it answers");
}

impl Drop for Zap {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}
