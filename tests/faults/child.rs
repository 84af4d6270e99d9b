//! The other process, seen from this one: what it says, and what is done to it.

use peers::signal;
use tokio::io::AsyncWriteExt;

use crate::again::{Again, MARK, program};
use crate::campaign::{soon, until};
use crate::roles::ROLE;

/// A line that a process said: a word, and the rest.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) word: String,
    pub(crate) rest: String,
}

impl Said {
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let numbers = self.rest.split(' ').map(|number| number.parse());
        numbers.collect::<Result<_, _>>().expect("numbers")
    }
}

/// Another process, which plays a role.
pub(crate) struct Child {
    again: Again,
    id: u32,
}

impl Child {
    pub(crate) fn start(role: &str) -> Self {
        let again = Again::start(program().env(ROLE, role), "roles::plays_its_role");
        Self {
            id: again.process.id().expect("it was just started"),
            again,
        }
    }

    /// The next thing it says; `None` when it has ended.
    pub(crate) async fn hear(&mut self) -> Option<Said> {
        loop {
            let line = soon("a line of a process", self.again.lines.recv()).await?;
            if let Some(said) = parsed(&line) {
                return Some(said);
            }
        }
    }

    /// What it has said already.
    pub(crate) fn heard(&mut self) -> Option<Said> {
        loop {
            let line = self.again.lines.try_recv().ok()?;
            if let Some(said) = parsed(&line) {
                return Some(said);
            }
        }
    }

    /// Waits until it says this, which is the next thing that it says.
    pub(crate) async fn says(&mut self, word: &str) -> Said {
        let said = self.hear().await.expect("the process lives");
        assert_eq!(said.word, word, "{said:?}");
        said
    }

    pub(crate) async fn order(&mut self, order: &str) {
        let line = format!("{order}\n");
        self.again
            .stdin
            .write_all(line.as_bytes())
            .await
            .expect("the process lives");
    }

    /// Kills it. What it had said is still to be heard.
    pub(crate) async fn kill(&mut self) {
        soon("a process to be killed", self.again.process.kill())
            .await
            .expect("it is ours");
    }

    /// Stops it, and waits until it stands still. It is told so at every look: a shell that lets a whole job go on after
    /// it was stopped, this test and its processes, undoes what was told before.
    pub(crate) async fn stop(&self) {
        until("a process to stand still", || {
            signal::stop(self.id).expect("it is ours and lives");
            self.threads().all(|state| state == 'T')
        })
        .await;
    }

    pub(crate) fn resume(&self) {
        signal::resume(self.id).expect("it is ours and lives");
    }

    /// The states of its threads: `R` runs, `S` sleeps, `T` is stopped.
    fn threads(&self) -> impl Iterator<Item = char> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id)).expect("the process lives");
        tasks.flatten().filter_map(|task| {
            // A thread may end in between.
            let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
            stat.rsplit_once(") ")?.1.chars().next()
        })
    }
}

fn parsed(line: &str) -> Option<Said> {
    let (_, said) = line.split_once(MARK)?;
    let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
    assert_ne!(word, "failed", "a process found: {rest}");
    Some(Said {
        word: word.to_owned(),
        rest: rest.to_owned(),
    })
}
