//! A peer that speaks ZMTP by hand: it shows what goes over the wire, and says what no socket of ours would.

use hubless::Endpoint;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {
    /// From now on closing it is felt by the peer's next write.
    fn prepare_reset(&self);
}

impl Stream for TcpStream {
    fn prepare_reset(&self) {
        self.set_zero_linger().expect("a connected socket");
    }
}

impl Stream for UnixStream {
    fn prepare_reset(&self) {}
}

/// One connection whose handshake is done.
pub(crate) struct Raw {
    stream: Box<dyn Stream>,
}

impl Raw {
    /// Connects to a socket of ours and says to be of this kind.
    pub(crate) async fn connect(to: &Endpoint, kind: &str) -> Self {
        let text = to.to_string();
        let stream: Box<dyn Stream> = match text.split_once("://").expect("an endpoint has a scheme") {
            ("tcp", address) => Box::new(TcpStream::connect(address).await.expect("somebody listens")),
            (_, path) => Box::new(UnixStream::connect(path).await.expect("somebody listens")),
        };
        Self::greet(stream, kind).await
    }

    /// Accepts a connection and says to be of this kind.
    pub(crate) async fn accept(listener: &TcpListener, kind: &str) -> Self {
        let (stream, _) = listener.accept().await.expect("a connection comes");
        Self::greet(Box::new(stream), kind).await
    }

    async fn greet(mut stream: Box<dyn Stream>, kind: &str) -> Self {
        let mut greeting = [0; 64];
        greeting[0] = 0xff;
        greeting[9] = 0x7f;
        greeting[10] = 3;
        greeting[11] = 1;
        greeting[12..16].copy_from_slice(b"NULL");
        let mut ready = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
        ready.push(kind.len() as u8);
        ready.extend_from_slice(kind.as_bytes());
        stream.write_all(&greeting).await.expect("the peer lives");
        stream
            .write_all(&[4, ready.len() as u8])
            .await
            .expect("the peer lives");
        stream.write_all(&ready).await.expect("the peer lives");
        stream.read_exact(&mut greeting).await.expect("the peer greets");
        let mut raw = Self { stream };
        let (flags, ready) = raw.frame().await.expect("the peer is ready");
        assert_eq!(flags, 4);
        assert!(ready.starts_with(b"\x05READY"));
        raw
    }

    /// Ends the connection in such a way that nothing can be written to it any more.
    pub(crate) fn reset(self) {
        self.stream.prepare_reset();
    }

    /// Sends a message of these frames.
    pub(crate) async fn send<F: AsRef<[u8]>>(&mut self, frames: &[F]) {
        let mut bytes = Vec::new();
        for (index, frame) in frames.iter().enumerate() {
            let frame = frame.as_ref();
            bytes.extend_from_slice(&[u8::from(index + 1 < frames.len()), frame.len() as u8]);
            bytes.extend_from_slice(frame);
        }
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the peer lives");
    }

    /// The next message; `None` when the peer has closed.
    pub(crate) async fn recv(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.frame().await?;
            frames.push(body);
            if flags & 1 == 0 {
                return Some(frames);
            }
        }
    }

    pub(crate) async fn recv_bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await.expect("the bytes come");
        bytes
    }

    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let flags = self.stream.read_u8().await.ok()?;
        let size = match flags & 2 {
            0 => u64::from(self.stream.read_u8().await.ok()?),
            _ => self.stream.read_u64().await.ok()?,
        };
        let mut body = vec![0; size as usize];
        self.stream.read_exact(&mut body).await.ok()?;
        Some((flags, body))
    }
}
