//! Opening a file and looking at its first bytes: plain, gzip or zstd by content, whatever its name says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use super::FilesError;

/// What standard input is called on the command line.
pub(super) const STANDARD_INPUT: &str = "-";

/// Largest window that a zstd file may ask for, as a power of two: 128 MiB, zstd's own default bound.
pub(super) const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// How much is read at once, in bytes.
const READ_BUFFER_BYTES: usize = 128 * 1024;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A file, decompressed while it is read.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, FilesError> {
    let raw: Box<dyn Read + Send> = if path.as_os_str() == STANDARD_INPUT {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|cause| FilesError::open(path, cause))?;
        let metadata = file.metadata().map_err(|cause| FilesError::open(path, cause))?;
        if metadata.is_dir() {
            return Err(FilesError::Directory { path: path.to_owned() });
        }
        Box::new(file)
    };
    decompressed(buffered(raw)).map_err(|cause| FilesError::open(path, cause))
}

/// Reads the magic bytes and puts the fitting decompressor in front.
pub(crate) fn decompressed(raw: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let (head, raw) = peek(raw, ZSTD.len())?;
    if head.starts_with(GZIP) {
        return Ok(buffered(flate2::bufread::MultiGzDecoder::new(raw)));
    }
    if head.starts_with(ZSTD) {
        let mut decoder = zstd::Decoder::with_buffer(raw)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        return Ok(buffered(decoder));
    }
    Ok(raw)
}

/// Reads up to `length` bytes and gives back a reader that still has them.
pub(crate) fn peek(
    mut reader: Box<dyn BufRead + Send>,
    length: usize,
) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    let mut head = Vec::with_capacity(length);
    (&mut reader).take(length as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(reader))))
}

fn buffered(reader: impl Read + Send + 'static) -> Box<dyn BufRead + Send> {
    Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, reader))
}
