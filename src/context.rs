//! Where the names of `inproc://` live.
//!
//! ```text
//!  bind ──claim(name)──▶ names ◀──find(name)── connect
//!    Claim: frees the name          waits until somebody has claimed it
//! ```
//!
//! A context is a table of names, each held by at most one bound socket. What stands behind a name is not known
//! here: a [`Host`] is put in by one side of `driver::inproc` and taken out by the other. Claims are numbered, so
//! that one who was turned away can wait for the *next* socket that binds the same name.
//!
//! The context that sockets share when they were given none is the only global state of this library. It holds
//! names and nothing else: no thread, no task, no runtime.
//!
//! A context may also have threads of its own ([`ContextBuilder::io_threads`]), which are the home of all its sockets. And it
//! knows the one runtime on which its blocking sockets live, as long as there are any: see `runtime::Lease`. And it may limit
//! what all of them have in their queues: see `pipe::Budget`.

mod builder;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{OnceLock, Weak};
use std::task::{self, Poll, Waker};

use tokio::runtime::Handle;

pub use self::builder::ContextBuilder;
use crate::error::ThreadsError;
use crate::pipe::Budget;
use crate::runtime::{IoThreads, Lease};
use crate::sync::{Arc, Mutex};

/// The names of `inproc://` endpoints, and threads for I/O and a budget of bytes if it was given any.
///
/// Sockets meet by name if they were built in the same context. Those that were given none share one for the whole
/// process; a context of its own keeps a library, or a test, from meeting anybody else's names. Cheap to clone: a
/// clone is the same context.
///
/// With [`io_threads`](ContextBuilder::io_threads) its sockets do not live on the runtime of their first `bind` or `connect`
/// but on these threads.
///
/// # Examples
///
/// ```
/// use hubless::{Context, Pull, Push};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let context = Context::new();
/// let pull = Pull::builder().context(&context).build()?;
/// let push = Push::builder().context(&context).build()?;
/// pull.bind("inproc://jobs").await?;
/// push.connect("inproc://jobs")?;
///
/// push.send("hello").await?;
/// assert_eq!(pull.recv().await?, "hello");
///
/// // The same name in another context is another endpoint.
/// Pull::new().bind("inproc://jobs").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

#[derive(Default)]
struct Inner {
    names: Mutex<Names>,
    threads: Option<IoThreads>,
    /// What its threads are called.
    thread_name: Option<String>,
    /// What the queues of all its sockets may hold together.
    budget: Option<Arc<Budget>>,
    /// The runtime of its blocking sockets: theirs, so that it goes with the last of them.
    lease: Mutex<Weak<Lease>>,
}

/// What stands behind a name.
pub(crate) type Host = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
struct Names {
    by_name: BTreeMap<Box<str>, Name>,
    /// The number of the last claim or search; the first has 1.
    last: u64,
}

/// A name that is held, or waited for, or both.
#[derive(Default)]
struct Name {
    host: Option<(u64, Host)>,
    waiting: BTreeMap<u64, Waker>,
}

impl Context {
    /// A context with no names in it.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Begins to describe a context with threads or a budget of its own.
    ///
    /// # Examples
    ///
    /// See [`ContextBuilder`].
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    fn with_threads(threads: IoThreads, name: String, budget: Option<Budget>) -> Self {
        Self(Arc::new(Inner {
            threads: Some(threads),
            thread_name: Some(name),
            budget: budget.map(Arc::new),
            ..Inner::default()
        }))
    }

    /// The thread on which a new socket is to live, if the context has any.
    pub(crate) fn io_thread(&self) -> Option<Handle> {
        self.0.threads.as_ref()?.pick()
    }

    /// What the queues of all its sockets may hold together, if there is a limit.
    pub(crate) fn budget(&self) -> Option<Arc<Budget>> {
        self.0.budget.clone()
    }

    /// The runtime of its blocking sockets, opened by the first.
    pub(crate) fn lease(&self) -> Result<Arc<Lease>, ThreadsError> {
        let mut lease = self.0.lease.lock();
        if let Some(lease) = lease.upgrade() {
            return Ok(lease);
        }
        let name = self.0.thread_name.as_deref().unwrap_or(builder::THREAD_NAME);
        let opened = Lease::open(name).map_err(ThreadsError::new)?;
        *lease = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// The context of sockets that were given none.
    pub(crate) fn of_the_process() -> Self {
        static CONTEXT: OnceLock<Context> = OnceLock::new();
        CONTEXT.get_or_init(Self::new).clone()
    }

    /// Takes a name until the claim is dropped. `None`: it is taken.
    pub(crate) fn claim(&self, name: &str, host: Host) -> Option<Claim> {
        let mut names = self.0.names.lock();
        let number = names.next_number();
        let entry = names.by_name.entry(name.into()).or_default();
        if entry.host.is_some() {
            return None;
        }
        entry.host = Some((number, host));
        let waiting = std::mem::take(&mut entry.waiting);
        drop(names);
        waiting.into_values().for_each(Waker::wake);
        Some(Claim {
            context: self.clone(),
            name: name.into(),
        })
    }

    /// Whether somebody holds this name now.
    pub(crate) fn is_held(&self, name: &str) -> bool {
        let names = self.0.names.lock();
        names.by_name.get(name).is_some_and(|name| name.host.is_some())
    }

    /// Waits until the name is held by a claim with a number above `after`: that number, and who stands behind it.
    pub(crate) fn find<'a>(&'a self, name: &'a str, after: u64) -> Find<'a> {
        Find {
            context: self,
            name,
            after,
            place: None,
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.names.lock();
        let held = names.by_name.iter().filter(|(_, name)| name.host.is_some());
        f.debug_set().entries(held.map(|(name, _)| name)).finish()
    }
}

impl Names {
    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Changes a name, and forgets it when it is neither held nor waited for any more.
    fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Name) -> T) -> Option<T> {
        let entry = self.by_name.get_mut(name)?;
        let result = change(entry);
        if entry.host.is_none() && entry.waiting.is_empty() {
            self.by_name.remove(name);
        }
        Some(result)
    }
}

/// A name that is held. Dropping it frees the name.
#[derive(Debug)]
pub(crate) struct Claim {
    context: Context,
    name: Box<str>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let host = self
            .context
            .0
            .names
            .lock()
            .change(&self.name, |name| name.host.take());
        // Outside the lock: the last reference to a socket may go with it.
        drop(host);
    }
}

/// The future of [`Context::find`].
pub(crate) struct Find<'a> {
    context: &'a Context,
    name: &'a str,
    after: u64,
    place: Option<u64>,
}

impl Future for Find<'_> {
    type Output = (u64, Host);

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut names = this.context.0.names.lock();
        let found = names.by_name.get(this.name).and_then(|name| name.host.clone());
        if let Some(found) = found.filter(|(number, _)| *number > this.after) {
            return Poll::Ready(found);
        }
        let number = names.next_number();
        let place = *this.place.get_or_insert(number);
        let entry = names.by_name.entry(this.name.into()).or_default();
        entry.waiting.insert(place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Find<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut names = self.context.0.names.lock();
            names.change(self.name, |name| name.waiting.remove(&place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn number_of(found: Poll<(u64, Host)>) -> Option<u64> {
        match found {
            Poll::Ready((number, _)) => Some(number),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_name_is_held_once_and_free_again_when_its_claim_goes() {
        let context = Context::new();
        assert!(!context.is_held("a"));
        let claim = context.claim("a", Arc::new(1)).expect("a free name");
        assert!(context.is_held("a") && !context.is_held("b"));
        assert!(context.claim("a", Arc::new(2)).is_none());
        assert!(Context::new().claim("a", Arc::new(2)).is_some());
        assert_eq!(format!("{context:?}"), r#"{"a"}"#);
        drop(claim);
        assert!(context.0.names.lock().by_name.is_empty());
        assert!(context.claim("a", Arc::new(2)).is_some());
    }

    #[test]
    fn who_waits_for_a_name_is_woken_by_its_claim_and_by_no_other() {
        let context = Context::new();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let mut cx = task::Context::from_waker(&waker);
        let mut find = pin!(context.find("a", 0));
        assert_eq!(number_of(find.as_mut().poll(&mut cx)), None);
        assert!(!context.is_held("a"), "it is only waited for");
        let _other = context.claim("b", Arc::new(1)).expect("a free name");
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        let _claim = context.claim("a", Arc::new(1)).expect("a free name");
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(find.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn who_was_turned_away_waits_for_the_next_claim_of_the_name() {
        let context = Context::new();
        let mut cx = task::Context::from_waker(Waker::noop());
        let first = context.claim("a", Arc::new(1)).expect("a free name");
        let number = number_of(pin!(context.find("a", 0)).poll(&mut cx)).expect("it is held");
        let mut next = pin!(context.find("a", number));
        assert_eq!(number_of(next.as_mut().poll(&mut cx)), None);
        drop(first);
        assert_eq!(number_of(next.as_mut().poll(&mut cx)), None);
        let _second = context.claim("a", Arc::new(2)).expect("a free name");
        assert!(number_of(next.as_mut().poll(&mut cx)).is_some_and(|next| next > number));
    }

    #[test]
    fn a_search_that_is_given_up_leaves_nothing_behind() {
        let context = Context::new();
        let mut cx = task::Context::from_waker(Waker::noop());
        {
            let mut find = pin!(context.find("a", 0));
            assert!(find.as_mut().poll(&mut cx).is_pending());
            assert!(find.as_mut().poll(&mut cx).is_pending());
            assert_eq!(context.0.names.lock().by_name["a"].waiting.len(), 1);
        }
        assert!(context.0.names.lock().by_name.is_empty());
    }
}
