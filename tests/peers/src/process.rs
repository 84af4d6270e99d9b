//! What benches ask of their own process, and the standard library does not offer.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// CPU time this process has used so far, user and system, of all its threads, ended ones too.
pub fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for writes of a timespec; the clock id is a constant.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr()) };
    assert_eq!(done, 0, "every process can read its own CPU clock");
    // SAFETY: clock_gettime returned success, so it filled the value in.
    let time = unsafe { time.assume_init() };
    // Never negative, and nanoseconds are below 10^9.
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Ties this process's calling thread, and every thread it starts from now on, to one CPU.
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    pin(0, cpu)
}

/// Ties all threads that another process has now to one CPU.
pub fn move_to_cpu(process: u32, cpu: usize) -> io::Result<()> {
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let number = thread?
            .file_name()
            .into_string()
            .ok()
            .and_then(|name| name.parse().ok());
        pin(number.ok_or(io::ErrorKind::InvalidData)?, cpu)?;
    }
    Ok(())
}

/// Ties a thread to one CPU; 0 is the calling thread.
fn pin(thread: libc::pid_t, cpu: usize) -> io::Result<()> {
    // SAFETY: a cpu_set_t is a plain array of bits; all zero is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if cpu >= 8 * size_of::<libc::cpu_set_t>() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the index was just checked against the size of the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set lives through the call and its size is given.
    if unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), &set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Bytes of a page of memory, in which the system counts what is resident.
pub fn page_size() -> u64 {
    // SAFETY: takes a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).expect("every system has pages")
}

/// Raises the number of files this process may open to the most it is allowed to ask for, and returns that.
pub fn allow_many_files() -> io::Result<u64> {
    allow_files(u64::MAX)
}

/// Sets the number of files this process may open, as far as it may ask for that, and returns what it is now.
pub fn allow_files(most: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is valid for writes of an rlimit.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max.min(most);
    // SAFETY: the pointer is valid for reads of an rlimit.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows_with_work() {
        let before = cpu_time();
        while cpu_time() - before < Duration::from_millis(1) {}
    }

    #[test]
    fn a_thread_can_be_tied_to_the_first_cpu_it_may_use() {
        // In a thread of its own, so that other tests keep their CPUs.
        std::thread::spawn(|| {
            let tied = (0..1024).any(|cpu| pin_to_cpu(cpu).is_ok());
            assert!(tied, "at least one CPU is ours");
            assert_eq!(
                std::thread::available_parallelism().map(usize::from).ok(),
                Some(1)
            );
        })
        .join()
        .expect("the thread does not panic");
    }
}
