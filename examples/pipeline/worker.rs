//! The worker: a process that counts words until there are no more.

use std::io;
use std::process::{self, ExitCode};
use std::thread;

use hubless::{Pull, Push};

use super::Result;
use super::messages::{Answer, Chunk};
use super::text::Count;

/// Connects to both sides, and works.
#[tokio::main(flavor = "current_thread")]
pub async fn run(number: &str, chunks_at: &str, answers_at: &str, hold: Option<u64>) -> Result<ExitCode> {
    end_with_the_ventilator();
    let worker = number.parse()?;

    // Chunks come only when answers can go: the ventilator takes our Pull for the sign that we are ready.
    let answers = Push::new();
    answers.connect(answers_at)?.await?;
    // Few at a time: what waits here is lost with us, and would be done sooner by somebody else.
    let chunks = Pull::builder().recv_hwm(2).build()?;
    chunks.connect(chunks_at)?;

    let mut answered = 0;
    while let Some(chunk) = Chunk::from_message(chunks.recv().await?)? {
        if hold == Some(answered) {
            println!("worker {worker} stands still");
            std::future::pending::<()>().await;
        }
        let mut count = Count::default();
        count.add_text(&chunk.text);
        let answer = Answer {
            worker,
            number: chunk.number,
            count,
        };
        answers.send(answer.to_message()).await?;
        answered += 1;
    }
    // The last answers are still on their way; this waits until they have left.
    answers.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// A worker whose ventilator is gone would wait for ever. Its standard input is a pipe that ends with it.
fn end_with_the_ventilator() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(1);
    });
}
