//! Where the processes of a campaign meet, round after round.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use hubless::Socket;
use hubless::kind::Kind;
use tokio::net::TcpSocket;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Tcp,
    Ipc,
}

/// An endpoint that stays this campaign's, whoever listens there, and when nobody does.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    /// Bound, and not listening: the port can be bound again by whoever asks for it, and the kernel gives it to nobody
    /// else.
    _port: Option<TcpSocket>,
    path: Option<PathBuf>,
}

impl Place {
    pub(crate) fn new(over: Over) -> Self {
        match over {
            Over::Tcp => {
                let port = TcpSocket::new_v4().expect("a socket");
                port.set_reuseaddr(true).expect("an option");
                port.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
                let address = port.local_addr().expect("it is bound");
                Self {
                    endpoint: format!("tcp://{address}"),
                    _port: Some(port),
                    path: None,
                }
            }
            Over::Ipc => {
                static NUMBER: AtomicU64 = AtomicU64::new(0);
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let file = format!("hubless-faults-{}-{number}", std::process::id());
                let path = std::env::temp_dir().join(file);
                Self {
                    endpoint: format!("ipc://{}", path.display()),
                    _port: None,
                    path: Some(path),
                }
            }
        }
    }

    /// A socket of ours listens here.
    pub(crate) async fn bind<K: Kind>(&self, socket: &Socket<K>) {
        let bound = socket.bind(self.endpoint.as_str()).await;
        bound.expect("the place is ours");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // A process that was killed leaves its file.
            let _ = std::fs::remove_file(path);
        }
    }
}
