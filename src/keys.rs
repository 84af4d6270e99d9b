//! Keys from dice and from files: what a mechanism must not do itself.
//!
//! A file of keys is text. A key pair is a file that says
//!
//! ```text
//! public-key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
//! secret-key = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
//! ```
//!
//! among lines that do not matter, so that the certificates of CZMQ can be read as well; written by us it says only
//! that. A list of clients has one to a line, its key and perhaps its name; lines that begin with `#` do not matter.
//!
//! Who can read a secret key is who it names, and who can write a list decides who may enter. So a file with a secret
//! key must be closed to everybody but its owner, and a list must be written by nobody else; both must belong to us or
//! to root. A file that does not is not used, whatever is in it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::mechanism::curve::keys::{KeyPair, PublicKey, SecretKey};
use crate::mechanism::curve::policy::AllowList;
use crate::runtime;

/// The longest file that is read: a list of some ten thousand clients.
const LONGEST: u64 = 1024 * 1024;

impl KeyPair {
    /// A fresh pair.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give.
    ///
    /// # Examples
    ///
    /// ```
    /// let pair = hubless::curve::KeyPair::generate()?;
    /// println!("tell everybody: {}", pair.public_key());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn generate() -> io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&runtime::entropy(32)?);
        Ok(SecretKey::from(*key).into())
    }

    /// Writes the pair to a new file, which nobody but its owner can read. One that is there already is left alone.
    ///
    /// # Errors
    ///
    /// The file cannot be made, or is there.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::curve::KeyPair;
    ///
    /// let path = std::env::temp_dir().join(format!("hubless-doc-save-{}", std::process::id()));
    /// let pair = KeyPair::generate()?;
    /// pair.save(&path)?;
    /// assert_eq!(KeyPair::load(&path)?.public_key(), pair.public_key());
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let text = Zeroizing::new(format!(
            "public-key = \"{}\"\nsecret-key = \"{}\"\n",
            self.public_key(),
            *self.secret_key().expose_text()
        ));
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| KeyFileError::new(path, Problem::Io(error)))
    }

    /// Reads a pair from a file: one that [`save`](Self::save) has written, or a secret certificate of CZMQ.
    ///
    /// # Errors
    ///
    /// The file cannot be read; others than its owner could read it, or it is neither ours nor root's; or there is no
    /// pair in it whose keys belong together.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = read(path, Care::Secret)?;
        let fails = |problem| KeyFileError::new(path, problem);
        let secret = value_of(&text, "secret-key").ok_or(fails(Problem::Missing("secret-key")))?;
        let secret: SecretKey = secret.parse().map_err(|_| fails(Problem::NoKey("secret-key")))?;
        let pair = Self::from(secret);
        if let Some(public) = value_of(&text, "public-key") {
            let public: PublicKey = public.parse().map_err(|_| fails(Problem::NoKey("public-key")))?;
            if public != pair.public_key() {
                return Err(fails(Problem::Strangers));
            }
        }
        Ok(pair)
    }
}

impl PublicKey {
    /// Reads a public key from a file: that of a pair, or a public certificate of CZMQ. It may be open to everybody's
    /// eyes, but not to their hands.
    ///
    /// # Errors
    ///
    /// The file cannot be read; others than its owner could write it, or it is neither ours nor root's; or there is no
    /// public key in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::curve::{KeyPair, PublicKey};
    ///
    /// let path = std::env::temp_dir().join(format!("hubless-doc-public-{}", std::process::id()));
    /// let pair = KeyPair::generate()?;
    /// std::fs::write(&path, format!("public-key = \"{}\"\n", pair.public_key()))?;
    /// assert_eq!(PublicKey::load(&path)?, pair.public_key());
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = read(path, Care::Public)?;
        let fails = |problem| KeyFileError::new(path, problem);
        let key = value_of(&text, "public-key").ok_or(fails(Problem::Missing("public-key")))?;
        key.parse().map_err(|_| fails(Problem::NoKey("public-key")))
    }
}

impl AllowList {
    /// Reads a list from a file: on each line a client's key, and perhaps its name behind a blank.
    ///
    /// # Errors
    ///
    /// The file cannot be read; others than its owner could write it, or it is neither ours nor root's; or a line is
    /// no client, which then is named by its number.
    ///
    /// # Examples
    ///
    /// ```
    /// use hubless::curve::{AllowList, KeyPair};
    ///
    /// let path = std::env::temp_dir().join(format!("hubless-doc-list-{}", std::process::id()));
    /// let (ann, bob) = (KeyPair::generate()?.public_key(), KeyPair::generate()?.public_key());
    /// std::fs::write(&path, format!("# who may enter\n{ann} ann\n"))?;
    /// let list = AllowList::load(&path)?;
    ///
    /// std::fs::write(&path, format!("{ann} ann\n{bob}\n"))?;
    /// list.reload(&path)?; // a socket that uses it lets him in from now on
    /// assert!(list.contains(&bob));
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let list = Self::new();
        list.reload(path)?;
        Ok(list)
    }

    /// Reads the list anew, from this file: all of it in one step, or nothing of it.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load); the list is as it was then.
    pub fn reload(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let text = read(path, Care::Public)?;
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let clients: Result<Vec<_>, _> = lines
            .filter(|(_, line)| !line.is_empty() && !is_comment(line))
            .map(|(number, line)| {
                let (key, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                let key: PublicKey = key
                    .parse()
                    .map_err(|_| KeyFileError::new(path, Problem::NoClient(number)))?;
                Ok((key, name.trim().to_owned()))
            })
            .collect();
        self.replace(clients?);
        Ok(())
    }
}

/// A `#` alone or before a blank: in Z85 it is a digit as well.
fn is_comment(line: &str) -> bool {
    line.strip_prefix('#')
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// A file of keys that is not used: see [`KeyPair::load`] and its like for why.
///
/// # Examples
///
/// ```
/// use hubless::curve::{KeyFileError, KeyPair};
///
/// let error: KeyFileError = KeyPair::load("/no/such/file").expect_err("it is not there");
/// assert_eq!(error.to_string(), "cannot use the keys in /no/such/file: no such file or directory");
/// ```
#[derive(Debug)]
pub struct KeyFileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Io(io::Error),
    /// Its mode.
    Open(u32),
    /// Its owner.
    Foreign(u32),
    TooLong,
    Missing(&'static str),
    NoKey(&'static str),
    Strangers,
    /// The number of the line.
    NoClient(usize),
}

impl KeyFileError {
    fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use the keys in {}: ", self.path.display())?;
        match &self.problem {
            Problem::Io(error) => crate::error::Reason(error).fmt(f),
            Problem::Open(mode) => write!(f, "it is open to others (mode {mode:04o})"),
            Problem::Foreign(uid) => write!(f, "it belongs to user {uid}, not to us"),
            Problem::TooLong => write!(f, "it has more than {LONGEST} bytes"),
            Problem::Missing(name) => write!(f, "no {name} is in it"),
            Problem::NoKey(name) => write!(f, "its {name} is not 40 characters of Z85"),
            Problem::Strangers => f.write_str("its two keys do not belong together"),
            Problem::NoClient(line) => write!(f, "line {line} does not begin with a key"),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// How well a file must be kept.
#[derive(Clone, Copy)]
enum Care {
    /// Nobody else reads it.
    Secret,
    /// Nobody else writes it.
    Public,
}

impl Care {
    /// The bits of a mode that must not be there.
    #[cfg(unix)]
    fn forbidden(self) -> u32 {
        match self {
            Self::Secret => 0o077,
            Self::Public => 0o022,
        }
    }
}

/// The text of a file that is kept well enough.
fn read(path: &Path, care: Care) -> Result<Zeroizing<String>, KeyFileError> {
    let fails = |problem| KeyFileError::new(path, problem);
    // What is looked at is what is read: the open file, not the name.
    let file = File::open(path).map_err(|error| fails(Problem::Io(error)))?;
    let about = file.metadata().map_err(|error| fails(Problem::Io(error)))?;
    check(&about, care).map_err(fails)?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| fails(Problem::Io(error)))?;
    if text.len() as u64 > LONGEST {
        return Err(fails(Problem::TooLong));
    }
    Ok(text)
}

#[cfg(unix)]
fn check(about: &fs::Metadata, care: Care) -> Result<(), Problem> {
    use std::os::unix::fs::MetadataExt;

    let mode = about.mode() & 0o7777;
    if mode & care.forbidden() != 0 {
        return Err(Problem::Open(mode));
    }
    let us = our_user().map_err(Problem::Io)?;
    if about.uid() != us && about.uid() != 0 {
        return Err(Problem::Foreign(about.uid()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(_: &fs::Metadata, _: Care) -> Result<(), Problem> {
    Ok(())
}

/// Whoever we are: the owner of what we make.
#[cfg(unix)]
fn our_user() -> io::Result<u32> {
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    let (made, _) = UnixStream::pair()?;
    Ok(File::from(OwnedFd::from(made)).metadata()?.uid())
}

/// The value of `name = "value"`, wherever that stands.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let value = line
            .trim()
            .strip_prefix(name)?
            .trim_start()
            .strip_prefix('=')?
            .trim();
        value.strip_prefix('"')?.strip_suffix('"')
    })
}
