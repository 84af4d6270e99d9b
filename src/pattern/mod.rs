//! To come.

mod subscriptions;
