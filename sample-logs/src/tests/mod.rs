//! The recordings as wholes: their facts, their files, and how their variants differ.

mod facts;
mod files;
mod variants;

use serde_json::Value;

use crate::{Recording, Role, Scenario, Variant, generate};

/// The committed telling of a scenario.
fn committed(scenario: Scenario) -> Recording {
    generate(scenario, Variant::COMMITTED)
}

/// The lines of one stream in one role.
fn lines<'a>(recording: &'a Recording, stream: &str, role: Role) -> &'a [String] {
    let wanted = |file: &&crate::LogFile| file.role == role && file.topic.ends_with(&format!("-{stream}"));
    &recording.files.iter().find(wanted).expect("every scenario has all streams in both roles").lines
}

/// The events of one native stream in one role.
fn events(recording: &Recording, stream: &str, role: Role) -> Vec<Value> {
    lines(recording, stream, role).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a pointer into an event holds, as text; empty if nothing.
fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}
