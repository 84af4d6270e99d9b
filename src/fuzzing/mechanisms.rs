//! Handshakes with a peer that says what it likes, and traffic behind them.

use bytes::BytesMut;

use super::input::{Input, pieces};
use super::wire::is_fit_for_a_log;
use crate::error::ProtocolError;
use crate::frame::{self, COMMAND, Frames, Header, MORE};
use crate::mechanism::auth::{Applicant, Credentials, Verdict};
use crate::mechanism::curve::forge::{self, Forger};
use crate::mechanism::{Curve, Mechanism, Outcome, Plain, PlainUsers, Progress, zap};
use crate::wire::command::Command;
use crate::wire::spelling::{Spelling, Taken};
use crate::wire::v1;

/// What our side says of itself.
const METADATA: &[u8] = b"\x0BSocket-Type\0\0\0\x04PULL";

/// Our side of a handshake, and the promises that it keeps whatever it hears.
struct Side {
    mechanism: Mechanism,
    progress: Option<Progress>,
    /// Frames that it has said.
    said: Vec<u8>,
    /// What it asked about.
    shown: Vec<Credentials>,
}

impl Side {
    fn new(mechanism: Mechanism) -> Self {
        let mut said = Vec::new();
        let progress = mechanism
            .start(&forge::entropy(), &mut said)
            .expect("there is randomness");
        let progress = Some(progress);
        Self {
            mechanism,
            progress,
            said,
            shown: Vec::new(),
        }
    }

    /// The body of the last command that it has said.
    fn last(&self) -> Option<Command<'_>> {
        let (_, body) = Frames::new(&self.said).last()?;
        Some(Command::decode(body).expect("ours are well formed"))
    }

    fn last_body(&self) -> Vec<u8> {
        Frames::new(&self.said)
            .last()
            .map_or(Vec::new(), |(_, body)| body.to_vec())
    }

    /// Hears the body of one command. Who does not know what to do with it is done for good.
    fn hear(&mut self, body: &[u8]) {
        let Some(Progress::Await(handshake)) = self.progress.take() else {
            return;
        };
        let before = self.said.len();
        let heard = Command::decode(body)
            .and_then(|command| handshake.handle_command(command, METADATA, &mut self.said));
        match heard {
            Ok(progress) => self.progress = Some(progress),
            Err(error) => self.refuses(&error, before),
        }
        if let Some(Progress::Ask(_, credentials)) = &self.progress {
            assert_eq!(
                self.said.len(),
                before,
                "nothing is said before somebody has decided"
            );
            self.shown.push(credentials.clone());
            assert_eq!(self.shown.len(), 1, "a peer is decided about once");
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        match self.progress.take() {
            Some(Progress::Ask(handshake, _)) => {
                let before = self.said.len();
                match handshake.handle_verdict(verdict, METADATA, &mut self.said) {
                    Ok(progress) => self.progress = Some(progress),
                    Err(error) => self.refuses(&error, before),
                }
            }
            other => self.progress = other,
        }
    }

    fn refuses(&self, error: &ProtocolError, before: usize) {
        is_fit_for_a_log(error);
        assert_eq!(self.said.len(), before, "who refuses answers nothing");
        if let Some(told) = self.mechanism.tells(error) {
            assert!(!told.contains(char::is_control));
        }
    }

    fn awaits(&self) -> bool {
        matches!(self.progress, Some(Progress::Await(_)))
    }

    fn asks(&self) -> bool {
        matches!(self.progress, Some(Progress::Ask(..)))
    }

    fn into_outcome(self) -> Option<Outcome> {
        match self.progress {
            Some(Progress::Done(outcome)) => Some(outcome),
            _ => None,
        }
    }
}

/// What the users of our server are decided by.
fn decide(mechanism: &Mechanism, credentials: Credentials) -> Verdict {
    let applicant = Applicant {
        endpoint: "tcp://10.0.0.2:5555".parse().expect("an endpoint"),
        address: "10.0.0.1:49153".into(),
        process: None,
        mechanism: mechanism.name(),
        domain: mechanism.domain_name().clone(),
        routing_id: bytes::Bytes::new(),
        credentials,
    };
    let mut deciding = mechanism.gate().expect("somebody decides").ask(applicant);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match deciding.as_mut().poll(&mut context) {
        std::task::Poll::Ready(verdict) => verdict,
        std::task::Poll::Pending => panic!("a list has its answer at once"),
    }
}

/// PLAIN in both roles: the input is commands. Nobody enters without the password, and nobody is shown one's own metadata
/// before it has said what it must.
pub fn plain(data: &[u8]) {
    let mut input = Input::new(data);
    let is_server = input.byte() & 1 == 0;
    let mechanism = match is_server {
        true => Plain::server(PlainUsers::new().with("ann", "pw")),
        false => Plain::client("ann", "pw"),
    };
    let mut side = Side::new(mechanism.clone());
    while side.awaits() && !input.is_empty() {
        let body = input.chunk();
        side.hear(body);
        if side.asks() {
            side.decide(decide(&mechanism, side.shown[0].clone()));
        }
        match side.last() {
            Some(Command::Initiate(_)) => assert!(body == b"\x07WELCOME" || !side.awaits()),
            Some(Command::Ready(_)) => assert!(body.starts_with(b"\x08INITIATE")),
            _ => {}
        }
    }
    let shown = side.shown.clone();
    if let Some(outcome) = side.into_outcome() {
        assert!(outcome.spelling.is_none());
        if is_server {
            assert!(matches!(&shown[..], [Credentials::Plain { username, password }]
                    if username == "ann" && password.matches("pw")));
            assert_eq!(outcome.admission.user_id.as_deref(), Some("ann"));
        }
    }
}

/// CURVE in both roles: the input is what a peer seals that has all keys it needs. Nobody enters without a whole vouch.
pub fn curve(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let is_server = mode & 1 == 0;
    let (mechanism, forger) = match is_server {
        true => {
            let server = Curve::server(forge::server());
            let mechanism = match mode & 2 {
                0 => server.allow([forge::client().public_key()]),
                _ => server.allow_any(),
            };
            (mechanism, Forger::client())
        }
        false => (
            Curve::client(forge::server().public_key(), forge::client()),
            Forger::server(),
        ),
    };
    let mut side = Side::new(mechanism.clone());
    let (hello, mut cookie) = (side.last_body(), Vec::new());
    let mut steps = 0;
    while side.awaits() && !input.is_empty() && steps < 4 {
        steps += 1;
        let mut body = match (input.byte() % 6, is_server) {
            (0, _) => input.chunk().to_vec(),
            (1, true) => forger.hello([1, 0], steps, &[0; 64]),
            (2, true) => forger.hello([input.byte(), 0], u64::from(input.byte()), input.chunk()),
            (3, true) => forger.initiate(&cookie, steps, &[&forger.vouch(None), input.chunk()]),
            (4, true) => {
                let vouch = forger.vouch(Some(input.chunk()));
                forger.initiate(&cookie, u64::from(input.byte()), &[&vouch, input.chunk()])
            }
            (_, true) => forger.initiate(&cookie, steps, &[input.chunk()]),
            (1, false) => forger.welcome(&hello, None),
            (2, false) => forger.welcome(&hello, Some(input.chunk())),
            (_, false) => forger.ready(u64::from(input.byte()), input.chunk()),
        };
        // One bit of it, anywhere, may be another one.
        let spoilt = input.byte();
        if spoilt & 1 == 1 && !body.is_empty() {
            let bit = usize::from(u16::from_be_bytes([input.byte(), input.byte()])) % (body.len() * 8);
            body[bit / 8] ^= 1 << (bit % 8);
        }
        side.hear(&body);
        if side.asks() {
            let shown = side.shown[0].clone();
            assert_eq!(shown, Credentials::Curve(forge::client().public_key()));
            side.decide(decide(&mechanism, shown));
        }
        cookie = forger.cookie(&side.last_body()).unwrap_or(cookie);
    }
    let asked = !side.shown.is_empty();
    if let Some(outcome) = side.into_outcome() {
        assert_eq!(asked, is_server && mode & 2 == 0);
        let spelling = outcome.spelling.expect("traffic is sealed");
        traffic(&mut input, &forger, spelling);
    }
}

/// What a peer seals in traffic comes out as it was, in order, or not at all.
fn traffic(input: &mut Input<'_>, forger: &Forger, mut spelling: Box<dyn Spelling>) {
    let mut nonce = 10u64;
    let mut stream = BytesMut::new();
    while !input.is_empty() {
        let step = input.byte();
        let last = nonce;
        nonce = nonce.wrapping_add(u64::from(step >> 4)).wrapping_sub(1);
        let inner = input.chunk();
        let mut body = forger.message(nonce, inner);
        let is_spoilt = step & 1 == 1;
        if is_spoilt {
            let at = usize::from(input.byte()) % body.len();
            body[at] ^= 1 << ((step >> 1) % 8);
        }
        let mut sealed = Vec::new();
        frame::put_header(&mut sealed, 0, body.len());
        sealed.extend_from_slice(&body);
        stream.extend_from_slice(&sealed);
        let mut plain = BytesMut::new();
        match spelling.take(&mut stream, &mut plain, 100) {
            Ok(taken) => {
                assert_eq!(taken, Taken::Whole);
                assert!(!is_spoilt && nonce > last.min(nonce.saturating_sub(1)) && inner.len() <= 101);
                let frames: Vec<_> = Frames::new(&plain).collect();
                let [(header, body)] = frames[..] else {
                    panic!("one frame is one frame")
                };
                let flags = [0, MORE, COMMAND][usize::from(inner[0])];
                assert_eq!((header.flags & !frame::LONG, body), (flags, &inner[1..]));
            }
            Err(error) => return is_fit_for_a_log(&error),
        }
    }
}

/// A ZAP handler's reply: the input is its frames. Whatever is not a yes to the letter lets nobody in.
pub fn zap(data: &[u8]) {
    let mut input = Input::new(data);
    let mut reply = Vec::new();
    while !input.is_empty() {
        reply.push(input.chunk());
    }
    match zap::verdict(&reply).into_admission() {
        Ok(admission) => {
            assert_eq!((reply.len(), &reply[..3]), (6, &[&b"1.0"[..], b"1", b"200"][..]));
            assert_eq!(admission.user_id.unwrap_or_default().as_bytes(), reply[4]);
            let is_ours = |name: &str| ["user-id", "socket-type", "identity"].contains(&name);
            let mut names = admission
                .properties
                .iter()
                .map(|(name, _)| name.to_ascii_lowercase());
            assert!(!names.any(|name| is_ours(&name)));
        }
        Err(error) => {
            let is_refusal = matches!(
                error,
                ProtocolError::Denied {
                    status: 300 | 400 | 500,
                    ..
                }
            );
            assert!(is_refusal);
            is_fit_for_a_log(&error);
        }
    }
}

/// Frames that are not spelled as they are, sealed or of ZMTP 1.0: what is put is taken, however it is cut; and bytes of
/// chance are taken in one way only.
pub fn spelling(data: &[u8]) {
    let mut input = Input::new(data);
    let sealed = input.byte() & 1 == 1;
    let cuts = input.cuts();
    let (mut one, mut other): (Box<dyn Spelling>, Box<dyn Spelling>) = match sealed {
        true => {
            let (client, server) = forge::ciphers();
            (Box::new(client), Box::new(server))
        }
        false => (Box::new(v1::Framing), Box::new(v1::Framing)),
    };
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..input.byte() % 8 {
        let flags = input.choose(&[0, MORE, COMMAND]);
        let body = input.chunk();
        one.put(flags, body, &mut stream).expect("there are nonces left");
        // Version 1.0 has no commands.
        if sealed || flags != COMMAND {
            frame::put_header(&mut expected, flags, body.len());
            expected.extend_from_slice(body);
        }
    }
    let (plain, error) = take_all(&mut *other, &stream, &cuts);
    assert_eq!((&plain, error), (&expected, None));

    // And then anything.
    let noise = input.rest();
    if sealed {
        let (plain, _) = take_all(&mut *other, noise, &cuts);
        assert!(plain.is_empty(), "nobody seals by chance");
    } else {
        let found = take_all(&mut *other, noise, &cuts);
        assert_eq!(found, take_all(&mut *other, noise, &[]));
        assert_eq!(
            Frames::new(&found.0)
                .map(|(header, body)| header.len + body.len())
                .sum::<usize>(),
            found.0.len()
        );
    }
}

/// The largest body that is taken.
const ALLOWANCE: u64 = 300;

fn take_all(spelling: &mut dyn Spelling, stream: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<ProtocolError>) {
    let (mut input, mut plain) = (BytesMut::new(), BytesMut::new());
    for piece in pieces(stream, cuts) {
        input.extend_from_slice(piece);
        loop {
            let before = plain.len();
            match spelling.take(&mut input, &mut plain, ALLOWANCE) {
                Ok(Taken::Whole) => {
                    let header = Header::decode(&plain[before..]).expect("a whole frame");
                    assert!(header.size <= ALLOWANCE);
                }
                Ok(Taken::Partial { need }) => {
                    assert!(need > input.len() && plain.len() == before);
                    break;
                }
                Err(error) => {
                    assert_eq!(plain.len(), before);
                    return (plain.to_vec(), Some(error));
                }
            }
        }
    }
    (plain.to_vec(), None)
}
