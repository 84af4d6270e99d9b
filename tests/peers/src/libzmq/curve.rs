//! CURVE keys, as libzmq makes them: 40 characters of Z85.

use std::ffi::c_char;

use super::error::{Result, check};
use super::ffi;
use super::message::c_string;

/// A key pair in Z85.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurveKeys {
    /// What others may know.
    pub public: String,
    /// What nobody else may know.
    pub secret: String,
}

impl CurveKeys {
    /// A fresh pair.
    pub fn generate() -> Result<Self> {
        let (mut public, mut secret) = ([0u8; 41], [0u8; 41]);
        // SAFETY: libzmq writes 40 characters and a zero to each.
        let made = unsafe {
            ffi::zmq_curve_keypair(
                public.as_mut_ptr().cast::<c_char>(),
                secret.as_mut_ptr().cast::<c_char>(),
            )
        };
        check("zmq_curve_keypair", made)?;
        Ok(Self {
            public: text(&public),
            secret: text(&secret),
        })
    }

    /// The pair that belongs to this secret key.
    pub fn from_secret(secret: &str) -> Result<Self> {
        let c_secret = c_string("zmq_curve_public", secret)?;
        let mut public = [0u8; 41];
        // SAFETY: libzmq reads text up to a zero and writes 40 characters and a zero.
        let made = unsafe { ffi::zmq_curve_public(public.as_mut_ptr().cast::<c_char>(), c_secret.as_ptr()) };
        check("zmq_curve_public", made)?;
        Ok(Self {
            public: text(&public),
            secret: secret.to_owned(),
        })
    }
}

fn text(z85: &[u8; 41]) -> String {
    z85[..40].iter().map(|&byte| char::from(byte)).collect()
}
