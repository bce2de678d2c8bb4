//! `stdout`: one JSON line a message, for pipes and log collectors.
//!
//! The line is the native body with the message's id beside it. Characters that would move a terminal's cursor or
//! turn text around are written as JSON escapes, so looking at the stream is safe.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::outcome::{Effect, Failure, with_causes};
use super::{Attempt, Encoded, Outcome, native};
use crate::card::Card;

/// How long a message waits for the lines before it, and how long writing its own may take: a pipe that nobody reads
/// blocks its writer.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A `stdout` receiver; it has no settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StdoutConfig {}

/// Where the program's data goes. Libraries do not print: the program hands its one writer in.
#[derive(Clone)]
pub struct DataOutput(Arc<Mutex<Box<dyn Write + Send>>>);

impl DataOutput {
    /// Takes the writer.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(writer))))
    }
}

impl fmt::Debug for DataOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataOutput")
    }
}

/// Lines on standard output.
#[derive(Debug)]
pub struct Stdout {
    output: DataOutput,
    /// [`WRITE_TIMEOUT`], but in tests.
    patience: Duration,
}

impl Stdout {
    pub(super) fn new(output: DataOutput) -> Self {
        Self { output, patience: WRITE_TIMEOUT }
    }

    pub(super) async fn deliver(&self, card: &Card, attempt: Attempt<'_>) -> Outcome {
        let line = match encode(card, attempt) {
            Ok(encoded) => encoded.body,
            Err(error) => return Outcome::Dead(failure(Effect::None, &with_causes(&error))),
        };
        // One writer at a time, and only it may block a thread: the others wait without one.
        let Ok(mut writer) = timeout(self.patience, Arc::clone(&self.output.0).lock_owned()).await else {
            return retry(Effect::None, "standard output is busy: nobody reads it");
        };
        let written = spawn_blocking(move || write(&mut **writer, &line));
        match timeout(self.patience, written).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => retry(Effect::Possible, "the writer of standard output stopped"),
            Err(_) => retry(Effect::Possible, "standard output took no line in time: nobody reads it"),
        }
    }
}

/// The line with its line break.
pub(super) fn encode(card: &Card, attempt: Attempt<'_>) -> Result<Encoded, serde_json::Error> {
    let native = native::whole(card)?;
    // The id is base32, so it needs no escapes, and the native body is a JSON object that begins with a brace.
    let mut body = format!("{{\"id\":\"{}\",", attempt.id).into_bytes();
    body.extend_from_slice(&native[1..]);
    body.push(b'\n');
    Ok(Encoded { body, content_type: "application/x-ndjson", headers: Vec::new() })
}

fn write(writer: &mut dyn Write, line: &[u8]) -> Outcome {
    match writer.write_all(line).and_then(|()| writer.flush()) {
        Ok(()) => Outcome::Delivered(None),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Outcome::Park(failure(Effect::None, "standard output is closed: nobody reads it any more"))
        }
        Err(error) => {
            retry(Effect::Possible, &format!("cannot write to standard output: {}", with_causes(&error)))
        }
    }
}

fn retry(effect: Effect, words: &str) -> Outcome {
    Outcome::Retry { wish: None, failure: failure(effect, words) }
}

fn failure(effect: Effect, words: &str) -> Failure {
    Failure::new(None, effect, words)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::card::build;
    use crate::fixture;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn delivered_to(output: DataOutput) -> Outcome {
        delivered_by(&Stdout::new(output)).await
    }

    async fn delivered_by(stdout: &Stdout) -> Outcome {
        let (incident, findings) = fixture::hostile_takeover();
        let card = build(fixture::opened(), incident, findings, None);
        let id = DeliveryId::parse("abc").unwrap();
        stdout.deliver(&card, Attempt { id: &id, unix_seconds: 0, place: Place::New }).await
    }

    #[tokio::test]
    async fn a_message_is_one_line_that_is_safe_to_look_at_and_exact_to_parse() {
        let sink = Sink::default();
        assert_eq!(delivered_to(DataOutput::new(sink.clone())).await, Outcome::Delivered(None));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.contains(|character: char| character.is_control() || character == '\u{202e}'));
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["id"], &value["type"]), (&"abc".into(), &"incident.opened".into()));
        assert_eq!(value["data"]["incident"]["subjects"][0]["name"], fixture::HOSTILE_NAME);
        assert_eq!(value["data"]["findings"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_closed_pipe_parks_and_any_other_failure_is_tried_again() {
        let closed = delivered_to(DataOutput::new(Failing(io::ErrorKind::BrokenPipe))).await;
        assert!(matches!(closed, Outcome::Park(_)), "{closed:?}");
        let full = delivered_to(DataOutput::new(Failing(io::ErrorKind::StorageFull))).await;
        assert_eq!(full.failure().unwrap().effect, Effect::Possible);
        assert!(matches!(full, Outcome::Retry { wish: None, .. }), "{full:?}");
    }

    #[tokio::test]
    async fn many_messages_at_once_are_whole_lines() {
        let sink = Sink::default();
        let output = DataOutput::new(sink.clone());
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..50 {
            all.spawn(delivered_to(output.clone()));
        }
        assert!(all.join_all().await.into_iter().all(|outcome| outcome == Outcome::Delivered(None)));
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count(),
            50
        );
    }

    #[tokio::test]
    async fn a_message_does_not_wait_for_ever_behind_a_line_that_nobody_reads() {
        let output = DataOutput::new(Sink::default());
        let _held = Arc::clone(&output.0).lock_owned().await;
        let stdout = Stdout { output, patience: Duration::from_millis(20) };
        let outcome = delivered_by(&stdout).await;
        assert_eq!(outcome.failure().map(|failure| failure.effect), Some(Effect::None));
        assert_eq!(Stdout::new(DataOutput::new(Sink::default())).patience, WRITE_TIMEOUT);
    }
}
