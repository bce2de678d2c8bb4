//! What must never be printed: secrets, URLs that are secrets, and the references they are loaded from.
//!
//! A configuration holds a [`SecretRef`] (`env:NAME` or `file:/path`), never the secret. It is resolved at the
//! edge into a [`SecretString`] or a [`SecretUrl`]; both show nothing of themselves, and no error repeats them.

use std::env::VarError;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod reference;
mod url;

pub use url::{SecretUrl, URL_MAX_BYTES, UrlError};

/// The longest secret that is read from a file or a variable, in bytes.
pub const SECRET_MAX_BYTES: usize = 64 * 1024;

/// A secret. `Debug` and `Display` show `***`; the text comes out of [`SecretString::expose`] alone.
#[derive(Clone)]
pub struct SecretString(String);

impl SecretString {
    /// Wraps a text that is secret from now on.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself; call it where it leaves the process and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is to be found. It is not secret itself: it may be shown, compared and written back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `env:NAME`: a variable of the process's environment.
    Variable(String),
    /// `file:/path`: the whole file, without its trailing line break.
    File(PathBuf),
}

impl SecretRef {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the variable or file cannot be read, is empty, too long, or is not UTF-8.
    pub fn resolve(&self) -> Result<Resolved, SecretError> {
        match self {
            Self::Variable(name) => {
                let text = std::env::var(name).map_err(|error| match error {
                    VarError::NotPresent => SecretError::NoVariable { name: name.clone() },
                    VarError::NotUnicode(_) => SecretError::NotText { source_name: self.to_string() },
                })?;
                Ok(Resolved { secret: self.checked(text)?, warning: None })
            }
            Self::File(path) => self.read_file(path),
        }
    }

    fn read_file(&self, path: &Path) -> Result<Resolved, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(SECRET_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let text =
            String::from_utf8(bytes).map_err(|_| SecretError::NotText { source_name: self.to_string() })?;
        Ok(Resolved { secret: self.checked(text)?, warning: exposure(path, &metadata) })
    }

    fn checked(&self, mut text: String) -> Result<SecretString, SecretError> {
        if text.len() > SECRET_MAX_BYTES {
            return Err(SecretError::TooLong { source_name: self.to_string() });
        }
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        if text.is_empty() {
            return Err(SecretError::Empty { source_name: self.to_string() });
        }
        Ok(SecretString(text))
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for SecretRef {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        reference::parse(text)
    }
}

/// A text that is no reference to a secret. The text itself is not kept: it may be the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReference {
    /// Neither `env:` nor `file:`; most likely somebody wrote the secret itself.
    #[error("cannot take a secret written in the configuration")]
    Literal,
    /// `env:` with a name no environment can hold.
    #[error("cannot take the variable name after `env:`")]
    VariableName,
    /// `file:` with a relative path, which would depend on the working directory.
    #[error("cannot take a relative path after `file:`")]
    RelativePath,
}

impl NotAReference {
    /// What to do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Literal => "put it in a variable or a file and write `env:NAME` or `file:/path` here",
            Self::VariableName => "write `env:NAME` with letters, digits and underscores",
            Self::RelativePath => "write `file:` and the whole path from `/`",
        }
    }
}

/// A secret as it was found, and what is wrong with the place it was found in.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The secret.
    pub secret: SecretString,
    /// Set when others on this machine can get at it.
    pub warning: Option<SecretWarning>,
}

/// A secret that works, but that others can read or replace. Print it; do not stop for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretWarning {
    /// Every user of the machine can read the file.
    WorldReadable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Every user of the machine can write the file.
    WorldWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for SecretWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, mode, what) = match self {
            Self::WorldReadable { path, mode } => (path, mode, "read"),
            Self::WorldWritable { path, mode } => (path, mode, "write"),
        };
        let shown = path.display();
        write!(f, "every user can {what} the secret in `{shown}` (mode {mode:o}); run `chmod 600 {shown}`")
    }
}

/// Why a secret could not be had. It names the place, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("cannot find the variable `{name}` in the environment")]
    NoVariable {
        /// Its name.
        name: String,
    },
    /// The file cannot be opened or read.
    #[error("cannot read the secret in `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not UTF-8.
    #[error("cannot use the secret at `{source_name}`: it is not UTF-8 text")]
    NotText {
        /// The reference.
        source_name: String,
    },
    /// Nothing but line breaks.
    #[error("cannot use the secret at `{source_name}`: it is empty")]
    Empty {
        /// The reference.
        source_name: String,
    },
    /// More than [`SECRET_MAX_BYTES`].
    #[error("cannot use the secret at `{source_name}`: it is longer than {SECRET_MAX_BYTES} bytes")]
    TooLong {
        /// The reference.
        source_name: String,
    },
}

#[cfg(unix)]
pub(crate) fn exposure(path: &Path, metadata: &std::fs::Metadata) -> Option<SecretWarning> {
    use std::os::unix::fs::PermissionsExt as _;

    const OTHERS_WRITE: u32 = 0o002;
    const OTHERS_READ: u32 = 0o004;
    let mode = metadata.permissions().mode() & 0o7777;
    let path = path.to_owned();
    if mode & OTHERS_WRITE != 0 {
        Some(SecretWarning::WorldWritable { path, mode })
    } else if mode & OTHERS_READ != 0 {
        Some(SecretWarning::WorldReadable { path, mode })
    } else {
        None
    }
}

#[cfg(not(unix))]
pub(crate) fn exposure(_path: &Path, _metadata: &std::fs::Metadata) -> Option<SecretWarning> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const CANARY: &str = "canary-3f9c0b";

    fn file_with(content: &[u8], mode: u32) -> (tempfile::NamedTempFile, SecretRef) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        let reference = SecretRef::File(file.path().to_owned());
        (file, reference)
    }

    #[test]
    fn a_file_is_read_without_its_trailing_line_break() {
        for (content, expected) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" kept ", " kept ")] {
            let (_file, reference) = file_with(content.as_bytes(), 0o600);
            assert_eq!(reference.resolve().unwrap().secret.expose(), expected);
        }
    }

    #[test]
    fn a_variable_is_read() {
        // The one variable that every process has.
        let reference: SecretRef = "env:PATH".parse().unwrap();
        let resolved = reference.resolve().unwrap();
        assert_eq!(resolved.secret.expose(), std::env::var("PATH").unwrap());
        assert_eq!(resolved.warning, None);
    }

    #[test]
    fn a_file_that_others_can_get_at_is_a_warning_not_an_error() {
        for (mode, expected) in [
            (0o600, None),
            (0o640, None),
            (0o644, Some("read")),
            (0o604, Some("read")),
            (0o666, Some("write")),
        ] {
            let (_file, reference) = file_with(CANARY.as_bytes(), mode);
            let shown = reference.resolve().unwrap().warning.map(|warning| warning.to_string());
            match expected {
                None => assert_eq!(shown, None, "{mode:o}"),
                Some(verb) => assert!(shown.unwrap().contains(&format!("every user can {verb}")), "{mode:o}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_place_and_never_by_content() {
        let too_long = [CANARY.as_bytes(), &vec![b'x'; SECRET_MAX_BYTES]].concat();
        let not_text = [CANARY.as_bytes(), b"\xff"].concat();
        for (content, expected) in
            [(&b"\n\n"[..], "it is empty"), (&too_long, "longer than 65536"), (&not_text, "not UTF-8")]
        {
            let (_file, reference) = file_with(content, 0o600);
            let error = reference.resolve().unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error} {error:?}").contains(CANARY));
        }
        let missing = SecretRef::Variable("SEALWATCH_NOT_SET_ANYWHERE".into()).resolve().unwrap_err();
        assert!(missing.to_string().contains("SEALWATCH_NOT_SET_ANYWHERE"));
        let missing = SecretRef::File("/nonexistent/secret".into()).resolve().unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/secret"));
    }

    #[test]
    fn the_longest_secret_is_still_a_secret() {
        let (_file, reference) = file_with(&vec![b'x'; SECRET_MAX_BYTES], 0o600);
        assert_eq!(reference.resolve().unwrap().secret.expose().len(), SECRET_MAX_BYTES);
    }

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        let (_file, reference) = file_with(CANARY.as_bytes(), 0o644);
        let resolved = reference.resolve().unwrap();
        let shown = format!("{resolved:?} {resolved:#?} {} {:?}", resolved.secret, resolved.secret);
        assert!(shown.contains("***") && !shown.contains(CANARY), "{shown}");
    }
}
