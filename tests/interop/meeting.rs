//! Where a check takes place: over which transport, which side binds, and by which mechanism both trust each other.
//!
//! A check is one function of a [`Meeting`], generic over the other library. A line in the table of its file makes it a
//! test for each library, over each transport, with our socket as binder and as connector, all of which are in the
//! test's name: `messages::libzmq::connecting::tcp::push_sends_every_message`. With NULL, that is; what speaks PLAIN and
//! CURVE too is in the table of [`mechanisms`](crate::mechanisms).

use std::fs;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};

use hubless::{Builder, Socket, SocketKind, kind::Kind};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::DEADLINE;
use crate::other::OtherSocket;
use crate::trust::Trust;

/// Makes a test of each check for everybody, everywhere.
macro_rules! with_everybody_everywhere {
    ($($check:ident)+) => {
        mod libzmq {
            crate::meeting::everywhere! { crate::libzmq::Libzmq, $($check)+ }
        }
        mod zeromq_crate {
            crate::meeting::everywhere! { crate::zeromq_crate::ZeromqCrate, $($check)+ }
        }
    };
}
pub(crate) use with_everybody_everywhere;

/// Makes a test of each check for one library, everywhere. It belongs into a module beside the checks.
macro_rules! everywhere {
    ($library:ty, with $trust:ident, $($check:ident)+) => {
        crate::meeting::over_both! { binding, $library, We, with $trust, $($check)+ }
        crate::meeting::over_both! { connecting, $library, They, with $trust, $($check)+ }
    };
    ($library:ty, $($check:ident)+) => {
        crate::meeting::everywhere! { $library, with Null, $($check)+ }
    };
}
pub(crate) use everywhere;

/// Makes a test of each check for one library and one role of ours, over both transports: likewise.
macro_rules! over_both {
    ($role:ident, $library:ty, $binder:ident, with $trust:ident, $($check:ident)+) => {
        mod $role {
            mod tcp {
                $(
                    #[test]
                    fn $check() {
                        let meeting = crate::meeting::Meeting::over_tcp(crate::meeting::Binder::$binder)
                            .with(crate::trust::Trust::$trust);
                        crate::meeting::takes_place(super::super::super::$check::<$library>(meeting));
                    }
                )+
            }
            mod ipc {
                $(
                    #[test]
                    fn $check() {
                        let meeting = crate::meeting::Meeting::over_ipc(crate::meeting::Binder::$binder)
                            .with(crate::trust::Trust::$trust);
                        crate::meeting::takes_place(super::super::super::$check::<$library>(meeting));
                    }
                )+
            }
        }
    };
    ($role:ident, $library:ty, $binder:ident, $($check:ident)+) => {
        crate::meeting::over_both! { $role, $library, $binder, with Null, $($check)+ }
    };
}
pub(crate) use over_both;

/// Runs a check on a runtime of its own; one that would hang fails.
pub(crate) fn takes_place(check: impl Future<Output = ()>) {
    run(pin!(check));
}

/// Apart, and the same for all: else each check gets a copy of the runtime's loop, which takes long to compile.
fn run(check: Pin<&mut dyn Future<Output = ()>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        timeout(DEADLINE, check)
            .await
            .expect("nothing here takes so long");
    });
}

/// Who binds; the other one connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binder {
    We,
    They,
}

/// A place that nobody else has as long as this lives, where sockets meet, one after the other too.
#[derive(Debug)]
pub(crate) struct Meeting {
    endpoint: String,
    binder: Binder,
    trust: Trust,
    /// Over tcp: bound, and not listening. So whoever asks for a free port is not given this one, and sockets that reuse
    /// addresses, as all three libraries' do, can listen there all the same.
    port: Option<TcpSocket>,
}

impl Meeting {
    pub(crate) fn over_tcp(binder: Binder) -> Self {
        let port = TcpSocket::new_v4().expect("a socket");
        port.set_reuseaddr(true).expect("a socket takes options");
        port.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = port.local_addr().expect("it is bound");
        Self {
            endpoint: format!("tcp://{address}"),
            binder,
            trust: Trust::Null,
            port: Some(port),
        }
    }

    pub(crate) fn over_ipc(binder: Binder) -> Self {
        static MEETINGS: AtomicUsize = AtomicUsize::new(0);
        let number = MEETINGS.fetch_add(1, Ordering::Relaxed);
        let name = format!("hubless-interop-{}-{number}", std::process::id());
        Self {
            endpoint: format!("ipc://{}", std::env::temp_dir().join(name).display()),
            binder,
            trust: Trust::Null,
            port: None,
        }
    }

    /// By another mechanism than NULL. Who binds is its server.
    pub(crate) fn with(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Another place like this.
    pub(crate) fn elsewhere(&self) -> Self {
        let place = match self.is_over_tcp() {
            true => Self::over_tcp(self.binder),
            false => Self::over_ipc(self.binder),
        };
        place.with(self.trust)
    }

    /// A socket of ours that trusts theirs, and is trusted.
    pub(crate) fn socket<K: Kind>(&self) -> Socket<K> {
        self.builder().build().expect("no contradiction")
    }

    /// The same with options.
    pub(crate) fn builder<K: Kind>(&self) -> Builder<K> {
        Socket::builder().mechanism(self.trust.mechanism(self.we_bind()))
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn trust(&self) -> Trust {
        self.trust
    }

    fn is_over_tcp(&self) -> bool {
        self.port.is_some()
    }

    pub(crate) fn we_bind(&self) -> bool {
        self.binder == Binder::We
    }

    /// Both come. Who binds comes first.
    pub(crate) async fn of<K: Kind, O: OtherSocket>(&self, ours: &Socket<K>, kind: SocketKind) -> O {
        let mut other = O::new(kind);
        self.both_come(ours, &mut other).await;
        other
    }

    /// The same with a socket of theirs that there is already.
    pub(crate) async fn both_come<K: Kind>(&self, ours: &Socket<K>, other: &mut impl OtherSocket) {
        match self.binder {
            Binder::We => {
                self.we_come(ours).await;
                self.joins(other).await;
            }
            Binder::They => {
                self.joins(other).await;
                self.we_come(ours).await;
            }
        }
    }

    /// Our socket binds or connects.
    pub(crate) async fn we_come<K: Kind>(&self, ours: &Socket<K>) {
        match self.binder {
            Binder::We => drop(
                ours.bind(self.endpoint.as_str())
                    .await
                    .expect("the place is free"),
            ),
            Binder::They => drop(ours.connect(self.endpoint.as_str()).expect("an endpoint")),
        }
    }

    /// A new socket of theirs binds or connects.
    pub(crate) async fn they_come<O: OtherSocket>(&self, kind: SocketKind) -> O {
        let mut other = O::new(kind);
        self.joins(&mut other).await;
        other
    }

    /// A socket of theirs learns whom to trust, before it binds or connects.
    pub(crate) async fn introduces(&self, other: &mut impl OtherSocket) {
        other.trusts(self.trust, !self.we_bind()).await;
    }

    /// A socket of theirs binds or connects.
    pub(crate) async fn joins(&self, other: &mut impl OtherSocket) {
        self.introduces(other).await;
        match self.binder {
            Binder::We => other.connect(&self.endpoint).await,
            Binder::They => other.bind(&self.endpoint).await,
        }
    }
}

impl Drop for Meeting {
    /// Not everybody takes the name away.
    fn drop(&mut self) {
        if let Some(path) = self.endpoint.strip_prefix("ipc://") {
            let _ = fs::remove_file(path);
        }
    }
}
