//! The main job: it counts right, and losing a worker is a case, not an accident.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::{LIMIT, Result, example, shown};

#[tokio::test]
async fn pipeline_counts_what_a_single_process_counts_over_tcp() -> Result {
    pipeline_counts_a_small_tree("tcp").await
}

#[tokio::test]
async fn pipeline_counts_what_a_single_process_counts_over_ipc() -> Result {
    pipeline_counts_a_small_tree("ipc").await
}

/// The README's first command.
#[tokio::test]
async fn pipeline_counts_the_repository_when_it_is_told_nothing() -> Result {
    let output = timeout(LIMIT, example("pipeline").output()).await??;
    assert!(output.status.success(), "{}", shown(&output));
    Ok(())
}

async fn pipeline_counts_a_small_tree(transport: &str) -> Result {
    let tree = Tree::new(&format!("counts-{transport}"))?;
    let mut command = example("pipeline");
    command
        .arg(tree.path())
        .args(["--workers", "3", "--transport", transport]);
    let child = command.spawn()?;
    let ours = child.id().ok_or("it has not ended yet")?;
    let output = timeout(LIMIT, child.wait_with_output()).await??;
    let shown = shown(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");

    let workers: HashSet<u32> = shown.lines().filter_map(worker_process).collect();
    assert_eq!(workers.len(), 3, "{shown}");
    assert!(!workers.contains(&ours), "{shown}");

    assert!(
        shown.contains("40 files with") && shown.contains("1 are not UTF-8"),
        "{shown}"
    );
    // 40 files of 1000 lines with two words each; one of the words is always the same.
    assert!(shown.contains("40,000  word"), "{shown}");
    assert!(
        shown.contains("a single process counts the same 80,000 words"),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn pipeline_ends_and_names_the_chunks_when_a_worker_is_killed_over_tcp() -> Result {
    pipeline_loses_a_worker("tcp").await
}

#[tokio::test]
async fn pipeline_ends_and_names_the_chunks_when_a_worker_is_killed_over_ipc() -> Result {
    pipeline_loses_a_worker("ipc").await
}

async fn pipeline_loses_a_worker(transport: &str) -> Result {
    let tree = Tree::new(&format!("killed-{transport}"))?;
    let mut command = example("pipeline");
    // Worker 1 is always dealt the first chunk; it takes it, and stands still.
    command
        .arg(tree.path())
        .args(["--transport", transport, "--hold", "0"]);
    let mut child = command.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("stdout is a pipe")?).lines();

    let mut worker = None;
    loop {
        let line = timeout(LIMIT, lines.next_line()).await??;
        let line = line.ok_or("it ended before worker 1 stood still")?;
        if line.starts_with("worker 1 is process") {
            worker = worker_process(&line);
        }
        if line == "worker 1 stands still" {
            break;
        }
    }
    let worker = worker.ok_or("no line names the process of worker 1")?;
    assert_eq!(parent_of(worker)?, child.id());

    // Standard library and tokio kill children only, and this is a grandchild.
    let killed = Command::new("sh")
        .args(["-c", &format!("kill -KILL {worker}")])
        .status();
    assert!(timeout(LIMIT, killed).await??.success());

    let mut rest = String::new();
    timeout(LIMIT, lines.into_inner().read_to_string(&mut rest)).await??;
    let status = timeout(LIMIT, child.wait()).await??;
    assert_eq!(status.code(), Some(2), "{rest}");
    let list = rest
        .lines()
        .find_map(|line| line.strip_prefix("NOT ANSWERED by worker 1: "))
        .unwrap_or_else(|| panic!("no list of worker 1's chunks in:\n{rest}"));
    let (_, numbers) = list.split_once("chunks: ").ok_or("a list of numbers")?;
    assert!(numbers.starts_with('0'), "worker 1 had the first chunk: {list}");
    assert!(!rest.contains("NOT ANSWERED by worker 2"), "{rest}");
    assert!(!rest.contains("NOT DEALT OUT"), "{rest}");
    Ok(())
}

/// `worker 2 is process 4711`
fn worker_process(line: &str) -> Option<u32> {
    let (worker, process) = line.split_once(" is process ")?;
    worker.strip_prefix("worker ")?;
    process.parse().ok()
}

fn parent_of(process: u32) -> Result<Option<u32>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    Ok(parent.and_then(|parent| parent.trim().parse().ok()))
}

/// A directory with 40 text files, and with what should be skipped.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Result<Self> {
        let tree =
            Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id())));
        for directory in ["a/b", ".hidden", "target"] {
            fs::create_dir_all(tree.path().join(directory))?;
        }
        for number in 0..40 {
            let directory = if number % 2 == 0 { "a" } else { "a/b" };
            let text: String = (0..1000).map(|line| format!("Word-nr{line}\n")).collect();
            fs::write(tree.path().join(directory).join(format!("{number}.txt")), text)?;
        }
        fs::write(tree.path().join("a/picture.png"), b"\x89PNG\xFF\xFE")?;
        fs::write(tree.path().join(".hidden/not.txt"), "not counted")?;
        fs::write(tree.path().join("target/not.txt"), "not counted")?;
        Ok(tree)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
