//! Where a socket listens that is not told an address: a listener that somebody else has opened, an interface by name.

use std::fs;
use std::io::{self, IoSlice};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hubless::carrier::{ByteListener, ByteStream, Carrier, Dialing, Writer};
use hubless::{BindError, Datagram, Endpoint, Event, Pull, Push};
use socket2::{Domain, Socket, Type};
use tokio::io::ReadBuf;

use crate::event;
use crate::transport::{Outcome, Transport};

/// Whoever connects there talks to this socket.
async fn serves(pull: &Pull, endpoint: &Endpoint) -> Outcome {
    let push = Push::new();
    push.connect(endpoint)?.await?;
    push.send("hello").await?;
    assert_eq!(pull.recv().await?, "hello");
    push.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_tcp_listener_is_taken_over_with_those_who_wait_there() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?;
    let early = TcpStream::connect(at)?;
    let pull = Pull::new();
    let mut monitor = pull.monitor();
    let endpoint = pull.bind_listener(listener)?;
    assert_eq!(endpoint, Endpoint::from(at));
    assert_eq!(pull.endpoints(), std::slice::from_ref(&endpoint));
    let address = event(&mut monitor, |event| match event {
        Event::Accepted { address, .. } => Some(address),
        _ => None,
    })
    .await;
    assert_eq!(address, early.local_addr()?.to_string());
    serves(&pull, &endpoint).await?;
    pull.unbind(&endpoint).await?;
    assert!(TcpStream::connect(at).is_err());
    Ok(())
}

#[tokio::test]
async fn a_unix_listener_is_taken_over_and_its_file_stays() -> Outcome {
    let place = Transport::Ipc.place();
    let path = place.as_str().trim_start_matches("ipc://").to_owned();
    let pull = Pull::new();
    let endpoint = pull.bind_listener(UnixListener::bind(&path)?)?;
    assert_eq!(endpoint, *place);
    serves(&pull, &endpoint).await?;
    pull.unbind(&endpoint).await?;
    assert!(fs::exists(&path)?);
    fs::remove_file(&path)?;

    let name = format!("hubless-open-{}", std::process::id());
    let abstract_name = UnixAddr::from_abstract_name(&name)?;
    let endpoint = pull.bind_listener(UnixListener::bind_addr(&abstract_name)?)?;
    assert_eq!(endpoint.as_str(), format!("ipc://@{name}"));
    serves(&pull, &endpoint).await
}

#[tokio::test]
async fn what_cannot_be_taken_over_says_why() -> Outcome {
    let complaint = |told: Result<Endpoint, BindError>| told.expect_err("it cannot be").to_string();
    let pull = Pull::new();
    let deaf = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    assert_eq!(
        complaint(pull.bind_listener(TcpListener::from(deaf))),
        "cannot bind the listener: expected a socket that listens"
    );
    let unix = UnixListener::bind_addr(&UnixAddr::from_abstract_name(format!(
        "hubless-other-{}",
        std::process::id()
    ))?)?;
    assert_eq!(
        complaint(pull.bind_listener(TcpListener::from(OwnedFd::from(unix)))),
        "cannot bind the listener: expected a listener of TCP, found one of another family"
    );
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    assert_eq!(
        complaint(pull.bind_listener(UnixListener::from(OwnedFd::from(tcp)))),
        "cannot bind the listener: expected a listener of a Unix socket, found one of another family"
    );
    let tcp = TcpListener::bind("127.0.0.1:0")?;
    let refused = Datagram::new()
        .bind_listener(tcp)
        .expect_err("it takes udp alone");
    assert!(matches!(refused, BindError::Kind { .. }));
    let handle = pull.clone();
    pull.close().await?;
    let refused = handle.bind_listener(TcpListener::bind("127.0.0.1:0")?);
    assert!(matches!(
        refused,
        Err(BindError::NoRuntime(_) | BindError::Closed(_))
    ));
    Ok(())
}

#[test]
fn without_a_runtime_there_is_none_to_listen_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let refused = Pull::new().bind_listener(listener);
    assert!(matches!(refused, Err(BindError::NoRuntime(_))));
}

#[tokio::test]
async fn an_interface_is_bound_to_by_its_name() -> Outcome {
    let pull = Pull::new();
    let endpoint = pull.bind("tcp://lo:*").await?;
    assert!(endpoint.as_str().starts_with("tcp://127.0.0.1:"), "{endpoint}");
    let push = Push::new();
    push.connect(&endpoint)?.await?;
    Ok(())
}

/// A door at which one peer arrives, who says nothing, and takes its time to open: until the test says so.
#[derive(Debug)]
struct SlowDoor {
    is_asked: Sender<()>,
    opens: Mutex<Option<Receiver<()>>>,
}

struct SlowListener {
    endpoint: Endpoint,
    is_asked: Sender<()>,
    opens: Option<Receiver<()>>,
}

#[derive(Debug)]
struct Silent;

impl Carrier for SlowDoor {
    fn dial(&self, _: &Endpoint) -> Dialing {
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }

    fn listen(&self, endpoint: &Endpoint) -> io::Result<Box<dyn ByteListener>> {
        Ok(Box::new(SlowListener {
            endpoint: endpoint.clone(),
            is_asked: self.is_asked.clone(),
            opens: self.opens.lock().expect("no test panics here").take(),
        }))
    }
}

impl ByteListener for SlowListener {
    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Box<dyn ByteStream>>> {
        let Some(opens) = self.opens.take() else {
            return Poll::Pending;
        };
        self.is_asked.send(()).expect("the test waits");
        opens.recv().expect("the test says so");
        Poll::Ready(Ok(Box::new(Silent)))
    }

    fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }
}

impl ByteStream for Silent {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn writer(&self) -> Arc<dyn Writer> {
        Arc::new(Silent)
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn shutdown_write(&self) -> io::Result<()> {
        Ok(())
    }

    fn peer_address(&self) -> &str {
        "10.9.8.7:65000"
    }
}

impl Writer for Silent {
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

/// Two threads: on one the listener is about to let somebody in, on the other it is told to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_in_while_the_endpoint_is_unbound_has_to_leave_with_the_others() -> Outcome {
    let (is_asked, asked) = channel();
    let (open, opens) = channel();
    let door = SlowDoor {
        is_asked,
        opens: Mutex::new(Some(opens)),
    };
    let pull = Pull::builder()
        .handshake_timeout(None)
        .carrier(Arc::new(door), 1)
        .build()?;
    let endpoint = pull.bind("tcp://far.example:1").await?;
    asked.recv()?;
    let mut unbinding = pin!(pull.unbind(&endpoint));
    assert!(futures::poll!(&mut unbinding).is_pending());
    open.send(())?;
    tokio::time::timeout(Duration::from_secs(20), unbinding)
        .await
        .expect("nobody stays behind")?;
    Ok(())
}
