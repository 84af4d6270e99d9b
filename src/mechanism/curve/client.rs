//! The client of CURVE: it knows the server's key, and shows its own only to who has that.
//!
//! ```text
//! HELLO ──▶ await WELCOME ──INITIATE──▶ await READY ──▶ done
//!   C'           S', cookie    C, vouch     metadata
//! ```
//!
//! Capital letters are public keys, small ones secret keys; those with a stroke are fresh for this connection. The vouch
//! proves that the owner of c has made C' for the owner of s': it cannot be used elsewhere.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::boxes::{SharedKey, long_nonce, short_nonce};
use super::cipher::{Cipher, Counter, later_than};
use super::keys::{KeyPair, PublicKey, SecretKey};
use super::{COOKIE, Entropy, low_order, malformed, unopened};
use crate::error::{ProtocolError, escaped};
use crate::mechanism::auth::Admission;
use crate::mechanism::{Handshake, Outcome, Progress};
use crate::wire::command::{self, Command};
use crate::wire::metadata::Metadata;

/// What a client knows from the beginning.
#[derive(Debug)]
pub(crate) struct ClientKeys {
    pub(super) server: PublicKey,
    pub(super) own: KeyPair,
}

/// What a client waits for.
#[derive(Debug)]
pub(crate) enum Client {
    Welcome(Box<Greeted>),
    Ready(Box<Vouched>),
}

/// HELLO is out.
pub(crate) struct Greeted {
    keys: Arc<ClientKeys>,
    /// c' and C'.
    fresh: KeyPair,
    /// Of c' and S.
    key: SharedKey,
    vouch_nonce: [u8; 16],
}

/// INITIATE is out.
pub(crate) struct Vouched {
    /// Of c' and S'.
    key: SharedKey,
}

/// The nonces of HELLO and INITIATE; traffic counts on from there.
const HELLO: u64 = 1;
const INITIATE: u64 = 2;

impl Client {
    pub(super) fn start(
        keys: &Arc<ClientKeys>,
        entropy: &mut Entropy<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Self, ProtocolError> {
        let fresh = KeyPair::from(SecretKey::from(entropy.take()?));
        let key = SharedKey::agree(fresh.secret_key(), &keys.server).ok_or(low_order("the server's key"))?;
        let mut hello = Vec::new();
        let nonce = short_nonce(b"CurveZMQHELLO---", HELLO);
        key.put_box(&nonce, &[&[0; 64]], &mut hello);
        command::put_hello(
            out,
            &[
                &super::VERSION,
                &[0; 72],
                fresh.public_key().as_bytes(),
                &HELLO.to_be_bytes(),
                &hello,
            ],
        );
        Ok(Self::Welcome(Box::new(Greeted {
            keys: keys.clone(),
            fresh,
            key,
            vouch_nonce: entropy.take()?,
        })))
    }

    pub(crate) fn handle_command(
        self,
        command: Command<'_>,
        metadata: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, ProtocolError> {
        match (self, command) {
            (Self::Welcome(state), Command::Welcome(data)) => state.initiate(data, metadata, out),
            (Self::Ready(state), Command::Ready(data)) => state.finish(data),
            (Self::Welcome(_), Command::Error(reason)) => Err(ProtocolError::CredentialsRefused {
                credentials: "HELLO, as if its key were not the one that we expect",
                reason: escaped(reason),
            }),
            (Self::Ready(_), Command::Error(reason)) => Err(ProtocolError::CredentialsRefused {
                credentials: "key",
                reason: escaped(reason),
            }),
            (state, other) => Err(ProtocolError::Unexpected {
                expected: match state {
                    Self::Welcome(_) => "WELCOME",
                    Self::Ready(_) => "READY",
                },
                found: escaped(other.name()),
            }),
        }
    }

    /// A server of libzmq that cannot open a HELLO closes without a word.
    pub(crate) fn explain_end(&self) -> Option<ProtocolError> {
        Some(match self {
            Self::Welcome(_) => ProtocolError::ClosedUpon {
                command: "HELLO",
                guess: "perhaps its key is not the one that we expect",
            },
            Self::Ready(_) => ProtocolError::ClosedUpon {
                command: "INITIATE",
                guess: "perhaps it does not let our key in, or not now",
            },
        })
    }
}

impl Greeted {
    fn initiate(self, welcome: &[u8], metadata: &[u8], out: &mut Vec<u8>) -> Result<Progress, ProtocolError> {
        let (nonce, sealed) = welcome
            .split_first_chunk()
            .filter(|_| welcome.len() == 160)
            .ok_or(malformed("WELCOME", "it does not have 168 bytes"))?;
        let opened = self
            .key
            .open_box(&long_nonce(b"WELCOME-", nonce), sealed)
            .ok_or(unopened(
                "WELCOME",
                "the server does not have the key that we expect",
            ))?;
        let (server, cookie) = opened
            .split_first_chunk::<32>()
            .filter(|(_, cookie)| cookie.len() == COOKIE)
            .ok_or(malformed("WELCOME", "it does not have 168 bytes"))?;
        let server = PublicKey::from(*server);

        let own = &self.keys.own;
        let vouching =
            SharedKey::agree(own.secret_key(), &server).ok_or(low_order("the server's fresh key"))?;
        let mut vouch = Vec::new();
        vouching.put_box(
            &long_nonce(b"VOUCH---", &self.vouch_nonce),
            &[self.fresh.public_key().as_bytes(), self.keys.server.as_bytes()],
            &mut vouch,
        );

        let key =
            SharedKey::agree(self.fresh.secret_key(), &server).ok_or(low_order("the server's fresh key"))?;
        let mut initiate = Vec::new();
        key.put_box(
            &short_nonce(b"CurveZMQINITIATE", INITIATE),
            &[own.public_key().as_bytes(), &self.vouch_nonce, &vouch, metadata],
            &mut initiate,
        );
        command::put_initiate(out, &[cookie, &INITIATE.to_be_bytes(), &initiate]);
        let state = Client::Ready(Box::new(Vouched { key }));
        Ok(Progress::Await(Handshake::CurveClient(state)))
    }
}

impl Vouched {
    fn finish(self, ready: &[u8]) -> Result<Progress, ProtocolError> {
        let (nonce, sealed) = ready
            .split_first_chunk()
            .ok_or(malformed("READY", "it is too short"))?;
        let nonce = later_than(0, u64::from_be_bytes(*nonce))?;
        let metadata: Zeroizing<Vec<u8>> = self
            .key
            .open_box(&short_nonce(b"CurveZMQREADY---", nonce), sealed)
            .ok_or(unopened("READY", "it is forged or damaged"))?;
        let cipher = Cipher::new(self.key, Counter::of_client(INITIATE), Counter::of_server(nonce));
        Ok(Progress::Done(Outcome {
            metadata: Metadata::decode(&metadata)?,
            admission: Admission::default(),
            spelling: Some(Box::new(cipher)),
        }))
    }
}

impl fmt::Debug for Greeted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeted")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vouched").finish_non_exhaustive()
    }
}
