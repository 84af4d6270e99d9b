//! What the compiler must be able to prove of the public types, for programs to be written the way they are.

use std::time::Duration;

use hubless::{
    Builder, Closed, Connecting, Context, Datagram, Dish, Endpoint, Error, Event, Frame, Message, Messages,
    Monitor, Outgoing, Peer, Peers, Permit, Pub, Pull, Push, Radio, Rep, Req, Request, Stats, StreamEvent,
    StreamSocket, Sub, Subscribers, Unsent, XPub, XSub, kind,
};

fn goes_anywhere<T: Send + Sync>() {}
fn is_owned<T: Send + 'static>() {}
fn is_shared<T: Clone>() {}
fn needs_no_pin<T: Unpin>() {}
fn is_sent<T: Send>(_: &T) {}
fn becomes_any_error<T: Into<Error>>() {}

#[test]
fn sockets_and_what_they_hand_out_go_to_any_thread() {
    goes_anywhere::<(Push, Pull, Pub, Sub, Req, Rep)>();
    goes_anywhere::<(XPub, XSub, Radio, Dish, hubless::SlowPolicy)>();
    goes_anywhere::<(StreamSocket, StreamEvent, Datagram)>();
    goes_anywhere::<(
        Peer,
        Peers,
        Stats,
        Event,
        Endpoint,
        Context,
        Message,
        Frame,
        Unsent,
    )>();
    goes_anywhere::<(Subscribers, Builder<kind::Push>, Error)>();
    is_owned::<(Connecting, Monitor, Request, Peers, Subscribers)>();
}

#[test]
fn all_sockets_but_req_are_shared_by_cloning() {
    is_shared::<(Push, Pull, Pub, Sub, Rep, XPub, XSub, Radio, Dish)>();
    is_shared::<(StreamSocket, StreamEvent, Datagram)>();
    is_shared::<(Peer, Peers, Subscribers, Endpoint, Context, Message, Frame, Event)>();
}

#[test]
fn streams_sinks_and_the_futures_of_messages_need_no_pin() {
    needs_no_pin::<(
        Messages<'_, kind::Pull>,
        Outgoing<'_, kind::Push>,
        Monitor,
        Connecting,
        Permit<'_, kind::Push>,
    )>();
    let (push, pull, mut req, rep) = (Push::new(), Pull::new(), Req::new(), Rep::new());
    fn unpinned(_: &(impl Future + Send + Unpin)) {}
    unpinned(&push.send("x"));
    unpinned(&pull.recv());
    unpinned(&req.request("x"));
    unpinned(&rep.recv_request());
}

#[test]
fn every_future_can_be_spawned() {
    let (push, pull, subscriber, publisher) = (Push::new(), Pull::new(), Sub::new(), Pub::new());
    let endpoint: Endpoint = "inproc://somewhere".parse().expect("an endpoint");
    let mut many = Vec::new();
    is_sent(&push.bind("inproc://here"));
    is_sent(&push.unbind(&endpoint));
    is_sent(&push.disconnect(&endpoint));
    is_sent(&push.send_timeout("x", Duration::ZERO));
    is_sent(&push.reserve());
    is_sent(&pull.recv_from());
    is_sent(&pull.recv_many(&mut many, 1));
    is_sent(&pull.recv_timeout(Duration::ZERO));
    let (radio, dish) = (Radio::new(), Dish::new());
    is_sent(&radio.send_to("group", "x"));
    is_sent(&dish.recv_from());
    is_sent(&dish.recv_from_timeout(Duration::ZERO));
    is_sent(&dish.joined());
    is_sent(&XPub::new().recv_from());
    is_sent(&XSub::new().send("x"));
    is_sent(&subscriber.subscribed());
    is_sent(&publisher.subscribers().at_least(1));
    is_sent(&push.peers().at_least(1));
    is_sent(&push.close());
}

#[test]
fn every_error_becomes_the_one_of_the_crate() {
    becomes_any_error::<hubless::BuildError>();
    becomes_any_error::<hubless::BindError>();
    becomes_any_error::<hubless::EndpointError>();
    becomes_any_error::<hubless::ConnectError>();
    becomes_any_error::<hubless::ParseEndpointError>();
    becomes_any_error::<hubless::ProtocolError>();
    becomes_any_error::<hubless::SendError>();
    becomes_any_error::<hubless::TrySendError>();
    becomes_any_error::<hubless::SendTimeoutError>();
    becomes_any_error::<hubless::RequestError>();
    becomes_any_error::<hubless::RecvError>();
    becomes_any_error::<hubless::TryRecvError>();
    becomes_any_error::<hubless::FrameCountError>();
    becomes_any_error::<hubless::NoFrames>();
    becomes_any_error::<hubless::GroupTooLong>();
    becomes_any_error::<Closed>();
    becomes_any_error::<Unsent>();
}
