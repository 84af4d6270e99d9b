//! Options that cannot all be had: found once, when the socket is built.

use std::borrow::Cow;
use std::fmt;

/// A socket cannot be built as described: each [`Contradiction`] in it, all at once.
///
/// # Examples
///
/// ```
/// use hubless::{Contradiction, Pub, Push};
///
/// let error = Push::builder().conflate(true).immediate(true).max_message_frames(0).build();
/// let error = error.expect_err("this cannot be had");
/// let contradictions: &[Contradiction] = error.contradictions();
/// assert_eq!(contradictions.len(), 2);
/// assert_eq!(contradictions[0].options(), ["max_message_frames"]);
/// assert_eq!(contradictions[1].options(), ["conflate", "immediate"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError(Vec<Contradiction>);

impl BuildError {
    /// Fails when anything was found.
    pub(crate) fn unless_none(found: Vec<Contradiction>) -> Result<(), Self> {
        if found.is_empty() {
            Ok(())
        } else {
            Err(Self(found))
        }
    }

    /// What is wrong, in the order in which it was found; there is at least one.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.0
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot build the socket: ")?;
        for (i, contradiction) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{contradiction}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}

/// An option, or several of them together, that no socket can have.
///
/// Example: at [`BuildError`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    options: Vec<&'static str>,
    problem: Cow<'static, str>,
}

impl Contradiction {
    pub(crate) fn new<const N: usize>(
        options: [&'static str; N],
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        const { assert!(N > 0, "a contradiction names its options") };
        Self {
            options: options.into(),
            problem: problem.into(),
        }
    }

    /// The options it is about, by the names of the builder's methods.
    pub fn options(&self) -> &[&'static str] {
        &self.options
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, option) in self.options.iter().enumerate() {
            let separator = match i {
                0 => "",
                _ if i + 1 == self.options.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}`{option}`")?;
        }
        write!(f, ": {}", self.problem)
    }
}
