//! Keys: 32 bytes each, as text 40 characters of Z85.
//!
//! A public key is a name, and is shown wherever that helps. A secret key is wiped when it is dropped, never shown, and
//! compared by nobody. How fresh ones are made, and how they are kept in files, is told in `keys.rs`: dice and files are
//! not for this floor.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::{self, FromStr};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::z85;

/// A public key of CURVE: who somebody is.
///
/// # Examples
///
/// ```
/// use hubless::curve::PublicKey;
///
/// let key: PublicKey = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7".parse().expect("40 characters of Z85");
/// assert_eq!(key, PublicKey::from(*key.as_bytes()));
/// assert_eq!(key.to_string().len(), 40);
/// assert!("not a key".parse::<PublicKey>().is_err());
/// ```
#[derive(Clone, Copy)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for PublicKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// From 40 characters of Z85.
impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        z85::decode(text.as_bytes()).map(Self).ok_or(ParseKeyError(()))
    }
}

/// In the same time for all keys.
impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// As 40 characters of Z85.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&z85::encode(&self.0)).unwrap_or_default())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A secret key of CURVE: what proves who somebody is. Wiped when it is dropped, and never shown.
///
/// # Examples
///
/// ```
/// use hubless::curve::SecretKey;
///
/// let key: SecretKey = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".parse().expect("40 characters of Z85");
/// assert_eq!(key.public_key().to_string(), "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
/// assert_eq!(format!("{key:?}"), "SecretKey(…)");
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// The public key that belongs to it.
    pub fn public_key(&self) -> PublicKey {
        self.derive()
    }

    /// Its bytes: for whoever must keep them somewhere. Do not log them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its text, 40 characters of Z85: for whoever must keep it somewhere. Do not log it.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::curve::{KeyPair, SecretKey};
    ///
    /// let key = KeyPair::generate()?.secret_key().clone();
    /// let text = key.expose_text(); // wiped when it is dropped
    /// let again: SecretKey = text.parse()?;
    /// assert_eq!(again.public_key(), key.public_key());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expose_text(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(z85::encode(&self.0));
        Zeroizing::new(str::from_utf8(&*text).unwrap_or_default().to_owned())
    }
}

impl From<[u8; 32]> for SecretKey {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

/// From 40 characters of Z85.
impl FromStr for SecretKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        z85::decode(text.as_bytes())
            .map(Self::from)
            .ok_or(ParseKeyError(()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// A secret key and the public one that belongs to it.
///
/// # Examples
///
/// ```
/// use hubless::curve::{KeyPair, SecretKey};
///
/// let pair = KeyPair::generate()?;
/// let again = KeyPair::from(SecretKey::from(*pair.secret_key().expose()));
/// assert_eq!(again.public_key(), pair.public_key());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KeyPair {
    public: PublicKey,
    secret: SecretKey,
}

impl KeyPair {
    /// What others may know.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// What nobody else may know.
    pub fn secret_key(&self) -> &SecretKey {
        &self.secret
    }
}

impl From<SecretKey> for KeyPair {
    fn from(secret: SecretKey) -> Self {
        Self {
            public: secret.public_key(),
            secret,
        }
    }
}

/// Text that is no key: 40 characters of Z85 are expected.
///
/// # Examples
///
/// ```
/// use hubless::curve::{ParseKeyError, PublicKey};
///
/// let error: ParseKeyError = "too short".parse::<PublicKey>().expect_err("it has 9 characters");
/// assert_eq!(error.to_string(), "a key is 40 characters of Z85");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key is 40 characters of Z85")]
pub struct ParseKeyError(());

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs of the specification.
    const PAIRS: [(&str, &str); 2] = [
        (
            "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
            "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
        ),
        (
            "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
            "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
        ),
    ];

    #[test]
    fn the_pairs_of_the_specification() {
        for (public, secret) in PAIRS {
            let secret: SecretKey = secret.parse().expect("a key");
            assert_eq!(KeyPair::from(secret).public_key().to_string(), public);
        }
    }

    #[test]
    fn a_secret_key_is_never_shown() {
        let (_, text) = PAIRS[0];
        let secret: SecretKey = text.parse().expect("a key");
        assert_eq!(*secret.expose_text(), text);
        let pair = format!("{:?}", KeyPair::from(secret));
        assert!(!pair.contains(&text[..8]), "{pair}");
    }
}
