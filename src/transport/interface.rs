//! Interfaces of this machine by their names, asked of the kernel without a library of C.
//!
//! The number of an interface is in a file. Its address is what a socket has that is tied to the interface and pointed
//! at a neighbour: no packet leaves for that.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;

use socket2::SockRef;

/// Where Linux tells of its interfaces.
const INTERFACES: &str = "/sys/class/net";

/// What a loopback interface says of its type (`ARPHRD_LOOPBACK`).
const LOOPBACK: &str = "772";

/// Every neighbour of an interface; any port.
const NEIGHBOURS: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 1), 9);

/// One interface of this machine.
#[derive(Debug)]
pub(super) struct Interface {
    /// As the system spells it.
    name: String,
}

impl Interface {
    /// The interface of this name, if there is one. Case does not count where exactly that name is not there.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
            return None;
        }
        if PathBuf::from(INTERFACES).join(name).exists() {
            return Some(Self {
                name: name.to_owned(),
            });
        }
        let entries = fs::read_dir(INTERFACES).ok()?;
        let mut names = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok());
        let name = names.find(|other| other.eq_ignore_ascii_case(name))?;
        Some(Self { name })
    }

    /// Its number.
    pub(super) fn index(&self) -> io::Result<u32> {
        let text = self.tell("ifindex")?;
        text.parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "an interface without a number"))
    }

    /// Its first IPv4 address.
    pub(super) fn address(&self) -> io::Result<Ipv4Addr> {
        // The way to its neighbours would be by another one.
        if self.tell("type").is_ok_and(|kind| kind == LOOPBACK) {
            return Ok(Ipv4Addr::LOCALHOST);
        }
        let no_address = || {
            let text = format!("the interface {} has no IPv4 address", self.name);
            io::Error::new(io::ErrorKind::AddrNotAvailable, text)
        };
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        #[cfg(target_os = "linux")]
        SockRef::from(&socket).bind_device(Some(self.name.as_bytes()))?;
        #[cfg(not(target_os = "linux"))]
        let _ = SockRef::from(&socket);
        socket.connect(NEIGHBOURS).map_err(|_| no_address())?;
        match socket.local_addr()?.ip() {
            IpAddr::V4(address) if !address.is_unspecified() => Ok(address),
            _ => Err(no_address()),
        }
    }

    fn tell(&self, what: &str) -> io::Result<String> {
        let path = PathBuf::from(INTERFACES).join(&self.name).join(what);
        Ok(fs::read_to_string(path)?.trim().to_owned())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_lo() {
        for name in ["lo", "LO"] {
            let lo = Interface::named(name).expect("every machine has it");
            assert_eq!(lo.address().expect("an address"), Ipv4Addr::LOCALHOST);
            assert_eq!(lo.index().expect("a number"), 1);
        }
    }

    #[test]
    fn every_interface_with_an_address_can_be_bound_to_at_it() {
        let mut addresses = Vec::new();
        for entry in fs::read_dir(INTERFACES).expect("Linux tells").flatten() {
            let name = entry.file_name().into_string().expect("a name");
            let interface = Interface::named(&name).expect("it is there");
            assert!(interface.index().expect("a number") > 0);
            // One that is down has none.
            addresses.extend(interface.address());
        }
        assert!(addresses.contains(&Ipv4Addr::LOCALHOST));
        for address in &addresses {
            UdpSocket::bind((*address, 0)).expect("an address of this machine");
        }
        let known = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), known, "each has its own");
    }

    #[test]
    fn other_names_are_none_of_interfaces() {
        for name in ["", ".", "..", "../net", "localhost", "no-such-one"] {
            assert!(Interface::named(name).is_none(), "{name}");
        }
    }
}
