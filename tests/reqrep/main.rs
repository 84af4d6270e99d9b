//! REQ and REP against a peer that speaks by hand, byte for byte. What two sockets of ours do with each other is in
//! `tests/behaviour`, what becomes of requests that are given up in `tests/cancel`. Each test waits for events, never
//! for time to pass.

mod raw;
mod rep;
mod req;

use std::pin::{Pin, pin};
use std::time::Duration;

use hubless::{DisconnectReason, Endpoint, Event, Message, Monitor, Rep, Req, Request};

/// Long enough for the slowest machine: reached only by a test that hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a test once for each transport on which a peer can speak by hand.
pub(crate) fn over_each_stream(test: impl AsyncFn(&str)) {
    for at in ["tcp://127.0.0.1:0", "ipc://*"] {
        alone(async { test(at).await });
    }
}

/// Runs a test on a runtime of its own.
pub(crate) fn alone(test: impl Future<Output = ()>) {
    run(pin!(test));
}

/// Apart, and the same for all: else each test gets a copy of the runtime's loop, and takes twice as long to compile.
fn run(test: Pin<&mut dyn Future<Output = ()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Else each test would have a copy of the runtime's loop to compile.
    let test: Pin<&mut dyn Future<Output = ()>> = pin!(test);
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, test)
            .await
            .expect("the test ends in time");
    });
}

/// A REQ that is connected to this endpoint.
pub(crate) async fn req_to(endpoint: &Endpoint) -> Req {
    let req = Req::new();
    req.connect(endpoint)
        .expect("an endpoint")
        .await
        .expect("a connection");
    req
}

/// A REP that answers every request with `answer` in front of it, in the background.
pub(crate) async fn echo(at: &str, answer: &'static str) -> Endpoint {
    let rep = Rep::new();
    let endpoint = rep.bind(at).await.expect("the endpoint is free");
    tokio::spawn(async move {
        while let Ok(request) = rep.recv_request().await {
            let body = [answer.as_bytes(), text(request.message()).as_bytes()].concat();
            let _ = request.reply(body).await;
        }
    });
    endpoint
}

pub(crate) fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.frame(0).unwrap_or_default()).into_owned()
}

pub(crate) async fn next(rep: &Rep) -> Request {
    rep.recv_request().await.expect("the socket is open")
}

/// The first event that `pick` picks.
pub(crate) async fn event<T>(monitor: &mut Monitor, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        let event = monitor.next().await.expect("the socket is open");
        if let Some(picked) = pick(event) {
            return picked;
        }
    }
}

/// Why the next connection that ends has ended.
pub(crate) async fn disconnected(monitor: &mut Monitor) -> DisconnectReason {
    event(monitor, |event| match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}
