//! `cargo run -p sample-logs -- write|check [FOLDER]`: makes the committed files, or says whether they are up to date.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use sample_logs::{Scenario, committed};

const USAGE: &str = "usage: sample-logs write|check [FOLDER]\n\
    write  makes the files of all scenarios below FOLDER\n\
    check  compares them with what the generator makes\n\
    FOLDER is `sample-logs` unless named.\n";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (command, folder) = (arguments.next(), arguments.next());
    let folder = PathBuf::from(folder.as_deref().unwrap_or("sample-logs"));
    let done = match command.as_deref() {
        Some("write") => committed::write(&folder).map(|bytes| format!("{bytes} bytes written\n")),
        Some("check") => Scenario::ALL
            .into_iter()
            .try_for_each(|scenario| committed::check(&folder, scenario))
            .map(|()| "all files are what the generator makes\n".to_owned()),
        _ => {
            tell(std::io::stderr(), USAGE);
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(text) => {
            tell(std::io::stdout(), &text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            tell(std::io::stderr(), &format!("{error}{cause}\n"));
            ExitCode::FAILURE
        }
    }
}

fn tell(mut out: impl Write, text: &str) {
    // Nobody is left to be told if the stream is closed.
    let _ = out.write_all(text.as_bytes());
}
