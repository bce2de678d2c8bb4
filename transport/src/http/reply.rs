//! The reply, read up to a limit: a receiver says what it has to say in a few hundred bytes or not at all.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The most that is read of a reply's body, in bytes.
pub const REPLY_MAX_BYTES: usize = 64 * 1024;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// How long the other side asks to be left alone, at most [`super::RETRY_AFTER_MAX`].
    pub retry_after: Option<Duration>,
    /// The beginning of the body, at most [`REPLY_MAX_BYTES`]; what is not UTF-8 is replaced. It is the other
    /// side's text: sanitise it before it is shown.
    pub body: String,
    /// Whether that is all of it.
    pub body_end: BodyEnd,
}

impl Reply {
    /// Whether the status is one of the two hundreds.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// How the reading of a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// It was read to its end.
    Whole,
    /// It was longer than [`REPLY_MAX_BYTES`].
    TooLong,
    /// The request's time was up before its end.
    OutOfTime,
    /// The connection broke before its end.
    Broken,
}

/// Reads until the end, the limit or the deadline, and never holds more than the limit and one chunk.
pub(super) async fn read_body(answer: &mut reqwest::Response, deadline: Instant) -> (String, BodyEnd) {
    let mut bytes = Vec::new();
    let end = loop {
        match timeout_at(deadline, answer.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = REPLY_MAX_BYTES - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break BodyEnd::TooLong;
                }
            }
            Ok(Ok(None)) => break BodyEnd::Whole,
            Ok(Err(_)) => break BodyEnd::Broken,
            Err(_) => break BodyEnd::OutOfTime,
        }
    };
    (text(&bytes), end)
}

fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    // A replacement character is three bytes long, so text that was not UTF-8 can have grown.
    let mut end = text.len().min(REPLY_MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_grows_by_replacement_keeps_the_limit() {
        let grown = text(&[0xff; REPLY_MAX_BYTES]);
        assert!(grown.len() <= REPLY_MAX_BYTES && grown.len() > REPLY_MAX_BYTES - 3);
        assert!(grown.chars().all(|character| character == '\u{fffd}'));
        assert_eq!(text(b"ok"), "ok");
    }
}
