//! One face for both libraries: what a C program can call, and the number of the error.

use std::os::fd::OwnedFd;
use std::time::Duration;

use hubless::dynamic::{self, Errno, flag, kind, option};
use peers::libzmq::{self, Msg, SocketType, Wait};

use crate::DEADLINE;

/// What a call says: what it returns, or an error's number.
pub(crate) type Answer<T> = Result<T, Errno>;

/// A library of sockets.
pub(crate) trait Library {
    type Socket: Calls + Send + 'static;

    fn new() -> Self;

    /// A socket as the library makes it.
    fn bare(&self, kind: i32) -> Answer<Self::Socket>;

    fn shutdown(&self);

    /// A socket that waits for a while, and leaves nothing behind.
    fn socket(&self, kind: i32) -> Self::Socket {
        let socket = self.bare(kind).expect("there are such sockets");
        let limit = DEADLINE.as_millis() as i32;
        for (number, value) in [
            (option::RCVTIMEO, limit),
            (option::SNDTIMEO, limit),
            (option::LINGER, 0),
        ] {
            socket
                .set(number, &value.to_ne_bytes())
                .expect("every kind takes this option");
        }
        socket
    }
}

/// What can be called.
pub(crate) trait Calls {
    fn bind(&self, at: &str) -> Answer<()>;
    fn connect(&self, to: &str) -> Answer<()>;
    fn connect_peer(&self, to: &str) -> Answer<u32>;
    fn unbind(&self, at: &str) -> Answer<()>;
    fn disconnect(&self, from: &str) -> Answer<()>;
    fn join(&self, group: &str) -> Answer<()>;
    fn leave(&self, group: &str) -> Answer<()>;
    fn set(&self, number: i32, value: &[u8]) -> Answer<()>;
    fn get(&self, number: i32, size: usize) -> Answer<Vec<u8>>;
    fn send(&self, frame: &[u8], flags: i32) -> Answer<()>;
    fn send_with(&self, frame: &[u8], number: u32, group: &str, flags: i32) -> Answer<()>;
    fn recv(&self, flags: i32) -> Answer<Vec<u8>>;
    fn recv_with(&self, flags: i32) -> Answer<(u32, String, Vec<u8>)>;
    fn poll(&self, events: i16, limit: Duration) -> Answer<i16>;
    fn descriptor(&self) -> Answer<OwnedFd>;

    fn set_int(&self, number: i32, value: i32) -> Answer<()> {
        self.set(number, &value.to_ne_bytes())
    }

    fn get_int(&self, number: i32) -> Answer<i32> {
        let value = self.get(number, 4)?;
        Ok(i32::from_ne_bytes(
            value.try_into().expect("four bytes were asked for"),
        ))
    }

    fn last_endpoint(&self) -> String {
        let mut text = self
            .get(option::LAST_ENDPOINT, 1024)
            .expect("it is bound or connected");
        text.retain(|byte| *byte != 0);
        String::from_utf8(text).expect("an endpoint is text")
    }

    /// Binds somewhere, and says where.
    fn listen(&self) -> String {
        self.bind("tcp://127.0.0.1:*").expect("there are free ports");
        self.last_endpoint()
    }

    fn recv_all(&self, flags: i32) -> Answer<Vec<Vec<u8>>> {
        let mut frames = vec![self.recv(flags)?];
        while self.get_int(option::RCVMORE)? == 1 {
            frames.push(self.recv(flags)?);
        }
        Ok(frames)
    }

    fn send_all(&self, frames: &[&[u8]], flags: i32) -> Answer<()> {
        let (last, before) = frames.split_last().expect("there is a frame");
        for frame in before {
            self.send(frame, flags | flag::SNDMORE)?;
        }
        self.send(last, flags)
    }
}

// ---- ours ------------------------------------------------------------------------------------------------------

pub(crate) struct Ours(pub(crate) dynamic::Context);

impl Library for Ours {
    type Socket = dynamic::Socket;

    fn new() -> Self {
        Self(dynamic::Context::new())
    }

    fn bare(&self, kind: i32) -> Answer<dynamic::Socket> {
        self.0.socket(kind)
    }

    fn shutdown(&self) {
        self.0.shutdown();
    }
}

impl Calls for dynamic::Socket {
    fn bind(&self, at: &str) -> Answer<()> {
        self.bind(at)
    }

    fn connect(&self, to: &str) -> Answer<()> {
        self.connect(to)
    }

    fn connect_peer(&self, to: &str) -> Answer<u32> {
        self.connect_peer(to)
    }

    fn unbind(&self, at: &str) -> Answer<()> {
        self.unbind(at)
    }

    fn disconnect(&self, from: &str) -> Answer<()> {
        self.disconnect(from)
    }

    fn join(&self, group: &str) -> Answer<()> {
        self.join(group)
    }

    fn leave(&self, group: &str) -> Answer<()> {
        self.leave(group)
    }

    fn set(&self, number: i32, value: &[u8]) -> Answer<()> {
        self.set_option(number, value)
    }

    fn get(&self, number: i32, size: usize) -> Answer<Vec<u8>> {
        self.option(number).and_then(|value| match value.len() <= size {
            true => Ok(value),
            false => Err(Errno::EINVAL),
        })
    }

    fn send(&self, frame: &[u8], flags: i32) -> Answer<()> {
        self.send(frame, flags)
    }

    fn send_with(&self, frame: &[u8], number: u32, group: &str, flags: i32) -> Answer<()> {
        let message = dynamic::Message::from(frame)
            .with_routing_id(number)
            .with_group(group)?;
        self.send_message(message, flags)
    }

    fn recv(&self, flags: i32) -> Answer<Vec<u8>> {
        Ok(self.recv(flags)?.to_vec())
    }

    fn recv_with(&self, flags: i32) -> Answer<(u32, String, Vec<u8>)> {
        let message = self.recv_message(flags)?;
        let group = String::from_utf8_lossy(message.group()).into_owned();
        let body = message.frames().frame(0).expect("there is a frame").to_vec();
        Ok((message.routing_id(), group, body))
    }

    fn poll(&self, events: i16, limit: Duration) -> Answer<i16> {
        let mut items = [dynamic::PollItem::new(self, events)];
        dynamic::poll(&mut items, limit)?;
        Ok(items[0].found())
    }

    fn descriptor(&self) -> Answer<OwnedFd> {
        Ok(self.fd()?.try_clone_to_owned().expect("another descriptor"))
    }
}

// ---- theirs ----------------------------------------------------------------------------------------------------

pub(crate) struct Theirs(libzmq::Context);

fn theirs<T>(answer: libzmq::Result<T>) -> Answer<T> {
    answer.map_err(|error| Errno::from(error.errno()))
}

fn wait(flags: i32) -> Wait {
    match flags & flag::DONTWAIT {
        0 => Wait::Yes,
        _ => Wait::No,
    }
}

impl Library for Theirs {
    type Socket = libzmq::Socket;

    fn new() -> Self {
        Self(libzmq::Context::new())
    }

    fn bare(&self, kind: i32) -> Answer<libzmq::Socket> {
        theirs(self.0.socket(SocketType::ALL[kind as usize]))
    }

    fn shutdown(&self) {
        self.0.shutdown().expect("libzmq shuts down");
    }
}

impl Calls for libzmq::Socket {
    fn bind(&self, at: &str) -> Answer<()> {
        theirs(self.bind(at)).map(drop)
    }

    fn connect(&self, to: &str) -> Answer<()> {
        theirs(self.connect(to)).map(drop)
    }

    fn connect_peer(&self, to: &str) -> Answer<u32> {
        theirs(self.connect_peer(to))
    }

    fn unbind(&self, at: &str) -> Answer<()> {
        theirs(self.unbind(at))
    }

    fn disconnect(&self, from: &str) -> Answer<()> {
        theirs(self.disconnect(from))
    }

    fn join(&self, group: &str) -> Answer<()> {
        theirs(self.join(group))
    }

    fn leave(&self, group: &str) -> Answer<()> {
        theirs(self.leave(group))
    }

    fn set(&self, number: i32, value: &[u8]) -> Answer<()> {
        // Where it does not look at the length, it reads a number.
        let mut padded = value.to_vec();
        padded.resize(value.len().max(4), 0);
        let value = &padded[..value.len()];
        theirs(self.set_bytes(libzmq::option::BytesOpt::new(number), value))
    }

    fn get(&self, number: i32, size: usize) -> Answer<Vec<u8>> {
        theirs(self.get_sized(libzmq::option::BytesOpt::new(number), size))
    }

    fn send(&self, frame: &[u8], flags: i32) -> Answer<()> {
        theirs(match flags & flag::SNDMORE {
            0 => self.send_slice(frame, wait(flags)),
            _ => self.send_slice_more(frame, wait(flags)),
        })
    }

    fn send_with(&self, frame: &[u8], number: u32, group: &str, flags: i32) -> Answer<()> {
        let mut message = theirs(Msg::copy_of(frame))?;
        if number != 0 {
            theirs(message.set_routing_id(number))?;
        }
        if !group.is_empty() {
            theirs(message.set_group(group))?;
        }
        theirs(self.send_msg(&mut message, wait(flags)))
    }

    fn recv(&self, flags: i32) -> Answer<Vec<u8>> {
        Ok(self.recv_with(flags)?.2)
    }

    fn recv_with(&self, flags: i32) -> Answer<(u32, String, Vec<u8>)> {
        let mut message = Msg::new();
        theirs(self.recv_into(&mut message, wait(flags)))?;
        let body = message.bytes().to_vec();
        // A message is one or the other.
        let number = message.routing_id();
        let group = if number == 0 {
            message.group()
        } else {
            String::new()
        };
        Ok((number, group, body))
    }

    fn poll(&self, events: i16, limit: Duration) -> Answer<i16> {
        use hubless::dynamic::event::{POLLIN, POLLOUT};

        let (mut found, one) = (0, events.count_ones() == 1);
        let limit = if one { limit } else { Duration::ZERO };
        if events & POLLIN != 0 && theirs(self.wait_readable(limit))? {
            found |= POLLIN;
        }
        if events & POLLOUT != 0 && theirs(self.wait_writable(limit))? {
            found |= POLLOUT;
        }
        Ok(found)
    }

    fn descriptor(&self) -> Answer<OwnedFd> {
        theirs(self.descriptor())
    }
}

/// All numbers of kinds, with names for those who read what went wrong.
pub(crate) const KINDS: [(i32, &str); 21] = [
    (kind::PAIR, "PAIR"),
    (kind::PUB, "PUB"),
    (kind::SUB, "SUB"),
    (kind::REQ, "REQ"),
    (kind::REP, "REP"),
    (kind::DEALER, "DEALER"),
    (kind::ROUTER, "ROUTER"),
    (kind::PULL, "PULL"),
    (kind::PUSH, "PUSH"),
    (kind::XPUB, "XPUB"),
    (kind::XSUB, "XSUB"),
    (kind::STREAM, "STREAM"),
    (kind::SERVER, "SERVER"),
    (kind::CLIENT, "CLIENT"),
    (kind::RADIO, "RADIO"),
    (kind::DISH, "DISH"),
    (kind::GATHER, "GATHER"),
    (kind::SCATTER, "SCATTER"),
    (kind::DGRAM, "DGRAM"),
    (kind::PEER, "PEER"),
    (kind::CHANNEL, "CHANNEL"),
];
