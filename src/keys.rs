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
    ///
    /// Example: at [`save`](Self::save).
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
    ///
    /// Example: at [`load`](Self::load).
    pub fn reload(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        let path = path.as_ref();
        let text = read(path, Care::Public)?;
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let clients: Result<Vec<_>, _> = lines
            // No key begins with `#`: it would be too large a number.
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    /// A file of its own for each test, gone with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let file = format!("hubless-keys-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(file);
            let _ = fs::remove_file(&path);
            Self(path)
        }

        fn with(name: &str, text: &str, mode: u32) -> Self {
            let scratch = Self::new(name);
            fs::write(&scratch.0, text).expect("the directory is ours");
            scratch.chmod(mode);
            scratch
        }

        fn chmod(&self, mode: u32) {
            fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).expect("the file is ours");
        }

        /// What `error` says behind the path.
        fn says<T: fmt::Debug>(&self, result: Result<T, KeyFileError>) -> String {
            let error = result.expect_err("it is not used").to_string();
            let path = format!("cannot use the keys in {}: ", self.0.display());
            error.strip_prefix(&path).expect("the file is named").to_owned()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    const PUBLIC: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";
    const SECRET: &str = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
    const STRANGER: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

    fn certificate(public: &str, secret: &str) -> String {
        format!(
            "#   ZeroMQ CURVE **Secret** Certificate\n\nmetadata\n    name = \"ann\"\ncurve\n    \
             public-key = \"{public}\"\n    secret-key = \"{secret}\"\n"
        )
    }

    #[test]
    fn what_is_saved_is_loaded_and_nobody_else_can_read_it() {
        let scratch = Scratch::new("saved");
        let pair = KeyPair::generate().expect("there is randomness");
        pair.save(&scratch.0).expect("it is free");
        let mode = fs::metadata(&scratch.0)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let loaded = KeyPair::load(&scratch.0).expect("it is ours");
        assert_eq!(loaded.secret_key().expose(), pair.secret_key().expose());
        assert_eq!(
            PublicKey::load(&scratch.0).expect("it is ours"),
            pair.public_key()
        );
        assert_eq!(scratch.says(pair.save(&scratch.0)), "file exists");
    }

    #[test]
    fn two_pairs_are_never_the_same() {
        let keys: Vec<_> = (0..50)
            .map(|_| {
                KeyPair::generate()
                    .expect("there is randomness")
                    .public_key()
                    .to_string()
            })
            .collect();
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 50);
    }

    #[test]
    fn a_certificate_of_czmq_is_read() {
        let scratch = Scratch::with("czmq", &certificate(PUBLIC, SECRET), 0o400);
        let pair = KeyPair::load(&scratch.0).expect("it is ours");
        assert_eq!(pair.public_key().to_string(), PUBLIC);
    }

    #[test]
    fn row_16_a_secret_that_others_could_read_is_not_used() {
        let scratch = Scratch::with("open", &certificate(PUBLIC, SECRET), 0o600);
        for mode in [0o640, 0o604, 0o660, 0o610, 0o601, 0o777] {
            scratch.chmod(mode);
            let expected = format!("it is open to others (mode {mode:04o})");
            assert_eq!(scratch.says(KeyPair::load(&scratch.0)), expected);
        }
        scratch.chmod(0o600);
        KeyPair::load(&scratch.0).expect("now it is closed");
    }

    #[test]
    fn row_16_what_others_could_write_is_believed_by_nobody() {
        let scratch = Scratch::with("written", &format!("{PUBLIC} ann\n"), 0o644);
        let list = AllowList::load(&scratch.0).expect("others only read it");
        for mode in [0o664, 0o646, 0o622] {
            scratch.chmod(mode);
            let expected = format!("it is open to others (mode {mode:04o})");
            assert_eq!(scratch.says(list.reload(&scratch.0)), expected);
        }
        assert_eq!(list.len(), 1, "it is as it was");
    }

    #[test]
    fn row_16_what_belongs_to_somebody_else_is_not_used() {
        let scratch = Scratch::with("foreign", &certificate(PUBLIC, SECRET), 0o600);
        // Only root can give files away, and whoever is not root cannot read what was given away.
        if chown(&scratch.0, Some(54_321), None).is_err() {
            return;
        }
        let said = scratch.says(KeyPair::load(&scratch.0));
        assert_eq!(said, "it belongs to user 54321, not to us");
    }

    #[test]
    fn what_is_no_key_pair_is_named() {
        for (text, expected) in [
            (String::new(), "no secret-key is in it"),
            (format!("public-key = \"{PUBLIC}\"\n"), "no secret-key is in it"),
            (
                certificate(PUBLIC, "short"),
                "its secret-key is not 40 characters of Z85",
            ),
            (
                certificate("short", SECRET),
                "its public-key is not 40 characters of Z85",
            ),
            (
                certificate(STRANGER, SECRET),
                "its two keys do not belong together",
            ),
            ("#".repeat(1024 * 1024 + 1), "it has more than 1048576 bytes"),
        ] {
            let scratch = Scratch::with("none", &text, 0o600);
            assert_eq!(scratch.says(KeyPair::load(&scratch.0)), expected);
        }
        let scratch = Scratch::new("missing");
        assert_eq!(
            scratch.says(KeyPair::load(&scratch.0)),
            "no such file or directory"
        );
    }

    #[test]
    fn a_list_is_read_anew_whole_or_not_at_all() {
        let text = format!("# who may enter\n\n  {PUBLIC}   Ann of accounts \n#{STRANGER}\n#\n");
        let scratch = Scratch::with("list", &text, 0o600);
        let list = AllowList::load(&scratch.0).expect("it is ours");
        let key = |text: &str| text.parse::<PublicKey>().expect("a key");
        assert!(list.contains(&key(PUBLIC)) && list.len() == 1);

        fs::write(&scratch.0, format!("{STRANGER}\nnobody\n")).expect("it is ours");
        assert_eq!(
            scratch.says(list.reload(&scratch.0)),
            "line 2 does not begin with a key"
        );
        assert!(list.contains(&key(PUBLIC)) && !list.contains(&key(STRANGER)));
        fs::write(&scratch.0, format!("{STRANGER}\n")).expect("it is ours");
        list.reload(&scratch.0).expect("it is ours");
        assert!(!list.contains(&key(PUBLIC)) && list.contains(&key(STRANGER)));
    }
}
