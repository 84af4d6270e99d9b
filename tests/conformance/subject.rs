//! A socket of any kind under test, and beside whoever does it wrong a peer of it that does everything right.

use std::sync::Arc;

use hubless::kind::{self, Kind};
use hubless::{Builder, Endpoint, Event, Monitor, Peer, Socket, SocketKind};

use crate::bytes::{command, greeting, message, ping, pong, ready};
use crate::kinds::accepted_by;
use crate::raw::{Raw, disconnection, event, soon};
use crate::speaking::{Hears, Later, Receiver, Sender};
use crate::wire::Wire;

/// A socket of one of these kinds.
trait Subject {
    fn monitor(&self) -> Monitor;
    fn bind<'a>(&'a self, at: &'a str) -> Later<'a, Endpoint>;
    fn connect(&self, to: &Endpoint);
    fn disconnect<'a>(&'a self, from: &'a Endpoint) -> Later<'a, ()>;
    fn sender(&mut self) -> Option<&mut dyn Sender>;
    fn receiver(&mut self) -> Option<&mut dyn Receiver>;
}

struct Of<K: Kind> {
    socket: Socket<K>,
    sender: Option<fn(&mut Socket<K>) -> &mut dyn Sender>,
    receiver: Option<fn(&mut Socket<K>) -> &mut dyn Receiver>,
}

impl<K: Kind> Subject for Of<K> {
    fn monitor(&self) -> Monitor {
        self.socket.monitor()
    }

    fn bind<'a>(&'a self, at: &'a str) -> Later<'a, Endpoint> {
        Box::pin(async move { self.socket.bind(at).await.expect("a free endpoint") })
    }

    fn connect(&self, to: &Endpoint) {
        drop(self.socket.connect(to).expect("an endpoint"));
    }

    fn disconnect<'a>(&'a self, from: &'a Endpoint) -> Later<'a, ()> {
        Box::pin(async move {
            let done = soon("disconnecting", self.socket.disconnect(from)).await;
            done.expect("it was connected");
        })
    }

    fn sender(&mut self) -> Option<&mut dyn Sender> {
        self.sender.map(|sender| sender(&mut self.socket))
    }

    fn receiver(&mut self) -> Option<&mut dyn Receiver> {
        self.receiver.map(|receiver| receiver(&mut self.socket))
    }
}

fn says<K: Kind>(socket: &mut Socket<K>) -> &mut dyn Sender
where
    Socket<K>: Sender,
{
    socket
}

fn hears<K: Hears>(socket: &mut Socket<K>) -> &mut dyn Receiver
where
    Socket<K>: Receiver,
{
    socket
}

fn asks<K: Hears>(socket: &Socket<K>) {
    K::asks(socket).expect("a short name");
}

/// What each kind can do, and how it is built. With a pipe only while there is a connection, so that no message waits for
/// a peer of a table.
macro_rules! subjects {
    ($($kind:ident: $sender:expr, $receiver:expr, |$it:ident| $built:expr, $asks:expr;)+) => {
        pub(crate) const KINDS: &[SocketKind] = &[$(SocketKind::$kind),+];

        fn subject(of: SocketKind, wire: Option<Arc<Wire>>) -> Box<dyn Subject> {
            match of {
                $(SocketKind::$kind => {
                    let $it = Socket::<kind::$kind>::builder();
                    let built: Builder<kind::$kind> = $built;
                    let built = match wire {
                        Some(wire) => built.carrier(wire, 1),
                        None => built,
                    };
                    let socket = built.build().expect("no contradiction");
                    let asks: Option<fn(&Socket<kind::$kind>)> = $asks;
                    if let Some(asks) = asks {
                        asks(&socket);
                    }
                    Box::new(Of {
                        socket,
                        sender: $sender,
                        receiver: $receiver,
                    })
                })+
                other => panic!("no socket of kind {other}"),
            }
        }
    };
}

subjects! {
    Push: Some(says), None, |it| it.immediate(true), None;
    Pull: None, Some(hears), |it| it, None;
    Pub: Some(says), None, |it| it, None;
    Sub: None, Some(hears), |it| it, Some(asks);
    Req: Some(says), None, |it| it, None;
    Rep: None, Some(hears), |it| it, None;
    Dealer: Some(says), Some(hears), |it| it.immediate(true), None;
    Router: Some(says), Some(hears), |it| it, None;
    XPub: Some(says), Some(hears), |it| it, None;
    XSub: Some(says), Some(hears), |it| it, Some(asks);
    Pair: Some(says), Some(hears), |it| it.immediate(true), None;
    Client: Some(says), Some(hears), |it| it.immediate(true), None;
    Server: Some(says), Some(hears), |it| it, None;
    Radio: Some(says), None, |it| it, None;
    Dish: None, Some(hears), |it| it, Some(asks);
    Scatter: Some(says), None, |it| it.immediate(true), None;
    Gather: None, Some(hears), |it| it, None;
    Peer: Some(says), Some(hears), |it| it, None;
    Channel: Some(says), Some(hears), |it| it.immediate(true), None;
}

/// A socket under test, and a peer of it that does everything right.
pub(crate) struct Bench {
    kind: SocketKind,
    subject: Box<dyn Subject>,
    pub(crate) monitor: Monitor,
    pub(crate) at: Endpoint,
    wire: Option<Arc<Wire>>,
    good: Option<(Raw, Peer)>,
    rounds: u32,
}

impl Bench {
    /// At a port of its own, or at the end of this wire.
    pub(crate) async fn new(kind: SocketKind, wire: Option<Arc<Wire>>) -> Self {
        let subject = subject(kind, wire.clone());
        let at = match wire {
            Some(_) => "tcp://1.2.3.4:5",
            None => "tcp://127.0.0.1:*",
        };
        let at = subject.bind(at).await;
        let mut bench = Self {
            kind,
            monitor: subject.monitor(),
            subject,
            at,
            wire,
            good: None,
            rounds: 0,
        };
        if !bench.has_one_peer() {
            bench.welcome().await;
        }
        bench
    }

    pub(crate) fn connect(&self, to: &Endpoint) {
        self.subject.connect(to);
    }

    pub(crate) async fn disconnect(&self, from: &Endpoint) {
        self.subject.disconnect(from).await;
    }

    /// Then there cannot be a good one beside a bad one, but only after it.
    fn has_one_peer(&self) -> bool {
        matches!(self.kind, SocketKind::Pair | SocketKind::Channel)
    }

    async fn welcome(&mut self) {
        let mut raw = match &self.wire {
            Some(wire) => wire.arrive("127.0.0.1:2").raw(),
            None => Raw::connect(&self.at).await,
        };
        let kind = self.kind.name();
        raw.say(&[greeting(), ready(accepted_by(kind)[0])].concat()).await;
        raw.expect(&[greeting(), ready(kind)].concat()).await;
        let peer = event(&mut self.monitor, "a handshake", |event| match event {
            Event::HandshakeDone { peer } => Some(peer.clone()),
            _ => None,
        })
        .await;
        match self.kind {
            SocketKind::Sub | SocketKind::XSub => raw.expect(&command("SUBSCRIBE", b"")).await,
            SocketKind::Dish => raw.expect(&command("JOIN", b"group")).await,
            SocketKind::Pub | SocketKind::XPub => raw.say(&command("SUBSCRIBE", b"")).await,
            SocketKind::Radio => raw.say(&command("JOIN", b"group")).await,
            _ => {}
        }
        // It knows all of that when it answers.
        raw.say(&ping(0, b"?")).await;
        raw.expect(&pong(b"?")).await;
        self.good = Some((raw, peer));
    }

    /// One message through the good peer, each way that there is. What others have sent may be heard before it.
    pub(crate) async fn the_good_peer_is_served(&mut self) {
        if self.good.is_none() {
            self.welcome().await;
        }
        self.rounds += 1;
        let text = format!("round {}", self.rounds).into_bytes();
        let (raw, peer) = self.good.as_mut().expect("it was welcomed");
        if let Some(receiver) = self.subject.receiver() {
            raw.say(&match self.kind {
                SocketKind::Rep => message(&[b"", &text]),
                SocketKind::Dish => message(&[b"group", &text]),
                _ => message(&[&text]),
            })
            .await;
            loop {
                let heard = soon("a message", receiver.hear(text.len())).await;
                if heard.expect("the socket is open") == text[..] {
                    break;
                }
            }
            if self.kind == SocketKind::Rep {
                raw.expect(&message(&[b"", b"answer"])).await;
            }
        }
        if let Some(sender) = self.subject.sender() {
            let hearing = async {
                match self.kind {
                    SocketKind::Req => {
                        raw.expect(&message(&[b"", &text])).await;
                        raw.say(&message(&[b"", b"yes"])).await;
                    }
                    SocketKind::Radio => raw.expect(&message(&[b"group", &text])).await,
                    _ => raw.expect(&message(&[&text])).await,
                }
            };
            let sending = soon("room", sender.patiently(peer, text.clone()));
            let (sent, ()) = tokio::join!(sending, hearing);
            sent.expect("the socket is open");
        }
        if self.has_one_peer() {
            let (mut raw, _) = self.good.take().expect("it was welcomed");
            raw.finish().await;
            disconnection(&mut self.monitor).await;
        }
    }

    /// Nothing has come that was not heard.
    pub(crate) fn nothing_was_delivered(&mut self) {
        if let Some(receiver) = self.subject.receiver() {
            let queued = receiver.stats().incoming.queued.messages;
            assert_eq!(queued, 0, "nobody said anything that is a message");
        }
    }
}
