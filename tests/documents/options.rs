//! `docs/options.md` names methods that exist, at the types that have them and with the kinds whose builders have them; it
//! leaves out no option of a builder, and none of libzmq's that a method names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{files, name, quoted, root};

/// Methods of types: with whom they are said to be, `K: QueuesAhead` or `kind::Pub`, and their documentation.
type Methods = BTreeMap<(String, String), Vec<(String, String)>>;

#[test]
fn the_table_of_options_and_the_methods_name_each_other() {
    let table = table();
    let code = code();
    let methods = methods(&code);
    for (at, _) in table.match_indices("::") {
        let of = table[..at].rsplit(|char: char| !char.is_alphanumeric()).next();
        let (of, method) = (of.unwrap_or_default(), name(&table[at + 2..]));
        let is_method = method.starts_with(|char: char| char.is_ascii_lowercase());
        let is_type = of.starts_with(|char: char| char.is_ascii_uppercase());
        assert!(
            !is_method || !is_type || methods.contains_key(&(of.to_owned(), method.to_owned())),
            "there is no method {of}::{method}"
        );
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
fn the_table_has_each_option_of_a_builder_with_its_kinds() {
    let table = table();
    let code = code();
    let methods = methods(&code);
    let kinds = kinds();
    let mut told = BTreeSet::new();
    // As far as the table by number, which is written by a test of its own.
    let rows = table.lines().take_while(|line| !line.starts_with("## "));
    for row in rows.filter(|row| row.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [_, here, said] = cells[..] else { continue };
        for method in quoted(here).filter_map(|text| text.strip_prefix("Builder::")) {
            let of = methods.get(&("Builder".to_owned(), method.to_owned()));
            let of = of.unwrap_or_else(|| panic!("a builder has no {method}"));
            let have: BTreeSet<&str> = of.iter().flat_map(|(whose, _)| having(&kinds, whose)).collect();
            let said: BTreeSet<&str> = match said {
                "all" => having(&kinds, "K: Kind").collect(),
                "all that send" => having(&kinds, "K: HasOutgoing").collect(),
                "all that receive" => having(&kinds, "K: HasIncoming").collect(),
                some => some.split(' ').collect(),
            };
            assert_eq!(
                said, have,
                "the kinds that have {method}, as the table says and as it is"
            );
            told.insert(method);
        }
    }
    // What builds it, and what stands in for the operating system.
    let of_builders = methods.iter().filter(|((of, _), _)| of == "Builder");
    for ((_, method), places) in
        of_builders.filter(|((_, method), _)| !matches!(method.as_str(), "build" | "carrier"))
    {
        assert!(
            told.contains(method.as_str()),
            "Builder::{method} is not in the table"
        );
        for (_, doc) in places {
            assert!(
                doc.contains("libzmq"),
                "Builder::{method} does not say what it is to libzmq"
            );
            let has_default = doc.contains("Default: ") || doc.contains("Default:\n");
            assert!(
                has_default || method == "manual_last_value",
                "Builder::{method} does not say its default"
            );
        }
    }
}

fn table() -> String {
    fs::read_to_string(root().join("docs/options.md")).expect("the table is there")
}

fn code() -> String {
    let files = files(&root().join("src"), "rs");
    files
        .iter()
        .map(|path| fs::read_to_string(path).expect("a file that was found can be read"))
        .collect()
}

/// All public methods in this code, those that macros make too.
fn methods(code: &str) -> Methods {
    let mut found = Methods::new();
    // What a macro is called with, `inverts!(Pub, publishing);`, and the methods that one makes inside of an `impl`.
    let mut calls = BTreeMap::<&str, BTreeSet<&str>>::new();
    for line in code.lines() {
        if let Some((called, with)) = line.trim_start().split_once('!')
            && called == name(called)
        {
            let words = with.split(|char: char| !char.is_alphanumeric());
            calls
                .entry(called)
                .or_default()
                .extend(words.filter(|word| !word.is_empty()));
        }
    }
    let mut made = BTreeMap::<&str, Vec<(String, String)>>::new();
    let mut used = Vec::new();
    let (mut of, mut whose, mut in_macro) = ("", String::new(), "");
    let mut doc = String::new();
    for line in code.lines() {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("macro_rules! ") {
            (in_macro, of) = (name(rest), "");
        } else if line == "}" {
            (of, in_macro) = ("", if of.is_empty() { "" } else { in_macro });
        } else if let Some(implemented) = text.strip_prefix("impl").filter(|_| text.ends_with('{')) {
            (of, whose) = implemented_for(implemented);
        } else if let Some(comment) = text.strip_prefix("///") {
            doc += comment;
            doc.push('\n');
            continue;
        } else if text.starts_with("#[") {
            continue;
        } else if let Some(method) = method(text) {
            let said = (whose.clone(), std::mem::take(&mut doc));
            if of.is_empty() && !in_macro.is_empty() {
                made.entry(in_macro)
                    .or_default()
                    .push((method.to_owned(), said.1));
            } else if whose.contains('$') {
                for with in calls.get(in_macro).into_iter().flatten() {
                    let said = (format!("kind::{with}"), said.1.clone());
                    found
                        .entry((of.to_owned(), method.to_owned()))
                        .or_default()
                        .push(said);
                }
            } else {
                found
                    .entry((of.to_owned(), method.to_owned()))
                    .or_default()
                    .push(said);
            }
        } else if let Some(called) = text.strip_suffix("!();") {
            used.push((of, called));
        }
        doc.clear();
    }
    for (of, called) in used {
        for (method, doc) in made.get(called).into_iter().flatten() {
            let said = (String::new(), doc.clone());
            found
                .entry((of.to_owned(), method.clone()))
                .or_default()
                .push(said);
        }
    }
    found
}

/// Of `<K: Kind> Builder<K> {` `Builder` and `K: Kind`, of ` Builder<kind::Pub> {` `Builder` and `kind::Pub`.
fn implemented_for(text: &str) -> (&str, String) {
    let text = text.rsplit(" for ").next().unwrap_or(text);
    let (bound, rest) = match text.strip_prefix('<').and_then(|rest| rest.split_once("> ")) {
        Some((bound, rest)) => (bound, rest),
        None => ("", text.trim_start()),
    };
    let of = name(rest);
    let of_one = rest[of.len()..]
        .strip_prefix('<')
        .and_then(|rest| rest.split('>').next());
    let whose = match of_one {
        Some(one) if one.starts_with("kind::") => one,
        _ => bound,
    };
    (of, whose.to_owned())
}

fn method(text: &str) -> Option<&str> {
    let code = text.strip_prefix("pub ")?;
    let code = code.trim_start_matches("async ").trim_start_matches("const ");
    code.strip_prefix("fn ").map(name)
}

/// The kinds, as libzmq calls them, and the traits of each: `kinds!` in `src/socket/kind.rs`.
fn kinds() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("src/socket/kind.rs")).expect("the kinds are there");
    let rows = text.split("kinds! {").nth(1).expect("there is a table of kinds");
    let rows = rows
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';')?.split_once(": "));
    rows.map(|(kind, can)| {
        let can = can.split(' ').chain(["Kind"]).map(str::to_owned);
        (kind.to_uppercase(), can.collect())
    })
    .collect()
}

/// The kinds that `K: QueuesAhead` or `kind::Pub` means.
fn having<'a>(kinds: &'a BTreeMap<String, BTreeSet<String>>, whose: &str) -> impl Iterator<Item = &'a str> {
    let one = whose.strip_prefix("kind::").map(str::to_uppercase);
    let can = whose.strip_prefix("K: ").unwrap_or_default().to_owned();
    let these = kinds.iter().filter(move |(kind, has)| match &one {
        Some(one) => *kind == one,
        None => has.contains(&can),
    });
    these.map(|(kind, _)| kind.as_str())
}
