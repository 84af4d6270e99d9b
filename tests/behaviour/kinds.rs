//! Who talks to whom: every pair of kinds, whoever of the two binds.

use hubless::kind::{self, Kind};
use hubless::{ConnectError, DisconnectReason, Event, Monitor, ProtocolError, Socket, SocketKind};

use crate::event;
use crate::transport::{Outcome, Transport, over_every_transport};

over_every_transport! {
    every_two_kinds_meet_or_refuse_each_other_by_name
}

/// Those who talk to each other; all others do not.
const PAIRS: [[SocketKind; 2]; 8] = [
    [SocketKind::Push, SocketKind::Pull],
    [SocketKind::Pub, SocketKind::Sub],
    [SocketKind::Req, SocketKind::Rep],
    [SocketKind::Req, SocketKind::Router],
    [SocketKind::Dealer, SocketKind::Rep],
    [SocketKind::Dealer, SocketKind::Dealer],
    [SocketKind::Dealer, SocketKind::Router],
    [SocketKind::Router, SocketKind::Router],
];

async fn every_two_kinds_meet_or_refuse_each_other_by_name(at: Transport) -> Outcome {
    with_each::<kind::Push>(at).await?;
    with_each::<kind::Pull>(at).await?;
    with_each::<kind::Pub>(at).await?;
    with_each::<kind::Sub>(at).await?;
    with_each::<kind::Req>(at).await?;
    with_each::<kind::Rep>(at).await?;
    with_each::<kind::Dealer>(at).await?;
    with_each::<kind::Router>(at).await
}

async fn with_each<Binds: Kind>(at: Transport) -> Outcome {
    meet::<Binds, kind::Push>(at).await?;
    meet::<Binds, kind::Pull>(at).await?;
    meet::<Binds, kind::Pub>(at).await?;
    meet::<Binds, kind::Sub>(at).await?;
    meet::<Binds, kind::Req>(at).await?;
    meet::<Binds, kind::Rep>(at).await?;
    meet::<Binds, kind::Dealer>(at).await?;
    meet::<Binds, kind::Router>(at).await
}

async fn meet<Binds: Kind, Connects: Kind>(at: Transport) -> Outcome {
    let (binds, connects) = (Socket::<Binds>::new(), Socket::<Connects>::new());
    let (mut at_binds, mut at_connects) = (binds.monitor(), connects.monitor());
    let place = at.bind(&binds).await?;
    let connecting = connects.connect(&place)?.await;
    let told = [handshake(&mut at_binds).await, handshake(&mut at_connects).await];
    let sides = [Binds::KIND, Connects::KIND];
    let others = [Connects::KIND, Binds::KIND];
    if PAIRS.contains(&sides) || PAIRS.contains(&others) {
        assert_eq!(connecting?.kind(), Some(Binds::KIND));
        assert_eq!(told, others.map(Ok));
        return Ok(());
    }
    for ((ours, theirs), told) in sides.into_iter().zip(others).zip(told) {
        let reason = told.expect_err("they do not fit");
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
    assert_eq!((binds.peers().count(), connects.peers().count()), (0, 0));
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
