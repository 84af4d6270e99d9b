//! Plain subscribers, the same for every publisher.
//!
//! A bench of publishers must not measure subscribers: libzmq's and ours differ as much as the publishers do. So
//! here is the cheapest thing that a publisher takes for a SUB: it greets, subscribes, and then counts bytes. All
//! messages of a case are equally long, so bytes are deliveries. All of them run on one thread and share one
//! buffer.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::Failure;
use super::case::{self, Case, Readers, Shape, Transport};
use super::{counters, plain, process};

/// Subscribes as often as the case says, and counts deliveries.
pub fn receive(case: &Case) -> Result<(), Failure> {
    let Shape::Publish {
        subscribers,
        topics,
        readers,
    } = case.shape
    else {
        return Err("this case publishes nothing".into());
    };
    if case.transport != Transport::Tcp {
        return Err("plain subscribers speak only tcp".into());
    }
    let endpoint = process::endpoint()?;
    let message_len = framed(case.payload.bytes());
    let buffer = Rc::new(RefCell::new(vec![0; 256 * 1024]));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async move {
        // Held, not dropped: a subscriber that does not read is not one that has gone.
        let mut stalled = Vec::new();
        let mut reading = tokio::task::JoinSet::new();
        for i in 0..subscribers {
            let stream = subscribe(&endpoint, &case::topic(topics, i)).await?;
            if i == 0 && readers == Readers::PlainOneStalled {
                stalled.push(stream);
            } else {
                reading.spawn_local(count(stream, message_len, Rc::clone(&buffer)));
            }
        }
        while let Some(ended) = reading.join_next().await {
            ended??;
        }
        Ok(())
    })
}

/// Length of a message of one frame on the wire.
fn framed(len: usize) -> usize {
    len + if len > 255 { 9 } else { 2 }
}

/// Shakes hands as a SUB and subscribes.
async fn subscribe(endpoint: &str, topic: &[u8]) -> Result<TcpStream, Failure> {
    let mut stream = plain::connect(endpoint, "SUB").await?;
    // Only now: libzmq takes a command that comes before its own READY has gone out for a violation.
    let mut subscription = Vec::new();
    plain::put_command(&mut subscription, "SUBSCRIBE", topic);
    stream.write_all(&subscription).await?;
    Ok(stream)
}

async fn count(stream: TcpStream, message_len: usize, buffer: Rc<RefCell<Vec<u8>>>) -> io::Result<()> {
    // One thread, so one lane for all.
    let received = counters::lane(0);
    let mut bytes = 0;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer.borrow_mut()) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => bytes += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        received.add((bytes / message_len) as u64);
        bytes %= message_len;
    }
}
