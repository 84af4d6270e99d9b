//! The texts are part of the interface: people search for them.

use std::io;

use super::*;
use crate::endpoint::Endpoint;
use crate::frame::Run;
use crate::message::Message;

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

fn bind_error(source: io::Error) -> String {
    BindError::Io {
        endpoint: endpoint("tcp://10.0.0.1:80"),
        source,
    }
    .to_string()
}

#[test]
#[cfg(target_os = "linux")]
fn what_the_system_says_is_said_in_our_style() {
    for (errno, text) in [
        (13, "permission denied"),
        (98, "address already in use"),
        (24, "too many open files"),
    ] {
        let error = bind_error(io::Error::from_raw_os_error(errno));
        assert_eq!(error, format!("cannot bind tcp://10.0.0.1:80: {text}"));
    }
    assert_eq!(
        bind_error(io::ErrorKind::AddrInUse.into()),
        "cannot bind tcp://10.0.0.1:80: address in use"
    );
    assert_eq!(
        bind_error(io::Error::other("TLS failed")),
        "cannot bind tcp://10.0.0.1:80: TLS failed"
    );
}

#[test]
fn every_contradiction_is_named() {
    assert_eq!(BuildError::unless_none(vec![]), Ok(()));
    let found = vec![
        Contradiction::new(["send_hwm"], "is 0"),
        Contradiction::new(["a", "b", "c"], "exclude each other"),
    ];
    let error = BuildError::unless_none(found).expect_err("two were found");
    assert_eq!(
        error.to_string(),
        "cannot build the socket: `send_hwm`: is 0; `a`, `b` and `c`: exclude each other"
    );
    assert_eq!(error.contradictions()[1].options(), ["a", "b", "c"]);
}

#[test]
fn whoever_was_given_a_message_gives_it_back() {
    let message = || Message::from(("a", "b"));
    let errors = || {
        [
            SendError::Closed(message()),
            SendError::TooLarge {
                message: message(),
                size: 2,
                limit: 1,
            },
            SendError::TooManyFrames {
                message: message(),
                frames: 2,
                limit: 1,
            },
            SendError::NoRoute(message()),
        ]
    };
    for error in errors() {
        let same = TrySendError::from(error.clone());
        assert_eq!(same.to_string(), error.to_string());
        assert_eq!(same.into_message(), message());
        let same = SendTimeoutError::from(error.clone());
        assert_eq!(same.to_string(), error.to_string());
        assert_eq!(same.into_message(), message());
        let same = RequestError::from(error.clone());
        assert_eq!(same.to_string(), error.to_string());
        assert_eq!(same.into_message(), Some(message()));
        assert_eq!(error.into_message(), message());
    }
    assert_eq!(SendTimeoutError::Timeout(message()).into_message(), message());
    assert_eq!(TrySendError::Full(message()).into_message(), message());
}

#[test]
fn what_was_not_sent_is_told_by_endpoint_and_can_be_had() {
    let queue = |texts: &[&str]| {
        let mut run = Run::default();
        texts
            .iter()
            .for_each(|&text| Message::from(text).encode(&mut run, usize::MAX));
        run
    };
    let at = |port: u16| endpoint(&format!("tcp://10.0.0.1:{port}"));
    assert_eq!(Unsent::unless_empty([(at(1), Run::default())]), Ok(()));

    let unsent = Unsent::unless_empty([
        (at(1), queue(&["one", "two"])),
        (at(2), Run::default()),
        (at(3), queue(&["three"])),
    ])
    .expect_err("three are left");
    assert_eq!(
        unsent.to_string(),
        "3 messages were not sent: 2 to tcp://10.0.0.1:1, 1 to tcp://10.0.0.1:3"
    );
    assert_eq!(
        (unsent.messages(), unsent.bytes(), unsent.by_endpoint().len()),
        (3, 11, 2)
    );
    let messages: Vec<_> = unsent.into_messages().collect();
    assert_eq!(messages, ["one", "two", "three"]);

    let unsent =
        Unsent::unless_empty((1..=5).map(|port| (at(port), queue(&["x"])))).expect_err("five are left");
    assert!(
        unsent
            .to_string()
            .ends_with("1 to tcp://10.0.0.1:3 and others to 2 more"),
        "{unsent}"
    );
}

#[test]
fn a_lost_connection_says_whether_the_request_may_have_arrived() {
    let lost = |sent, message| RequestError::ConnectionLost {
        endpoint: endpoint("tcp://10.0.0.1:80"),
        sent,
        message,
    };
    assert_eq!(
        lost(true, None).to_string(),
        "cannot complete the request: the connection to tcp://10.0.0.1:80 was lost before the answer came"
    );
    let error = lost(false, Some(Message::from("again")));
    assert!(
        error
            .to_string()
            .ends_with("was lost before the request was sent")
    );
    assert_eq!(error.into_message(), Some("again".into()));
}

#[test]
fn errors_are_small_enough_to_be_returned_by_value() {
    assert!(
        size_of::<SendError>() <= 64 && size_of::<Error>() <= 80,
        "{}",
        size_of::<Error>()
    );
}
