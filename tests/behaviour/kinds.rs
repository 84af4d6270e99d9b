//! Who talks to whom: every pair of kinds that speak ZMTP, whoever of the two binds.

use std::future::Future;
use std::pin::Pin;

use hubless::kind::{self, Kind};
use hubless::{
    ConnectError, Connecting, DisconnectReason, Event, Linger, Monitor, ProtocolError, Socket, SocketKind,
    Unsent,
};

use crate::event;
use crate::transport::{Outcome, Place, Transport, over_every_transport};

over_every_transport! {
    every_two_kinds_meet_or_refuse_each_other_by_name
    whoever_is_connecting_closes_at_once
}

use SocketKind::{
    Channel, Client, Dealer, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req, Router, Scatter,
    Server, Sub, XPub, XSub,
};

/// Those who talk to each other (RFC 28 to 31, 41, 48, 49, 51, 52); all others do not.
const PAIRS: [[SocketKind; 2]; 17] = [
    [Push, Pull],
    [Pub, Sub],
    [Pub, XSub],
    [XPub, Sub],
    [XPub, XSub],
    [Req, Rep],
    [Req, Router],
    [Dealer, Rep],
    [Dealer, Dealer],
    [Dealer, Router],
    [Router, Router],
    [Pair, Pair],
    [Client, Server],
    [Radio, Dish],
    [Scatter, Gather],
    [Peer, Peer],
    [Channel, Channel],
];

/// A socket of some kind.
trait Anybody {
    fn kind(&self) -> SocketKind;
    fn monitor(&self) -> Monitor;
    fn peers(&self) -> usize;
    fn bind<'a>(&'a self, at: &'a Place) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;
    fn connect(&self, to: &Place) -> Outcome<Connecting>;
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), Unsent>>>>;
}

impl<K: Kind> Anybody for Socket<K> {
    fn kind(&self) -> SocketKind {
        K::KIND
    }

    fn monitor(&self) -> Monitor {
        self.monitor()
    }

    fn peers(&self) -> usize {
        self.peers().count()
    }

    fn bind<'a>(&'a self, at: &'a Place) -> Pin<Box<dyn Future<Output = Outcome> + 'a>> {
        Box::pin(async move {
            self.bind(at).await?;
            Ok(())
        })
    }

    fn connect(&self, to: &Place) -> Outcome<Connecting> {
        Ok(self.connect(to)?)
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = Result<(), Unsent>>>> {
        Box::pin((*self).close())
    }
}

macro_rules! sockets_of {
    ($($kind:ident)+) => {
        [$(|| {
            let socket = Socket::<kind::$kind>::builder().linger(Linger::Forever).build();
            Box::new(socket.expect("no contradiction"))
        },)+]
    };
}

const SOCKETS: [fn() -> Box<dyn Anybody>; 19] = sockets_of! {
    Push Pull Pub Sub XPub XSub Req Rep Dealer Router Pair Client Server Radio Dish Scatter Gather Peer Channel
};

async fn every_two_kinds_meet_or_refuse_each_other_by_name(at: Transport) -> Outcome {
    for binds in SOCKETS {
        for connects in SOCKETS {
            meet(at, &*binds(), &*connects()).await?;
        }
    }
    Ok(())
}

/// For ever, if there were something to wait for.
async fn whoever_is_connecting_closes_at_once(at: Transport) -> Outcome {
    for socket in SOCKETS {
        let socket = socket();
        let place = at.place();
        let connecting = socket.connect(&place)?;
        tokio::task::yield_now().await;
        socket.close().await?;
        assert!(matches!(connecting.await, Err(ConnectError::Closed(_))));
    }
    Ok(())
}

async fn meet(at: Transport, binds: &dyn Anybody, connects: &dyn Anybody) -> Outcome {
    let (mut at_binds, mut at_connects) = (binds.monitor(), connects.monitor());
    let place = at.place();
    binds.bind(&place).await?;
    let connecting = connects.connect(&place)?.await;
    let told = [handshake(&mut at_binds).await, handshake(&mut at_connects).await];
    let sides = [binds.kind(), connects.kind()];
    let others = [connects.kind(), binds.kind()];
    if PAIRS.contains(&sides) || PAIRS.contains(&others) {
        assert_eq!(connecting?.kind(), Some(binds.kind()));
        assert_eq!(told, others.map(Ok));
        return Ok(());
    }
    for ((ours, theirs), told) in sides.into_iter().zip(others).zip(told) {
        let reason = told.expect_err("they do not fit");
        // Who introduces itself last, as one does that has a peer at a time, is told first.
        if let DisconnectReason::Protocol(ProtocolError::Refused { reason }) = &reason {
            assert!(matches!(theirs, Pair | Channel));
            assert_eq!(*reason, format!("wrong socket type for a {theirs}"));
            continue;
        }
        let expected = ProtocolError::Kind {
            ours,
            theirs: theirs.name().to_owned(),
        };
        assert_eq!(reason, DisconnectReason::Protocol(expected));
        let text = reason.to_string();
        assert!(
            text.starts_with(&format!("peer announced {theirs}, a {ours} accepts ")),
            "{text}"
        );
    }
    assert!(matches!(connecting, Err(ConnectError::Refused { .. })));
    assert_eq!((binds.peers(), connects.peers()), (0, 0));
    Ok(())
}

/// How the next handshake goes: with whom it is done, or why it fails.
async fn handshake(monitor: &mut Monitor) -> Result<SocketKind, DisconnectReason> {
    event(monitor, |event| match event {
        Event::HandshakeDone { peer } => peer.kind().map(Ok),
        Event::HandshakeFailed { reason, .. } => Some(Err(reason)),
        _ => None,
    })
    .await
}
