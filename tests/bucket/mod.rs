//! A bucket of somebody else's service, filled by somebody else's client, up to the database; and through kill -9.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use store::{DeadLetterFilter, Page, RunId, Store};

use crate::parts::process::{Leftovers, Part};
use crate::parts::python::Python;
use crate::parts::until;

/// How long a step may take, beside a compiler and other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// Objects that the client puts, and lines in each.
const OBJECTS: usize = 40;
const LINES: usize = 25;
/// Pulls in the `CloudTrail` object.
const PULLS: u64 = 3;

fn start(folder: &Path, life: usize, arguments: &[&str]) -> Part {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(["run", "--headless", "--config"]).arg(folder.join("sealwatch.toml")).args(arguments);
    Part::start(&format!("run-{life}"), &command, folder, Leftovers::Keep)
}

fn configure(folder: &Path, port: u16) {
    let secret = folder.join("secret");
    std::fs::write(&secret, "testing").unwrap();
    let bucket = |prefix: &str| {
        format!(
            "start = \"beginning\"\nbucket = {{ endpoint = \"http://127.0.0.1:{port}\", name = \"logs\", region = \"us-east-1\", \
             style = \"path\", prefix = \"{prefix}\", key_id = \"file:{0}\", secret = \"file:{0}\", every_seconds = 1 }}\n",
            secret.display()
        )
    };
    let text = format!(
        "[store]\npath = {:?}\n[order]\nidle_timeout_seconds = 1\n\
         [[source]]\nname = \"cdn\"\nformat = \"native\"\n{}[[source]]\nname = \"trail\"\nformat = \"cloudtrail\"\n{}",
        folder.join("sealwatch.db"),
        bucket("cdn/"),
        bucket("AWSLogs/"),
    );
    std::fs::write(folder.join("sealwatch.toml"), text).unwrap();
}

/// The lines in the database; none of them is an event. Each stands there once for each time it was read anew.
fn arrived(folder: &Path) -> Vec<String> {
    let Ok(reader) = Store::open_read_only(&folder.join("sealwatch.db")) else { return Vec::new() };
    let rows = reader.dead_letters(&RunId::Live, &DeadLetterFilter::default(), Page::first(u32::MAX));
    rows.unwrap_or_default().into_iter().map(|row| String::from_utf8(row.head).unwrap()).collect()
}

fn status(folder: &Path, key: &str) -> serde_json::Value {
    let reader = Store::open_read_only(&folder.join("sealwatch.db")).unwrap();
    let rows = reader.status(&RunId::Live).unwrap();
    let row = rows.into_iter().find(|row| row.key == key).unwrap_or_else(|| panic!("no status of {key}"));
    serde_json::from_str(&row.body).unwrap()
}

#[test]
fn a_bucket_is_read_once_through_kill_9_and_cloudtrail_is_taken_apart() {
    let folder = tempfile::tempdir().unwrap();
    // Another program may take it before the service does, which the test would say.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(Python::interpreter());
    command.args(["-m", "moto.server", "-p", &port.to_string()]);
    let _service = Part::start("moto", &command, folder.path(), Leftovers::Keep);
    until("the service", PATIENCE, || TcpStream::connect(("127.0.0.1", port)).ok());
    configure(folder.path(), port);
    let arguments = [port.to_string(), OBJECTS.to_string(), LINES.to_string(), PULLS.to_string()];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let put: BTreeSet<String> =
        Python::run("fill_bucket.py", &arguments, b"").successful().lines().map(str::to_owned).collect();
    assert_eq!(put.len(), OBJECTS * LINES);
    for (life, count) in [1, 300, 700].into_iter().enumerate() {
        let mut part = start(folder.path(), life, &[]);
        until("lines in the database", PATIENCE, || {
            assert_eq!(part.ended(), None, "{}", part.errors());
            (arrived(folder.path()).len() >= count).then_some(())
        });
        part.kill();
    }
    let mut last = start(folder.path(), 3, &["--until-caught-up"]);
    assert_eq!(last.wait(PATIENCE), 0, "{}", last.errors());
    let arrived = arrived(folder.path());
    assert_eq!(arrived.iter().cloned().collect::<BTreeSet<_>>(), put);
    assert_eq!(arrived.len(), put.len(), "each was read once");
    let next = |source: &str| status(folder.path(), &format!("partition:{source}/logs[0]"))["next"].clone();
    assert_eq!(next("cdn"), OBJECTS * LINES);
    assert_eq!(next("trail"), PULLS);
}
