//! The command line, the same for all benches that compare.

use std::process::exit;

use super::case::Case;
use super::contestant::Contestant;

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// All cases and contestants instead of the quick ones.
    pub full: bool,
    /// Print the table of docs/performance.md.
    pub markdown: bool,
    /// Only cases whose name contains this.
    pub only: Option<String>,
    /// Only contestants whose name contains this, besides the first.
    pub among: Option<String>,
    /// How often each contestant is measured in each case.
    pub rounds: usize,
}

const USAGE: &str = "\
options, after `cargo bench --bench NAME --`:
  --quick            the cases of docs/performance.md (default)
  --full             all cases; also plain threads, and the zeromq crate where it takes part
  --only SUBSTRING   the same for the cases whose name contains SUBSTRING
  --among SUBSTRING  of the contestants libzmq and those whose name contains SUBSTRING
  --rounds N         measure each contestant N times in turn (default 5)
  --markdown         print the table as docs/performance.md shows it";

impl Options {
    /// Reads the arguments; ends the process when they are wrong, ask for help or for none of these cases, or when this
    /// is no bench build.
    pub fn from_args(names: &[String]) -> Self {
        if cfg!(debug_assertions) {
            // `cargo test --all-targets` comes here.
            println!("nothing measured: this is not an optimised build, use `cargo bench`");
            exit(0);
        }
        match Self::parse(std::env::args().skip(1)) {
            Ok(Some(options)) if options.only.is_some() && !options.selects_any(names) => {
                let only = options.only.unwrap_or_default();
                eprintln!("--only {only:?}: no case has that in its name. There are:");
                names.iter().for_each(|name| eprintln!("  {name}"));
                exit(2);
            }
            Ok(Some(options)) => options,
            Ok(None) => {
                println!("{USAGE}");
                exit(0);
            }
            Err(problem) => {
                eprintln!("{problem}\n{USAGE}");
                exit(2);
            }
        }
    }

    fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            full: false,
            markdown: false,
            only: None,
            among: None,
            rounds: 5,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            match arg.as_str() {
                "--bench" => {} // from cargo
                "--quick" => options.full = false,
                "--full" => options.full = true,
                "--markdown" => options.markdown = true,
                "--only" => options.only = Some(value()?),
                "--among" => options.among = Some(value()?),
                "--rounds" => {
                    let rounds = value()?;
                    options.rounds = match rounds.parse() {
                        Ok(rounds) if rounds > 0 => rounds,
                        _ => return Err(format!("--rounds {rounds}: expected a number from 1")),
                    };
                }
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown option {arg}")),
            }
        }
        Ok(Some(options))
    }

    /// Whether it is the quick run.
    pub fn is_quick(&self) -> bool {
        !self.full && self.only.is_none()
    }

    /// Who takes part in a case.
    pub fn contestants(&self, case: &Case) -> Vec<Contestant> {
        let mut contestants = Contestant::of(case, self.is_quick());
        if let Some(part) = &self.among {
            let first = contestants[0];
            contestants.retain(|one| *one == first || one.to_string().contains(part.as_str()));
        }
        contestants
    }

    fn selects_any(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.selects(name, true))
    }

    /// Whether a case is to be measured.
    pub fn selects(&self, name: &str, quick: bool) -> bool {
        match &self.only {
            Some(part) => name.contains(part.as_str()),
            None => self.full || quick,
        }
    }
}
