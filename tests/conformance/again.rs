//! This test program once more, as another process: it runs one test, which plays the role that it finds in its
//! environment, and says lines.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

/// What the role says begins with this; what the test harness says does not.
pub(crate) const MARK: &str = "» ";

/// The other process. It is killed when this is dropped.
pub(crate) struct Again {
    pub(crate) process: Child,
    /// Where it takes orders, if it does; the end of them may be its end.
    #[allow(dead_code)] // Not every program gives orders.
    pub(crate) stdin: ChildStdin,
    pub(crate) lines: mpsc::UnboundedReceiver<String>,
}

/// The command that starts this program.
pub(crate) fn program() -> Command {
    Command::new(std::env::current_exe().expect("a running program"))
}

impl Again {
    /// Runs this test, and no other.
    pub(crate) fn start(command: &mut Command, test: &str) -> Self {
        let mut process = command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a process can be started");
        let stdin = process.stdin.take().expect("it is piped");
        let stdout = process.stdout.take().expect("it is piped");
        // Whatever it says is taken at once: it must not wait for a test that looks at other things.
        let (heard, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut said = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = said.next_line().await {
                if heard.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            stdin,
            lines,
        }
    }

    /// Resident memory that is its own, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let rollup = std::fs::read_to_string(self.proc("smaps_rollup")).expect("the process lives");
        let line = rollup.lines().find(|line| line.starts_with("Private_Dirty:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
        kibibytes.expect("a number") * 1024
    }

    /// The path of what the system says of it.
    pub(crate) fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.process.id().expect("the process lives"))
    }
}
