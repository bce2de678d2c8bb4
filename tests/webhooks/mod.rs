//! Webhooks from somebody else's client to the database: what was answered with 200 survives kill -9.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use store::{DeadLetterFilter, Page, RunId, Store};

use crate::parts::process::{Leftovers, Part, Signal};
use crate::parts::python::Python;
use crate::parts::until;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long a step may take, beside a compiler and other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much lies in the spool when a life ends by SIGKILL, in bytes.
const KILLED_AT: [u64; 3] = [1, 20_000, 60_000];
/// What each of four senders posts in the last life.
const LAST: u32 = 50;

fn start(folder: &Path, life: usize) -> Part {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(["run", "--headless", "--config"]).arg(folder.join("sealwatch.toml"));
    Part::start(&format!("run-{life}"), &command, folder, Leftovers::Keep)
}

fn configure(folder: &Path) -> u16 {
    // Another program may take it before ours does, which the test would say.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let secret = folder.join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let text = format!(
        "[store]\npath = {:?}\n[http]\nlisten = \"127.0.0.1:{port}\"\n[[source]]\nname = \"hub\"\nformat = \"native\"\n\
         start = \"beginning\"\nhttp = {{ path = \"/hub\", requests_per_second = 100000, check = {{ type = \"hmac\", secret = \"file:{}\" }} }}\n",
        folder.join("sealwatch.db"),
        secret.display(),
    );
    std::fs::write(folder.join("sealwatch.toml"), text).unwrap();
    port
}

fn spooled(folder: &Path) -> u64 {
    let spool = folder.join("sealwatch.db.doors/hub/http");
    let files = std::fs::read_dir(spool).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// What the database holds of what was posted; none of it can be read as an event. Each stands there once.
fn arrived(folder: &Path, reason: &str) -> Vec<String> {
    let Ok(reader) = Store::open_read_only(&folder.join("sealwatch.db")) else { return Vec::new() };
    let rows = reader.dead_letters(&RunId::Live, &DeadLetterFilter::default(), Page::first(u32::MAX));
    let mine = rows.unwrap_or_default().into_iter().filter(|row| row.reason == reason);
    mine.map(|row| String::from_utf8(row.head).unwrap()).collect()
}

#[test]
fn what_was_answered_with_200_survives_kill_9_and_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let port = configure(folder.path()).to_string();
    let mut acknowledged = BTreeSet::new();
    let post = |name: String, count: u32| {
        let arguments = [port.as_str(), "/hub", SECRET, &name, &count.to_string()];
        let said = Python::run("post_webhooks.py", &arguments, b"").successful();
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    for (life, bytes) in KILLED_AT.into_iter().enumerate() {
        let mut part = start(folder.path(), life);
        let before = spooled(folder.path());
        acknowledged.extend(std::thread::scope(|scope| {
            let posting = scope.spawn(|| post(format!("life{life}"), u32::MAX));
            until("webhooks in the spool", PATIENCE, || {
                (spooled(folder.path()) >= before + bytes).then_some(())
            });
            part.kill();
            posting.join().unwrap()
        }));
    }
    let mut part = start(folder.path(), KILLED_AT.len());
    acknowledged.extend(post("last".to_owned(), LAST));
    assert!(acknowledged.len() >= 4 * LAST as usize, "{acknowledged:?}");
    until("all of them in the database", PATIENCE, || {
        let arrived: BTreeSet<_> = arrived(folder.path(), "invalid-json").into_iter().collect();
        acknowledged.is_subset(&arrived).then_some(())
    });
    part.signal(Signal::Terminate);
    assert_eq!(part.wait(PATIENCE), 0, "{}", part.errors());
    let arrived_at_last = arrived(folder.path(), "invalid-json");
    let distinct: BTreeSet<_> = arrived_at_last.iter().collect();
    assert_eq!(distinct.len(), arrived_at_last.len(), "each was posted once");
    let forged = arrived(folder.path(), "refused-request");
    assert!(!forged.is_empty() && forged.iter().all(|body| body == "forged"), "{forged:?}");
}
