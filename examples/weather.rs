//! News for whoever wants them: PUB and SUB.
//!
//! ```text
//! cargo run --example weather                                               both sides, in one process
//!
//! cargo run --example weather -- publish tcp://127.0.0.1:5556               one terminal,
//! cargo run --example weather -- subscribe tcp://127.0.0.1:5556 berlin      others, as many as you like
//! ```
//!
//! A message is a topic and a body. A subscriber names prefixes of topics, and the publisher sends it nothing else.

use std::time::Duration;

use hubless::{Endpoint, Error, Pub, Sub};

const CITIES: [&str; 4] = ["berlin", "bergen", "lagos", "lima"];

/// How many readings a subscriber waits for.
const READINGS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => both().await,
        ["publish", at] => {
            let publisher = Pub::new();
            println!("publishing at {}", publisher.bind(at).await?);
            publish(&publisher, Duration::from_millis(250)).await
        }
        ["subscribe", at, prefix] => subscribe(&at.parse()?, prefix).await,
        _ => {
            eprintln!("usage: weather [publish ENDPOINT | subscribe ENDPOINT PREFIX]");
            std::process::exit(2);
        }
    }
}

/// Publishes the weather of every city, again and again. It never waits for a subscriber: one that does not keep up
/// misses something, the others do not.
async fn publish(publisher: &Pub, every: Duration) -> Result<(), Error> {
    let mut clock = tokio::time::interval(every);
    for hour in 0u32.. {
        clock.tick().await;
        for (city, warmth) in CITIES.into_iter().zip([14.0, 8.0, 28.0, 19.0]) {
            let celsius: f64 = warmth + 5.0 * (f64::from(hour) / 4.0).sin();
            publisher.send((city, format!("{celsius:.1}"))).await?;
        }
    }
    Ok(())
}

/// Listens to the cities that begin with `prefix`, for a few readings.
async fn subscribe(at: &Endpoint, prefix: &str) -> Result<(), Error> {
    let subscriber = Sub::new();
    subscriber.subscribe(prefix);
    subscriber.connect(at)?;
    for _ in 0..READINGS {
        let [city, celsius] = subscriber.recv().await?.into_frames()?;
        println!(
            "{}: {} °C",
            String::from_utf8_lossy(&city),
            String::from_utf8_lossy(&celsius)
        );
    }
    subscriber.close().await?;
    Ok(())
}

async fn both() -> Result<(), Error> {
    let publisher = Pub::new();
    let at = publisher.bind("tcp://127.0.0.1:0").await?; // the system chooses the port
    let publishing = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            // Whoever must not miss the first reading is waited for; without this it would be lost, not late.
            publisher.subscribers().to("berlin").at_least(1).await?;
            publish(&publisher, Duration::from_millis(10)).await
        }
    });
    subscribe(&at, "ber").await?;
    publisher.close().await?;
    let _ = publishing.await;
    Ok(())
}
