//! What stands on top of the sockets: sockets for plain threads, threads of a context's own, and a proxy.
//!
//! | file | what |
//! |---|---|
//! | [`methods`] | every method does what the async one does |
//! | [`polling`] | looking at several at once changes nothing in them |
//! | [`together`] | many threads at once, and programs in which nobody waits |
//! | [`ending`] | closing while others wait; what is left of threads: nothing |
//! | [`refusals`] | inside a runtime nobody waits |
//! | [`io_threads`] | a context with threads of its own |
//! | [`proxy`] | what goes through a proxy, and who steers it |

mod ending;
mod io_threads;
mod methods;
mod polling;
mod proxy;
mod refusals;
mod together;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use hubless::kind::Kind;
use hubless::{Context, blocking};

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Long for anything that is to happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Short for anything that is not.
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// A context whose threads, if it ever has any, are called `name`.
pub(crate) fn context(name: &str) -> Context {
    Context::builder()
        .thread_name(name)
        .build()
        .expect("no thread is started")
}

/// A blocking socket in a context.
pub(crate) fn socket_in<K: Kind>(context: &Context) -> blocking::Socket<K> {
    let socket = hubless::Socket::<K>::builder().context(context).build();
    socket.expect("nothing contradicts").into()
}

/// How many threads of this process have a name that begins so. Linux keeps 15 bytes of it.
pub(crate) fn threads_called(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("the threads of this process");
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|comm| comm.starts_with(name))
        .count()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "waited in vain: {what}");
        thread::yield_now();
    }
}
