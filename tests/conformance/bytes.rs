//! How ZMTP is spelled, written from the specification (RFC 37) and not from the library: a mistake that both
//! sides share would not be seen.

/// Signature, version 3.1, NULL, not a server, filler: 64 bytes.
pub(crate) fn greeting() -> Vec<u8> {
    greeting_of(3, 1, "NULL")
}

/// The same with another version or mechanism.
pub(crate) fn greeting_of(major: u8, minor: u8, mechanism: &str) -> Vec<u8> {
    let mut bytes = hex("FF 00 00 00 00 00 00 00 00 7F");
    bytes.extend([major, minor]);
    bytes.extend(mechanism.as_bytes());
    bytes.resize(64, 0);
    bytes
}

/// READY of a socket of this kind. REQ, DEALER and ROUTER send their identity too, empty or not.
pub(crate) fn ready(kind: &str) -> Vec<u8> {
    let mut metadata = property("Socket-Type", kind.as_bytes());
    if matches!(kind, "REQ" | "DEALER" | "ROUTER") {
        metadata.extend(property("Identity", b""));
    }
    command("READY", &metadata)
}

/// One property of a handshake's metadata.
pub(crate) fn property(name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.extend((value.len() as u32).to_be_bytes());
    bytes.extend(value);
    bytes
}

/// A command frame.
pub(crate) fn command(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(data);
    frame(0x04, &body)
}

pub(crate) fn ping(ttl: u16, context: &[u8]) -> Vec<u8> {
    command("PING", &[&ttl.to_be_bytes(), context].concat())
}

pub(crate) fn pong(context: &[u8]) -> Vec<u8> {
    command("PONG", context)
}

/// A whole message.
pub(crate) fn message(frames: &[&[u8]]) -> Vec<u8> {
    let last = frames.len() - 1;
    frames
        .iter()
        .enumerate()
        .flat_map(|(i, body)| frame(u8::from(i < last), body))
        .collect()
}

/// A frame in the shortest form that its size allows.
pub(crate) fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(body.len()) {
        Ok(size) => vec![flags, size],
        Err(_) => header(flags, body.len() as u64),
    };
    bytes.extend(body);
    bytes
}

/// The long form of a frame's header.
pub(crate) fn header(flags: u8, size: u64) -> Vec<u8> {
    let mut bytes = vec![flags | 0x02];
    bytes.extend(size.to_be_bytes());
    bytes
}

/// Bytes as a specification writes them.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(pair, 16).expect("two hexadecimal digits");
    text.split_whitespace().map(byte).collect()
}
