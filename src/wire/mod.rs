//! Bytes and values of ZMTP.

pub(crate) mod decoder;
pub(crate) mod command { pub(crate) fn subscription_from_message(_b: &[u8]) -> Option<(bool, &[u8])> { None } }
