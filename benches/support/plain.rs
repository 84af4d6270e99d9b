//! A peer that is no library: the least that a socket takes for one.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Failure;

const GREETING: usize = 64;

/// Shakes hands as a ZMTP 3.1 peer of this kind, with the NULL mechanism.
pub async fn connect(endpoint: &str, kind: &str) -> Result<TcpStream, Failure> {
    let address = endpoint.strip_prefix("tcp://").unwrap_or(endpoint);
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&hello(kind)).await?;

    let mut greeting = [0; GREETING];
    stream.read_exact(&mut greeting).await?;
    // One short command: READY.
    let (flags, len) = (stream.read_u8().await?, stream.read_u8().await?);
    let mut body = vec![0; usize::from(len)];
    stream.read_exact(&mut body).await?;
    if flags != 4 || !body.starts_with(b"\x05READY") {
        return Err(format!("expected READY from the peer, found {body:?}").into());
    }
    Ok(stream)
}

/// All that a peer of this kind says before its first message.
pub fn hello(kind: &str) -> Vec<u8> {
    let mut hello = vec![0; GREETING];
    hello[0] = 0xFF;
    hello[9] = 0x7F;
    hello[10..12].copy_from_slice(&[3, 1]);
    hello[12..16].copy_from_slice(b"NULL");
    let mut metadata = b"\x0BSocket-Type".to_vec();
    metadata.extend_from_slice(&(kind.len() as u32).to_be_bytes());
    metadata.extend_from_slice(kind.as_bytes());
    put_command(&mut hello, "READY", &metadata);
    hello
}

/// Appends a command of at most 255 bytes.
pub fn put_command(buffer: &mut Vec<u8>, name: &str, body: &[u8]) {
    buffer.extend_from_slice(&[4, (1 + name.len() + body.len()) as u8, name.len() as u8]);
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(body);
}

/// Appends a message of one frame of at most 255 bytes.
pub fn put_message(buffer: &mut Vec<u8>, body: &[u8]) {
    buffer.extend_from_slice(&[0, body.len() as u8]);
    buffer.extend_from_slice(body);
}
