//! Whom a server lets in, and with which keys it can be reached: both may change while it runs.
//!
//! A server without an answer to the first question is no [`Mechanism`]: that it does not compile is the whole point of
//! [`CurveServer`]. The second has more than one answer for as long as not all clients have heard of a new key.

use std::collections::HashMap;
use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

use super::super::{Mechanism, Role};
use super::keys::{KeyPair, PublicKey};
use crate::mechanism::auth::{Applicant, Authenticator, Credentials, Verdict};
use crate::sync::Mutex;

/// A server of CURVE that has not been told yet whom to let in.
///
/// # Examples
///
/// ```
/// use hubless::auth::{Applicant, Credentials, Verdict};
/// use hubless::curve::{AllowList, KeyPair};
/// use hubless::{Curve, Mechanism};
///
/// let (server, ann) = (KeyPair::generate()?, KeyPair::generate()?);
///
/// let by_list: Mechanism = Curve::server(server.clone()).allow(AllowList::new().with(ann.public_key(), "ann"));
/// let encrypted_only = Curve::server(server.clone()).allow_any();
/// let by_asking = Curve::server(server).authenticator(async |applicant: Applicant| {
///     match applicant.credentials() {
///         Credentials::Curve(key) if key.to_string().starts_with('a') => Verdict::accept(),
///         _ => Verdict::refuse("not one of them"),
///     }
/// });
/// # let _ = (by_list, encrypted_only, by_asking);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "say whom it lets in"]
pub struct CurveServer(ServerKeys);

impl CurveServer {
    pub(super) fn new(keys: ServerKeys) -> Self {
        Self(keys)
    }

    /// Lets in who has a key of this list, or of these keys.
    ///
    /// Example: at [`CurveServer`].
    pub fn allow(self, keys: impl Into<AllowList>) -> Mechanism {
        self.authenticator(keys.into())
    }

    /// Lets in whoever knows our public key: what is said is encrypted, but nobody knows to whom.
    pub fn allow_any(self) -> Mechanism {
        Mechanism::new(Role::CurveServer(self.0))
    }

    /// Lets in whom `authenticator` accepts. It is asked about keys whose owners have proved to have them.
    ///
    /// Example: at [`CurveServer`].
    pub fn authenticator(self, authenticator: impl Authenticator) -> Mechanism {
        Mechanism::new(Role::CurveServer(self.0)).decided_by(authenticator)
    }
}

/// The key pairs by which a server can be reached: one, or two while the newer one is told to all clients.
///
/// A handle: clones are the same keys, and a change counts for every peer that comes from then on. Whoever is
/// connected already stays.
///
/// # Examples
///
/// ```
/// use hubless::Curve;
/// use hubless::curve::{KeyPair, ServerKeys};
///
/// let (old, new) = (KeyPair::generate()?, KeyPair::generate()?);
/// let keys = ServerKeys::from(old.clone());
/// let mechanism = Curve::server(keys.clone()).allow_any();
///
/// keys.rotate(new.clone()); // clients may know either
/// assert_eq!(keys.public_keys(), [new.public_key(), old.public_key()]);
/// keys.retire(); // … and from now on only the new one
/// assert_eq!(keys.public_keys(), [new.public_key()]);
/// # let _ = mechanism;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct ServerKeys(Arc<Mutex<Vec<Arc<KeyPair>>>>);

impl ServerKeys {
    /// The newest first, at most two.
    pub(super) fn current(&self) -> Vec<Arc<KeyPair>> {
        self.0.lock().clone()
    }

    /// Can be reached by this key too, from now on. Of those before only the newest stays: an attempt with a wrong key
    /// must not cost us more than two tries.
    ///
    /// Example: at [`ServerKeys`].
    pub fn rotate(&self, newer: KeyPair) {
        let mut keys = self.0.lock();
        keys.insert(0, Arc::new(newer));
        keys.truncate(2);
    }

    /// Can be reached by the newest key alone, from now on.
    ///
    /// Example: at [`ServerKeys`].
    pub fn retire(&self) {
        self.0.lock().truncate(1);
    }

    /// The public keys by which clients may know us, the newest first.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.0.lock().iter().map(|pair| pair.public_key()).collect()
    }
}

impl From<KeyPair> for ServerKeys {
    fn from(pair: KeyPair) -> Self {
        Self(Arc::new(Mutex::new(vec![Arc::new(pair)])))
    }
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerKeys").field(&self.public_keys()).finish()
    }
}

/// Clients that a server of CURVE lets in, each with the name by which it is known.
///
/// A handle: clones are the same list, and a change counts for every peer that comes from then on. Whoever is
/// connected already stays. The [user id](crate::Peer::user_id) of a peer is its name, or its key as text if it has
/// none.
///
/// # Examples
///
/// ```
/// use hubless::Curve;
/// use hubless::curve::{AllowList, KeyPair};
///
/// let (server, ann, bob) = (KeyPair::generate()?, KeyPair::generate()?, KeyPair::generate()?);
/// let list = AllowList::from([ann.public_key()]);
/// let mechanism = Curve::server(server).allow(list.clone());
///
/// list.insert(bob.public_key(), "bob"); // from now on he may come, too
/// assert!(list.remove(&ann.public_key()));
/// assert!(list.contains(&bob.public_key()) && list.len() == 1);
/// # let _ = mechanism;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct AllowList(Arc<Mutex<HashMap<PublicKey, String>>>);

impl AllowList {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this client too.
    ///
    /// Example: at [`CurveServer`].
    #[must_use]
    pub fn with(self, key: PublicKey, name: impl Into<String>) -> Self {
        self.insert(key, name);
        self
    }

    /// Lets this client in; one who was known gets another name. An empty name is none.
    ///
    /// Example: at [`AllowList`].
    pub fn insert(&self, key: PublicKey, name: impl Into<String>) {
        self.0.lock().insert(key, name.into());
    }

    /// Lets this client in no more. Whether it was known.
    ///
    /// Example: at [`AllowList`].
    pub fn remove(&self, key: &PublicKey) -> bool {
        self.0.lock().remove(key).is_some()
    }

    /// Lets these in and nobody else, in one step: no peer meets half a list.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::Curve;
    /// use hubless::curve::{AllowList, KeyPair};
    ///
    /// let (server, ann, bob) = (KeyPair::generate()?, KeyPair::generate()?, KeyPair::generate()?);
    /// let list = AllowList::from([ann.public_key()]);
    /// let mechanism = Curve::server(server).allow(list.clone()); // and sockets are built with it
    ///
    /// // Later, while they live: ann has left the company, bob is new.
    /// list.replace([(bob.public_key(), "bob".to_owned())]);
    /// assert!(list.contains(&bob.public_key()) && !list.contains(&ann.public_key()));
    /// # let _ = mechanism;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn replace(&self, with: impl IntoIterator<Item = (PublicKey, String)>) {
        let list = with.into_iter().collect();
        *self.0.lock() = list;
    }

    /// Whether this client is let in.
    ///
    /// Example: at [`AllowList`].
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.lock().contains_key(key)
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Keys without names.
impl<I: IntoIterator<Item = PublicKey>> From<I> for AllowList {
    fn from(keys: I) -> Self {
        let list = Self::new();
        keys.into_iter().for_each(|key| list.insert(key, ""));
        list
    }
}

impl Authenticator for AllowList {
    fn authenticate(&self, applicant: Applicant) -> impl Future<Output = Verdict> + Send {
        ready(match applicant.credentials() {
            Credentials::Curve(key) => match self.0.lock().get(key) {
                Some(name) if name.is_empty() => Verdict::accept_as(key.to_string()),
                Some(name) => Verdict::accept_as(name),
                None => Verdict::refuse(format!("its key {key} is not on the list")),
            },
            _ => Verdict::fail("only CURVE has keys"),
        })
    }
}

impl fmt::Debug for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.lock().iter()).finish()
    }
}
