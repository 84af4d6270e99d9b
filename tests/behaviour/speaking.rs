//! How a socket of each kind says one message to one peer, and how it hears one.
//!
//! The one table of kinds for checks that hold for all of them: of [`ways`](crate::ways) here, and of whoever is malformed
//! and hostile in `tests/conformance`.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use hubless::kind::{self, HasIncoming};
use hubless::{Builder, Message, Peer, RoutingId, Socket, Stats, StreamEvent, TrySendError, Unsent};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A socket that sends to the one peer that it has.
pub(crate) trait Sender {
    /// Does not wait for room.
    fn hastily(&mut self, to: &Peer, message: Vec<u8>) -> Later<'_, Result<(), TrySendError>>;
    fn patiently(&mut self, to: &Peer, message: Vec<u8>) -> Later<'_, Outcome>;
    fn close(self: Box<Self>) -> Later<'static, Result<(), Unsent>>;
    fn stats(&self) -> Stats;
    /// Changes its high-water mark.
    fn mark(&self, messages: u64);
    /// Another handle, if there can be one.
    fn another(&self) -> Option<Box<dyn Sender>>;
}

/// A socket that receives.
pub(crate) trait Receiver {
    /// The next message, which has this size.
    fn hear(&mut self, size: usize) -> Later<'_, Outcome<Message>>;
    fn stats(&self) -> Stats;
    /// Changes its high-water mark.
    fn mark(&self, messages: u64);
    fn close(self: Box<Self>) -> Later<'static, Result<(), Unsent>>;
    fn another(&self) -> Box<dyn Receiver>;
}

/// A kind that receives, and what is to be done so that it does.
pub(crate) trait Hears: HasIncoming + Sized {
    fn receiver(socket: Socket<Self>) -> Box<dyn Receiver>;

    fn built(builder: Builder<Self>) -> Builder<Self> {
        builder
    }

    /// Before there is a peer.
    fn asks(_socket: &Socket<Self>) -> Outcome {
        Ok(())
    }
}

/// What is the same of all sockets, but for whose mark it is.
macro_rules! alike {
    ($set_hwm:ident) => {
        fn close(self: Box<Self>) -> Later<'static, Result<(), Unsent>> {
            Box::pin((*self).close())
        }

        fn stats(&self) -> Stats {
            self.stats()
        }

        fn mark(&self, messages: u64) {
            self.$set_hwm(messages as usize);
        }
    };
}

macro_rules! says {
    ($($kind:ident: $hastily:ident $patiently:ident |$to:ident| ($($name:expr)?);)+) => {$(
        impl Sender for Socket<kind::$kind> {
            fn hastily(&mut self, $to: &Peer, message: Vec<u8>) -> Later<'_, Result<(), TrySendError>> {
                let sent = self.$hastily($($name,)? message);
                Box::pin(async { sent })
            }

            fn patiently(&mut self, $to: &Peer, message: Vec<u8>) -> Later<'_, Outcome> {
                let $to = $to.clone();
                Box::pin(async move {
                    let $to = &$to;
                    let _ = $to;
                    Ok(self.$patiently($($name,)? message).await?)
                })
            }

            alike! { set_send_hwm }

            fn another(&self) -> Option<Box<dyn Sender>> {
                Some(Box::new(self.clone()))
            }
        }
    )+};
}

says! {
    Push: try_send send |_to| ();
    Pub: try_send send |_to| ();
    XPub: try_send send |_to| ();
    XSub: try_send send |_to| ();
    Dealer: try_send send |_to| ();
    Pair: try_send send |_to| ();
    Client: try_send send |_to| ();
    Scatter: try_send send |_to| ();
    Channel: try_send send |_to| ();
    Router: try_send_to send_to |to| (&RoutingId::from(to.routing_id()));
    Server: try_send_to send_to |to| (to.number().expect("it names by numbers"));
    Peer: try_send_to send_to |to| (to.number().expect("it names by numbers"));
    Stream: try_send_to send_to |to| (to);
    Radio: try_send_to send_to |_to| ("group");
}

/// Asks, and gives up at once if that is hasty.
impl Sender for Socket<kind::Req> {
    fn hastily(&mut self, _: &Peer, message: Vec<u8>) -> Later<'_, Result<(), TrySendError>> {
        Box::pin(async move {
            let turns = async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                answer = self.request(message) => panic!("nobody answers: {answer:?}"),
                () = turns => Ok(()),
            }
        })
    }

    fn patiently(&mut self, _: &Peer, message: Vec<u8>) -> Later<'_, Outcome> {
        Box::pin(async move {
            self.request(message).await?;
            Ok(())
        })
    }

    alike! { set_send_hwm }

    fn another(&self) -> Option<Box<dyn Sender>> {
        None
    }
}

/// Answers one of the questions that it was asked in advance.
impl Sender for Socket<kind::Rep> {
    fn hastily(&mut self, _: &Peer, message: Vec<u8>) -> Later<'_, Result<(), TrySendError>> {
        Box::pin(async move {
            let request = self.recv_request().await.expect("it is open");
            request.reply(message).await.map_err(TrySendError::from)
        })
    }

    fn patiently(&mut self, to: &Peer, message: Vec<u8>) -> Later<'_, Outcome> {
        let sent = self.hastily(to, message);
        Box::pin(async { Ok(sent.await?) })
    }

    alike! { set_send_hwm }

    fn another(&self) -> Option<Box<dyn Sender>> {
        Some(Box::new(self.clone()))
    }
}

macro_rules! hears {
    ($($kind:ident: |$socket:ident| $hear:expr $(, $asks:expr)?;)+) => {$(
        impl Hears for kind::$kind {
            fn receiver(socket: Socket<Self>) -> Box<dyn Receiver> {
                Box::new(socket)
            }

            $(fn asks($socket: &Socket<Self>) -> Outcome {
                $asks;
                Ok(())
            })?
        }

        impl Receiver for Socket<kind::$kind> {
            fn hear(&mut self, _: usize) -> Later<'_, Outcome<Message>> {
                let $socket = &*self;
                Box::pin(async move { Ok($hear) })
            }

            alike! { set_recv_hwm }

            fn another(&self) -> Box<dyn Receiver> {
                Box::new(self.clone())
            }
        }
    )+};
}

hears! {
    Pull: |socket| socket.recv().await?;
    Sub: |socket| socket.recv().await?, socket.subscribe("");
    XSub: |socket| socket.recv().await?, socket.subscribe("");
    XPub: |socket| socket.recv().await?;
    Dealer: |socket| socket.recv().await?;
    Pair: |socket| socket.recv().await?;
    Client: |socket| socket.recv().await?;
    Gather: |socket| socket.recv().await?;
    Channel: |socket| socket.recv().await?;
    Router: |socket| socket.recv_from().await?.1;
    Server: |socket| socket.recv_from().await?.1;
    Peer: |socket| socket.recv_from().await?.1;
    Dish: |socket| socket.recv_from().await?.1.into(), socket.join("group")?;
    Rep: |socket| {
        let request = socket.recv_request().await?;
        let message = request.message().clone();
        request.reply("answer").await?;
        message
    };
}

/// Bytes have no boundaries: a message is so many of them.
struct Bytes(Socket<kind::Stream>, Vec<u8>);

impl Hears for kind::Stream {
    fn receiver(socket: Socket<Self>) -> Box<dyn Receiver> {
        Box::new(Bytes(socket, Vec::new()))
    }

    fn built(builder: Builder<Self>) -> Builder<Self> {
        builder.notify(false)
    }
}

impl Receiver for Bytes {
    fn hear(&mut self, size: usize) -> Later<'_, Outcome<Message>> {
        Box::pin(async move {
            while self.1.len() < size {
                if let (_, StreamEvent::Data(data)) = self.0.recv_from().await? {
                    self.1.extend_from_slice(&data);
                }
            }
            let rest = self.1.split_off(size);
            Ok(std::mem::replace(&mut self.1, rest).into())
        })
    }

    fn stats(&self) -> Stats {
        self.0.stats()
    }

    fn mark(&self, messages: u64) {
        self.0.set_recv_hwm(messages as usize);
    }

    fn close(self: Box<Self>) -> Later<'static, Result<(), Unsent>> {
        let socket = self.0;
        Box::pin(socket.close())
    }

    fn another(&self) -> Box<dyn Receiver> {
        Box::new(Bytes(self.0.clone(), Vec::new()))
    }
}
