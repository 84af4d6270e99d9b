//! Metadata as bytes.

use super::*;

/// Properties, one behind the other.
fn properties(list: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in list {
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&(value.len() as u32).to_be_bytes());
        out.extend_from_slice(value);
    }
    out
}

#[test]
fn trap_05_names_are_sent_in_the_one_case_that_libzmq_understands() {
    assert_eq!(
        encode(SocketKind::Dealer, b"", &[]),
        b"\x0BSocket-Type\x00\x00\x00\x06DEALER\x08Identity\x00\x00\x00\x00"
    );
    assert_eq!(
        encode(SocketKind::Sub, b"ignored", &[]),
        b"\x0BSocket-Type\x00\x00\x00\x03SUB"
    );
}

#[test]
fn trap_06_identity_is_sent_by_the_kinds_that_libzmq_sends_it_for() {
    for kind in [SocketKind::Req, SocketKind::Dealer, SocketKind::Router] {
        let metadata = Metadata::decode(&encode(kind, b"me", &[])).expect("it was made by us");
        assert_eq!(metadata.identity, "me", "{kind}");
        assert_eq!(metadata.socket_type.as_deref(), Some(kind.name().as_bytes()));
    }
    for kind in [SocketKind::Push, SocketKind::Pub, SocketKind::Rep] {
        assert_eq!(
            Metadata::decode(&encode(kind, b"me", &[]))
                .expect("it was made by us")
                .identity,
            ""
        );
    }
}

#[test]
fn names_are_read_in_any_case() {
    let metadata = Metadata::decode(&properties(&[("SOCKET-TYPE", b"PUB"), ("identity", b"me")]))
        .expect("it is well-formed");
    assert_eq!(metadata.socket_type.as_deref(), Some(&b"PUB"[..]));
    assert_eq!(metadata.identity, "me");
    assert!(metadata.others.is_empty());
}

#[test]
fn nothing_at_all_is_well_formed() {
    assert_eq!(Metadata::decode(b""), Ok(Metadata::default()));
}

#[test]
fn others_are_kept_in_order_the_first_of_each_name() {
    let metadata = Metadata::decode(&properties(&[
        ("X-b", b"1"),
        ("X-a", b""),
        ("x-B", b"2"),
        ("Resource", b"/x"),
    ]))
    .expect("it is well-formed");
    let expected: Vec<(String, Bytes)> = [("X-b", "1"), ("X-a", ""), ("Resource", "/x")]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
    assert_eq!(metadata.others, expected);
}

#[test]
fn what_only_we_can_know_is_not_taken_from_the_peer() {
    let metadata = Metadata::decode(&properties(&[
        ("User-Id", b"root"),
        ("peer-address", b"127.0.0.1"),
    ]))
    .expect("it is well-formed");
    assert!(metadata.others.is_empty());
}

#[test]
fn trap_17_an_identity_is_at_most_255_bytes_and_does_not_begin_with_zero() {
    let longest = [b'i'; 255];
    let metadata = Metadata::decode(&properties(&[("Identity", &longest)])).expect("it is just short enough");
    assert_eq!(metadata.identity, longest[..]);
    assert_eq!(
        Metadata::decode(&properties(&[("Identity", &[b'i'; 256])])),
        Err(ProtocolError::TooLarge {
            what: "identity",
            size: 256,
            limit: 255
        })
    );
    let error = Metadata::decode(&properties(&[("Identity", b"\x00abc")])).expect_err("it is reserved");
    assert_eq!(
        error.to_string(),
        "malformed identity: it begins with a zero byte, which is reserved"
    );
}

#[test]
fn malformed_metadata_are_an_error_that_says_what_is_wrong() {
    const CUT_OFF: &str = "malformed metadata: a property ends beyond the command";
    const CHARACTER: &str = "malformed metadata: a property's name has a character that is not allowed";
    let table: [(&[u8], &str); 17] = [
        (b"\x0B", CUT_OFF),
        (b"\x0BSocket-Typ", CUT_OFF),
        (b"\x0BSocket-Type", CUT_OFF),
        (b"\x0BSocket-Type\x00\x00\x00", CUT_OFF),
        (b"\x0BSocket-Type\x00\x00\x00\x03PU", CUT_OFF),
        (b"\x0BSocket-Type\xFF\xFF\xFF\xFFPUB", CUT_OFF),
        (b"\x0BSocket-Type\x80\x00\x00\x00PUB", CUT_OFF),
        (b"\x0BSocket-Type\x7F\xFF\xFF\xFFPUB", CUT_OFF),
        (b"\x01a\x00\x00\x00\x00\x01", CUT_OFF),
        (b"\x00", "malformed metadata: a property has no name"),
        (
            b"\x00\x00\x00\x00\x01x",
            "malformed metadata: a property has no name",
        ),
        (b"\x02a \x00\x00\x00\x00", CHARACTER),
        (b"\x02a\x00\x00\x00\x00\x00", CHARACTER),
        (b"\x02a:\x00\x00\x00\x00", CHARACTER),
        (b"\x02\xC3\xA4\x00\x00\x00\x00", CHARACTER),
        (
            b"\x0BSocket-Type\x00\x00\x00\x03PUB\x0Bsocket-type\x00\x00\x00\x03SUB",
            "malformed metadata: Socket-Type is there twice",
        ),
        (
            b"\x08Identity\x00\x00\x00\x00\x08Identity\x00\x00\x00\x00",
            "malformed metadata: Identity is there twice",
        ),
    ];
    for (bytes, text) in table {
        let error = Metadata::decode(bytes).expect_err("it is malformed");
        assert_eq!(error.to_string(), text, "{}", bytes.escape_ascii());
    }
}

#[test]
fn every_cut_of_a_property_is_malformed() {
    let whole = encode(SocketKind::Push, b"", &[]);
    for cut in 1..whole.len() {
        assert!(Metadata::decode(&whole[..cut]).is_err(), "{cut} bytes");
    }
}

#[test]
fn number_and_size_are_limited() {
    let names: Vec<String> = (0..=MAX_PROPERTIES).map(|number| format!("X-{number}")).collect();
    let list: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let metadata = Metadata::decode(&properties(&list[..MAX_PROPERTIES])).expect("it is just few enough");
    assert_eq!(metadata.others.len(), MAX_PROPERTIES);
    assert_eq!(
        Metadata::decode(&properties(&list)),
        Err(ProtocolError::TooMany {
            what: "properties",
            limit: 64
        })
    );

    let overhead = properties(&[("X", b"")]).len();
    let full = vec![b'x'; MAX_HANDSHAKE_COMMAND - overhead];
    assert!(Metadata::decode(&properties(&[("X", &full)])).is_ok());
    let over = vec![b'x'; MAX_HANDSHAKE_COMMAND - overhead + 1];
    assert_eq!(
        Metadata::decode(&properties(&[("X", &over)])),
        Err(ProtocolError::TooLarge {
            what: "metadata",
            size: 8_193,
            limit: 8_192
        })
    );
}

#[test]
fn properties_of_our_own_are_told_behind_the_usual_ones() {
    let own = [
        ("X-Room".to_owned(), Bytes::from("7")),
        ("X-Empty".to_owned(), Bytes::new()),
    ];
    assert_eq!(check_properties(&own), None);
    let metadata = Metadata::decode(&encode(SocketKind::Dealer, b"me", &own)).expect("it was made by us");
    assert_eq!(
        (&metadata.identity[..], &metadata.others[..]),
        (&b"me"[..], &own[..])
    );
}

#[test]
fn properties_that_no_peer_would_take_are_refused_before_there_is_a_socket() {
    let named = |names: &[&str]| -> Vec<(String, Bytes)> {
        names
            .iter()
            .map(|name| ((*name).to_owned(), Bytes::new()))
            .collect()
    };
    let no_prefix = "its name does not begin with `X-`";
    let bad_name = "its name has more than 255 bytes, or others than letters, digits and `- _ . +`";
    let long = format!("X-{}", "a".repeat(254));
    for (properties, problem) in [
        (named(&["Identity"]), no_prefix),
        (named(&["User-Id"]), no_prefix),
        (named(&["x-lower"]), no_prefix),
        (named(&[""]), no_prefix),
        (named(&["X-with blank"]), bad_name),
        (named(&["X-\u{fc}"]), bad_name),
        (named(&[&long]), bad_name),
        (named(&["X-a", "X-b", "X-A"]), "it is there twice"),
        (
            vec![("X-large".to_owned(), vec![7; 4096].into())],
            "together they have more than 4 KiB, or are more than 32",
        ),
    ] {
        assert_eq!(check_properties(&properties), Some(problem));
    }
    let many: Vec<String> = (0..33).map(|n| format!("X-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(check_properties(&named(&many[..32])), None);
    assert!(check_properties(&named(&many)).is_some());
}
