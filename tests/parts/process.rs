//! A process that a test starts, signals and reads, and that never outlives the test.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use super::until;

/// How long a process may take to be gone after SIGKILL: the kernel frees its memory first.
const GONE: Duration = Duration::from_secs(20);

/// A process under `supervise.sh`: dropping it, or the end of the test in whatever way, kills it.
#[derive(Debug)]
pub(crate) struct Part {
    supervisor: Child,
    orders: Option<ChildStdin>,
    standard_output: PathBuf,
    standard_error: PathBuf,
}

/// What a test may do to a running part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// SIGKILL: gone at once, nothing flushed.
    Kill,
    /// SIGTERM: asked to end.
    Terminate,
    /// SIGSTOP: hangs, its connections stay open.
    Stop,
    /// SIGCONT: goes on after [`Signal::Stop`].
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Terminate => "TERM",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// What becomes of the folder with a part's logs when the part is dropped or left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leftovers {
    /// The folder stays; whoever made it removes it.
    Keep,
    /// The folder is removed with all that is in it: for parts in a `static`, which Rust never drops.
    Remove,
}

impl Part {
    /// Starts `command` with its output in `folder`: `<name>.out` and `<name>.err`, appended to.
    pub(crate) fn start(name: &str, command: &Command, folder: &Path, leftovers: Leftovers) -> Self {
        let standard_output = folder.join(format!("{name}.out"));
        let standard_error = folder.join(format!("{name}.err"));
        let mut supervised = Command::new("sh");
        supervised.arg(super::folder().join("supervise.sh"));
        supervised.arg(match leftovers {
            Leftovers::Keep => Path::new(""),
            Leftovers::Remove => folder,
        });
        supervised.arg(command.get_program()).args(command.get_args());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => supervised.env(variable, value),
                None => supervised.env_remove(variable),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            supervised.current_dir(directory);
        }
        let mut supervisor = supervised
            .stdin(Stdio::piped())
            .stdout(append(&standard_output))
            .stderr(append(&standard_error))
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let orders = supervisor.stdin.take();
        Self { supervisor, orders, standard_output, standard_error }
    }

    /// Sends a signal; nothing happens when the process has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if let Some(orders) = &mut self.orders {
            // A broken pipe says that the process has ended, which `ended` tells better.
            let _ = writeln!(orders, "{}", signal.name());
        }
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::Kill);
        self.wait(GONE);
    }

    /// The exit code if the process has ended; 128 plus the signal's number if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.supervisor.try_wait().expect("the supervisor is our child");
        status.map(|status| status.code().unwrap_or(-1))
    }

    /// Waits until the process has ended and returns its exit code; panics after `patience`.
    pub(crate) fn wait(&mut self, patience: Duration) -> i32 {
        let what = format!("the end of the process that writes {}", self.standard_error.display());
        until(&what, patience, || self.ended())
    }

    /// All it wrote to standard output so far.
    pub(crate) fn output(&self) -> String {
        read(&self.standard_output)
    }

    /// All it wrote to standard error so far.
    pub(crate) fn errors(&self) -> String {
        read(&self.standard_error)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // End of file tells the supervisor to kill the part; waiting keeps it from writing into a folder that
        // its owner removes next.
        self.orders = None;
        let _ = self.supervisor.wait();
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str, folder: &Path, leftovers: Leftovers) -> Part {
        Part::start("shell", Command::new("sh").args(["-c", script]).current_dir(folder), folder, leftovers)
    }

    /// Whether the process `pid` is there; a zombie is not.
    fn lives(pid: &str) -> bool {
        let state = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().expect("ps is there");
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    fn first_line(part: &Part) -> String {
        until("a line of output", PATIENCE, || part.output().lines().next().map(str::to_owned))
    }

    #[test]
    fn a_part_that_ends_by_itself_tells_its_exit_code_and_output() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = shell("echo said; echo complained >&2; exit 7", folder.path(), Leftovers::Keep);
        assert_eq!(part.wait(PATIENCE), 7);
        assert_eq!((part.output().as_str(), part.errors().as_str()), ("said\n", "complained\n"));
    }

    #[test]
    fn a_part_gets_the_signals_of_the_test() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'echo asked; exit 3' TERM; echo $$; mkfifo nothing; read -r _ <>nothing";
        let mut part = shell(script, folder.path(), Leftovers::Keep);
        let pid = first_line(&part);
        part.signal(Signal::Stop);
        part.signal(Signal::Terminate);
        until("a stopped process", PATIENCE, || {
            let state = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().unwrap();
            String::from_utf8_lossy(&state.stdout).starts_with('T').then_some(())
        });
        assert_eq!(part.ended(), None);
        part.signal(Signal::Continue);
        assert_eq!(part.wait(PATIENCE), 3);
        assert!(part.output().ends_with("asked\n"));
    }

    #[test]
    fn a_killed_part_leaves_its_folder_and_a_dropped_one_takes_it_along() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("part");
        std::fs::create_dir(&folder).unwrap();
        let script = "echo $$; exec tail -f /dev/null";

        let mut killed = shell(script, &folder, Leftovers::Remove);
        let pid = first_line(&killed);
        killed.kill();
        assert!(!lives(&pid) && folder.exists());
        drop(killed);
        assert!(folder.exists(), "a part that a test killed is often started again on the same folder");

        std::fs::remove_file(folder.join("shell.out")).unwrap();
        let dropped = shell(script, &folder, Leftovers::Remove);
        let pid = first_line(&dropped);
        drop(dropped);
        assert!(!lives(&pid) && !folder.exists());
    }
}
