//! Holds what happened against what is promised.
//!
//! Three witnesses: the program (what `send` took, what `recv` gave), the taps at both ends of every connection,
//! and the sockets' own counters. They must agree to the message.

use std::collections::{BTreeMap, BTreeSet};

use hubless::DropReason;

use crate::letter::Id;
use crate::net::{Link, Spoil};
use crate::story::{Record, World};

/// Whether everything has moved that may: nothing queued, nothing on its way, nothing unread.
pub(crate) fn has_moved(world: &World) -> bool {
    let records = world.records();
    let sent = records
        .iter()
        .filter(|record| record.sends && !record.closed)
        .all(|record| {
            // Outgoing counters only: asking a receiver for its counters settles its accounts, and might help it on.
            record
                .handle
                .as_ref()
                .is_none_or(|handle| handle.stats().outgoing.queued.messages == 0)
        });
    sent && world.net.look(|links| {
        let still = links
            .iter()
            .filter(|link| link.is_up())
            .all(|link| link.ways.iter().all(|way| way.is_still()));
        let read = records
            .iter()
            .enumerate()
            .filter(|(_, record)| !record.sends && !record.parted);
        still
            && read
                .map(|(number, record)| (taken_in(links, number as u16), record))
                .all(|(read, record)| {
                    record.options.conflate || read.messages == record.delivered.len() as u64
                })
    })
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) messages: u64,
    bytes: u64,
}

/// The direction in which a socket's connection carries messages from it.
pub(crate) fn outgoing(link: &Link, number: u16) -> Option<usize> {
    link.owners.iter().position(|owner| *owner == number)
}

/// Whole messages that a receiver has read from all its connections.
pub(crate) fn taken_in(links: &[Link], number: u16) -> Tally {
    let mut tally = Tally::default();
    for link in links {
        if let Some(side) = outgoing(link, number) {
            for passed in &link.ways[1 - side].read.whole {
                tally.messages += 1;
                tally.bytes += passed.bytes;
            }
        }
    }
    tally
}

/// After the storm, before anything is closed: the books of every open socket balance.
pub(crate) fn at_rest(world: &World) {
    let records = world.records();
    world.judge(|links, complaints| {
        for (number, record) in records.iter().enumerate() {
            books(links, number as u16, record, complaints);
        }
    });
}

/// After the end: the books, and every message's way.
pub(crate) fn at_the_end(world: &World) {
    at_rest(world);
    let records = world.records();
    world.judge(|links, complaints| {
        for (number, record) in records.iter().enumerate().filter(|(_, record)| record.sends) {
            departures(links, number as u16, record, complaints);
        }
        let mut arrived = BTreeMap::new();
        for (number, _) in records.iter().enumerate().filter(|(_, record)| !record.sends) {
            arrivals(links, number as u16, &records, &mut arrived, complaints);
        }
        for link in links {
            passage(link, &records, complaints);
        }
    });
}

/// G5: what a socket counted is what happened.
fn books(links: &[Link], number: u16, record: &Record, complaints: &mut Vec<String>) {
    let Some(handle) = &record.handle else { return };
    let stats = handle.stats();
    let mut check = |what: &str, counted: u64, found: u64| {
        if counted != found {
            complaints.push(format!(
                "G5: socket {number} ({} {}): {what} is counted {counted} and was {found}: {stats:?}",
                if record.sends { "sender" } else { "receiver" },
                record.place
            ));
        }
    };
    if record.sends {
        let out = stats.outgoing;
        let (mut whole, mut cut) = (0, 0);
        for link in links {
            if let Some(side) = outgoing(link, number) {
                whole += link.ways[side].sent.whole.len() as u64;
                cut += u64::from(link.ways[side].sent.open.is_some());
            }
        }
        let bytes = record
            .accepted
            .iter()
            .map(|&n| record.shapes[n as usize].wire_len())
            .sum();
        check("accepted", out.accepted.messages, record.accepted.len() as u64);
        check("bytes accepted", out.accepted.bytes, bytes);
        check("handed over", out.handed_over.messages, whole);
        check("cut", out.dropped.by(DropReason::Cut), cut);
        check(
            "accepted (handed over + dropped + queued)",
            out.accepted.messages,
            out.handed_over.messages + out.dropped.total() + out.queued.messages,
        );
        if record.closed {
            check("queued after close", out.queued.messages, 0);
            check(
                "unsent",
                out.dropped.by(DropReason::Linger),
                record.unsent.len() as u64,
            );
        }
    } else {
        let into = stats.incoming;
        let read = taken_in(links, number);
        check(
            "delivered",
            into.delivered.messages,
            record.delivered.len() as u64,
        );
        check(
            "received (delivered + dropped + queued)",
            into.received.messages,
            into.delivered.messages + into.dropped.total() + into.queued.messages,
        );
        if !record.parted {
            check("received", into.received.messages, read.messages);
            check("bytes received", into.received.bytes, read.bytes);
        } else if into.received.messages > read.messages {
            check("received", into.received.messages, read.messages);
        }
    }
}

/// G1, G2, G8, G10 where messages leave: nothing twice, nothing that was not accepted, everything in its order.
fn departures(links: &[Link], number: u16, record: &Record, complaints: &mut Vec<String>) {
    let order: BTreeMap<u32, usize> = record
        .accepted
        .iter()
        .enumerate()
        .map(|(at, n)| (*n, at))
        .collect();
    let mut begun = BTreeSet::new();
    let mut anonymous = 0;
    // A dialed endpoint keeps its pipe from one connection to the next; an accepted connection is its own.
    let mut pipes: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    for (at, link) in links.iter().enumerate() {
        let Some(side) = outgoing(link, number) else {
            continue;
        };
        let pipe = if side == 0 {
            (link.endpoint.as_str(), 0)
        } else {
            (link.endpoint.as_str(), at + 1)
        };
        let tap = &link.ways[side].sent;
        let last = tap.open.as_ref().map(|open| open.id());
        for id in tap.whole.iter().map(|passed| passed.id).chain(last) {
            let Some(id) = id else {
                anonymous += 1;
                continue;
            };
            if id.socket != number {
                complaints.push(format!("G1: socket {number} sent {id:?}, which is not its own"));
                continue;
            }
            if !begun.insert(id.number) {
                complaints.push(format!(
                    "G1: {id:?} was begun twice, the second time on link {at}"
                ));
            }
            let Some(&place) = order.get(&id.number) else {
                complaints.push(format!("G8: {id:?} was sent, though `send` did not take it"));
                continue;
            };
            let before = pipes.insert(pipe, place);
            // What was rerouted stands where it came to.
            let in_order = !record.reroutes && (side == 1 || !record.doubled);
            if before.is_some_and(|before| before >= place) && in_order {
                complaints.push(format!(
                    "G2: {id:?} left on link {at} after one that was accepted later"
                ));
            }
        }
    }
    let cut = links
        .iter()
        .filter_map(|link| outgoing(link, number).map(|side| &link.ways[side].sent))
        .filter(|tap| tap.open.as_ref().is_some_and(|open| open.id().is_none()))
        .count();
    if anonymous > cut {
        complaints.push(format!(
            "G1: socket {number} sent {} messages that are not its own",
            anonymous - cut
        ));
    }
    let mut unsent = BTreeSet::new();
    for id in &record.unsent {
        if begun.contains(&id.number) {
            complaints.push(format!("G10: {id:?} was handed back as unsent, and sent"));
        }
        if !unsent.insert(id.number) {
            complaints.push(format!("G10: {id:?} was handed back twice"));
        }
        if !order.contains_key(&id.number) {
            complaints.push(format!(
                "G10: {id:?} was handed back, though `send` did not take it"
            ));
        }
    }
}

/// G1, G2 where messages arrive: nothing twice, and from each connection in its order.
fn arrivals(
    links: &[Link],
    number: u16,
    records: &[Record],
    arrived: &mut BTreeMap<Id, u16>,
    complaints: &mut Vec<String>,
) {
    let record = &records[number as usize];
    // Where each message was read: its connection and its place there.
    let mut read = BTreeMap::new();
    for (at, link) in links.iter().enumerate() {
        let Some(side) = outgoing(link, number) else {
            continue;
        };
        for (place, passed) in link.ways[1 - side].read.whole.iter().enumerate() {
            if let Some(id) = passed.id {
                read.insert(id, (at, place));
            }
        }
    }
    let mut last = BTreeMap::new();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    for id in &record.delivered {
        if let Some(before) = arrived.insert(*id, number) {
            complaints.push(format!(
                "G1: {id:?} was delivered to socket {before} and to socket {number}"
            ));
        }
        let Some(&(link, place)) = read.get(id) else {
            complaints.push(format!(
                "G1: {id:?} was delivered to socket {number}, which never read it"
            ));
            continue;
        };
        // A dialed endpoint is one pipe over all its connections. (One that was given up and dialed again is another.)
        if outgoing(&links[link], number) == Some(0) && !record.doubled && !record.parted_early {
            let endpoint = links[link].endpoint.as_str();
            let newest = newest.entry(endpoint).or_default();
            if link < *newest {
                complaints.push(format!(
                    "G2: {id:?} of link {link} was delivered after something of link {newest}, the next to {endpoint}"
                ));
            }
            *newest = link.max(*newest);
        }
        if let Some(aim) = record_of(records, id).and_then(|sender| sender.aims.get(&id.number))
            && *aim != record.place
        {
            complaints.push(format!(
                "G1: {id:?} was for the receiver at {aim} and was delivered to the one at {}",
                record.place
            ));
        }
        let next = last.insert(link, place).map_or(0, |before| before + 1);
        if place < next {
            complaints.push(format!(
                "G2: {id:?} of link {link} was delivered after a later one"
            ));
        } else if place > next && !record.options.conflate {
            complaints.push(format!(
                "G4: something before {id:?} of link {link} was passed over"
            ));
        }
    }
}

/// Who sent this.
fn record_of<'a>(records: &'a [Record], id: &Id) -> Option<&'a Record> {
    records.get(usize::from(id.socket))
}

/// G4, G10 on the way: a connection that nobody broke loses nothing, and what arrives is what left, in its order.
fn passage(link: &Link, records: &[Record], complaints: &mut Vec<String>) {
    for (side, way) in link.ways.iter().enumerate() {
        let (from, to) = (link.owners[side], link.owners[1 - side]);
        let sent: Vec<_> = way.sent.whole.iter().map(|passed| passed.id).collect();
        let read: Vec<_> = way.read.whole.iter().map(|passed| passed.id).collect();
        if !sent.starts_with(&read) {
            complaints.push(format!(
                "G2: from socket {from} to {to} left {sent:?} and arrived {read:?}"
            ));
        }
        let (sender, receiver) = (&records[from as usize], &records[to as usize]);
        let chats = sender.options.heartbeat.is_some() || receiver.options.heartbeat.is_some();
        let patient = sender.options.linger.is_none_or(|linger| linger >= 1000);
        let excused = match link.spoiled {
            Some(Spoil::Cut) => true,
            // A receiver that goes may leave something unread, and says so the hard way.
            Some(Spoil::ClosedOnUnread(by) | Spoil::DataAfterClose(by)) if by != side => receiver.parted,
            // A sender that has time to end in order reads the signs of life that wait; those that come when it
            // has waited long enough it cannot.
            Some(Spoil::ClosedOnUnread(_)) => chats && !patient,
            Some(Spoil::DataAfterClose(_)) => chats,
            None => receiver.parted,
        };
        if sent.len() > read.len() && !excused {
            let lost = &sent[read.len().min(sent.len())..];
            complaints.push(format!(
                "G4: {lost:?} from socket {from} to {to} was lost on a connection that nobody broke ({:?})",
                link.spoiled
            ));
        }
    }
}
