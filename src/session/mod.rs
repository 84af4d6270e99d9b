//! Stub.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use bytes::{Buf, Bytes, BytesMut};
use crate::error::ProtocolError;
use crate::socket_kind::SocketKind;
#[derive(Debug, Clone)]
pub(crate) struct SessionConfig { pub(crate) kind: SocketKind, pub(crate) routing_id: Bytes, pub(crate) handshake_timeout: Option<Duration>, pub(crate) heartbeat: Option<Heartbeat> }
/// x
#[derive(Debug, Clone)]
pub struct Heartbeat;
#[derive(Debug)]
pub(crate) struct Session { out: Vec<u8>, greeted: bool, done: bool, events: VecDeque<SessionEvent>, config: Arc<SessionConfig> }
#[derive(Debug)]
pub(crate) enum SessionEvent { Established(Introduction), Subscribe(Bytes), Cancel(Bytes), Pong(Bytes) }
#[derive(Debug)]
pub(crate) struct Introduction { pub(crate) kind: Option<SocketKind>, pub(crate) routing_id: Bytes, pub(crate) version: (u8,u8), pub(crate) mechanism: &'static str, pub(crate) metadata: Vec<(String, Bytes)> }
impl Session {
  pub(crate) fn new(config: Arc<SessionConfig>, _now: Instant) -> Self {
    let mut out = vec![0u8; 64]; out[0]=0xff; out[9]=0x7f; out[10]=3; out[11]=1; out[12..16].copy_from_slice(b"NULL");
    let name = config.kind.name().as_bytes();
    let mut body = b"\x05READY\x0bSocket-Type".to_vec(); body.extend((name.len() as u32).to_be_bytes()); body.extend(name);
    out.push(4); out.push(body.len() as u8); out.extend(body);
    Session { out, greeted: false, done: false, events: VecDeque::new(), config }
  }
  pub(crate) fn handle_bytes(&mut self, _now: Instant, input: &mut BytesMut) -> Result<(), ProtocolError> {
    if !self.greeted { if input.len() < 64 { return Ok(()); } input.advance(64); self.greeted = true; }
    if input.len() < 2 { return Ok(()) }
    let n = 2 + input[1] as usize; if input.len() < n { return Ok(()) }
    input.advance(n); self.done = true;
    self.events.push_back(SessionEvent::Established(Introduction{kind: None, routing_id: Bytes::new(), version:(3,1), mechanism: "NULL", metadata: vec![]}));
    Ok(())
  }
  pub(crate) fn is_established(&self) -> bool { self.done }
  pub(crate) fn handle_command(&mut self, _now: Instant, _body: &[u8]) -> Result<(), ProtocolError> { Ok(()) }
  pub(crate) fn handle_read(&mut self, _now: Instant) {}
  pub(crate) fn handle_written(&mut self, _now: Instant) {}
  pub(crate) fn pause_reading(&mut self, _now: Instant) {}
  pub(crate) fn resume_reading(&mut self, _now: Instant) {}
  pub(crate) fn handle_timeout(&mut self, _now: Instant) -> Result<(), ProtocolError> { Ok(()) }
  pub(crate) fn poll_timeout(&self) -> Option<Instant> { None }
  pub(crate) fn output(&mut self) -> &mut Vec<u8> { &mut self.out }
  pub(crate) fn poll_event(&mut self) -> Option<SessionEvent> { self.events.pop_front() }
  pub(crate) fn subscribe(&mut self, _prefix: &[u8]) {}
  pub(crate) fn cancel(&mut self, _prefix: &[u8]) {}
  pub(crate) fn ping(&mut self, _c: &[u8]) -> bool { false }
}
