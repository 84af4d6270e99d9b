//! A whole connection: any bytes, cut anywhere, against a session of any kind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

use super::input::{Input, pieces};
use super::wire::is_fit_for_a_log;
use crate::error::ProtocolError;
use crate::frame;
use crate::mechanism::auth::{Applicant, Credentials, Verdict};
use crate::mechanism::curve::forge;
use crate::mechanism::{Curve, Mechanism, Null, Plain, PlainUsers};
use crate::runtime;
use crate::session::{Heartbeat, Session, SessionConfig, SessionEvent};
use crate::socket_kind::SocketKind;
use crate::wire::decoder::{Decoder, Limits, Step};
use crate::wire::spelling::Taken;

/// All that can be seen of a session from outside.
#[derive(Debug, Default, PartialEq, Eq)]
struct Story {
    events: Vec<SessionEvent>,
    /// What it said.
    said: Vec<u8>,
    /// Whole messages of the peer, as plain frames.
    messages: Vec<u8>,
    /// Bytes that nothing has come of yet, as long as something may.
    left: Vec<u8>,
    error: Option<ProtocolError>,
}

/// The most bytes of a story: less than what may wait for a verdict, so that cuts make no difference.
const LONGEST: usize = 8 * 1024;

/// The same bytes make the same story, however they are cut; and none before it is told.
pub fn session(data: &[u8]) {
    let mut input = Input::new(data);
    let config = Arc::new(config(&mut input));
    let cuts = input.cuts();
    let stream = input.take(LONGEST);
    let now = runtime::now();
    let whole = play(&config, now, [stream].into_iter());
    let cut = play(&config, now, pieces(stream, &cuts));
    assert_eq!(whole, cut);
    if let Some(error) = &whole.error {
        is_fit_for_a_log(error);
    }
    let is_established = |event: &SessionEvent| matches!(event, SessionEvent::Established(_));
    let is_before_it = |event: &SessionEvent| matches!(event, SessionEvent::Ask(_) | SessionEvent::Invited);
    let established = whole.events.iter().position(is_established);
    match established {
        None => assert!(whole.messages.is_empty(), "nothing of a stranger is delivered"),
        Some(at) => assert!(at == 0 || at == 1 && is_before_it(&whole.events[0])),
    }
}

fn config(input: &mut Input<'_>) -> SessionConfig {
    let kind = input.choose(&SocketKind::ALL);
    let mechanism = match input.byte() % 6 {
        0 => Mechanism::default(),
        1 => Null::server(async |_: Applicant| Verdict::accept()),
        2 => Plain::server(PlainUsers::new()),
        3 => Plain::client("ann", "pw"),
        4 => Curve::server(forge::server()).allow([forge::client().public_key()]),
        _ => Curve::client(forge::server().public_key(), forge::client()),
    };
    let knobs = input.byte();
    SessionConfig {
        kind,
        routing_id: match knobs & 1 {
            0 => Bytes::new(),
            _ => Bytes::from_static(b"me"),
        },
        properties: Vec::new(),
        // The builder sees to it that nobody who asks for security speaks with whom has none.
        legacy: knobs & 2 != 0 && mechanism.is_open(),
        mechanism,
        handshake_timeout: Some(Duration::from_secs(10)),
        heartbeat: (knobs & 4 != 0).then(|| Heartbeat::every(Duration::from_secs(1))),
        raw: None,
    }
}

fn play<'a>(config: &Arc<SessionConfig>, now: Instant, stream: impl Iterator<Item = &'a [u8]>) -> Story {
    let mut play = Play {
        session: Session::new(config.clone(), now).with_entropy(Zeroizing::new(forge::entropy())),
        decoder: Decoder::new(Limits {
            message_size: 1000,
            message_frames: 3,
        }),
        now,
        input: BytesMut::new(),
        plain: BytesMut::new(),
        story: Story::default(),
    };
    for piece in stream {
        play.input.extend_from_slice(piece);
        if let Err(error) = play.go_on() {
            play.story.error = Some(error);
            break;
        }
    }
    play.end()
}

struct Play {
    session: Session,
    decoder: Decoder,
    now: Instant,
    input: BytesMut,
    /// Frames of the peer where it does not spell them plainly.
    plain: BytesMut,
    story: Story,
}

impl Play {
    /// As the driver does it.
    fn go_on(&mut self) -> Result<(), ProtocolError> {
        self.session.handle_read(self.now);
        let mut handled = self.session.handle_bytes(self.now, &mut self.input);
        self.listen();
        while let (Ok(()), Some(SessionEvent::Ask(credentials))) = (&handled, self.story.events.last()) {
            let verdict = verdict(credentials);
            handled = self.session.handle_verdict(self.now, verdict);
            self.listen();
            if handled.is_ok() {
                handled = self.session.handle_bytes(self.now, &mut self.input);
                self.listen();
            }
            if self.story.events.len() == 1 {
                break;
            }
        }
        handled?;
        if !self.session.is_established() {
            return Ok(());
        }
        loop {
            let is_spelled = self.session.spelling().is_some();
            if is_spelled {
                self.make_plain()?;
            }
            let input = match is_spelled {
                true => &mut self.plain,
                false => &mut self.input,
            };
            match self.decoder.step(input, usize::MAX)? {
                Step::Messages { len, .. } => self.story.messages.extend_from_slice(&input.split_to(len)),
                Step::Command { header, len } => {
                    let command = input.split_to(len);
                    self.session.handle_command(self.now, &command[header..])?;
                }
                Step::Interleaved { at, header, len } => {
                    let behind = input.split_off(at);
                    input.extend_from_slice(&behind[len..]);
                    self.session.handle_command(self.now, &behind[header..len])?;
                }
                Step::Reserved { at } => input[at] &= frame::KNOWN,
                Step::Partial { .. } => return Ok(()),
            }
            self.listen();
        }
    }

    fn make_plain(&mut self) -> Result<(), ProtocolError> {
        let Some(spelling) = self.session.spelling() else {
            return Ok(());
        };
        // Only so much is opened at once as the decoder has room for: what is refused then does not depend on cuts.
        while self.plain.is_empty() {
            match spelling.take(&mut self.input, &mut self.plain, 2000)? {
                Taken::Whole => {}
                Taken::Partial { .. } => break,
            }
        }
        Ok(())
    }

    /// Takes what it has to say and to tell.
    fn listen(&mut self) {
        let said = std::mem::take(self.session.output());
        self.story.said.extend_from_slice(&said);
        while let Some(event) = self.session.poll_event() {
            self.story.events.push(event);
        }
    }

    /// Much later.
    fn end(mut self) -> Story {
        self.listen();
        if self.story.error.is_none() {
            self.story.left = [&self.plain[..], &self.input[..]].concat();
        }
        let later = self.now + Duration::from_secs(3600);
        let was_established = self.session.is_established();
        let ended = self.session.handle_timeout(later);
        if self.story.error.is_none() && !was_established {
            assert_eq!(ended, Err(ProtocolError::HandshakeTimeout));
        }
        self.story
    }
}

fn verdict(credentials: &Credentials) -> Verdict {
    match credentials {
        Credentials::Plain { username, password } if username == "ann" && password.matches("pw") => {
            Verdict::accept_as("ann")
        }
        Credentials::None => Verdict::accept(),
        _ => Verdict::refuse("no"),
    }
}
