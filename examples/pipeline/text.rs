//! Files, chunks and words: nothing here knows of sockets.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::{DecimalBytes, HumanCount};

/// How much text a chunk has: small enough to share the work, large enough to be worth a message.
const CHUNK: usize = 16 * 1024;

/// All text files below some roots.
pub struct Tree {
    files: Vec<PathBuf>,
    bytes: u64,
    skipped: usize,
}

impl Tree {
    /// Looks at every file; directories that begin with a dot, `target`, and symbolic links are left out.
    pub fn walk(roots: &[PathBuf]) -> io::Result<Self> {
        let mut tree = Self {
            files: Vec::new(),
            bytes: 0,
            skipped: 0,
        };
        for root in roots {
            let about = fs::metadata(root)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
            if about.is_dir() {
                tree.walk_directory(root)?;
            } else {
                tree.look_at(root.clone())?;
            }
        }
        Ok(tree)
    }

    fn walk_directory(&mut self, directory: &Path) -> io::Result<()> {
        let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name();
            if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                self.walk_directory(&path)?;
            } else if kind.is_file() {
                self.look_at(path)?;
            }
        }
        Ok(())
    }

    fn look_at(&mut self, file: PathBuf) -> io::Result<()> {
        match fs::read_to_string(&file) {
            Ok(text) => {
                self.bytes += text.len() as u64;
                self.files.push(file);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => self.skipped += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// One line: how much there is.
    pub fn summary(&self) -> String {
        format!(
            "{} files with {} of text; {} are not UTF-8 and skipped",
            HumanCount(self.files.len() as u64),
            DecimalBytes(self.bytes),
            self.skipped
        )
    }

    /// The text of each file. One that has changed meanwhile, so that it cannot be read any more, is empty.
    fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap_or_default())
    }

    /// The whole text in chunks, in the order of the files.
    pub fn chunks(&self) -> impl Iterator<Item = String> + '_ {
        self.texts().flat_map(|text| {
            let mut rest = text;
            std::iter::from_fn(move || {
                if rest.is_empty() {
                    return None;
                }
                let tail = rest.split_off(cut(&rest));
                Some(std::mem::replace(&mut rest, tail))
            })
        })
    }

    /// What the pipeline must arrive at.
    pub fn count_plainly(&self) -> Count {
        let mut count = Count::default();
        for text in self.texts() {
            count.add_text(&text);
        }
        count
    }
}

/// Where to cut a text: behind the first word that ends at [`CHUNK`] or later.
fn cut(text: &str) -> usize {
    text.char_indices()
        .skip_while(|&(at, _)| at < CHUNK)
        .find(|&(_, char)| !is_of_word(char))
        .map_or(text.len(), |(at, _)| at)
}

fn is_of_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// How often each word occurs, in whatever case.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Count(HashMap<String, u64>);

impl Count {
    pub fn add_text(&mut self, text: &str) {
        for word in text
            .split(|char| !is_of_word(char))
            .filter(|word| !word.is_empty())
        {
            self.add(&word.to_lowercase(), 1);
        }
    }

    pub fn add(&mut self, word: &str, times: u64) {
        match self.0.get_mut(word) {
            Some(count) => *count += times,
            None => drop(self.0.insert(word.to_owned(), times)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(word, &times)| (word.as_str(), times))
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The `n` commonest words, the commonest first.
    pub fn commonest(&self, n: usize) -> Vec<(&str, u64)> {
        let mut words: Vec<_> = self.iter().collect();
        words.sort_by_key(|&(word, times)| (std::cmp::Reverse(times), word));
        words.truncate(n);
        words
    }
}
