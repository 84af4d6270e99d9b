//! Handshakes, command by command.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::auth::Applicant;
use super::*;
use crate::frame::Header;
use crate::socket_kind::SocketKind;
use crate::wire::metadata;

/// What a side says of itself.
pub(super) fn introduction(kind: SocketKind) -> Vec<u8> {
    metadata::encode(kind, b"", &[])
}

/// Asks an authenticator of which the answer is there at once.
pub(super) fn decide(mechanism: &Mechanism, credentials: Credentials) -> Verdict {
    let applicant = Applicant {
        endpoint: "tcp://10.0.0.2:5555".parse().expect("an endpoint"),
        address: "10.0.0.1:49153".into(),
        process: None,
        mechanism: mechanism.name(),
        domain: mechanism.domain_name().clone(),
        routing_id: Bytes::new(),
        credentials,
    };
    let mut deciding = mechanism.gate().expect("somebody decides").ask(applicant);
    match deciding.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(verdict) => verdict,
        Poll::Pending => panic!("the answer is not there"),
    }
}

/// One side of a handshake, which stands still at a question.
pub(super) struct Side {
    mechanism: Mechanism,
    kind: SocketKind,
    progress: Option<Progress>,
    /// Frames that it has said and nobody has heard.
    pub(super) said: Vec<u8>,
}

impl Side {
    pub(super) fn new(mechanism: Mechanism, kind: SocketKind) -> Self {
        let mut said = Vec::new();
        mechanism.greet(&introduction(kind), &mut said);
        let entropy: Vec<u8> = (0..mechanism.entropy()).map(|i| i as u8 + kind as u8).collect();
        let progress = mechanism.start(&entropy, &mut said).expect("there is randomness");
        let progress = Some(progress);
        Self {
            mechanism,
            kind,
            progress,
            said,
        }
    }

    /// Hears the body of one command.
    pub(super) fn hear(&mut self, body: &[u8]) -> Result<(), ProtocolError> {
        let Some(Progress::Await(handshake)) = self.progress.take() else {
            panic!("it awaits no command");
        };
        let ours = introduction(self.kind);
        let progress = Command::decode(body)
            .and_then(|command| handshake.handle_command(command, &ours, &mut self.said))?;
        self.progress = Some(progress);
        Ok(())
    }

    /// Has the question decided that it stands at, if it does.
    pub(super) fn decide(&mut self) -> Result<(), ProtocolError> {
        match self.progress.take() {
            Some(Progress::Ask(handshake, credentials)) => {
                let verdict = decide(&self.mechanism, credentials);
                let ours = introduction(self.kind);
                self.progress = Some(handshake.handle_verdict(verdict, &ours, &mut self.said)?);
            }
            other => self.progress = other,
        }
        Ok(())
    }

    pub(super) fn outcome(&self) -> Option<&Outcome> {
        match &self.progress {
            Some(Progress::Done(outcome)) => Some(outcome),
            _ => None,
        }
    }

    /// How it spells frames from here on.
    #[cfg(feature = "curve")]
    pub(super) fn into_spelling(self) -> Box<dyn Spelling> {
        match self.progress {
            Some(Progress::Done(outcome)) => outcome.spelling.expect("it is CURVE"),
            other => panic!("it is not done: {other:?}"),
        }
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        match &self.progress {
            Some(Progress::Ask(_, credentials)) => Some(credentials),
            _ => None,
        }
    }

    /// What it makes of it when the other side closes now.
    pub(super) fn explain_end(&self) -> Option<ProtocolError> {
        match &self.progress {
            Some(Progress::Await(handshake)) => handshake.explain_end(),
            _ => None,
        }
    }

    /// The first frame that it has said and nobody has heard: its body.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        let header = Header::decode(&self.said)?;
        let whole = header.len + header.size as usize;
        let rest = self.said.split_off(whole);
        let frame = std::mem::replace(&mut self.said, rest);
        Some(frame[header.len..].to_vec())
    }
}

/// Lets two sides talk until neither has more to say: who refused, and why.
pub(super) fn talk(one: &mut Side, other: &mut Side) -> Result<(), (&'static str, ProtocolError)> {
    loop {
        one.decide().map_err(|error| ("one", error))?;
        other.decide().map_err(|error| ("other", error))?;
        if let Some(body) = one.next() {
            other.hear(&body).map_err(|error| ("other", error))?;
        } else if let Some(body) = other.next() {
            one.hear(&body).map_err(|error| ("one", error))?;
        } else {
            return Ok(());
        }
    }
}

#[test]
fn null_asks_nobody_and_says_ready_unasked() {
    let (mut push, mut pull) = (
        Side::new(Mechanism::default(), SocketKind::Push),
        Side::new(Mechanism::default(), SocketKind::Pull),
    );
    assert!(!push.said.is_empty() && push.credentials().is_none());
    talk(&mut push, &mut pull).expect("both are fine");
    let outcome = push.outcome().expect("it is done");
    assert_eq!(outcome.metadata.socket_type.as_deref(), Some(&b"PULL"[..]));
    assert_eq!(outcome.admission, Admission::default());
}

#[test]
fn null_with_somebody_who_decides_says_nothing_before_that() {
    let guarded = Null::server(async |_: Applicant| Verdict::accept_as("root").property("X-Door", "back"));
    let (mut pull, mut push) = (
        Side::new(guarded, SocketKind::Pull),
        Side::new(Mechanism::default(), SocketKind::Push),
    );
    assert!(pull.said.is_empty() && matches!(pull.credentials(), Some(Credentials::None)));
    talk(&mut pull, &mut push).expect("both are fine");
    let admission = &pull.outcome().expect("it is done").admission;
    assert_eq!(admission.user_id.as_deref(), Some("root"));
    assert!(push.outcome().is_some());
}

#[test]
fn what_is_decided_comes_before_what_a_peer_says_of_itself() {
    let Ok(admission) = Verdict::accept_as("ann")
        .property("X-Role", "admin")
        .into_admission()
    else {
        panic!("it is let in");
    };
    let said = [("x-role", "root"), ("X-Room", "7"), ("x-room", "8")];
    let said = said.map(|(name, value)| (name.to_owned(), Bytes::from(value)));
    let known = admission.and(said.to_vec());
    let shown: Vec<_> = known
        .iter()
        .map(|(name, value)| (name.as_str(), &value[..]))
        .collect();
    assert_eq!(
        shown,
        [
            ("User-Id", &b"ann"[..]),
            ("X-Role", b"admin"),
            ("X-Room", b"7"),
            ("x-room", b"8"),
        ]
    );
}

#[test]
fn each_verdict_has_its_status() {
    for (verdict, status) in [
        (Verdict::refuse("why"), 400),
        (Verdict::not_now("why"), 300),
        (Verdict::fail("why"), 500),
    ] {
        let error = verdict
            .property("X-Ignored", "")
            .into_admission()
            .expect_err("it may not enter");
        assert_eq!(
            error.to_string(),
            format!("the peer was not let in ({status}): why")
        );
    }
}

#[test]
fn what_an_authenticator_says_forges_no_line_in_a_log() {
    let verdict = Verdict::refuse("no user m\u{fc}ller\nlet in: eve\x1b[31m");
    let error = verdict.into_admission().expect_err("it may not enter");
    let shown = error.to_string();
    assert_eq!(
        shown,
        "the peer was not let in (400): no user m\u{fc}ller\\nlet in: eve\\u{1b}[31m"
    );
}

#[test]
fn secrets_are_never_shown() {
    let password = auth::Password::new(b"hunter2");
    let credentials = Credentials::Plain {
        username: "ann\n".into(),
        password: password.clone(),
    };
    let shown = [
        format!("{:?}", Plain::client("ann", "hunter2")),
        format!("{:?}", PlainUsers::new().with("ann", "hunter2")),
        format!("{credentials:?}"),
        format!("{password:?}"),
    ];
    for shown in shown {
        assert!(!shown.contains("hunter2") && !shown.contains('\n'), "{shown}");
    }
    assert!(password.matches("hunter2") && !password.matches("hunter3") && !password.matches("hunter22"));
}
