//! STREAM and DGRAM with libzmq's: sockets that speak no ZMTP, and what each makes of the other's bytes.

use hubless::{Datagram, Dish, Message, Peer, Radio, SocketKind, StreamEvent, StreamSocket};
use peers::libzmq::{Msg, SocketType, Wait};

use crate::meeting::{Meeting, everywhere};
use crate::other::OtherSocket;

mod libzmq {
    super::everywhere! {
        crate::libzmq::Libzmq,
        bytes_go_both_ways
        an_end_from_there_is_heard_here
        an_end_from_here_is_heard_there
    }
}

/// Both have come, and know of each other: theirs by an id of five bytes, the first of them 0.
async fn met<O: OtherSocket>(meeting: &Meeting) -> (StreamSocket, Peer, O, Vec<u8>) {
    let ours = StreamSocket::new();
    let mut other: O = meeting.of(&ours, SocketKind::Stream).await;
    let (peer, event) = ours.recv_from().await.expect("it is open");
    assert_eq!(event, StreamEvent::Connected);
    let came = other.recv().await;
    let id = came.frame(0).unwrap_or_default().to_vec();
    assert_eq!((id.len(), id.first()), (5, Some(&0)));
    assert_eq!(came.frame(1), Some(&b""[..]));
    (ours, peer, other, id)
}

/// So many bytes of this peer, in pieces of any size.
pub(crate) async fn heard_here(ours: &StreamSocket, peer: &Peer, size: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < size {
        match ours.recv_from().await.expect("it is open") {
            (from, StreamEvent::Data(piece)) if from == *peer => heard.extend_from_slice(&piece),
            other => panic!("expected bytes of {peer}, found {other:?}"),
        }
    }
    heard
}

/// The same there, where each piece stands behind the id of our end.
pub(crate) async fn heard_there(mut recv: impl AsyncFnMut() -> Message, id: &[u8], size: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < size {
        let message = recv().await;
        assert_eq!(message.frame(0), Some(id));
        heard.extend_from_slice(message.frame(1).expect("bytes"));
    }
    heard
}

async fn bytes_go_both_ways<O: OtherSocket>(meeting: Meeting) {
    let (ours, peer, mut other, id) = met::<O>(&meeting).await;
    for size in [1, 5, 255, 256, 8192, 8193, 300_000] {
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        ours.send_to(&peer, &bytes).await.expect("it is there");
        let got = heard_there(async || other.recv().await, &id, size).await;
        assert!(got == bytes, "{size} bytes from us");

        other.send(Message::from((&id[..], bytes.clone()))).await;
        let got = heard_here(&ours, &peer, size).await;
        assert!(got == bytes, "{size} bytes from them");
    }
}

async fn an_end_from_there_is_heard_here<O: OtherSocket>(meeting: Meeting) {
    let (ours, peer, mut other, id) = met::<O>(&meeting).await;
    other.send((&id[..], "")).await;
    let (from, event) = ours.recv_from().await.expect("it is open");
    assert_eq!((from, event), (peer, StreamEvent::Disconnected));
}

async fn an_end_from_here_is_heard_there<O: OtherSocket>(meeting: Meeting) {
    let (ours, peer, mut other, id) = met::<O>(&meeting).await;
    ours.send_to(&peer, "last words").await.expect("it is there");
    assert!(ours.close_peer(&peer));
    assert_eq!(other.recv().await, Message::from((&id[..], "last words")));
    assert_eq!(other.recv().await, Message::from((&id[..], "")));
    let (from, event) = ours.recv_from().await.expect("it is open");
    assert_eq!((from, event), (peer, StreamEvent::Disconnected));
}

/// A place that nobody else is given as long as it is held, though sockets that reuse addresses could be bound there.
fn udp_place() -> (std::net::UdpSocket, String) {
    let held = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let at = held.local_addr().expect("it is bound").to_string();
    (held, at)
}

/// libzmq's DGRAM takes the address for a first frame, and gives it back with the zero that ends it in C.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_go_both_ways() {
    let ours = Datagram::new();
    let endpoint = ours.bind("udp://127.0.0.1:0").await.expect("a free port");
    let at = endpoint.as_str().trim_start_matches("udp://").to_owned();
    // It does not say which port it was given: it must be told one.
    let (held, theirs) = udp_place();
    drop(held);
    let mut other = crate::libzmq::Libzmq::new(SocketKind::Dgram);
    other.bind(&format!("udp://{theirs}")).await;
    for size in [0, 1, 1400, 8000] {
        let data = vec![7; size];
        other.send(Message::from((at.clone(), data.clone()))).await;
        let (from, got) = ours.recv_from().await.expect("it is open");
        assert_eq!((from.to_string(), got.len()), (theirs.clone(), size));
        ours.send_to(from, data.clone()).await.expect("it is open");
        let got = other.recv().await;
        assert_eq!(got.frame(0), Some(format!("{at}\0").as_bytes()));
        assert_eq!(got.frame(1), Some(&data[..]));
    }
    other.close().await;
}

/// As their RADIO sends it, their DISH hears it, over UDP: the group's length, the group, the body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_in_a_group_by_udp_is_heard() {
    let ours = Dish::new();
    ours.join("news").expect("a short name");
    let at_ours = ours.bind("udp://127.0.0.1:0").await.expect("a free port");
    let (held, theirs) = udp_place();
    drop(held);
    let (tell, told) = tokio::sync::oneshot::channel();
    let (we_heard, they_heard) = std::sync::mpsc::channel();
    let at_theirs = format!("udp://{theirs}");
    let other = tokio::task::spawn_blocking({
        let at_theirs = at_theirs.clone();
        move || {
            let context = peers::libzmq::Context::new();
            let dish = context.socket(SocketType::Dish)?;
            dish.bind(&at_theirs)?;
            dish.join("news")?;
            let _ = tell.send(());
            let radio = context.socket(SocketType::Radio)?;
            radio.connect(at_ours.as_str())?;
            for (group, body) in [("olds", "not heard"), ("news", "from there")] {
                let mut message = Msg::copy_of(body.as_bytes())?;
                message.set_group(group)?;
                radio.send_msg(&mut message, Wait::Yes)?;
            }
            let mut heard = Msg::new();
            dish.wait_readable(crate::DEADLINE)?;
            dish.recv_into(&mut heard, Wait::No)?;
            // What its RADIO has not sent yet would go with it.
            let _ = they_heard.recv_timeout(crate::DEADLINE);
            Ok::<_, peers::libzmq::Error>((heard.group(), heard.bytes().to_vec()))
        }
    });
    told.await.expect("it is bound");
    let radio = Radio::new();
    radio
        .connect(at_theirs.as_str())
        .expect("an endpoint")
        .await
        .expect("it has an address");
    // libzmq's `bind` returns before its I/O thread has opened the socket, and what comes earlier is lost.
    let sending = tokio::spawn(async move {
        loop {
            radio.send_to("olds", "not heard").await.expect("it is open");
            radio.send_to("news", "from here").await.expect("it is open");
            tokio::task::yield_now().await;
        }
    });
    let (group, body) = ours.recv_from().await.expect("it is open");
    assert_eq!((group, body), ("news".into(), "from there".into()));
    let _ = we_heard.send(());
    let heard = other
        .await
        .expect("it does not panic")
        .expect("libzmq does as it is told");
    assert_eq!(heard, ("news".to_owned(), b"from here".to_vec()));
    sending.abort();
}
