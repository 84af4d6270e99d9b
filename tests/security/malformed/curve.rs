//! CURVE: peers that have all keys they need, and seal whatever they like.

use hubless::curve::{AllowList, KeyPair, PublicKey, SecretKey};
use hubless::{Curve, Pull};

use super::{Bench, Caller, Phase, check_names};
use crate::bytes::{command, frame, greeting, header, property};
use crate::raw::{Raw, RawListener, soon};
use crate::script::{
    CLIENT, Client, SERVER, STRANGER, Server, body, curve_greeting, metadata, plain_hello, public,
};

fn pair(secret: &[u8; 32]) -> KeyPair {
    SecretKey::from(*secret).into()
}

fn flipped(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    bytes[at] ^= 1;
    bytes
}

/// How far a client has come when it does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Greeting,
    Welcome,
    Ready,
}

type Wrong = fn(&mut Client) -> Vec<u8>;
type Case = (&'static str, After, Wrong, &'static str);

const NOT_LET_IN: &str = "malformed INITIATE: its cookie is not the one that it was given";

/// All that a client can do wrong, and what that is called.
#[rustfmt::skip] // A table reads best as one.
const OF_CLIENTS: &[Case] = &[
    ("hello empty", After::Greeting, |_| command("HELLO", b""), "malformed HELLO: it does not have 200 bytes"),
    ("hello short", After::Greeting, |it| frame(4, &body(&it.hello())[..199]), "malformed HELLO: it does not have 200 bytes"),
    ("hello long", After::Greeting, |it| frame(4, &[body(&it.hello()), b"!"].concat()), "malformed HELLO: it does not have 200 bytes"),
    ("hello of plain", After::Greeting, |_| plain_hello("ann", "pw"), "malformed HELLO: it does not have 200 bytes"),
    ("version 2.0", After::Greeting, |it| it.hello_with([2, 0], &[0; 64]), "malformed HELLO: it is of another version of CURVE than 1.0"),
    ("version 1.1", After::Greeting, |it| it.hello_with([1, 1], &[0; 64]), "malformed HELLO: it is of another version of CURVE than 1.0"),
    ("nonce 0", After::Greeting, |it| flipped(it.hello(), 121), "expected a nonce above the last one, found 0 after 0"),
    ("another server's key", After::Greeting, |it| { it.server = public(&STRANGER); it.hello() }, "HELLO does not open: it is for another server key than ours"),
    ("box damaged", After::Greeting, |it| flipped(it.hello(), 180), "HELLO does not open: it is for another server key than ours"),
    ("not zeros", After::Greeting, |it| it.hello_with([1, 0], &[1; 64]), "malformed HELLO: what is sealed in it are not 64 zeros"),
    ("fresh key is zero", After::Greeting, |it| { let mut hello = it.hello(); hello[82..114].fill(0); hello }, "malformed the client's fresh key: it is of low order"),
    ("fresh key is one", After::Greeting, |it| { let mut hello = it.hello(); hello[82..114].fill(0); hello[82] = 1; hello }, "malformed the client's fresh key: it is of low order"),
    ("initiate first", After::Greeting, |_| command("INITIATE", &[0; 300]), "expected HELLO, found INITIATE"),
    ("ready first", After::Greeting, |_| command("READY", &metadata("PUSH")), "expected HELLO, found READY"),
    ("welcome first", After::Greeting, |_| command("WELCOME", &[0; 160]), "expected HELLO, found WELCOME"),
    ("message first", After::Greeting, |_| command("MESSAGE", &[0; 30]), "expected HELLO, found MESSAGE"),
    ("error first", After::Greeting, |_| command("ERROR", b"\x03400"), "expected HELLO, found ERROR"),
    ("empty frame", After::Greeting, |_| frame(4, b""), "malformed command: its name ends beyond its body"),
    ("frame too large", After::Greeting, |_| header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
    ("hello twice", After::Welcome, |it| it.hello(), "expected INITIATE, found HELLO"),
    ("ready instead", After::Welcome, |_| command("READY", &metadata("PUSH")), "expected INITIATE, found READY"),
    ("error instead", After::Welcome, |_| command("ERROR", b"\x03400"), "expected INITIATE, found ERROR"),
    ("message early", After::Welcome, |it| it.message(b"\0early"), "expected INITIATE, found MESSAGE"),
    ("no cookie", After::Welcome, |_| command("INITIATE", &[0; 95]), "malformed INITIATE: it is too short"),
    ("cookie damaged", After::Welcome, |it| { it.cookie[0] ^= 1; it.initiate("PUSH") }, NOT_LET_IN),
    ("cookie's end damaged", After::Welcome, |it| { it.cookie[95] ^= 1; it.initiate("PUSH") }, NOT_LET_IN),
    ("nothing behind the cookie", After::Welcome, |it| command("INITIATE", &it.cookie), "malformed INITIATE: it is too short"),
    ("no box", After::Welcome, |it| command("INITIATE", &[&it.cookie[..], &[0, 0, 0, 0, 0, 0, 0, 2]].concat()), "INITIATE does not open: it is forged or damaged"),
    ("nonce of hello", After::Welcome, |it| { it.nonce = 0; it.initiate("PUSH") }, "expected a nonce above the last one, found 1 after 1"),
    ("initiate damaged", After::Welcome, |it| flipped(it.initiate("PUSH"), 200), "INITIATE does not open: it is forged or damaged"),
    ("vouch too short", After::Welcome, |it| it.initiate_with(&[0; 127], b""), "malformed INITIATE: it is too short"),
    ("vouch damaged", After::Welcome, |it| { let vouch = flipped(it.vouch(), 100); it.initiate_with(&vouch, b"") }, "the vouch in INITIATE does not open: the client does not have the key that it shows"),
    ("somebody else's key", After::Welcome, |it| { let vouch = it.vouch_for(&public(&it.fresh), &it.server.clone(), &public(&STRANGER)); it.initiate_with(&vouch, b"") }, "the vouch in INITIATE does not open: the client does not have the key that it shows"),
    ("vouch for another connection", After::Welcome, |it| { let vouch = it.vouch_for(&public(&STRANGER), &it.server.clone(), &public(&it.own)); it.initiate_with(&vouch, b"") }, "malformed INITIATE: its vouch is for another connection"),
    ("vouch for another server", After::Welcome, |it| { let vouch = it.vouch_for(&public(&it.fresh), &public(&STRANGER), &public(&it.own)); it.initiate_with(&vouch, b"") }, "malformed INITIATE: its vouch is for another connection"),
    ("key of low order", After::Welcome, |it| { let vouch = it.vouch_for(&public(&it.fresh), &it.server.clone(), &[0; 32]); it.initiate_with(&vouch, b"") }, "malformed the client's key: it is of low order"),
    ("metadata cut off", After::Welcome, |it| { let vouch = it.vouch(); it.initiate_with(&vouch, b"\x0BSocket-Type\0\0\0\x05PUSH") }, "malformed metadata: a property ends beyond the command"),
    ("property without name", After::Welcome, |it| { let vouch = it.vouch(); it.initiate_with(&vouch, b"\0\0\0\0\0") }, "malformed metadata: a property has no name"),
    ("kind twice", After::Welcome, |it| { let vouch = it.vouch(); it.initiate_with(&vouch, &metadata("PUSH").repeat(2)) }, "malformed metadata: Socket-Type is there twice"),
    ("identity too long", After::Welcome, |it| { let vouch = it.vouch(); it.initiate_with(&vouch, &property("Identity", &[7; 256])) }, "identity of 256 bytes, the limit is 255"),
    ("too many properties", After::Welcome, |it| { let vouch = it.vouch(); let many: Vec<u8> = (0..65).flat_map(|n| property(&format!("X-{n}"), b"")).collect(); it.initiate_with(&vouch, &many) }, "more than 64 properties"),
    ("wrong kind", After::Welcome, |it| it.initiate("SUB"), "peer announced SUB, a PULL accepts PUSH"),
    ("initiate too large", After::Welcome, |_| header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
    ("replayed", After::Ready, |it| it.message(b"\0once").repeat(2), "expected a nonce above the last one, found 3 after 3"),
    ("out of order", After::Ready, |it| { let first = it.message(b"\0first"); [it.message(b"\0second"), first].concat() }, "expected a nonce above the last one, found 3 after 4"),
    ("nonce of initiate", After::Ready, |it| { it.nonce = 1; it.message(b"\0x") }, "expected a nonce above the last one, found 2 after 2"),
    ("nonce 0 in traffic", After::Ready, |it| frame(0, &it.message_body(0, b"\0x")), "expected a nonce above the last one, found 0 after 2"),
    ("forged", After::Ready, |it| flipped(it.message(b"\0forged"), 30), "MESSAGE does not open: it is forged or damaged"),
    ("flags forged", After::Ready, |it| flipped(it.message(b"\0forged"), 34), "MESSAGE does not open: it is forged or damaged"),
    ("cut off and closed by itself", After::Ready, |it| { let mut message = it.message(b"\0cut off"); message.pop(); message[1] -= 1; message }, "MESSAGE does not open: it is forged or damaged"),
    ("too short", After::Ready, |it| frame(0, &it.message_body(3, b"")), "malformed MESSAGE: it is too short"),
    ("much too short", After::Ready, |_| frame(0, b"\x07MESSAGE"), "malformed MESSAGE: it is too short"),
    ("unsealed", After::Ready, |_| frame(0, b"in clear text"), "malformed MESSAGE: in traffic every frame is one"),
    ("unsealed command", After::Ready, |_| command("PING", b"\0\0longer"), "malformed MESSAGE: in traffic every frame is one"),
    ("hello in traffic", After::Ready, |it| it.hello(), "malformed MESSAGE: in traffic every frame is one"),
    ("unknown flags", After::Ready, |it| it.message(b"\x03x"), "malformed MESSAGE: it has flags that mean nothing"),
    ("command flag of ZMTP", After::Ready, |it| it.message(b"\x04\x04PING\0\0"), "malformed MESSAGE: it has flags that mean nothing"),
    ("more outside", After::Ready, |it| frame(1, body(&it.message(b"\0x"))), "malformed MESSAGE: its frame says that more follow"),
    ("too large", After::Ready, |_| header(0, 100_033), "message of 100000 bytes, the limit is 65552"),
    ("endless", After::Ready, |_| header(0, u64::MAX), "message of 18446744073709551582 bytes, the limit is 65552"),
    ("too large when open", After::Ready, |it| it.message(&[&[0][..], &[7; 1001]].concat()), "message of 1001 bytes, the limit is 1000"),
    ("too large in all", After::Ready, |it| { [it.message(&[&[1][..], &[7; 600]].concat()), it.message(&[&[0][..], &[7; 600]].concat())].concat() }, "message of 1264 bytes, the limit is 1000"),
    ("sealed, and no command", After::Ready, |it| it.message(b"\x02"), "malformed command: its name ends beyond its body"),
    ("ping without ttl", After::Ready, |it| it.message(b"\x02\x04PING"), "malformed PING: it has no ttl"),
    ("ready once more", After::Ready, |it| it.message(b"\x02\x05READY"), "expected traffic, found READY"),
    ("sealed for the other direction", After::Ready, |it| frame(0, &it.message_as(b"CurveZMQMESSAGES", b"\0x")), "MESSAGE does not open: it is forged or damaged"),
    ("initiate in traffic", After::Ready, |it| it.initiate("PUSH"), "malformed MESSAGE: in traffic every frame is one"),
    ("error inside", After::Ready, |it| it.message(b"\x02\x05ERROR\x02no"), "peer refused the connection: no"),
];

/// A client that has come so far.
async fn come(bench: &Bench, client: &mut Client, after: After) -> Raw {
    let mut raw = bench.connect().await;
    raw.say(&curve_greeting()).await;
    let theirs = raw.hear(64).await;
    assert_eq!((&theirs[12..17], theirs[32]), (&b"CURVE"[..], 1));
    if after == After::Greeting {
        return raw;
    }
    raw.say(&client.hello()).await;
    let (flags, welcome) = raw.frame().await;
    assert_eq!(flags, 4);
    client.hear_welcome(&welcome);
    if after == After::Welcome {
        return raw;
    }
    let initiate = client.initiate("PUSH");
    raw.say(&initiate).await;
    let (flags, ready) = raw.frame().await;
    assert_eq!(flags, 4);
    assert_eq!(client.hear_ready(&ready), metadata("PULL"));
    raw
}

#[tokio::test]
async fn row_15_whatever_a_curve_client_does_wrong_it_is_closed_and_others_are_served() {
    let allowed = AllowList::new().with(PublicKey::from(public(&CLIENT)), "client");
    let pull = Pull::builder()
        .mechanism(Curve::server(pair(&SERVER)).allow(allowed))
        .max_message_size(1000)
        .build()
        .expect("no contradiction");
    let mut bench = Bench::new(pull).await;
    let mut good = Client::new();
    let mut good_raw = come(&bench, &mut good, After::Ready).await;

    check_names(OF_CLIENTS.iter().map(|(name, ..)| *name), 45);
    for (name, after, wrong, reason) in OF_CLIENTS {
        let mut client = Client::new();
        let mut raw = come(&bench, &mut client, *after).await;
        let bytes = wrong(&mut client);
        let _ = raw.try_say(&bytes).await;
        let phase = match after {
            After::Ready => Phase::Traffic,
            _ => Phase::Handshake,
        };
        bench.ends(name, &mut raw, phase, reason).await;
        while bench.pull.try_recv().is_ok() {}
        let inner = [b"\0", name.as_bytes()].concat();
        good_raw.say(&good.message(&inner)).await;
        bench.hears(name).await;
    }
}

#[tokio::test]
async fn row_15_a_refused_client_hears_a_code_at_most() {
    let pull = Pull::builder()
        .mechanism(Curve::server(pair(&SERVER)).allow([PublicKey::from(public(&STRANGER))]))
        .build()
        .expect("no contradiction");
    let bench = Bench::new(pull).await;
    // Not on the list; made for another server; damaged.
    let mut client = Client::new();
    let mut raw = come(&bench, &mut client, After::Welcome).await;
    raw.say(&client.initiate("PUSH")).await;
    assert_eq!(raw.end().await, command("ERROR", b"\x03400"));
    let mut client = Client::new();
    client.server = public(&STRANGER);
    let mut raw = come(&bench, &mut client, After::Greeting).await;
    raw.say(&client.hello()).await;
    assert_eq!(raw.end().await, command("ERROR", b"\x03400"));
    let mut client = Client::new();
    let mut raw = come(&bench, &mut client, After::Welcome).await;
    raw.say(&flipped(client.initiate("PUSH"), 200)).await;
    assert_eq!(raw.end().await, b"");
}

#[tokio::test]
async fn row_15_a_cookie_is_good_for_one_connection() {
    let pull = Pull::builder()
        .mechanism(Curve::server(pair(&SERVER)).allow_any())
        .build()
        .expect("no contradiction");
    let mut bench = Bench::new(pull).await;
    let mut first = Client::new();
    let mut raw = come(&bench, &mut first, After::Welcome).await;
    let stolen = (first.cookie.clone(), first.server_fresh);
    let initiate = first.initiate("PUSH");
    raw.say(&initiate).await;
    raw.frame().await;

    let mut second = Client::new();
    let mut raw = come(&bench, &mut second, After::Welcome).await;
    (second.cookie, second.server_fresh) = stolen;
    raw.say(&second.initiate("PUSH")).await;
    bench
        .ends("a stolen cookie", &mut raw, Phase::Handshake, NOT_LET_IN)
        .await;
    // The whole command, byte for byte, by the same client.
    let mut raw = come(&bench, &mut Client::new(), After::Welcome).await;
    raw.say(&initiate).await;
    bench
        .ends("a replayed INITIATE", &mut raw, Phase::Handshake, NOT_LET_IN)
        .await;
}

type Betrayal = fn(&mut Server) -> Vec<u8>;

/// How far our client has come when a server does something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Hello,
    Initiate,
    Traffic,
}

/// All that a server can do wrong.
#[rustfmt::skip] // A table reads best as one.
const OF_SERVERS: &[(&str, Said, Betrayal, &str)] = &[
    ("welcome short", Said::Hello, |it| frame(4, &body(&it.welcome())[..167]), "malformed WELCOME: it does not have 168 bytes"),
    ("welcome long", Said::Hello, |it| frame(4, &[body(&it.welcome()), b"!"].concat()), "malformed WELCOME: it does not have 168 bytes"),
    ("welcome damaged", Said::Hello, |it| flipped(it.welcome(), 100), "WELCOME does not open: the server does not have the key that we expect"),
    ("impostor", Said::Hello, |it| { it.own = STRANGER; it.welcome() }, "WELCOME does not open: the server does not have the key that we expect"),
    ("fresh key of low order", Said::Hello, |it| it.welcome_with(&[0; 32], &[17; 96]), "malformed the server's fresh key: it is of low order"),
    ("cookie too short", Said::Hello, |it| it.welcome_with(&public(&it.fresh), &[17; 95]), "malformed WELCOME: it does not have 168 bytes"),
    ("our own hello", Said::Hello, |_| command("HELLO", &[0; 194]), "expected WELCOME, found HELLO"),
    ("ready early", Said::Hello, |it| it.ready(b""), "expected WELCOME, found READY"),
    ("refused", Said::Hello, |_| command("ERROR", b"\x03400"), "the server refused our HELLO, as if its key were not the one that we expect: 400"),
    ("welcome twice", Said::Initiate, |it| it.welcome(), "expected READY, found WELCOME"),
    ("refused key", Said::Initiate, |_| command("ERROR", b"\x03400"), "the server refused our key: 400"),
    ("cannot tell", Said::Initiate, |_| command("ERROR", b"\x03500"), "the server refused our key: 500"),
    ("ready without nonce", Said::Initiate, |_| command("READY", &[0; 7]), "malformed READY: it is too short"),
    ("ready with nonce 0", Said::Initiate, |it| flipped(it.ready(b""), 15), "expected a nonce above the last one, found 0 after 0"),
    ("ready damaged", Said::Initiate, |it| flipped(it.ready(b""), 25), "READY does not open: it is forged or damaged"),
    ("ready in clear text", Said::Initiate, |_| command("READY", &metadata("PULL")), "READY does not open: it is forged or damaged"),
    ("metadata cut off", Said::Initiate, |it| it.ready(b"\x0BSocket"), "malformed metadata: a property ends beyond the command"),
    ("wrong kind", Said::Initiate, |it| it.ready(&metadata("PUB")), "peer announced PUB, a PUSH accepts PULL"),
    ("nonce of ready", Said::Traffic, |it| { it.nonce = 0; it.message(b"\0x") }, "expected a nonce above the last one, found 1 after 1"),
    ("forged", Said::Traffic, |it| flipped(it.message(b"\0x"), 30), "MESSAGE does not open: it is forged or damaged"),
    ("unsealed", Said::Traffic, |_| frame(0, b"in clear text"), "malformed MESSAGE: in traffic every frame is one"),
    ("a hello of its own", Said::Initiate, |_| command("HELLO", &[0; 194]), "expected READY, found HELLO"),
    ("message before ready", Said::Initiate, |it| it.message(b"\0early"), "expected READY, found MESSAGE"),
    ("property without name", Said::Initiate, |it| it.ready(b"\0\0\0\0\0"), "malformed metadata: a property has no name"),
    ("kind twice", Said::Initiate, |it| it.ready(&metadata("PULL").repeat(2)), "malformed metadata: Socket-Type is there twice"),
    ("identity too long", Said::Initiate, |it| it.ready(&property("Identity", &[7; 256])), "identity of 256 bytes, the limit is 255"),
    ("ready too large", Said::Initiate, |_| header(4, 8193), "handshake command of 8193 bytes, the limit is 8192"),
    ("replayed", Said::Traffic, |it| it.message(b"\x02\x04PONG").repeat(2), "expected a nonce above the last one, found 2 after 2"),
    ("out of order", Said::Traffic, |it| { let first = it.message(b"\x02\x04PONG"); [it.message(b"\x02\x04PONG"), first].concat() }, "expected a nonce above the last one, found 2 after 3"),
    ("sealed for the other direction", Said::Traffic, |it| frame(0, &it.message_as(b"CurveZMQMESSAGEC", b"\0x")), "MESSAGE does not open: it is forged or damaged"),
    ("too short", Said::Traffic, |it| it.message(b""), "malformed MESSAGE: it is too short"),
    ("unknown flags", Said::Traffic, |it| it.message(b"\x03x"), "malformed MESSAGE: it has flags that mean nothing"),
    ("more outside", Said::Traffic, |it| frame(1, body(&it.message(b"\0x"))), "malformed MESSAGE: its frame says that more follow"),
    ("ping without ttl", Said::Traffic, |it| it.message(b"\x02\x04PING"), "malformed PING: it has no ttl"),
    ("ready once more", Said::Traffic, |it| it.message(b"\x02\x05READY"), "expected traffic, found READY"),
    ("error inside", Said::Traffic, |it| it.message(b"\x02\x05ERROR\x02no"), "peer refused the connection: no"),
    ("error in clear text", Said::Traffic, |_| command("ERROR", b"\x0Fpadded to size!"), "malformed MESSAGE: in traffic every frame is one"),
];

#[tokio::test]
async fn row_15_whatever_a_curve_server_does_wrong_we_leave_and_others_are_spoken_with() {
    check_names(OF_SERVERS.iter().map(|(name, ..)| *name), 30);
    let ours = Curve::client(PublicKey::from(public(&SERVER)), pair(&CLIENT));
    let (mut caller, mut good_raw) = Caller::new(ours).await;
    let mut good = Server::new();
    serve(&mut good, &mut good_raw, Said::Traffic).await;
    for (name, said, betrayal, reason) in OF_SERVERS {
        let (endpoint, mut raw) = caller.call().await;
        let mut server = Server::new();
        serve(&mut server, &mut raw, *said).await;
        raw.say(&betrayal(&mut server)).await;
        caller.leaves(name, &endpoint, &mut raw, reason).await;
        caller.says(name).await;
        let (flags, sealed) = good_raw.frame().await;
        let inner = [b"\0", name.as_bytes()].concat();
        assert_eq!((flags & !2, good.hear_message(&sealed).1), (0, inner));
    }
}

/// A server that has come so far.
async fn serve(server: &mut Server, raw: &mut Raw, said: Said) {
    raw.say(&curve_greeting()).await;
    let theirs = raw.hear(64).await;
    assert_eq!((&theirs[12..17], theirs[32]), (&b"CURVE"[..], 0));
    server.hear_hello(&raw.frame().await.1);
    if said == Said::Hello {
        return;
    }
    raw.say(&server.welcome()).await;
    let (client, about) = server.hear_initiate(&raw.frame().await.1);
    assert_eq!((client, about), (public(&CLIENT), metadata("PUSH")));
    if said == Said::Traffic {
        raw.say(&server.ready(&metadata("PULL"))).await;
    }
}

#[tokio::test]
async fn an_honest_script_is_understood_and_understands_us() {
    // Both directions, with PING and PONG sealed as commands, and the outer frames those of messages.
    let rep = hubless::Rep::builder()
        .mechanism(Curve::server(pair(&SERVER)).allow_any())
        .property("X-Room", "7")
        .build()
        .expect("no contradiction");
    let at = rep.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let mut raw = Raw::connect(&at).await;
    let mut client = Client::new();
    raw.say(&[curve_greeting(), client.hello()].concat()).await;
    raw.hear(64).await;
    client.hear_welcome(&raw.frame().await.1);
    // INITIATE may come in a frame that says it is a message.
    let mut initiate = client.initiate("REQ");
    initiate[0] &= !4;
    raw.say(&initiate).await;
    let told = client.hear_ready(&raw.frame().await.1);
    assert_eq!(told, [metadata("REP"), property("X-Room", b"7")].concat());

    raw.say(&client.message(b"\x02\x04PING\0\0ctx")).await;
    let (flags, sealed) = raw.frame().await;
    assert_eq!(
        (flags, client.hear_message(&sealed)),
        (0, (2, b"\x02\x04PONGctx".to_vec()))
    );

    raw.say(&client.message(b"\x01")).await;
    // A command between the frames of one message.
    raw.say(&client.message(b"\x02\x04PING\0\0")).await;
    let as_command = frame(4, body(&client.message(b"\x00question")));
    raw.say(&as_command).await;
    let request = soon("a request", rep.recv_request()).await.expect("it is open");
    assert_eq!(*request.message(), "question");
    request.reply(["an", "answer"]).await.expect("it is open");
    let inner = [&b"\x02\x04PONG"[..], b"\x01", b"\x01an", b"\x00answer"];
    for (counter, inner) in (3..).zip(inner) {
        let (flags, sealed) = raw.frame().await;
        assert_eq!(
            (flags, client.hear_message(&sealed)),
            (0, (counter, inner.to_vec()))
        );
    }
}

#[tokio::test]
async fn subscriptions_are_sealed_in_the_form_that_the_version_wants() {
    for (minor, subscribe, cancel) in [
        (1, &b"\x02\x09SUBSCRIBEA"[..], &b"\x02\x06CANCELA"[..]),
        (0, b"\x00\x01A", b"\x00\x00A"),
    ] {
        let sub = hubless::Sub::builder()
            .mechanism(Curve::client(PublicKey::from(public(&SERVER)), pair(&CLIENT)))
            .build()
            .expect("no contradiction");
        sub.subscribe("A");
        let listener = RawListener::tcp().await;
        drop(sub.connect(listener.endpoint()).expect("an endpoint"));
        let mut raw = listener.accept().await;
        let mut server = Server::new();
        raw.say(&crate::bytes::greeting_of(3, minor, "CURVE")).await;
        raw.hear(64).await;
        server.hear_hello(&raw.frame().await.1);
        raw.say(&server.welcome()).await;
        server.hear_initiate(&raw.frame().await.1);
        raw.say(&server.ready(&metadata("PUB"))).await;
        assert_eq!(server.hear_message(&raw.frame().await.1), (3, subscribe.to_vec()));
        sub.unsubscribe("A");
        assert_eq!(server.hear_message(&raw.frame().await.1), (4, cancel.to_vec()));
    }
}

#[tokio::test]
async fn row_14_a_null_peer_is_told_which_mechanism_is_spoken_here() {
    let pull = Pull::builder()
        .mechanism(Curve::server(pair(&SERVER)).allow_any())
        .build()
        .expect("no contradiction");
    let mut bench = Bench::new(pull).await;
    let mut raw = bench.connect().await;
    raw.say(&greeting()).await;
    let told = raw.hear(64 + 2 + 6 + 1 + 31).await;
    assert!(
        told.ends_with(b"wrong mechanism, expected CURVE"),
        "{}",
        told.escape_ascii()
    );
    let reason = "peer announced the mechanism NULL, this socket uses CURVE";
    bench.ends("NULL", &mut raw, Phase::Handshake, reason).await;
}
