//! The incoming lane: drivers push, receivers take, credit goes back.
