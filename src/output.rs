//! Data goes to standard output, messages to standard error: the two writers of the program.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use alerting::sanitise::sanitise;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, Failure};

/// Where data is written: a file, or standard output for `-`.
pub(crate) fn data_writer(path: &Path) -> Result<Box<dyn Write + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = File::create(path).map_err(|error| {
        Failure::new(Exit::Unavailable, format!("cannot write {}: {error}", path.display()))
            .hint("check that the folder exists and may be written")
    })?;
    Ok(Box::new(BufWriter::new(file)))
}

/// Writes text to standard output; a reader that went away is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Unavailable, format!("cannot write to standard output: {error}"))
                .hint("check the space on the disk, or where the output goes"))
        }
        _ => Ok(()),
    }
}

/// Writes a message to standard error. Text from logs must have been made visible before.
pub(crate) fn message(text: &str) {
    // There is nobody left to tell if standard error is closed.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Attacker-controlled text for a terminal: no control, direction or zero-width character survives.
pub(crate) fn visible(text: &str) -> String {
    sanitise(text).into_string()
}

/// What became of writing data: a reader that went away ends the command quietly.
pub(crate) fn write_failure(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::new(Exit::Done, "the reader went away");
    }
    Failure::new(Exit::Unavailable, format!("cannot write: {error}")).hint("check the space on the disk")
}

/// A progress counter on standard error, on a terminal only.
pub(crate) fn progress(what: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg}: {human_pos} records ({per_sec}) in {elapsed}")
    {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
