//! PLAIN as bytes in and bytes out.

use super::super::tests::{Side, introduction, talk};
use super::*;
use crate::mechanism::Verdict;
use crate::socket_kind::SocketKind;

fn server(users: &[(&str, &str)]) -> Side {
    let list = PlainUsers::new();
    users
        .iter()
        .for_each(|(name, password)| list.insert(name, password));
    Side::new(Plain::server(list), SocketKind::Pull)
}

fn client(username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Side {
    Side::new(Plain::client(username, password), SocketKind::Push)
}

#[test]
fn the_hello_of_the_specification() {
    assert_eq!(
        client("admin", "secret").said,
        b"\x04\x13\x05HELLO\x05admin\x06secret"
    );
    let longest = [7; 255];
    let said = client(longest, longest).said;
    assert_eq!(said.len(), 9 + 6 + 512, "nothing of the longest ones is lost");
}

#[test]
fn a_known_user_enters_and_is_known_by_name() {
    let (mut client, mut server) = (
        client("ann", "hunter2"),
        server(&[("bob", ""), ("ann", "hunter2")]),
    );
    talk(&mut client, &mut server).expect("she is known");
    let told = server.outcome().expect("it is done");
    assert_eq!(told.admission.user_id.as_deref(), Some("ann"));
    assert_eq!(told.metadata.socket_type.as_deref(), Some(&b"PUSH"[..]));
    let told = client.outcome().expect("it is done");
    assert_eq!(told.metadata.socket_type.as_deref(), Some(&b"PULL"[..]));
    assert_eq!(told.admission, Admission::default());
}

#[test]
fn each_command_is_as_the_specification_writes_it() {
    let (mut client, mut server) = (client("u", "p"), server(&[("u", "p")]));
    let hello = client.next().expect("HELLO");
    assert_eq!(hello, b"\x05HELLO\x01u\x01p");
    server.hear(&hello).expect("it is well formed");
    assert!(server.said.is_empty(), "nobody has decided yet");
    server.decide().expect("u is known");
    assert_eq!(server.said, b"\x04\x08\x07WELCOME");
    client
        .hear(&server.next().expect("WELCOME"))
        .expect("it is well formed");
    let initiate = client.next().expect("INITIATE");
    assert_eq!(
        initiate,
        [b"\x08INITIATE", &introduction(SocketKind::Push)[..]].concat()
    );
    server.hear(&initiate).expect("it is well formed");
    let ready = server.next().expect("READY");
    assert_eq!(
        ready,
        [b"\x05READY", &introduction(SocketKind::Pull)[..]].concat()
    );
}

#[test]
fn whoever_is_not_known_is_refused() {
    let known = [("ann", "hunter2"), ("bob", "")];
    for (name, password) in [
        ("ann", "hunter"),
        ("ann", "hunter22"),
        ("ann", ""),
        ("", "hunter2"),
        ("bob", "hunter2"),
        ("an", "nhunter2"),
        ("eve\n", "x"),
    ] {
        let (who, error) =
            talk(&mut client(name, password), &mut server(&known)).expect_err("nobody knows this one");
        assert_eq!(who, "other");
        let why = format!("no user {} with that password", name.escape_debug());
        assert_eq!(error, ProtocolError::Denied { status: 400, why });
        let told = Plain::server(PlainUsers::new()).tells(&error);
        assert_eq!(told.as_deref(), Some("400"), "no detail on the wire");
    }
}

#[test]
fn the_list_of_users_may_change_under_way() {
    let users = PlainUsers::new();
    let server = || Side::new(Plain::server(users.clone()), SocketKind::Pull);
    talk(&mut client("ann", "1"), &mut server()).expect_err("nobody is known");
    users.insert("ann", "1");
    talk(&mut client("ann", "1"), &mut server()).expect("now she is");
    users.insert("ann", "2");
    talk(&mut client("ann", "1"), &mut server()).expect_err("her password is another one");
    talk(&mut client("ann", "2"), &mut server()).expect("this one");
    assert!(users.remove("ann") && users.is_empty());
    talk(&mut client("ann", "2"), &mut server()).expect_err("she is not known any more");
}

#[test]
fn the_client_is_told_a_code_and_says_what_it_means() {
    let mut client = client("ann", "1");
    let error = client.hear(b"\x05ERROR\x03400").expect_err("it is refused");
    assert_eq!(
        error.to_string(),
        "the server refused our user name and password: 400"
    );
    assert_eq!(Plain::client("ann", "1").tells(&error), None);
}

#[test]
fn a_client_that_is_let_down_says_when() {
    let (mut client, mut server) = (client("ann", "1"), server(&[("ann", "1")]));
    let guess = client.explain_end().expect("it has an idea");
    assert_eq!(
        guess.to_string(),
        "the peer closed the connection upon our HELLO: perhaps it lets nobody in now"
    );
    assert!(server.explain_end().is_none());
    server
        .hear(&client.next().expect("HELLO"))
        .expect("it is well formed");
    server.decide().expect("she is known");
    client
        .hear(&server.next().expect("WELCOME"))
        .expect("it is well formed");
    let guess = client.explain_end().expect("it has an idea");
    assert_eq!(
        guess.to_string(),
        "the peer closed the connection upon our INITIATE: perhaps its kind does not go with ours, or it talks to one \
         peer at a time and has one"
    );
    let error = client.hear(b"\x05ERROR\x02no").expect_err("it is refused late");
    assert_eq!(error, ProtocolError::Refused { reason: "no".into() });
}

#[test]
fn who_denies_for_now_says_nothing() {
    let early = async |_: super::super::auth::Applicant| Verdict::not_now("come back later");
    let mechanism = Plain::server(early);
    let error = talk(
        &mut client("ann", "1"),
        &mut Side::new(mechanism.clone(), SocketKind::Pull),
    )
    .expect_err("it is not let in");
    assert_eq!(mechanism.tells(&error.1), None);
}

#[test]
fn what_cannot_be_said_is_refused_before_there_is_a_socket() {
    let long = [b'x'; 256];
    for (mechanism, problem) in [
        (Plain::client(long, ""), "the user name has more than 255 bytes"),
        (Plain::client("", long), "the password has more than 255 bytes"),
        (
            Plain::client("", "").domain("x".repeat(256)),
            "the domain has more than 255 bytes",
        ),
    ] {
        assert_eq!(mechanism.contradiction(), Some(problem));
    }
    let longest = [b'x'; 255];
    assert_eq!(Plain::client(longest, longest).contradiction(), None);
}

#[test]
fn whatever_a_client_says_out_of_place_is_refused() {
    let table: [(&[u8], &str); 9] = [
        (
            b"\x05HELLO",
            "malformed HELLO: its user name ends beyond its body",
        ),
        (
            b"\x05HELLO\x01",
            "malformed HELLO: its user name ends beyond its body",
        ),
        (
            b"\x05HELLO\x01u",
            "malformed HELLO: its password ends beyond its body",
        ),
        (
            b"\x05HELLO\x01u\x02p",
            "malformed HELLO: its password ends beyond its body",
        ),
        (
            b"\x05HELLO\x01u\x01p!",
            "malformed HELLO: something follows the password",
        ),
        (b"\x05READY", "expected HELLO, found READY"),
        (b"\x08INITIATE", "expected HELLO, found INITIATE"),
        (b"\x07WELCOME", "expected HELLO, found WELCOME"),
        (b"\x05ERROR\x03400", "expected HELLO, found ERROR"),
    ];
    for (body, text) in table {
        let error = server(&[]).hear(body).expect_err("it is out of place");
        assert_eq!(error.to_string(), text);
    }
    for (body, text) in [
        (&b"\x05HELLO\x01u\x01p"[..], "expected INITIATE, found HELLO"),
        (b"\x05READY", "expected INITIATE, found READY"),
        (
            b"\x08INITIATE\x01",
            "malformed metadata: a property ends beyond the command",
        ),
    ] {
        let mut server = server(&[("u", "p")]);
        server.hear(b"\x05HELLO\x01u\x01p").expect("it is well formed");
        server.decide().expect("u is known");
        let error = server.hear(body).expect_err("it is out of place");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn whatever_a_server_says_out_of_place_is_refused() {
    for (body, text) in [
        (&b"\x07WELCOME!"[..], "malformed WELCOME: something follows it"),
        (b"\x05READY", "expected WELCOME, found READY"),
        (b"\x05HELLO\x01u\x01p", "expected WELCOME, found HELLO"),
        (b"\x08INITIATE", "expected WELCOME, found INITIATE"),
    ] {
        let error = client("u", "p").hear(body).expect_err("it is out of place");
        assert_eq!(error.to_string(), text);
    }
    for (body, text) in [
        (&b"\x07WELCOME"[..], "expected READY, found WELCOME"),
        (b"\x05READY\x00", "malformed metadata: a property has no name"),
    ] {
        let mut client = client("u", "p");
        client.hear(b"\x07WELCOME").expect("it is well formed");
        let error = client.hear(body).expect_err("it is out of place");
        assert_eq!(error.to_string(), text);
    }
}
