//! What the documents say of this repository is so: links lead somewhere, and tests that are named exist. What the
//! documentation of the code must say is in `code`, the table of options in `options`.
//!
//! ```text
//! UPDATE_DOCUMENTS=1 cargo test --test documents     writes the lists of tests into docs/guarantees.md,
//!                                                    and the figures of docs/performance.md into the README
//! ```

mod code;
mod figures;
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

const GUARANTEES: &str = "docs/guarantees.md";

#[test]
fn every_link_leads_to_a_file() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document that was found can be read");
        let here = document.parent().expect("a file has a directory");
        for target in links(&text) {
            let file = target.split('#').next().unwrap_or_default();
            assert!(
                target.contains("://") || here.join(file).exists(),
                "{}: a link to {target}, which is not there",
                document.display()
            );
        }
    }
}

#[test]
fn every_example_and_bench_that_is_named_exists() {
    for document in documents() {
        let text = fs::read_to_string(&document).expect("a document that was found can be read");
        for (flag, folder) in [
            ("--example ", "examples"),
            ("--bench ", "benches"),
            ("--test ", "tests"),
        ] {
            for (at, _) in text.match_indices(flag) {
                let name: String = text[at + flag.len()..]
                    .chars()
                    .take_while(|char| char.is_alphanumeric() || *char == '_')
                    .collect();
                let place = root().join(folder).join(&name);
                assert!(
                    place.with_extension("rs").exists() || place.join("main.rs").exists(),
                    "{}: {flag}{name}, which is not there",
                    document.display()
                );
            }
        }
    }
}

/// A room that names some of the files which lie in it names all of them, and none that is not there.
#[test]
fn the_rooms_are_as_they_are_drawn() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).expect("the picture is there");
    let rooms = text
        .split("\nsrc/\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let mut named = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut room = "";
    for line in rooms.expect("the rooms are drawn").lines() {
        let mut words = line.split([' ', ';', ':']).filter(|word| !word.is_empty());
        if line.starts_with("  ") && !line.starts_with("   ") {
            let first = words.next().unwrap_or_default();
            assert!(
                root().join("src").join(first).exists(),
                "src/{first} is not there"
            );
            room = first.trim_end_matches(".rs").trim_end_matches('/');
            named.entry(room).or_default();
        }
        let files = words.filter_map(|word| word.strip_suffix(".rs"));
        named.entry(room).or_default().extend(files);
    }
    for place in fs::read_dir(root().join("src")).expect("there is code").flatten() {
        let name = place.file_name().into_string().expect("names are text");
        let room = name.trim_end_matches(".rs");
        let files = named.get(room);
        let files = files.unwrap_or_else(|| panic!("the room src/{name} is not drawn"));
        if files.is_empty() || !place.path().is_dir() {
            continue;
        }
        let there = fs::read_dir(place.path())
            .expect("a folder can be read")
            .flatten();
        let there = there.map(|file| file.file_name().into_string().expect("names are text"));
        let there: BTreeSet<String> = there
            .filter_map(|file| Some(file.strip_suffix(".rs")?.to_owned()))
            .filter(|file| !matches!(file.as_str(), "mod" | "tests"))
            .collect();
        let drawn = files.iter().filter(|file| !matches!(**file, "mod" | "tests"));
        let drawn: BTreeSet<String> = drawn
            .map(|file| file.rsplit('/').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            drawn, there,
            "the files of src/{room}, as they are drawn and as they are"
        );
    }
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let tests = tests_by_promise();
    let path = root().join(GUARANTEES);
    let text = fs::read_to_string(&path).expect("the guarantees are there");
    if env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, with_lists(&text, &tests)).expect("the guarantees can be written");
        return;
    }
    let known: BTreeSet<&str> = tests.values().flatten().map(|(name, _)| name.as_str()).collect();
    let named: BTreeSet<&str> = named_tests(&text).collect();
    let missing: Vec<_> = known.symmetric_difference(&named).collect();
    assert!(
        missing.is_empty() && text == with_lists(&text, &tests),
        "{GUARANTEES} does not list the tests that there are: {missing:?}\n\
         UPDATE_DOCUMENTS=1 cargo test --test documents"
    );
}

#[test]
fn every_promise_and_every_row_of_the_limits_has_a_test() {
    let text = fs::read_to_string(root().join(GUARANTEES)).expect("the guarantees are there");
    let numbers = |line: &str, before: &str, after: char| {
        let (number, rest) = line.strip_prefix(before)?.split_once(after)?;
        (!rest.is_empty()).then(|| number.parse::<u32>().ok())?
    };
    let promises = text
        .lines()
        .filter_map(|line| numbers(line, "### G", ' ').map(|number| format!("g{number:02}")));
    let rows = text
        .lines()
        .filter_map(|line| numbers(line, "| ", ' ').map(|number| format!("row_{number:02}")));
    let promised: Vec<_> = promises.chain(rows).collect();
    assert_eq!(promised.len(), 12 + 23, "{promised:?}");
    let tests = tests_by_promise();
    let tested: Vec<_> = tests.keys().cloned().collect();
    assert_eq!(
        tested, promised,
        "on the right what is promised, on the left what is tested"
    );
}

#[test]
fn tests_are_found_wherever_their_names_are_written() {
    let found = |line| test_name(line).filter(|name| promise(name).is_some());
    for line in [
        "fn g01_a() {",
        "    async fn g01_a(at: Transport) -> Outcome {",
        "pub(crate) async fn g01_a<K: Kind>(",
        "    g01_a: inner;",
        "g01_a: inner::<Push>, more;",
    ] {
        assert_eq!(found(line), Some("g01_a"), "{line}");
    }
    // Where it is called, imported, or turned into a test for each transport it was written before.
    for line in [
        "g01_a(at).await",
        "    g01_a",
        "use g01_a::b;",
        "g01_a::b();",
        "fn g1_a() {",
        "x: g01_a;",
    ] {
        assert_eq!(found(line), None, "{line}");
    }
}

#[test]
fn every_file_and_test_that_conformance_names_exists() {
    let rows = conformance();
    assert!(rows.len() >= 200, "{} rows", rows.len());
    for (_, row) in rows {
        let [_clause, what, code, tests] = &row[..] else {
            panic!("four cells: {row:?}");
        };
        if code == "—" {
            assert!(what.contains("**Not there**"), "what is there has code: {row:?}");
            continue;
        }
        let files = |cell| quoted(cell).filter(|name| name.ends_with(".rs"));
        for file in files(code).chain(files(tests)) {
            assert!(root().join(file).is_file(), "{file} is not there: {row:?}");
        }
        let (mut file, mut named) = (String::new(), 0);
        for name in quoted(tests) {
            if name.ends_with(".rs") {
                file = fs::read_to_string(root().join(name)).expect("it was there a moment ago");
            } else {
                // Many are made by macros, of a function or of a line of a table.
                let is_there = file.contains(&format!("fn {name}("))
                    || file.contains(&format!("fn {name}<"))
                    || file.contains(&format!("{name}: "));
                assert!(is_there, "there is no test {name}: {row:?}");
                named += 1;
            }
        }
        assert!(named > 0, "no test is named: {row:?}");
    }
}

/// `PUSH 3, 6` and `PUSH 4–5`: in each section from 1 on, none twice and none left out.
#[test]
fn conformance_leaves_no_clause_out() {
    let mut sections = BTreeMap::<(String, String), Vec<u32>>::new();
    for (rfc, row) in conformance() {
        let numbers = [' ', ',', '–', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
        let section = row[0].trim_end_matches(numbers);
        let numbers = row[0][section.len()..].trim();
        let counted = sections.entry((rfc, section.to_owned())).or_default();
        for part in numbers.split(", ") {
            let (first, last) = part.split_once('–').unwrap_or((part, part));
            let number = |text: &str| -> u32 { text.parse().expect("a number") };
            counted.extend(number(first)..=number(last));
        }
    }
    for (section, mut counted) in sections {
        counted.sort_unstable();
        let all: Vec<u32> = (1..=counted.len() as u32).collect();
        assert_eq!(counted, all, "{section:?}");
    }
}

/// The cells of each row, and what it stands under.
fn conformance() -> Vec<(String, Vec<String>)> {
    let path = root().join("docs/conformance.md");
    let text = fs::read_to_string(&path).expect("the table is there");
    let mut heading = "";
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("## ") {
            heading = next;
        } else if line.starts_with("| ") && !line.starts_with("| clause |") {
            let cells = line.trim_matches(['|', ' ']).split(" | ").map(str::to_owned);
            rows.push((heading.to_owned(), cells.collect()));
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `trap_07_…` is a test of trap 7.
#[test]
fn every_trap_is_explained_and_tested() {
    let path = root().join("docs/traps.md");
    let text = fs::read_to_string(&path).expect("the traps are there");
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok());
    let explained: BTreeSet<u32> = rows.collect();
    let mut tested = BTreeSet::new();
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            let names = text.split("fn trap_").skip(1);
            // One test may be of several: `trap_12_and_13_…`.
            let of = |name: &str| -> Vec<u32> {
                let parts = name.split('_').filter(|part| *part != "and");
                parts.map_while(|part| part.parse().ok()).collect()
            };
            tested.extend(names.flat_map(of));
        }
    }
    assert_eq!(explained, tested);
}

/// The identifier at the beginning.
fn name(code: &str) -> &str {
    let end = code.find(|char: char| !char.is_alphanumeric() && char != '_');
    &code[..end.unwrap_or(code.len())]
}

/// Tests whose names begin with a promise or a row of the limits, `g07` or `row_02`: their names, and where they are.
type ByPromise = BTreeMap<String, Vec<(String, String)>>;

fn tests_by_promise() -> ByPromise {
    let mut found = ByPromise::new();
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            let text = fs::read_to_string(&file).expect("a source file can be read");
            let place = file.strip_prefix(root()).expect("it was found below the root");
            for name in text.lines().filter_map(test_name) {
                if let Some(promise) = promise(name) {
                    let test = (name.to_owned(), place.display().to_string());
                    found.entry(promise).or_default().push(test);
                }
            }
        }
    }
    found.values_mut().for_each(|tests| tests.sort());
    found
}

/// The test that a line begins: a function, or a row in a table that a macro makes functions of, `name: what_it_is;`.
fn test_name(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("pub(crate) ");
    let line = line.trim_start_matches("async ");
    let (found, rest) = match line.strip_prefix("fn ") {
        Some(rest) => (name(rest), "fn"),
        None => (name(line), &line[name(line).len()..]),
    };
    let is_row = rest.starts_with(": ") && rest.ends_with(';');
    (rest == "fn" || is_row).then_some(found)
}

/// `g07` of `g07_a_stalled_reader_…`, `row_02` of `row_02_at_the_cap_…`.
fn promise(test: &str) -> Option<String> {
    let prefix = if test.starts_with("row_") { "row_" } else { "g" };
    let (number, rest) = test.strip_prefix(prefix)?.split_once('_')?;
    let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !rest.is_empty()).then(|| format!("{prefix}{number}"))
}

/// The document with every list between `<!-- tests of … -->` and `<!-- end -->` written anew.
fn with_lists(text: &str, tests: &ByPromise) -> String {
    let mut written = String::new();
    let mut in_list = false;
    for line in text.lines() {
        if let Some(of) = list_begins(line) {
            written += &format!("{line}\n\n{}\n", list(of, tests));
            in_list = true;
        }
        in_list &= line != "<!-- end -->";
        if !in_list {
            written += line;
            written.push('\n');
        }
    }
    written
}

fn list_begins(line: &str) -> Option<&str> {
    line.strip_prefix("<!-- tests of ")?.strip_suffix(" -->")
}

fn list(of: &str, tests: &ByPromise) -> String {
    tests
        .iter()
        .filter(|(promise, _)| promise.starts_with(of))
        .flat_map(|(_, tests)| tests)
        .map(|(name, place)| format!("- `{name}` in {place}\n"))
        .collect()
}

/// The names in those lists.
fn named_tests(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("- `")?.split('`').next())
        .filter(|name| promise(name).is_some())
}

fn documents() -> Vec<PathBuf> {
    let mut found = files(&root().join("docs"), "md");
    found.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name)));
    found
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder of the repository can be read")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
