//! What a match costs a publisher, by the number of subscriptions; and what a peer costs that comes and goes.
//!
//! The topics are like those that people use: `region.city.station.sensor`, each subscribed to by one of 64 peers.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

#[path = "../src/pattern/subscriptions.rs"]
#[allow(dead_code)] // Not everything is measured.
mod subscriptions;

use subscriptions::Subscriptions;

/// Spread over the tree: neighbours in time are no neighbours in the tree.
fn topic(n: u32) -> Vec<u8> {
    let spread = n.wrapping_mul(0x9e37_79b1);
    format!(
        "region{}.city{}.station{}.{n}",
        spread % 7,
        spread / 7 % 50,
        spread / 350 % 100
    )
    .into_bytes()
}

fn filled(subscriptions: u32) -> Subscriptions {
    let mut tree = Subscriptions::default();
    for n in 0..subscriptions {
        tree.subscribe(n % 64, &topic(n));
    }
    tree
}

fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("match");
    for subscriptions in [1, 1_000, 100_000, 1_000_000] {
        let tree = filled(subscriptions);
        // What is published has something behind the prefix. 4 096 topics, so that the tree is not just in the cache.
        let topics: Vec<_> = (0..4_096u32)
            .map(|i| {
                [
                    &*topic(i.wrapping_mul(2_654_435) % subscriptions),
                    b".temperature",
                ]
                .concat()
            })
            .collect();
        let mut next = topics.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(subscriptions), |b| {
            b.iter(|| {
                let mut hits = 0;
                let topic = next.next().expect("a cycle does not end");
                tree.for_each_match(black_box(topic), |holders| hits += holders.iter().sum::<u32>());
                hits
            });
        });
    }
    group.finish();
}

fn coming_and_going(c: &mut Criterion) {
    let mut group = c.benchmark_group("peer");
    let topics: Vec<_> = (0..10_000).map(topic).collect();
    group.bench_function("subscribes to 10 000 of 1 000 000 and goes", |b| {
        let mut tree = filled(1_000_000);
        b.iter(|| {
            for topic in &topics {
                tree.subscribe(1_000, topic);
            }
            tree.remove_all(1_000);
        });
    });
    group.bench_function("cancels 10 000 one by one", |b| {
        b.iter_batched_ref(
            || filled(10_000),
            |tree| {
                for (n, topic) in topics.iter().enumerate() {
                    tree.cancel(n as u32 % 64, topic);
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, matching, coming_and_going);
criterion_main!(benches);
