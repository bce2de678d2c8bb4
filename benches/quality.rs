//! `make quality DATA=folder`: what the detectors find, miss and wrongly tell on recorded data of others.
//!
//! Every log goes the production way: files, decoder, order, engines, budget, with the settings that the program ships.
//! A word behind the folder names the one data set to answer for; `formats` is the share of each file that `auto` reads.
//! The answers are a function of the data and the program: the same table on every machine.

#[path = "quality/downloads.rs"]
mod downloads;
#[path = "quality/formats.rs"]
mod formats;
#[path = "quality/labels.rs"]
mod labels;
#[path = "quality/logs.rs"]
mod logs;
#[path = "quality/publishes.rs"]
mod publishes;
#[path = "quality/registries.rs"]
mod registries;
#[path = "quality/run.rs"]
mod run;
#[path = "quality/signatures.rs"]
mod signatures;
#[path = "quality/table.rs"]
mod table;

use std::error::Error;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use table::{Answers, Table};

/// Whatever stops the report: it is printed with its causes.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// One data set: its folder in DATA, and who answers for it.
type DataSet = (&'static str, fn(&Path, &mut Answers) -> Result<(), Failure>);

const DATA_SETS: [DataSet; 14] = [
    ("cran-downloads", downloads::cran),
    ("guix-signing", signatures::guix),
    ("git-tags", signatures::git_tags),
    ("tuf-rotation", signatures::tuf),
    ("crates-publishes", publishes::crates),
    ("real-registries", registries::real),
    ("access-logs", logs::access_logs),
    ("sigstore-samples", logs::sigstore_samples),
    ("registry-events", logs::registry_events),
    ("npm-manifests", logs::npm_manifests),
    ("npm-incidents", logs::npm_incidents),
    ("npm-daily", logs::series),
    ("nab", logs::series),
    ("pypi-uploads", logs::pypi_uploads),
];

/// What answers for all files at once, of every data set.
const FORMATS: &str = "formats";

fn main() -> ExitCode {
    // Cargo passes `--bench` along.
    let mut words = std::env::args_os().skip(1).filter(|word| word != "--bench");
    let Some(data) = words.next().map(PathBuf::from) else {
        return complain("name the folder with the data: make quality DATA=folder", 2);
    };
    let only = words.next();
    match report(&data, only.as_deref().and_then(OsStr::to_str)) {
        Ok(text) => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string(), 1),
        },
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
            complain(&text, 1)
        }
    }
}

fn report(data: &Path, only: Option<&str>) -> Result<String, Failure> {
    if !data.is_dir() {
        return Err(format!("there is no folder `{}`", data.display()).into());
    }
    let mut table = Table::default();
    for (set, answer) in DATA_SETS.into_iter().filter(|(set, _)| only.is_none_or(|only| only == *set)) {
        let folder = data.join(set);
        if folder.is_dir() {
            let mut answers = Answers::of(set);
            answer(&folder, &mut answers)?;
            table.add(answers);
        }
    }
    if only.is_none_or(|only| only == FORMATS) {
        let mut answers = Answers::of(FORMATS);
        formats::all(data, &mut answers)?;
        table.add(answers);
    }
    Ok(table.to_string())
}

fn complain(text: &str, code: u8) -> ExitCode {
    // Nothing better can be done where even this cannot be written.
    let _ = writeln!(std::io::stderr().lock(), "quality: {text}");
    ExitCode::from(code)
}
