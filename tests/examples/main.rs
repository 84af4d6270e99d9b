//! The examples, as a person would run them.
//!
//! `cargo test` builds the examples, but says nowhere where they are, and `cargo test --test examples` does not build
//! them: so each test asks cargo for its example first, which costs nothing when it is there.

mod pipeline;
mod terminals;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::process::Command;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Far more than any of them takes; below the limit of a test binary.
const LIMIT: Duration = Duration::from_secs(60);

/// An example, ready to be told its arguments.
fn example(name: &str) -> Command {
    let mut command = Command::new(examples().join(name));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The directory of the examples, built as this test was.
fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "test" } else { "release" };
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--examples", "--profile", profile])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "cargo builds the examples"
        );
        let this = std::env::current_exe().expect("a test has a path");
        let target = this.ancestors().nth(2).expect("tests lie in target/PROFILE/deps");
        target.join("examples")
    })
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
