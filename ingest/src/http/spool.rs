//! What was posted, on disk: numbered frames in files of bounded size, flushed before their senders are answered.
//!
//! A file is called after the number of its first frame. A frame is its length and checksum, when it came, what it is,
//! and its bytes. A crash can tear the last frame of the last file alone, and that one was never acknowledged: it is cut
//! off at the next start. After a write that failed the file is cut back to what was acknowledged, and a new one is
//! begun, since nobody knows what of it the disk holds.

mod frame;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

pub(super) use self::frame::{Frame, Kind, Read, read};

/// A file is not continued beyond this size.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// What the names of the files end in.
const EXTENSION: &str = "spool";

/// Why the spool cannot be used.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// A file or the folder cannot be made, read or written.
    #[error("could not use `{}`", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It holds as much as it may.
    #[error("could not keep more than {0} bytes that are not yet in the saved state")]
    Full(u64),
}

/// What writer and reader both know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes in all files.
    bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next frame; all before it are on disk.
    next: u64,
    troubles: Vec<String>,
}

/// The writing end.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    writing: Writing,
    next: u64,
    most: u64,
    segment: u64,
    /// How bytes come to disk; tests let it fail.
    flush: fn(&mut File, &[u8]) -> io::Result<()>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum Writing {
    /// No file is open: the next frame begins one.
    Nothing,
    Current(Current),
    /// What was not acknowledged could not be cut off. Its frames would take the numbers of others, so nothing is
    /// written until the next start, which counts them.
    Stuck,
}

#[derive(Debug)]
struct Current {
    path: PathBuf,
    file: File,
    /// Bytes of frames that are on disk.
    good: u64,
}

impl Shared {
    /// The number that the next frame will have.
    pub(super) fn next(&self) -> u64 {
        self.lock().next
    }

    /// Waits until there is a frame of this number, or the time is over.
    pub(super) fn wait_for(&self, number: u64, most: Duration) -> bool {
        let waiting = self
            .changed
            .wait_timeout_while(self.lock(), most, |state| state.next <= number && state.troubles.is_empty());
        waiting.unwrap_or_else(PoisonError::into_inner).0.next > number
    }

    /// Says something to whoever runs the watch.
    pub(super) fn trouble(&self, text: String) {
        /// More are not kept: they are all alike.
        const MOST: usize = 16;
        let mut state = self.lock();
        if state.troubles.len() < MOST && !state.troubles.contains(&text) {
            state.troubles.push(text);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// What was said since this was asked last.
    pub(super) fn take_troubles(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().troubles)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spool {
    /// Opens the spool, cuts off what a crash tore, and goes on with the next number; never with one that was read
    /// before `from`, even if the files are gone.
    pub(super) fn open(folder: &Path, from: Option<u64>, most: u64) -> Result<Self, SpoolError> {
        std::fs::create_dir_all(folder).map_err(|cause| unusable(folder, cause))?;
        let shared = Arc::new(Shared::default());
        let mut spool = Self {
            folder: folder.to_owned(),
            writing: Writing::Nothing,
            next: 0,
            most,
            segment: SEGMENT_BYTES,
            flush: |file, bytes| file.write_all(bytes).and_then(|()| file.sync_data()),
            shared,
        };
        let segments = segments(folder)?;
        if let Some((first, path)) = segments.last() {
            let (frames, good) = whole(path)?;
            let file = OpenOptions::new().write(true).open(path).map_err(|cause| unusable(path, cause))?;
            let size = file.metadata().map_err(|cause| unusable(path, cause))?.len();
            if size > good {
                file.set_len(good).and_then(|()| file.sync_all()).map_err(|cause| unusable(path, cause))?;
                let text = format!(
                    "the last {} bytes of `{}` were torn and never acknowledged",
                    size - good,
                    path.display()
                );
                spool.shared.trouble(text);
            }
            spool.next = first + frames;
        }
        let from = from.unwrap_or(0);
        if spool.next < from {
            let text = "files of the spool are gone: what was in them and not yet in the saved state is lost";
            spool.shared.trouble(format!("`{}`: {text}", folder.display()));
            spool.next = from;
        }
        let sizes = segments.iter().filter_map(|(_, path)| Some(std::fs::metadata(path).ok()?.len()));
        spool.shared.bytes.store(sizes.sum(), Ordering::Relaxed);
        spool.shared.lock().next = spool.next;
        Ok(spool)
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Writes frames and flushes them; either all are on disk, or none is promised.
    pub(super) fn append(&mut self, frames: &[Frame]) -> Result<(), SpoolError> {
        let mut bytes = Vec::new();
        for frame in frames {
            frame.write(&mut bytes);
        }
        let size = bytes.len() as u64;
        if self.shared.bytes.load(Ordering::Relaxed) + size > self.most {
            return Err(SpoolError::Full(self.most));
        }
        let mut current = self.current()?;
        if let Err(cause) = (self.flush)(&mut current.file, &bytes) {
            let error = unusable(&current.path, cause);
            self.writing = self.cut_back(&current);
            return Err(error);
        }
        current.good += size;
        self.writing = Writing::Current(current);
        self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        self.next += frames.len() as u64;
        self.shared.lock().next = self.next;
        self.shared.changed.notify_all();
        Ok(())
    }

    /// The file to write to.
    fn current(&mut self) -> Result<Current, SpoolError> {
        match std::mem::replace(&mut self.writing, Writing::Nothing) {
            Writing::Current(current) if current.good < self.segment => Ok(current),
            Writing::Current(_) | Writing::Nothing => self.begin(),
            Writing::Stuck => {
                self.writing = Writing::Stuck;
                let cause = io::Error::other("an earlier write failed and could not be undone");
                Err(unusable(&self.folder, cause))
            }
        }
    }

    fn begin(&self) -> Result<Current, SpoolError> {
        let path = self.folder.join(format!("{:020}.{EXTENSION}", self.next));
        let fails = |cause| unusable(&path, cause);
        // A file of this name holds no frame: it was begun, and nothing of it acknowledged.
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(fails)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fails)?;
        Ok(Current { path, file, good: 0 })
    }

    /// Cuts a file back to what was acknowledged, and leaves it: nobody knows what else of it the disk holds.
    fn cut_back(&self, current: &Current) -> Writing {
        match current.file.set_len(current.good).and_then(|()| current.file.sync_all()) {
            Ok(()) => Writing::Nothing,
            Err(error) => {
                let text = format!("could not undo a failed write to `{}`: {error}", current.path.display());
                self.shared.trouble(text);
                Writing::Stuck
            }
        }
    }
}

fn unusable(path: &Path, cause: io::Error) -> SpoolError {
    SpoolError::Unusable { path: path.to_owned(), cause }
}

/// The files with the numbers of their first frames, in order.
pub(super) fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, SpoolError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|cause| unusable(folder, cause))? {
        let path = entry.map_err(|cause| unusable(folder, cause))?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(number) = number.filter(|_| path.extension().is_some_and(|end| end == EXTENSION)) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// How many whole frames a file begins with, and where they end.
fn whole(path: &Path) -> Result<(u64, u64), SpoolError> {
    let mut reader = BufReader::new(File::open(path).map_err(|cause| unusable(path, cause))?);
    let (mut frames, mut good) = (0, 0);
    while let Read::Frame(frame) = read(&mut reader).map_err(|cause| unusable(path, cause))? {
        frames += 1;
        good += frame.size();
    }
    Ok((frames, good))
}

/// Forgets the files all of whose frames are below `saved`.
pub(super) fn forget(folder: &Path, saved: u64, shared: &Shared) -> Result<(), SpoolError> {
    let segments = segments(folder)?;
    for pair in segments.windows(2) {
        let [(_, path), (next, _)] = pair else { continue };
        if *next > saved {
            break;
        }
        let size = std::fs::metadata(path).map_err(|cause| unusable(path, cause))?.len();
        std::fs::remove_file(path).map_err(|cause| unusable(path, cause))?;
        let left = |bytes: u64| Some(bytes.saturating_sub(size));
        // The closure always gives a number.
        let _ = shared.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
    }
    Ok(())
}
