//! Signals: stops another process and lets it go on, as a fault that a test makes. (Killing a child the standard library
//! can do.)

use std::io;

/// Stops a process, whatever it does: SIGSTOP. The signal is on its way when this returns, and not more.
pub fn stop(process: u32) -> io::Result<()> {
    send(process, libc::SIGSTOP)
}

/// Lets a process that was stopped go on: SIGCONT.
pub fn resume(process: u32) -> io::Result<()> {
    send(process, libc::SIGCONT)
}

fn send(process: u32, signal: libc::c_int) -> io::Result<()> {
    // Zero and negative numbers name groups of processes, or all of them.
    let one = libc::pid_t::try_from(process).ok().filter(|process| *process > 0);
    let process = one.ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: takes two numbers.
    if unsafe { libc::kill(process, signal) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Undoes what Rust's runtime does before `main`: from here on this process dies of a write to a broken pipe, unless
/// whoever writes sees to it that it does not.
pub fn die_of_broken_pipes() {
    // SAFETY: the default action is not a handler of ours, and nobody else has set one.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
