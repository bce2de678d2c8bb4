//! Buttons in Slack: whoever signs as Slack does acts on the running program, once, and stands in the ledger.

use std::process::Command;
use std::time::Duration;

use super::{ALWAYS, BEFORE, Desk};
use crate::parts::process::{Leftovers, Part, Signal};
use crate::parts::python::Python;
use crate::parts::{free_port, until};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// A receiver with buttons, and the door for their clicks.
fn config(desk: &Desk, port: u16) -> String {
    std::fs::write(desk.path("secret"), SECRET).unwrap();
    let secret = format!("file:{}", desk.path("secret").display());
    format!(
        "[store]\npath = \"demo.db\"\n[alerting.clicks]\nlisten = \"127.0.0.1:{port}\"\n\
         {}\n[receivers.chat]\ntype = \"slack-bot\"\ntoken = \"{secret}\"\nchannel = \"C1\"\nsigning_secret = \"{secret}\"\n\
         [[route]]\nregistries = [\"not-in-the-demo-either\"]\nreceivers = [\"chat\"]\n{ALWAYS}",
        BEFORE
            .replace("127.0.0.1:9092", "127.0.0.1:1")
            .replace("env:NOT_LOOKED_UP_EITHER", &format!("file:{}", desk.path("key").display()))
            .replace("env:NOT_LOOKED_UP", &format!("file:{}", desk.path("url").display()))
    )
}

pub(super) fn signed_clicks_act_once_with_who_clicked_and_others_change_nothing(desk: &Desk) {
    let port = free_port();
    std::fs::write(desk.path("url"), "https://receiver.invalid/hook").unwrap();
    std::fs::write(desk.path("key"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    std::fs::write(desk.path("clicks.toml"), config(desk, port)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(["run", "--headless", "--config", "clicks.toml"]).current_dir(desk.folder.path());
    let mut watch = Part::start("clicks", &command, desk.folder.path(), Leftovers::Keep);
    until("the door", PATIENCE, || {
        assert!(watch.ended().is_none(), "{}", watch.errors());
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    });
    let incident =
        desk.json("incidents --db demo.db --json --limit 1").remove(0)["id"].as_str().unwrap().to_owned();
    let url = format!("http://127.0.0.1:{port}/slack/interactions");
    let click = |action: &str, what: &str| {
        let arguments = [&*url, SECRET, action, &*incident, "U0123", what];
        let said = Python::run("slack_click.py", &arguments, b"").successful();
        said.split_whitespace().map(|status| status.parse::<u16>().unwrap()).collect::<Vec<_>>()
    };
    let shown = || desk.json("incidents --db demo.db --json --limit 1").remove(0);
    for what in ["forged", "stale", "changed"] {
        assert_eq!(click("sealwatch_acknowledge", what), [401], "{what}");
    }
    assert_eq!(shown()["status"], "new", "nothing was changed");
    assert_eq!(click("sealwatch_acknowledge", "twice"), [200, 401]);
    assert_eq!(
        (&shown()["status"], &shown()["owner"]),
        (&"in-progress".into(), &"slack:U0123 (alice)".into())
    );
    assert_eq!(click("delete_everything", "once"), [400]);
    assert_eq!(click("sealwatch_silence_4h", "once"), [200]);
    let silences = desk.json("silences list --db demo.db --json");
    let owners: Vec<_> = silences.iter().map(|silence| silence["owner"].as_str().unwrap()).collect();
    assert!(owners.contains(&"slack:U0123 (alice)"), "{owners:?}");
    watch.signal(Signal::Terminate);
    assert_eq!(watch.wait(PATIENCE), 0, "{}", watch.errors());
}
