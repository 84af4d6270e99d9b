//! Why a session refused its peer, or was refused by it.
//!
//! Each variant says what was expected and what was found, so that a line in a log is enough to find the cause.
//! Whatever the peer wrote is escaped and cut before it enters an error ([`escaped`]): a log shows what came, and a
//! peer cannot forge lines in it or fill it.
//!
//! The refusals fall into two classes, which the dialer needs to know apart: what the same two sockets would run
//! into again ([`ProtocolError::is_fatal_refusal`]), and what may be gone at the next attempt.

use std::fmt;

use crate::socket_kind::SocketKind;

/// Why a connection was refused or given up: what the peer said, and what was expected instead.
///
/// # Examples
///
/// ```
/// use hubless::{ProtocolError, SocketKind};
///
/// let refusal = ProtocolError::Kind { ours: SocketKind::Push, theirs: "PUB".to_owned() };
/// assert_eq!(refusal.to_string(), "peer announced PUB, a PUSH accepts PULL");
/// assert!(refusal.is_fatal_refusal());
/// assert!(!ProtocolError::HeartbeatTimeout.is_fatal_refusal());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The peer's first bytes are not those of ZMTP 3; `found` is what they look like.
    #[error("peer does not speak ZMTP 3: it began like {found}")]
    NotZmtp {
        /// What the first bytes look like.
        found: Foreign,
    },

    /// The peer speaks ZMTP 1.0, which is spoken only by those who [want to](crate::Builder::legacy).
    #[error("peer speaks ZMTP 1.0 (version byte {found}), 2.0 or later is needed")]
    Version {
        /// The version byte of the peer's greeting.
        found: u8,
    },

    /// The peer speaks a version of ZMTP from before 3.0, in which there are no mechanisms, and this socket asks for one.
    #[error("peer speaks ZMTP {}.{}, which has no security; this socket asks for {mechanism}", version.0, version.1)]
    NoSecurity {
        /// The version that it speaks.
        version: (u8, u8),
        /// The mechanism of this socket.
        mechanism: &'static str,
    },

    /// The peer announced another security mechanism than ours. There is no negotiation: both sides must be
    /// configured alike.
    #[error("peer announced the mechanism {found}, this socket uses {expected}")]
    Mechanism {
        /// The mechanism of this socket.
        expected: &'static str,
        /// The name that the peer announced, escaped.
        found: String,
    },

    /// The peer is a socket of a kind that ours does not talk to.
    #[error("peer announced {theirs}, a {ours} accepts {}", Listed(ours.peers()))]
    Kind {
        /// The kind of this socket.
        ours: SocketKind,
        /// The kind that the peer announced, escaped.
        theirs: String,
    },

    /// The peer refused us and said why: it sent an ERROR command.
    #[error("peer refused the connection: {reason}")]
    Refused {
        /// What the peer gave as its reason, escaped. libzmq sends `300`, `400` or `500` here.
        reason: String,
    },

    /// The peer, which is the server of the mechanism, did not take what we proved or said of ourselves.
    #[error("the server refused our {credentials}: {reason}")]
    CredentialsRefused {
        /// What it refused: `user name and password`, `key`, ….
        credentials: &'static str,
        /// What it gave as its reason, escaped: usually `400` (no), `300` (not now) or `500` (it cannot tell).
        reason: String,
    },

    /// We are the server of the mechanism, and whoever decides did not let the peer in.
    #[error("the peer was not let in ({status}): {why}")]
    Denied {
        /// What the peer is told: 400 (no) or 500 (we cannot tell). At 300 (not now) it is told nothing.
        status: u16,
        /// Why, in words that the peer is not told.
        why: String,
    },

    /// Something that the peer sealed does not open: one of us has another key than the other believes, or somebody
    /// stands between us.
    #[error("{what} does not open: {meaning}")]
    Unopened {
        /// Which command, or which part of it.
        what: &'static str,
        /// What that means here.
        meaning: &'static str,
    },

    /// The peer closed the connection in the middle of the handshake, where that has a likely reason.
    #[error("the peer closed the connection upon our {command}: {guess}")]
    ClosedUpon {
        /// What it had heard last.
        command: &'static str,
        /// What the reason may be.
        guess: &'static str,
    },

    /// The handshake was not complete in time.
    #[error("handshake not complete in time")]
    HandshakeTimeout,

    /// The peer gave no sign of life for as long as a heartbeat allows: either ours, or the time to live that the
    /// peer itself announced.
    #[error("no sign of life from the peer within the heartbeat timeout")]
    HeartbeatTimeout,

    /// Bytes that do not have the shape they should have.
    #[error("malformed {what}: {problem}")]
    Malformed {
        /// What was being read: `READY`, `frame header`, ….
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// Something well-formed in the wrong place.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would have been right here.
        expected: &'static str,
        /// What came, escaped.
        found: String,
    },

    /// Something is larger than its limit.
    #[error("{what} of {size} bytes, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size as the peer announced it.
        size: u64,
        /// The largest size that is accepted.
        limit: u64,
    },

    /// There is more of something than its limit.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many are accepted.
        limit: u64,
    },
}

impl ProtocolError {
    /// Whether trying the same again will not help: true for nearly everything that the peer *said*, false for what it
    /// only was too slow to say, and for what may be otherwise the next time.
    pub fn is_fatal_refusal(&self) -> bool {
        match self {
            Self::HandshakeTimeout | Self::HeartbeatTimeout | Self::ClosedUpon { .. } => false,
            // 300 is for whoever comes too early; 500 of our own is our own trouble.
            Self::CredentialsRefused { reason, .. } => reason != "300",
            Self::Denied { status, .. } => *status == 400,
            Self::NotZmtp { .. }
            | Self::Version { .. }
            | Self::NoSecurity { .. }
            | Self::Mechanism { .. }
            | Self::Unopened { .. }
            | Self::Kind { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. } => true,
        }
    }
}

/// What a peer that does not speak ZMTP 3 looks like, judged by its first bytes.
///
/// # Examples
///
/// ```
/// assert_eq!(hubless::Foreign::Tls.to_string(), "TLS");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// An HTTP request: somebody pointed a browser or a health check at this endpoint.
    Http,
    /// A TLS client.
    Tls,
    /// An SSH client or server.
    Ssh,
    /// ZMTP 1.0, as libzmq 2.x speaks it: it announces no version.
    Unversioned,
    /// Something else that began with this byte.
    Other(u8),
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http => f.write_str("HTTP"),
            Self::Tls => f.write_str("TLS"),
            Self::Ssh => f.write_str("SSH"),
            Self::Unversioned => f.write_str("ZMTP 1.0"),
            Self::Other(byte) => write!(f, "nothing known (first byte {byte:#04x})"),
        }
    }
}

/// What a peer wrote, made fit for errors, events and logs: escaped, and cut to [`MAX_QUOTED`] bytes of the original.
pub(crate) fn escaped(text: &[u8]) -> String {
    match text.split_at_checked(MAX_QUOTED) {
        Some((shown, rest)) if !rest.is_empty() => format!("{}…", shown.escape_ascii()),
        _ => text.escape_ascii().to_string(),
    }
}

/// The longest reason that an ERROR command can carry: nothing shorter should cut a legal text.
const MAX_QUOTED: usize = 255;

/// Kinds in a sentence: `SUB or XSUB`.
struct Listed(&'static [SocketKind]);

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, kind) in self.0.iter().enumerate() {
            let joint = match index {
                0 => "",
                _ if index + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{joint}{kind}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_was_found_and_what_was_expected() {
        let table: [(ProtocolError, &str); 12] = [
            (
                ProtocolError::NotZmtp { found: Foreign::Http },
                "peer does not speak ZMTP 3: it began like HTTP",
            ),
            (
                ProtocolError::NotZmtp { found: Foreign::Tls },
                "peer does not speak ZMTP 3: it began like TLS",
            ),
            (
                ProtocolError::NotZmtp { found: Foreign::Ssh },
                "peer does not speak ZMTP 3: it began like SSH",
            ),
            (
                ProtocolError::NotZmtp {
                    found: Foreign::Unversioned,
                },
                "peer does not speak ZMTP 3: it began like ZMTP 1.0",
            ),
            (
                ProtocolError::NotZmtp {
                    found: Foreign::Other(9),
                },
                "peer does not speak ZMTP 3: it began like nothing known (first byte 0x09)",
            ),
            (
                ProtocolError::Version { found: 0 },
                "peer speaks ZMTP 1.0 (version byte 0), 2.0 or later is needed",
            ),
            (
                ProtocolError::NoSecurity {
                    version: (2, 0),
                    mechanism: "CURVE",
                },
                "peer speaks ZMTP 2.0, which has no security; this socket asks for CURVE",
            ),
            (
                ProtocolError::Mechanism {
                    expected: "NULL",
                    found: "CURVE".into(),
                },
                "peer announced the mechanism CURVE, this socket uses NULL",
            ),
            (
                ProtocolError::Kind {
                    ours: SocketKind::Dealer,
                    theirs: "PUB".into(),
                },
                "peer announced PUB, a DEALER accepts REP, DEALER or ROUTER",
            ),
            (
                ProtocolError::Unexpected {
                    expected: "READY",
                    found: "HELLO".into(),
                },
                "expected READY, found HELLO",
            ),
            (
                ProtocolError::TooLarge {
                    what: "identity",
                    size: 256,
                    limit: 255,
                },
                "identity of 256 bytes, the limit is 255",
            ),
            (
                ProtocolError::TooMany {
                    what: "properties",
                    limit: 64,
                },
                "more than 64 properties",
            ),
        ];
        for (error, text) in table {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn only_timeouts_are_worth_an_immediate_retry() {
        assert!(!ProtocolError::HandshakeTimeout.is_fatal_refusal());
        assert!(!ProtocolError::HeartbeatTimeout.is_fatal_refusal());
        assert!(ProtocolError::Refused { reason: "400".into() }.is_fatal_refusal());
        assert!(ProtocolError::Version { found: 1 }.is_fatal_refusal());
    }

    #[test]
    fn who_comes_too_early_may_come_again() {
        for (status, is_fatal) in [(300, false), (400, true), (500, false)] {
            let why = "they say so".to_owned();
            assert_eq!(ProtocolError::Denied { status, why }.is_fatal_refusal(), is_fatal);
        }
        for (reason, is_fatal) in [("300", false), ("400", true), ("500", true), ("no", true)] {
            let refused = ProtocolError::CredentialsRefused {
                credentials: "key",
                reason: reason.into(),
            };
            assert_eq!(refused.is_fatal_refusal(), is_fatal);
        }
    }

    #[test]
    fn text_of_a_peer_is_escaped_and_cut() {
        assert_eq!(escaped(b"a\nb\xff"), "a\\nb\\xff");
        assert_eq!(escaped(&[b'x'; 255]), "x".repeat(255));
        assert_eq!(escaped(&[b'x'; 9_000]), "x".repeat(255) + "…");
    }
}
