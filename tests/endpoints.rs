//! Endpoints of a socket: what it takes away again, it takes away in good order.

use std::sync::Barrier;
use std::thread;

use hubless::kind::{self, Kind};
use hubless::{Dealer, EndpointError, Linger, Pull, Push, Socket};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

#[tokio::test]
async fn an_endpoint_that_is_being_disconnected_sends_what_it_has_and_gets_nothing_new() -> Result {
    let push = Push::builder().linger(Linger::Forever).build()?;
    let leaving = push.connect("inproc://leaving")?.endpoint().clone();
    push.send("queued before").await?;

    let staying = Pull::new();
    staying.bind("inproc://staying").await?;
    push.connect("inproc://staying")?.await?;

    let others = async {
        // Nobody is at the other end, so the order to finish is all that its task can be busy with.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        for number in 0..10 {
            push.send(format!("{number}")).await?;
        }
        for number in 0..10 {
            assert_eq!(staying.recv().await?, format!("{number}").as_str());
        }
        let late = Pull::new();
        late.bind("inproc://leaving").await?;
        assert_eq!(late.recv().await?, "queued before");
        Ok::<_, hubless::Error>(late)
    };
    let (disconnected, late) = tokio::join!(push.disconnect(&leaving), others);
    disconnected?;
    assert!(late?.try_recv().is_err());
    assert_eq!(push.endpoints().len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_was_never_there_is_not_found() -> Result {
    let push = Push::new();
    let endpoint = push.connect("inproc://known")?.endpoint().clone();
    let unknown = "inproc://unknown".parse()?;
    assert_eq!(
        push.disconnect(&unknown).await,
        Err(EndpointError::NotFound(unknown.clone()))
    );
    // Connected is not bound.
    assert_eq!(
        push.unbind(&endpoint).await,
        Err(EndpointError::NotFound(endpoint.clone()))
    );
    assert_eq!(push.endpoints(), [endpoint]);
    Ok(())
}

#[tokio::test]
async fn an_endpoint_is_free_when_unbind_is_done() -> Result {
    let file = std::env::temp_dir().join(format!("hubless-free-again-{}", std::process::id()));
    let ipc = format!("ipc://{}", file.display());
    for at in ["tcp://127.0.0.1:0", &ipc, "inproc://free-again"] {
        let first = Pull::new();
        let endpoint = first.bind(at).await?;
        first.unbind(&endpoint).await?;
        let second = Pull::new();
        assert_eq!(second.bind(&endpoint).await?, endpoint);
        let _ = second.close().await;
    }
    assert!(!file.exists());
    Ok(())
}

/// A second connection doubles what a PULL or a REP is given, which may be wanted, but for the others every
/// subscription, publication or request.
#[tokio::test]
async fn some_kinds_connect_to_an_endpoint_as_often_as_they_like_and_some_once() -> Result {
    fn twice<K: Kind>() -> std::result::Result<usize, EndpointError> {
        let (socket, at) = (Socket::<K>::new(), "inproc://twice");
        socket.connect(at)?;
        socket.connect(at)?;
        Ok(socket.endpoints().len())
    }
    assert_eq!(twice::<kind::Push>(), Ok(2));
    assert_eq!(twice::<kind::Pull>(), Ok(2));
    assert_eq!(twice::<kind::Rep>(), Ok(2));
    let already = || {
        Err(EndpointError::AlreadyConnected(
            "inproc://twice".parse().expect("an endpoint"),
        ))
    };
    assert_eq!(twice::<kind::Pub>(), already());
    assert_eq!(twice::<kind::Sub>(), already());
    assert_eq!(twice::<kind::Req>(), already());
    Ok(())
}

#[tokio::test]
async fn of_two_connections_to_one_endpoint_disconnecting_ends_one() -> Result {
    let pull = Pull::new();
    let endpoint = pull.bind("tcp://127.0.0.1:0").await?;
    let push = Push::new();
    push.connect(&endpoint)?.await?;
    push.connect(&endpoint)?.await?;
    pull.peers().at_least(2).await?;
    push.disconnect(&endpoint).await?;
    assert_eq!(push.endpoints().len(), 1);
    push.send("by the other").await?;
    assert_eq!(pull.recv().await?, "by the other");
    Ok(())
}

#[tokio::test]
async fn two_calls_at_once_to_disconnect_end_two_connections_to_one_endpoint() -> Result {
    let push = Push::new();
    let endpoint = push.connect("inproc://twice-at-once")?.endpoint().clone();
    push.connect(&endpoint)?;
    push.connect(&endpoint)?;
    let (one, other) = tokio::join!(push.disconnect(&endpoint), push.disconnect(&endpoint));
    assert_eq!((one, other), (Ok(()), Ok(())));
    assert_eq!(push.endpoints().len(), 1);

    // Of one connection both are told that it has ended.
    let (one, other) = tokio::join!(push.disconnect(&endpoint), push.disconnect(&endpoint));
    assert_eq!((one, other), (Ok(()), Ok(())));
    assert!(push.endpoints().is_empty());
    Ok(())
}

#[tokio::test]
async fn of_two_threads_that_connect_at_once_where_one_may_one_does() -> Result {
    let home = tokio::runtime::Handle::current();
    for round in 0..1000 {
        let (dealer, together) = (Dealer::new(), Barrier::new(2));
        let connect = || {
            let _inside = home.enter();
            together.wait();
            dealer.connect("inproc://once").is_ok()
        };
        let connected = thread::scope(|scope| [(); 2].map(|()| scope.spawn(connect)).map(|one| one.join()));
        let connected = connected.into_iter().filter(|one| matches!(one, Ok(true)));
        assert_eq!(
            (connected.count(), dealer.endpoints().len()),
            (1, 1),
            "in round {round}"
        );
    }
    Ok(())
}
