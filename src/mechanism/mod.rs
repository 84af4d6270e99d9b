//! Mechanisms: how two peers come to trust each other, as state machines over commands.
//!
//! ```text
//!              greeted        commands                      accepted
//! Mechanism ──▶ start ──▶ Await ⇄ … ──▶ Ask ──▶ a verdict ──▶ … ──▶ Done
//!                             └── anything out of place, a refusal ──▶ failed
//! ```
//!
//! The session reads frames and keeps the clock; a mechanism appends what it has to say to the output, is given one
//! [`Command`] of the peer after the other, and says when it is done and what the peer told about itself. It does not
//! know how a command arrives or what happens afterwards. It asks, where somebody must decide, and is given the
//! answer: who decides, and how long that takes, is known to nobody here ([`auth`]).
//!
//! Another mechanism is one file, one variant of [`Role`] and of [`Handshake`], and nothing else here.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub(crate) mod auth;
#[cfg(feature = "curve")]
pub(crate) mod curve;
mod null;
mod plain;
pub(crate) mod zap;

use std::fmt;
use std::sync::Arc;

use crate::error::ProtocolError;
use crate::wire::command::Command;
use crate::wire::metadata::Metadata;
use crate::wire::spelling::Spelling;

#[cfg(feature = "curve")]
pub use self::curve::Curve;
pub use self::null::Null;
pub use self::plain::{Plain, PlainUsers};

use self::auth::{Admission, Authenticator, Credentials, Gate, Verdict};

/// How a socket and its peers come to trust each other: [NULL](Null), [PLAIN](Plain), …
///
/// Both sides of a connection must use the same mechanism. Where it has a server and a client, who of the two binds
/// and who connects does not matter. Connections over `inproc://` have no mechanism: who shares our memory is
/// trusted.
///
/// # Examples
///
/// ```
/// use hubless::{Mechanism, Plain, PlainUsers, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let users = PlainUsers::new().with("admin", "secret");
/// let pull = Pull::builder().mechanism(Plain::server(users).domain("jobs")).build()?;
/// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
///
/// let mechanism: Mechanism = Plain::client("admin", "secret");
/// let push = Push::builder().mechanism(mechanism).build()?;
/// let peer = push.connect(&endpoint)?.await?;
/// assert_eq!(peer.mechanism(), "PLAIN");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Mechanism {
    role: Role,
    domain: Arc<str>,
    /// Who decides; without it everybody may enter whom the mechanism itself lets in.
    gate: Option<Gate>,
}

/// What we are in which mechanism.
#[derive(Debug, Clone)]
enum Role {
    Null,
    PlainClient(Arc<plain::Account>),
    PlainServer,
    #[cfg(feature = "curve")]
    CurveClient(Arc<curve::client::ClientKeys>),
    #[cfg(feature = "curve")]
    CurveServer(curve::policy::ServerKeys),
}

impl Mechanism {
    fn new(role: Role) -> Self {
        Self {
            role,
            domain: Arc::from(""),
            gate: None,
        }
    }

    fn decided_by(mut self, authenticator: impl Authenticator) -> Self {
        self.gate = Some(Gate::new(authenticator));
        self
    }

    /// The name of the realm that peers apply to, for whoever decides: at most 255 bytes. Default: none.
    ///
    /// libzmq: `ZMQ_ZAP_DOMAIN`.
    ///
    /// Example: at [`Mechanism`].
    #[must_use]
    pub fn domain(mut self, name: impl AsRef<str>) -> Self {
        self.domain = Arc::from(name.as_ref());
        self
    }

    /// The name on the wire: `NULL`, `PLAIN`, ….
    pub fn name(&self) -> &'static str {
        match self.role {
            Role::Null => null::NAME,
            Role::PlainClient(_) | Role::PlainServer => plain::NAME,
            #[cfg(feature = "curve")]
            Role::CurveClient(_) | Role::CurveServer(_) => curve::NAME,
        }
    }

    /// Whether a peer that knows no mechanisms may be let in.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.role, Role::Null) && self.gate.is_none()
    }

    /// What the builder must refuse.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        if self.domain.len() > MAX_NAME {
            return Some("the domain has more than 255 bytes");
        }
        match &self.role {
            Role::PlainClient(account) => account.contradiction(),
            _ => None,
        }
    }

    /// How many bytes of randomness one handshake needs.
    pub(crate) fn entropy(&self) -> usize {
        match self.role {
            #[cfg(feature = "curve")]
            Role::CurveClient(_) => curve::CLIENT_ENTROPY,
            #[cfg(feature = "curve")]
            Role::CurveServer(_) => curve::SERVER_ENTROPY,
            Role::Null | Role::PlainClient(_) | Role::PlainServer => 0,
        }
    }

    pub(crate) fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    pub(crate) fn domain_name(&self) -> &Arc<str> {
        &self.domain
    }

    /// What the greeting says of our role.
    pub(crate) fn is_server(&self) -> bool {
        match self.role {
            Role::PlainServer => true,
            #[cfg(feature = "curve")]
            Role::CurveServer(_) => true,
            _ => false,
        }
    }

    /// Appends what may be said right behind our greeting, before the peer's mechanism is known. `metadata` is what we
    /// tell about ourselves.
    pub(crate) fn greet(&self, metadata: &[u8], out: &mut Vec<u8>) {
        if self.is_open() {
            null::greet(metadata, out);
        }
    }

    /// Whether both sides introduce themselves without having heard the other.
    pub(crate) fn introduces_unasked(&self) -> bool {
        matches!(self.role, Role::Null)
    }

    /// Appends our introduction, where it was left for when the peer's has come.
    pub(crate) fn greet_last(&self, metadata: &[u8], out: &mut Vec<u8>) {
        if self.introduces_unasked() {
            null::greet(metadata, out);
        }
    }

    /// Begins the handshake: the peer has named the same mechanism. `entropy` is randomness, as much as is
    /// [needed](Self::entropy).
    pub(crate) fn start(&self, _entropy: &[u8], out: &mut Vec<u8>) -> Result<Progress, ProtocolError> {
        let handshake = match &self.role {
            Role::Null if self.gate.is_some() => {
                let state = Handshake::Null(null::State::Verdict);
                return Ok(Progress::Ask(state, Credentials::None));
            }
            Role::Null => Handshake::Null(null::State::Ready(Admission::default())),
            Role::PlainClient(account) => Handshake::PlainClient(plain::Client::start(account, out)),
            Role::PlainServer => Handshake::PlainServer(plain::Server::Hello),
            #[cfg(feature = "curve")]
            Role::CurveClient(keys) => return curve::start_client(keys, _entropy, out),
            #[cfg(feature = "curve")]
            Role::CurveServer(keys) => return curve::start_server(keys, self.gate.is_some(), _entropy),
        };
        Ok(Progress::Await(handshake))
    }

    /// What the peer is told of a refusal, if anything: a code where it was not let in, else a text, and only by those
    /// who may send ERROR at all.
    pub(crate) fn tells(&self, refusal: &ProtocolError) -> Option<String> {
        match (&self.role, refusal) {
            // Not now: who is told nothing will try again.
            (_, ProtocolError::Denied { status: 300, .. }) => None,
            (_, ProtocolError::Denied { status, .. }) => Some(status.to_string()),
            // It would not understand.
            (
                _,
                ProtocolError::NotZmtp { .. }
                | ProtocolError::Version { .. }
                | ProtocolError::NoSecurity { .. },
            ) => None,
            // It has the last word.
            (_, ProtocolError::Refused { .. } | ProtocolError::CredentialsRefused { .. }) => None,
            (_, ProtocolError::Mechanism { expected, .. }) => {
                Some(format!("wrong mechanism, expected {expected}"))
            }
            (Role::PlainClient(_), _) => None,
            #[cfg(feature = "curve")]
            (Role::CurveClient(_), _) => None,
            // As if it were not let in: the peer should hear of its mistake, and nobody of more.
            #[cfg(feature = "curve")]
            (Role::CurveServer(_), ProtocolError::Unopened { what: "HELLO", .. }) => Some("400".to_owned()),
            #[cfg(feature = "curve")]
            (Role::CurveServer(_), _) => None,
            (_, ProtocolError::Kind { ours, .. }) => Some(format!("wrong socket type for a {ours}")),
            (Role::Null | Role::PlainServer, other) => Some(other.to_string()),
        }
    }
}

/// NULL.
impl Default for Mechanism {
    fn default() -> Self {
        Self::new(Role::Null)
    }
}

/// The longest user name, password, domain and user id.
const MAX_NAME: usize = 255;

/// Why a peer that knows what we are may close without a word, and without having said what it is.
const DOES_NOT_FIT: &str =
    "perhaps its kind does not go with ours, or it talks to one peer at a time and has one";

/// The same of a client that was let in, and does not say what it is.
const CLOSED_UPON_WELCOME: ProtocolError = ProtocolError::ClosedUpon {
    command: "WELCOME",
    guess: "perhaps it talks to one peer at a time and has one",
};

/// A handshake that has begun.
#[derive(Debug)]
pub(crate) enum Handshake {
    Null(null::State),
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    #[cfg(feature = "curve")]
    CurveClient(curve::client::Client),
    #[cfg(feature = "curve")]
    CurveServer(curve::server::Server),
}

impl Handshake {
    /// Takes the peer's next command. `metadata` is what we tell about ourselves, when it is time.
    pub(crate) fn handle_command(
        self,
        command: Command<'_>,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match self {
            Self::Null(state) => state.handle_command(command),
            Self::PlainClient(state) => state.handle_command(command, metadata, out),
            Self::PlainServer(state) => state.handle_command(command, metadata, out),
            #[cfg(feature = "curve")]
            Self::CurveClient(state) => state.handle_command(command, metadata, out),
            #[cfg(feature = "curve")]
            Self::CurveServer(state) => state.handle_command(command, metadata, out),
        }
    }

    /// Takes the answer to what was [asked](Progress::Ask).
    pub(crate) fn handle_verdict(
        self,
        verdict: Verdict,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        let admission = verdict.into_admission()?;
        match self {
            Self::Null(_) => Ok(null::State::admit(admission, metadata, out)),
            Self::PlainServer(_) => Ok(plain::Server::admit(admission, out)),
            #[cfg(feature = "curve")]
            Self::CurveServer(state) => state.admit(admission, metadata, out),
            // Clients do not ask.
            other => Ok(Progress::Await(other)),
        }
    }

    /// Whether we have said all that is ours to say: the peer, whose turn it is, counts itself connected when it answers.
    pub(crate) fn gives_the_last_word(&self) -> bool {
        match self {
            Self::PlainClient(state) => matches!(state, plain::Client::Ready),
            #[cfg(feature = "curve")]
            Self::CurveClient(state) => matches!(state, curve::client::Client::Ready(_)),
            _ => false,
        }
    }

    /// What it means when the peer closes the connection now, where that can be guessed.
    pub(crate) fn explain_end(&self) -> Option<ProtocolError> {
        match self {
            Self::Null(_) => Some(ProtocolError::ClosedUpon {
                command: "READY",
                guess: DOES_NOT_FIT,
            }),
            Self::PlainClient(state) => Some(state.explain_end()),
            #[cfg(feature = "curve")]
            Self::CurveClient(state) => state.explain_end(),
            Self::PlainServer(plain::Server::Initiate(_)) => Some(CLOSED_UPON_WELCOME),
            #[cfg(feature = "curve")]
            Self::CurveServer(curve::server::Server::Initiate(_)) => Some(CLOSED_UPON_WELCOME),
            _ => None,
        }
    }
}

/// How far a handshake is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The peer's next command is awaited.
    Await(Handshake),
    /// Somebody must say whether these may enter: until then nothing of the peer is looked at.
    Ask(Handshake, Credentials),
    /// Done.
    Done(Outcome),
}

/// What a finished handshake leaves.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the peer told about itself.
    pub(crate) metadata: Metadata,
    /// What was decided about it.
    pub(crate) admission: Admission,
    /// How frames are spelled from here on, if not plainly.
    pub(crate) spelling: Option<Box<dyn Spelling>>,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
