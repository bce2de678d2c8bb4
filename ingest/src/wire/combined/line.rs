//! The fields of an access-log line, taken apart so that nothing a client sends can shift them.

use std::borrow::Cow;

use crate::decode::{Refusal, RefusalReason};

/// What stands for "nothing" in a field.
const NOTHING: &str = "-";

/// The fields of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    /// Address or host name of the client.
    pub(super) host: &'a str,
    /// The user that the client claims to be.
    pub(super) user: Option<Cow<'a, str>>,
    /// What stands between the brackets.
    pub(super) time: &'a str,
    /// The request line.
    pub(super) request: Cow<'a, str>,
    /// The HTTP status; none if the server logged `000`.
    pub(super) status: Option<u16>,
    /// Bytes sent.
    pub(super) bytes: Option<u64>,
    /// The client program.
    pub(super) user_agent: Option<Cow<'a, str>>,
    /// Whether fields follow that nobody reads.
    pub(super) has_more: bool,
}

impl<'a> Fields<'a> {
    /// Takes a line apart.
    ///
    /// A user name may hold spaces and brackets, and nginx writes them as they are: `x [10/Oct/2025:…] "GET` is a
    /// name. But both servers escape quotation marks, so the first one opens the request, and the time is the last
    /// bracket before it.
    pub(super) fn of(line: &'a str) -> Result<Self, Refusal> {
        let (head, rest) = line.split_once('"').ok_or_else(|| bad("has no request"))?;
        let head = head.trim_end().strip_suffix(']').ok_or_else(|| bad("has no time before the request"))?;
        let (who, time) = head.rsplit_once(" [").ok_or_else(|| bad("has no time before the request"))?;
        let (host, user) = client(who)?;
        let (request, rest) = quoted(rest).ok_or_else(|| bad("has a request that does not end"))?;
        let mut parts = rest.trim_start().splitn(3, ' ');
        let status = parts.next().filter(|text| !text.is_empty()).ok_or_else(|| bad("has no status"))?;
        let bytes = parts.next().ok_or_else(|| bad("has no size"))?;
        let (user_agent, has_more) = client_program(parts.next().unwrap_or(""))?;
        Ok(Self {
            host,
            user: Some(user).filter(|user| *user != NOTHING && !user.is_empty()).map(unescaped),
            time,
            request,
            status: status_of(status)?,
            bytes: bytes_of(bytes)?,
            user_agent,
            has_more,
        })
    }
}

/// `host ident user`, or `vhost:port host ident user` as Apache's `vhost_combined` has it.
fn client(who: &str) -> Result<(&str, &str), Refusal> {
    let is_address = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let (first, rest) = who.split_once(' ').ok_or_else(|| bad("has no user"))?;
    let (host, rest) = match rest.split_once(' ') {
        Some((second, behind)) if !is_address(first) && is_address(second) => (second, behind),
        _ => (first, rest),
    };
    let (_ident, user) = rest.split_once(' ').ok_or_else(|| bad("has no user"))?;
    Ok((host, user))
}

/// The referer is passed over, the user agent kept; `common` has neither.
fn client_program(rest: &str) -> Result<(Option<Cow<'_, str>>, bool), Refusal> {
    let rest = rest.trim_start();
    let Some(referer) = rest.strip_prefix('"') else {
        return Ok((None, !rest.is_empty()));
    };
    let (_, rest) = quoted(referer).ok_or_else(|| bad("has a referer that does not end"))?;
    let Some(agent) = rest.trim_start().strip_prefix('"') else {
        return Ok((None, !rest.trim().is_empty()));
    };
    let (agent, rest) = quoted(agent).ok_or_else(|| bad("has a user agent that does not end"))?;
    let agent = Some(agent).filter(|agent| *agent != NOTHING && !agent.is_empty());
    Ok((agent, !rest.trim().is_empty()))
}

fn status_of(text: &str) -> Result<Option<u16>, Refusal> {
    let status: u16 = Some(text)
        .filter(|text| text.len() == 3)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad("has a status that is none"))?;
    match status {
        0 => Ok(None),
        100..=599 => Ok(Some(status)),
        _ => Err(bad("has a status that is none")),
    }
}

fn bytes_of(text: &str) -> Result<Option<u64>, Refusal> {
    if text == NOTHING {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| bad("has a size that is none"))
}

/// Text up to the closing quotation mark, and what follows it.
fn quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return Some((unescaped(&text[..at]), &text[at + 1..])),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// Undoes what nginx (`\x22`) and Apache (`\"`, `\\`, `\n`, `\t`, `\x22`) do to text that is not plain.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = if bytes[at] == b'\\' { bytes.get(at + 1) } else { None };
        let (byte, length) = match (escape, hex(at + 2), hex(at + 3)) {
            // Two hex digits are below 256.
            (Some(b'x'), Some(high), Some(low)) => (u8::try_from(high * 16 + low).unwrap_or(b'?'), 4),
            (Some(b'n'), ..) => (b'\n', 2),
            (Some(b't'), ..) => (b'\t', 2),
            (Some(b'r'), ..) => (b'\r', 2),
            (Some(quote @ (b'"' | b'\\')), ..) => (*quote, 2),
            _ => (bytes[at], 1),
        };
        out.push(byte);
        at += length;
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn bad(what: &str) -> Refusal {
    Refusal::new(RefusalReason::BadLine, format!("the line {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(unescaped(text), expected, "{text}");
    }

    #[test]
    fn escapes_of_both_servers_are_undone() {
        check("plain", "plain");
        check(r#"{\x22ci\x22:null}"#, r#"{"ci":null}"#);
        check(r#"a\"b\\c\n"#, "a\"b\\c\n");
        check(r"\xc3\xa4 \x", "ä \\x");
        check(r"\xff\", "\u{fffd}\\");
    }

    #[test]
    fn a_user_name_cannot_shift_the_fields() {
        let line = r#"203.0.113.9 - eve [01/Jan/2020:00:00:00 +0000] [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 401 5"#;
        let fields = Fields::of(line).unwrap();
        assert_eq!(fields.user.as_deref(), Some("eve [01/Jan/2020:00:00:00 +0000]"));
        assert_eq!((fields.time, fields.status), ("10/Oct/2025:13:55:36 +0000", Some(401)));
    }
}
