//! The story of a connection, as `tracing` hears it.

#![cfg(feature = "tracing")]

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use hubless::{Linger, Pub, Pull, Push};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps what it hears: level, target and text.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<(Level, String, String)>>>);

impl Ear {
    fn heard(&self) -> Vec<(Level, String, String)> {
        self.0.lock().expect("nobody panics").clone()
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "hubless"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let (level, target) = (*event.metadata().level(), event.metadata().target().to_owned());
        self.0
            .lock()
            .expect("nobody panics")
            .push((level, target, text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// Everything runs on this thread, and so within the guard.
#[tokio::test]
async fn routine_is_told_at_debug_and_trouble_at_warn() -> Result<(), Box<dyn std::error::Error>> {
    let ear = Ear::default();
    let _guard = tracing::subscriber::set_default(ear.clone());

    let pull = Pull::new();
    let at = pull.bind("tcp://127.0.0.1:0").await?;
    let push = Push::builder().linger(Linger::Discard).build()?;
    push.connect(&at)?.await?;
    pull.peers().at_least(1).await?;
    let wrong = Pub::new().connect(&at)?.await;
    assert!(wrong.is_err());
    push.close().await?;
    pull.close().await?;

    let heard = ear.heard();
    assert!(heard.iter().all(|(_, target, _)| target == "hubless"));
    let mut debug = heard
        .iter()
        .filter(|(level, ..)| *level == Level::DEBUG)
        .map(|(.., text)| text.as_str());
    for chapter in [
        "listening",
        "connecting",
        "accepted 127.0.0.1:",
        "handshake done with ",
        "disconnected from ",
    ] {
        let told = format!("{at}: {chapter}");
        assert!(debug.any(|text| text.starts_with(&told)), "{told} in {heard:#?}");
    }
    let warnings: Vec<&str> = heard
        .iter()
        .filter(|(level, ..)| *level == Level::WARN)
        .map(|(.., text)| text.as_str())
        .collect();
    assert!(
        warnings
            .iter()
            .any(|text| text.ends_with("failed: peer announced PUB, a PULL accepts PUSH")),
        "{warnings:#?}"
    );
    Ok(())
}
