//! A message of RADIO and DISH as one datagram: the group with its length, and all the rest is the body.
//!
//! ```text
//! length(1) group(length) body
//! ```

use crate::error::ProtocolError;

/// The most bytes that the data of a datagram can have: 65 535, less the headers of IPv4 and UDP.
pub(crate) const MAX_DATA: usize = 65_507;

/// What stands before a group of this name; `None` for one that is too long.
pub(crate) fn group_length(group: &[u8]) -> Option<[u8; 1]> {
    u8::try_from(group.len()).ok().map(|length| [length])
}

/// Group and body of a datagram.
pub(crate) fn decode(datagram: &[u8]) -> Result<(&[u8], &[u8]), ProtocolError> {
    let malformed = |problem| ProtocolError::Malformed {
        what: "datagram",
        problem,
    };
    let (length, rest) = datagram.split_first().ok_or(malformed("it is empty"))?;
    rest.split_at_checked(usize::from(*length))
        .ok_or(malformed("the group's name is longer than the whole"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libzmq 4.3.5 sends them.
    const VECTORS: [(&[u8], &[u8], &[u8]); 4] = [
        (b"news", b"hello", b"\x04newshello"),
        (b"g", b"", b"\x01g"),
        (b"", b"to nobody", b"\x00to nobody"),
        (&[7; 255], b"x", &{
            let mut datagram = [7; 257];
            datagram[0] = 255;
            datagram[256] = b'x';
            datagram
        }),
    ];

    #[test]
    fn a_datagram_is_a_group_and_a_body() {
        for (group, body, datagram) in VECTORS {
            let length = group_length(group).expect("it is short enough");
            assert_eq!([&length, group, body].concat(), datagram);
            assert_eq!(decode(datagram), Ok((group, body)));
        }
        assert_eq!(group_length(&[7; 256]), None);
    }

    #[test]
    fn what_is_none_is_refused() {
        for (datagram, text) in [
            (&b""[..], "malformed datagram: it is empty"),
            (
                b"\x05news",
                "malformed datagram: the group's name is longer than the whole",
            ),
        ] {
            assert_eq!(decode(datagram).expect_err("it is none").to_string(), text);
        }
    }
}
