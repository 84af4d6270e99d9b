//! Where sockets meet: an [`Endpoint`] is an address, parsed once at the border and carried inward as a
//! value.
//!
//! ```text
//! tcp://host:port                    a name, 10.0.0.1, [fe80::1%eth0] or * · a number, 0 or *
//! tcp://source:port;host:port        to connect from an address of one's own choice
//! ipc://path  ipc://@name  ipc://*   a Unix socket: a file, an abstract name (Linux), somewhere fresh
//! inproc://name                      within this process
//! udp://…                            datagrams: see `udp`
//! ```
//!
//! Display gives back exactly what was written; two spellings of one address are equal. What is written is
//! only read here: names are resolved by `transport`, anew for every attempt, since the answer changes with
//! time. Whether an address makes sense for binding or for connecting is asked separately
//! ([`for_bind`](Endpoint::for_bind), [`for_connect`](Endpoint::for_connect)).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

#[cfg(test)]
mod tests;
mod udp;

pub(crate) use udp::{Interface, UdpAddress};

/// The longest path or abstract name of a Unix socket: 108 bytes in `sockaddr_un`, less the NUL that ends a
/// path or begins a name.
const MAX_IPC: usize = 107;
/// As libzmq documents it.
const MAX_INPROC: usize = 256;
/// The longest name that DNS can hold.
const MAX_HOST: usize = 253;

/// An address that a socket binds or connects to.
///
/// Cheap to clone. Its text form is exactly what was parsed; equality is that of the address, so
/// `tcp://[::1]:80` and `tcp://[0:0:0:0:0:0:0:1]:80` are the same endpoint.
///
/// # Examples
///
/// ```
/// use hubless::Endpoint;
///
/// let endpoint: Endpoint = "tcp://127.0.0.1:5555".parse()?;
/// assert_eq!(endpoint.scheme(), "tcp");
/// assert_eq!(endpoint.to_string(), "tcp://127.0.0.1:5555");
///
/// let error = "tcp://127.0.0.1".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.to_string(), r#"cannot parse "tcp://127.0.0.1": expected host:port, found "127.0.0.1""#);
/// # Ok::<(), hubless::ParseEndpointError>(())
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<Parsed>);

struct Parsed {
    text: Box<str>,
    address: Address,
}

/// What an endpoint says, for the floors that act on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Address {
    Tcp(TcpAddress),
    Ipc(IpcAddress),
    Inproc(Box<str>),
    Udp(UdpAddress),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TcpAddress {
    /// The address of ours to connect from; its host is never a name.
    pub(crate) source: Option<HostPort>,
    pub(crate) at: HostPort,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostPort {
    pub(crate) host: Host,
    /// 0, also written `*`, is the system's choice.
    pub(crate) port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Host {
    /// `*`: every address of this machine.
    Any,
    V4(Ipv4Addr),
    /// The zone is an interface's name or number, as written.
    V6(Ipv6Addr, Option<Box<str>>),
    /// To be resolved; lower case.
    Name(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum IpcAddress {
    /// `*`: a fresh path of the library's choice.
    Any,
    Path(Box<str>),
    /// Without the `@` that marks it.
    Abstract(Box<str>),
}

impl Endpoint {
    /// The scheme: `tcp`, `ipc`, `inproc` or `udp`.
    pub fn scheme(&self) -> &'static str {
        match self.0.address {
            Address::Tcp(_) => "tcp",
            Address::Ipc(_) => "ipc",
            Address::Inproc(_) => "inproc",
            Address::Udp(_) => "udp",
        }
    }

    /// The text, exactly as it was parsed.
    ///
    /// # Examples
    ///
    /// ```
    /// let endpoint: hubless::Endpoint = "tcp://localhost:5555".parse()?;
    /// assert_eq!(endpoint.as_str(), "tcp://localhost:5555");
    /// # Ok::<(), hubless::ParseEndpointError>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0.address
    }

    /// Whether this can be bound: it names no source.
    pub(crate) fn for_bind(&self) -> Result<(), ParseEndpointError> {
        match self.address() {
            Address::Tcp(TcpAddress { source: Some(_), .. }) => {
                Err(self.problem(EndpointProblem::SourceToBind))
            }
            _ => Ok(()),
        }
    }

    /// Whether this can be connected to: it names one peer.
    pub(crate) fn for_connect(&self) -> Result<(), ParseEndpointError> {
        match self.address() {
            Address::Tcp(TcpAddress {
                at: HostPort { host: Host::Any, .. } | HostPort { port: 0, .. },
                ..
            })
            | Address::Udp(UdpAddress {
                at: HostPort { host: Host::Any, .. } | HostPort { port: 0, .. },
                ..
            })
            | Address::Ipc(IpcAddress::Any) => Err(self.problem(EndpointProblem::WildcardToConnect)),
            _ => Ok(()),
        }
    }

    fn problem(&self, problem: EndpointProblem) -> ParseEndpointError {
        ParseEndpointError {
            endpoint: self.as_str().into(),
            problem,
        }
    }
}

/// A tcp endpoint in numbers, such as a resolved one.
impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) => {
                let zone = (v6.scope_id() != 0).then(|| v6.scope_id().to_string().into());
                Host::V6(*v6.ip(), zone)
            }
        };
        let at = HostPort {
            host,
            port: address.port(),
        };
        let text = format!("tcp://{address}").into();
        Self(Arc::new(Parsed {
            text,
            address: Address::Tcp(TcpAddress { source: None, at }),
        }))
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match parse(text) {
            Ok(address) => Ok(Self(Arc::new(Parsed {
                text: text.into(),
                address,
            }))),
            Err(problem) => Err(ParseEndpointError {
                endpoint: text.into(),
                problem,
            }),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.as_str()).finish()
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.address() == other.address()
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.address().cmp(other.address())
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What `bind` and `connect` take: an [`Endpoint`], or text that becomes one.
///
/// # Examples
///
/// ```
/// use hubless::{Endpoint, ToEndpoint};
///
/// let text = String::from("inproc://jobs");
/// let endpoint: Endpoint = (&text).to_endpoint()?;
/// assert_eq!(endpoint, "inproc://jobs".to_endpoint()?);
/// assert_eq!(endpoint, endpoint.to_endpoint()?);
/// # Ok::<(), hubless::ParseEndpointError>(())
/// ```
pub trait ToEndpoint {
    /// Parses, or clones what is parsed already.
    ///
    /// # Errors
    ///
    /// [`ParseEndpointError`] when the text is not an endpoint.
    fn to_endpoint(&self) -> Result<Endpoint, ParseEndpointError>;
}

impl ToEndpoint for Endpoint {
    fn to_endpoint(&self) -> Result<Endpoint, ParseEndpointError> {
        Ok(self.clone())
    }
}

impl ToEndpoint for str {
    fn to_endpoint(&self) -> Result<Endpoint, ParseEndpointError> {
        self.parse()
    }
}

impl ToEndpoint for String {
    fn to_endpoint(&self) -> Result<Endpoint, ParseEndpointError> {
        self.parse()
    }
}

impl<T: ToEndpoint + ?Sized> ToEndpoint for &T {
    fn to_endpoint(&self) -> Result<Endpoint, ParseEndpointError> {
        (**self).to_endpoint()
    }
}

/// The text is not an endpoint, or not one for what it was meant for: names the text and what is wrong with
/// it.
///
/// Example: at [`Endpoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {} {endpoint:?}: {problem}", problem.verb())]
pub struct ParseEndpointError {
    endpoint: Box<str>,
    problem: EndpointProblem,
}

impl ParseEndpointError {
    /// The text that was tried.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What is wrong with it.
    pub fn problem(&self) -> &EndpointProblem {
        &self.problem
    }
}

/// What is wrong with an endpoint.
///
/// # Examples
///
/// ```
/// use hubless::{Endpoint, EndpointProblem};
///
/// let error = "localhost:5555".parse::<Endpoint>().expect_err("it has no scheme");
/// assert_eq!(error.endpoint(), "localhost:5555");
/// assert_eq!(*error.problem(), EndpointProblem::NoScheme);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointProblem {
    /// There is no `://`.
    #[error("expected tcp://, ipc://, inproc:// or udp://, found no scheme")]
    NoScheme,
    /// The scheme is none of ours; schemes are lower case.
    #[error("expected tcp://, ipc://, inproc:// or udp://, found {found:?}")]
    UnknownScheme {
        /// What stands before `://`.
        found: String,
    },
    /// Nothing follows the scheme.
    #[error("expected {expected}, found nothing")]
    Empty {
        /// What should be there.
        expected: &'static str,
    },
    /// There is no colon between host and port.
    #[error("expected host:port, found {found:?}")]
    NoPort {
        /// What stands in their place.
        found: String,
    },
    /// Not a port.
    #[error("expected a port from 0 to 65535 or *, found {found:?}")]
    Port {
        /// What stands after the last colon.
        found: String,
    },
    /// Not a host.
    #[error("expected a host name, an IPv4 address, an IPv6 address in brackets or *, found {found:?}")]
    Host {
        /// What stands before the last colon.
        found: String,
    },
    /// The address to connect from is a name; it has to be one of this machine's addresses, in numbers.
    #[error("expected a numeric address or * to connect from, found {found:?}")]
    Source {
        /// What stands before the semicolon.
        found: String,
    },
    /// What stands before the semicolon names no interface.
    #[error("expected the name or an address of an interface or *, found {found:?}")]
    Interface {
        /// What stands there.
        found: String,
    },
    /// An interface is named for an address that is no multicast group.
    #[error("expected a multicast group behind the interface, found {found:?}")]
    Group {
        /// What stands behind the semicolon.
        found: String,
    },
    /// The path or name is longer than the system can hold.
    #[error("expected at most {limit} bytes after {scheme}://, found {found}")]
    TooLong {
        /// The endpoint's scheme.
        scheme: &'static str,
        /// The most there may be.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// A NUL byte, which paths and names cannot hold.
    #[error("expected no NUL byte")]
    Nul,
    /// `*` and port 0 stand for something of this machine: a socket can bind them, not connect to them.
    #[error("expected the address of one peer, * and port 0 are for bind")]
    WildcardToConnect,
    /// An address to connect from, given to a socket that binds.
    #[error("expected one address, the form source;peer is for connect")]
    SourceToBind,
}

impl EndpointProblem {
    fn verb(&self) -> &'static str {
        match self {
            Self::WildcardToConnect => "connect to",
            Self::SourceToBind => "bind",
            _ => "parse",
        }
    }
}

fn parse(text: &str) -> Result<Address, EndpointProblem> {
    let (scheme, rest) = text.split_once("://").ok_or(EndpointProblem::NoScheme)?;
    match scheme {
        "tcp" => parse_tcp(rest).map(Address::Tcp),
        "ipc" => parse_ipc(rest).map(Address::Ipc),
        "udp" => udp::parse(rest).map(Address::Udp),
        "inproc" => Ok(Address::Inproc(bounded("inproc", MAX_INPROC, "a name", rest)?)),
        _ => Err(EndpointProblem::UnknownScheme {
            found: scheme.to_owned(),
        }),
    }
}

fn parse_tcp(rest: &str) -> Result<TcpAddress, EndpointProblem> {
    let Some((source, peer)) = rest.split_once(';') else {
        return Ok(TcpAddress {
            source: None,
            at: parse_host_port(rest)?,
        });
    };
    let source = match parse_host_port(source)? {
        HostPort {
            host: Host::Name(_), ..
        } => {
            return Err(EndpointProblem::Source {
                found: source.to_owned(),
            });
        }
        numeric => Some(numeric),
    };
    Ok(TcpAddress {
        source,
        at: parse_host_port(peer)?,
    })
}

fn parse_host_port(text: &str) -> Result<HostPort, EndpointProblem> {
    if text.is_empty() {
        return Err(EndpointProblem::Empty {
            expected: "host:port",
        });
    }
    // The last colon: those of an IPv6 address stand in brackets before it. One within the brackets is none.
    let (host, port) = text
        .rsplit_once(':')
        .filter(|(_, port)| !port.ends_with(']'))
        .ok_or_else(|| EndpointProblem::NoPort {
            found: text.to_owned(),
        })?;
    let port = parse_port(port).ok_or_else(|| EndpointProblem::Port {
        found: port.to_owned(),
    })?;
    let host = parse_host(host).ok_or_else(|| EndpointProblem::Host {
        found: host.to_owned(),
    })?;
    Ok(HostPort { host, port })
}

fn parse_port(text: &str) -> Option<u16> {
    // `parse` alone would take "+80" as well.
    match text {
        "*" => Some(0),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

fn parse_host(text: &str) -> Option<Host> {
    if text == "*" {
        return Some(Host::Any);
    }
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        let (address, zone) = match inner.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (inner, None),
        };
        // What an interface's name may hold, and enough to keep text that is meant otherwise out.
        let is_zone =
            |zone: &str| !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        return match zone {
            Some(zone) if !is_zone(zone) => None,
            zone => Some(Host::V6(address.parse().ok()?, zone.map(Into::into))),
        };
    }
    if let Ok(address) = text.parse() {
        return Some(Host::V4(address));
    }
    is_host_name(text).then(|| Host::Name(text.to_ascii_lowercase().into()))
}

/// Letters, digits, `-`, `_` and dots; internationalised names in their ASCII form. Numbers alone are a misspelt IPv4
/// address, and resolvers read them in surprising ways (`10.1` is `10.0.0.1`, and so is `0xa.1`). With a name before them
/// they are a part of one: `eth0.100` is an interface.
fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let is_number = |label: &str| {
        let digits = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        match digits {
            Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
            None => label.bytes().all(|b| b.is_ascii_digit()),
        }
    };
    name.len() <= MAX_HOST && name.split('.').all(is_label) && !name.split('.').all(is_number)
}

fn parse_ipc(rest: &str) -> Result<IpcAddress, EndpointProblem> {
    if rest == "*" {
        return Ok(IpcAddress::Any);
    }
    match rest.strip_prefix('@') {
        Some(name) => Ok(IpcAddress::Abstract(bounded(
            "ipc",
            MAX_IPC,
            "a name after @",
            name,
        )?)),
        None => Ok(IpcAddress::Path(bounded("ipc", MAX_IPC, "a path", rest)?)),
    }
}

fn bounded(
    scheme: &'static str,
    limit: usize,
    expected: &'static str,
    text: &str,
) -> Result<Box<str>, EndpointProblem> {
    match text.len() {
        0 => Err(EndpointProblem::Empty { expected }),
        found if found > limit => Err(EndpointProblem::TooLong { scheme, limit, found }),
        _ if text.contains('\0') => Err(EndpointProblem::Nul),
        _ => Ok(text.into()),
    }
}
