//! What the documents say of this repository is so: links lead somewhere, and tests that are named exist. And whatever
//! can be awaited says what giving that up means.
//!
//! ```text
//! UPDATE_DOCUMENTS=1 cargo test --test documents     writes the lists of tests into docs/guarantees.md
//! ```

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
    assert_eq!(promised.len(), 12 + 22, "{promised:?}");
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

/// The table of options names methods that exist, and leaves out no option of libzmq that a method names.
#[test]
fn the_table_of_options_and_the_methods_name_each_other() {
    let table = fs::read_to_string(root().join("docs/options.md")).expect("the table is there");
    let code: String = files(&root().join("src"), "rs")
        .iter()
        .map(|path| fs::read_to_string(path).expect("a file that was found can be read"))
        .collect();
    for (at, _) in table.match_indices("::") {
        let method: String = table[at + 2..]
            .chars()
            .take_while(|char| char.is_ascii_lowercase() || *char == '_')
            .collect();
        let exists = ['(', '<']
            .iter()
            .any(|open| code.contains(&format!("fn {method}{open}")));
        assert!(method.is_empty() || exists, "there is no method {method}");
    }
    for (at, _) in code.match_indices("libzmq: `ZMQ_") {
        let option: String = code[at + "libzmq: `".len()..]
            .chars()
            .take_while(|char| *char != '`')
            .collect();
        assert!(
            table.contains(&format!("`{option}`")),
            "{option} is not in the table"
        );
    }
}

#[test]
fn every_file_and_test_that_conformance_names_exists() {
    let path = root().join("docs/conformance.md");
    let text = fs::read_to_string(&path).expect("the table is there");
    let rows: Vec<_> = text.lines().filter(|line| line.contains("`src/")).collect();
    assert!(rows.len() >= 50, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        let [_clause, _what, code, tests] = cells[..] else {
            panic!("four cells: {row}");
        };
        let files = |cell| quoted(cell).filter(|name| name.ends_with(".rs"));
        for file in files(code).chain(files(tests)) {
            assert!(root().join(file).is_file(), "{file} is not there: {row}");
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
                assert!(is_there, "there is no test {name}: {row}");
                named += 1;
            }
        }
        assert!(named > 0, "no test is named: {row}");
    }
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

#[test]
fn whatever_can_be_awaited_says_what_giving_up_means() {
    let mut awaited = 0;
    let mut silent = Vec::new();
    for file in files(&root().join("src"), "rs") {
        let text = fs::read_to_string(&file).expect("a source file can be read");
        for item in awaitable(&text) {
            awaited += 1;
            if !item.doc.contains("# Cancel safety") {
                silent.push(format!("{}: {}", file.display(), item.head));
            }
        }
    }
    assert!(awaited > 18, "only {awaited} were found");
    assert!(
        silent.is_empty(),
        "no \"# Cancel safety\" in the documentation of\n{}",
        silent.join("\n")
    );
}

#[test]
fn what_can_be_awaited_is_found() {
    let found = |text: &str| -> Vec<(String, String)> {
        let items = awaitable(text).into_iter();
        items.map(|item| (item.head, item.doc)).collect()
    };
    let one = |head: &str, doc: &str| vec![(head.to_owned(), doc.to_owned())];
    assert_eq!(
        found("/// A doc.\n#[inline]\npub async fn a(&self) {\n}"),
        one("pub async fn a(&self) {", " A doc.\n")
    );
    assert_eq!(
        found(
            "/// B.\npub fn b<'a>(\n    &'a self,\n) -> impl Future<Output = ()> + 'a\nwhere\n    K: L,\n{\n}"
        ),
        one("pub fn b<'a>(", " B.\n")
    );
    assert_eq!(
        found("/// C.\npub struct C<'a> {\n}\nimpl<K: L> Stream for C<'_, K> {\n}"),
        one("pub struct C<'a> {", " C.\n")
    );
    assert!(
        found("pub(crate) async fn d() {}\npub fn e() {}\npub struct F;\nimpl Clone for F {}").is_empty()
    );
    assert!(found("struct G;\nimpl Future for G {}\npub struct Gg;").is_empty());
}

/// Something public that can be awaited: the first line of its code, and its documentation.
struct Awaitable {
    head: String,
    doc: String,
}

/// Public functions that are `async` or return a future, and public types that are a future, a stream or a sink.
fn awaitable(text: &str) -> Vec<Awaitable> {
    let lines: Vec<&str> = text.lines().collect();
    let polled: Vec<&str> = lines.iter().filter_map(|line| polled_type(line)).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_awaited = if code.starts_with("pub async fn ") {
            true
        } else if code.starts_with("pub fn ") {
            // As far as its body, or the end of its declaration.
            let mut signature = lines[at..].iter().scan(false, |over, line| {
                let last = *over;
                *over = line.trim_end().ends_with(['{', ';', '}']);
                (!last).then_some(line)
            });
            signature.any(|line| line.contains("impl Future<"))
        } else {
            let name = code.strip_prefix("pub struct ").map(name);
            name.is_some_and(|name| polled.contains(&name))
        };
        if is_awaited {
            let above = lines[..at].iter().rev().map(|line| line.trim_start());
            let above = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
            let doc = above.filter_map(|line| line.strip_prefix("///"));
            let doc: Vec<&str> = doc.collect();
            found.push(Awaitable {
                head: code.to_owned(),
                doc: doc.iter().rev().map(|line| format!("{line}\n")).collect(),
            });
        }
    }
    found
}

/// `Messages` of `impl<K: Receives> Stream for Messages<'_, K> {`.
fn polled_type(line: &str) -> Option<&str> {
    let (implemented, of) = line.strip_prefix("impl")?.split_once(" for ")?;
    let mut words = implemented.split([' ', '<', '>']);
    words
        .any(|word| matches!(word, "Future" | "Stream" | "Sink"))
        .then(|| name(of))
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
