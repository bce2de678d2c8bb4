//! Heartbeats through the outer door: a running watch makes one, its receiver gets it, and whoever asks is told so.

use std::process::Command;
use std::time::Duration;

use super::Desk;
use crate::parts::process::{Leftovers, Part, Signal};
use crate::parts::until;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_running_watch_lets_a_heartbeat_go_the_whole_way_and_says_so() {
    let desk = Desk { folder: tempfile::tempdir().unwrap() };
    std::fs::write(desk.path("access.log"), "").unwrap();
    let config = format!(
        "[store]\npath = \"s.db\"\n[[source]]\nname = \"npm\"\ntail = [{:?}]\nformat = \"native\"\nstart = \"end\"\n\
         [receivers.dead-man]\ntype = \"stdout\"\n[default_route]\nreceivers = []\n\
         [alerting.heartbeat]\nevery_minutes = 1\nto = \"dead-man\"\n",
        desk.path("access.log"),
    );
    std::fs::write(desk.path("sealwatch.toml"), config).unwrap();
    let check = || desk.says("check --heartbeat");
    assert_eq!(check().0, 4, "before the first watch there is no database: {}", check().1);
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(["run", "--headless", "--config", "sealwatch.toml"]).current_dir(desk.folder.path());
    let mut watch = Part::start("heartbeat", &command, desk.folder.path(), Leftovers::Keep);
    let line = until("a heartbeat", PATIENCE, || {
        assert!(watch.ended().is_none(), "{}", watch.errors());
        watch.output().lines().next().filter(|line| line.ends_with('}')).map(str::to_owned)
    });
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&told["type"], &told["data"]["incident"]["severity"]), (&"heartbeat".into(), &"info".into()));
    let said = until("its receipt", PATIENCE, || Some(check()).filter(|(code, _)| *code == 0)).1;
    assert!(said.contains("heartbeats arrive: the last one arrived at 20"), "{said}");
    assert_eq!(desk.json("incidents --db s.db --json"), Vec::<serde_json::Value>::new(), "nothing happened");
    watch.signal(Signal::Terminate);
    assert_eq!(watch.wait(PATIENCE), 0, "{}", watch.errors());
}
