//! By which mechanism both sides of a [`Meeting`](crate::meeting::Meeting) trust each other: who binds is its server.
//!
//! All keys are fixed: nobody but the test is to be kept out.

use hubless::curve::{KeyPair, SecretKey};
use hubless::{Curve, Mechanism, Plain, PlainUsers};
use peers::libzmq::{Result, Socket, option};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Null,
    Plain,
    Curve,
}

const NAME: &str = "ann";
const PASSWORD: &str = "a password";

/// What their PLAIN server asks its ZAP handler about.
pub(crate) const DOMAIN: &str = "interop";

/// Whether their ZAP handler lets somebody with these credentials in.
pub(crate) fn admits(credentials: &[Vec<u8>]) -> bool {
    credentials == [NAME.as_bytes(), PASSWORD.as_bytes()]
}

fn server() -> KeyPair {
    SecretKey::from([1; 32]).into()
}

fn client() -> KeyPair {
    SecretKey::from([2; 32]).into()
}

impl Trust {
    /// Ours, as the mechanism's server or client.
    pub(crate) fn mechanism(self, serves: bool) -> Mechanism {
        match (self, serves) {
            (Self::Null, _) => Mechanism::default(),
            (Self::Plain, true) => Plain::server(PlainUsers::new().with(NAME, PASSWORD)),
            (Self::Plain, false) => Plain::client(NAME, PASSWORD),
            (Self::Curve, true) => Curve::server(server()).allow([client().public_key()]),
            (Self::Curve, false) => Curve::client(server().public_key(), client()),
        }
    }

    /// Theirs. A CURVE server of theirs without a ZAP handler lets everybody in who knows its key; for PLAIN it must have
    /// one. Whom they do not let in is in `tests/security`.
    pub(crate) fn tell(self, socket: &Socket, serves: bool) -> Result<()> {
        let text = |key: &KeyPair| key.secret_key().expose_text();
        match (self, serves) {
            (Self::Null, _) => Ok(()),
            (Self::Plain, true) => {
                socket.set(option::PLAIN_SERVER, 1)?;
                socket.set_bytes(option::ZAP_DOMAIN, DOMAIN)
            }
            (Self::Plain, false) => {
                socket.set_bytes(option::PLAIN_USERNAME, NAME)?;
                socket.set_bytes(option::PLAIN_PASSWORD, PASSWORD)
            }
            (Self::Curve, true) => {
                socket.set(option::CURVE_SERVER, 1)?;
                socket.set_bytes(option::CURVE_SECRETKEY, text(&server()).as_str())
            }
            (Self::Curve, false) => {
                socket.set_bytes(option::CURVE_SERVERKEY, server().public_key().to_string())?;
                socket.set_bytes(option::CURVE_PUBLICKEY, client().public_key().to_string())?;
                socket.set_bytes(option::CURVE_SECRETKEY, text(&client()).as_str())
            }
        }
    }

    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Plain => "PLAIN",
            Self::Curve => "CURVE",
        }
    }
}
