//! The bridge to a ZAP handler: an authenticator that passes the question on to a socket of this process (RFC 27).
//!
//! ```text
//! mechanism ──Applicant──▶ Zap ── REQ over inproc://zeromq.zap.01 ──▶ the handler, a REP or ROUTER
//!     ▲                                                                     │
//!     └──────────────── Verdict ◀── 200, 300, 400, 500, or anything else ◀──┘
//! ```
//!
//! Each question is asked by a socket of its own, which goes with it: so one that takes long delays no other, and what
//! was given up leaves nothing behind. What the frames are is said in [`zap`](crate::mechanism::zap).

use std::time::Duration;

use super::{Linger, Req};
use crate::context::Context;
use crate::endpoint::{Address, Endpoint};
use crate::error::BuildError;
use crate::mechanism::auth::{Applicant, Authenticator, Verdict};
use crate::mechanism::zap;
use crate::message::{Frame, Message};
use crate::runtime;

/// Asks the ZAP handler of this process who may enter: a REP or ROUTER bound at `inproc://zeromq.zap.01`, as programs
/// for libzmq have it.
///
/// It is asked for every mechanism: it gets the [domain](crate::Mechanism::domain), the peer's address and what the
/// mechanism has proved (PLAIN: the name and the password, in clear), and answers 200 (yes), 300 (not now), 400 (no) or
/// 500 (cannot tell). The user id and the metadata of a yes are known of the [peer](crate::Peer::user_id) from then on.
///
/// Nobody enters without an answer: not while no handler is bound, not when it takes longer than the
/// [timeout](Self::timeout), not upon a reply that is not that of [RFC 27].
///
/// [RFC 27]: https://rfc.zeromq.org/spec/27/
///
/// # Examples
///
/// ```
/// use hubless::auth::Zap;
/// use hubless::{Context, Plain, Pull, Push, Rep};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let context = Context::new();
/// let handler = Rep::builder().context(&context).build()?;
/// handler.bind("inproc://zeromq.zap.01").await?;
/// tokio::spawn(async move {
///     while let Ok(request) = handler.recv_request().await {
///         let message = request.message();
///         let (id, name) = (message.frame(1).unwrap_or_default().to_vec(), message.frame(6));
///         let reply = match name {
///             Some(b"ann") => ("1.0", id, "200", "", "ann", ""),
///             _ => ("1.0", id, "400", "unknown", "", ""),
///         };
///         let _ = request.reply(reply).await;
///     }
/// });
///
/// let pull = Pull::builder().mechanism(Plain::server(Zap::in_context(&context))).build()?;
/// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
/// let push = Push::builder().mechanism(Plain::client("ann", "any password")).build()?;
/// push.connect(&endpoint)?.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Zap {
    context: Context,
    timeout: Duration,
}

/// The client's handshake has ten seconds by default: so it can still hear of it when this is over.
const TIMEOUT: Duration = Duration::from_secs(5);

impl Zap {
    /// Asks the handler in the context that sockets share by default.
    pub fn new() -> Self {
        Self::in_context(&Context::of_the_process())
    }

    /// Asks the handler in this context. The socket that asks need not be in it.
    ///
    /// Example: at [`Zap`].
    pub fn in_context(context: &Context) -> Self {
        Self {
            context: context.clone(),
            timeout: TIMEOUT,
        }
    }

    /// How long the handler may take for an answer. Default: 5 s.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use hubless::auth::Zap;
    /// use hubless::{Plain, Pull};
    ///
    /// let zap = Zap::new().timeout(Duration::from_secs(1));
    /// let pull = Pull::builder().mechanism(Plain::server(zap)).build()?;
    /// # let _ = pull;
    /// # Ok::<(), hubless::BuildError>(())
    /// ```
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    async fn ask(&self, applicant: Applicant) -> Result<Verdict, String> {
        let handler: Endpoint = zap::ENDPOINT.parse().map_err(|error| format!("{error}"))?;
        let is_there = match handler.address() {
            Address::Inproc(name) => self.context.is_held(name),
            _ => false,
        };
        if !is_there {
            return Err(format!("no ZAP handler is bound at {handler}"));
        }
        let mut req = self.socket().map_err(|error| error.to_string())?;
        drop(req.connect(&handler).map_err(|error| error.to_string())?);
        let frames: Vec<_> = zap::request(&applicant).into_iter().map(Frame::from).collect();
        let request = Message::try_from(frames).map_err(|error| error.to_string())?;
        let answered = runtime::timeout(None, self.timeout, req.request(request)).await;
        let reply = answered
            .ok_or_else(|| format!("the ZAP handler did not answer within {:?}", self.timeout))?
            .map_err(|error| format!("the ZAP handler did not answer: {error}"))?;
        let frames: Vec<_> = reply.iter().collect();
        Ok(zap::verdict(&frames))
    }

    /// What it has asked in vain when it goes is not worth waiting for.
    fn socket(&self) -> Result<Req, BuildError> {
        Req::builder()
            .context(&self.context)
            .linger(Linger::Discard)
            .build()
    }
}

impl Default for Zap {
    fn default() -> Self {
        Self::new()
    }
}

impl Authenticator for Zap {
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        let zap = self.clone();
        async move { zap.ask(applicant).await.unwrap_or_else(Verdict::fail) }
    }
}
