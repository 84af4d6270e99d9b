//! libzmq's side: a thread with a context of its own and, where somebody must decide, a ZAP handler in it.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use peers::libzmq::{Context, CurveKeys, Socket, SocketType, Zap, option};

use crate::{SOON, soon};

/// What libzmq's servers ask a ZAP handler about.
const DOMAIN: &str = "tests";

/// How a libzmq socket is to be set up. A key that is empty is not set.
#[derive(Debug, Clone)]
pub(crate) enum Setup {
    Null,
    PlainClient(&'static str, &'static str),
    /// Lets in whoever has this name and password.
    PlainServer(&'static str, &'static str),
    CurveClient {
        server: String,
        own: CurveKeys,
    },
    /// Lets in who has one of these keys; without any, everybody.
    CurveServer {
        own: CurveKeys,
        allowed: Vec<String>,
    },
}

impl Setup {
    fn apply(&self, socket: &Socket) {
        match self {
            Self::Null => {}
            Self::PlainClient(name, password) => {
                socket.set_bytes(option::PLAIN_USERNAME, name).expect("a name");
                socket
                    .set_bytes(option::PLAIN_PASSWORD, password)
                    .expect("a password");
            }
            Self::PlainServer(..) => {
                socket.set(option::PLAIN_SERVER, 1).expect("a server");
                socket.set_bytes(option::ZAP_DOMAIN, DOMAIN).expect("a domain");
            }
            Self::CurveClient { server, own } => {
                set_key(socket, option::CURVE_SERVERKEY, server);
                set_key(socket, option::CURVE_PUBLICKEY, &own.public);
                set_key(socket, option::CURVE_SECRETKEY, &own.secret);
            }
            Self::CurveServer { own, allowed } => {
                socket.set(option::CURVE_SERVER, 1).expect("a server");
                set_key(socket, option::CURVE_SECRETKEY, &own.secret);
                if !allowed.is_empty() {
                    socket.set_bytes(option::ZAP_DOMAIN, DOMAIN).expect("a domain");
                }
            }
        }
    }

    /// Whether a ZAP request is to be answered with yes.
    fn admits(&self, credentials: &[Vec<u8>]) -> bool {
        match (self, credentials) {
            (Self::PlainServer(name, password), [a, b]) => *a == name.as_bytes() && *b == password.as_bytes(),
            (Self::CurveServer { allowed, .. }, [key]) => {
                let key = <[u8; 32]>::try_from(key.as_slice()).expect("a key has 32 bytes");
                allowed.contains(&hubless::curve::PublicKey::from(key).to_string())
            }
            _ => false,
        }
    }

    fn needs_zap(&self) -> bool {
        match self {
            Self::PlainServer(..) => true,
            Self::CurveServer { allowed, .. } => !allowed.is_empty(),
            _ => false,
        }
    }
}

fn set_key(socket: &Socket, number: option::BytesOpt, key: &str) {
    if !key.is_empty() {
        socket.set_bytes(number, key).expect("a key");
    }
}

/// Runs `work` with a socket that is set up so.
pub(crate) fn zmq<T: Send + 'static>(
    kind: SocketType,
    setup: Setup,
    work: impl FnOnce(&Context, &Socket) -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || {
        let context = Context::new();
        let zap = setup.needs_zap().then(|| {
            let setup = setup.clone();
            Zap::start(&context, DOMAIN, move |credentials| setup.admits(credentials))
        });
        let socket = context.socket(kind).expect("libzmq makes a socket");
        socket.set(option::LINGER, 30_000).expect("it lingers");
        setup.apply(&socket);
        let done = work(&context, &socket);
        drop(socket);
        drop(zap);
        done
    })
}

pub(crate) async fn joined<T: Send + 'static>(thread: JoinHandle<T>) -> T {
    let joining = tokio::task::spawn_blocking(move || thread.join().expect("libzmq's side ends well"));
    soon("libzmq's side", joining).await.expect("it ran")
}

pub(crate) async fn told<T: Send + 'static>(receiver: mpsc::Receiver<T>) -> T {
    let receiving = tokio::task::spawn_blocking(move || receiver.recv_timeout(SOON).expect("it is told"));
    receiving.await.expect("it ran")
}
