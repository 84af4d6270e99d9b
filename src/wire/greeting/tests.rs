//! Greetings as bytes.

use super::*;

/// A greeting with this version and mechanism, everything else zero.
fn greeting(version: [u8; 2], mechanism: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F];
    bytes.extend_from_slice(&version);
    bytes.extend_from_slice(mechanism);
    bytes.resize(GREETING_LEN, 0);
    bytes
}

#[test]
fn our_greeting_is_the_vector_of_the_specification() {
    let mut ours = Vec::new();
    put_opening(&mut ours);
    assert_eq!(ours.len(), OPENING_LEN);
    put_rest(&mut ours, "NULL", false);
    assert_eq!(ours, greeting([3, 1], b"NULL"));
    assert_eq!(ours[..16], *b"\xFF\0\0\0\0\0\0\0\0\x7F\x03\x01NULL");
}

#[test]
fn the_server_of_a_mechanism_says_so() {
    let mut ours = Vec::new();
    put_opening(&mut ours);
    put_rest(&mut ours, "CURVE", true);
    assert_eq!(ours[32], 1);
    assert_eq!(ours[33..], [0; 31]);
}

#[test]
fn a_greeting_is_read_when_it_is_whole() {
    let bytes = greeting([3, 1], b"NULL");
    for cut in 0..GREETING_LEN {
        assert_eq!(Greeting::decode(&bytes[..cut]), None);
    }
    let decoded = Greeting::decode(&bytes).expect("it is whole");
    assert_eq!(decoded.version, Version::V3_1);
    assert_eq!(decoded.mechanism(), b"NULL");
    assert!(decoded.names_mechanism("NULL"));
}

#[test]
fn a_version_is_told_by_the_first_byte_that_can_tell_it() {
    let three = greeting([3, 0], b"NULL");
    for cut in 0..OPENING_LEN {
        assert_eq!(Dialect::of(&three[..cut]), Dialect::Undecided, "{cut} bytes");
    }
    for len in OPENING_LEN..=GREETING_LEN {
        assert_eq!(Dialect::of(&three[..len]), Dialect::Three);
    }
    for old in 0..3 {
        assert_eq!(
            Dialect::of(&greeting([old, 0], b"")[..OPENING_LEN]),
            Dialect::Old(old)
        );
    }
}

#[test]
fn trap_25_a_stranger_is_named_at_its_first_byte() {
    let table: [(&[u8], Foreign); 15] = [
        (b"GET / HTTP/1.1", Foreign::Http),
        (b"POST", Foreign::Http),
        (b"HEAD", Foreign::Http),
        (b"DELETE", Foreign::Http),
        (b"OPTIONS", Foreign::Http),
        (b"CONNECT", Foreign::Http),
        (b"TRACE", Foreign::Http),
        (b"\x16\x03\x01", Foreign::Tls),
        (b"SSH-2.0-OpenSSH", Foreign::Ssh),
        (b"\x01\x00", Foreign::Unversioned),
        (b"\x06\x00abcde", Foreign::Unversioned),
        (b"\x00", Foreign::Other(0)),
        (b"*1\r\n", Foreign::Other(b'*')),
        (b"EHLO", Foreign::Other(b'E')),
        (b"\xFE", Foreign::Other(0xFE)),
    ];
    for (bytes, name) in table {
        assert_eq!(Dialect::of(&bytes[..1]), Dialect::Foreign(name));
        assert_eq!(Dialect::of(bytes), Dialect::Foreign(name));
    }
}

#[test]
fn an_unversioned_peer_with_a_long_identity_is_told_by_bit_zero_of_byte_nine() {
    let long_identity = b"\xFF\0\0\0\0\0\0\x01\x2B\0";
    assert_eq!(Dialect::of(&long_identity[..9]), Dialect::Undecided);
    assert_eq!(Dialect::of(long_identity), Dialect::Foreign(Foreign::Unversioned));
    let mut odd = greeting([3, 1], b"NULL");
    odd[9] = 0x01;
    assert_eq!(Dialect::of(&odd), Dialect::Three, "only bit 0 may be tested");
}

#[test]
fn the_lower_version_rules() {
    let table = [
        ([3, 0], (3, 0)),
        ([3, 1], (3, 1)),
        ([3, 2], (3, 1)),
        ([3, 255], (3, 1)),
        ([4, 0], (3, 1)),
        ([255, 0], (3, 1)),
    ];
    for (announced, ruling) in table {
        let decoded = Greeting::decode(&greeting(announced, b"NULL")).expect("it is whole");
        assert_eq!(decoded.version.numbers(), ruling, "{announced:?}");
    }
}

#[test]
fn a_mechanism_is_compared_over_all_its_bytes() {
    let table: [(&[u8], &[u8]); 5] = [
        (b"NUL", b"NUL"),
        (b"null", b"null"),
        (b"NULLS", b"NULLS"),
        (b"", b""),
        (
            b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x",
            b"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0x",
        ),
    ];
    for (announced, name) in table {
        let decoded = Greeting::decode(&greeting([3, 1], announced)).expect("it is whole");
        assert!(!decoded.names_mechanism("NULL"));
        assert_eq!(decoded.mechanism(), name);
    }
}
