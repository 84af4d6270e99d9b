//! Bytes to values of ZMTP and back: greetings, commands, metadata.
//!
//! Everything here is a function of its input. Nobody in this room knows which phase a connection is in, what may
//! follow what, or what time it is: that is the session's business, one floor up. What arrives is looked at, never
//! believed: a length is compared with its limit before anything is taken or allocated by it, and whatever does not
//! have its shape is a [`ProtocolError`](crate::error::ProtocolError), not a panic.
//!
//! Headers of frames are common ground of the whole house and live in [`frame`](crate::frame).

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub(crate) mod command;
pub(crate) mod datagram;
pub(crate) mod decoder;
pub(crate) mod greeting;
pub(crate) mod metadata;
pub(crate) mod raw;
pub(crate) mod spelling;
pub(crate) mod v1;
pub(crate) mod v2;
