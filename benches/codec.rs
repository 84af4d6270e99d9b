//! What a message costs on its way into a run of frames, and what it costs to find it there again: the encoder and
//! the decoder without any I/O, lock or queue.
//!
//! Encoding is appending to a run, which is what a log and a batch are made of (`src/frame/run.rs`); decoding is what
//! a driver asks of the bytes that it has read (`src/wire/decoder.rs`), and cutting one message after another out of
//! them is what a receiver does. The figures are those of one read: 64 KiB of frames.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The house's own files; the paths in them lead through the names below.
#[path = "../src"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part is measured")]
mod house {
    #[path = "wire/decoder.rs"]
    pub(crate) mod decoder;
    #[path = "error/protocol.rs"]
    pub(crate) mod error;
    pub(crate) mod frame;
    pub(crate) mod socket_kind;
}

use house::decoder::{Decoder, Limits, Step};
use house::{error, frame, socket_kind};

/// As much as a driver often finds at once.
const READ: usize = 64 * 1024;

/// Messages of this many frames of this many bytes.
#[derive(Clone, Copy)]
struct Shape {
    frames: usize,
    size: usize,
}

const SHAPES: [Shape; 4] = [
    Shape { frames: 1, size: 16 },
    Shape { frames: 1, size: 128 },
    Shape {
        frames: 1,
        size: 1024,
    },
    Shape { frames: 3, size: 32 },
];

impl Shape {
    fn name(self) -> String {
        match self.frames {
            1 => format!("{} B", self.size),
            frames => format!("{frames}×{} B", self.size),
        }
    }

    /// How many of them one read holds.
    fn count(self) -> usize {
        READ / (self.frames * frame::framed_len(self.size))
    }

    fn put(self, run: &mut frame::Run, body: &[u8]) {
        for _ in 1..self.frames {
            run.put(frame::MORE, body);
        }
        run.put(0, body);
    }

    /// One read's worth of them.
    fn encoded(self) -> Vec<u8> {
        let (mut bytes, body) = (Vec::new(), vec![b'x'; self.size]);
        for _ in 0..self.count() {
            for nth in 1..=self.frames {
                let more = if nth < self.frames { frame::MORE } else { 0 };
                frame::put_header(&mut bytes, more, body.len());
                bytes.extend_from_slice(&body);
            }
        }
        bytes
    }
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for shape in SHAPES {
        let body = vec![b'x'; shape.size];
        // Its buffer has grown already, as a log's has after the first batches.
        let mut run = frame::Run::with_capacity(2 * READ);
        group.throughput(Throughput::Elements(shape.count() as u64));
        group.bench_function(BenchmarkId::from_parameter(shape.name()), |b| {
            b.iter(|| {
                run.clear();
                for _ in 0..shape.count() {
                    shape.put(&mut run, black_box(&body));
                }
                run.len()
            });
        });
    }
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let limits = Limits {
        message_size: 256 << 20,
        message_frames: 16_384,
    };
    for shape in SHAPES {
        let bytes = shape.encoded();
        group.throughput(Throughput::Elements(shape.count() as u64));
        group.bench_function(BenchmarkId::new("in one run", shape.name()), |b| {
            let mut decoder = Decoder::new(limits);
            b.iter(|| match decoder.step(black_box(&bytes), usize::MAX) {
                Ok(Step::Messages { len, count }) if len == bytes.len() => count,
                other => panic!("{other:?}"),
            });
        });
        // With a mark of 1 each message is asked for alone.
        group.bench_function(BenchmarkId::new("one by one", shape.name()), |b| {
            let mut decoder = Decoder::new(limits);
            b.iter(|| {
                let mut rest = black_box(&bytes[..]);
                while !rest.is_empty() {
                    match decoder.step(rest, 1) {
                        Ok(Step::Messages { len, count: 1 }) => rest = &rest[len..],
                        other => panic!("{other:?}"),
                    }
                }
            });
        });
    }
    group.finish();
}

/// Short, as these loops are steady: the whole file takes half a minute.
fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = brief(); targets = encode, decode);
criterion_main!(benches);
