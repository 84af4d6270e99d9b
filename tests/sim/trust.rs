//! How the sockets of a story come to trust each other: mostly not at all, in some stories by PLAIN or CURVE.
//!
//! All keys are fixed, and so is the randomness that the network, which stands in for the system, gives to a socket: by
//! its number. So the [taps](crate::tap) can open what is sealed.

use hubless::curve::{KeyPair, SecretKey};
use hubless::{Curve, Mechanism, Plain, PlainUsers};
use peers::sodium::{self, Key};

use crate::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Null,
    Plain,
    Curve,
}

impl Trust {
    pub(crate) fn draw(seed: u64) -> Self {
        // A story with CURVE takes five times as long.
        match Dice::new(seed).fork(3).below(40) {
            0 => Self::Curve,
            1 | 2 => Self::Plain,
            _ => Self::Null,
        }
    }

    /// Of a socket that is the mechanism's server, or its client.
    pub(crate) fn mechanism(self, serves: bool) -> Mechanism {
        let pair = |secret: u8| KeyPair::from(SecretKey::from([secret; 32]));
        let (server, client) = (1, 2);
        match (self, serves) {
            (Self::Null, _) => Mechanism::default(),
            (Self::Plain, true) => Plain::server(PlainUsers::new().with("ann", "pw")),
            (Self::Plain, false) => Plain::client("ann", "pw"),
            (Self::Curve, true) => Curve::server(pair(server)).allow([pair(client).public_key()]),
            (Self::Curve, false) => Curve::client(pair(server).public_key(), pair(client)),
        }
    }
}

/// Randomness for this socket's handshakes. The first 32 bytes become its fresh secret key.
pub(crate) fn entropy(owner: u16, len: usize) -> Vec<u8> {
    owner.to_be_bytes().into_iter().chain(10..).take(len).collect()
}

/// What two sockets agree on.
pub(crate) fn agreed(one: u16, other: u16) -> Key {
    let fresh = |owner| Key::try_from(entropy(owner, 32)).expect("32 bytes");
    sodium::agree(&sodium::public_key(&fresh(one)), &fresh(other)).expect("these are good keys")
}
