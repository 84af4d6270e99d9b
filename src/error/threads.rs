//! Threads that could not be started.

use std::io;

/// The threads that carry sockets could not be started.
///
/// # Examples
///
/// ```
/// use hubless::{Context, ThreadsError};
///
/// fn context() -> Result<Context, ThreadsError> {
///     Context::builder().io_threads(1).build()
/// }
/// # context().unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot start threads for sockets: {0}")]
pub struct ThreadsError(io::ErrorKind);

impl ThreadsError {
    #[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(crate) fn new(error: io::Error) -> Self {
        Self(error.kind())
    }

    /// What the system said.
    pub fn kind(self) -> io::ErrorKind {
        self.0
    }
}
