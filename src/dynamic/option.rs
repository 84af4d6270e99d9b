//! Options by libzmq's numbers: which there are, what they take, and who takes them.
//!
//! The constants are libzmq's, without `ZMQ_`. Their values are C's: most are an `int`, and then
//! [`set_int_option`](super::Socket::set_int_option) and [`int_option`](super::Socket::int_option) are the shortest way. What
//! each means is said at the method of [`Builder`](crate::Builder) that `docs/options.md` names; there is also the table of
//! who takes which when, and what differs.
//!
//! * Options describe the socket until it is used, and are fixed then. At any time can be set: `LINGER`, `SNDHWM`, `RCVHWM`,
//!   `SNDTIMEO`, `RCVTIMEO`, `SUBSCRIBE`, `UNSUBSCRIBE`, `REQ_RELAXED` and `CONNECT_ROUTING_ID`. (libzmq takes the others too, for what
//!   is bound or connected later.)
//! * Where something would happen otherwise if it were ignored, what is not there is refused: `USE_FD`, `ROUTER_RAW`,
//!   `SOCKS_*`, `GSSAPI_*`, `WSS_*`, `NORM_*`, `VMCI_*` are `EINVAL`, as is every number that libzmq does not know.
//! * Where only speed could differ it is [taken, checked and told](OptionInfo::is_hint): `AFFINITY`, `RATE`,
//!   `RECOVERY_IVL`, `MULTICAST_MAXTPDU`, `IN_BATCH_SIZE`, `OUT_BATCH_SIZE`, `LOOPBACK_FASTPATH`, `IPV6`, `IPV4ONLY`.
//! * As in libzmq, most options are taken by every kind, and count where that kind has a use for them.

use self::Default::{Bytes, Int, Long, Nothing};
use self::Form::{Blob, Bool, Flag, I64, Key, Number, Switch, Text, U64};
use self::When::{Anytime, Before, Never};
use super::kind::*;

/// What is known of an option.
///
/// # Examples
///
/// ```
/// use hubless::dynamic::option;
///
/// let linger = option::ALL.iter().find(|option| option.name() == "LINGER").expect("it is there");
/// assert_eq!(linger.number(), option::LINGER);
/// assert!(linger.is_readable() && linger.is_writable());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct OptionInfo {
    pub(super) number: i32,
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) when: When,
    pub(super) default: Default,
    /// The kinds that take it, all if none is named.
    pub(super) kinds: &'static [i32],
    /// Nothing here depends on it.
    pub(super) hint: bool,
}

/// What values it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A C `int` from one number to another.
    Number(i32, i32),
    /// 0 or 1.
    Bool,
    /// 0 or not.
    Switch,
    /// 0, or more than 0.
    Flag,
    I64,
    U64,
    /// So many bytes.
    Blob(usize, usize),
    /// At most so many bytes of text; none at all take it back.
    Text(usize),
    /// A key of CURVE: 32 bytes, or 40 characters.
    Key,
}

/// When it can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Until the socket is used.
    Before,
    /// At any time, at once.
    Anytime,
    /// It can only be read.
    Never,
}

/// What it is where nobody said anything.
#[derive(Debug, Clone, Copy)]
pub(super) enum Default {
    Int(i32),
    Long(i64),
    Bytes(&'static [u8]),
    /// It cannot be read.
    Nothing,
}

impl OptionInfo {
    /// Its number.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Its name in libzmq, without `ZMQ_`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it can be read.
    pub fn is_readable(&self) -> bool {
        !matches!(self.default, Nothing)
    }

    /// Whether it can be set.
    pub fn is_writable(&self) -> bool {
        self.when != Never
    }

    /// Whether it can be set on a socket that is in use already.
    pub fn is_live(&self) -> bool {
        self.when == Anytime
    }

    /// Whether it is taken and returned, and nothing depends on it.
    pub fn is_hint(&self) -> bool {
        self.hint
    }

    /// Whether a socket of this kind takes it.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::dynamic::{kind, option};
    ///
    /// let of = |number| option::ALL.iter().find(|option| option.number() == number).expect("it is there");
    /// assert!(of(option::SUBSCRIBE).is_taken_by(kind::SUB) && !of(option::SUBSCRIBE).is_taken_by(kind::PUSH));
    /// assert!(of(option::SUBSCRIBE).is_live() && !of(option::IMMEDIATE).is_live());
    /// assert!(of(option::RATE).is_hint() && !of(option::LINGER).is_hint());
    /// ```
    pub fn is_taken_by(&self, kind: i32) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}

macro_rules! options {
    ($($name:ident $number:literal $form:expr, $when:expr, $default:expr, [$($kind:ident)*] $($hint:ident)?;)*) => {
        $(
            #[doc = concat!("`ZMQ_", stringify!($name), "`.")]
            pub const $name: i32 = $number;
        )*

        /// Every option that is taken or answered; what is not here is [`EINVAL`](super::Errno::EINVAL).
        pub const ALL: &[OptionInfo] = &[$(OptionInfo {
            number: $number,
            name: stringify!($name),
            form: $form,
            when: $when,
            default: $default,
            kinds: &[$($kind),*],
            hint: options!(@ $($hint)?),
        },)*];
    };
    (@) => { false };
    (@ hint) => { true };
}

const MAX: i32 = i32::MAX;
const ANY: Form = Number(i32::MIN, MAX);

options! {
    AFFINITY 4 U64, Before, Long(0), [] hint;
    ROUTING_ID 5 Blob(1, 255), Before, Bytes(b""), [];
    SUBSCRIBE 6 Blob(0, usize::MAX), Anytime, Nothing, [SUB XPUB PUB];
    UNSUBSCRIBE 7 Blob(0, usize::MAX), Anytime, Nothing, [SUB XPUB PUB];
    RATE 8 Number(1, MAX), Before, Int(100), [] hint;
    RECOVERY_IVL 9 Number(0, MAX), Before, Int(10_000), [] hint;
    SNDBUF 11 Number(-1, MAX), Before, Int(-1), [];
    RCVBUF 12 Number(-1, MAX), Before, Int(-1), [];
    RCVMORE 13 ANY, Never, Int(0), [];
    FD 14 ANY, Never, Int(-1), [];
    EVENTS 15 ANY, Never, Int(0), [];
    TYPE 16 ANY, Never, Int(0), [];
    LINGER 17 Number(-1, MAX), Anytime, Int(30_000), [];
    RECONNECT_IVL 18 Number(-1, MAX), Before, Int(100), [];
    BACKLOG 19 Number(0, MAX), Before, Int(4096), [];
    RECONNECT_IVL_MAX 21 Number(0, MAX), Before, Int(5000), [];
    MAXMSGSIZE 22 I64, Before, Long(256 << 20), [];
    SNDHWM 23 Number(0, MAX), Anytime, Int(1000), [];
    RCVHWM 24 Number(0, MAX), Anytime, Int(1000), [];
    MULTICAST_HOPS 25 Number(1, 255), Before, Int(1), [];
    RCVTIMEO 27 Number(-1, MAX), Anytime, Int(-1), [];
    SNDTIMEO 28 Number(-1, MAX), Anytime, Int(-1), [];
    IPV4ONLY 31 Bool, Before, Int(0), [] hint;
    LAST_ENDPOINT 32 Blob(0, 0), Never, Bytes(b""), [];
    ROUTER_MANDATORY 33 Flag, Before, Nothing, [ROUTER REP];
    TCP_KEEPALIVE 34 Number(-1, 1), Before, Int(1), [];
    TCP_KEEPALIVE_CNT 35 Number(-1, MAX), Before, Int(3), [];
    TCP_KEEPALIVE_IDLE 36 Number(-1, MAX), Before, Int(30), [];
    TCP_KEEPALIVE_INTVL 37 Number(-1, MAX), Before, Int(10), [];
    TCP_ACCEPT_FILTER 38 Text(255), Before, Nothing, [];
    IMMEDIATE 39 Bool, Before, Int(0), [];
    XPUB_VERBOSE 40 Flag, Before, Nothing, [XPUB PUB];
    IPV6 42 Bool, Before, Int(1), [] hint;
    MECHANISM 43 ANY, Never, Int(0), [];
    PLAIN_SERVER 44 Bool, Before, Int(0), [];
    PLAIN_USERNAME 45 Text(255), Before, Bytes(b""), [];
    PLAIN_PASSWORD 46 Text(255), Before, Bytes(b""), [];
    CURVE_SERVER 47 Bool, Before, Int(0), [];
    CURVE_PUBLICKEY 48 Key, Before, Bytes(&[0; 32]), [];
    CURVE_SECRETKEY 49 Key, Before, Bytes(&[0; 32]), [];
    CURVE_SERVERKEY 50 Key, Before, Bytes(&[0; 32]), [];
    PROBE_ROUTER 51 Flag, Before, Nothing, [ROUTER REP DEALER REQ];
    REQ_CORRELATE 52 Flag, Before, Nothing, [REQ];
    REQ_RELAXED 53 Flag, Anytime, Nothing, [REQ];
    CONFLATE 54 Bool, Before, Int(0), [];
    ZAP_DOMAIN 55 Blob(1, 255), Before, Bytes(b""), [];
    ROUTER_HANDOVER 56 Flag, Before, Nothing, [ROUTER REP];
    TOS 57 Number(0, 255), Before, Int(0), [];
    IPC_FILTER_PID 58 Blob(0, 4), Before, Nothing, [];
    IPC_FILTER_UID 59 Blob(0, 4), Before, Nothing, [];
    IPC_FILTER_GID 60 Blob(0, 4), Before, Nothing, [];
    CONNECT_ROUTING_ID 61 Blob(1, usize::MAX), Anytime, Nothing, [ROUTER REP STREAM];
    HANDSHAKE_IVL 66 Number(0, MAX), Before, Int(10_000), [];
    XPUB_NODROP 69 Flag, Before, Nothing, [XPUB PUB RADIO];
    XPUB_MANUAL 71 Flag, Before, Nothing, [XPUB PUB];
    XPUB_WELCOME_MSG 72 Blob(0, usize::MAX), Before, Nothing, [XPUB PUB];
    STREAM_NOTIFY 73 Bool, Before, Nothing, [STREAM];
    INVERT_MATCHING 74 Switch, Before, Int(0), [];
    HEARTBEAT_IVL 75 Number(0, MAX), Before, Int(0), [];
    HEARTBEAT_TTL 76 Number(-99, 6_553_599), Before, Int(0), [];
    HEARTBEAT_TIMEOUT 77 Number(0, MAX), Before, Int(-1), [];
    XPUB_VERBOSER 78 Flag, Before, Nothing, [XPUB PUB];
    CONNECT_TIMEOUT 79 Number(0, MAX), Before, Int(0), [];
    TCP_MAXRT 80 Number(0, MAX), Before, Int(0), [];
    THREAD_SAFE 81 ANY, Never, Int(1), [];
    MULTICAST_MAXTPDU 84 Number(1, MAX), Before, Int(1500), [] hint;
    BINDTODEVICE 92 Text(16), Before, Bytes(b""), [];
    ZAP_ENFORCE_DOMAIN 93 Switch, Before, Int(1), [];
    LOOPBACK_FASTPATH 94 Switch, Before, Int(0), [] hint;
    METADATA 95 Blob(1, usize::MAX), Before, Nothing, [];
    MULTICAST_LOOP 96 Switch, Before, Int(1), [];
    ROUTER_NOTIFY 97 Number(0, 3), Before, Int(0), [ROUTER REP];
    XPUB_MANUAL_LAST_VALUE 98 Flag, Before, Nothing, [XPUB PUB];
    IN_BATCH_SIZE 101 Number(1, MAX), Before, Int(8192), [] hint;
    OUT_BATCH_SIZE 102 Number(1, MAX), Before, Int(8192), [] hint;
    ONLY_FIRST_SUBSCRIBE 108 Flag, Before, Nothing, [XPUB PUB XSUB];
    RECONNECT_STOP 109 ANY, Before, Int(0), [];
    HELLO_MSG 110 Blob(0, usize::MAX), Before, Nothing, [];
    DISCONNECT_MSG 111 Blob(0, usize::MAX), Before, Nothing, [];
    PRIORITY 112 Number(0, MAX), Before, Int(0), [];
    BUSY_POLL 113 ANY, Before, Int(0), [];
    HICCUP_MSG 114 Blob(0, usize::MAX), Before, Nothing, [];
    XSUB_VERBOSE_UNSUBSCRIBE 115 Flag, Before, Nothing, [XSUB];
    TOPICS_COUNT 116 ANY, Never, Int(0), [XPUB PUB SUB XSUB];
}

/// What is known of the option with this number.
pub(super) fn find(number: i32) -> Option<&'static OptionInfo> {
    ALL.iter().find(|option| option.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_there_once_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
        assert_eq!(find(RECONNECT_IVL).map(OptionInfo::name), Some("RECONNECT_IVL"));
        assert!(find(0).is_none() && find(62).is_none());
    }
}
