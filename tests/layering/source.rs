//! Reads Rust just well enough to say which paths a file names.
//!
//! Comments, strings and test code are left out; what remains is split into words and signs, and every path in it is
//! spelled out: groups (`use a::{b, c::d}`) are taken apart, `self` and `super` are followed to the module they mean.
//! Method calls count as paths of one word with a dot, like `.spawn`.

/// One file of the library, as the rules see it.
pub(crate) struct Source {
    /// Relative to `src`, like `driver/connection.rs`.
    pub(crate) file: String,
    pub(crate) paths: Vec<Path>,
    /// How many lines it has besides its tests.
    pub(crate) lines: usize,
    /// Whether it begins by saying what it is for.
    pub(crate) has_doc: bool,
}

/// A path in the code, like `crate::frame::Run`, and the line on which it begins.
pub(crate) struct Path {
    pub(crate) words: Vec<String>,
    pub(crate) line: usize,
}

impl Source {
    /// Reads the text of `file`.
    pub(crate) fn read(file: &str, text: &str) -> Self {
        let has_doc = text.starts_with("//!");
        let lines = text.lines().count();
        let only_tests = file.ends_with("tests.rs") || file.contains("/tests/");
        let (tokens, test_lines) = if only_tests {
            (Vec::new(), lines)
        } else {
            without_tests(tokens(text))
        };
        Self {
            file: file.to_owned(),
            paths: paths(&tokens, module_of(file)),
            lines: lines - test_lines,
            has_doc,
        }
    }

    /// The folder or file right under `src`: a room of the house.
    pub(crate) fn room(&self) -> &str {
        let first = self.file.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

impl Path {
    /// Whether these words stand in the path, one behind the other.
    pub(crate) fn names(&self, words: &str) -> bool {
        let words: Vec<&str> = words.split("::").collect();
        self.words.windows(words.len()).any(|window| window == words)
    }

    /// Whether the path begins with these words.
    pub(crate) fn begins(&self, words: &str) -> bool {
        let mut here = self.words.iter();
        words
            .split("::")
            .all(|word| here.next().is_some_and(|other| other == word))
    }

    /// The room that a path within the crate leads to.
    pub(crate) fn room(&self) -> Option<&str> {
        match self.words.as_slice() {
            [root, room, ..] if root == "crate" => Some(room),
            _ => None,
        }
    }
}

/// The module that a file is: `driver/connection.rs` and `driver/mod.rs` are `driver::connection` and `driver`.
fn module_of(file: &str) -> Vec<String> {
    let file = file.strip_suffix(".rs").unwrap_or(file);
    file.split('/')
        .filter(|word| !matches!(*word, "mod" | "lib"))
        .map(str::to_owned)
        .collect()
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    /// A word, `::`, or one sign.
    text: String,
    line: usize,
}

/// Splits code into words and signs, without comments, strings, characters and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut tokens, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                i += 2;
                while i < chars.len() && !(at(i) == '*' && at(i + 1) == '/') {
                    i += 1;
                }
                i += 2;
            }
            '"' => i = end_of_quote(&chars, i),
            'r' | 'b' | 'c' if raw_string(&chars, i).is_some() => {
                i = raw_string(&chars, i).unwrap_or(chars.len());
            }
            'b' | 'c' if matches!(at(i + 1), '"' | '\'') => i = end_of_quote(&chars, i + 1),
            // 'x' and '\n' are characters; 'a without a closing quote is a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => i = end_of_quote(&chars, i),
            '\'' => {
                i += 1;
                while is_word(at(i)) {
                    i += 1;
                }
            }
            c if is_word(c) => {
                while is_word(at(i)) {
                    i += 1;
                }
                let text = chars[start..i].iter().collect();
                tokens.push(Token { text, line });
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                let text = "::".to_owned();
                tokens.push(Token { text, line });
            }
            c => {
                i += 1;
                if !c.is_whitespace() {
                    let text = c.to_string();
                    tokens.push(Token { text, line });
                }
            }
        }
        line += chars[start..i.min(chars.len())]
            .iter()
            .filter(|c| **c == '\n')
            .count();
    }
    tokens
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Behind the quote that closes the one at `from`.
fn end_of_quote(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != chars[from] {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Behind the raw string that begins at `from`, if one does.
fn raw_string(chars: &[char], from: usize) -> Option<usize> {
    let mut i = from;
    if matches!(chars[i], 'b' | 'c') {
        i += 1;
    }
    if chars.get(i) != Some(&'r') {
        return None;
    }
    i += 1;
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    let closing = |i: &usize| {
        chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let end = (i + 1..chars.len()).find(closing)?;
    Some(end + 1 + hashes)
}

/// Leaves out every item behind `#[cfg(test)]`; also says how many lines those take.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, usize) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut rest, mut lines, mut i) = (Vec::new(), 0, 0);
    while i < tokens.len() {
        if tokens[i..]
            .iter()
            .take(MARK.len())
            .map(|token| token.text.as_str())
            .ne(MARK)
        {
            rest.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let first = tokens[i].line;
        i += MARK.len();
        let mut depth = 0_usize;
        while let Some(token) = tokens.get(i) {
            i += 1;
            match token.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
        lines += tokens[i - 1].line - first + 1;
    }
    (rest, lines)
}

/// Every path in the code of the file that is `module`.
fn paths(tokens: &[Token], module: Vec<String>) -> Vec<Path> {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    // Modules in modules: their names, and the depth of braces at which each ends.
    let (mut module, mut inner, mut depth) = (module, Vec::new(), 0);
    let mut i = 0;
    while i < tokens.len() {
        match text(i) {
            "mod" if text(i + 2) == "{" => {
                module.push(text(i + 1).to_owned());
                inner.push(depth);
                depth += 1;
                i += 3;
            }
            "{" => {
                depth += 1;
                i += 1;
            }
            "}" => {
                depth -= 1;
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
                i += 1;
            }
            "." if text(i + 1).starts_with(is_word) => {
                let words = vec![format!(".{}", text(i + 1))];
                let line = tokens[i + 1].line;
                found.push(Path { words, line });
                i += 2;
            }
            word if word.starts_with(is_word) && text(i + 1) == "::" => {
                let from = found.len();
                i = path(tokens, i, &[], &mut found);
                for path in &mut found[from..] {
                    resolve(path, &module);
                }
            }
            _ => i += 1,
        }
    }
    found
}

/// Reads one path from `i` on, behind `front`, and takes its groups apart. Returns where it ends.
fn path(tokens: &[Token], mut i: usize, front: &[String], found: &mut Vec<Path>) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    let line = tokens[i].line;
    let mut words = front.to_vec();
    loop {
        if text(i) == "{" {
            i += 1;
            while !matches!(text(i), "}" | "") {
                i = if text(i) == "," {
                    i + 1
                } else {
                    path(tokens, i, &words, found)
                };
            }
            return i + 1;
        }
        if !text(i).starts_with(is_word) {
            // A glob, a list of types, or something that is no path: what stands before it counts.
            found.push(Path { words, line });
            return i + usize::from(text(i) == "*");
        }
        words.push(text(i).to_owned());
        i += 1;
        if text(i) == "as" && text(i + 1).starts_with(is_word) && !front.is_empty() {
            i += 2;
        }
        if text(i) != "::" {
            found.push(Path { words, line });
            return i;
        }
        i += 1;
    }
}

/// Follows `self` and `super` at the front of a path within the file that is `module`.
fn resolve(path: &mut Path, module: &[String]) {
    let mut here = module.to_vec();
    let mut relative = 0;
    for word in &path.words {
        match word.as_str() {
            "self" if relative == 0 => {}
            "super" => {
                here.pop();
            }
            _ => break,
        }
        relative += 1;
    }
    if relative > 0 {
        let mut words = vec!["crate".to_owned()];
        words.append(&mut here);
        words.extend(path.words.drain(relative..));
        path.words = words;
    } else {
        // A group may say `{self, …}`: the module itself.
        path.words.retain(|word| word != "self");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, text: &str) -> Vec<String> {
        let source = Source::read(file, text);
        source.paths.iter().map(|path| path.words.join("::")).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        let paths = named(
            "a.rs",
            "use crate::{b::{self, C}, d as e, f::*};\nuse g::{h, i::j as k};",
        );
        assert_eq!(
            paths,
            [
                "crate::b",
                "crate::b::C",
                "crate::d",
                "crate::f",
                "g::h",
                "g::i::j"
            ]
        );
    }

    #[test]
    fn paths_in_expressions_and_types_are_seen_with_their_lines() {
        let source = Source::read(
            "a.rs",
            "fn f(x: crate::b::C<'_, d::E>) {\n    crate::g::h::<u8>(x)\n        .i()\n}",
        );
        let paths: Vec<_> = source
            .paths
            .iter()
            .map(|path| (path.words.join("::"), path.line))
            .collect();
        assert_eq!(
            paths,
            [
                ("crate::b::C".to_owned(), 1),
                ("d::E".to_owned(), 1),
                ("crate::g::h".to_owned(), 2),
                (".i".to_owned(), 3)
            ]
        );
    }

    #[test]
    fn what_is_relative_is_followed_to_its_module() {
        assert_eq!(
            named("a/b.rs", "use super::c::D; use self::e::F;"),
            ["crate::a::c::D", "crate::a::b::e::F"]
        );
        assert_eq!(named("a/mod.rs", "use super::c;"), ["crate::c"]);
        assert_eq!(
            named("a.rs", "mod b { use super::super::c; } use super::d;"),
            ["crate::c", "crate::d"]
        );
    }

    #[test]
    fn comments_strings_characters_and_tests_are_not_code() {
        let text = r##"
            //! [`a`](crate::a) /* a::a */
            /* b::b */
            const C: &str = "c::c \" c::c";
            const D: &str = r#"d::d " d::d"#;
            const E: (char, char, u8) = ('"', '\'', b'"');
            fn f<'a>(x: &'a g::G) {}
            #[cfg(test)]
            mod tests {
                use h::h;
            }
            #[cfg(test)]
            use i::i;
            use j::j;
        "##;
        assert_eq!(named("a.rs", text), ["g::G", "j::j"]);
        assert_eq!(named("a/tests.rs", "use b::c;"), [""; 0]);
    }
}
