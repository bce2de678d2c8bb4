//! The edge: writes the committed files, and compares them with what the generator makes.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::manifest::{FILE_NAME, FileEntry};
use crate::{Scenario, Variant, expectations, generate};

/// The compression level of the committed files: the most that does not need a special decoder.
const LEVEL: i32 = 19;

/// Why files could not be written or compared.
#[derive(Debug, Error)]
pub enum CommittedError {
    /// A file cannot be read.
    #[error("could not read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("could not write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is not what the generator makes.
    #[error("{} is not what the generator makes", .0.display())]
    Differs(PathBuf),
}

/// Writes the files of all scenarios into their folders below `root`; returns how many bytes were written.
///
/// # Errors
/// [`CommittedError`] naming the first file that cannot be written.
pub fn write(root: &Path) -> Result<u64, CommittedError> {
    let mut written = 0;
    for scenario in Scenario::ALL {
        let folder = root.join(scenario.folder());
        let mut put = |path: PathBuf, bytes: &[u8]| {
            let parent = path.parent().unwrap_or(&folder);
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&path, bytes))
                .map_err(|source| CommittedError::Write { path: path.clone(), source })?;
            written += bytes.len() as u64;
            Ok(())
        };
        put(folder.join(FILE_NAME), expectations(scenario, Variant::COMMITTED).to_toml().as_bytes())?;
        for file in generate(scenario, Variant::COMMITTED).files {
            let path = folder.join(file.path());
            let bytes = zstd::encode_all(file.text().as_bytes(), LEVEL)
                .map_err(|source| CommittedError::Write { path: path.clone(), source })?;
            put(path, &bytes)?;
        }
    }
    Ok(written)
}

/// Reads the lines of one of a scenario's files from the scenario's folder.
///
/// # Errors
/// [`CommittedError::Read`] naming the file.
pub fn lines(folder: &Path, file: &FileEntry) -> Result<Vec<String>, CommittedError> {
    let path = folder.join(&file.path);
    let text = std::fs::File::open(&path)
        .and_then(zstd::decode_all)
        .and_then(|bytes| {
            String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        })
        .map_err(|source| CommittedError::Read { path, source })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Compares the files of a scenario below `root` with what the generator makes: the text, not how it is compressed.
///
/// # Errors
/// [`CommittedError`] naming the first file that cannot be read or differs.
pub fn check(root: &Path, scenario: Scenario) -> Result<(), CommittedError> {
    let folder = root.join(scenario.folder());
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| CommittedError::Read { path: path.clone(), source })
    };
    let path = folder.join(FILE_NAME);
    if read(&path)? != expectations(scenario, Variant::COMMITTED).to_toml().as_bytes() {
        return Err(CommittedError::Differs(path));
    }
    for file in generate(scenario, Variant::COMMITTED).files {
        let path = folder.join(file.path());
        let text = zstd::decode_all(read(&path)?.as_slice())
            .map_err(|source| CommittedError::Read { path: path.clone(), source })?;
        if text != file.text().as_bytes() {
            return Err(CommittedError::Differs(path));
        }
    }
    Ok(())
}
