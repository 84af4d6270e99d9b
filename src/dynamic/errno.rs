//! Errors by libzmq's numbers.

use std::fmt;
use std::io;

use crate::endpoint::{EndpointProblem, ParseEndpointError};
use crate::error::{
    BindError, BuildError, EndpointError, RequestError, SendError, ThreadsError, TrySendError,
};

/// Why a call failed, by the number that libzmq gives it.
///
/// The numbers of the system are Linux's; those that libzmq has added are the same everywhere.
///
/// # Examples
///
/// ```
/// use hubless::dynamic::Errno;
///
/// assert_eq!(Errno::EAGAIN.number(), 11);
/// assert_eq!(Errno::EFSM.number(), 156_384_763);
/// assert_eq!(format!("{:?}", Errno::EFSM), "EFSM");
/// assert_eq!(Errno::EFSM.to_string(), "the socket's state does not allow that now");
/// assert_eq!(Errno::from(12), Errno::ENOMEM);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(i32);

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident = $number:expr, $text:literal;)*) => {
        impl Errno {
            $(
                $(#[$doc])*
                pub const $name: Self = Self($number);
            )*

            /// Its name in C, if it is one that is known here.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            fn text(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

/// What libzmq counts its own numbers from.
const OWN: i32 = 156_384_712;

numbers! {
    /// There is no such endpoint to unbind or disconnect.
    ENOENT = 2, "the socket has no such endpoint";
    /// It would have to wait, or has waited as long as it was to.
    EAGAIN = 11, "nothing can be done without waiting longer";
    /// There is no memory for it.
    ENOMEM = 12, "there is no memory for that";
    /// The system does not permit it.
    EACCES = 13, "the system does not permit that";
    /// There is no such interface, or no such name.
    ENODEV = 19, "there is no such interface";
    /// An argument is none that can be.
    EINVAL = 22, "the argument is invalid";
    /// There are as many sockets as the context allows, or as many descriptors as the system does.
    EMFILE = 24, "there is no room for another socket";
    /// This thread runs the tasks of an async runtime, which would all wait with it. libzmq: none.
    EDEADLK = 35, "this thread runs an async runtime, and must not wait";
    /// The path of an `ipc://` endpoint is too long.
    ENAMETOOLONG = 36, "the endpoint is too long";
    /// The socket is closed.
    ENOTSOCK = 88, "the socket is closed";
    /// The message is larger than the socket allows.
    EMSGSIZE = 90, "the message is too large";
    /// There is no transport of that name.
    EPROTONOSUPPORT = 93, "there is no such transport";
    /// A socket of this kind does not do that.
    ENOTSUP = 95, "a socket of this kind does not do that";
    /// Somebody listens there already.
    EADDRINUSE = 98, "the address is in use";
    /// The address is none of this machine.
    EADDRNOTAVAIL = 99, "the address is not here";
    /// The peer that the message is for is not there.
    EHOSTUNREACH = 113, "the peer is not there";
    /// Not now: a REQ asks and hears in turn, and a REP hears and answers.
    EFSM = OWN + 51, "the socket's state does not allow that now";
    /// A socket of this kind does not use that transport.
    ENOCOMPATPROTO = OWN + 52, "a socket of this kind does not use that transport";
    /// The context was shut down.
    ETERM = OWN + 53, "the context was shut down";
    /// No thread could be started.
    EMTHREAD = OWN + 54, "there is no thread to carry the socket";
}

impl Errno {
    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Of an endpoint that was to be ended, and is none: where its transport is known, nothing can have been there.
    pub(super) fn of_unknown(error: &ParseEndpointError) -> Self {
        match (Self::from(error), error.problem()) {
            (Self::EPROTONOSUPPORT, _) => Self::EPROTONOSUPPORT,
            (_, EndpointProblem::NoScheme | EndpointProblem::Empty { .. }) => Self::EINVAL,
            (_, EndpointProblem::UnknownScheme { .. }) => Self::EINVAL,
            _ => Self::ENOENT,
        }
    }

    /// What the system said.
    pub(super) fn of(error: &io::Error) -> Self {
        match (error.raw_os_error(), error.kind()) {
            (Some(number), _) => Self(number),
            (None, io::ErrorKind::AddrInUse) => Self::EADDRINUSE,
            (None, io::ErrorKind::AddrNotAvailable) => Self::EADDRNOTAVAIL,
            (None, io::ErrorKind::PermissionDenied) => Self::EACCES,
            // A name that is no address of this machine; libzmq takes it for an interface's.
            _ => Self::ENODEV,
        }
    }
}

/// The error with this number, known here or not.
impl From<i32> for Errno {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl From<Errno> for i32 {
    fn from(errno: Errno) -> Self {
        errno.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "{}", io::Error::from_raw_os_error(self.0)),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl std::error::Error for Errno {}

impl From<&ParseEndpointError> for Errno {
    fn from(error: &ParseEndpointError) -> Self {
        match error.problem() {
            EndpointProblem::UnknownScheme { found } if !found.is_empty() => Self::EPROTONOSUPPORT,
            EndpointProblem::TooLong { scheme: "ipc", .. } => Self::ENAMETOOLONG,
            _ => Self::EINVAL,
        }
    }
}

impl From<BindError> for Errno {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Parse(error) => Self::from(&error),
            BindError::Io { source, .. } | BindError::Listener(source) => Self::of(&source),
            BindError::Kind { .. } => Self::ENOCOMPATPROTO,
            BindError::Unsupported(_) => Self::EPROTONOSUPPORT,
            BindError::Closed(_) => Self::ENOTSOCK,
            BindError::InsideRuntime(_) => Self::EDEADLK,
            BindError::NoRuntime(_) | BindError::Threads(_) => Self::EMTHREAD,
        }
    }
}

impl From<EndpointError> for Errno {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Parse(error) => Self::from(&error),
            EndpointError::NotFound(_) => Self::ENOENT,
            EndpointError::NoPeer(_) => Self::EHOSTUNREACH,
            EndpointError::AlreadyConnected(_) => Self::EADDRINUSE,
            EndpointError::RoutingIdTaken { .. } => Self::EADDRINUSE,
            EndpointError::RoutingIdInvalid { .. } => Self::EINVAL,
            EndpointError::Kind { .. } => Self::ENOCOMPATPROTO,
            EndpointError::Unsupported(_) => Self::EPROTONOSUPPORT,
            EndpointError::Closed => Self::ENOTSOCK,
            EndpointError::InsideRuntime(_) => Self::EDEADLK,
            EndpointError::NoRuntime(_) | EndpointError::Threads(_) => Self::EMTHREAD,
            EndpointError::Unsent(_) => Self::EAGAIN,
        }
    }
}

impl From<SendError> for Errno {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Closed(_) => Self::ENOTSOCK,
            SendError::TooLarge { .. } | SendError::TooManyFrames { .. } => Self::EMSGSIZE,
            SendError::Multipart { .. } | SendError::GroupTooLong(_) => Self::EINVAL,
            SendError::NoRoute(_) => Self::EHOSTUNREACH,
            SendError::InsideRuntime(_) => Self::EDEADLK,
        }
    }
}

impl From<TrySendError> for Errno {
    fn from(error: TrySendError) -> Self {
        match error {
            TrySendError::Full(_) => Self::EAGAIN,
            TrySendError::Closed(_) => Self::ENOTSOCK,
            TrySendError::TooLarge { .. } | TrySendError::TooManyFrames { .. } => Self::EMSGSIZE,
            TrySendError::Multipart { .. } | TrySendError::GroupTooLong(_) => Self::EINVAL,
            TrySendError::NoRoute(_) => Self::EHOSTUNREACH,
            TrySendError::InsideRuntime(_) => Self::EDEADLK,
        }
    }
}

impl From<RequestError> for Errno {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Send(error) => error.into(),
            RequestError::Closed => Self::ENOTSOCK,
            RequestError::Timeout | RequestError::ConnectionLost { .. } => Self::EAGAIN,
        }
    }
}

impl From<BuildError> for Errno {
    fn from(_: BuildError) -> Self {
        Self::EINVAL
    }
}

impl From<ThreadsError> for Errno {
    fn from(_: ThreadsError) -> Self {
        Self::EMTHREAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_name_and_a_text_of_its_own() {
        assert_eq!(Errno::ETERM.number(), 156_384_765);
        assert_eq!(Errno::EMTHREAD.number(), 156_384_766);
        assert_eq!(Errno::ENOCOMPATPROTO.number(), 156_384_764);
        assert_eq!(
            format!("{:?} {:?}", Errno::EINVAL, Errno::from(1)),
            "EINVAL Errno(1)"
        );
        assert_eq!(Errno::from(1).to_string(), "Operation not permitted (os error 1)");
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_told_as_libzmq_does() {
        let of = |text: &str| match text.parse::<crate::Endpoint>() {
            Ok(_) => panic!("{text} is an endpoint"),
            Err(error) => Errno::from(&error),
        };
        assert_eq!(of("nonsense"), Errno::EINVAL);
        assert_eq!(of("tcp://"), Errno::EINVAL);
        assert_eq!(of("://host:1"), Errno::EINVAL);
        assert_eq!(of("tcp://host"), Errno::EINVAL);
        assert_eq!(of("carrier-pigeon://x"), Errno::EPROTONOSUPPORT);
        assert_eq!(of(&format!("ipc://{}", "x".repeat(200))), Errno::ENAMETOOLONG);
    }
}
