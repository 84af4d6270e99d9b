//! Who is connected: a live view, so that no program needs to sleep until its peers are there.

use std::sync::Arc;

use crate::driver::Shared;
use crate::error::Closed;
use crate::peer::Peer;

/// The peers of a socket, from handshake done to connection ended: see [`Socket::peers`](crate::Socket::peers).
///
/// # Examples
///
/// ```
/// use hubless::{Peers, Pull, Push, SocketKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let (pull, push) = (Pull::new(), Push::new());
/// let peers: Peers = pull.peers();
/// assert_eq!(peers.count(), 0);
///
/// push.connect(&pull.bind("tcp://127.0.0.1:0").await?)?;
/// peers.at_least(1).await?;
/// assert_eq!(peers.list()[0].kind(), Some(SocketKind::Push));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

impl Peers {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: shared.clone(),
        }
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        self.shared.peers.watch().borrow().peers
    }

    /// Those that are there now.
    pub fn list(&self) -> Vec<Peer> {
        self.shared.peers.list()
    }

    /// Waits until there are at least `n`.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the socket is closed before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    ///
    /// Example: at [`Peers`].
    pub async fn at_least(&self, n: usize) -> Result<(), Closed> {
        let mut count = self.shared.peers.watch();
        let found = count.wait_for(|count| count.closed || count.peers >= n).await;
        match found {
            Ok(count) if count.peers >= n && !count.closed => Ok(()),
            _ => Err(Closed),
        }
    }
}
