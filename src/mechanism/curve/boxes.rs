//! NaCl's boxes, as CurveZMQ uses them: X25519 and XSalsa20-Poly1305, with a nonce of 24 bytes.
//!
//! ```text
//! box = tag(16) ciphertext        key of a box = HSalsa20(X25519(our secret, their public), 0)
//! ```
//!
//! X25519 is that of `x25519-dalek`, the box below it that of `dryoc`: what is here is how CURVE uses them, and no more.
//! A tag is compared before a byte is decrypted, in constant time. A public key of low order, with which everybody's
//! secret agrees on nothing, is refused.

use dryoc::classic::crypto_box::{
    crypto_box_detached_afternm_inplace, crypto_box_open_detached_afternm_inplace,
};
use dryoc::classic::crypto_core::crypto_core_hsalsa20;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::keys::{PublicKey, SecretKey};

/// Bytes that sealing adds.
pub(super) const TAG: usize = 16;

pub(super) type Nonce = [u8; 24];

/// A nonce that a counter makes.
pub(super) fn short_nonce(prefix: &[u8; 16], counter: u64) -> Nonce {
    let mut nonce = [0; 24];
    let (head, tail) = nonce.split_at_mut(16);
    head.copy_from_slice(prefix);
    tail.copy_from_slice(&counter.to_be_bytes());
    nonce
}

/// A nonce that chance makes.
pub(super) fn long_nonce(prefix: &[u8; 8], random: &[u8; 16]) -> Nonce {
    let mut nonce = [0; 24];
    let (head, tail) = nonce.split_at_mut(8);
    head.copy_from_slice(prefix);
    tail.copy_from_slice(random);
    nonce
}

/// What two sides have agreed on, or what one side knows alone.
pub(super) struct SharedKey(Zeroizing<[u8; 32]>);

impl SharedKey {
    /// What `ours` and `theirs` agree on; `None` for a key of low order.
    pub(super) fn agree(ours: &SecretKey, theirs: &PublicKey) -> Option<Self> {
        let ours = StaticSecret::from(*ours.expose());
        let theirs = x25519_dalek::PublicKey::from(*theirs.as_bytes());
        let shared = ours.diffie_hellman(&theirs);
        if !shared.was_contributory() {
            return None;
        }
        let mut key = Self(Zeroizing::default());
        crypto_core_hsalsa20(&mut key.0, &[0; 16], shared.as_bytes(), None);
        Some(key)
    }

    /// A key for boxes that only we open.
    pub(super) fn of_our_own(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*key))
    }

    /// Encrypts `text` where it stands. Returns the tag, whose place is before it.
    pub(super) fn seal(&self, nonce: &Nonce, text: &mut [u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        crypto_box_detached_afternm_inplace(text, &mut tag, nonce, &self.0);
        tag
    }

    /// Decrypts `text` where it stands, if the tag is right for it.
    #[must_use]
    pub(super) fn open(&self, nonce: &Nonce, tag: &[u8; TAG], text: &mut [u8]) -> bool {
        crypto_box_open_detached_afternm_inplace(text, tag, nonce, &self.0).is_ok()
    }

    /// Appends a whole box around `texts`.
    pub(super) fn put_box(&self, nonce: &Nonce, texts: &[&[u8]], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; TAG]);
        texts.iter().for_each(|text| out.extend_from_slice(text));
        let Some((tag, text)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut) else {
            return;
        };
        *tag = self.seal(nonce, text);
    }

    /// What is in a whole box.
    pub(super) fn open_box(&self, nonce: &Nonce, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, text) = sealed.split_first_chunk()?;
        let mut text = Zeroizing::new(text.to_vec());
        self.open(nonce, tag, &mut text).then_some(text)
    }
}

impl SecretKey {
    /// The public key that belongs to it.
    pub(super) fn derive(&self) -> PublicKey {
        let secret = StaticSecret::from(*self.expose());
        PublicKey::from(x25519_dalek::PublicKey::from(&secret).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use peers::sodium;

    fn bob() -> SecretKey {
        [8; 32].into()
    }

    /// libsodium's boxes are NaCl's.
    #[test]
    fn our_boxes_are_libsodium_s_whatever_their_length() {
        let alice = SecretKey::from([7; 32]);
        let nonce: Nonce = std::array::from_fn(|at| at as u8);
        let (ours, theirs) = (
            SharedKey::agree(&alice, &bob().public_key()).expect("a good key"),
            SharedKey::agree(&bob(), &alice.public_key()).expect("a good key"),
        );
        assert_eq!(sodium::public_key(alice.expose()), *alice.public_key().as_bytes());
        for len in (0..200).chain([1000, 65_536]) {
            let text: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let sealed = sodium::seal(&text, &nonce, bob().public_key().as_bytes(), alice.expose());
            let sealed = sealed.expect("a good key");
            let mut out = b"before".to_vec();
            let (one, other) = text.split_at(len / 3);
            ours.put_box(&nonce, &[one, other], &mut out);
            assert_eq!(out[6..], sealed, "{len}");
            let opened = theirs.open_box(&nonce, &sealed).expect("it is for him");
            assert_eq!(opened[..], text, "{len}");
        }
    }

    #[test]
    fn a_box_in_which_one_bit_has_changed_does_not_open() {
        let key = SharedKey::of_our_own(&[7; 32]);
        for len in [0, 1, 15, 16, 17, 64, 100] {
            let mut sealed = Vec::new();
            key.put_box(&[9; 24], &[&vec![b'x'; len]], &mut sealed);
            assert_eq!(sealed.len(), len + TAG);
            for bit in 0..sealed.len() * 8 {
                sealed[bit / 8] ^= 1 << (bit % 8);
                assert!(key.open_box(&[9; 24], &sealed).is_none());
                sealed[bit / 8] ^= 1 << (bit % 8);
            }
            assert!(key.open_box(&[8; 24], &sealed).is_none(), "another nonce");
            assert!(key.open_box(&[9; 24], &sealed[..sealed.len() - 1]).is_none());
            assert!(key.open_box(&[9; 24], &sealed).is_some());
        }
        assert!(key.open_box(&[9; 24], &[0; TAG - 1]).is_none());
    }

    #[test]
    fn what_does_not_open_is_left_as_it_is() {
        let key = SharedKey::of_our_own(&[7; 32]);
        let mut text = *b"not a box";
        assert!(!key.open(&[9; 24], &[0; TAG], &mut text));
        assert_eq!(text, *b"not a box");
    }

    #[test]
    fn row_15_keys_of_low_order_agree_with_nobody() {
        let low_order = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for key in low_order {
            let digits = |at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).expect("two digits");
            let mut key: [u8; 32] = std::array::from_fn(digits);
            assert!(SharedKey::agree(&bob(), &key.into()).is_none());
            // The highest bit means nothing.
            key[31] |= 0x80;
            assert!(SharedKey::agree(&bob(), &key.into()).is_none());
        }
        assert!(SharedKey::agree(&bob(), &[9; 32].into()).is_some());
    }
}
