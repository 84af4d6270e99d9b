//! Whatever can be awaited says what giving that up means, and whatever is public is shown at work.

use std::fs;

use crate::{files, name, root};

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

/// Every public function and type has an example of its own, or says at what else one is: ``Example: at [`Router`].``, and
/// there it is named. Not asked for is one of
///
/// - a question that takes nothing and cannot fail, and a constructor of the kind: `fn len(&self) -> usize`,
///   `fn new() -> Self`;
/// - what belongs to `dynamic`: libzmq's calls, by libzmq's names, shown together on the page of that module;
/// - what is not in the documentation: hidden, or public to the library alone, and then without a sentence.
#[test]
fn whatever_is_public_is_shown_at_work() {
    let mut all = Vec::new();
    for file in files(&root().join("src"), "rs") {
        let place = file.strip_prefix(root()).expect("it was found below the root");
        let text = fs::read_to_string(&file).expect("a source file can be read");
        let place = place.display().to_string();
        all.extend(public_items(&text).into_iter().map(|item| (place.clone(), item)));
    }
    let asked = all.iter().filter(|(place, item)| {
        let elsewhere = ["src/dynamic", "src/fuzzing", "src/transport/carrier.rs"];
        !item.is_trivial && !item.is_hidden && !elsewhere.iter().any(|folder| place.starts_with(folder))
    });
    let mut count = 0;
    let mut missing = Vec::new();
    for (place, item) in asked {
        count += 1;
        let is_there = |named: &str| {
            let mut of_that_name = all.iter().filter(|(_, other)| other.name == named);
            of_that_name.any(|(_, other)| examples(&other.doc).any(|line| has_word(line, &item.name)))
        };
        let is_shown = match item.doc.split_once("Example: at [`") {
            Some((_, at)) => {
                let at = at.split('`').next().unwrap_or_default();
                is_there(at.rsplit("::").next().unwrap_or(at))
            }
            None => examples(&item.doc).next().is_some(),
        };
        if !is_shown {
            missing.push(format!("{place}: {}", item.name));
        }
    }
    assert!(count > 300, "only {count} were found");
    assert!(
        missing.is_empty(),
        "no example of\n{}\n{count} in all",
        missing.join("\n")
    );
}

#[test]
fn what_is_public_is_found() {
    let found = |text: &str| -> Vec<(String, bool, bool)> {
        let items = public_items(text).into_iter();
        items
            .map(|item| (item.name, item.is_trivial, item.is_hidden))
            .collect()
    };
    let one = |name: &str, trivial, hidden| vec![(name.to_owned(), trivial, hidden)];
    assert_eq!(found("/// A.\npub struct A;"), one("A", false, false));
    assert_eq!(found("/// B.\npub fn b(&self) -> usize {"), one("b", true, false));
    assert_eq!(found("/// B.\npub const fn b() -> Self {"), one("b", true, false));
    for asked in [
        "pub fn c(&self) {",
        "pub fn c(&self) -> Result<(), D> {",
        "pub fn c(&self) -> impl Future<Output = ()> {",
        "pub fn c(&self, d: u8) -> u8 {",
        "pub async fn c(&self) -> u8 {",
        "pub fn c(\n    &self,\n    d: u8,\n) -> u8 {",
    ] {
        let documented = format!("/// C.\n#[must_use]\n{asked}");
        assert_eq!(found(&documented), one("c", false, false), "{asked}");
    }
    let hidden = "/// E.\n#[doc(hidden)]\npub fn e(f: u8) {}";
    assert_eq!(found(hidden), one("e", false, true));
    assert_eq!(found("pub fn e(f: u8) {}"), one("e", false, true));
    assert!(found("pub(crate) fn g() {}\npub mod h;\npub use i;\nfn j() {}").is_empty());

    assert!(examples("/// ```\n/// k();\n/// ```").eq([" k();"]));
    assert!(has_word("l.k()", "k") && !has_word("lk()", "k") && !has_word("k_l()", "k"));
}

/// Something public: a function or a type.
struct Public {
    name: String,
    doc: String,
    /// It takes nothing, and its answer is neither a `Result` nor a future.
    is_trivial: bool,
    is_hidden: bool,
}

fn public_items(text: &str) -> Vec<Public> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(code) = line.trim_start().strip_prefix("pub ") else {
            continue;
        };
        let kinds = [
            "async fn ",
            "const fn ",
            "fn ",
            "struct ",
            "enum ",
            "trait ",
            "type ",
        ];
        let Some(kind) = kinds.iter().find(|kind| code.starts_with(**kind)) else {
            continue;
        };
        let rest = &code[kind.len()..];
        let takes_nothing = ["()", "(self)", "(&self)"].map(|taken| format!("{}{taken} -> ", name(rest)));
        let answer = takes_nothing
            .iter()
            .find_map(|start| rest.strip_prefix(start.as_str()));
        let cannot_fail = |answer: &str| !answer.starts_with("Result") && !answer.contains("impl Future");
        let (doc, attributes) = above(&lines[..at]);
        found.push(Public {
            name: name(rest).to_owned(),
            is_trivial: !kind.starts_with("async") && answer.is_some_and(cannot_fail),
            is_hidden: doc.is_empty()
                || ["doc(hidden)", "cfg(doctest)"]
                    .iter()
                    .any(|it| attributes.contains(it)),
            doc,
        });
    }
    found
}

/// The documentation and the attributes at the end of these lines.
fn above(lines: &[&str]) -> (String, String) {
    let (mut doc, mut attributes) = (Vec::new(), Vec::new());
    let mut in_attribute = false;
    for line in lines.iter().rev().map(|line| line.trim_start()) {
        if line.starts_with("///") {
            doc.push(line);
        } else if in_attribute || line.starts_with("#[") || line == ")]" {
            // From its last line to its first.
            in_attribute = !line.starts_with("#[");
            attributes.push(line);
        } else if !line.starts_with("// ") {
            break;
        }
    }
    doc.reverse();
    (doc.join("\n"), attributes.join("\n"))
}

/// The lines of code in a documentation.
fn examples(doc: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    doc.lines().filter_map(move |line| {
        let line = line.trim_start_matches("///");
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        in_code.then_some(line)
    })
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    code.split(|char| !is_part(char)).any(|found| found == word)
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
