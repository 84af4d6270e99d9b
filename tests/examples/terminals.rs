//! The small ones, in one command and in two terminals.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::{LIMIT, Result, example, shown};

#[tokio::test]
async fn hello_asks_and_answers_in_one_command() -> Result {
    let output = timeout(LIMIT, example("hello").output()).await??;
    let shown = shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("hello, Ada") && shown.contains("hello, Grace"),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn hello_asks_and_answers_in_two_terminals() -> Result {
    let (_terminal, endpoint) = first_terminal("hello", "answer").await?;
    let second = example("hello").args(["ask", &endpoint, "Ada"]).output();
    let output = timeout(LIMIT, second).await??;
    assert_eq!(shown(&output), "hello, Ada\n");
    Ok(())
}

#[tokio::test]
async fn weather_reaches_its_subscriber_in_one_command() -> Result {
    let output = timeout(LIMIT, example("weather").output()).await??;
    let shown = shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert_eq!(
        shown.lines().filter(|line| line.ends_with(" °C")).count(),
        5,
        "{shown}"
    );
    assert!(!shown.contains("lima"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn weather_reaches_its_subscriber_in_two_terminals() -> Result {
    let (_terminal, endpoint) = first_terminal("weather", "publish").await?;
    let second = example("weather")
        .args(["subscribe", &endpoint, "lagos"])
        .output();
    let output = timeout(LIMIT, second).await??;
    let shown = shown(&output);
    assert_eq!(
        shown.lines().filter(|line| line.starts_with("lagos: ")).count(),
        5,
        "{shown}"
    );
    Ok(())
}

/// Runs one side of an example, and waits until it says where it listens.
async fn first_terminal(name: &str, role: &str) -> Result<(Child, String)> {
    let mut child = example(name).args([role, "tcp://127.0.0.1:0"]).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("stdout is a pipe")?).lines();
    let line = timeout(LIMIT, lines.next_line()).await??.unwrap_or_default();
    let (_, endpoint) = line
        .split_once(" at ")
        .ok_or("it does not say where it listens")?;
    let endpoint = endpoint.to_owned();
    // Somebody must read on, or it would be writing into a closed pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, endpoint))
}
