//! CURVE, command by command; and what an attacker makes of it who knows everything but the secrets of others.

use super::super::auth::Credentials;
use super::super::tests::{Side, introduction, talk};
use super::boxes::{SharedKey, long_nonce, short_nonce};
use super::keys::SecretKey;
use super::policy::AllowList;
use super::*;
use crate::frame::{self, Frames};
use crate::socket_kind::SocketKind;
use crate::wire::command::Command;

fn pair(seed: u8) -> KeyPair {
    SecretKey::from([seed; 32]).into()
}

const SERVER: u8 = 1;
const CLIENT: u8 = 2;
const STRANGER: u8 = 3;

fn server_with(mechanism: Mechanism) -> Side {
    Side::new(mechanism, SocketKind::Pull)
}

/// A server that lets in the client and nobody else.
fn server() -> Side {
    server_with(Curve::server(pair(SERVER)).allow([pair(CLIENT).public_key()]))
}

fn client_knowing(server: u8) -> Side {
    Side::new(
        Curve::client(pair(server).public_key(), pair(CLIENT)),
        SocketKind::Push,
    )
}

fn client() -> Side {
    client_knowing(SERVER)
}

/// The four commands of a handshake that goes well, and both sides at their end.
fn handshake() -> (Side, Side, [Vec<u8>; 4]) {
    let (mut client, mut server) = (client(), server());
    let hello = client.next().expect("HELLO");
    server.hear(&hello).expect("it is fine");
    let welcome = server.next().expect("WELCOME");
    client.hear(&welcome).expect("it is fine");
    let initiate = client.next().expect("INITIATE");
    server.hear(&initiate).expect("it is fine");
    server.decide().expect("it is on the list");
    let ready = server.next().expect("READY");
    client.hear(&ready).expect("it is fine");
    (client, server, [hello, welcome, initiate, ready])
}

#[test]
fn commands_have_the_sizes_of_the_specification() {
    let (client, server, [hello, welcome, initiate, ready]) = handshake();
    let (push, pull) = (introduction(SocketKind::Push), introduction(SocketKind::Pull));
    assert_eq!((hello.len(), welcome.len()), (200, 168));
    assert_eq!((initiate.len(), ready.len()), (257 + push.len(), 30 + pull.len()));
    assert_eq!(hello[..8], *b"\x05HELLO\x01\x00");
    assert_eq!(hello[8..80], [0; 72]);
    assert_eq!(hello[112..120], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(initiate[105..113], [0, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(ready[6..14], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(
        initiate[9..25],
        welcome_cookie(&welcome)[..16],
        "the cookie goes back"
    );

    let told = server.outcome().expect("it is done");
    let name = pair(CLIENT).public_key().to_string();
    assert_eq!(told.admission.user_id, Some(name));
    assert_eq!(told.metadata.socket_type.as_deref(), Some(&b"PUSH"[..]));
    let told = client.outcome().expect("it is done");
    assert_eq!(told.metadata.socket_type.as_deref(), Some(&b"PULL"[..]));
}

/// What is in WELCOME behind S'. It takes the client's fresh secret, which tests make: see [`Side::new`].
fn welcome_cookie(welcome: &[u8]) -> Vec<u8> {
    let key = SharedKey::agree(&fresh_client(), &pair(SERVER).public_key()).expect("a good key");
    let nonce = long_nonce(b"WELCOME-", welcome[8..24].first_chunk().expect("16 bytes"));
    key.open_box(&nonce, &welcome[24..]).expect("it is ours")[32..].to_vec()
}

fn fresh_client() -> SecretKey {
    let bytes: Vec<u8> = (0..32).map(|i| i + SocketKind::Push as u8).collect();
    SecretKey::from(<[u8; 32]>::try_from(bytes).expect("32 bytes"))
}

fn fresh_server() -> SecretKey {
    let bytes: Vec<u8> = (0..32).map(|i| i + SocketKind::Pull as u8).collect();
    SecretKey::from(<[u8; 32]>::try_from(bytes).expect("32 bytes"))
}

#[test]
fn the_client_shows_its_key_to_the_server_alone_and_proves_that_it_is_its_own() {
    let (mut client, mut server) = (client(), server());
    let hello = client.next().expect("HELLO");
    let key = *pair(CLIENT).public_key().as_bytes();
    assert!(!hello.windows(32).any(|bytes| bytes == key));
    server.hear(&hello).expect("it is fine");
    client.hear(&server.next().expect("WELCOME")).expect("it is fine");
    let initiate = client.next().expect("INITIATE");
    assert!(!initiate.windows(32).any(|bytes| bytes == key));
    server.hear(&initiate).expect("it is fine");
    let Some(Credentials::Curve(shown)) = server.credentials() else {
        panic!("somebody decides by its key");
    };
    assert_eq!(*shown, pair(CLIENT).public_key());
}

#[test]
fn who_is_not_on_the_list_is_refused_and_both_sides_know_why() {
    let mut client = client();
    let list = AllowList::from([pair(STRANGER).public_key()]);
    let mechanism = Curve::server(pair(SERVER)).allow(list.clone());
    let (who, error) =
        talk(&mut client, &mut server_with(mechanism.clone())).expect_err("it is not on the list");
    let why = format!("its key {} is not on the list", pair(CLIENT).public_key());
    assert_eq!(
        (who, error.clone()),
        ("other", ProtocolError::Denied { status: 400, why })
    );
    let told = mechanism.tells(&error).expect("the client is told");
    assert_eq!(told, "400");
    let error = client.hear(b"\x05ERROR\x03400").expect_err("it is refused");
    assert_eq!(error.to_string(), "the server refused our key: 400");

    list.insert(pair(CLIENT).public_key(), "ann");
    let mut server = server_with(mechanism);
    talk(&mut self::client(), &mut server).expect("now it is");
    let admission = &server.outcome().expect("it is done").admission;
    assert_eq!(admission.user_id.as_deref(), Some("ann"));
}

#[test]
fn who_lets_in_anybody_asks_nobody() {
    let mut server = server_with(Curve::server(pair(SERVER)).allow_any());
    talk(&mut client(), &mut server).expect("anybody may enter");
    assert_eq!(server.outcome().expect("it is done").admission.user_id, None);
}

#[test]
fn a_client_that_expects_another_key_is_refused_and_both_sides_know_why() {
    let mut client = client_knowing(STRANGER);
    let mechanism = Curve::server(pair(SERVER)).allow_any();
    let (who, error) =
        talk(&mut client, &mut server_with(mechanism.clone())).expect_err("the key is another one");
    assert_eq!(who, "other");
    assert_eq!(
        error.to_string(),
        "HELLO does not open: it is for another server key than ours"
    );
    assert_eq!(mechanism.tells(&error).as_deref(), Some("400"));
    let error = client.hear(b"\x05ERROR\x03400").expect_err("it is refused");
    assert_eq!(
        error.to_string(),
        "the server refused our HELLO, as if its key were not the one that we expect: 400"
    );
    // libzmq's server only closes.
    let guess = client_knowing(STRANGER).explain_end().expect("it has an idea");
    assert_eq!(
        guess.to_string(),
        "the peer closed the connection upon our HELLO: perhaps its key is not the one that we expect"
    );
}

#[test]
fn an_impostor_is_found_out_by_its_welcome() {
    let (mut victim, mut impostor) = (client(), server_with(Curve::server(pair(STRANGER)).allow_any()));
    client_for(STRANGER, &mut impostor);
    let error = victim
        .hear(&impostor.next().expect("WELCOME"))
        .expect_err("it is sealed with another key");
    assert_eq!(
        error.to_string(),
        "WELCOME does not open: the server does not have the key that we expect"
    );
}

/// Has a server welcome somebody who knows its key.
fn client_for(server: u8, side: &mut Side) {
    let hello = client_knowing(server).next().expect("HELLO");
    side.hear(&hello).expect("it is fine");
}

#[test]
fn two_keys_are_good_while_one_takes_the_place_of_the_other() {
    let keys = ServerKeys::from(pair(SERVER));
    let mechanism = Curve::server(keys.clone()).allow_any();
    let try_with = |known: u8| talk(&mut client_knowing(known), &mut server_with(mechanism.clone()));
    keys.rotate(pair(10));
    try_with(SERVER).expect("the old one is still good");
    try_with(10).expect("and so is the new one");
    keys.rotate(pair(11));
    try_with(SERVER).expect_err("two are enough");
    try_with(10).expect("one is the old one now");
    keys.retire();
    try_with(10).expect_err("it is retired");
    try_with(11).expect("this one is left");
}

#[test]
fn row_15_whatever_bit_is_changed_in_a_handshake_it_fails_or_means_nothing() {
    let (_, _, [hello, welcome, initiate, ready]) = handshake();
    let flipped = |body: &[u8], at: usize| {
        let mut body = body.to_vec();
        // Not the highest bit of a key, which means nothing.
        body[at] ^= 1 << (at % 7);
        body
    };
    for at in 0..hello.len() {
        let result = server().hear(&flipped(&hello, at));
        // The padding is there to be long.
        assert_eq!(result.is_ok(), (8..80).contains(&at), "HELLO at {at}");
    }
    for at in 0..welcome.len() {
        let mut client = client();
        client.next();
        client.hear(&flipped(&welcome, at)).expect_err("it is sealed");
    }
    for at in 0..initiate.len() {
        let mut server = server();
        server.hear(&hello).expect("it is fine");
        server.hear(&flipped(&initiate, at)).expect_err("it is sealed");
    }
    for at in 0..ready.len() {
        let mut client = client();
        client.hear(&welcome).expect("it is fine");
        client.hear(&flipped(&ready, at)).expect_err("it is sealed");
    }
}

#[test]
fn row_15_whatever_length_a_command_has_instead_it_fails() {
    let (_, _, [hello, welcome, initiate, ready]) = handshake();
    let lengths = |body: &[u8]| (6..body.len()).chain([body.len() + 1]).collect::<Vec<_>>();
    let resized = |body: &[u8], len: usize| {
        let mut body = body.to_vec();
        body.resize(len, 0);
        body
    };
    for len in lengths(&hello) {
        server()
            .hear(&resized(&hello, len))
            .expect_err("HELLO has 200 bytes");
    }
    for len in lengths(&welcome) {
        client()
            .hear(&resized(&welcome, len))
            .expect_err("WELCOME has 168");
    }
    for len in lengths(&initiate) {
        let mut server = server();
        server.hear(&hello).expect("it is fine");
        server.hear(&resized(&initiate, len)).expect_err("it is sealed");
    }
    for len in lengths(&ready) {
        let mut client = client();
        client.hear(&welcome).expect("it is fine");
        client.hear(&resized(&ready, len)).expect_err("it is sealed");
    }
}

// ---- an attacker with good tools -------------------------------------------------------------------------

/// HELLO of a client with these properties, sealed as it should be.
fn forge_hello(fresh: &SecretKey, version: [u8; 2], nonce: u64, zeros: [u8; 64]) -> Vec<u8> {
    let key = SharedKey::agree(fresh, &pair(SERVER).public_key()).expect("a good key");
    let mut hello = b"\x05HELLO".to_vec();
    hello.extend(version);
    hello.extend([0; 72]);
    hello.extend(fresh.public_key().as_bytes());
    hello.extend(nonce.to_be_bytes());
    key.put_box(&short_nonce(b"CurveZMQHELLO---", nonce), &[&zeros], &mut hello);
    hello
}

/// How an INITIATE differs from a good one.
struct Forged {
    cookie: Vec<u8>,
    nonce: u64,
    /// Whose key is shown, and with whose the vouch is sealed.
    shown: PublicKey,
    sealed_by: SecretKey,
    vouched: ([u8; 32], [u8; 32]),
    metadata: Vec<u8>,
}

/// A server that waits for INITIATE, and an INITIATE that it would take, to be spoilt.
fn welcomed(hello_nonce: u64) -> (Side, Forged) {
    let mut server = server();
    let hello = forge_hello(&fresh_client(), [1, 0], hello_nonce, [0; 64]);
    server.hear(&hello).expect("it is fine");
    let welcome = server.next().expect("WELCOME");
    let forged = Forged {
        cookie: welcome_cookie(&welcome),
        nonce: hello_nonce + 1,
        shown: pair(CLIENT).public_key(),
        sealed_by: pair(CLIENT).secret_key().clone(),
        vouched: (
            *fresh_client().public_key().as_bytes(),
            *pair(SERVER).public_key().as_bytes(),
        ),
        metadata: introduction(SocketKind::Push),
    };
    (server, forged)
}

impl Forged {
    fn body(&self) -> Vec<u8> {
        let theirs = fresh_server().public_key();
        let vouching = SharedKey::agree(&self.sealed_by, &theirs).expect("a good key");
        let mut vouch = Vec::new();
        vouching.put_box(
            &long_nonce(b"VOUCH---", &[5; 16]),
            &[&self.vouched.0, &self.vouched.1],
            &mut vouch,
        );
        let key = SharedKey::agree(&fresh_client(), &theirs).expect("a good key");
        let mut body = b"\x08INITIATE".to_vec();
        body.extend(&self.cookie);
        body.extend(self.nonce.to_be_bytes());
        key.put_box(
            &short_nonce(b"CurveZMQINITIATE", self.nonce),
            &[self.shown.as_bytes(), &[5; 16], &vouch, &self.metadata],
            &mut body,
        );
        body
    }
}

fn text(result: Result<(), ProtocolError>) -> String {
    result.expect_err("it is to be refused").to_string()
}

#[test]
fn row_15_a_hello_must_be_what_it_says() {
    let fresh = fresh_client();
    let good = forge_hello(&fresh, [1, 0], 1, [0; 64]);
    server().hear(&good).expect("nothing is wrong with it");
    let mut ones = [0; 64];
    ones[63] = 1;
    for (hello, expected) in [
        (
            forge_hello(&fresh, [2, 0], 1, [0; 64]),
            "malformed HELLO: it is of another version of CURVE than 1.0",
        ),
        (
            forge_hello(&fresh, [1, 1], 1, [0; 64]),
            "malformed HELLO: it is of another version of CURVE than 1.0",
        ),
        (
            forge_hello(&fresh, [1, 0], 0, [0; 64]),
            "expected a nonce above the last one, found 0 after 0",
        ),
        (
            forge_hello(&fresh, [1, 0], 1, ones),
            "malformed HELLO: what is sealed in it are not 64 zeros",
        ),
    ] {
        assert_eq!(text(server().hear(&hello)), expected);
    }
    let mut low = good;
    low[80..112].fill(0);
    assert_eq!(
        text(server().hear(&low)),
        "malformed the client's fresh key: it is of low order"
    );
}

#[test]
fn row_15_an_initiate_belongs_to_one_connection_and_to_one_key() {
    let (mut server, good) = welcomed(7);
    server.hear(&good.body()).expect("nothing is wrong with it");

    type Spoil = fn(&mut Forged);
    let table: [(&str, Spoil); 9] = [
        (
            "malformed INITIATE: its cookie is not the one that it was given",
            |it| it.cookie = vec![7; 96],
        ),
        (
            "malformed INITIATE: its cookie is not the one that it was given",
            |it| it.cookie[95] ^= 1,
        ),
        ("expected a nonce above the last one, found 7 after 7", |it| {
            it.nonce = 7
        }),
        ("expected a nonce above the last one, found 0 after 7", |it| {
            it.nonce = 0
        }),
        (
            "the vouch in INITIATE does not open: the client does not have the key that it shows",
            |it| it.shown = pair(STRANGER).public_key(),
        ),
        ("malformed INITIATE: its vouch is for another connection", |it| {
            it.vouched.0 = *pair(STRANGER).public_key().as_bytes()
        }),
        ("malformed INITIATE: its vouch is for another connection", |it| {
            it.vouched.1 = *pair(STRANGER).public_key().as_bytes()
        }),
        ("malformed the client's key: it is of low order", |it| {
            it.shown = PublicKey::from([0; 32]);
        }),
        ("malformed metadata: a property has no name", |it| {
            it.metadata = vec![0, 0];
        }),
    ];
    for (expected, spoil) in table {
        let (mut server, mut forged) = welcomed(7);
        spoil(&mut forged);
        assert_eq!(text(server.hear(&forged.body())), expected);
    }
}

#[test]
fn row_15_a_cookie_of_another_connection_is_worth_nothing() {
    // The other one is a server with other dice.
    let mut other = Side::new(Curve::server(pair(SERVER)).allow_any(), SocketKind::Pub);
    other
        .hear(&forge_hello(&fresh_client(), [1, 0], 1, [0; 64]))
        .expect("it is fine");
    let cookie = welcome_cookie(&other.next().expect("WELCOME"));
    let (mut server, mut forged) = welcomed(1);
    forged.cookie = cookie;
    assert_eq!(
        text(server.hear(&forged.body())),
        "malformed INITIATE: its cookie is not the one that it was given"
    );
}

#[test]
fn row_15_a_welcome_with_a_key_of_low_order_is_refused() {
    let key = SharedKey::agree(pair(SERVER).secret_key(), &fresh_client().public_key()).expect("a good key");
    let mut welcome = b"\x07WELCOME".to_vec();
    welcome.extend([6; 16]);
    key.put_box(
        &long_nonce(b"WELCOME-", &[6; 16]),
        &[&[0; 32], &[0; 96]],
        &mut welcome,
    );
    assert_eq!(
        text(client().hear(&welcome)),
        "malformed the server's fresh key: it is of low order"
    );
    let mechanism = Curve::client(PublicKey::from([0; 32]), pair(CLIENT));
    let error = mechanism
        .start(&[1; CLIENT_ENTROPY], &mut Vec::new())
        .expect_err("nobody has such a key");
    assert_eq!(
        error.to_string(),
        "malformed the server's key: it is of low order"
    );
}

#[test]
fn a_ready_needs_a_nonce_and_what_is_in_it_is_looked_at() {
    let (mut server, forged) = welcomed(1);
    server.hear(&forged.body()).expect("it is fine");
    let key = SharedKey::agree(&fresh_server(), &fresh_client().public_key()).expect("a good key");
    let ready = |nonce: u64, metadata: &[u8]| {
        let mut ready = b"\x05READY".to_vec();
        ready.extend(nonce.to_be_bytes());
        key.put_box(&short_nonce(b"CurveZMQREADY---", nonce), &[metadata], &mut ready);
        ready
    };
    let waiting = || {
        let (_, _, [_, welcome, ..]) = handshake();
        let mut client = client();
        client.hear(&welcome).expect("it is fine");
        client
    };
    waiting().hear(&ready(9, b"")).expect("gaps are fine");
    assert_eq!(
        text(waiting().hear(&ready(0, b""))),
        "expected a nonce above the last one, found 0 after 0"
    );
    assert_eq!(
        text(waiting().hear(&ready(1, b"\x01"))),
        "malformed metadata: a property ends beyond the command"
    );
}

#[test]
fn whatever_comes_out_of_place_is_refused() {
    let (_, _, [hello, welcome, initiate, ready]) = handshake();
    let commands = [&hello, &welcome, &initiate, &ready, &b"\x05ERROR\x03400".to_vec()];
    for (at, body) in commands.into_iter().enumerate() {
        let name = Command::decode(body)
            .expect("it is a command")
            .name()
            .escape_ascii()
            .to_string();
        if at != 0 {
            assert_eq!(text(server().hear(body)), format!("expected HELLO, found {name}"));
        }
        if at != 2 {
            let mut server = server();
            server.hear(&hello).expect("it is fine");
            assert_eq!(
                text(server.hear(body)),
                format!("expected INITIATE, found {name}")
            );
        }
        if at == 4 {
            continue;
        }
        if at != 1 {
            assert_eq!(
                text(client().hear(body)),
                format!("expected WELCOME, found {name}")
            );
        }
        if at != 3 {
            let mut client = client();
            client.hear(&welcome).expect("it is fine");
            assert_eq!(text(client.hear(body)), format!("expected READY, found {name}"));
        }
    }
}

#[test]
fn without_randomness_there_is_no_handshake() {
    for mechanism in [
        Curve::client(pair(SERVER).public_key(), pair(CLIENT)),
        Curve::server(pair(SERVER)).allow_any(),
    ] {
        let enough = vec![1; mechanism.entropy()];
        mechanism.start(&enough, &mut Vec::new()).expect("it is enough");
        let error = mechanism
            .start(&enough[1..], &mut Vec::new())
            .expect_err("one byte is missing");
        assert_eq!(
            error.to_string(),
            "malformed handshake: there is no randomness for it"
        );
    }
}

/// `IS` is that of the inherent impl for whatever is a mechanism, and else that of the trait.
struct IsMechanism<T>(std::marker::PhantomData<T>);

impl<T: Into<Mechanism>> IsMechanism<T> {
    const IS: bool = true;
}

trait Otherwise {
    const IS: bool = false;
}

impl<T> Otherwise for IsMechanism<T> {}

#[test]
fn row_17_a_server_that_does_not_say_whom_it_lets_in_is_no_mechanism() {
    let is_mechanism = [IsMechanism::<Mechanism>::IS, IsMechanism::<CurveServer>::IS];
    assert_eq!(is_mechanism, [true, false]);
}

#[test]
fn row_16_secrets_are_never_shown() {
    let (client, server, _) = handshake();
    let secrets = [
        pair(SERVER).secret_key().expose_text(),
        pair(CLIENT).secret_key().expose_text(),
        fresh_client().expose_text(),
        fresh_server().expose_text(),
    ];
    let shown = [
        format!("{:?}", Curve::client(pair(SERVER).public_key(), pair(CLIENT))),
        format!("{:?}", Curve::server(pair(SERVER)).allow_any()),
        format!("{:?}", client.outcome()),
        format!("{:?}", server.outcome()),
        format!("{:?}", pair(CLIENT)),
    ];
    for shown in shown {
        for secret in &secrets {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
        assert!(
            !shown.contains("[2, 2, 2") && !shown.contains("[1, 1, 1"),
            "{shown}"
        );
    }
}

#[test]
fn what_one_side_seals_the_other_opens() {
    let (client, server, _) = handshake();
    let (mut client, mut server) = (client.into_spelling(), server.into_spelling());
    for (from, to) in [(0, 1), (1, 0), (0, 1)] {
        let sides = [&mut client, &mut server];
        let mut out = Vec::new();
        sides[from]
            .put(frame::MORE, b"one", &mut out)
            .expect("nonces are left");
        sides[from].put(0, b"two", &mut out).expect("nonces are left");
        let (mut input, mut plain) = (out.as_slice().into(), bytes::BytesMut::new());
        for _ in 0..2 {
            sides[to].take(&mut input, &mut plain, 100).expect("it is for us");
        }
        let frames: Vec<_> = Frames::new(&plain)
            .map(|(header, body)| (header.flags, body))
            .collect();
        assert_eq!(frames, [(frame::MORE, &b"one"[..]), (0, b"two")]);
        assert!(input.is_empty());
    }
}
