//! What stands behind `udp://`.
//!
//! ```text
//! udp://host:port              one address, or with *:port all of this machine
//! udp://group:port             a multicast group, by the interface that the system chooses
//! udp://interface;group:port   by this one: its name, one of its addresses, or *
//! ```

use std::net::IpAddr;

use super::{EndpointProblem, Host, HostPort, parse_host, parse_host_port};

/// The longest name of an interface that Linux knows.
const MAX_INTERFACE: usize = 15;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct UdpAddress {
    /// Where a group is joined, or sent to; `None` for what the endpoint does not say.
    pub(crate) interface: Option<Interface>,
    pub(crate) at: HostPort,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Interface {
    /// `*`: the system's choice.
    Any,
    /// The one that has this address.
    Address(IpAddr),
    Name(Box<str>),
}

pub(super) fn parse(rest: &str) -> Result<UdpAddress, EndpointProblem> {
    let Some((interface, group)) = rest.split_once(';') else {
        return Ok(UdpAddress {
            interface: None,
            at: parse_host_port(rest)?,
        });
    };
    let at = parse_host_port(group)?;
    let is_group = match &at.host {
        Host::V4(address) => address.is_multicast(),
        Host::V6(address, None) => address.is_multicast(),
        _ => false,
    };
    if !is_group {
        return Err(EndpointProblem::Group {
            found: group.to_owned(),
        });
    }
    let interface = parse_interface(interface).ok_or_else(|| EndpointProblem::Interface {
        found: interface.to_owned(),
    })?;
    Ok(UdpAddress {
        interface: Some(interface),
        at,
    })
}

fn parse_interface(text: &str) -> Option<Interface> {
    match parse_host(text) {
        Some(Host::Any) => return Some(Interface::Any),
        Some(Host::V4(address)) => return Some(Interface::Address(address.into())),
        Some(Host::V6(address, None)) => return Some(Interface::Address(address.into())),
        Some(Host::V6(..)) => return None,
        // Some names of interfaces are none of hosts, and case counts in all of them.
        Some(Host::Name(_)) | None => {}
    }
    let is_name = (1..=MAX_INTERFACE).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'[' | b']'));
    is_name.then(|| Interface::Name(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Address, Endpoint};

    fn udp(text: &str) -> UdpAddress {
        let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((endpoint.as_str(), endpoint.scheme()), (text, "udp"));
        match endpoint.address() {
            Address::Udp(address) => address.clone(),
            other => panic!("{text} gave {other:?}"),
        }
    }

    #[test]
    fn a_udp_endpoint_is_an_address_or_a_group_by_an_interface() {
        let group = || Host::V4([239, 0, 0, 1].into());
        for (text, interface, host, port) in [
            ("udp://*:5555", None, Host::Any, 5555),
            ("udp://127.0.0.1:*", None, Host::V4([127, 0, 0, 1].into()), 0),
            ("udp://example.com:7", None, Host::Name("example.com".into()), 7),
            ("udp://239.0.0.1:7", None, group(), 7),
            ("udp://*;239.0.0.1:7", Some(Interface::Any), group(), 7),
            (
                "udp://eth0.100;239.0.0.1:7",
                Some(Interface::Name("eth0.100".into())),
                group(),
                7,
            ),
            (
                "udp://enP1;239.0.0.1:7",
                Some(Interface::Name("enP1".into())),
                group(),
                7,
            ),
            (
                "udp://10.0.0.1;239.0.0.1:7",
                Some(Interface::Address([10, 0, 0, 1].into())),
                group(),
                7,
            ),
            (
                "udp://[fe80::1];[ff02::7]:7",
                Some(Interface::Address("fe80::1".parse().expect("an address"))),
                Host::V6("ff02::7".parse().expect("an address"), None),
                7,
            ),
        ] {
            let at = HostPort { host, port };
            assert_eq!(udp(text), UdpAddress { interface, at }, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let complaint = |text: &str| text.parse::<Endpoint>().expect_err(text).to_string();
        for (text, problem) in [
            ("udp://", "expected host:port, found nothing"),
            ("udp://239.0.0.1", "expected host:port, found \"239.0.0.1\""),
            (
                "udp://eth0;10.0.0.1:7",
                "expected a multicast group behind the interface, found \"10.0.0.1:7\"",
            ),
            (
                "udp://eth0;example.com:7",
                "expected a multicast group behind the interface, found \"example.com:7\"",
            ),
            (
                "udp://;239.0.0.1:7",
                "expected the name or an address of an interface or *, found \"\"",
            ),
            (
                "udp://../eth0;239.0.0.1:7",
                "expected the name or an address of an interface or *, found \"../eth0\"",
            ),
            (
                "udp://sixteen-letters-;239.0.0.1:7",
                "expected the name or an address of an interface or *, found \"sixteen-letters-\"",
            ),
        ] {
            assert_eq!(complaint(text), format!("cannot parse {text:?}: {problem}"));
        }
    }

    #[test]
    fn to_connect_takes_an_address_and_to_bind_takes_all() {
        let endpoint = |text: &str| text.parse::<Endpoint>().expect("an endpoint");
        for text in ["udp://*:7", "udp://127.0.0.1:*", "udp://eth0;239.0.0.1:0"] {
            assert!(endpoint(text).for_connect().is_err() && endpoint(text).for_bind().is_ok());
        }
        assert!(endpoint("udp://eth0;239.0.0.1:7").for_connect().is_ok());
    }
}
