//! libzmq's side of a test: its calls block, so it has a thread of its own.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use peers::libzmq::{Context, Socket, SocketType};

use crate::{DEADLINE, soon};

/// A libzmq socket at work.
pub(crate) struct Zmq<T> {
    told: mpsc::Receiver<String>,
    work: JoinHandle<T>,
}

/// Tells the test something.
pub(crate) type Tell = mpsc::Sender<String>;

impl<T: Send + 'static> Zmq<T> {
    pub(crate) fn new(
        kind: SocketType,
        work: impl FnOnce(&Context, &Socket, Tell) -> T + Send + 'static,
    ) -> Self {
        let (tell, told) = mpsc::channel();
        let work = thread::spawn(move || {
            let context = Context::new();
            let socket = context.socket(kind).expect("libzmq makes a socket");
            work(&context, &socket, tell)
        });
        Self { told, work }
    }

    /// What it tells next.
    pub(crate) fn told(&self) -> String {
        tokio::task::block_in_place(|| self.told.recv_timeout(DEADLINE)).expect("libzmq's side lives")
    }

    pub(crate) async fn ends(self) -> T {
        let joined = tokio::task::spawn_blocking(move || self.work.join());
        let joined = soon("libzmq's side to end", joined).await.expect("it ran");
        joined.expect("libzmq's side ends well")
    }
}

pub(crate) fn recv(socket: &Socket) -> Vec<Vec<u8>> {
    socket.recv_timeout(DEADLINE).expect("a message comes")
}
