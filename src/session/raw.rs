//! No session at all: with a peer that speaks no ZMTP there is traffic from the first byte on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::wire::greeting::Version;
use crate::wire::raw::Raw;

use super::liveness::Liveness;
use super::outbox::Outbox;
use super::state::{State, Traffic};
use super::{Introduction, Session, SessionConfig, SessionEvent};

/// The version that is told of a connection without one.
const NO_VERSION: (u8, u8) = (0, 0);

/// And the mechanism.
const NO_MECHANISM: &str = "NONE";

impl Session {
    /// Is in traffic at once, whose bytes come in chunks of at most so many.
    pub(super) fn raw(config: Arc<SessionConfig>, chunk: usize, now: Instant) -> Self {
        // Nobody can be asked whether it lives, as in the oldest version.
        let version = Version::V1_0;
        let introduction = Introduction {
            kind: None,
            routing_id: Bytes::new(),
            version: NO_VERSION,
            mechanism: NO_MECHANISM,
            user_id: None,
            metadata: Vec::new(),
        };
        Self {
            config,
            state: State::Traffic(Traffic {
                version,
                liveness: Liveness::new(now, None, version),
                spelling: Some(Box::new(Raw { chunk })),
            }),
            outbox: Outbox::default(),
            events: VecDeque::from([SessionEvent::Established(introduction)]),
            unknown_commands: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::config;
    use crate::socket_kind::SocketKind;

    #[test]
    fn there_is_traffic_before_anybody_has_said_anything_and_nothing_is_ever_due() {
        let config = Arc::new(SessionConfig {
            raw: Some(10),
            ..config(SocketKind::Stream)
        });
        let mut session = Session::new(config, Instant::now());
        assert!(session.is_established() && session.output().is_empty());
        assert_eq!(session.poll_timeout(), None);
        assert!(!session.ping(b"?"), "nobody would understand it");
        assert!(matches!(session.poll_event(), Some(SessionEvent::Established(_))));
        assert_eq!(session.poll_event(), None);
        assert!(session.output().is_empty());
    }
}
