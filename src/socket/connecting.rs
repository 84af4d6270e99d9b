//! Waiting for a connection that is being made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::peer::Peer;

/// A connection on its way: ready when the first handshake of this endpoint is done.
///
/// Dialing has begun and goes on whether or not this is awaited; dropping it changes nothing. It waits through
/// failed attempts, and fails when the endpoint is disconnected, when the peer refuses for good (another
/// mechanism, an incompatible kind, not ZMTP), or when the socket closes.
///
/// # Cancel safety
///
/// Awaiting it can be given up at any time; the endpoint stays connected.
///
/// # Examples
///
/// ```
/// use hubless::{Connecting, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (pull, push) = (Pull::new(), Push::new());
/// let connecting: Connecting = push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
/// println!("dialing {}", connecting.endpoint());
/// println!("{} is there", connecting.await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connecting {
    pub(super) endpoint: Endpoint,
    pub(super) ready: oneshot::Receiver<Result<Peer, ConnectError>>,
}

impl Connecting {
    /// The endpoint that is dialed.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl Future for Connecting {
    type Output = Result<Peer, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let announced = ready!(Pin::new(&mut self.ready).poll(cx));
        Poll::Ready(announced.unwrap_or_else(|_| Err(ConnectError::Closed(self.endpoint.clone()))))
    }
}
