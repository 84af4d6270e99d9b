//! From numbers to what the typed sockets are built of.

use bytes::Bytes;

use super::Errno;
use super::guard::Guard;
use super::kind::*;
use super::option::*;
use super::settings::{Named, Settings};
use crate::context::Context;
use crate::driver::ReconnectStop;
use crate::mechanism::{Mechanism, Null, Plain};
use crate::message::Message;
use crate::pattern::{Matching, Telling};
use crate::session::Heartbeat;
use crate::socket::{Notify, Options};
use crate::transport::{Keepalive, TcpOptions, UdpOptions};

impl Settings {
    /// What a socket is built of.
    pub(super) fn options(&self, context: &Context) -> Result<Options, Errno> {
        let kind = super::built::kind_of(self.kind)?;
        let mut options = Options::of(kind);
        options.context = context.clone();
        options.linger = self.linger();
        options.send_hwm = self.int(SNDHWM).unsigned_abs() as usize;
        options.recv_hwm = self.int(RCVHWM).unsigned_abs() as usize;
        options.conflate = self.is_on(CONFLATE) && matches!(self.kind, PUSH | PULL | PUB | SUB | DEALER);
        options.immediate = self.is_on(IMMEDIATE);
        if self.value(MAXMSGSIZE).is_some() {
            options.max_message_size = self.largest();
        }
        self.connections(&mut options);
        self.routing(&mut options);
        self.publishing(&mut options);
        options.properties = self.properties.clone();
        options.mechanism = self.mechanism(context)?;
        Ok(options)
    }

    /// For want of "unlimited": more than any memory holds.
    fn largest(&self) -> u64 {
        let value = self
            .value(MAXMSGSIZE)
            .and_then(|value| Some(i64::from_ne_bytes(value.try_into().ok()?)));
        value
            .and_then(|value| value.try_into().ok())
            .unwrap_or(i64::MAX as u64)
    }

    fn connections(&self, options: &mut Options) {
        let unless_zero = |number| self.limit(number).filter(|limit| !limit.is_zero());
        let reconnect = &mut options.reconnect;
        if let Some(first) = unless_zero(RECONNECT_IVL) {
            reconnect.min = first;
            reconnect.max = unless_zero(RECONNECT_IVL_MAX).unwrap_or(first).max(first);
        }
        let never_again = unless_zero(RECONNECT_IVL).is_none();
        let stop = self.int(RECONNECT_STOP);
        reconnect.stop = ReconnectStop::new()
            .refused(never_again || stop & 1 != 0)
            .handshake_failed(never_again || stop & 2 != 0)
            .lost(never_again);
        options.handshake_timeout = unless_zero(HANDSHAKE_IVL);
        options.heartbeat = unless_zero(HEARTBEAT_IVL).map(|interval| {
            Heartbeat::every(interval)
                .timeout(self.limit(HEARTBEAT_TIMEOUT).unwrap_or(interval))
                .ttl(self.limit(HEARTBEAT_TTL).unwrap_or_default())
        });
        options.stream.backlog = self.int(BACKLOG).unsigned_abs();
        options.stream.connect_timeout = unless_zero(CONNECT_TIMEOUT);
        options.stream.tcp = self.tcp();
        options.udp = self.udp();
    }

    /// A number that says nothing when it is less than another.
    fn at_least(&self, number: i32, least: i32) -> Option<u32> {
        let value = self.int(number);
        (value >= least).then_some(value.unsigned_abs())
    }

    fn keepalive(&self) -> Option<Keepalive> {
        if !self.is_on(TCP_KEEPALIVE) {
            return None;
        }
        let seconds = |number| self.limit(number).map(|time| time * 1000);
        let mut keepalive = Keepalive::new();
        if let Some(retries) = self.at_least(TCP_KEEPALIVE_CNT, 0) {
            keepalive = keepalive.retries(retries);
        }
        if let Some(idle) = seconds(TCP_KEEPALIVE_IDLE) {
            keepalive = keepalive.idle(idle);
        }
        if let Some(interval) = seconds(TCP_KEEPALIVE_INTVL) {
            keepalive = keepalive.interval(interval);
        }
        Some(keepalive)
    }

    fn tcp(&self) -> TcpOptions {
        let bytes = |number| self.at_least(number, 0).map(|bytes| bytes as usize);
        let options = TcpOptions::new()
            .keepalive(self.keepalive())
            .user_timeout(self.limit(TCP_MAXRT).filter(|limit| !limit.is_zero()))
            .send_buffer(bytes(SNDBUF))
            .recv_buffer(bytes(RCVBUF))
            .tos(self.at_least(TOS, 1).map(|tos| tos as u8))
            .priority(self.at_least(PRIORITY, 1))
            .busy_poll(self.at_least(BUSY_POLL, 1));
        match self.device() {
            Some(name) => options.device(name),
            None => options,
        }
    }

    fn udp(&self) -> UdpOptions {
        let bytes = |number| self.at_least(number, 0).map(|bytes| bytes as usize);
        let options = UdpOptions::new()
            .send_buffer(bytes(SNDBUF))
            .recv_buffer(bytes(RCVBUF))
            .tos(self.at_least(TOS, 1).map(|tos| tos as u8))
            .priority(self.at_least(PRIORITY, 1))
            .busy_poll(self.at_least(BUSY_POLL, 1))
            .multicast_hops(self.int(MULTICAST_HOPS) as u8)
            .multicast_loop(self.is_on(MULTICAST_LOOP));
        match self.device() {
            Some(name) => options.device(name),
            None => options,
        }
    }

    fn device(&self) -> Option<String> {
        let name = self.value(BINDTODEVICE).filter(|name| !name.is_empty())?;
        Some(String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned())
    }

    fn message(&self, number: i32) -> Option<Message> {
        let bytes = self.value(number).filter(|bytes| !bytes.is_empty())?;
        Some(Message::from(bytes))
    }

    fn routing(&self, options: &mut Options) {
        options.routing_id = Bytes::copy_from_slice(self.value(ROUTING_ID).unwrap_or_default());
        options.correlate = self.is_on(REQ_CORRELATE);
        if self.value(STREAM_NOTIFY).is_some() {
            options.notify = self.is_on(STREAM_NOTIFY);
        }
        if self.kind == ROUTER {
            options.mandatory = self.is_on(ROUTER_MANDATORY);
            options.handover = self.is_on(ROUTER_HANDOVER);
            options.announce = match self.int(ROUTER_NOTIFY) {
                1 => Some(Notify::Connect),
                2 => Some(Notify::Disconnect),
                3 => Some(Notify::Both),
                _ => None,
            };
        }
        if matches!(self.kind, ROUTER | DEALER | REQ) {
            options.probe = self.is_on(PROBE_ROUTER);
        }
        if matches!(self.kind, ROUTER | DEALER | CLIENT | SERVER | PEER) {
            options.hello = self.message(HELLO_MSG);
        }
        if matches!(self.kind, ROUTER | SERVER | PEER) {
            options.disconnect_message = self.message(DISCONNECT_MSG);
        }
        if matches!(self.kind, DEALER | CLIENT | PEER) {
            options.hiccup_message = self.message(HICCUP_MSG);
        }
    }

    fn publishing(&self, options: &mut Options) {
        let publishing = &mut options.publishing;
        publishing.nodrop = self.is_on(XPUB_NODROP);
        if self.is_on(INVERT_MATCHING) {
            match self.kind {
                PUB | XPUB => publishing.matching = Matching::Inverted,
                SUB => options.interest.matching = Matching::Inverted,
                _ => {}
            }
        }
        if self.value(ONLY_FIRST_SUBSCRIBE).is_some() {
            publishing.only_first = self.is_on(ONLY_FIRST_SUBSCRIBE);
        }
        options.interest.tells_every_end = self.is_on(XSUB_VERBOSE_UNSUBSCRIBE);
        if self.kind != XPUB {
            return;
        }
        publishing.welcome = self.message(XPUB_WELCOME_MSG);
        publishing.manual = self.is_on(XPUB_MANUAL);
        publishing.last_value = publishing.manual && self.is_on(XPUB_MANUAL_LAST_VALUE);
        if self.is_on(XPUB_VERBOSER) {
            publishing.telling = Telling::Each;
        } else if self.is_on(XPUB_VERBOSE) {
            publishing.telling = Telling::EachSubscription;
        }
    }

    // ---- security ----------------------------------------------------------------------------------------------

    fn mechanism(&self, context: &Context) -> Result<Mechanism, Errno> {
        let domain = self.value(ZAP_DOMAIN).unwrap_or_default();
        let domain = std::str::from_utf8(domain).map_err(|_| Errno::EINVAL)?.to_owned();
        let guard = Guard::new(self, context)?;
        let mechanism = match (self.mechanism, self.is_server) {
            (Named::Null, _) if domain.is_empty() && !guard.has_filters() => Mechanism::default(),
            (Named::Null, _) => Null::server(guard.asking(!domain.is_empty())),
            (Named::Plain, true) => Plain::server(guard.asking(true)),
            (Named::Plain, false) => {
                let said = |number| self.value(number).unwrap_or_default();
                Plain::client(said(PLAIN_USERNAME), said(PLAIN_PASSWORD))
            }
            (Named::Curve, is_server) => self.curve(is_server, guard)?,
        };
        Ok(mechanism.domain(domain))
    }

    #[cfg(feature = "curve")]
    fn curve(&self, is_server: bool, guard: Guard) -> Result<Mechanism, Errno> {
        use crate::curve::{KeyPair, PublicKey, SecretKey};
        use crate::mechanism::Curve;

        let key = |number| {
            <[u8; 32]>::try_from(self.value(number).ok_or(Errno::EINVAL)?).map_err(|_| Errno::EINVAL)
        };
        let own = KeyPair::from(SecretKey::from(key(CURVE_SECRETKEY)?));
        // What a key is for follows from it: one that was said and does not fit is a mistake.
        if self.value(CURVE_PUBLICKEY).is_some() && PublicKey::from(key(CURVE_PUBLICKEY)?) != own.public_key()
        {
            return Err(Errno::EINVAL);
        }
        if is_server {
            let lax = !self.is_on(ZAP_ENFORCE_DOMAIN);
            return Ok(Curve::server(own).authenticator(guard.asking(true).unless_nobody_answers(lax)));
        }
        Ok(Curve::client(key(CURVE_SERVERKEY)?.into(), own))
    }

    #[cfg(not(feature = "curve"))]
    fn curve(&self, _: bool, _: Guard) -> Result<Mechanism, Errno> {
        Err(Errno::EINVAL)
    }
}
