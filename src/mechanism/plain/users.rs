//! The users of a PLAIN server, known by heart.
//!
//! Looking somebody up takes the same time whoever it is and however much of the password is right: every user is
//! compared, as many bytes as the longest name and password have. So a stranger learns neither names nor beginnings of
//! passwords from a clock.

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

use super::super::MAX_NAME;
use super::super::auth::{Applicant, Authenticator, Credentials, Verdict};
use crate::error::escaped;
use crate::sync::Mutex;

/// User names and passwords that a [PLAIN](super::Plain) server lets in, each of them at most 255 bytes.
///
/// A handle: clones are the same list, and a change counts for every peer that comes from then on. Whoever is connected
/// already stays. The [user id](crate::Peer::user_id) of a peer is its user name.
///
/// # Examples
///
/// ```
/// use hubless::PlainUsers;
///
/// let users = PlainUsers::new().with("ann", "hunter2").with("bob", "correct horse");
/// users.insert("ann", "a better one"); // the old one is worth nothing any more
/// assert!(users.remove("bob"));
/// assert!(!users.remove("bob"));
/// assert_eq!(users.len(), 1);
/// assert!(!format!("{users:?}").contains("better"));
/// ```
#[derive(Clone, Default)]
pub struct PlainUsers(Arc<Mutex<Vec<User>>>);

impl PlainUsers {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this user too.
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    ///
    /// Example: at [`PlainUsers`].
    #[must_use]
    pub fn with(self, username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        self.insert(username, password);
        self
    }

    /// Lets this user in; one who was known gets another password.
    ///
    /// # Panics
    ///
    /// When the name or the password has more than 255 bytes: no peer could ever send it.
    ///
    /// Example: at [`PlainUsers`].
    pub fn insert(&self, username: impl AsRef<[u8]>, password: impl AsRef<[u8]>) {
        let (username, password) = (username.as_ref(), password.as_ref());
        assert!(
            username.len() <= MAX_NAME,
            "the user name has more than 255 bytes"
        );
        assert!(password.len() <= MAX_NAME, "the password has more than 255 bytes");
        let user = User::new(username, password);
        let mut users = self.0.lock();
        users.retain(|known| known.username != user.username);
        users.push(user);
    }

    /// Lets this user in no more. Whether it was known.
    ///
    /// Example: at [`PlainUsers`].
    pub fn remove(&self, username: impl AsRef<[u8]>) -> bool {
        let mut users = self.0.lock();
        let before = users.len();
        users.retain(|user| *user.name() != *username.as_ref());
        users.len() < before
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn know(&self, username: &[u8], password: &[u8]) -> bool {
        if username.len() > MAX_NAME || password.len() > MAX_NAME {
            return false;
        }
        let asked = User::new(username, password);
        let mut is_known = Choice::from(0);
        for user in self.0.lock().iter() {
            let is_it = user.username.ct_eq(&asked.username) & user.password.ct_eq(&asked.password);
            is_known = Choice::conditional_select(&is_known, &Choice::from(1), is_it);
        }
        is_known.into()
    }
}

impl Authenticator for PlainUsers {
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        ready(match applicant.credentials() {
            Credentials::Plain { username, password } => {
                let name = escaped(username);
                if self.know(username, password.expose()) {
                    Verdict::accept_as(name)
                } else {
                    Verdict::refuse(format!("no user {name} with that password"))
                }
            }
            _ => Verdict::fail("only PLAIN has users"),
        })
    }
}

impl fmt::Debug for PlainUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.0.lock();
        let names = users.iter().map(|user| escaped(user.name()));
        f.debug_set().entries(names).finish()
    }
}

/// A length and a name, a length and a password, as long as the longest ones.
struct User {
    username: [u8; 1 + MAX_NAME],
    password: [u8; 1 + MAX_NAME],
}

impl User {
    fn new(username: &[u8], password: &[u8]) -> Self {
        Self {
            username: padded(username),
            password: padded(password),
        }
    }

    fn name(&self) -> &[u8] {
        let (&len, name) = match self.username.split_first() {
            Some(split) => split,
            None => return &[],
        };
        name.get(..usize::from(len)).unwrap_or_default()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.password.zeroize();
    }
}

/// At most 255 bytes, behind their number.
fn padded(text: &[u8]) -> [u8; 1 + MAX_NAME] {
    let mut padded = [0; 1 + MAX_NAME];
    let (len, rest) = padded.split_at_mut(1);
    len.fill(text.len() as u8);
    for (slot, byte) in rest.iter_mut().zip(text) {
        *slot = *byte;
    }
    padded
}
