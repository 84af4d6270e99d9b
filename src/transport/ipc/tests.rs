//! What a file in a shared directory asks for. What all doors promise is tested one floor up.

use super::*;

use std::future::poll_fn;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;

/// A directory of one test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(fs::canonicalize(FreshDirectory::make().expect("a temporary directory").keep()).expect("there"))
    }

    fn at(&self, name: &str) -> IpcAddress {
        IpcAddress::Path(self.path(name).to_str().expect("plain letters").into())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl FreshDirectory {
    fn keep(self) -> PathBuf {
        let path = self.0.clone();
        std::mem::forget(self);
        path
    }
}

async fn bind(address: &IpcAddress) -> io::Result<Listener> {
    Listener::bind(address, &StreamOptions::default())
        .await
        .map(|(listener, _)| listener)
}

async fn accept(listener: &Listener) -> Connection {
    poll_fn(|cx| listener.poll_accept(cx))
        .await
        .expect("somebody connects")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

/// What a program leaves that died.
fn leave_stale(path: &Path) {
    drop(net::UnixListener::bind(path).expect("a free path"));
    assert!(path.exists());
}

#[tokio::test]
async fn row_19_only_its_user_may_connect_to_a_socket_file() {
    let scratch = Scratch::new();
    let _listener = bind(&scratch.at("s")).await.expect("a free path");
    assert_eq!(mode(&scratch.path("s")), SOCKET_MODE);
}

/// The file is looked at between `bind` and everything that follows it.
#[cfg(target_os = "linux")]
#[test]
fn row_19_a_socket_file_is_born_with_its_mode() {
    let scratch = Scratch::new();
    let socket = with_mode(open().expect("a socket")).expect("its mode");
    socket
        .bind(&SockAddr::unix(scratch.path("s")).expect("short"))
        .expect("a free path");
    assert_eq!(mode(&scratch.path("s")), SOCKET_MODE);
}

#[tokio::test]
async fn the_file_goes_with_its_listener() {
    let scratch = Scratch::new();
    let listener = bind(&scratch.at("s")).await.expect("a free path");
    let dialed = dial(&scratch.at("s")).expect("it listens");
    let accepted = accept(&listener).await;
    drop(listener);
    assert!(!scratch.path("s").exists());
    assert_eq!(
        dialed.peer_address(),
        accepted.peer_address(),
        "connections live on"
    );
}

#[tokio::test]
async fn row_19_a_file_that_is_no_longer_ours_stays() {
    let scratch = Scratch::new();
    let ours = bind(&scratch.at("s")).await.expect("a free path");
    // As libzmq would do it.
    fs::remove_file(scratch.path("s")).expect("there");
    let theirs = bind(&scratch.at("s")).await.expect("free again");
    drop(ours);
    assert!(dial(&scratch.at("s")).is_ok());
    drop(theirs);
    assert!(!scratch.path("s").exists());
}

#[tokio::test]
async fn row_19_what_a_dead_program_left_is_replaced() {
    let scratch = Scratch::new();
    leave_stale(&scratch.path("s"));
    let listener = bind(&scratch.at("s")).await.expect("nobody answers there");
    let _dialed = dial(&scratch.at("s")).expect("it listens");
    accept(&listener).await;
    assert_eq!(mode(&scratch.path("s")), SOCKET_MODE);
}

#[tokio::test]
async fn row_19_a_live_socket_is_never_taken_away() {
    let scratch = Scratch::new();
    let live = net::UnixListener::bind(scratch.path("s")).expect("a free path");
    let error = bind(&scratch.at("s")).await.err().expect("somebody answers");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert_eq!(error.to_string(), "a socket answers there already");
    live.accept().expect("the question whether it lives");
    net::UnixStream::connect(scratch.path("s")).expect("it still listens");
}

#[tokio::test]
async fn row_19_a_socket_too_busy_to_answer_is_alive() {
    let scratch = Scratch::new();
    let busy = open().expect("a socket");
    busy.bind(&SockAddr::unix(scratch.path("s")).expect("short"))
        .expect("a free path");
    busy.listen(0).expect("bound");
    let _first = dial(&scratch.at("s")).expect("a backlog of zero holds one");
    assert_eq!(
        dial(&scratch.at("s")).err().expect("full").kind(),
        io::ErrorKind::ConnectionRefused
    );
    let error = bind(&scratch.at("s")).await.err().expect("it lives");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(scratch.path("s").exists());
}

#[tokio::test]
async fn row_19_a_socket_of_another_type_is_left_alone() {
    let scratch = Scratch::new();
    let _datagrams = net::UnixDatagram::bind(scratch.path("s")).expect("a free path");
    let error = bind(&scratch.at("s")).await.err().expect("in use");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(scratch.path("s").exists());
}

#[tokio::test]
async fn row_19_what_is_not_a_socket_is_in_the_way() {
    let scratch = Scratch::new();
    leave_stale(&scratch.path("stale"));
    fs::write(scratch.path("file"), "precious").expect("writable");
    fs::create_dir(scratch.path("directory")).expect("writable");
    std::os::unix::fs::symlink(scratch.path("stale"), scratch.path("link")).expect("writable");
    for name in ["file", "directory", "link"] {
        let error = bind(&scratch.at(name)).await.err().expect("in the way");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(error.to_string(), "a file that is not a socket is in the way");
        assert!(fs::symlink_metadata(scratch.path(name)).is_ok());
    }
    assert!(scratch.path("stale").exists());
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_not_made() {
    let scratch = Scratch::new();
    let error = bind(&scratch.at("missing/s")).await.err().expect("nowhere");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_replace_a_stale_file_at_once_one_wins() {
    let scratch = Scratch::new();
    for round in 0..20 {
        let name = format!("s{round}");
        leave_stale(&scratch.path(&name));
        let address = scratch.at(&name);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let address = address.clone();
                tokio::spawn(async move { bind(&address).await })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(listener) => winners.push(listener),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
            }
        }
        assert_eq!(winners.len(), 1);
        assert!(dial(&address).is_ok(), "the winner is reachable");
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_keeps_the_directory_locked_does_not_keep_us_out() {
    let scratch = Scratch::new();
    let directory = File::open(&scratch.0).expect("there");
    directory.lock().expect("free");
    assert!(bind(&scratch.at("s")).await.is_ok());
}

#[tokio::test]
async fn row_19_a_wildcard_is_a_socket_in_a_private_directory_and_leaves_nothing() {
    let (listener, endpoint) = Listener::bind(&IpcAddress::Any, &StreamOptions::default())
        .await
        .expect("a fresh directory");
    let endpoint = endpoint.expect("a wildcard is resolved");
    let path = PathBuf::from(endpoint.as_str().strip_prefix("ipc://").expect("ipc"));
    let directory = path.parent().expect("a directory").to_owned();
    assert_eq!((mode(&directory), mode(&path)), (DIRECTORY_MODE, SOCKET_MODE));
    let other = Listener::bind(&IpcAddress::Any, &StreamOptions::default())
        .await
        .expect("another one");
    assert_ne!(other.1.expect("resolved"), endpoint);
    drop(listener);
    assert!(!directory.exists());
}

/// [trap 24]
#[tokio::test]
async fn an_abstract_name_is_its_bytes_and_no_more() {
    let name = format!("hubless-exact-{}", std::process::id());
    let listener = bind(&IpcAddress::Abstract(name.as_str().into()))
        .await
        .expect("a name of our own");
    let exact = net::SocketAddr::from_abstract_name(&name).expect("short");
    net::UnixStream::connect_addr(&exact).expect("no NUL, no padding");
    accept(&listener).await;
    assert!(dial(&IpcAddress::Abstract(name.as_str().into())).is_ok());
}

#[tokio::test]
async fn the_longest_path_and_name_can_be_bound() {
    let scratch = Scratch::new();
    let room = 107 - scratch.0.as_os_str().len() - 1;
    let listener = bind(&scratch.at(&"x".repeat(room))).await.expect("107 bytes");
    assert!(dial(&scratch.at(&"x".repeat(room))).is_ok());
    drop(listener);
    let prefix = format!("hubless-{}-", std::process::id());
    let name = IpcAddress::Abstract(format!("{prefix}{}", "x".repeat(107 - prefix.len())).into());
    let _listener = bind(&name).await.expect("107 bytes");
    assert!(dial(&name).is_ok());
}

#[tokio::test]
async fn row_19_a_peer_is_known_by_its_credentials() {
    let scratch = Scratch::new();
    let listener = bind(&scratch.at("s")).await.expect("a free path");
    let dialed = dial(&scratch.at("s")).expect("it listens");
    let accepted = accept(&listener).await;
    let me = fs::metadata("/proc/self").expect("Linux");
    let expected = format!(":{}:{}:{}", me.uid(), me.gid(), std::process::id());
    assert_eq!(accepted.peer_address(), expected);
    assert_eq!(dialed.peer_address(), expected);
}
