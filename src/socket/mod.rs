//! What users hold: typed handles over one core.

mod builder;
mod core;
pub mod kind;
mod options;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use self::builder::Builder;
use self::core::Core;
pub use self::core::Connecting;
use self::kind::{Kind, Receives, Sends};
pub use self::options::Linger;
use crate::endpoint::{Endpoint, ToEndpoint};
use crate::error::{BindError, EndpointError, RecvError, SendError, TryRecvError, TrySendError, Unsent};
use crate::message::{Message, Payload};
use crate::monitor::Monitor;

/// Sends each message to one of its [`Pull`] peers, in turn.
pub type Push = Socket<kind::Push>;
/// Receives from its [`Push`] peers in turn.
pub type Pull = Socket<kind::Pull>;

/// A messaging socket of kind `K`, usually named by its alias: [`Push`], [`Pull`], …
pub struct Socket<K: Kind> {
    core: Arc<Core>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), kind: PhantomData }
    }
}

impl<K: Kind> Default for Socket<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(K::KIND.name()).field("endpoints", &self.endpoints()).finish_non_exhaustive()
    }
}

impl<K: Kind> Socket<K> {
    /// A socket with default options.
    pub fn new() -> Self {
        Self::builder().build().unwrap_or_else(|_| unreachable!("the defaults do not contradict each other"))
    }

    /// Begins to describe a socket.
    pub fn builder() -> Builder<K> {
        Builder::new()
    }

    pub(crate) fn from_core(core: Core) -> Self {
        Self { core: Arc::new(core), kind: PhantomData }
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

    /// What happens to listeners and connections from now on.
    pub fn monitor(&self) -> Monitor {
        self.core.shared.events.monitor()
    }

    /// Closes the socket for all its handles.
    pub async fn close(self) -> Result<(), Unsent> {
        self.core.close().await
    }

    /// Sends a message, waiting at the high-water mark.
    #[inline]
    pub fn send<'a>(
        &'a self,
        message: impl Into<Payload<'a>>,
    ) -> impl Future<Output = Result<(), SendError>> + Send + Unpin + 'a
    where
        K: Sends,
    {
        self.core.send(message.into())
    }

    /// Sends a message if that is possible at once.
    pub fn try_send<'a>(&self, message: impl Into<Payload<'a>>) -> Result<(), TrySendError>
    where
        K: Sends,
    {
        self.core.try_send(message.into())
    }

    /// Receives the next message.
    #[inline]
    pub fn recv(&self) -> impl Future<Output = Result<Message, RecvError>> + Send + Unpin + '_
    where
        K: Receives,
    {
        self.core.recv()
    }

    /// Receives a message if there is one.
    pub fn try_recv(&self) -> Result<Message, TryRecvError>
    where
        K: Receives,
    {
        self.core.try_recv()
    }

    /// Receives at least one message, and up to `limit` that are there.
    pub async fn recv_many(&self, into: &mut Vec<Message>, limit: usize) -> Result<usize, RecvError>
    where
        K: Receives,
    {
        self.core.recv_many(into, limit).await
    }
}
