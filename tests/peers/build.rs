//! Builds libzmq 4.3.5 with CURVE the way distributions build it.
//!
//! The crate `zeromq-src` carries libzmq's sources, but skips the feature tests of libzmq's own build: without
//! the definitions below its threads would wake each other through a socket pair instead of an eventfd and its
//! queues would not be aligned to cache lines, and a bench beside it would flatter us. They are what libzmq's
//! `configure` finds on Linux, with one exception: `HAVE_FORK`, which costs libzmq one `getpid` for each wake-up,
//! stays out. The optimisation is the distributions' `-O2` whatever the cargo profile, so that tests and benches
//! meet the same libzmq.

use std::env;

const OPTIMISATION: &str = "2";

/// What matters to speed comes first.
const DEFINITIONS: &[&str] = &[
    "ZMQ_HAVE_EVENTFD",
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    "HAVE_POSIX_MEMALIGN",
    "ZMQ_CACHELINE_SIZE=64",
    "HAVE_CLOCK_GETTIME",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
    "ZMQ_HAVE_NOEXCEPT",
    "HAVE_ACCEPT4",
    "HAVE_MKDTEMP",
    "HAVE_IF_NAMETOINDEX",
    "ZMQ_HAVE_IFADDRS",
    "ZMQ_HAVE_O_CLOEXEC",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_HAVE_SO_PEERCRED",
    "ZMQ_HAVE_SO_BINDTODEVICE",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_SO_PRIORITY",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "ZMQ_HAVE_PTHREAD_SETNAME_2",
    "ZMQ_HAVE_PTHREAD_SET_AFFINITY",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");

    let flags: String = DEFINITIONS
        .iter()
        .map(|definition| format!(" -D{definition}"))
        .collect();
    // `zeromq-src` hands no compiler object out; the environment is the way to reach it.
    set_env("OPT_LEVEL", OPTIMISATION);
    set_env("DEBUG", "false");
    for variable in ["CFLAGS", "CXXFLAGS"] {
        let inherited = env::var(variable).unwrap_or_default();
        set_env(variable, &format!("{inherited}{flags}"));
    }

    zeromq_src::Build::new()
        .enable_draft(true)
        .with_libsodium(Some(libsodium()))
        .build();

    println!(
        "cargo:rustc-env=PEERS_LIBZMQ_FLAGS=-O{OPTIMISATION} -DZMQ_BUILD_DRAFT_API -DZMQ_USE_LIBSODIUM{flags}"
    );
}

/// Where `libsodium-sys-stable` has put libsodium's headers and its archive.
fn libsodium() -> zeromq_src::LibLocation {
    println!("cargo:rerun-if-env-changed=DEP_SODIUM_INCLUDE");
    println!("cargo:rerun-if-env-changed=DEP_SODIUM_LIB");
    match (env::var_os("DEP_SODIUM_INCLUDE"), env::var_os("DEP_SODIUM_LIB")) {
        (Some(include), Some(lib)) => zeromq_src::LibLocation::new(lib, include),
        _ => panic!("libsodium-sys-stable did not say where libsodium is"),
    }
}

fn set_env(name: &str, value: &str) {
    // SAFETY: a build script's main thread, before anything has started another thread.
    unsafe { env::set_var(name, value) }
}
