//! What was said to a socket, by number: checked as libzmq checks it, kept, and told again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use bytes::Bytes;
use zeroize::Zeroizing;

use super::Errno;
use super::guard::Network;
use super::kind::{SUB, XPUB};
use super::option::{self, Default, Form, OptionInfo};
use crate::socket::Linger;

/// A value as it was said; keys and passwords are among them.
pub(super) type Value = Zeroizing<Vec<u8>>;

/// The options of one socket.
pub(super) struct Settings {
    pub(super) kind: i32,
    /// What was set, as it is told: numbers in the machine's order, keys as 32 bytes.
    values: BTreeMap<i32, Value>,
    /// Which mechanism was spoken of last, and whether as a server.
    pub(super) mechanism: Named,
    pub(super) is_server: bool,
    pub(super) properties: Vec<(String, Bytes)>,
    pub(super) filters: BTreeMap<i32, Vec<Bytes>>,
    /// What is wanted, and how often it was said, until there is a socket to tell it.
    pub(super) subscriptions: BTreeMap<Bytes, usize>,
    /// What the next peer to be connected is to be called.
    pub(super) next_name: Option<Bytes>,
    pub(super) last_endpoint: String,
}

/// Mechanisms, by libzmq's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Null = 0,
    Plain = 1,
    Curve = 2,
}

impl Settings {
    pub(super) fn new(kind: i32) -> Self {
        Self {
            kind,
            values: BTreeMap::new(),
            mechanism: Named::Null,
            is_server: false,
            properties: Vec::new(),
            filters: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            next_name: None,
            last_endpoint: String::new(),
        }
    }

    /// The option, if this kind takes it.
    pub(super) fn find(&self, number: i32) -> Result<&'static OptionInfo, Errno> {
        // Without the feature there is no CURVE; libzmq built without it refuses these options too.
        let is_missing =
            !cfg!(feature = "curve") && (option::CURVE_SERVER..=option::CURVE_SERVERKEY).contains(&number);
        let found = option::find(number).filter(|option| option.is_taken_by(self.kind) && !is_missing);
        found.ok_or(Errno::EINVAL)
    }

    /// The same for one who only asks.
    pub(super) fn find_to_tell(&self, number: i32) -> Result<&'static OptionInfo, Errno> {
        match number {
            // Nobody else takes it, but everybody answers.
            option::ROUTER_NOTIFY => option::find(number).ok_or(Errno::EINVAL),
            _ => self.find(number),
        }
    }

    /// Checks a value: what would be told of it afterwards.
    pub(super) fn check(option: &OptionInfo, value: &[u8]) -> Result<Value, Errno> {
        let number = || Some(i32::from_ne_bytes(value.try_into().ok()?));
        let told = |number: i32| Some(number.to_ne_bytes().to_vec());
        let checked = match option.form {
            Form::Number(least, most) => number()
                .filter(|number| (least..=most).contains(number))
                .and_then(told),
            Form::Bool => number().filter(|number| matches!(number, 0 | 1)).and_then(told),
            Form::Flag => number()
                .filter(|number| *number >= 0)
                .and_then(|number| told(i32::from(number != 0))),
            Form::Switch => number().and_then(|number| told(i32::from(number != 0))),
            Form::I64 | Form::U64 => (value.len() == 8).then(|| value.to_vec()),
            Form::Blob(least, most) => (least..=most).contains(&value.len()).then(|| value.to_vec()),
            Form::Text(most) => (value.len() <= most).then(|| value.to_vec()),
            Form::Key => key(value),
        };
        checked.map(Zeroizing::new).ok_or(Errno::EINVAL)
    }

    /// Keeps what was checked.
    pub(super) fn keep(&mut self, number: i32, value: Value) -> Result<(), Errno> {
        let is_on = value.iter().any(|byte| *byte != 0);
        match number {
            option::METADATA => {
                self.properties.push(property(&value)?);
                return Ok(());
            }
            option::TCP_ACCEPT_FILTER
            | option::IPC_FILTER_PID
            | option::IPC_FILTER_UID
            | option::IPC_FILTER_GID => {
                let filters = self.filters.entry(number).or_default();
                match value.len() {
                    0 => filters.clear(),
                    _ if number == option::TCP_ACCEPT_FILTER => {
                        Network::read(&value)?;
                        filters.push(Bytes::copy_from_slice(&value));
                    }
                    4 => filters.push(Bytes::copy_from_slice(&value)),
                    _ => return Err(Errno::EINVAL),
                }
                return Ok(());
            }
            option::ROUTING_ID if value.first() == Some(&0) => return Err(Errno::EINVAL),
            // The later of the two counts.
            option::XPUB_VERBOSE => drop(self.values.remove(&option::XPUB_VERBOSER)),
            option::XPUB_VERBOSER => drop(self.values.remove(&option::XPUB_VERBOSE)),
            option::XPUB_MANUAL_LAST_VALUE => drop(self.values.insert(option::XPUB_MANUAL, value.clone())),
            option::IPV6 => self.set_int(option::IPV4ONLY, i32::from(!is_on)),
            option::IPV4ONLY => self.set_int(option::IPV6, i32::from(!is_on)),
            option::PLAIN_SERVER | option::CURVE_SERVER => {
                self.is_server = is_on;
                self.mechanism = match (is_on, number) {
                    (false, _) => Named::Null,
                    (true, option::PLAIN_SERVER) => Named::Plain,
                    (true, _) => Named::Curve,
                };
            }
            option::PLAIN_USERNAME | option::PLAIN_PASSWORD => {
                self.is_server &= value.is_empty();
                self.mechanism = if value.is_empty() {
                    Named::Null
                } else {
                    Named::Plain
                };
            }
            option::CURVE_PUBLICKEY | option::CURVE_SECRETKEY => self.mechanism = Named::Curve,
            option::CURVE_SERVERKEY => {
                self.mechanism = Named::Curve;
                self.is_server = false;
            }
            _ => {}
        }
        self.values.insert(number, value);
        Ok(())
    }

    fn set_int(&mut self, number: i32, value: i32) {
        let value = value.to_ne_bytes().to_vec();
        self.values.insert(number, value.into());
    }

    /// Changes what is wanted as soon as there is a socket to tell it.
    pub(super) fn want_later(&mut self, subscribe: bool, prefix: Bytes) -> Result<(), Errno> {
        match self.kind {
            SUB if subscribe => *self.subscriptions.entry(prefix).or_default() += 1,
            SUB => {
                if let Entry::Occupied(mut wanted) = self.subscriptions.entry(prefix) {
                    *wanted.get_mut() -= 1;
                    if *wanted.get() == 0 {
                        wanted.remove();
                    }
                }
            }
            // Of nobody was heard yet whom this could be about.
            XPUB if self.is_on(option::XPUB_MANUAL) => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// What is told of an option that is only a matter of what was said.
    pub(super) fn told(&self, option: &OptionInfo) -> Result<Value, Errno> {
        let answer = |number: i32| Ok(number.to_ne_bytes().to_vec().into());
        let is_server_of = |named| answer(i32::from(self.is_server && self.mechanism == named));
        match option.number {
            option::TYPE => return answer(self.kind),
            option::MECHANISM => return answer(self.mechanism as i32),
            option::PLAIN_SERVER => return is_server_of(Named::Plain),
            option::CURVE_SERVER => return is_server_of(Named::Curve),
            option::LAST_ENDPOINT => return Ok(self.last_endpoint.clone().into_bytes().into()),
            // In tenths of a second, as it is sent.
            option::HEARTBEAT_TTL => return answer(self.int(option.number) / 100 * 100),
            _ => {}
        }
        if let (Some(value), true) = (self.values.get(&option.number), option.is_readable()) {
            return Ok(value.clone());
        }
        match option.default {
            Default::Int(number) => answer(number),
            Default::Long(number) => Ok(number.to_ne_bytes().to_vec().into()),
            Default::Bytes(bytes) => Ok(bytes.to_vec().into()),
            Default::Nothing => Err(Errno::EINVAL),
        }
    }

    /// Whether this is its value, set or not.
    pub(super) fn says(&self, option: &OptionInfo, value: &Value) -> bool {
        self.values.get(&option.number) == Some(value) || self.told(option).is_ok_and(|told| told == *value)
    }

    /// What was set, if it was.
    pub(super) fn value(&self, number: i32) -> Option<&[u8]> {
        Some(self.values.get(&number)?)
    }

    /// A number, set or not.
    pub(super) fn int(&self, number: i32) -> i32 {
        let set = self
            .values
            .get(&number)
            .and_then(|value| Some(i32::from_ne_bytes(value[..].try_into().ok()?)));
        let default = || match option::find(number)?.default {
            Default::Int(number) => Some(number),
            _ => None,
        };
        set.or_else(default).unwrap_or(0)
    }

    pub(super) fn is_on(&self, number: i32) -> bool {
        self.int(number) > 0
    }

    /// A time in milliseconds; `None` for -1.
    pub(super) fn limit(&self, number: i32) -> Option<Duration> {
        u64::try_from(self.int(number)).ok().map(Duration::from_millis)
    }

    pub(super) fn linger(&self) -> Linger {
        match self.limit(option::LINGER) {
            None => Linger::Forever,
            Some(Duration::ZERO) => Linger::Discard,
            Some(time) => Linger::For(time),
        }
    }
}

/// A property of the handshake, as `X-name:value`.
fn property(value: &[u8]) -> Result<(String, Bytes), Errno> {
    let text = std::str::from_utf8(value).map_err(|_| Errno::EINVAL)?;
    let (name, value) = text.split_once(':').ok_or(Errno::EINVAL)?;
    if !name.starts_with("X-") || name.len() > 255 || value.is_empty() {
        return Err(Errno::EINVAL);
    }
    Ok((name.to_owned(), Bytes::copy_from_slice(value.as_bytes())))
}

#[cfg(feature = "curve")]
fn key(value: &[u8]) -> Option<Vec<u8>> {
    use crate::curve::PublicKey;

    if let Ok(bytes) = <[u8; 32]>::try_from(value) {
        return Some(bytes.to_vec());
    }
    let text = value.strip_suffix(&[0]).unwrap_or(value);
    let key: PublicKey = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(key.as_bytes().to_vec())
}

#[cfg(not(feature = "curve"))]
fn key(_: &[u8]) -> Option<Vec<u8>> {
    None
}
