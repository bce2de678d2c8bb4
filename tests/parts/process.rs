//! A process that a test starts, signals and reads, and that never outlives the test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::until;

/// How long a process may take to be gone after SIGKILL: the kernel frees its memory first.
const GONE: Duration = Duration::from_secs(20);

/// A process under `supervise.sh`: dropping it, or the end of the test in whatever way, kills it.
#[derive(Debug)]
pub(crate) struct Part {
    supervisor: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pid: u32,
    output: PathBuf,
    errors: PathBuf,
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
        let [output, errors] = ["out", "err"].map(|ending| folder.join(format!("{name}.{ending}")));
        let mut supervised = Command::new("sh");
        supervised.arg(super::folder().join("supervise.sh")).arg(&output).arg(&errors);
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
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let orders = supervisor.stdin.take();
        let answers = BufReader::new(supervisor.stdout.take().expect("it was asked for"));
        let mut part = Self { supervisor, orders, answers, pid: 0, output, errors };
        part.pid = part.answer().parse().expect("the supervisor begins with a process id");
        part
    }

    /// The id of the process itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal, and returns when it was sent; nothing happens when the process has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        let orders = self.orders.as_mut().expect("it is taken only by drop");
        // A broken pipe says that the process has ended, which `ended` tells better.
        if writeln!(orders, "{}", signal.name()).is_ok() {
            self.answer();
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
        let what = format!("the end of the process that writes {}", self.errors.display());
        until(&what, patience, || self.ended())
    }

    /// All it wrote to standard output so far.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// All it wrote to standard error so far.
    pub(crate) fn errors(&self) -> String {
        read(&self.errors)
    }
}

impl Part {
    /// The supervisor's next line; empty when it has ended.
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the supervisor writes plain text");
        line.trim_end().to_owned()
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

    /// The state of a process in the letters of `ps`; empty when there is none.
    fn state(pid: u32) -> String {
        let listed = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).trim().to_owned()
    }

    fn lives(pid: u32) -> bool {
        let state = state(pid);
        !state.is_empty() && !state.starts_with('Z')
    }

    #[test]
    fn a_part_that_ends_by_itself_tells_its_exit_code_and_output() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = shell("echo said; echo complained >&2; exit 7", folder.path(), Leftovers::Keep);
        assert_eq!(part.wait(PATIENCE), 7);
        assert_eq!((part.output().as_str(), part.errors().as_str()), ("said\n", "complained\n"));
        part.signal(Signal::Terminate);
        assert_eq!(part.ended(), Some(7));
    }

    #[test]
    fn a_part_gets_the_signals_of_the_test() {
        let folder = tempfile::tempdir().unwrap();
        let script = "trap 'echo asked; exit 3' TERM; mkfifo nothing; echo waits; read -r _ <>nothing";
        let mut part = shell(script, folder.path(), Leftovers::Keep);
        until("the trap", PATIENCE, || (part.output() == "waits\n").then_some(()));
        part.signal(Signal::Stop);
        part.signal(Signal::Terminate);
        assert!(state(part.pid()).starts_with('T'), "it runs after SIGSTOP");
        assert_eq!(part.ended(), None);
        part.signal(Signal::Continue);
        assert_eq!(part.wait(PATIENCE), 3);
        assert_eq!(part.output(), "waits\nasked\n");
    }

    #[test]
    fn a_killed_part_leaves_its_folder_and_a_dropped_one_takes_it_along() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("part");
        std::fs::create_dir(&folder).unwrap();

        let mut killed = shell("exec tail -f /dev/null", &folder, Leftovers::Remove);
        let pid = killed.pid();
        killed.kill();
        assert!(!lives(pid) && folder.exists());
        drop(killed);
        assert!(folder.exists(), "a part that a test killed is often started again on the same folder");

        let dropped = shell("exec tail -f /dev/null", &folder, Leftovers::Remove);
        let pid = dropped.pid();
        assert!(lives(pid));
        drop(dropped);
        assert!(!lives(pid) && !folder.exists());
    }
}
