//! A raw tokio stream as a contestant: the same bytes on the wire, no library.
//!
//! For throughput the sender gathers frames in a 64 KiB buffer, as `BufWriter` would, and the receiver walks frame
//! headers in what it has read. For round trips both sides simply write and read the payload.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::Failure;
use super::case::{Case, Payload, Transport, ipc_path};
use super::contestant::{Runtime, Side};
use super::round_trips::RoundTrips;
use super::{counters, process};

/// The raw stream, on a current_thread runtime.
#[derive(Debug)]
pub struct Raw;

const BUFFER: usize = 64 * 1024;

impl Side for Raw {
    fn send(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        run(async move { write_frames(connect(&case).await?, &case).await })
    }

    fn receive(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        run(async move { count_frames(accept(&case).await?).await })
    }

    fn ask(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        run(async move {
            let mut stream = connect(&case).await?;
            let (request, mut reply) = (case.payload.frame(), case.payload.frame());
            let mut round_trips = RoundTrips::new();
            while round_trips.wanted() {
                stream.write_all(&request).await?;
                stream.read_exact(&mut reply).await?;
                round_trips.done();
            }
            round_trips.tell()
        })
    }

    fn answer(&self, case: &Case) -> Result<(), Failure> {
        let case = *case;
        run(async move {
            let mut stream = accept(&case).await?;
            let mut request = case.payload.frame();
            loop {
                stream.read_exact(&mut request).await?;
                stream.write_all(&request).await?;
            }
        })
    }

    fn send_and_receive(&self, _case: &Case) -> Result<(), Failure> {
        Err("there is no stream within a process".into())
    }

    fn ask_and_answer(&self, _case: &Case) -> Result<(), Failure> {
        Err("there is no stream within a process".into())
    }
}

fn run<P>(program: P) -> Result<(), Failure>
where
    P: Future<Output = Result<(), Failure>> + Send + 'static,
{
    Runtime::CurrentThread.run(program)
}

/// Either kind of stream.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn connect(case: &Case) -> Result<Box<dyn Stream>, Failure> {
    let endpoint = process::endpoint()?;
    match case.transport {
        Transport::Tcp => {
            let stream = TcpStream::connect(&endpoint).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Transport::Ipc => Ok(Box::new(UnixStream::connect(&endpoint).await?)),
        Transport::Inproc => Err("there is no stream within a process".into()),
    }
}

async fn accept(case: &Case) -> Result<Box<dyn Stream>, Failure> {
    match case.transport {
        Transport::Tcp => {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            process::tell_endpoint(&listener.local_addr()?.to_string());
            let stream = listener.accept().await?.0;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Transport::Ipc => {
            let path = ipc_path();
            let listener = UnixListener::bind(&path)?;
            process::tell_endpoint(&path.to_string_lossy());
            Ok(Box::new(listener.accept().await?.0))
        }
        Transport::Inproc => Err("there is no stream within a process".into()),
    }
}

async fn write_frames(mut stream: Box<dyn Stream>, case: &Case) -> Result<(), Failure> {
    let payload = case.payload.frame();
    let parts = match case.payload {
        Payload::Parts { count, .. } => count,
        Payload::Slice(_) | Payload::Owned(_) => 1,
    };
    let sent = counters::lane(0);
    let mut buffer = Vec::with_capacity(2 * BUFFER);
    loop {
        for part in 1..=parts {
            put_header(&mut buffer, u8::from(part < parts), payload.len());
            if payload.len() < BUFFER {
                buffer.extend_from_slice(&payload);
            }
        }
        if buffer.len() >= BUFFER || payload.len() >= BUFFER {
            stream.write_all(&buffer).await?;
            buffer.clear();
        }
        if payload.len() >= BUFFER {
            stream.write_all(&payload).await?;
        }
        sent.add(1);
    }
}

/// A ZMTP frame header; `more` is 1 if another frame of the same message follows.
fn put_header(buffer: &mut Vec<u8>, more: u8, len: usize) {
    match u8::try_from(len) {
        Ok(short) => buffer.extend_from_slice(&[more, short]),
        Err(_) => {
            buffer.push(2 | more);
            buffer.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

async fn count_frames(mut stream: Box<dyn Stream>) -> Result<(), Failure> {
    let received = counters::lane(0);
    let mut buffer = vec![0; 4 * BUFFER];
    // Bytes in the buffer, and bytes of the current payload that are still to come and need not be looked at.
    let (mut filled, mut skip) = (0, 0);
    let mut last = true; // whether the current frame ends its message
    loop {
        let n = stream.read(&mut buffer[filled..]).await?;
        if n == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        filled += n;
        let (mut at, mut whole) = (0, 0);
        while at < filled {
            if skip > 0 {
                let step = skip.min(filled - at);
                (at, skip) = (at + step, skip - step);
                whole += u64::from(skip == 0 && last);
                continue;
            }
            match buffer[at..filled] {
                [more @ (0 | 1), len, ..] => (at, skip, last) = (at + 2, usize::from(len), more == 0),
                [more @ (2 | 3), a, b, c, d, e, f, g, h, ..] => {
                    skip = u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize;
                    (at, last) = (at + 9, more == 2);
                }
                _ => break, // the rest of the header is still to come
            }
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        received.add(whole);
    }
}
