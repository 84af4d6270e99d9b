//! What fuzzing has found worth keeping, played again; and that every target is where it is looked for.

use std::fs;
use std::path::{Path, PathBuf};

/// A target by the name of its folder.
type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[
    ("command", super::command),
    ("curve", super::curve),
    ("decoder", super::decoder),
    ("endpoint", super::endpoint),
    ("greeting", super::greeting),
    ("metadata", super::metadata),
    ("plain", super::plain),
    ("session", super::session),
    ("spelling", super::spelling),
    ("topics", super::topics),
    ("zap", super::zap),
];

/// The most files of a corpus, and bytes of a file: it is kept for ever.
const MOST_FILES: usize = 50;
const LONGEST: usize = 4096;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry can be read").file_name();
        name.into_string().expect("names are text")
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn every_corpus_is_small_and_finds_nothing() {
    for (name, target) in TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let files = names(&folder);
        assert!(
            (1..=MOST_FILES).contains(&files.len()),
            "{name} has {} files",
            files.len()
        );
        for file in files {
            let bytes = fs::read(folder.join(&file)).expect("it can be read");
            assert!(bytes.len() <= LONGEST, "{name}/{file} has {} bytes", bytes.len());
            // A panic names the file.
            println!("{name}/{file}");
            target(&bytes);
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let expected: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("corpus")), expected);
    let programs: Vec<_> = expected.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), programs);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("it can be read");
    for name in expected {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        let path = fuzz().join("fuzz_targets").join(format!("{name}.rs"));
        let program = fs::read_to_string(path).expect("it can be read");
        assert!(
            program.contains(&format!("hubless::fuzzing::{name}(data)")),
            "{name}"
        );
    }
}
