//! Unix sockets: a file in a directory, or a name in Linux's abstract space.
//!
//! The file asks for care, since it outlives who made it and others may be interested in it:
//!
//! - Only its user may connect: mode 0600 is set on the *socket* before `bind`, which makes the file with the
//!   mode that the socket has. There is no moment at which the file stands open. (`std::fs::File` takes any
//!   descriptor, so this is `fchmod` without C.) Other systems ignore a socket's own mode: there the file is
//!   changed after `bind` and before `listen`, until when nobody can connect.
//! - A live socket is never taken away. Only a socket file at which nobody answers (`ECONNREFUSED`) is
//!   replaced; one that is busy, forbidden, or not a socket is an address in use.
//! - A socket that is bound but does not listen *yet* also refuses, so two programs that start at once could
//!   take each other for dead. Whoever looks, removes, binds and listens holds the directory's lock
//!   meanwhile.
//! - The file is removed at the end if it still is ours, by device and inode; the inode cannot be used again
//!   while our socket is open.
//!
//! Abstract names have no file, no mode and no leftovers: everybody in the network namespace can connect to
//! them.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

use crate::endpoint::{Endpoint, IpcAddress, ParseEndpointError};
use crate::peer::Process;
use crate::runtime;

use super::options::StreamOptions;
use super::{Writer, send};

#[cfg(test)]
mod tests;

/// Who may connect: the same user.
const SOCKET_MODE: u32 = 0o600;
/// Who may look into the directory of a wildcard's socket: the same user.
const DIRECTORY_MODE: u32 = 0o700;
/// How often a wildcard looks for a name that nobody has taken.
const FRESH_NAMES: usize = 100;
/// How often the directory's lock is asked for, and how long to wait in between. Its holders need
/// microseconds, when they get the processor; who holds it for seconds has other intentions, and must not
/// keep us out.
const LOCK_ATTEMPTS: usize = 2000;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// One connection over a Unix socket.
pub(crate) struct Connection {
    incoming: OwnedReadHalf,
    outgoing: Arc<Outgoing>,
    peer: Process,
    peer_address: Box<str>,
}

impl Connection {
    fn new(stream: UnixStream) -> io::Result<Self> {
        // There is no address that would tell peers apart; the kernel knows who they are.
        let peer = stream.peer_cred()?;
        let peer = Process {
            uid: peer.uid(),
            gid: peer.gid(),
            pid: peer.pid().and_then(|pid| u32::try_from(pid).ok()),
        };
        let pid = peer.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let peer_address = format!(":{}:{}:{pid}", peer.uid, peer.gid).into();
        let (incoming, outgoing) = stream.into_split();
        Ok(Self {
            incoming,
            outgoing: Arc::new(Outgoing(outgoing)),
            peer,
            peer_address,
        })
    }

    pub(super) fn incoming(&mut self) -> &mut OwnedReadHalf {
        &mut self.incoming
    }

    pub(super) fn writer(&self) -> Arc<dyn Writer> {
        self.outgoing.clone()
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.stream().poll_write_ready(cx)
    }

    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        SockRef::from(self.outgoing.stream()).shutdown(Shutdown::Write)
    }

    pub(super) fn peer(&self) -> Process {
        self.peer
    }

    pub(super) fn peer_address(&self) -> &str {
        &self.peer_address
    }
}

#[derive(Debug)]
struct Outgoing(OwnedWriteHalf);

impl Outgoing {
    fn stream(&self) -> &UnixStream {
        self.0.as_ref()
    }
}

impl Writer for Outgoing {
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = self.stream();
        stream.try_io(Interest::WRITABLE, || send(SockRef::from(stream), bufs))
    }
}

/// Connects; a Unix socket says yes or no at once.
pub(super) fn dial(address: &IpcAddress) -> io::Result<Connection> {
    let socket = open()?;
    match socket.connect(&socket_address(address)?) {
        // The peer's backlog is full, which is no reason for anyone to wait here.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "the listener's backlog is full",
        )),
        connected => connected,
    }?;
    Connection::new(UnixStream::from_std(socket.into())?)
}

/// Accepts connections at a path or an abstract name.
pub(super) struct Listener {
    /// Before the listener, so that it is dropped first: a path that does not answer could be someone else's
    /// by the time we remove it.
    _claim: Option<Claim>,
    listener: UnixListener,
}

impl Listener {
    /// Listens; for a wildcard it also says where.
    pub(super) async fn bind(
        address: &IpcAddress,
        options: &StreamOptions,
    ) -> io::Result<(Self, Option<Endpoint>)> {
        let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
        let (socket, claim, chosen) = match address {
            IpcAddress::Any => {
                let directory = FreshDirectory::make()?;
                let path = directory.0.join("socket");
                let endpoint = endpoint_at(&path)?;
                let (socket, mut claim) = bind_path(&path, backlog).await?;
                claim.directory = Some(directory);
                (socket, Some(claim), Some(endpoint))
            }
            IpcAddress::Path(path) => {
                let (socket, claim) = bind_path(Path::new(path.as_ref()), backlog).await?;
                (socket, Some(claim), None)
            }
            IpcAddress::Abstract(_) => {
                let socket = open()?;
                socket.bind(&socket_address(address)?)?;
                socket.listen(backlog)?;
                (socket, None, None)
            }
        };
        Ok((
            Self {
                _claim: claim,
                listener: UnixListener::from_std(socket.into())?,
            },
            chosen,
        ))
    }

    /// Takes one over that somebody else has opened: the file stays when it ends.
    pub(super) fn adopt(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            _claim: None,
            listener: UnixListener::from_std(listener)?,
        })
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let (stream, _) = ready!(self.listener.poll_accept(cx))?;
        let connection = Connection::new(stream);
        Poll::Ready(connection.map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error)))
    }
}

/// The file that a listener made, and may remove.
struct Claim {
    /// Absolute: the program may change its working directory.
    path: PathBuf,
    identity: (u64, u64),
    directory: Option<FreshDirectory>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The private directory of a wildcard's socket; goes when it is empty.
struct FreshDirectory(PathBuf);

impl FreshDirectory {
    /// `mkdir` fails where anything stands already, so what it made is ours, however easily its name is
    /// guessed.
    fn make() -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent = path::absolute(std::env::temp_dir())?;
        let mut taken = io::ErrorKind::AlreadyExists.into();
        for _ in 0..FRESH_NAMES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("hubless-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(DIRECTORY_MODE).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }
}

impl Drop for FreshDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Binds and listens at a path, replacing what a dead program has left there.
async fn bind_path(path: &Path, backlog: i32) -> io::Result<(Socket, Claim)> {
    let absolute = path::absolute(path)?;
    let _turn = lock_directory(&absolute).await;
    let (socket, address) = (open()?, SockAddr::unix(path)?);
    #[cfg(target_os = "linux")]
    let socket = with_mode(socket)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            socket.bind(&address)
        }
        bound => bound,
    }?;
    // From here on the file is removed again if anything fails.
    let claim = Claim {
        identity: identity(&absolute)?,
        path: absolute,
        directory: None,
    };
    #[cfg(not(target_os = "linux"))]
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    socket.listen(backlog)?;
    Ok((socket, claim))
}

/// Gives the socket the mode that `bind` will give the file.
#[cfg(target_os = "linux")]
fn with_mode(socket: Socket) -> io::Result<Socket> {
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(SOCKET_MODE))?;
    Ok(OwnedFd::from(file).into())
}

/// Takes the turn among those who bind in one directory; it ends when the file is dropped. Where a directory
/// cannot be locked, or the lock is not to be had, the bind goes on without.
async fn lock_directory(path: &Path) -> Option<File> {
    let directory = File::open(path.parent()?).ok()?;
    for _ in 0..LOCK_ATTEMPTS {
        match directory.try_lock() {
            Ok(()) => return Some(directory),
            Err(fs::TryLockError::WouldBlock) => runtime::sleep(LOCK_PAUSE).await,
            Err(fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Removes a socket file at which nobody answers. A program that does answer sees a connection come and go.
fn remove_stale(path: &Path) -> io::Result<()> {
    let in_use = |why| Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    match fs::symlink_metadata(path) {
        // It went by itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(there) if !there.file_type().is_socket() => {
            return in_use("a file that is not a socket is in the way");
        }
        Ok(_) => {}
    }
    match open()?.connect(&SockAddr::unix(path)?) {
        Ok(()) => in_use("a socket answers there already"),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            io::ErrorKind::NotFound => Ok(()),
            // Full (`WouldBlock`), of another user, of another type: none of these is known to be dead.
            _ => in_use("a socket is there already"),
        },
    }
}

fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn socket_address(address: &IpcAddress) -> io::Result<SockAddr> {
    match address {
        IpcAddress::Path(path) => SockAddr::unix(path.as_ref()),
        // The NUL in front is the mark; there is none behind, and no padding.
        #[cfg(target_os = "linux")]
        IpcAddress::Abstract(name) => SockAddr::unix(format!("\0{name}")),
        #[cfg(not(target_os = "linux"))]
        IpcAddress::Abstract(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "abstract names are known to Linux only",
        )),
        IpcAddress::Any => Err(io::Error::new(io::ErrorKind::InvalidInput, "* is for bind")),
    }
}

/// Device and inode, of the file itself.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}

fn endpoint_at(path: &Path) -> io::Result<Endpoint> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let text = path
        .to_str()
        .ok_or_else(|| invalid(format!("{} is not UTF-8", path.display())))?;
    format!("ipc://{text}")
        .parse()
        .map_err(|error: ParseEndpointError| invalid(error.to_string()))
}
