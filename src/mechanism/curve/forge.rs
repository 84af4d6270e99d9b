//! A peer that has all keys it needs and seals whatever it likes: what a fuzzer plays against both roles of CURVE.
//!
//! A fuzzer does not break the cryptography, so what is behind it would never be reached by bytes of chance. Here the
//! bytes are what is sealed. All keys are fixed; those of the side under test follow from the randomness that it is
//! given ([`entropy`]).

use std::sync::OnceLock;

use super::boxes::{SharedKey, long_nonce, short_nonce};
use super::cipher::{Cipher, Counter};
use super::keys::{KeyPair, PublicKey, SecretKey};
use super::{CLIENT_ENTROPY, COOKIE, SERVER_ENTROPY};

/// The key pair that everybody knows the server by.
pub(crate) fn server() -> KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| SecretKey::from([1; 32]).into()).clone()
}

/// And the client.
pub(crate) fn client() -> KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| SecretKey::from([2; 32]).into()).clone()
}

/// The fresh pair of the side under test, which follows from its randomness; and of the other.
fn fresh() -> &'static [KeyPair; 2] {
    static PAIRS: OnceLock<[KeyPair; 2]> = OnceLock::new();
    PAIRS.get_or_init(|| [3, 4].map(|seed| SecretKey::from([seed; 32]).into()))
}

/// Both ends of a line, of a client and a server that have agreed.
pub(crate) fn ciphers() -> (Cipher, Cipher) {
    let key = || SharedKey::of_our_own(&[8; 32]);
    let (of_client, of_server) = (Counter::of_client(2), Counter::of_server(1));
    (
        Cipher::new(key(), of_client, of_server),
        Cipher::new(key(), of_server, of_client),
    )
}

/// Randomness for the side under test.
pub(crate) fn entropy() -> Vec<u8> {
    vec![3; SERVER_ENTROPY.max(CLIENT_ENTROPY)]
}

/// The other side. What it says are the bodies of commands.
pub(crate) struct Forger {
    own: KeyPair,
    fresh: KeyPair,
    /// Of the side under test.
    their: PublicKey,
    their_fresh: PublicKey,
    is_client: bool,
}

impl Forger {
    pub(crate) fn client() -> Self {
        Self::new(client(), server(), true)
    }

    pub(crate) fn server() -> Self {
        Self::new(server(), client(), false)
    }

    fn new(own: KeyPair, their: KeyPair, is_client: bool) -> Self {
        Self {
            own,
            fresh: fresh()[1].clone(),
            their: their.public_key(),
            their_fresh: fresh()[0].public_key(),
            is_client,
        }
    }

    /// Of our fresh key and theirs.
    fn key(&self) -> SharedKey {
        agree(&self.fresh, &self.their_fresh)
    }

    /// HELLO with this in its box.
    pub(crate) fn hello(&self, version: [u8; 2], nonce: u64, text: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        agree(&self.fresh, &self.their).put_box(
            &short_nonce(b"CurveZMQHELLO---", nonce),
            &[text],
            &mut sealed,
        );
        let fresh = self.fresh.public_key();
        [
            &b"\x05HELLO"[..],
            &version,
            &[0; 72],
            fresh.as_bytes(),
            &nonce.to_be_bytes(),
            &sealed,
        ]
        .concat()
    }

    /// The cookie in the body of WELCOME.
    pub(crate) fn cookie(&self, welcome: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = welcome.strip_prefix(b"\x07WELCOME")?.split_first_chunk()?;
        let key = agree(&self.fresh, &self.their);
        let opened = key.open_box(&long_nonce(b"WELCOME-", nonce), sealed)?;
        opened.get(32..).map(<[u8]>::to_vec)
    }

    /// C, a nonce, the vouch; in the vouch is this, or what should be.
    pub(crate) fn vouch(&self, text: Option<&[u8]>) -> Vec<u8> {
        let good = [*self.fresh.public_key().as_bytes(), *self.their.as_bytes()].concat();
        let nonce = [5; 16];
        let mut vouch = Vec::new();
        let key = agree(&self.own, &self.their_fresh);
        key.put_box(
            &long_nonce(b"VOUCH---", &nonce),
            &[text.unwrap_or(&good)],
            &mut vouch,
        );
        [self.own.public_key().as_bytes(), &nonce[..], &vouch].concat()
    }

    /// INITIATE with this in its box.
    pub(crate) fn initiate(&self, cookie: &[u8], nonce: u64, texts: &[&[u8]]) -> Vec<u8> {
        let mut body = [&b"\x08INITIATE"[..], cookie, &nonce.to_be_bytes()].concat();
        self.key()
            .put_box(&short_nonce(b"CurveZMQINITIATE", nonce), texts, &mut body);
        body
    }

    /// WELCOME with this in its box, or what should be.
    pub(crate) fn welcome(&self, hello: &[u8], text: Option<&[u8]>) -> Vec<u8> {
        let client = hello.get(80..112).and_then(<[u8]>::first_chunk);
        let client = PublicKey::from(*client.unwrap_or(&[9; 32]));
        let good = [&self.fresh.public_key().as_bytes()[..], &[6; COOKIE]].concat();
        let nonce = [7; 16];
        let mut body = [&b"\x07WELCOME"[..], &nonce].concat();
        agree(&self.own, &client).put_box(
            &long_nonce(b"WELCOME-", &nonce),
            &[text.unwrap_or(&good)],
            &mut body,
        );
        body
    }

    /// READY with these metadata.
    pub(crate) fn ready(&self, nonce: u64, metadata: &[u8]) -> Vec<u8> {
        let mut body = [&b"\x05READY"[..], &nonce.to_be_bytes()].concat();
        let nonce = short_nonce(b"CurveZMQREADY---", nonce);
        self.key().put_box(&nonce, &[metadata], &mut body);
        body
    }

    /// MESSAGE with these flags and body.
    pub(crate) fn message(&self, nonce: u64, inner: &[u8]) -> Vec<u8> {
        let mut body = [&b"\x07MESSAGE"[..], &nonce.to_be_bytes()].concat();
        let prefix = match self.is_client {
            true => b"CurveZMQMESSAGEC",
            false => b"CurveZMQMESSAGES",
        };
        self.key()
            .put_box(&short_nonce(prefix, nonce), &[inner], &mut body);
        body
    }
}

/// All keys here are good ones.
fn agree(ours: &KeyPair, theirs: &PublicKey) -> SharedKey {
    SharedKey::agree(ours.secret_key(), theirs).unwrap_or(SharedKey::of_our_own(&[0; 32]))
}
