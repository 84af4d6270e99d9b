//! Peers that are scripts: how PLAIN and CURVE are spelled, from the specification and with libsodium's boxes, so that a
//! mistake of ours is not made here too. Each piece can be spoilt before it is sealed, or after.

use peers::sodium::{self, Key, Nonce};

use crate::bytes::{command, frame, greeting_of, property};

/// What a peer of this kind says of itself.
pub(crate) fn metadata(kind: &str) -> Vec<u8> {
    property("Socket-Type", kind.as_bytes())
}

pub(crate) fn plain_greeting() -> Vec<u8> {
    greeting_of(3, 1, "PLAIN")
}

pub(crate) fn plain_hello(name: &str, password: &str) -> Vec<u8> {
    let mut data = vec![name.len() as u8];
    data.extend(name.as_bytes());
    data.push(password.len() as u8);
    data.extend(password.as_bytes());
    command("HELLO", &data)
}

pub(crate) fn curve_greeting() -> Vec<u8> {
    greeting_of(3, 1, "CURVE")
}

/// A nonce of 16 bytes prefix and a counter.
pub(crate) fn short(prefix: &[u8; 16], counter: u64) -> Nonce {
    [&prefix[..], &counter.to_be_bytes()]
        .concat()
        .try_into()
        .expect("24 bytes")
}

/// A nonce of 8 bytes prefix and 16 others.
pub(crate) fn long(prefix: &[u8; 8], random: &[u8]) -> Nonce {
    [&prefix[..], random].concat().try_into().expect("24 bytes")
}

/// The body of a frame in its short or long form.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    match frame[0] & 0x02 {
        0 => &frame[2..],
        _ => &frame[9..],
    }
}

/// Secret keys that tests use.
pub(crate) const SERVER: Key = [11; 32];
pub(crate) const CLIENT: Key = [12; 32];
pub(crate) const STRANGER: Key = [13; 32];

pub(crate) fn public(secret: &Key) -> Key {
    sodium::public_key(secret)
}

/// The body of a MESSAGE; `inner` are flags and body.
fn sealed_message(prefix: &[u8; 16], nonce: u64, inner: &[u8], theirs: &Key, ours: &Key) -> Vec<u8> {
    let sealed = sodium::seal(inner, &short(prefix, nonce), theirs, ours).expect("a good key");
    [&b"\x07MESSAGE"[..], &nonce.to_be_bytes(), &sealed].concat()
}

/// A client of CURVE, up to any point of its handshake.
#[derive(Clone)]
pub(crate) struct Client {
    /// Whom it takes the server for.
    pub(crate) server: Key,
    pub(crate) own: Key,
    pub(crate) fresh: Key,
    /// From WELCOME.
    pub(crate) cookie: Vec<u8>,
    pub(crate) server_fresh: Key,
    /// Of the last command.
    pub(crate) nonce: u64,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            server: public(&SERVER),
            own: CLIENT,
            fresh: [14; 32],
            cookie: Vec::new(),
            server_fresh: [0; 32],
            nonce: 0,
        }
    }

    fn next(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    pub(crate) fn hello(&mut self) -> Vec<u8> {
        self.hello_with([1, 0], &[0; 64])
    }

    pub(crate) fn hello_with(&mut self, version: [u8; 2], zeros: &[u8]) -> Vec<u8> {
        let nonce = self.next();
        let sealed = sodium::seal(
            zeros,
            &short(b"CurveZMQHELLO---", nonce),
            &self.server,
            &self.fresh,
        );
        let data = [
            &version[..],
            &[0; 72],
            &public(&self.fresh),
            &nonce.to_be_bytes(),
            &sealed.expect("a good key"),
        ];
        command("HELLO", &data.concat())
    }

    /// Takes the body of WELCOME.
    pub(crate) fn hear_welcome(&mut self, body: &[u8]) {
        assert_eq!((body.len(), &body[..8]), (168, &b"\x07WELCOME"[..]));
        let nonce = long(b"WELCOME-", &body[8..24]);
        let opened = sodium::open(&body[24..], &nonce, &self.server, &self.fresh).expect("it is for us");
        self.server_fresh = opened[..32].try_into().expect("32 bytes");
        self.cookie = opened[32..].to_vec();
    }

    /// C, the vouch's nonce, the vouch.
    pub(crate) fn vouch(&self) -> Vec<u8> {
        self.vouch_for(&public(&self.fresh), &self.server.clone(), &public(&self.own))
    }

    pub(crate) fn vouch_for(&self, fresh: &Key, server: &Key, shown: &Key) -> Vec<u8> {
        let nonce = [15; 16];
        let sealed = sodium::seal(
            &[&fresh[..], server].concat(),
            &long(b"VOUCH---", &nonce),
            &self.server_fresh,
            &self.own,
        );
        [&shown[..], &nonce, &sealed.expect("a good key")].concat()
    }

    pub(crate) fn initiate(&mut self, kind: &str) -> Vec<u8> {
        let vouch = self.vouch();
        self.initiate_with(&vouch, &metadata(kind))
    }

    pub(crate) fn initiate_with(&mut self, vouch: &[u8], metadata: &[u8]) -> Vec<u8> {
        let nonce = self.next();
        let sealed = sodium::seal(
            &[vouch, metadata].concat(),
            &short(b"CurveZMQINITIATE", nonce),
            &self.server_fresh,
            &self.fresh,
        );
        let data = [
            &self.cookie[..],
            &nonce.to_be_bytes(),
            &sealed.expect("a good key"),
        ];
        command("INITIATE", &data.concat())
    }

    /// The metadata in the body of READY.
    pub(crate) fn hear_ready(&self, body: &[u8]) -> Vec<u8> {
        assert_eq!(&body[..6], b"\x05READY");
        let nonce = u64::from_be_bytes(body[6..14].try_into().expect("8 bytes"));
        let nonce = short(b"CurveZMQREADY---", nonce);
        sodium::open(&body[14..], &nonce, &self.server_fresh, &self.fresh).expect("it is for us")
    }

    /// A frame sealed as MESSAGE; `inner` are flags and body.
    pub(crate) fn message(&mut self, inner: &[u8]) -> Vec<u8> {
        let nonce = self.next();
        frame(0, &self.message_body(nonce, inner))
    }

    pub(crate) fn message_body(&self, nonce: u64, inner: &[u8]) -> Vec<u8> {
        sealed_message(b"CurveZMQMESSAGEC", nonce, inner, &self.server_fresh, &self.fresh)
    }

    /// The body of the next MESSAGE, with a prefix that may be the other side's.
    pub(crate) fn message_as(&mut self, prefix: &[u8; 16], inner: &[u8]) -> Vec<u8> {
        let nonce = self.next();
        sealed_message(prefix, nonce, inner, &self.server_fresh, &self.fresh)
    }

    /// Nonce, flags and body in the body of a MESSAGE.
    pub(crate) fn hear_message(&self, body: &[u8]) -> (u64, Vec<u8>) {
        assert_eq!(&body[..8], b"\x07MESSAGE");
        let counter = u64::from_be_bytes(body[8..16].try_into().expect("8 bytes"));
        let nonce = short(b"CurveZMQMESSAGES", counter);
        let opened = sodium::open(&body[16..], &nonce, &self.server_fresh, &self.fresh);
        (counter, opened.expect("it is for us"))
    }
}

/// A server of CURVE, up to any point of its handshake.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) own: Key,
    pub(crate) fresh: Key,
    /// From HELLO.
    pub(crate) client_fresh: Key,
    pub(crate) nonce: u64,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            own: SERVER,
            fresh: [16; 32],
            client_fresh: [0; 32],
            nonce: 0,
        }
    }

    /// Takes the body of HELLO.
    pub(crate) fn hear_hello(&mut self, body: &[u8]) {
        assert_eq!((body.len(), &body[..6]), (200, &b"\x05HELLO"[..]));
        self.client_fresh = body[80..112].try_into().expect("32 bytes");
        let nonce = u64::from_be_bytes(body[112..120].try_into().expect("8 bytes"));
        let nonce = short(b"CurveZMQHELLO---", nonce);
        let zeros = sodium::open(&body[120..], &nonce, &self.client_fresh, &self.own);
        assert_eq!(zeros.expect("it is for us"), [0; 64]);
    }

    pub(crate) fn welcome(&self) -> Vec<u8> {
        self.welcome_with(&public(&self.fresh), &[17; 96])
    }

    pub(crate) fn welcome_with(&self, fresh: &Key, cookie: &[u8]) -> Vec<u8> {
        let nonce = [18; 16];
        let sealed = sodium::seal(
            &[&fresh[..], cookie].concat(),
            &long(b"WELCOME-", &nonce),
            &self.client_fresh,
            &self.own,
        );
        command("WELCOME", &[&nonce[..], &sealed.expect("a good key")].concat())
    }

    /// The client's key and metadata in the body of INITIATE, whose vouch is checked.
    pub(crate) fn hear_initiate(&self, body: &[u8]) -> (Key, Vec<u8>) {
        assert_eq!((&body[..9], &body[9..105]), (&b"\x08INITIATE"[..], &[17; 96][..]));
        let nonce = u64::from_be_bytes(body[105..113].try_into().expect("8 bytes"));
        let nonce = short(b"CurveZMQINITIATE", nonce);
        let opened =
            sodium::open(&body[113..], &nonce, &self.client_fresh, &self.fresh).expect("it is for us");
        let client: Key = opened[..32].try_into().expect("32 bytes");
        let nonce = long(b"VOUCH---", &opened[32..48]);
        let vouch = sodium::open(&opened[48..128], &nonce, &client, &self.fresh).expect("it is its own key");
        assert_eq!(vouch, [self.client_fresh, public(&self.own)].concat());
        (client, opened[128..].to_vec())
    }

    pub(crate) fn ready(&mut self, metadata: &[u8]) -> Vec<u8> {
        self.nonce += 1;
        let sealed = sodium::seal(
            metadata,
            &short(b"CurveZMQREADY---", self.nonce),
            &self.client_fresh,
            &self.fresh,
        );
        let data = [&self.nonce.to_be_bytes()[..], &sealed.expect("a good key")];
        command("READY", &data.concat())
    }

    pub(crate) fn message(&mut self, inner: &[u8]) -> Vec<u8> {
        frame(0, &self.message_as(b"CurveZMQMESSAGES", inner))
    }

    /// The body of the next MESSAGE, with a prefix that may be the other side's.
    pub(crate) fn message_as(&mut self, prefix: &[u8; 16], inner: &[u8]) -> Vec<u8> {
        self.nonce += 1;
        sealed_message(prefix, self.nonce, inner, &self.client_fresh, &self.fresh)
    }

    /// Nonce, flags and body in the body of a MESSAGE.
    pub(crate) fn hear_message(&self, body: &[u8]) -> (u64, Vec<u8>) {
        assert_eq!(&body[..8], b"\x07MESSAGE");
        let counter = u64::from_be_bytes(body[8..16].try_into().expect("8 bytes"));
        let nonce = short(b"CurveZMQMESSAGEC", counter);
        let opened = sodium::open(&body[16..], &nonce, &self.client_fresh, &self.fresh);
        (counter, opened.expect("it is for us"))
    }
}
