//! Who may enter: the one question that every mechanism asks, and what there is to answer.
//!
//! ```text
//!  mechanism ──Credentials──▶ session ──▶ driver ──Applicant──▶ authenticator (anybody's code, takes its time)
//!      ▲                                    │                        │
//!      └────────── Admission, or a refusal ◀┴──────── Verdict ◀──────┘
//! ```
//!
//! The question carries what the mechanism has proved (PLAIN: what was claimed) and where the peer is; the answer is
//! one of four, as in [RFC 27]: yes (200), not now (300), no (400), cannot tell (500). Whatever goes wrong on the way
//! to an answer is the last of these: nobody enters because something broke.
//!
//! Here are values only. Who runs the authenticator, and beside what, is the driver's business.
//!
//! [RFC 27]: https://rfc.zeromq.org/spec/27/

mod local;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

#[cfg(feature = "curve")]
use super::curve::keys::PublicKey;
use crate::endpoint::Endpoint;
use crate::error::{ProtocolError, escaped};
use crate::peer::Process;
use crate::wire::metadata;

pub use self::local::LocalUsers;

/// Decides who may enter, for a socket that is the server of its mechanism.
///
/// It is asked once for each connection, after the mechanism has proved what it can and before anything of the peer is
/// delivered. It may take its time: up to 64 questions of a socket are under way at once, further ones wait, and
/// none delays another, nor any peer that is in already. It runs as a task of its own on the socket's runtime, so it
/// should await and not block; the future is dropped when the peer's
/// [`handshake_timeout`](crate::Builder::handshake_timeout) is over or the peer was closed. If it panics, the peer does not
/// enter.
///
/// A function that returns a future is an authenticator; ready-made ones are [`PlainUsers`](crate::PlainUsers),
/// [`LocalUsers`], for CURVE `AllowList`, and [`Zap`](crate::auth::Zap), which asks a handler as programs for libzmq
/// have it.
///
/// # Examples
///
/// ```
/// use hubless::auth::{Applicant, Authenticator, Credentials, Verdict};
/// use hubless::{Plain, Rep};
///
/// struct Directory;
///
/// impl Authenticator for Directory {
///     async fn authenticate(&self, applicant: Applicant) -> Verdict {
///         match applicant.credentials() {
///             Credentials::Plain { username, password } if password.matches("swordfish") => {
///                 // … ask a database …
///                 Verdict::accept_as(String::from_utf8_lossy(username)).property("X-Role", "guest")
///             }
///             _ => Verdict::refuse("unknown"),
///         }
///     }
/// }
///
/// let rep = Rep::builder().mechanism(Plain::server(Directory)).build()?;
/// let open = Rep::builder().mechanism(Plain::server(async |_: Applicant| Verdict::accept())).build()?;
/// # let _ = (rep, open);
/// # Ok::<(), hubless::BuildError>(())
/// ```
pub trait Authenticator: Send + Sync + 'static {
    /// Decides about one peer.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped when nobody waits for the answer any more: what it has begun must bear that.
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send;
}

impl<F, V> Authenticator for F
where
    F: Fn(Applicant) -> V + Send + Sync + 'static,
    V: Future<Output = Verdict> + Send,
{
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        self(applicant)
    }
}

/// A peer that wants to enter.
///
/// # Examples
///
/// ```
/// use hubless::auth::{Applicant, Verdict};
///
/// async fn only_from_here(applicant: Applicant) -> Verdict {
///     match applicant.address().starts_with("127.0.0.1:") {
///         true => Verdict::accept(),
///         false => Verdict::refuse(format!("{} is elsewhere", applicant.address())),
///     }
/// }
///
/// let pull = hubless::Pull::builder().mechanism(hubless::Null::server(only_from_here)).build()?;
/// # let _ = pull;
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Applicant {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: String,
    pub(crate) process: Option<Process>,
    pub(crate) mechanism: &'static str,
    pub(crate) domain: Arc<str>,
    /// Of our socket; empty if it has none.
    pub(crate) routing_id: Bytes,
    pub(crate) credentials: Credentials,
}

impl Applicant {
    /// The endpoint of ours that it came to, or that we have connected to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where it is: see [`Peer::address`](crate::Peer::address).
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process at the other end, as the system knows it: over ipc only.
    pub fn process(&self) -> Option<Process> {
        self.process
    }

    /// The mechanism of our socket.
    pub fn mechanism(&self) -> &str {
        self.mechanism
    }

    /// The [domain](crate::Mechanism::domain) of our socket; empty if it has none.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What it has shown, or proved.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// What a peer shows or proves, by mechanism.
///
/// # Examples
///
/// ```
/// use hubless::auth::Credentials;
///
/// fn name_of(credentials: &Credentials) -> Option<&[u8]> {
///     match credentials {
///         Credentials::Plain { username, .. } => Some(username),
///         _ => None,
///     }
/// }
///
/// assert_eq!(name_of(&Credentials::None), None);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// NULL: nothing.
    None,
    /// PLAIN: what it claims. Nothing is proved before the two were compared.
    Plain {
        /// The user name: any bytes.
        username: Bytes,
        /// The password.
        password: Password,
    },
    /// CURVE: its public key, to which it has proved to have the secret one.
    #[cfg(feature = "curve")]
    Curve(PublicKey),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Plain { username, .. } => {
                let username = escaped(username);
                f.debug_struct("Plain")
                    .field("username", &username)
                    .finish_non_exhaustive()
            }
            #[cfg(feature = "curve")]
            Self::Curve(key) => f.debug_tuple("Curve").field(key).finish(),
        }
    }
}

/// A password that a peer sent. It is wiped when it is dropped, and never shown.
///
/// # Examples
///
/// ```
/// use hubless::auth::{Credentials, Verdict};
///
/// fn judge(credentials: &Credentials) -> Verdict {
///     match credentials {
///         Credentials::Plain { password, .. } if password.matches("sesame") => Verdict::accept(),
///         Credentials::Plain { password, .. } if password.expose().is_empty() => Verdict::refuse("no password"),
///         _ => Verdict::refuse("no"),
///     }
/// }
///
/// assert_eq!(judge(&Credentials::None), Verdict::refuse("no"));
/// ```
#[derive(Clone)]
pub struct Password(Zeroizing<Box<[u8]>>);

impl Password {
    pub(crate) fn new(password: &[u8]) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    /// Whether it is this one. Takes the same time for all of the same length.
    ///
    /// Example: at [`Password`].
    pub fn matches(&self, other: impl AsRef<[u8]>) -> bool {
        self.0.ct_eq(other.as_ref()).into()
    }

    /// The password itself: any bytes. Do not compare these with `==`, nor log them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// In the same time for all of the same length.
impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.expose())
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What is decided about an [`Applicant`].
///
/// # Examples
///
/// ```
/// use hubless::auth::Verdict;
///
/// let yes = Verdict::accept_as("ann").property("X-Role", "admin");
/// let no = Verdict::refuse("not on the list");
/// let not_now = Verdict::not_now("too many of them");
/// let trouble = Verdict::fail("the database is away");
/// assert_ne!(yes, Verdict::accept());
/// # let _ = (no, not_now, trouble);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict(Result<Admission, Refusal>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    status: u16,
    why: String,
}

/// What a peer is known by, once it was let in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Admission {
    pub(crate) user_id: Option<String>,
    /// These come before what the peer says of itself under the same names.
    pub(crate) properties: Vec<(String, Bytes)>,
}

impl Verdict {
    /// It may enter.
    pub fn accept() -> Self {
        Self(Ok(Admission::default()))
    }

    /// It may enter, and is known by this name: see [`Peer::user_id`](crate::Peer::user_id).
    ///
    /// Example: at [`Verdict`].
    pub fn accept_as(user_id: impl Into<String>) -> Self {
        Self(Ok(Admission {
            user_id: Some(user_id.into()),
            properties: Vec::new(),
        }))
    }

    /// And has this property besides, whatever it says itself: see [`Peer::property`](crate::Peer::property). Means
    /// nothing for one that may not enter.
    ///
    /// Example: at [`Verdict`].
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        if let Ok(admission) = &mut self.0 {
            admission.properties.push((name.into(), value.into()));
        }
        self
    }

    /// It may not enter (400). The peer is told no more than that; `why` is for our monitor.
    ///
    /// Example: at [`Verdict`].
    pub fn refuse(why: impl Into<String>) -> Self {
        Self::refusal(400, why)
    }

    /// It may not enter now (300): the connection is closed without a word, and the peer will try again.
    ///
    /// Example: at [`Verdict`].
    pub fn not_now(why: impl Into<String>) -> Self {
        Self::refusal(300, why)
    }

    /// Nobody can say whether it may enter, so it may not (500). The peer is told no more than that.
    ///
    /// Example: at [`Verdict`].
    pub fn fail(why: impl Into<String>) -> Self {
        Self::refusal(500, why)
    }

    fn refusal(status: u16, why: impl Into<String>) -> Self {
        let why = harmless(&why.into());
        Self(Err(Refusal { status, why }))
    }

    pub(crate) fn into_admission(self) -> Result<Admission, ProtocolError> {
        self.0
            .map_err(|Refusal { status, why }| ProtocolError::Denied { status, why })
    }
}

impl Admission {
    /// All that is known of a peer: what was decided first, and of what it says itself the rest.
    pub(crate) fn and(self, said: Vec<(String, Bytes)>) -> Vec<(String, Bytes)> {
        let user_id = self
            .user_id
            .map(|id| (metadata::USER_ID.to_owned(), Bytes::from(id)));
        let mut known: Vec<_> = user_id.into_iter().chain(self.properties).collect();
        let decided = known.len();
        for (name, value) in said {
            let is_decided = known
                .iter()
                .take(decided)
                .any(|(own, _)| own.eq_ignore_ascii_case(&name));
            if !is_decided {
                known.push((name, value));
            }
        }
        known
    }
}

/// Text for a log, which may have something of a peer's in it: one line, and no control characters.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => harmless.extend(c.escape_default()),
            false => harmless.push(c),
        }
    }
    harmless
}

/// An answer under way.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// An [`Authenticator`], whatever its type.
#[derive(Clone)]
pub(crate) struct Gate(Arc<dyn Fn(Applicant) -> Deciding + Send + Sync>);

impl Gate {
    pub(crate) fn new(authenticator: impl Authenticator) -> Self {
        let authenticator = Arc::new(authenticator);
        Self(Arc::new(move |applicant| {
            let authenticator = authenticator.clone();
            Box::pin(async move { authenticator.authenticate(applicant).await })
        }))
    }

    /// Begins to decide.
    pub(crate) fn ask(&self, applicant: Applicant) -> Deciding {
        (self.0)(applicant)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}
