//! DGRAM: what a program that speaks UDP meets, and what its datagrams become.

use std::future::Future;
use std::net::{Ipv6Addr, SocketAddr};

use hubless::{
    BindError, Datagram, DropReason, EndpointError, Event, Pub, Push, Rep, SendError, Socket, SocketKind,
    StreamSocket, TryRecvError, TrySendError, UdpOptions, kind::Kind,
};
use tokio::net::UdpSocket;

use crate::event;
use crate::transport::{Outcome, check, numbered, polled, until};

/// Makes a test of each check.
macro_rules! checks {
    ($($check:ident)+) => {
        mod udp {
            $(#[test] fn $check() { super::run(super::$check()); })+
        }
    };
}

checks! {
    datagrams_go_both_ways_with_the_address_of_the_other_side
    an_ipv6_socket_talks_to_both_families
    what_is_beyond_the_mark_is_dropped_and_counted
    zero_is_no_mark
    what_is_too_long_is_given_back_with_the_limit
    what_comes_and_is_too_long_is_dropped
    what_the_system_does_not_take_is_counted_and_told
    a_datagram_waits_until_there_is_a_port
    those_who_listen_to_a_group_all_hear_it
    a_socket_has_one_endpoint_after_the_other
    what_was_queued_is_sent_before_the_end
    a_kind_that_cannot_use_an_endpoint_says_which_it_can
}

#[track_caller]
fn run(future: impl Future<Output = Outcome>) {
    check(future);
}

async fn bound(at: &str) -> Outcome<(Datagram, SocketAddr)> {
    let socket = Datagram::new();
    let address = bind(&socket, at).await?;
    Ok((socket, address))
}

async fn bind(socket: &Datagram, at: &str) -> Outcome<SocketAddr> {
    let endpoint = socket.bind(at).await?;
    assert_eq!(socket.endpoints(), std::slice::from_ref(&endpoint));
    let address: SocketAddr = endpoint.as_str().trim_start_matches("udp://").parse()?;
    assert_ne!(address.port(), 0);
    Ok(address)
}

async fn datagrams_go_both_ways_with_the_address_of_the_other_side() -> Outcome {
    let (socket, at) = bound("udp://127.0.0.1:*").await?;
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    let mut buffer = vec![0; 70_000];
    for size in [0, 1, 255, 256, 1400, 40_000, 65_507] {
        let data: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        program.send_to(&data, at).await?;
        let (from, got) = socket.recv_from().await?;
        assert_eq!((from, got.len()), (program.local_addr()?, size));
        assert!(got == data);

        socket.send_to(from, got).await?;
        let (count, from) = program.recv_from(&mut buffer).await?;
        assert_eq!((from, count), (at, size));
        assert!(buffer[..count] == data);
    }
    socket
        .send_to(program.local_addr()?, ("one ", "behind the other"))
        .await?;
    let (count, _) = program.recv_from(&mut buffer).await?;
    assert_eq!(&buffer[..count], b"one behind the other");
    assert_eq!(socket.try_recv_from(), Err(TryRecvError::Empty));
    assert_eq!(socket.peers().count(), 0);
    Ok(())
}

async fn an_ipv6_socket_talks_to_both_families() -> Outcome {
    let Ok(v6) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await else {
        return Ok(()); // A machine without IPv6.
    };
    let v4 = UdpSocket::bind("127.0.0.1:0").await?;
    let (socket, at) = bound("udp://[::]:0").await?;
    for (program, to) in [(v6, "[::1]"), (v4, "127.0.0.1")] {
        program.send_to(b"hello", format!("{to}:{}", at.port())).await?;
        let (from, got) = socket.recv_from().await?;
        assert_eq!((from, &got[..]), (program.local_addr()?, &b"hello"[..]));
        socket.send_to(from, "yes").await?;
        let mut buffer = [0; 10];
        let (count, _) = program.recv_from(&mut buffer).await?;
        assert_eq!(&buffer[..count], b"yes");
    }
    Ok(())
}

async fn what_is_beyond_the_mark_is_dropped_and_counted() -> Outcome {
    let socket = Datagram::builder()
        .recv_hwm(10)
        .udp(UdpOptions::new().recv_buffer(1 << 20))
        .build()?;
    let at = bind(&socket, "udp://127.0.0.1:0").await?;
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    for number in 0..100 {
        program.send_to(&[number], at).await?;
    }
    until(|| socket.stats().incoming.received.messages == 100).await;
    let incoming = socket.stats().incoming;
    assert_eq!(
        (incoming.queued.messages, incoming.dropped.by(DropReason::Hwm)),
        (10, 90)
    );
    for number in 0..10 {
        assert_eq!(socket.recv_from().await?.1, vec![number]);
    }
    program.send_to(b"there is room again", at).await?;
    assert_eq!(socket.recv_from().await?.1, "there is room again");
    let incoming = socket.stats().incoming;
    assert_eq!((incoming.delivered.messages, incoming.dropped.total()), (11, 90));
    Ok(())
}

async fn zero_is_no_mark() -> Outcome {
    /// More than the mark if none is said.
    const MANY: u64 = 2000;
    let socket = Datagram::builder().recv_hwm(0).send_hwm(0).build()?;
    let at = bind(&socket, "udp://127.0.0.1:0").await?;
    for number in 0..MANY {
        socket.send_to(at, numbered(number, 8)).await?;
        // What the system holds for us has its own limit.
        until(|| socket.stats().incoming.queued.messages == number + 1).await;
    }
    for number in 0..MANY {
        assert_eq!(socket.recv_from().await?.1, numbered(number, 8));
    }
    assert_eq!(socket.stats().incoming.dropped.total(), 0);
    Ok(())
}

async fn what_is_too_long_is_given_back_with_the_limit() -> Outcome {
    let (socket, at) = bound("udp://127.0.0.1:0").await?;
    let v6: SocketAddr = (Ipv6Addr::LOCALHOST, 9).into();
    let short = Datagram::builder().max_message_size(10).build()?;
    bind(&short, "udp://127.0.0.1:0").await?;
    for (socket, to, limit) in [(&socket, at, 65_507), (&socket, v6, 65_527), (&short, at, 10)] {
        let data = vec![7; limit + 1];
        match socket.send_to(to, &data).await {
            Err(SendError::TooLarge {
                message,
                size,
                limit: told,
                ..
            }) => {
                assert_eq!((message.byte_len(), size, told), (limit + 1, limit + 1, limit));
            }
            other => panic!("expected that it is too large, found {other:?}"),
        }
        let error = socket.try_send_to(to, &data).expect_err("it is too large");
        assert!(matches!(error, TrySendError::TooLarge { .. }));
    }
    Ok(())
}

async fn what_comes_and_is_too_long_is_dropped() -> Outcome {
    let socket = Datagram::builder().max_message_size(10).build()?;
    let at = bind(&socket, "udp://127.0.0.1:0").await?;
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    program.send_to(&[1; 11], at).await?;
    program.send_to(&[2; 10], at).await?;
    assert_eq!(socket.recv_from().await?.1, vec![2; 10]);
    assert_eq!(socket.stats().incoming.dropped.by(DropReason::ProtocolError), 1);
    Ok(())
}

async fn what_the_system_does_not_take_is_counted_and_told() -> Outcome {
    let (socket, at) = bound("udp://127.0.0.1:0").await?;
    let mut monitor = socket.monitor();
    let other_family: SocketAddr = (Ipv6Addr::LOCALHOST, 9).into();
    for _ in 0..3 {
        socket.send_to(other_family, "nowhere").await?;
        socket.send_to(at, "here").await?;
        assert_eq!(socket.recv_from().await?, (at, "here".into()));
    }
    event(&mut monitor, |event| {
        matches!(event, Event::DatagramFailed { .. }).then_some(())
    })
    .await;
    until(|| socket.stats().outgoing.queued.messages == 0).await;
    let outgoing = socket.stats().outgoing;
    assert_eq!(outgoing.dropped.by(DropReason::Refused), 3);
    assert_eq!(
        (outgoing.accepted.messages, outgoing.handed_over.messages),
        (6, 3)
    );
    Ok(())
}

async fn a_datagram_waits_until_there_is_a_port() -> Outcome {
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    let to = program.local_addr()?;
    let socket = Datagram::new();
    assert!(polled(socket.send_to(to, "given up"), 100).await.is_none());
    let (sent, bound) = tokio::join!(socket.send_to(to, "waited"), socket.bind("udp://*:0"));
    sent?;
    bound?;
    let mut buffer = [0; 10];
    let (count, _) = program.recv_from(&mut buffer).await?;
    assert_eq!(&buffer[..count], b"waited");
    Ok(())
}

async fn those_who_listen_to_a_group_all_hear_it() -> Outcome {
    let first = Datagram::new();
    let endpoint = first.bind("udp://lo;239.255.77.1:0").await?;
    let text = endpoint.as_str().to_owned();
    let group: SocketAddr = text.trim_start_matches("udp://lo;").parse()?;
    assert_eq!(group.ip().to_string(), "239.255.77.1");
    let second = Datagram::new();
    assert_eq!(second.bind(text.as_str()).await?, endpoint);
    let third = Datagram::new();
    third.bind("udp://lo;239.255.77.2:0").await?;

    let from_group = first.send_to(group, "to all");
    from_group.await?;
    for hears in [&first, &second] {
        assert_eq!(hears.recv_from().await?.1, "to all");
    }
    third.send_to(group, "again").await?;
    for hears in [&first, &second] {
        assert_eq!(hears.recv_from().await?.1, "again");
    }
    assert_eq!(third.try_recv_from(), Err(TryRecvError::Empty));

    for wrong in [
        "udp://no-such-one;239.255.77.1:0",
        "udp://10.255.255.254;239.255.77.1:0",
    ] {
        let error = Datagram::new()
            .bind(wrong)
            .await
            .expect_err("there is no such interface");
        assert!(matches!(error, BindError::Io { .. }), "{error}");
    }
    Ok(())
}

async fn a_socket_has_one_endpoint_after_the_other() -> Outcome {
    let socket = Datagram::new();
    let endpoint = socket.bind("udp://127.0.0.1:0").await?;
    let error = socket.bind("udp://127.0.0.1:0").await.expect_err("it has one");
    assert_eq!(
        error.to_string(),
        "cannot bind udp://127.0.0.1:0: a DGRAM binds one endpoint at a time"
    );
    let taken = Datagram::new().bind(&endpoint).await.expect_err("it is taken");
    assert!(matches!(taken, BindError::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse));
    socket.unbind(&endpoint).await?;
    assert!(socket.endpoints().is_empty());
    assert_eq!(socket.bind(&endpoint).await?, endpoint);
    Ok(())
}

async fn what_was_queued_is_sent_before_the_end() -> Outcome {
    let program = UdpSocket::bind("127.0.0.1:0").await?;
    let (socket, _) = bound("udp://127.0.0.1:0").await?;
    for number in 0..50 {
        socket
            .send_to(program.local_addr()?, [number; 1].to_vec())
            .await?;
    }
    let handle = socket.clone();
    socket.close().await?;
    let mut buffer = [0; 10];
    for number in 0..50 {
        let (count, _) = program.recv_from(&mut buffer).await?;
        assert_eq!(buffer[..count], [number]);
    }
    let error = handle
        .send_to(program.local_addr()?, "late")
        .await
        .expect_err("closed");
    assert!(matches!(error, SendError::Closed(_)));
    assert!(handle.recv_from().await.is_err());
    assert_eq!(handle.stats().outgoing.handed_over.messages, 50);
    Ok(())
}

async fn a_kind_that_cannot_use_an_endpoint_says_which_it_can() -> Outcome {
    async fn refuses<K: Kind>(socket: Socket<K>, binds: &str, connects: &str) {
        let refused = socket.bind(binds).await;
        assert!(matches!(refused, Err(BindError::Kind { .. })), "{refused:?}");
        let refused = socket.connect(connects);
        assert!(matches!(refused, Err(EndpointError::Kind { .. })), "{refused:?}");
    }
    refuses(Datagram::new(), "tcp://127.0.0.1:0", "udp://127.0.0.1:9").await;
    let udp = "udp://127.0.0.1:9";
    refuses(StreamSocket::new(), udp, udp).await;
    refuses(StreamSocket::new(), "inproc://raw", "inproc://raw").await;
    refuses(Push::new(), udp, udp).await;
    refuses(Pub::new(), udp, udp).await;
    refuses(Rep::new(), udp, udp).await;
    let error = Push::new().connect(udp).expect_err("it speaks ZMTP");
    assert_eq!(
        error.to_string(),
        "cannot connect to udp://127.0.0.1:9: a PUSH connects to tcp://, ipc:// and inproc://"
    );
    assert!(matches!(
        error,
        EndpointError::Kind {
            kind: SocketKind::Push,
            ..
        }
    ));
    Ok(())
}
