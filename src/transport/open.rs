//! Listeners that somebody else has opened: systemd, or the program that this one replaces.

use std::io;
use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;

use socket2::SockRef;

use crate::endpoint::Endpoint;

use super::options::StreamOptions;
use super::{Door, Listener, tcp};

/// A listener that is open already: what [`bind_listener`](crate::Socket::bind_listener) takes.
///
/// # Examples
///
/// ```
/// use hubless::OpenListener;
///
/// # fn main() -> std::io::Result<()> {
/// let open: OpenListener = std::net::TcpListener::bind("127.0.0.1:0")?.into();
/// assert!(matches!(open, OpenListener::Tcp(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenListener {
    /// For `tcp://`.
    Tcp(TcpListener),
    /// For `ipc://`.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl From<TcpListener> for OpenListener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

#[cfg(unix)]
impl From<UnixListener> for OpenListener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

impl OpenListener {
    /// Where it listens, if it does. What its type says may not be so: it may have been made of any descriptor.
    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        let (socket, family) = match self {
            Self::Tcp(listener) => (SockRef::from(listener), "TCP"),
            #[cfg(unix)]
            Self::Unix(listener) => (SockRef::from(listener), "a Unix socket"),
        };
        if !socket.is_listener().unwrap_or(false) {
            return Err(unfit("expected a socket that listens".to_owned()));
        }
        let other_family = |_| {
            unfit(format!(
                "expected a listener of {family}, found one of another family"
            ))
        };
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Into::into).map_err(other_family),
            #[cfg(unix)]
            Self::Unix(listener) => {
                let address = listener.local_addr().map_err(other_family)?;
                name_of(&address)?
                    .parse()
                    .map_err(|error| unfit(format!("{error}")))
            }
        }
    }
}

/// The endpoint's text of a Unix socket's address.
#[cfg(unix)]
fn name_of(address: &std::os::unix::net::SocketAddr) -> io::Result<String> {
    let no_text = || unfit("its name is no text, so no endpoint says it".to_owned());
    if let Some(path) = address.as_pathname() {
        return path
            .to_str()
            .map(|path| format!("ipc://{path}"))
            .ok_or_else(no_text);
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        if let Some(name) = address.as_abstract_name() {
            let name = std::str::from_utf8(name).map_err(|_| no_text())?;
            return Ok(format!("ipc://@{name}"));
        }
    }
    Err(unfit("it has no name".to_owned()))
}

fn unfit(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, problem)
}

impl Listener {
    /// Takes over what is open.
    pub(crate) fn adopt(open: OpenListener, options: &StreamOptions) -> io::Result<Self> {
        let endpoint = open.endpoint()?;
        let door = match open {
            OpenListener::Tcp(listener) => Door::Tcp(tcp::Listener::adopt(listener, &options.tcp)?),
            #[cfg(unix)]
            OpenListener::Unix(listener) => Door::Unix(super::ipc::Listener::adopt(listener)?),
        };
        Ok(Self { endpoint, door })
    }
}
