//! Conformance: what goes over a connection, byte for byte, and what becomes of a peer that does it wrong.
//!
//! The other side of every test here is no library but a script: a [`Raw`](raw::Raw) peer that says bytes and
//! expects bytes, over tcp, ipc, or a [`Wire`](wire::Wire) in memory that delivers exactly the pieces it is told
//! to. Our side is a socket, through its public face alone; what happens to it is read off its monitor.
//!
//! ```text
//!  script ── bytes ──▶ greeting ─▶ handshake ─▶ traffic ──▶ messages ─┐
//!    ▲                                             └─────▶ events ────┼─▶ compared
//!    └────────────────────────── bytes ◀──────────────────────────────┘
//! ```
//!
//! How it is spoken, and by whom:
//!
//! * [`bytes`]: how frames and commands are spelled; written from the specification, not from the library.
//! * [`raw`], [`wire`]: the scripted peer, and the wire that cuts where it hurts.
//! * [`subject`]: a socket of any kind, and a peer that does everything right.
//! * [`child`], [`again`]: processes of their own, for what is read off `/proc`.
//!
//! What is right:
//!
//! * [`vectors`], [`subscriptions`], [`requests`], [`pair`]: the specification's examples, in both directions.
//! * [`recorded`]: what real peers of ZMTP 1.0 and 2.0 said, played again.
//! * [`audience`]: XPUB, XSUB, RADIO and DISH: who hears of whom, in which words.
//! * [`cuts`]: one stream, cut at every byte, has one meaning.
//! * [`liveness`]: who counts as dead, what a broken line costs, how a connection ends.
//! * [`reconnect`]: what connecting endpoints make of peers that are away or refuse.
//!
//! What is wrong, or too much:
//!
//! * [`kinds`]: every kind of ours, and peers of every other.
//! * [`single_frames`]: several frames where one is the rule.
//! * [`malformed`]: a table of everything that a peer can do wrong, and what follows.
//! * [`hostile`]: ten thousand ways that nobody has thought of.
//! * [`names`]: those who claim the name of somebody else.
//! * [`admission`], [`limits`]: what a crowd, or one peer, can take away from the others.
//! * [`flood`]: a crowd and a good peer in it, for [`admission`] and `tests/security`.
//! * [`costs`]: what all that costs the process.
//! * [`monitor`]: what it can write into a log.
//!
//! Nothing waits for a time: what is awaited is an event, a message or a byte, and only a test that has failed
//! meets the deadline of [`soon`](raw::soon).

mod admission;
mod again;
mod audience;
mod bytes;
mod child;
mod costs;
mod cuts;
mod flood;
mod hostile;
mod kinds;
mod limits;
mod liveness;
mod malformed;
mod monitor;
mod names;
mod pair;
mod raw;
mod reconnect;
mod recorded;
mod requests;
mod single_frames;
// The table of kinds that `tests/behaviour` has.
#[allow(dead_code)]
#[path = "../behaviour/speaking.rs"]
mod speaking;
mod subject;
mod subscriptions;
mod vectors;
mod wire;
