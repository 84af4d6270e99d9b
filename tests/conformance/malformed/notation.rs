//! How `malformed.txt` is written: five columns, and bytes in a small notation.
//!
//! ```text
//! FF 7f          bytes
//! "PING\n\x00"   text
//! cmd[ … ]       a command frame with this body
//! msg[ … ]       the last frame of a message, more[ … ] any other
//! s[ … ]         length in one byte, then this; v[ … ] length in four
//! ( … )          a group
//! X*100          X a hundred times
//! ```

use crate::bytes::{frame, greeting, ready};
use crate::kinds::accepted_by;

const TABLE: &str = include_str!("malformed.txt");

/// What went well before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Nothing,
    Greeting,
    Ready,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Of our socket.
    pub(crate) kind: String,
    pub(crate) after: Phase,
    pub(crate) bytes: Vec<u8>,
    /// The refusal as text.
    pub(crate) reason: String,
}

impl Case {
    /// All that the peer says.
    pub(crate) fn script(&self) -> Vec<u8> {
        let mut script = Vec::new();
        if self.after >= Phase::Greeting {
            script.extend(greeting());
        }
        if self.after >= Phase::Ready {
            script.extend(ready(peer_of(&self.kind)));
        }
        script.extend(&self.bytes);
        script
    }
}

/// A kind that fits.
pub(crate) fn peer_of(kind: &str) -> &'static str {
    accepted_by(kind)[0]
}

/// What is played against a kind: its own lines, and what is said of a PULL and holds for every kind.
pub(crate) fn cases_for(kind: &str) -> Vec<Case> {
    lines()
        .filter_map(|line| {
            let of = columns(line)[1];
            if of == kind || of == "PUB" && kind == "XPUB" && !line.starts_with("pub_meets_") {
                return Some(Case {
                    kind: kind.to_owned(),
                    ..case(line)
                });
            }
            let general = line.replacen("| PULL |", &format!("| {kind} |"), 1);
            let general = general.replace("v[\"PUSH\"]", &format!("v[\"{}\"]", peer_of(kind)));
            (is_general(line) && !(kind == "REQ" && is_no_reply(line))).then(|| case(&general))
        })
        .collect()
}

/// Whether it says nothing of kinds.
fn is_general(line: &str) -> bool {
    columns(line)[1] == "PULL" && !line.starts_with("pull_meets_") && !line.starts_with("zmtp_2_")
}

/// A REQ says first that it is none.
fn is_no_reply(line: &str) -> bool {
    columns(line)[3].starts_with("more[\"") || line.starts_with("endless_frames ")
}

/// The whole table.
pub(crate) fn cases() -> Vec<Case> {
    lines().map(case).collect()
}

fn lines() -> impl Iterator<Item = &'static str> {
    let lines = TABLE.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn columns(line: &str) -> [&str; 5] {
    let columns: Vec<&str> = line.split(" | ").map(str::trim).collect();
    columns
        .try_into()
        .unwrap_or_else(|_| panic!("not five columns: {line}"))
}

fn case(line: &str) -> Case {
    let [name, kind, after, bytes, reason] = columns(line);
    let after = match after {
        "nothing" => Phase::Nothing,
        "greeting" => Phase::Greeting,
        "ready" => Phase::Ready,
        other => panic!("no phase {other} in {line}"),
    };
    let mut text = bytes;
    let bytes = items(&mut text);
    assert!(text.is_empty(), "{text} is left in {line}");
    Case {
        name: name.into(),
        kind: kind.into(),
        after,
        bytes,
        reason: reason.into(),
    }
}

/// Items up to the end or a closing bracket.
fn items(text: &mut &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        *text = text.trim_start();
        if text.is_empty() || text.starts_with([']', ')']) {
            return bytes;
        }
        let item = item(text);
        let times = match text.strip_prefix('*') {
            Some(rest) => {
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                *text = &rest[digits..];
                rest[..digits].parse().expect("a number behind *")
            }
            None => 1,
        };
        bytes.extend(item.repeat(times));
    }
}

fn item(text: &mut &str) -> Vec<u8> {
    if let Some(rest) = text.strip_prefix('"') {
        *text = rest;
        return quoted(text);
    }
    if let Some(rest) = text.strip_prefix('(') {
        *text = rest;
        return bracketed(text, ')');
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    let word;
    (word, *text) = text.split_at(end);
    let Some(rest) = text.strip_prefix('[') else {
        return vec![u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("not a byte: {word}"))];
    };
    *text = rest;
    let inner = bracketed(text, ']');
    match word {
        "cmd" => frame(0x04, &inner),
        "msg" => frame(0x00, &inner),
        "more" => frame(0x01, &inner),
        "s" => [vec![u8::try_from(inner.len()).expect("a short string")], inner].concat(),
        "v" => [(inner.len() as u32).to_be_bytes().to_vec(), inner].concat(),
        other => panic!("no such word: {other}"),
    }
}

fn bracketed(text: &mut &str, close: char) -> Vec<u8> {
    let inner = items(text);
    *text = text
        .strip_prefix(close)
        .unwrap_or_else(|| panic!("{close} expected before {text}"));
    inner
}

fn quoted(text: &mut &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                *text = chars.as_str();
                return bytes;
            }
            '\\' => match chars.next() {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).expect("two digits behind \\x"));
                }
                Some(other) => bytes.extend(other.to_string().bytes()),
                None => break,
            },
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    panic!("a text without end")
}

#[test]
fn the_notation_says_what_it_says() {
    let mut text = r#"FF 00*3 "a\n\x01" (01 02)*2 cmd[ s["PING"] 00 00 ] v["x"] 61*256"#;
    let bytes = items(&mut text);
    let expected = [
        b"\xFF\0\0\0a\n\x01\x01\x02\x01\x02\x04\x07\x04PING\0\0\0\0\0\x01x".to_vec(),
        vec![0x61; 256],
    ];
    assert_eq!(bytes, expected.concat());
}
