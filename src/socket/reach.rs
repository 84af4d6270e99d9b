//! Which endpoints a kind of socket binds and connects to: all that carry its messages, and no others.

use crate::endpoint::Endpoint;
use crate::error::{BindError, EndpointError};
use crate::socket_kind::SocketKind;

/// Schemes, and how to say them.
type Reach = (&'static [&'static str], &'static str);

const EVERYWHERE: Reach = (&["tcp", "ipc", "inproc"], "tcp://, ipc:// and inproc://");
const EVERYWHERE_AND_UDP: Reach = (
    &["tcp", "ipc", "inproc", "udp"],
    "tcp://, ipc://, inproc:// and udp://",
);
const STREAMS: Reach = (&["tcp", "ipc"], "tcp:// and ipc://");
const UDP: Reach = (&["udp"], "udp://");
const NOWHERE: Reach = (&[], "nothing, it only binds");

fn binds(kind: SocketKind) -> Reach {
    match kind {
        SocketKind::Stream => STREAMS,
        SocketKind::Dgram => UDP,
        SocketKind::Dish => EVERYWHERE_AND_UDP,
        _ => EVERYWHERE,
    }
}

fn connects_to(kind: SocketKind) -> Reach {
    match kind {
        SocketKind::Stream => STREAMS,
        SocketKind::Dgram => NOWHERE,
        SocketKind::Radio => EVERYWHERE_AND_UDP,
        _ => EVERYWHERE,
    }
}

/// Whether a socket of this kind can be bound there, which is bound to so many endpoints.
pub(super) fn check_bind(kind: SocketKind, endpoint: &Endpoint, bound: usize) -> Result<(), BindError> {
    let (schemes, said) = binds(kind);
    let expected = match schemes.contains(&endpoint.scheme()) {
        // Which of two it would send from, nobody could say.
        true if kind == SocketKind::Dgram && bound > 0 => "one endpoint at a time",
        true => return Ok(()),
        false => said,
    };
    Err(BindError::Kind {
        endpoint: endpoint.clone(),
        kind,
        expected,
    })
}

/// Whether a socket of this kind can connect there.
pub(super) fn check_connect(kind: SocketKind, endpoint: &Endpoint) -> Result<(), EndpointError> {
    let (schemes, expected) = connects_to(kind);
    if schemes.contains(&endpoint.scheme()) {
        return Ok(());
    }
    Err(EndpointError::Kind {
        endpoint: endpoint.clone(),
        kind,
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect("an endpoint")
    }

    #[test]
    fn what_a_kind_cannot_use_is_named_with_what_it_can() {
        use SocketKind::{Dgram, Dish, Push, Radio, Stream};
        let udp = endpoint("udp://127.0.0.1:5");
        let bind =
            |kind, endpoint: &Endpoint| check_bind(kind, endpoint, 0).map_err(|error| error.to_string());
        let connect =
            |kind, endpoint: &Endpoint| check_connect(kind, endpoint).map_err(|error| error.to_string());
        for (told, text) in [
            (
                bind(Push, &udp),
                "cannot bind udp://127.0.0.1:5: a PUSH binds tcp://, ipc:// and inproc://",
            ),
            (
                bind(Radio, &udp),
                "cannot bind udp://127.0.0.1:5: a RADIO binds tcp://, ipc:// and inproc://",
            ),
            (
                connect(Dish, &udp),
                "cannot connect to udp://127.0.0.1:5: a DISH connects to tcp://, ipc:// and inproc://",
            ),
            (
                connect(Dgram, &udp),
                "cannot connect to udp://127.0.0.1:5: a DGRAM connects to nothing, it only binds",
            ),
            (
                bind(Dgram, &endpoint("tcp://127.0.0.1:5")),
                "cannot bind tcp://127.0.0.1:5: a DGRAM binds udp://",
            ),
            (
                bind(Stream, &endpoint("inproc://x")),
                "cannot bind inproc://x: a STREAM binds tcp:// and ipc://",
            ),
            (
                check_bind(Dgram, &udp, 1).map_err(|error| error.to_string()),
                "cannot bind udp://127.0.0.1:5: a DGRAM binds one endpoint at a time",
            ),
        ] {
            assert_eq!(told, Err(text.to_owned()));
        }
        assert!(bind(Dish, &udp).is_ok() && connect(Radio, &udp).is_ok() && bind(Dgram, &udp).is_ok());
        assert!(bind(Push, &endpoint("inproc://x")).is_ok() && connect(Stream, &endpoint("ipc://x")).is_ok());
    }
}
