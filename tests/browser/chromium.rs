//! Chromium without a window: loads one address, says what the page is afterwards, and ends.

use std::process::Command;
use std::time::Duration;

use crate::parts::process::{Leftovers, Part};

/// How long a page may take; on a busy machine the browser itself needs seconds to start.
const PATIENCE: Duration = Duration::from_secs(90);

/// What became of a page.
pub(super) struct Seen {
    /// The document after its scripts have run, as the browser writes it.
    pub(super) page: String,
    /// What the browser had to say about it: errors of scripts, violations of the policy.
    pub(super) complaints: Vec<String>,
}

/// Loads an address and looks at the page once it is complete.
pub(super) fn look(address: &str) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        // The tests may run as root, where Chromium's sandbox does not start; the pages are our own.
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        "--dump-dom",
    ]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display())).arg(address);
    let mut part = Part::start("chromium", &command, folder.path(), Leftovers::Keep);
    let status = part.wait(PATIENCE);
    let (page, errors) = (part.output(), part.errors());
    assert_eq!(status, 0, "chromium failed; tests/parts/install.sh installs it: {errors}");
    assert!(page.contains("</html>"), "chromium shows no page for {address}: {errors}");
    let complaints = errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    Seen { page, complaints }
}
