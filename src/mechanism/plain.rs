//! PLAIN: a user name and a password, in clear ([RFC 24]; [RFC 37] for how commands are spelled).
//!
//! ```text
//! client  HELLO ──▶ await WELCOME ──INITIATE──▶ await READY ──▶ done
//! server  await HELLO ──ask──▶ await verdict ──WELCOME──▶ await INITIATE ──READY──▶ done
//! ```
//!
//! Only the server may refuse with ERROR, whose reason is a code: 400 for no, 500 for a decision that could not be
//! made. (The clients of libzmq 4.3 do not know it, since they spell it in another way, and see a broken protocol. They
//! are refused all the same; what their servers send is [understood](crate::wire::command).) The client says nothing before it has heard the peer name PLAIN: a password is not shown to strangers.
//!
//! [RFC 24]: https://rfc.zeromq.org/spec/24/
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

mod users;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::auth::{Admission, Authenticator, Credentials, Password};
use super::{DOES_NOT_FIT, Handshake, MAX_NAME, Mechanism, Outcome, Progress, Role};
use crate::error::{ProtocolError, escaped};
use crate::wire::command::{self, Command, split_prefixed};
use crate::wire::metadata::Metadata;

pub use self::users::PlainUsers;

pub(super) const NAME: &str = "PLAIN";

/// What a server refuses, in the client's words.
const CREDENTIALS: &str = "user name and password";

/// The mechanism PLAIN: the client sends a user name and a password, in clear, and the server decides.
///
/// It protects nothing against whoever sees the traffic, the password included: use it inside a machine or a network
/// that you trust.
///
/// # Examples
///
/// ```
/// use hubless::{Plain, PlainUsers, Rep, Req};
///
/// let users = PlainUsers::new().with("ann", "hunter2");
/// let rep = Rep::builder().mechanism(Plain::server(users.clone())).build()?;
/// let req = Req::builder().mechanism(Plain::client("ann", "hunter2")).build()?;
///
/// users.insert("bob", "correct horse"); // from now on he may come, too
/// # let _ = (rep, req);
/// # Ok::<(), hubless::BuildError>(())
/// ```
#[derive(Debug)]
pub enum Plain {}

impl Plain {
    /// The client: shows these to every server, each of them at most 255 bytes.
    ///
    /// libzmq: `ZMQ_PLAIN_USERNAME`, `ZMQ_PLAIN_PASSWORD`.
    ///
    /// Example: at [`Plain`].
    pub fn client(username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Mechanism {
        Mechanism::new(Role::PlainClient(Arc::new(Account {
            username: username.as_ref().into(),
            password: Zeroizing::new(password.as_ref().into()),
        })))
    }

    /// The server: `authenticator` decides about each client, [`PlainUsers`] for example.
    ///
    /// libzmq: `ZMQ_PLAIN_SERVER` and a ZAP handler.
    ///
    /// Example: at [`Plain`].
    pub fn server(authenticator: impl Authenticator) -> Mechanism {
        Mechanism::new(Role::PlainServer).decided_by(authenticator)
    }
}

/// What a client shows.
pub(crate) struct Account {
    username: Box<[u8]>,
    password: Zeroizing<Box<[u8]>>,
}

impl Account {
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        if self.username.len() > MAX_NAME {
            return Some("the user name has more than 255 bytes");
        }
        (self.password.len() > MAX_NAME).then_some("the password has more than 255 bytes")
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = escaped(&self.username);
        f.debug_struct("Account")
            .field("username", &username)
            .finish_non_exhaustive()
    }
}

/// What a client waits for.
#[derive(Debug)]
pub(crate) enum Client {
    Welcome,
    Ready,
}

impl Client {
    pub(super) fn start(account: &Account, out: &mut Vec<u8>) -> Self {
        let Account { username, password } = account;
        // The builder has seen to it that the lengths fit.
        let lengths = [[username.len() as u8], [password.len() as u8]];
        command::put_hello(out, &[&lengths[0], username, &lengths[1], password]);
        Self::Welcome
    }

    pub(super) fn handle_command(
        self,
        command: Command<'_>,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (self, command) {
            (Self::Welcome, Command::Welcome([])) => {
                command::put_initiate(out, &[metadata]);
                Ok(Progress::Await(Handshake::PlainClient(Self::Ready)))
            }
            (Self::Welcome, Command::Welcome(_)) => Err(ProtocolError::Malformed {
                what: "WELCOME",
                problem: "something follows it",
            }),
            (Self::Ready, Command::Ready(metadata)) => Ok(Progress::Done(Outcome {
                metadata: Metadata::decode(metadata)?,
                admission: Admission::default(),
                spelling: None,
            })),
            (Self::Welcome, Command::Error(reason)) => Err(ProtocolError::CredentialsRefused {
                credentials: CREDENTIALS,
                reason: escaped(reason),
            }),
            (Self::Ready, Command::Error(reason)) => Err(ProtocolError::Refused {
                reason: escaped(reason),
            }),
            (state, other) => Err(ProtocolError::Unexpected {
                expected: match state {
                    Self::Welcome => "WELCOME",
                    Self::Ready => "READY",
                },
                found: escaped(other.name()),
            }),
        }
    }

    /// A server that cannot decide yet closes without a word, and so does one of libzmq's without a ZAP handler.
    pub(super) fn explain_end(&self) -> ProtocolError {
        let (command, guess) = match self {
            Self::Welcome => ("HELLO", "perhaps it lets nobody in now"),
            Self::Ready => ("INITIATE", DOES_NOT_FIT),
        };
        ProtocolError::ClosedUpon { command, guess }
    }
}

/// What a server waits for.
#[derive(Debug)]
pub(crate) enum Server {
    Hello,
    Verdict,
    Initiate(Admission),
}

impl Server {
    /// The client may enter.
    pub(super) fn admit(admission: Admission, out: &mut Vec<u8>) -> Progress {
        command::put_welcome(out, &[]);
        Progress::Await(Handshake::PlainServer(Self::Initiate(admission)))
    }

    pub(super) fn handle_command(
        self,
        command: Command<'_>,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (self, command) {
            (Self::Hello, Command::Hello(data)) => Ok(Progress::Ask(
                Handshake::PlainServer(Self::Verdict),
                credentials(data)?,
            )),
            (Self::Initiate(admission), Command::Initiate(theirs)) => {
                let theirs = Metadata::decode(theirs)?;
                command::put_ready(out, metadata);
                Ok(Progress::Done(Outcome {
                    metadata: theirs,
                    admission,
                    spelling: None,
                }))
            }
            (state, other) => Err(ProtocolError::Unexpected {
                expected: match state {
                    Self::Hello | Self::Verdict => "HELLO",
                    Self::Initiate(_) => "INITIATE",
                },
                found: escaped(other.name()),
            }),
        }
    }
}

/// What HELLO carries: two strings, and nothing behind them.
fn credentials(hello: &[u8]) -> Result<Credentials, ProtocolError> {
    let malformed = |problem| ProtocolError::Malformed {
        what: "HELLO",
        problem,
    };
    let (username, rest) = split_prefixed(hello).ok_or(malformed("its user name ends beyond its body"))?;
    let (password, rest) = split_prefixed(rest).ok_or(malformed("its password ends beyond its body"))?;
    if !rest.is_empty() {
        return Err(malformed("something follows the password"));
    }
    Ok(Credentials::Plain {
        username: Bytes::copy_from_slice(username),
        password: Password::new(password),
    })
}

#[cfg(test)]
mod tests;
