//! A socket, whichever it is: what every story does with all of them.

use hubless::{Dealer, EndpointError, Peers, Pub, Pull, Push, Rep, Router, Stats, Sub, Unsent};

use crate::stage::Stage;

#[derive(Debug, Clone)]
pub(crate) enum Handle {
    Push(Push),
    Pull(Pull),
    Dealer(Dealer),
    Router(Router),
    Pub(Pub),
    Sub(Sub),
    Rep(Rep),
}

/// The same for every kind.
macro_rules! with {
    ($handle:expr, $socket:ident => $work:expr) => {
        match $handle {
            Handle::Push($socket) => $work,
            Handle::Pull($socket) => $work,
            Handle::Dealer($socket) => $work,
            Handle::Router($socket) => $work,
            Handle::Pub($socket) => $work,
            Handle::Sub($socket) => $work,
            Handle::Rep($socket) => $work,
        }
    };
}

impl Handle {
    pub(crate) fn stats(&self) -> Stats {
        with!(self, socket => socket.stats())
    }

    pub(crate) fn peers(&self) -> Peers {
        with!(self, socket => socket.peers())
    }

    pub(crate) async fn bind(&self, stage: &Stage, at: &str) {
        with!(self, socket => stage.bind(socket, at).await)
    }

    pub(crate) fn connect(&self, to: &str) -> Result<(), EndpointError> {
        with!(self, socket => socket.connect(to).map(drop))
    }

    /// Ends the endpoint, whichever kind it is.
    pub(crate) async fn part(&self, from: &str, bound: bool) -> Result<(), EndpointError> {
        let endpoint = from.parse()?;
        if bound {
            with!(self, socket => socket.unbind(&endpoint).await)
        } else {
            with!(self, socket => socket.disconnect(&endpoint).await)
        }
    }

    pub(crate) async fn close(self) -> Result<(), Unsent> {
        with!(self, socket => socket.close().await)
    }
}
