//! What users hold: typed handles over one core.

mod builder;
mod core;
pub mod kind;
mod options;
mod peers;
mod pubsub;
mod receiving;
mod reqrep;
mod sending;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use self::builder::Builder;
pub use self::core::Connecting;
use self::core::Core;
use self::kind::{Kind, Shares};
pub use self::options::{Linger, Tuning};
pub use self::peers::Peers;
pub use self::pubsub::{Pub, Sub, Subscribers};
pub use self::receiving::Messages;
pub use self::reqrep::{Rep, Req, Request};
pub use self::sending::{Outgoing, Permit};
use crate::endpoint::{Endpoint, ToEndpoint};
use crate::error::{BindError, EndpointError, Unsent};
use crate::monitor::Monitor;
use crate::stats::Stats;

/// Sends each message to one of its [`Pull`] peers, in turn.
pub type Push = Socket<kind::Push>;
/// Receives from its [`Push`] peers in turn.
pub type Pull = Socket<kind::Pull>;

/// A messaging socket of kind `K`, usually named by its alias: [`Push`], [`Pull`], …
pub struct Socket<K: Kind> {
    core: Arc<Core>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Shares> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            kind: PhantomData,
        }
    }
}

impl<K: Kind> Default for Socket<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(K::KIND.name())
            .field("endpoints", &self.endpoints())
            .finish_non_exhaustive()
    }
}

impl<K: Kind> Socket<K> {
    /// A socket with default options.
    pub fn new() -> Self {
        Self::builder()
            .build()
            .unwrap_or_else(|_| unreachable!("the defaults do not contradict each other"))
    }

    /// Begins to describe a socket.
    pub fn builder() -> Builder<K> {
        Builder::new()
    }

    pub(crate) fn from_core(core: Core) -> Self {
        Self {
            core: Arc::new(core),
            kind: PhantomData,
        }
    }

    /// Listens at an endpoint; returns it as the system resolved it.
    pub async fn bind(&self, at: impl ToEndpoint) -> Result<Endpoint, BindError> {
        self.core.bind(at).await
    }

    /// Begins to dial an endpoint, and dials again whenever the connection is lost.
    pub fn connect(&self, to: impl ToEndpoint) -> Result<Connecting, EndpointError> {
        self.core.connect(to)
    }

    /// Ends listening at an endpoint, and the connections that were accepted there.
    pub async fn unbind(&self, at: &Endpoint) -> Result<(), EndpointError> {
        self.core.unbind(at).await
    }

    /// Ends dialing an endpoint, and its connection.
    pub async fn disconnect(&self, from: &Endpoint) -> Result<(), EndpointError> {
        self.core.disconnect(from).await
    }

    /// The endpoints that are bound or connected.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.core.endpoints()
    }

    /// Who is connected: a live view.
    pub fn peers(&self) -> Peers {
        Peers::new(&self.core.shared)
    }

    /// What was sent, received, dropped and queued so far.
    pub fn stats(&self) -> Stats {
        self.core.shared.stats()
    }

    /// What happens to listeners and connections from now on.
    pub fn monitor(&self) -> Monitor {
        self.core.shared.events.monitor()
    }

    /// Closes the socket for all its handles.
    pub async fn close(self) -> Result<(), Unsent> {
        self.core.close().await
    }
}
