//! Stub.
use std::io; use std::sync::Arc; use std::time::Duration;
use crate::endpoint::Endpoint; use crate::peer::Peer; use crate::error::ProtocolError;
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DisconnectReason { PeerClosed, Io(String), Protocol(ProtocolError), Disconnect, Unbind, Close, RuntimeGone }
impl DisconnectReason { pub(crate) fn io(e: io::Error) -> Self { Self::Io(e.to_string()) } pub(crate) fn is_fatal(&self) -> bool { matches!(self, Self::Protocol(_)) } }
impl From<ProtocolError> for DisconnectReason { fn from(e: ProtocolError) -> Self { Self::Protocol(e) } }
/// x
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum Event { Listening{endpoint: Endpoint}, Accepted{endpoint: Endpoint, address: String}, AcceptFailed{endpoint: Endpoint, error: Arc<io::Error>}, Connecting{endpoint: Endpoint}, ConnectFailed{endpoint: Endpoint, error: Arc<io::Error>}, Connected{endpoint: Endpoint, address: String}, HandshakeDone{peer: Peer}, HandshakeFailed{endpoint: Endpoint, address: String, reason: DisconnectReason}, Disconnected{peer: Peer, reason: DisconnectReason, dropped: u64}, RetryIn{endpoint: Endpoint, delay: Duration} }
#[derive(Debug)]
pub(crate) struct Events;
/// x
#[derive(Debug)]
pub struct Monitor;
impl Events { pub(crate) fn new() -> Self { Events } pub(crate) fn emit(&self, _f: impl FnOnce() -> Event) {} pub(crate) fn close(&self) {} pub(crate) fn monitor(&self) -> Monitor { Monitor } }
