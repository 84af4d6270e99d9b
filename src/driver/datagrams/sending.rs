//! A connecting endpoint of datagrams: a socket to send from, and an address that everything goes to.
//!
//! Nobody is at the other end as far as anyone can know, so the endpoint is connected once its name has an address, and
//! gets every message: who hears it chooses for itself.

use bytes::Bytes;

use std::sync::Arc;

use super::{Carrying, Form};
use crate::driver::dialer::Dialer;
use crate::driver::{Link, PeerCounters};
use crate::endpoint::UdpAddress;
use crate::monitor::{DisconnectReason, Event};
use crate::peer::{Peer, PeerInfo};
use crate::transport::Datagrams;

/// The life of such an endpoint.
pub(in crate::driver) async fn send(dialer: &mut Dialer, address: &UdpAddress) {
    let shared = dialer.shared.clone();
    let endpoint = dialer.guard.endpoint.clone();
    loop {
        shared.events.emit(|| Event::Connecting {
            endpoint: endpoint.clone(),
        });
        let opening = Datagrams::open(address, &shared.config.udp);
        let (socket, to) = match dialer.unless_done(opening).await {
            Some(Ok(opened)) => opened,
            None => return,
            Some(Err(error)) => {
                shared.events.emit(|| Event::ConnectFailed {
                    endpoint: endpoint.clone(),
                    error: Arc::new(error),
                });
                let wait = dialer.back_off();
                match dialer.pause(wait).await {
                    Some(()) => continue,
                    None => return,
                }
            }
        };
        shared.events.emit(|| Event::Connected {
            endpoint: endpoint.clone(),
            address: to.to_string(),
        });
        let control = dialer.guard.control.clone();
        let form = Form::Grouped { to: Some(to) };
        let mut carrying = Carrying::new(shared.clone(), control.clone(), &endpoint, socket, form);
        carrying.attach();
        if let (Some(publications), Some(pipe)) = (&shared.traffic.publications, carrying.outgoing) {
            publications.give_everything(pipe);
        }
        let counters = PeerCounters::new(&shared, carrying.outgoing, None);
        let peer = Peer::new(PeerInfo {
            id: shared.peers.next_id(),
            endpoint: endpoint.clone(),
            address: to.to_string().into(),
            process: None,
            kind: None,
            routing_id: Bytes::new(),
            number: None,
            version: (0, 0),
            mechanism: "NONE",
            user_id: None,
            metadata: Vec::new(),
            counters: counters.clone(),
        });
        shared.peers.add(Link {
            peer: peer.clone(),
            outgoing: carrying.outgoing,
            incoming: None,
            control,
            counters: counters.clone(),
        });
        if let Some(announce) = dialer.announce.take() {
            let _ = announce.send(Ok(peer.clone()));
        }
        let end = carrying.await;
        counters.settle(&end.unsent);
        shared.peers.remove(&peer);
        let why = end.finish.as_ref().map(|finish| finish.why.clone());
        shared.events.emit(|| Event::Disconnected {
            peer,
            reason: why.unwrap_or(DisconnectReason::Disconnect),
            dropped: end.unsent.messages as u64,
        });
        dialer.has_ended(end.finish, None, end.unsent);
        return;
    }
}
