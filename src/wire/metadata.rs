//! Metadata: the properties that two peers tell each other at the end of a handshake.
//!
//! ```text
//! property = name-length(1) name(1..255) value-length(4) value
//! ```
//!
//! They come without count or terminator and must end exactly with their command. Two of them are ours to understand,
//! `Socket-Type` and `Identity`; the others are kept for the program. Names are compared without regard to case and
//! sent in exactly the usual one, because libzmq compares case ([RFC 37], metadata).
//!
//! Metadata arrive before anybody has proved anything, so their number and size are limited, and those names are
//! dropped under which a program would expect what *we* know about the peer.
//!
//! [RFC 37]: https://rfc.zeromq.org/spec/37/

use bytes::Bytes;

use crate::error::{ProtocolError, escaped};
use crate::socket_kind::SocketKind;

/// The most bytes of a handshake command, and so of metadata: far above what a peer has to say, far below what hurts
/// from a thousand strangers.
pub(crate) const MAX_HANDSHAKE_COMMAND: usize = 8 * 1024;

/// The most properties of one peer.
pub(crate) const MAX_PROPERTIES: usize = 64;

/// The longest identity.
pub(crate) const MAX_IDENTITY: usize = 255;

/// What a peer told about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Metadata {
    /// `Socket-Type` as it was written; a peer may leave it out.
    pub(crate) socket_type: Option<Bytes>,
    /// `Identity`: empty if the peer has none or does not say.
    pub(crate) identity: Bytes,
    /// The others in their order, the first of each name.
    pub(crate) others: Vec<(String, Bytes)>,
}

impl Metadata {
    /// Reads the metadata of a handshake command; `input` is all of it.
    pub(crate) fn decode(input: &[u8]) -> Result<Self, ProtocolError> {
        if input.len() > MAX_HANDSHAKE_COMMAND {
            return Err(too_large("metadata", input.len(), MAX_HANDSHAKE_COMMAND));
        }
        let mut metadata = Self::default();
        let mut identity = None;
        let mut rest = input;
        let mut count = 0_usize;
        while !rest.is_empty() {
            count = count.saturating_add(1);
            if count > MAX_PROPERTIES {
                return Err(ProtocolError::TooMany {
                    what: "properties",
                    limit: MAX_PROPERTIES as u64,
                });
            }
            let property;
            (property, rest) = Property::split_from(rest)?;
            let value = || Bytes::copy_from_slice(property.value);
            if property.is_named(SOCKET_TYPE) {
                if metadata.socket_type.replace(value()).is_some() {
                    return Err(malformed("Socket-Type is there twice"));
                }
            } else if property.is_named(IDENTITY) {
                check_identity(property.value)?;
                if identity.replace(value()).is_some() {
                    return Err(malformed("Identity is there twice"));
                }
            } else if !property.is_reserved() && !metadata.has(property.name) {
                metadata.others.push((escaped(property.name), value()));
            }
        }
        metadata.identity = identity.unwrap_or_default();
        Ok(metadata)
    }

    fn has(&self, name: &[u8]) -> bool {
        self.others
            .iter()
            .any(|(other, _)| other.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// What a socket of this kind tells about itself, ready to be sent.
pub(crate) fn encode(kind: SocketKind, identity: &[u8], others: &[(String, Bytes)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_property(&mut out, SOCKET_TYPE, kind.name().as_bytes());
    if kind.tells_its_identity() {
        put_property(&mut out, IDENTITY, identity);
    }
    for (name, value) in others {
        put_property(&mut out, name, value);
    }
    out
}

/// What is wrong with properties that a socket wants to tell about itself.
pub(crate) fn check_properties(properties: &[(String, Bytes)]) -> Option<&'static str> {
    let mut size = 0_usize;
    for (at, (name, value)) in properties.iter().enumerate() {
        size = size.saturating_add(name.len()).saturating_add(value.len());
        if !name.starts_with("X-") {
            return Some("its name does not begin with `X-`");
        }
        if name.len() > MAX_NAME || !name.bytes().all(may_be_in_a_name) {
            return Some("its name has more than 255 bytes, or others than letters, digits and `- _ . +`");
        }
        let before = properties.iter().take(at);
        if before
            .into_iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            return Some("it is there twice");
        }
    }
    if size > MAX_TOLD || properties.len() > MAX_PROPERTIES / 2 {
        return Some("together they have more than 4 KiB, or are more than 32");
    }
    None
}

/// The most bytes of properties of our own: half of what a peer of ours would take.
const MAX_TOLD: usize = MAX_HANDSHAKE_COMMAND / 2;

/// The longest name.
const MAX_NAME: usize = 255;

const SOCKET_TYPE: &str = "Socket-Type";
const IDENTITY: &str = "Identity";

/// The name by which a peer was let in.
pub(crate) const USER_ID: &str = "User-Id";

/// What we know about a peer ourselves: its word for it is worth nothing.
const RESERVED: [&str; 2] = [USER_ID, "Peer-Address"];

/// One property, borrowed.
struct Property<'a> {
    name: &'a [u8],
    value: &'a [u8],
}

impl<'a> Property<'a> {
    /// Takes the first property off `input`.
    fn split_from(input: &'a [u8]) -> Result<(Self, &'a [u8]), ProtocolError> {
        let cut_off = || malformed("a property ends beyond the command");
        let (&name_len, rest) = input.split_first().ok_or_else(cut_off)?;
        let (name, rest) = rest.split_at_checked(usize::from(name_len)).ok_or_else(cut_off)?;
        if name.is_empty() {
            return Err(malformed("a property has no name"));
        }
        if !name.iter().copied().all(may_be_in_a_name) {
            return Err(malformed("a property's name has a character that is not allowed"));
        }
        let (value_len, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let value_len = usize::try_from(u32::from_be_bytes(*value_len)).map_err(|_| cut_off())?;
        let (value, rest) = rest.split_at_checked(value_len).ok_or_else(cut_off)?;
        Ok((Self { name, value }, rest))
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    fn is_reserved(&self) -> bool {
        RESERVED.iter().any(|name| self.is_named(name))
    }
}

fn may_be_in_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte)
}

/// Whether a peer may have this identity.
pub(crate) fn check_identity(identity: &[u8]) -> Result<(), ProtocolError> {
    if identity.len() > MAX_IDENTITY {
        return Err(too_large("identity", identity.len(), MAX_IDENTITY));
    }
    match identity.first() {
        Some(0) => Err(ProtocolError::Malformed {
            what: "identity",
            problem: "it begins with a zero byte, which is reserved",
        }),
        _ => Ok(()),
    }
}

fn put_property(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
    out.extend_from_slice(value);
}

fn malformed(problem: &'static str) -> ProtocolError {
    ProtocolError::Malformed {
        what: "metadata",
        problem,
    }
}

fn too_large(what: &'static str, size: usize, limit: usize) -> ProtocolError {
    ProtocolError::TooLarge {
        what,
        size: size as u64,
        limit: limit as u64,
    }
}

#[cfg(test)]
mod tests;
