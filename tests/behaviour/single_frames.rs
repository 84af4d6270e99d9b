//! The kinds whose messages have one frame each (RFC 41, 49, 51, 52): what they refuse to send, and how SCATTER deals out
//! and GATHER collects.
//!
//! That they drop what others send in several frames takes a peer that speaks by hand: `tests/conformance`.

use std::pin::Pin;

use futures_sink::Sink;
use hubless::kind::{self, Kind, Numbers, QueuesAhead, Sends};
use hubless::{
    Channel, Client, Gather, Message, PeerId, PeerSocket, Scatter, SendError, SendTimeoutError, Server,
    Socket, SocketKind, TrySendError,
};
use tokio::task::yield_now;

use crate::text;
use crate::transport::{Outcome, Transport, number_of, numbered, over_every_transport, polled, spawn, until};

over_every_transport! {
    a_message_of_several_frames_is_refused_and_given_back
    a_message_of_several_frames_is_refused_by_those_who_name_their_peers
    a_scatter_deals_out_in_turn
    a_gather_collects_in_turn
    a_client_deals_out_in_turn
    without_a_peer_a_send_waits
    a_connecting_endpoint_has_its_queue_before_there_is_a_peer
    messages_of_every_size_arrive_as_they_went
}

fn multipart(frames: usize) -> Message {
    let frames: Vec<hubless::Frame> = (0..frames).map(|_| "frame".into()).collect();
    frames.try_into().expect("there are frames")
}

fn refused(frames: usize, kind: SocketKind) -> SendError {
    SendError::Multipart {
        message: multipart(frames),
        frames,
        kind,
    }
}

async fn a_message_of_several_frames_is_refused_and_given_back(at: Transport) -> Outcome {
    several::<kind::Client, kind::Server>(at).await?;
    several::<kind::Scatter, kind::Gather>(at).await?;
    several::<kind::Channel, kind::Channel>(at).await
}

async fn several<K: Sends + QueuesAhead, Other: Kind>(at: Transport) -> Outcome {
    let (socket, other) = (Socket::<K>::new(), Socket::<Other>::new());
    socket.connect(&at.bind(&other).await?)?.await?;
    for frames in 2..5 {
        let refused = refused(frames, K::KIND);
        let text = format!(
            "cannot send: the message has {frames} frames, those of a {} have one",
            K::KIND
        );
        assert_eq!(refused.to_string(), text);
        assert_eq!(socket.send(multipart(frames)).await, Err(refused.clone()));
        assert_eq!(refused.clone().into_message(), multipart(frames));
        let tried = socket.try_send(multipart(frames));
        assert_eq!(tried, Err(TrySendError::from(refused.clone())));
        assert_eq!(
            tried.expect_err("it is refused").into_message(),
            multipart(frames)
        );
        let limit = std::time::Duration::from_secs(3600);
        assert_eq!(
            socket.send_timeout(multipart(frames), limit).await,
            Err(SendTimeoutError::from(refused.clone()))
        );
        let permit = socket.reserve().await?;
        assert_eq!(permit.send(multipart(frames)), Err(refused.clone()));
        let mut sink = socket.sink();
        assert_eq!(Pin::new(&mut sink).start_send(multipart(frames)), Err(refused));
    }
    assert_eq!(socket.stats().outgoing.accepted.messages, 0);
    // Each of those gave back what it had.
    socket.send("one").await?;
    until(|| socket.stats().outgoing.handed_over.messages == 1).await;
    Ok(())
}

async fn a_message_of_several_frames_is_refused_by_those_who_name_their_peers(at: Transport) -> Outcome {
    let (server, client) = (Server::new(), Client::new());
    client.connect(&at.bind(&server).await?)?;
    client.send("hello").await?;
    let (from, _) = server.recv_from().await?;
    named(&server, from).await?;
    server.send_to(from, "one").await?;
    assert_eq!(client.recv().await?, "one");

    let (here, there) = (PeerSocket::new(), PeerSocket::new());
    let number = here.connect_peer(&at.bind(&there).await?)?;
    named(&here, number).await?;
    here.send_to(number, "one").await?;
    assert_eq!(there.recv_from().await?.1, "one");
    Ok(())
}

async fn named<K: Numbers>(socket: &Socket<K>, to: PeerId) -> Outcome {
    for frames in 2..5 {
        let refused = refused(frames, K::KIND);
        assert_eq!(socket.send_to(to, multipart(frames)).await, Err(refused.clone()));
        assert_eq!(socket.try_send_to(to, multipart(frames)), Err(refused.into()));
    }
    assert_eq!(socket.stats().outgoing.accepted.messages, 0);
    Ok(())
}

async fn a_scatter_deals_out_in_turn(at: Transport) -> Outcome {
    let scatter = Scatter::new();
    let mut gathers = Vec::new();
    for _ in 0..3 {
        let gather = Gather::new();
        scatter.connect(&at.bind(&gather).await?)?.await?;
        gathers.push(gather);
    }
    for number in 0..9 {
        scatter.send(numbered(number, 8)).await?;
    }
    for round in 0..3 {
        for (turn, gather) in (0..).zip(&gathers) {
            assert_eq!(number_of(&gather.recv().await?), 3 * round + turn);
        }
    }
    Ok(())
}

async fn a_gather_collects_in_turn(at: Transport) -> Outcome {
    let gather = Gather::new();
    let place = at.bind(&gather).await?;
    let names = ["a", "b", "c"];
    let mut scatters = Vec::new();
    for (name, messages) in names.into_iter().zip([100, 4, 4]) {
        let scatter = Scatter::new();
        scatter.connect(&place)?;
        for _ in 0..messages {
            scatter.send(name).await?;
        }
        scatters.push(scatter);
    }
    until(|| gather.stats().incoming.queued.messages == 108).await;
    for _ in 0..4 {
        let mut turn = Vec::new();
        for _ in names {
            turn.push(text(&gather.recv().await?));
        }
        turn.sort();
        assert_eq!(turn, names);
    }
    let mut rest = Vec::new();
    while rest.len() < 96 {
        gather.recv_many(&mut rest, 50).await?;
    }
    assert!(rest.iter().all(|message| message == "a"));
    Ok(())
}

async fn a_client_deals_out_in_turn(at: Transport) -> Outcome {
    let client = Client::new();
    let mut servers = Vec::new();
    for _ in 0..3 {
        let server = Server::new();
        client.connect(&at.bind(&server).await?)?.await?;
        servers.push(server);
    }
    for number in 0..9 {
        client.send(numbered(number, 8)).await?;
    }
    for round in 0..3 {
        for (turn, server) in (0..).zip(&servers) {
            let (from, message) = server.recv_from().await?;
            assert_eq!(number_of(&message), 3 * round + turn);
            server.send_to(from, message).await?;
        }
    }
    let mut answers = Vec::new();
    for _ in 0..9 {
        answers.push(number_of(&client.recv().await?));
    }
    answers.sort();
    assert_eq!(answers, (0..9).collect::<Vec<_>>());
    Ok(())
}

async fn without_a_peer_a_send_waits(at: Transport) -> Outcome {
    let scatter = Scatter::new();
    assert!(matches!(scatter.try_send("early"), Err(TrySendError::Full(_))));
    let place = at.bind(&scatter).await?;
    let sending = spawn({
        let scatter = scatter.clone();
        async move { scatter.send("patient").await }
    });
    yield_now().await;
    assert!(!sending.is_finished());
    let gather = Gather::new();
    gather.connect(&place)?;
    sending.await??;
    assert_eq!(gather.recv().await?, "patient");
    let client = Client::new();
    assert!(polled(client.send("nobody is there"), 3).await.is_none());
    Ok(())
}

async fn a_connecting_endpoint_has_its_queue_before_there_is_a_peer(at: Transport) -> Outcome {
    let (place, scatter, gather) = (at.place(), Scatter::new(), Gather::new());
    scatter.connect(&place)?;
    for number in 0..10 {
        scatter.send(numbered(number, 8)).await?;
    }
    gather.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&gather.recv().await?), number);
    }

    let (place, client, server) = (at.place(), Client::new(), Server::new());
    client.connect(&place)?;
    for number in 0..10 {
        client.send(numbered(number, 8)).await?;
    }
    server.bind(&place).await?;
    for number in 0..10 {
        assert_eq!(number_of(&server.recv_from().await?.1), number);
    }
    let immediate = Client::builder().immediate(true).build()?;
    immediate.connect(at.place())?;
    assert!(matches!(immediate.try_send("early"), Err(TrySendError::Full(_))));
    Ok(())
}

async fn messages_of_every_size_arrive_as_they_went(at: Transport) -> Outcome {
    let (one, other) = (Channel::new(), Channel::new());
    other.connect(&at.bind(&one).await?)?;
    let (server, client) = (Server::new(), Client::new());
    client.connect(&at.bind(&server).await?)?;
    for size in [0, 1, 32, 33, 255, 256, 8 << 10, 32 << 10, 300 << 10, 3 << 20] {
        let body = vec![size as u8; size];
        for owned in [false, true] {
            match owned {
                false => one.send(&body[..]).await?,
                true => one.send(bytes::Bytes::from(body.clone())).await?,
            }
            assert!(other.recv().await? == body[..], "{size} bytes");
        }
        client.send(&body[..]).await?;
        let (from, message) = server.recv_from().await?;
        assert!(message == body[..], "{size} bytes");
        server.send_to(from, message).await?;
        assert!(client.recv().await? == body[..], "{size} bytes back");
    }
    Ok(())
}
