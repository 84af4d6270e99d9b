//! Spike.
use hubless::{Pull, Push};
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let size: usize = args.get(2).map_or(16, |s| s.parse().unwrap());
    let n: usize = args.get(3).map_or(3_000_000, |s| s.parse().unwrap());
    let mut b = if std::env::var("MT").is_ok() {
        let mut b = tokio::runtime::Builder::new_multi_thread();
        b.worker_threads(2);
        b
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let rt = b.enable_all().build().unwrap();
    let at = args.get(4).cloned().unwrap_or("tcp://127.0.0.1:5599".into());
    if args[1] == "pull" {
        rt.block_on(async move {
            tokio::spawn(async move {
                let pull = Pull::new();
                pull.bind(at.as_str()).await.unwrap();
                pull.recv().await.unwrap();
                let t = Instant::now();
                for _ in 1..n {
                    let m = pull.recv().await.unwrap();
                    std::hint::black_box(m);
                }
                let d = t.elapsed();
                println!(
                    "{size} B: {:.2} M/s {:.2} GB/s",
                    n as f64 / d.as_secs_f64() / 1e6,
                    (n * size) as f64 / d.as_secs_f64() / 1e9
                );
            })
            .await
            .unwrap()
        });
    } else {
        rt.block_on(async move {
            tokio::spawn(async move {
                let push = Push::new();
                push.connect(at.as_str()).unwrap().await.unwrap();
                let buf = vec![7u8; size];
                for _ in 0..n {
                    push.send(&buf[..]).await.unwrap();
                }
                println!("{:?}", push.close().await);
            })
            .await
            .unwrap()
        });
    }
}
