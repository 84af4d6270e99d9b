//! A peer that stops at every byte of every handshake, and one that leaves there: nothing comes of it but an event, and
//! the next one is served.
//!
//! In virtual time: whoever stops costs the handshake's deadline, which here takes no time at all.

use std::time::Duration;

use hubless::curve::{KeyPair, PublicKey, SecretKey};
use hubless::{Builder, Curve, Null, Plain, PlainUsers, Pull, kind};

use crate::bytes::{command, greeting, ready};
use crate::raw::{Raw, soon};
use crate::script::{
    CLIENT, Client, SERVER, Server, curve_greeting, metadata, plain_greeting, plain_hello, public,
};
use crate::wire::{Far, dialing, listening};
use crate::{failure, outcome};

/// The script has said as much as it may.
#[derive(Debug)]
struct Stopped;

/// A peer that says so many bytes and no more.
struct Halting {
    raw: Raw,
    left: usize,
    said: usize,
}

impl Halting {
    fn new(far: &Far, left: usize) -> Self {
        Self {
            raw: far.raw(),
            left,
            said: 0,
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let len = bytes.len().min(self.left);
        self.raw.say(&bytes[..len]).await;
        self.left -= len;
        self.said += len;
        if len < bytes.len() { Err(Stopped) } else { Ok(()) }
    }
}

/// Which handshake is played.
#[derive(Debug, Clone, Copy)]
enum Play {
    Null,
    GuardedNull,
    Plain,
    Curve,
    Two,
    One,
}

fn pair(secret: &[u8; 32]) -> KeyPair {
    SecretKey::from(*secret).into()
}

impl Play {
    /// Our side, which is the server where there is one.
    fn serving(self) -> Builder<kind::Pull> {
        let builder = Pull::builder();
        match self {
            Self::Null | Self::Two => builder,
            Self::GuardedNull => builder.mechanism(Null::server(async |_: hubless::auth::Applicant| {
                hubless::auth::Verdict::accept()
            })),
            Self::Plain => builder.mechanism(Plain::server(PlainUsers::new().with("ann", "pw"))),
            Self::Curve => {
                let allowed = [PublicKey::from(public(&CLIENT))];
                builder.mechanism(Curve::server(pair(&SERVER)).allow(allowed))
            }
            Self::One => builder.legacy(true),
        }
    }

    /// Our side, which is the client where there is one.
    fn coming(self) -> Builder<kind::Pull> {
        let builder = Pull::builder();
        match self {
            Self::Plain => builder.mechanism(Plain::client("ann", "pw")),
            Self::Curve => builder.mechanism(Curve::client(PublicKey::from(public(&SERVER)), pair(&CLIENT))),
            other => other.serving(),
        }
    }

    /// All that the other side says, which is the client where there is one.
    async fn come(self, peer: &mut Halting) -> Result<(), Stopped> {
        match self {
            Self::Null | Self::GuardedNull => {
                peer.say(&greeting()).await?;
                peer.say(&ready("PUSH")).await
            }
            Self::Plain => {
                peer.say(&plain_greeting()).await?;
                peer.raw.hear(64).await;
                peer.say(&plain_hello("ann", "pw")).await?;
                peer.raw.expect(&command("WELCOME", b"")).await;
                peer.say(&command("INITIATE", &metadata("PUSH"))).await
            }
            Self::Curve => {
                let mut client = Client::new();
                peer.say(&curve_greeting()).await?;
                peer.raw.hear(64).await;
                peer.say(&client.hello()).await?;
                client.hear_welcome(&peer.raw.frame().await.1);
                peer.say(&client.initiate("PUSH")).await
            }
            Self::Two => peer.say(b"\xFF\0\0\0\0\0\0\0\x01\x7F\x01\x08\x00\x02me").await,
            Self::One => peer.say(b"\x03\x00me").await,
        }
    }

    /// The same of a server.
    async fn serve(self, peer: &mut Halting) -> Result<(), Stopped> {
        match self {
            Self::Plain => {
                peer.say(&plain_greeting()).await?;
                peer.raw.hear(64).await;
                peer.raw.expect(&plain_hello("ann", "pw")).await;
                peer.say(&command("WELCOME", b"")).await?;
                peer.raw.expect(&command("INITIATE", &metadata("PULL"))).await;
                peer.say(&command("READY", &metadata("PUSH"))).await
            }
            Self::Curve => {
                let mut server = Server::new();
                peer.say(&curve_greeting()).await?;
                peer.raw.hear(64).await;
                server.hear_hello(&peer.raw.frame().await.1);
                peer.say(&server.welcome()).await?;
                server.hear_initiate(&peer.raw.frame().await.1);
                peer.say(&server.ready(&metadata("PUSH"))).await
            }
            other => other.come(peer).await,
        }
    }
}

/// Plays against a socket that listens; gives what has been said when the script could say all.
async fn whoever_comes_and_stops(play: Play) {
    let (pull, wire) = listening(play.serving()).await;
    let mut monitor = pull.monitor();
    let mut all = usize::MAX;
    let mut at = 0;
    while at < all {
        let far = wire.arrive("127.0.0.1:1");
        let mut peer = Halting::new(&far, at);
        match play.come(&mut peer).await {
            Err(Stopped) => {
                let reason = outcome(&mut monitor).await.err();
                assert_eq!(
                    reason.as_deref(),
                    Some("handshake not complete in time"),
                    "{play:?} at {at}"
                );
            }
            Ok(()) => {
                let reason = outcome(&mut monitor).await.err();
                assert_eq!(reason, None, "{play:?} is complete with {at} bytes");
                all = at;
            }
        }
        peer.raw.finish().await;
        far.dropped().await;
        at += 1;
    }
    // The same, and it leaves instead of waiting.
    for at in 0..all {
        let far = wire.arrive("127.0.0.1:1");
        let mut peer = Halting::new(&far, at);
        let _ = play.come(&mut peer).await;
        peer.raw.finish().await;
        let reason = failure(&mut monitor).await;
        assert!(
            reason.starts_with("the peer closed the connection"),
            "{play:?} at {at}: {reason}"
        );
        far.dropped().await;
    }
    assert_eq!(pull.peers().count(), 0);
}

async fn whom_we_come_to_and_who_stops(play: Play) {
    let (pull, mut calls) = dialing(
        play.coming()
            .reconnect(Duration::from_millis(1), Duration::from_millis(1)),
    );
    let mut monitor = pull.monitor();
    for leaves in [false, true] {
        let mut at = 0;
        loop {
            let far = soon("a call", calls.recv()).await.expect("it dials").accept();
            let mut peer = Halting::new(&far, at);
            let played = play.serve(&mut peer).await;
            if leaves {
                peer.raw.finish().await;
            }
            let reason = outcome(&mut monitor).await.err();
            match (played, reason) {
                (Ok(()), None) => {
                    peer.raw.finish().await;
                    break;
                }
                (Err(Stopped), Some(reason)) if leaves => {
                    assert!(
                        reason.starts_with("the peer closed the connection"),
                        "{play:?} at {at}: {reason}"
                    );
                }
                (Err(Stopped), Some(reason)) => {
                    assert_eq!(reason, "handshake not complete in time", "{play:?} at {at}");
                }
                (played, reason) => panic!("{play:?} at {at}: {played:?} and {reason:?}"),
            }
            far.dropped().await;
            at += 1;
        }
    }
}

macro_rules! every_handshake {
    ($($name:ident: $play:expr;)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn whoever_comes_and_stops_at_any_byte_is_given_up_and_the_next_is_served() {
                whoever_comes_and_stops($play).await;
            }

            #[tokio::test(start_paused = true)]
            async fn whom_we_come_to_and_who_stops_at_any_byte_is_given_up_and_dialed_again() {
                whom_we_come_to_and_who_stops($play).await;
            }
        }
    )+};
}

every_handshake! {
    null: Play::Null;
    guarded_null: Play::GuardedNull;
    plain: Play::Plain;
    curve: Play::Curve;
    zmtp_2: Play::Two;
    zmtp_1: Play::One;
}
