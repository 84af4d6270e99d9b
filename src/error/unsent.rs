//! What was left when a socket or one of its endpoints was closed.

use std::fmt;

use crate::endpoint::Endpoint;
use crate::frame::Run;
use crate::message::Message;

/// Messages that were accepted by `send` and not handed over before the linger time was over.
///
/// They were not sent, not even in part, so they can be sent again by other means.
///
/// # Examples
///
/// ```
/// use hubless::{Linger, Push, UnsentTo};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hubless::Error> {
/// let push = Push::builder().linger(Linger::Discard).build()?;
/// push.connect("inproc://nobody")?;
/// push.send("one").await?;
/// push.send("two").await?;
///
/// let unsent = push.close().await.expect_err("nobody was there");
/// assert_eq!((unsent.messages(), unsent.bytes()), (2, 6));
/// assert_eq!(unsent.by_endpoint()[0].endpoint.as_str(), "inproc://nobody");
/// for UnsentTo { endpoint, messages, .. } in unsent.into_inner() {
///     println!("{} for {endpoint}", messages.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent(Vec<UnsentTo>);

/// The messages of an [`Unsent`] that were queued for one endpoint.
///
/// Example: at [`Unsent`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsentTo {
    /// The endpoint, or the address of an accepted peer.
    pub endpoint: Endpoint,
    /// The messages, in the order in which they were to go.
    pub messages: Vec<Message>,
}

impl Unsent {
    /// Fails when a queue still holds anything.
    pub(crate) fn unless_empty(queues: impl IntoIterator<Item = (Endpoint, Run)>) -> Result<(), Self> {
        let left: Vec<_> = queues
            .into_iter()
            .filter(|(_, run)| !run.is_empty())
            .map(|(endpoint, mut run)| UnsentTo {
                endpoint,
                messages: std::iter::from_fn(|| Message::pop_from(&mut run)).collect(),
            })
            .collect();
        if left.is_empty() { Ok(()) } else { Err(Self(left)) }
    }

    /// How many messages were left.
    pub fn messages(&self) -> usize {
        self.0.iter().map(|to| to.messages.len()).sum()
    }

    /// How many bytes these have.
    pub fn bytes(&self) -> usize {
        self.0
            .iter()
            .flat_map(|to| &to.messages)
            .map(Message::byte_len)
            .sum()
    }

    /// What was left, endpoint by endpoint.
    pub fn by_endpoint(&self) -> &[UnsentTo] {
        &self.0
    }

    /// The messages themselves, endpoint by endpoint.
    pub fn into_messages(self) -> impl Iterator<Item = Message> {
        self.0.into_iter().flat_map(|to| to.messages)
    }

    /// What was left, with the endpoints.
    pub fn into_inner(self) -> Vec<UnsentTo> {
        self.0
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// A publisher may have thousands of peers, a line of a log has not that much room.
        const SHOWN: usize = 3;
        let messages = match self.messages() {
            1 => "1 message was".to_owned(),
            n => format!("{n} messages were"),
        };
        write!(f, "{messages} not sent: ")?;
        for (i, to) in self.0.iter().take(SHOWN).enumerate() {
            write!(
                f,
                "{}{} to {}",
                if i == 0 { "" } else { ", " },
                to.messages.len(),
                to.endpoint
            )?;
        }
        if self.0.len() > SHOWN {
            write!(f, " and others to {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for Unsent {}
