//! Programs to begin with, each one command: `cargo run --release --example NAME`.
//!
//! | name | what it does |
//! |---|---|
//! | `pipeline` | counts the words of a directory tree with worker processes: `Push`, `Pull` |
//! | `hello` | asks and answers: `Req`, `Rep` |
//! | `weather` | publishes to whoever subscribed: `Pub`, `Sub` |
//!
//! They are a package of their own, so that running one builds what it needs, and none of the peers that the library
//! is tested against. There is nothing else in it.
