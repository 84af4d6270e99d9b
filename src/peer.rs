//! Stub.
use std::sync::Arc;
use crate::endpoint::Endpoint;
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer(Arc<(u64, Endpoint, String)>);
impl Peer { pub(crate) fn new(id: u64, e: Endpoint, a: String) -> Self { Peer(Arc::new((id, e, a))) } }
