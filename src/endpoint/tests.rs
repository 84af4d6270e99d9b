//! Addresses as text: what is read, what is refused, and that what is shown can be read again.

use std::collections::HashSet;

use super::*;

fn endpoint(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn tcp(text: &str) -> TcpAddress {
    match endpoint(text).address() {
        Address::Tcp(address) => address.clone(),
        other => panic!("{text} gave {other:?}"),
    }
}

fn complaint(text: &str) -> String {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => panic!("{endpoint:?} was accepted"),
        Err(error) => {
            assert_eq!(error.endpoint(), text);
            error.to_string()
        }
    }
}

#[test]
fn display_gives_back_exactly_what_was_written() {
    for text in [
        "tcp://127.0.0.1:5555",
        "tcp://127.0.0.1:05555",
        "tcp://*:*",
        "tcp://*:0",
        "tcp://[::]:5555",
        "tcp://[0:0::1]:5555",
        "tcp://[fe80::1%eth0]:5555",
        "tcp://Example.COM.:80",
        "tcp://my_host-1:80",
        "tcp://10.0.0.1:0;example.com:80",
        "tcp://*:7000;[::1]:80",
        "ipc:///tmp/a socket",
        "ipc://relative/path",
        "ipc://@abstract/name",
        "ipc://*",
        "ipc://*not-a-wildcard",
        "inproc://jobs",
        "inproc://ä/::;*",
    ] {
        let parsed = endpoint(text);
        assert_eq!(parsed.to_string(), text);
        assert_eq!(endpoint(&parsed.to_string()), parsed);
    }
}

#[test]
fn a_tcp_endpoint_is_a_host_and_a_port() {
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    for (text, host, port) in [
        ("tcp://127.0.0.1:5555", Host::V4(Ipv4Addr::LOCALHOST), 5555),
        ("tcp://*:65535", Host::Any, 65535),
        ("tcp://*:*", Host::Any, 0),
        ("tcp://[::]:1", Host::V6(Ipv6Addr::UNSPECIFIED, None), 1),
        ("tcp://[fe80::1%eth0]:1", Host::V6(v6, Some("eth0".into())), 1),
        ("tcp://[fe80::1%3]:1", Host::V6(v6, Some("3".into())), 1),
        ("tcp://Localhost:80", Host::Name("localhost".into()), 80),
        ("tcp://1.example:80", Host::Name("1.example".into()), 80),
        // A VLAN's interface.
        ("tcp://eth0.100:80", Host::Name("eth0.100".into()), 80),
        ("tcp://0xnet.1:80", Host::Name("0xnet.1".into()), 80),
    ] {
        assert_eq!(
            tcp(text),
            TcpAddress {
                source: None,
                at: HostPort { host, port }
            },
            "{text}"
        );
    }
}

#[test]
fn a_source_address_stands_before_the_semicolon() {
    let address = tcp("tcp://10.0.0.1:7000;example.com:80");
    assert_eq!(
        address.source,
        Some(HostPort {
            host: Host::V4(Ipv4Addr::new(10, 0, 0, 1)),
            port: 7000
        })
    );
    assert_eq!(
        address.at,
        HostPort {
            host: Host::Name("example.com".into()),
            port: 80
        }
    );
    assert_eq!(
        tcp("tcp://*:*;[::1]:80").source,
        Some(HostPort {
            host: Host::Any,
            port: 0
        })
    );
}

#[test]
fn ipc_endpoints_are_paths_abstract_names_or_the_wildcard() {
    let ipc = |text| match endpoint(text).address() {
        Address::Ipc(address) => address.clone(),
        other => panic!("{text} gave {other:?}"),
    };
    assert_eq!(ipc("ipc:///tmp/x"), IpcAddress::Path("/tmp/x".into()));
    assert_eq!(ipc("ipc://x://y"), IpcAddress::Path("x://y".into()));
    assert_eq!(ipc("ipc://@x"), IpcAddress::Abstract("x".into()));
    assert_eq!(ipc("ipc://*"), IpcAddress::Any);
}

#[test]
fn names_and_paths_are_as_long_as_the_system_can_hold() {
    let of = |prefix: &str, len: usize| format!("{prefix}{}", "x".repeat(len));
    for (prefix, limit) in [("ipc://", 107), ("ipc://@", 107), ("inproc://", 256)] {
        assert!(of(prefix, limit).parse::<Endpoint>().is_ok());
        let complaint = complaint(&of(prefix, limit + 1));
        assert!(
            complaint.contains(&format!("expected at most {limit} bytes")),
            "{complaint}"
        );
    }
}

#[test]
fn a_parse_error_names_the_text_what_was_expected_and_what_was_found() {
    let host = "expected a host name, an IPv4 address, an IPv6 address in brackets or *, found";
    let port = "expected a port from 0 to 65535 or *, found";
    for (text, problem) in [
        (
            "",
            "expected tcp://, ipc://, inproc:// or udp://, found no scheme".to_owned(),
        ),
        (
            "127.0.0.1:80",
            "expected tcp://, ipc://, inproc:// or udp://, found no scheme".to_owned(),
        ),
        (
            "http://x:80",
            r#"expected tcp://, ipc://, inproc:// or udp://, found "http""#.to_owned(),
        ),
        (
            "TCP://x:80",
            r#"expected tcp://, ipc://, inproc:// or udp://, found "TCP""#.to_owned(),
        ),
        ("tcp://", "expected host:port, found nothing".to_owned()),
        ("tcp://host", r#"expected host:port, found "host""#.to_owned()),
        ("tcp://[::1]", r#"expected host:port, found "[::1]""#.to_owned()),
        ("tcp://host:", format!(r#"{port} """#)),
        ("tcp://host:http", format!(r#"{port} "http""#)),
        ("tcp://host:65536", format!(r#"{port} "65536""#)),
        ("tcp://host:+80", format!(r#"{port} "+80""#)),
        ("tcp://host:80/", format!(r#"{port} "80/""#)),
        ("tcp://:80", format!(r#"{host} """#)),
        ("tcp://::1:80", format!(r#"{host} "::1""#)),
        ("tcp://[::1:80", format!(r#"{host} "[::1""#)),
        ("tcp://[::1%]:80", format!(r#"{host} "[::1%]""#)),
        ("tcp://[127.0.0.1]:80", format!(r#"{host} "[127.0.0.1]""#)),
        ("tcp://127.0.0.256:80", format!(r#"{host} "127.0.0.256""#)),
        ("tcp://10.1:80", format!(r#"{host} "10.1""#)),
        ("tcp://0xA.1:80", format!(r#"{host} "0xA.1""#)),
        ("tcp://10.0.0.1.:80", format!(r#"{host} "10.0.0.1.""#)),
        ("tcp://a..b:80", format!(r#"{host} "a..b""#)),
        ("tcp://a b:80", format!(r#"{host} "a b""#)),
        ("tcp://bücher:80", format!(r#"{host} "bücher""#)),
        ("tcp://1.1.1.1:0;", "expected host:port, found nothing".to_owned()),
        (
            ";",
            "expected tcp://, ipc://, inproc:// or udp://, found no scheme".to_owned(),
        ),
        (
            "tcp://h:0;h:80",
            r#"expected a numeric address or * to connect from, found "h:0""#.to_owned(),
        ),
        (
            "tcp://1.1.1.1:0;1.1.1.1:0;h:80",
            format!(r#"{host} "1.1.1.1:0;h""#),
        ),
        ("ipc://", "expected a path, found nothing".to_owned()),
        ("ipc://@", "expected a name after @, found nothing".to_owned()),
        ("ipc://a\0b", "expected no NUL byte".to_owned()),
        ("inproc://", "expected a name, found nothing".to_owned()),
    ] {
        assert_eq!(complaint(text), format!("cannot parse {text:?}: {problem}"));
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    // Pieces that mean something, in every order up to four of them.
    const PIECES: [&str; 14] = [
        "tcp", "ipc", "inproc", "://", ":", ";", "[", "]", "%", "*", "@", "::1", "80", "é",
    ];
    let count = PIECES.len();
    for number in 0..count.pow(4) {
        let text: String = (0..4)
            .map(|place| {
                PIECES
                    .get(number / count.pow(place) % count)
                    .copied()
                    .unwrap_or("")
            })
            .collect();
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            assert_eq!(endpoint.as_str(), text);
        }
    }
}

#[test]
fn two_spellings_of_one_address_are_one_endpoint() {
    for (a, b) in [
        ("tcp://[::1]:80", "tcp://[0:0:0:0:0:0:0:1]:80"),
        ("tcp://*:*", "tcp://*:0"),
        ("tcp://EXAMPLE.com:80", "tcp://example.com:80"),
        ("tcp://127.0.0.1:080", "tcp://127.0.0.1:80"),
    ] {
        assert_eq!(endpoint(a), endpoint(b));
        assert_eq!(endpoint(a).cmp(&endpoint(b)), Ordering::Equal);
        assert_eq!(HashSet::from([endpoint(a), endpoint(b)]).len(), 1);
    }
    assert_ne!(endpoint("tcp://[fe80::1%1]:80"), endpoint("tcp://[fe80::1%2]:80"));
    assert_ne!(endpoint("ipc://@x"), endpoint("ipc://x"));
}

#[test]
fn a_socket_address_becomes_the_endpoint_that_its_text_says() {
    for address in ["127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80"] {
        let from_address = Endpoint::from(address.parse::<SocketAddr>().expect("an address"));
        assert_eq!(from_address.to_string(), format!("tcp://{address}"));
        assert_eq!(from_address, endpoint(&format!("tcp://{address}")));
    }
}

#[test]
fn wildcards_are_for_bind_and_sources_for_connect() {
    for wildcard in [
        "tcp://*:80",
        "tcp://host:0",
        "tcp://host:*",
        "tcp://1.1.1.1:0;*:80",
        "ipc://*",
    ] {
        let error = endpoint(wildcard).for_connect().expect_err(wildcard);
        assert_eq!(
            error.to_string(),
            format!(
                "cannot connect to {wildcard:?}: expected the address of one peer, * and port 0 are for bind"
            )
        );
    }
    let error = endpoint("tcp://*:0;host:80").for_bind().expect_err("a source");
    assert_eq!(
        error.to_string(),
        r#"cannot bind "tcp://*:0;host:80": expected one address, the form source;peer is for connect"#
    );
    for both in [
        "tcp://host:80",
        "tcp://0.0.0.0:80",
        "ipc:///tmp/x",
        "ipc://@x",
        "inproc://x",
    ] {
        assert!(
            endpoint(both).for_connect().is_ok() && endpoint(both).for_bind().is_ok(),
            "{both}"
        );
    }
    assert!(endpoint("tcp://*:*").for_bind().is_ok());
    assert!(endpoint("tcp://*:0;host:80").for_connect().is_ok());
}

#[test]
fn endpoints_are_made_of_text_of_any_kind_and_of_endpoints() {
    fn made(from: impl ToEndpoint) -> Endpoint {
        from.to_endpoint().expect("an endpoint")
    }
    let text = String::from("inproc://x");
    let expected = endpoint(&text);
    assert_eq!(made("inproc://x"), expected);
    assert_eq!(made(&text), expected);
    assert_eq!(made(text), expected);
    assert_eq!(made(&expected), expected);
    assert_eq!(made(expected.clone()), expected);
    assert_eq!(format!("{expected:?}"), r#"Endpoint("inproc://x")"#);
}
