//! A question and its answer: REQ and REP.
//!
//! ```text
//! cargo run --example hello                                      both sides, in one process
//!
//! cargo run --example hello -- answer tcp://127.0.0.1:5555       one terminal,
//! cargo run --example hello -- ask tcp://127.0.0.1:5555 Ada      and another: before it, behind it, or twice
//! ```

use hubless::{Endpoint, Error, Rep, Req};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => both().await,
        ["answer", at] => answer(&at.parse()?).await,
        ["ask", at, ref names @ ..] if !names.is_empty() => ask(&at.parse()?, names).await,
        _ => {
            eprintln!("usage: hello [answer ENDPOINT | ask ENDPOINT NAME...]");
            std::process::exit(2);
        }
    }
}

/// Answers whoever asks, until it is interrupted.
async fn answer(at: &Endpoint) -> Result<(), Error> {
    let rep = Rep::new();
    println!("answering at {}", rep.bind(at).await?);
    serve(rep).await
}

async fn serve(rep: Rep) -> Result<(), Error> {
    loop {
        // A request knows where it came from. It may be answered later, by another task, or never; but not twice.
        let request = rep.recv_request().await?;
        let name = String::from_utf8_lossy(&request.message().clone().into_bytes()?).into_owned();
        println!("{} asks: {name}", request.peer());
        request.reply(format!("hello, {name}")).await?;
    }
}

/// Asks once for each name.
async fn ask(at: &Endpoint, names: &[&str]) -> Result<(), Error> {
    let mut req = Req::new();
    // Whether somebody answers there already makes no difference: `request` waits until somebody does.
    req.connect(at)?;
    for name in names {
        let reply = req.request(*name).await?;
        println!("{}", String::from_utf8_lossy(&reply.into_bytes()?));
    }
    req.close().await?;
    Ok(())
}

async fn both() -> Result<(), Error> {
    let rep = Rep::new();
    let at = rep.bind("tcp://127.0.0.1:0").await?; // the system chooses the port
    let serving = tokio::spawn(serve(rep.clone()));
    ask(&at, &["Ada", "Grace"]).await?;
    // Closes for all handles: `serve` ends with an error that says so, and that is how it is meant to end.
    rep.close().await?;
    let _ = serving.await;
    Ok(())
}
