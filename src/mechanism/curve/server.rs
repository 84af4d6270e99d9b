//! The server of CURVE: it proves its own key by opening HELLO, and believes the client's when the vouch is whole.
//!
//! ```text
//! await HELLO ──WELCOME──▶ await INITIATE ──ask, if somebody decides──▶ await verdict ──READY──▶ done
//!     C'        S', cookie     C, vouch, metadata                                   metadata
//! ```
//!
//! The cookie is made by the book, so that no client sees a difference; but since a connection is a connection, the
//! server keeps what it has put into it, and takes an INITIATE that brings back exactly this cookie: no other
//! connection's, and, as the state goes with it, only once.
//!
//! A stranger that knows nothing costs at most one agreement for each of our keys, of which there are two at most.
//! Nothing that is not sealed with both fresh keys is parsed.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::boxes::{SharedKey, long_nonce, short_nonce};
use super::cipher::{Cipher, Counter, later_than};
use super::keys::{KeyPair, PublicKey, SecretKey};
use super::{COOKIE, Entropy, VERSION, low_order, malformed, unopened};
use crate::error::{ProtocolError, escaped};
use crate::mechanism::auth::{Admission, Credentials};
use crate::mechanism::{Handshake, Outcome, Progress};
use crate::wire::command::{self, Command};
use crate::wire::metadata::Metadata;

/// What a server waits for.
#[derive(Debug)]
pub(crate) enum Server {
    Hello(Box<Fresh>),
    Initiate(Box<Welcomed>),
    Verdict(Box<Proved>),
}

/// Nothing has come.
pub(crate) struct Fresh {
    /// Our keys: of both, while one takes the place of the other.
    keys: Vec<Arc<KeyPair>>,
    asks: bool,
    /// s'. Its public key costs something, so it is made for those who know ours.
    fresh: SecretKey,
    welcome_nonce: [u8; 16],
    cookie_nonce: [u8; 16],
    cookie_key: Zeroizing<[u8; 32]>,
}

/// WELCOME is out.
pub(crate) struct Welcomed {
    /// Of ours the one that the client knows.
    known: PublicKey,
    asks: bool,
    fresh: SecretKey,
    /// C'.
    client: PublicKey,
    /// Of HELLO.
    nonce: u64,
    cookie: Vec<u8>,
}

/// The client has the key that it shows.
pub(crate) struct Proved {
    /// Of s' and C'.
    key: SharedKey,
    /// Of INITIATE.
    nonce: u64,
    metadata: Metadata,
}

/// The nonce of READY; traffic counts on from there.
const READY: u64 = 1;

/// Of INITIATE what comes before the metadata: C, a nonce, the vouch.
const IDENTIFIED: usize = 32 + 16 + 80;

impl Server {
    pub(super) fn start(
        keys: Vec<Arc<KeyPair>>,
        asks: bool,
        entropy: &mut Entropy<'_>,
    ) -> Result<Self, ProtocolError> {
        Ok(Self::Hello(Box::new(Fresh {
            keys,
            asks,
            fresh: SecretKey::from(entropy.take()?),
            welcome_nonce: entropy.take()?,
            cookie_nonce: entropy.take()?,
            cookie_key: Zeroizing::new(entropy.take()?),
        })))
    }

    pub(crate) fn handle_command(
        self,
        command: Command<'_>,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (self, command) {
            (Self::Hello(state), Command::Hello(data)) => state.welcome(data, out),
            (Self::Initiate(state), Command::Initiate(data)) => state.identify(data, metadata, out),
            (state, other) => Err(ProtocolError::Unexpected {
                expected: match state {
                    Self::Hello(_) => "HELLO",
                    Self::Initiate(_) => "INITIATE",
                    Self::Verdict(_) => "nothing before READY",
                },
                found: escaped(other.name()),
            }),
        }
    }

    /// The client may enter.
    pub(crate) fn admit(
        self,
        admission: Admission,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match self {
            Self::Verdict(state) => Ok(state.admit(admission, metadata, out)),
            other => Ok(Progress::Await(Handshake::CurveServer(other))),
        }
    }
}

impl Fresh {
    fn welcome(self, hello: &[u8], out: &mut Vec<u8>) -> Result<Progress, ProtocolError> {
        const SIZE: usize = 194;
        let wrong_size = || malformed("HELLO", "it does not have 200 bytes");
        let (version, rest) = hello
            .split_first_chunk()
            .filter(|_| hello.len() == SIZE)
            .ok_or_else(wrong_size)?;
        if *version != VERSION {
            return Err(malformed("HELLO", "it is of another version of CURVE than 1.0"));
        }
        let (_padding, rest) = rest.split_first_chunk::<72>().ok_or_else(wrong_size)?;
        let (client, rest) = rest.split_first_chunk::<32>().ok_or_else(wrong_size)?;
        let (nonce, sealed) = rest.split_first_chunk::<8>().ok_or_else(wrong_size)?;
        let client = PublicKey::from(*client);
        let nonce = later_than(0, u64::from_be_bytes(*nonce))?;

        let (known, key) = self.recognise(&client, &short_nonce(b"CurveZMQHELLO---", nonce), sealed)?;
        let cookie = self.cookie(&client);
        let fresh = KeyPair::from(self.fresh);
        let mut welcome = Vec::new();
        key.put_box(
            &long_nonce(b"WELCOME-", &self.welcome_nonce),
            &[fresh.public_key().as_bytes(), &cookie],
            &mut welcome,
        );
        command::put_welcome(out, &[&self.welcome_nonce, &welcome]);
        let state = Server::Initiate(Box::new(Welcomed {
            known,
            asks: self.asks,
            fresh: fresh.secret_key().clone(),
            client,
            nonce,
            cookie,
        }));
        Ok(Progress::Await(Handshake::CurveServer(state)))
    }

    /// Which of our keys the client knows, and what that agrees on with C'.
    fn recognise(
        &self,
        client: &PublicKey,
        nonce: &[u8; 24],
        sealed: &[u8],
    ) -> Result<(PublicKey, SharedKey), ProtocolError> {
        for ours in &self.keys {
            let key =
                SharedKey::agree(ours.secret_key(), client).ok_or(low_order("the client's fresh key"))?;
            match key.open_box(nonce, sealed) {
                Some(zeros) if bool::from(zeros.ct_eq(&[0; 64])) => return Ok((ours.public_key(), key)),
                Some(_) => return Err(malformed("HELLO", "what is sealed in it are not 64 zeros")),
                None => {}
            }
        }
        Err(unopened("HELLO", "it is for another server key than ours"))
    }

    fn cookie(&self, client: &PublicKey) -> Vec<u8> {
        let mut cookie = self.cookie_nonce.to_vec();
        SharedKey::of_our_own(&self.cookie_key).put_box(
            &long_nonce(b"COOKIE--", &self.cookie_nonce),
            &[client.as_bytes(), self.fresh.expose()],
            &mut cookie,
        );
        cookie
    }
}

impl Welcomed {
    fn identify(
        self,
        initiate: &[u8],
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        let short = || malformed("INITIATE", "it is too short");
        let (cookie, rest) = initiate.split_first_chunk::<COOKIE>().ok_or_else(short)?;
        if !bool::from(cookie.ct_eq(&self.cookie)) {
            return Err(malformed(
                "INITIATE",
                "its cookie is not the one that it was given",
            ));
        }
        let (nonce, sealed) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let nonce = later_than(self.nonce, u64::from_be_bytes(*nonce))?;
        let key = SharedKey::agree(&self.fresh, &self.client).ok_or(low_order("the client's fresh key"))?;
        let opened = key
            .open_box(&short_nonce(b"CurveZMQINITIATE", nonce), sealed)
            .ok_or(unopened("INITIATE", "it is forged or damaged"))?;
        let (identified, theirs) = opened.split_first_chunk::<IDENTIFIED>().ok_or_else(short)?;
        let client = self.check_vouch(identified)?;
        let proved = Proved {
            key,
            nonce,
            metadata: Metadata::decode(theirs)?,
        };
        if self.asks {
            let state = Server::Verdict(Box::new(proved));
            return Ok(Progress::Ask(
                Handshake::CurveServer(state),
                Credentials::Curve(client),
            ));
        }
        Ok(proved.admit(Admission::default(), metadata, out))
    }

    /// Whose key it is that the client has.
    fn check_vouch(&self, identified: &[u8; IDENTIFIED]) -> Result<PublicKey, ProtocolError> {
        let short = || malformed("INITIATE", "it is too short");
        let (client, rest) = identified.split_first_chunk::<32>().ok_or_else(short)?;
        let (nonce, vouch) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        let client = PublicKey::from(*client);
        let key = SharedKey::agree(&self.fresh, &client).ok_or(low_order("the client's key"))?;
        let vouched = key
            .open_box(&long_nonce(b"VOUCH---", nonce), vouch)
            .ok_or(unopened(
                "the vouch in INITIATE",
                "the client does not have the key that it shows",
            ))?;
        let (fresh, server) = vouched.split_first_chunk::<32>().ok_or_else(short)?;
        // libzmq compares the first of the two only.
        let is_for_us = fresh.ct_eq(self.client.as_bytes()) & server.ct_eq(self.known.as_bytes());
        if bool::from(is_for_us) {
            Ok(client)
        } else {
            Err(malformed("INITIATE", "its vouch is for another connection"))
        }
    }
}

impl Proved {
    fn admit(self, admission: Admission, metadata: &[u8], out: &mut Vec<u8>) -> Progress {
        let mut ready = Vec::new();
        self.key
            .put_box(&short_nonce(b"CurveZMQREADY---", READY), &[metadata], &mut ready);
        command::put_ready(out, &[&READY.to_be_bytes(), &ready[..]].concat());
        let cipher = Cipher::new(
            self.key,
            Counter::of_server(READY),
            Counter::of_client(self.nonce),
        );
        Progress::Done(Outcome {
            metadata: self.metadata,
            admission,
            spelling: Some(Box::new(cipher)),
        })
    }
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh")
            .field("asks", &self.asks)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Welcomed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Welcomed")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proved")
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
