//! Who may enter, as libzmq's options say it: filters of addresses and processes, and the handler of ZAP.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::str;

use bytes::Bytes;

use super::Errno;
use super::option;
use super::settings::Settings;
use crate::context::Context;
use crate::mechanism::auth::{Applicant, Authenticator, Verdict};
use crate::socket::Zap;

/// Where the handler of ZAP has its name.
const HANDLER: &str = "zeromq.zap.01";

/// Decides about the peers of one socket.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    networks: Vec<Network>,
    processes: Processes,
    context: Context,
    asks: bool,
    lax: bool,
}

/// Processes that may come over `ipc://`; all, if none is named.
#[derive(Debug, Clone, Default)]
struct Processes {
    pids: Vec<u32>,
    uids: Vec<u32>,
    gids: Vec<u32>,
}

/// An address and how many of its first bits count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network(IpAddr, u32);

impl Guard {
    pub(super) fn new(settings: &Settings, context: &Context) -> Result<Self, Errno> {
        let said = |number| settings.filters.get(&number).map_or(&[][..], Vec::as_slice);
        let numbers = |number| said(number).iter().filter_map(number_in).collect();
        let networks = said(option::TCP_ACCEPT_FILTER).iter();
        Ok(Self {
            networks: networks
                .map(|text| Network::read(text))
                .collect::<Result<_, _>>()?,
            processes: Processes {
                pids: numbers(option::IPC_FILTER_PID),
                uids: numbers(option::IPC_FILTER_UID),
                gids: numbers(option::IPC_FILTER_GID),
            },
            context: context.clone(),
            asks: false,
            lax: false,
        })
    }

    pub(super) fn has_filters(&self) -> bool {
        !self.networks.is_empty() || !self.processes.is_empty()
    }

    /// Asks the handler about those whom the filters let through.
    pub(super) fn asking(mut self, asks: bool) -> Self {
        self.asks = asks;
        self
    }

    /// Where nobody has bound the handler's name, lets in.
    #[cfg(feature = "curve")]
    pub(super) fn unless_nobody_answers(mut self, lax: bool) -> Self {
        self.lax = lax;
        self
    }

    fn lets_through(&self, applicant: &Applicant) -> bool {
        if let Ok(address) = applicant.address().parse::<SocketAddr>() {
            let ip = address.ip().to_canonical();
            return self.networks.is_empty() || self.networks.iter().any(|network| network.has(ip));
        }
        match applicant.process() {
            _ if self.processes.is_empty() => true,
            Some(process) => {
                let Processes { pids, uids, gids } = &self.processes;
                pids.iter().any(|pid| process.pid == Some(*pid))
                    || uids.contains(&process.uid)
                    || gids.contains(&process.gid)
            }
            None => false,
        }
    }
}

impl Authenticator for Guard {
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        let guard = self.clone();
        async move {
            if !guard.lets_through(&applicant) {
                return Verdict::refuse(format!("a filter keeps {} out", applicant.address()));
            }
            if !guard.asks || (guard.lax && !guard.context.is_held(HANDLER)) {
                return Verdict::accept();
            }
            Zap::in_context(&guard.context).authenticate(applicant).await
        }
    }
}

impl Processes {
    fn is_empty(&self) -> bool {
        self.pids.is_empty() && self.uids.is_empty() && self.gids.is_empty()
    }
}

fn number_in(bytes: &Bytes) -> Option<u32> {
    let bytes: &[u8] = bytes;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

impl Network {
    /// `10.0.0.0/8`, or an address alone.
    pub(super) fn read(text: &[u8]) -> Result<Self, Errno> {
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        let read = || {
            let text = str::from_utf8(text).ok()?;
            let (address, bits) = match text.split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse().ok()?)),
                None => (text, None),
            };
            let address: IpAddr = address.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(most);
            (bits <= most).then_some(Self(address, bits))
        };
        read().ok_or(Errno::EINVAL)
    }

    fn has(self, other: IpAddr) -> bool {
        let begins_alike =
            |a: u128, b: u128, width: u32| (a ^ b).checked_shr(width - self.1).unwrap_or(0) == 0;
        match (self.0, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                begins_alike(own.to_bits().into(), other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => begins_alike(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_what_begins_as_it_does() {
        let has = |network: &str, address: &str| {
            let network = Network::read(network.as_bytes()).expect("a network");
            network.has(address.parse().expect("an address"))
        };
        assert!(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
        assert!(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
        assert!(has("0.0.0.0/0", "8.8.8.8") && !has("0.0.0.0/0", "::1"));
        assert!(has("::/0", "2001:db8::1") && has("fe80::/10", "fe80::1") && !has("fe80::/10", "::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/", "host", "::/129"] {
            assert_eq!(
                Network::read(wrong.as_bytes()).err(),
                Some(Errno::EINVAL),
                "{wrong}"
            );
        }
    }
}
