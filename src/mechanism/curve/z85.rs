//! Keys as text: Z85 ([RFC 32]), five characters for four bytes, none of which a shell or a quoted string minds much.
//!
//! [RFC 32]: https://rfc.zeromq.org/spec/32/

/// Characters of a key.
pub(super) const KEY_LEN: usize = 40;

const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Writes a key.
pub(super) fn encode(key: &[u8; 32]) -> [u8; KEY_LEN] {
    let mut text = [0; KEY_LEN];
    for (digits, bytes) in text.as_chunks_mut::<5>().0.iter_mut().zip(key.as_chunks::<4>().0) {
        let mut value = u32::from_be_bytes(*bytes);
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET.get((value % 85) as usize).copied().unwrap_or_default();
            value /= 85;
        }
    }
    text
}

/// Reads a key; `None` for what is none.
pub(super) fn decode(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; KEY_LEN] = text.try_into().ok()?;
    let mut key = [0; 32];
    for (bytes, digits) in key.as_chunks_mut::<4>().0.iter_mut().zip(text.as_chunks::<5>().0) {
        let mut value: u32 = 0;
        for digit in digits {
            let digit = ALPHABET.iter().position(|known| known == digit)?;
            value = value.checked_mul(85)?.checked_add(u32::try_from(digit).ok()?)?;
        }
        *bytes = value.to_be_bytes();
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let hello = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
        let key: [u8; 32] = hello.repeat(4).try_into().expect("32 bytes");
        assert_eq!(encode(&key), *b"HelloWorldHelloWorldHelloWorldHelloWorld");
        assert_eq!(decode(b"HelloWorldHelloWorldHelloWorldHelloWorld"), Some(key));
    }

    #[test]
    fn the_whole_range_and_nothing_beyond() {
        for byte in [0, 1, 0x7F, 0xFF] {
            let key = [byte; 32];
            assert_eq!(decode(&encode(&key)), Some(key));
        }
        assert_eq!(encode(&[0xFF; 32]), *b"%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0");
        for wrong in [
            &b"%nSc1%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0"[..],
            b"#####HelloHelloHelloHelloHelloHelloHello",
            b"Hello\"HelloHelloHelloHelloHelloHelloHell",
            b"HelloWorldHelloWorldHelloWorldHelloWorl",
            b"HelloWorldHelloWorldHelloWorldHelloWorldH",
            b"",
        ] {
            assert_eq!(decode(wrong), None, "{}", wrong.escape_ascii());
        }
    }
}
