//! libsodium's boxes: the cryptography that libzmq's CURVE uses, for scripted peers and for checking ours against.

use std::sync::Once;

use libsodium_sys as c;

/// A nonce.
pub type Nonce = [u8; 24];

/// A key, secret or public.
pub type Key = [u8; 32];

fn init() {
    static ONCE: Once = Once::new();
    // SAFETY: no arguments; more calls than one do no harm.
    ONCE.call_once(|| assert!(unsafe { c::sodium_init() } >= 0, "libsodium begins"));
}

/// The public key that belongs to a secret one.
pub fn public_key(secret: &Key) -> Key {
    init();
    let mut public = [0; 32];
    // SAFETY: both have 32 bytes.
    unsafe { c::crypto_scalarmult_base(public.as_mut_ptr(), secret.as_ptr()) };
    public
}

/// `crypto_box`: tag and ciphertext. `None` for a public key of low order.
pub fn seal(text: &[u8], nonce: &Nonce, theirs: &Key, ours: &Key) -> Option<Vec<u8>> {
    init();
    let mut sealed = vec![0; text.len() + 16];
    // SAFETY: the lengths are those of the slices; the output has room for the tag.
    let done = unsafe {
        c::crypto_box_easy(
            sealed.as_mut_ptr(),
            text.as_ptr(),
            text.len() as u64,
            nonce.as_ptr(),
            theirs.as_ptr(),
            ours.as_ptr(),
        )
    };
    (done == 0).then_some(sealed)
}

/// Opens a `crypto_box`.
pub fn open(sealed: &[u8], nonce: &Nonce, theirs: &Key, ours: &Key) -> Option<Vec<u8>> {
    init();
    let mut text = vec![0; sealed.len().checked_sub(16)?];
    // SAFETY: the lengths are those of the slices; the output is shorter by the tag.
    let done = unsafe {
        c::crypto_box_open_easy(
            text.as_mut_ptr(),
            sealed.as_ptr(),
            sealed.len() as u64,
            nonce.as_ptr(),
            theirs.as_ptr(),
            ours.as_ptr(),
        )
    };
    (done == 0).then_some(text)
}

/// What both sides of a `crypto_box` agree on. `None` for a public key of low order.
pub fn agree(theirs: &Key, ours: &Key) -> Option<Key> {
    init();
    let mut agreed = [0; 32];
    // SAFETY: all have 32 bytes.
    let done = unsafe { c::crypto_box_beforenm(agreed.as_mut_ptr(), theirs.as_ptr(), ours.as_ptr()) };
    (done == 0).then_some(agreed)
}

/// Opens a `crypto_box` with what both sides [agree] on.
pub fn open_agreed(sealed: &[u8], nonce: &Nonce, agreed: &Key) -> Option<Vec<u8>> {
    init();
    let mut text = vec![0; sealed.len().checked_sub(16)?];
    // SAFETY: the lengths are those of the slices; the output is shorter by the tag.
    let done = unsafe {
        c::crypto_box_open_easy_afternm(
            text.as_mut_ptr(),
            sealed.as_ptr(),
            sealed.len() as u64,
            nonce.as_ptr(),
            agreed.as_ptr(),
        )
    };
    (done == 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_seals_the_other_opens() {
        let (ann, bob) = ([7; 32], [8; 32]);
        let sealed = seal(b"hello", &[1; 24], &public_key(&bob), &ann).expect("a good key");
        assert_eq!(
            open(&sealed, &[1; 24], &public_key(&ann), &bob),
            Some(b"hello".to_vec())
        );
        assert_eq!(open(&sealed, &[2; 24], &public_key(&ann), &bob), None);
        let agreed = agree(&public_key(&ann), &bob).expect("a good key");
        assert_eq!(open_agreed(&sealed, &[1; 24], &agreed), Some(b"hello".to_vec()));
        assert_eq!(open_agreed(&sealed, &[2; 24], &agreed), None);
        assert_eq!(agree(&[0; 32], &bob), None);
        assert_eq!(seal(b"hello", &[1; 24], &[0; 32], &ann), None);
    }
}
