//! CURVE: everything is encrypted, both sides prove who they are, and what is seen today does not help to read what was
//! said yesterday ([RFC 25] and [RFC 26]; where they differ from libzmq, libzmq).
//!
//! ```text
//! client                                      server
//! HELLO     C', a box for S          ──▶      has s, so it can open it
//!           has it opened, so it is S  ◀──    WELCOME    S' and a cookie, in a box for C'
//! INITIATE  cookie, C, vouch, metadata ──▶    C has made C' for this connection: who may enter?
//!                                    ◀──      READY      metadata
//! MESSAGE …                          ◀─▶      MESSAGE …
//! ```
//!
//! * [`keys`]: who somebody is, as bytes and as text ([`z85`]).
//! * [`boxes`]: the cryptography, of well-kept crates; see `docs/decisions.md` for which and why.
//! * [`client`], [`server`]: the handshake.
//! * Traffic: [`cipher`].
//! * [`policy`]: whom a server lets in, and with which keys it can be reached.
//!
//! What is wrong is told to our monitor in full, and to the peer as a code or not at all. Randomness comes from
//! outside, as [`Entropy`]; who forgets it gets an error, not a weak key.
//!
//! [RFC 25]: https://rfc.zeromq.org/spec/25/
//! [RFC 26]: https://rfc.zeromq.org/spec/26/

mod boxes;
mod cipher;
pub(super) mod client;
#[cfg(any(test, fuzzing))]
pub(crate) mod forge;
pub(crate) mod keys;
pub(crate) mod policy;
pub(super) mod server;
mod z85;

use std::sync::Arc;

use super::{Handshake, Mechanism, Progress, Role};
use crate::error::ProtocolError;

use self::client::{Client, ClientKeys};
use self::keys::{KeyPair, PublicKey};
use self::policy::{CurveServer, ServerKeys};
use self::server::Server;

pub(super) const NAME: &str = "CURVE";

/// The mechanism CURVE: encryption and authentication by public keys.
///
/// The client knows the server's public key, so it talks to nobody else; the server lets in
/// [whom it is told to](CurveServer). Each has a key pair of its own.
///
/// # Examples
///
/// ```
/// use hubless::curve::KeyPair;
/// use hubless::{Curve, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (server, client) = (KeyPair::generate()?, KeyPair::generate()?);
///
/// let allowed = Curve::server(server.clone()).allow([client.public_key()]);
/// let pull = Pull::builder().mechanism(allowed).build()?;
/// let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
///
/// let push = Push::builder().mechanism(Curve::client(server.public_key(), client)).build()?;
/// push.connect(&endpoint)?.await?;
/// push.send("nobody else reads this").await?;
/// assert_eq!(pull.recv().await?, "nobody else reads this");
/// # Ok(())
/// # }
/// ```
///
/// A server must say whom it lets in, or it is no mechanism yet:
///
/// ```compile_fail
/// # let keys = hubless::curve::KeyPair::generate().unwrap();
/// hubless::Pull::builder().mechanism(hubless::Curve::server(keys));
/// ```
#[derive(Debug)]
pub enum Curve {}

impl Curve {
    /// The client: talks only to who has the secret key that belongs to `server`, and proves to have `own`.
    ///
    /// libzmq: `ZMQ_CURVE_SERVERKEY`, `ZMQ_CURVE_PUBLICKEY`, `ZMQ_CURVE_SECRETKEY`.
    ///
    /// Example: at [`Curve`].
    pub fn client(server: PublicKey, own: KeyPair) -> Mechanism {
        Mechanism::new(Role::CurveClient(Arc::new(ClientKeys { server, own })))
    }

    /// The server, with its key pair, or [two of them](ServerKeys) while one takes the other's place. Say next whom it lets
    /// in.
    ///
    /// libzmq: `ZMQ_CURVE_SERVER`, `ZMQ_CURVE_SECRETKEY`.
    ///
    /// Example: at [`Curve`].
    pub fn server(keys: impl Into<ServerKeys>) -> CurveServer {
        CurveServer::new(keys.into())
    }
}

/// Bytes of randomness that a client needs: c' and the vouch's nonce.
pub(super) const CLIENT_ENTROPY: usize = 32 + 16;

/// Bytes of randomness that a server needs: s', the nonces of WELCOME and of the cookie, the cookie's key.
pub(super) const SERVER_ENTROPY: usize = 32 + 16 + 16 + 32;

/// CurveZMQ 1.0.
const VERSION: [u8; 2] = [1, 0];

/// Bytes of a cookie: nonce and box.
const COOKIE: usize = 16 + 80;

/// Randomness for one handshake, each byte of which is used once.
pub(super) struct Entropy<'a>(&'a [u8]);

impl Entropy<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(malformed("handshake", "there is no randomness for it"))?;
        self.0 = rest;
        Ok(*taken)
    }
}

pub(super) fn start_client(
    keys: &Arc<ClientKeys>,
    entropy: &[u8],
    out: &mut Vec<u8>,
) -> Result<Progress, ProtocolError> {
    let client = Client::start(keys, &mut Entropy(entropy), out)?;
    Ok(Progress::Await(Handshake::CurveClient(client)))
}

pub(super) fn start_server(keys: &ServerKeys, asks: bool, entropy: &[u8]) -> Result<Progress, ProtocolError> {
    let server = Server::start(keys.current(), asks, &mut Entropy(entropy))?;
    Ok(Progress::Await(Handshake::CurveServer(server)))
}

fn malformed(what: &'static str, problem: &'static str) -> ProtocolError {
    ProtocolError::Malformed { what, problem }
}

fn unopened(what: &'static str, meaning: &'static str) -> ProtocolError {
    ProtocolError::Unopened { what, meaning }
}

/// Everybody's secret agrees on the same with such a key.
fn low_order(what: &'static str) -> ProtocolError {
    ProtocolError::Malformed {
        what,
        problem: "it is of low order",
    }
}

#[cfg(test)]
mod tests;
