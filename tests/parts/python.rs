//! Python programs as independent judges: other people's libraries, and checkers that share no code with ours.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::until;

/// How long a script may run: far beyond any of them, so that one that hangs fails its test and not the whole run.
const PATIENCE: Duration = Duration::from_secs(300);

/// The interpreter of the environment that `install.sh` made from `requirements.txt`.
pub(crate) struct Python;

/// How a script ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// The exit code, or -1 if a signal ended it.
    pub(crate) code: i32,
    /// What it wrote to standard output.
    pub(crate) output: String,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

impl Python {
    /// The interpreter itself, for parts that run on.
    pub(crate) fn interpreter() -> PathBuf {
        super::home().join("venv/bin/python")
    }

    /// Runs `script` (a path below `tests/parts`) with `arguments` and `input` on its standard input.
    pub(crate) fn run(script: &str, arguments: &[&str], input: &[u8]) -> Ended {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("input"), input).expect("a temporary file can be written");
        let mut child = Command::new(Self::interpreter())
            .arg(super::folder().join(script))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(File::open(file("input")).expect("it was just written"))
            .stdout(Stdio::from(File::create(file("output")).expect("a temporary file can be written")))
            .stderr(Stdio::from(File::create(file("errors")).expect("a temporary file can be written")))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {script}: {error}; {}", super::HOW_TO_INSTALL));
        let status =
            until(&format!("the end of {script}"), PATIENCE, || child.try_wait().expect("our child"));
        let read = |name: &str| String::from_utf8_lossy(&std::fs::read(file(name)).unwrap()).into_owned();
        Ended { code: status.code().unwrap_or(-1), output: read("output"), errors: read("errors") }
    }
}

/// A script that goes on running, to be started as a [`Part`](super::process::Part).
pub(crate) fn command(script: &str) -> Command {
    let mut command = Command::new(Python::interpreter());
    command.arg("-u").arg(super::folder().join(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

impl Ended {
    /// The standard output of a script that must not fail.
    pub(crate) fn successful(self) -> String {
        assert_eq!(self.code, 0, "the script failed: {}", self.errors);
        self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_of_the_environment_gets_its_arguments_and_input() {
        let ended = Python::run("versions.py", &["slack-sdk", "standardwebhooks"], b"confluent-kafka\n");
        let pinned = std::fs::read_to_string(super::super::folder().join("requirements.txt")).unwrap();
        for line in ended.successful().lines() {
            assert!(pinned.lines().any(|pin| pin == line), "{line} is installed, but not what is pinned");
        }
    }

    #[test]
    fn a_script_that_fails_tells_why() {
        let ended = Python::run("versions.py", &["no-such-package"], b"");
        assert_eq!(ended.code, 1);
        assert!(ended.errors.contains("no-such-package"), "{}", ended.errors);
    }
}
