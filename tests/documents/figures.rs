//! The figures in the README are those of `docs/performance.md`, which a bench has written.

use std::{env, fs};

use crate::root;

/// Which of them, in the words of the README: the part of the document, the case there, and what it is called here.
const SHOWN: [(&str, &str, &str); 7] = [
    ("The table", "tcp 16 B", "messages of 16 B, one to one over tcp"),
    ("The table", "tcp 1 KiB", "of 1 KiB"),
    ("The table", "tcp 64 KiB", "of 64 KiB"),
    ("The table", "tcp curve 1 KiB", "of 1 KiB, encrypted"),
    ("The table", "tcp pub×64 128 B", "of 128 B, to 64 subscribers"),
    ("The table", "inproc 16 B", "of 16 B, within a process"),
    ("Round trips", "tcp 16 B", "time of a round trip, 16 B over tcp"),
];
const CONTESTANTS: [&str; 2] = ["hubless ct", "hubless mt"];

#[test]
fn the_figures_of_the_readme_are_those_of_the_bench() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).expect("the README is there");
    let performance = fs::read_to_string(root().join("docs/performance.md")).expect("the figures are there");
    let (before, rest) = readme.split_once("<!-- figures -->\n").expect("there is a place");
    let (_, after) = rest.split_once("<!-- end -->").expect("and it ends");
    let mut table = String::from("| × libzmq | current_thread | multi_thread |\n|---|--:|--:|\n");
    for (part, case, name) in SHOWN {
        let figures = CONTESTANTS.map(|contestant| ratio(&performance, part, case, contestant));
        table += &format!("| {name} | {} |\n", figures.join(" | "));
    }
    let expected = format!("{before}<!-- figures -->\n{table}<!-- end -->{after}");
    if env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, expected).expect("the README can be written");
        return;
    }
    assert!(
        readme == expected,
        "the README has other figures than docs/performance.md:\n{table}\nUPDATE_DOCUMENTS=1 cargo test --test documents"
    );
}

/// What stands under "× libzmq".
fn ratio(document: &str, part: &str, case: &str, contestant: &str) -> String {
    let part = document
        .split(&format!("\n## {part}\n"))
        .nth(1)
        .expect("there is such a part");
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let (mut column, mut current) = (None, "");
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        column = column.or_else(|| cells.iter().position(|cell| *cell == "× libzmq"));
        if !cells[0].is_empty() {
            current = cells[0];
        }
        if current == case && cells[1] == contestant {
            return cells[column.expect("the table has a heading")].to_owned();
        }
    }
    panic!("docs/performance.md has no {case} of {contestant}");
}
