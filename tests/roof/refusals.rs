//! Inside a runtime nobody waits: its tasks would all wait too.

use std::time::Duration;

use hubless::blocking::{PollItem, Pub, Pull, Push, Rep, Req, Sub, poll};
use hubless::{
    BindError, CloseError, ConnectError, EndpointError, RequestError, SendError, SendTimeoutError,
    TryRecvError, TrySendError, WaitError,
};

use crate::{LIMIT, Outcome};

#[test]
fn whatever_would_wait_inside_a_runtime_is_refused_with_what_it_was_given() -> Outcome {
    let (bound, push, pull) = (Pull::new(), Push::new(), Pull::new());
    let endpoint = bound.bind("tcp://127.0.0.1:0")?;
    let dialing = Push::new();
    let connecting = dialing.connect("inproc://nobody-is-there")?;
    let (mut req, rep, publisher, subscriber) = (Req::new(), Rep::new(), Pub::new(), Sub::new());

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        assert!(matches!(
            pull.bind("tcp://127.0.0.1:0"),
            Err(BindError::InsideRuntime(_))
        ));
        assert!(matches!(
            push.connect(&endpoint),
            Err(EndpointError::InsideRuntime(_))
        ));
        assert_eq!(
            bound.unbind(&endpoint),
            Err(EndpointError::InsideRuntime(endpoint.clone()))
        );
        assert_eq!(
            push.disconnect(&endpoint),
            Err(EndpointError::InsideRuntime(endpoint.clone()))
        );
        assert!(matches!(connecting.wait(), Err(ConnectError::InsideRuntime(_))));
        assert_eq!(push.send("a"), Err(SendError::InsideRuntime("a".into())));
        assert_eq!(
            push.send_timeout("b", LIMIT),
            Err(SendTimeoutError::Failed(SendError::InsideRuntime("b".into())))
        );
        assert_eq!(pull.recv(), Err(WaitError::InsideRuntime));
        assert_eq!(pull.recv_from().err(), Some(WaitError::InsideRuntime));
        assert_eq!(pull.recv_timeout(LIMIT), Err(TryRecvError::InsideRuntime));
        assert_eq!(pull.recv_many(&mut Vec::new(), 1), Err(WaitError::InsideRuntime));
        assert_eq!(pull.messages().next(), None);
        let refused = RequestError::Send(SendError::InsideRuntime("c".into()));
        assert_eq!(req.request("c"), Err(refused.clone()));
        assert_eq!(req.request_timeout("c", LIMIT), Err(refused));
        assert_eq!(rep.recv_request().err(), Some(WaitError::InsideRuntime));
        assert_eq!(
            rep.recv_request_timeout(LIMIT).err(),
            Some(TryRecvError::InsideRuntime)
        );
        assert_eq!(subscriber.subscribed(), Err(WaitError::InsideRuntime));
        assert_eq!(publisher.subscribers().at_least(1), Err(WaitError::InsideRuntime));
        assert_eq!(push.peers().at_least(1), Err(WaitError::InsideRuntime));
        assert_eq!(
            pull.monitor().next_timeout(LIMIT).err(),
            Some(WaitError::InsideRuntime)
        );
        assert_eq!(
            poll(&mut [PollItem::readable(&pull)], LIMIT),
            Err(WaitError::InsideRuntime)
        );
        assert!(push.wait_for(|push| push.reserve()).is_err());
    });
    assert_eq!(bound.endpoints(), [endpoint], "nothing was begun");
    Ok(())
}

#[test]
fn a_socket_that_is_closed_inside_a_runtime_is_closed_behind_its_back() -> Outcome {
    let push = Push::new();
    push.connect("inproc://behind-its-back")?;
    push.send("still there")?;
    let mut events = push.monitor();
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        assert_eq!(push.close(), Err(CloseError::InsideRuntime));
    });
    let pull = Pull::new();
    pull.bind("inproc://behind-its-back")?;
    assert_eq!(pull.recv_timeout(LIMIT)?, "still there");
    assert!(matches!(events.by_ref().last(), Some(hubless::Event::Closed)));
    Ok(())
}

#[test]
fn what_does_not_wait_is_allowed_everywhere() -> Outcome {
    let (pull, push) = (Pull::new(), Push::new());
    push.connect(&pull.bind("tcp://127.0.0.1:0")?)?.wait()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        push.send("has room")?;
        push.try_send("too")?;
        assert_eq!(
            Push::new().try_send("full"),
            Err(TrySendError::Full("full".into()))
        );
        while poll(&mut [PollItem::readable(&pull)], Duration::ZERO)? == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pull.recv()?, "has room");
        Ok::<(), hubless::Error>(())
    })?;
    Ok(())
}
