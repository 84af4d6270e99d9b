//! Spike.
use hubless::{Rep, Req};
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut b = if std::env::var("MT").is_ok() { let mut b = tokio::runtime::Builder::new_multi_thread(); b.worker_threads(2); b } else { tokio::runtime::Builder::new_current_thread() };
    let rt = b.enable_all().build().unwrap();
    let at = "tcp://127.0.0.1:5598";
    let n = 20000;
    if args[1] == "rep" {
        rt.block_on(async move { tokio::spawn(async move {
            let rep = Rep::new();
            rep.bind(at).await.unwrap();
            for _ in 0..n { let r = rep.recv_request().await.unwrap(); r.reply("0123456789abcdef").await.unwrap(); }
            rep.close().await.ok();
        }).await.unwrap() });
    } else {
        rt.block_on(async move { tokio::spawn(async move {
            let mut req = Req::new();
            req.connect(at).unwrap().await.unwrap();
            let mut v = vec![];
            for _ in 0..n { let t = Instant::now(); req.request("0123456789abcdef").await.unwrap(); v.push(t.elapsed().as_nanos()); }
            v.sort(); println!("p50 {} p99 {}", v[n/2], v[n*99/100]);
        }).await.unwrap() });
    }
}
