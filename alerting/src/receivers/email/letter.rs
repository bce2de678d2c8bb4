//! The message itself: plain text, and the same as HTML in which everything is escaped and nothing is remote.
//!
//! Both parts are quoted-printable always: their lines can then neither be a boundary (`=` becomes `=3D`) nor too
//! long. Foreign text reaches no header but the subject, sanitised to one line and encoded after RFC 2047.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use detectors::finding::Severity;
use lettre::Message;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0,
};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};

use crate::card::{Card, Layout, Record, Text};
use crate::receivers::{Attempt, Fullness, fit};
use crate::sanitise::{Limit, shorten};

/// Most characters of a subject and of one line of the text.
const SUBJECT_MAX: Limit = Limit::Characters(120);
const LINE_MAX: Limit = Limit::Characters(900);
/// What stands between the parts. Neither part can hold it, as both are encoded.
const BOUNDARY: &str = "=_sealwatch_parts";

/// The beginning of a conversation about an incident: what is kept as the receipt, so that later messages answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thread {
    /// The first message's `Message-ID`, without its angle brackets.
    id: String,
    subject: String,
}

/// A message, and the conversation it belongs to.
#[derive(Debug)]
pub(super) struct Letter {
    message: Message,
    pub(super) thread: Thread,
}

impl Letter {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.message.formatted()
    }
}

/// Writes a message; `earlier` is the conversation it goes on with.
pub(super) fn write(
    card: &Card,
    attempt: Attempt<'_>,
    fullness: Fullness,
    from: &Mailbox,
    to: &[Mailbox],
    earlier: Option<&Thread>,
) -> Result<Letter, lettre::error::Error> {
    let layout = Layout::of(card, fullness);
    let id = |local: &str| {
        let local: String = local.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{local}@{}", from.email.domain())
    };
    let own = id(attempt.id.as_str());
    let subject = subject(card, &layout);
    // A subject that says another severity begins with it: nobody must miss that for the sake of a thread.
    let severity = severity(card);
    let answered = earlier.filter(|earlier| earlier.subject.starts_with(&severity));
    let shown = answered.map_or_else(|| subject.clone(), |earlier| format!("Re: {}", earlier.subject));
    let seconds = u64::try_from(attempt.unix_seconds).unwrap_or_default();
    let mut builder = Message::builder()
        .from(from.clone())
        .raw_header(subject_header(shown))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .message_id(Some(format!("<{own}>")))
        .header(MIME_VERSION_1_0);
    for reader in to {
        builder = builder.to(reader.clone());
    }
    let mut root = Thread { id: own, subject };
    if let Some(earlier) = earlier {
        root = earlier.clone();
        // The receipt comes from the database; an id in a header is made of these characters or left out.
        if root.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-".contains(&byte)) {
            let root = format!("<{}>", root.id);
            builder = builder.in_reply_to(root.clone()).references(root);
        }
    } else if let Record::Incident { incident, .. } = &card.record {
        // Messages whose receipt was lost still meet below the incident itself.
        builder = builder.references(format!("<{}>", id(incident.id.as_str())));
    }
    let parts = MultiPart::alternative()
        .boundary(BOUNDARY)
        .singlepart(part(ContentType::TEXT_PLAIN, plain(&layout)))
        .singlepart(part(ContentType::TEXT_HTML, html(&layout)));
    let mut message = builder.multipart(parts)?;
    for (name, value) in [
        // No out-of-office reply answers us.
        (HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"),
        (HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"), "All"),
        // For rules of the reader's mail program.
        (HeaderName::new_from_ascii_str("X-Sealwatch-Severity"), card.severity.as_str()),
        (HeaderName::new_from_ascii_str("Importance"), importance(card.severity)),
    ] {
        message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
    }
    Ok(Letter { message, thread: root })
}

fn severity(card: &Card) -> String {
    format!("[{}] ", card.severity)
}

fn subject(card: &Card, layout: &Layout<'_>) -> String {
    shorten(&format!("{}{}", severity(card), layout.headline.plain()), SUBJECT_MAX).into_owned()
}

/// A subject in ASCII goes as it is; any other one as encoded words (RFC 2047), and also one that holds what mail
/// programs take for such a word: it could bring back what sanitising took away.
fn subject_header(words: String) -> HeaderValue {
    /// Bytes whose base64 makes a word of at most 75 characters, which is RFC 2047's limit.
    const WORD_MAX: usize = 45;
    let name = HeaderName::new_from_ascii_str("Subject");
    if words.is_ascii() && !words.contains("=?") {
        return HeaderValue::new(name, words);
    }
    let (mut encoded, mut rest) = (String::new(), words.as_str());
    while !rest.is_empty() {
        let most = WORD_MAX.min(rest.len());
        let end = (1..=most).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let fold = if encoded.is_empty() { "" } else { "\r\n " };
        // Writing to a string cannot fail.
        let _ = write!(encoded, "{fold}=?utf-8?b?{}?=", data_encoding::BASE64.encode(word.as_bytes()));
        rest = after;
    }
    HeaderValue::dangerous_new_pre_encoded(name, words, encoded)
}

const fn importance(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "high",
        Severity::Medium => "normal",
        Severity::Low | Severity::Info => "low",
    }
}

fn part(kind: ContentType, words: String) -> SinglePart {
    let encoded = Body::new_with_encoding(words, ContentTransferEncoding::QuotedPrintable);
    let body = encoded.expect("every text can be written as quoted-printable");
    SinglePart::builder().header(kind).body(body)
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Title,
    Headline,
    Words,
    ListTitle,
    Item,
}

impl Kind {
    const fn tag(self) -> &'static str {
        match self {
            Self::Title => "h2",
            Self::Headline => "h3",
            Self::Words | Self::Item => "p",
            Self::ListTitle => "h4",
        }
    }
}

/// The lines of a card, each with what it is.
fn lines(layout: &Layout<'_>, encode: &dyn Fn(&Text) -> String) -> Vec<(Kind, String)> {
    let mut lines = vec![
        (Kind::Title, layout.title.plain()),
        (Kind::Headline, encode(layout.headline)),
        (Kind::Words, encode(layout.sentence)),
    ];
    lines.extend(layout.facts.iter().map(|(name, text)| (Kind::Words, format!("{name}: {}", encode(text)))));
    for list in &layout.lists {
        lines.push((Kind::ListTitle, list.title.to_owned()));
        let rest = fit::rest(list.further);
        let items = list.lines.iter().chain(rest.as_ref());
        lines.extend(items.map(|line| (Kind::Item, format!("• {}", encode(line)))));
    }
    lines
}

fn plain(layout: &Layout<'_>) -> String {
    let encode = |text: &Text| shorten(&text.plain(), LINE_MAX).into_owned();
    let mut body = String::new();
    // Writing to a string cannot fail.
    for (kind, line) in lines(layout, &encode) {
        let before = if kind == Kind::ListTitle { "\n" } else { "" };
        let _ = writeln!(body, "{before}{line}");
    }
    if let Some((words, link)) = layout.link {
        let _ = writeln!(body, "\n{words}: {link}");
    }
    for note in &layout.foot {
        let _ = writeln!(body, "\n{}", encode(note));
    }
    body
}

fn html(layout: &Layout<'_>) -> String {
    let encode = |text: &Text| shorten(&text.encode(escape, escape), LINE_MAX).into_owned();
    let mut body = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<body>\n");
    for (kind, line) in lines(layout, &encode) {
        let tag = kind.tag();
        let _ = writeln!(body, "<{tag}>{line}</{tag}>");
    }
    if let Some((words, link)) = layout.link {
        let _ = writeln!(body, "<p><a href=\"{}\">{words}</a></p>", escape(link.as_str()));
    }
    for note in &layout.foot {
        let _ = writeln!(body, "<p><small>{}</small></p>", encode(note));
    }
    body.push_str("</body>\n</html>\n");
    body
}

fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::DeliveryId;
    use crate::receivers::Place;
    use crate::receivers::channel_tests::{honest, hostile, of, worst};

    fn written(card: &Card, id: &str, earlier: Option<&Thread>) -> (String, Thread) {
        let id = DeliveryId::parse(id).unwrap();
        let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
        let from: Mailbox = "Watch <watch@example.com>".parse().unwrap();
        let to = ["soc@example.com".parse().unwrap()];
        let letter = write(card, attempt, Fullness::Full, &from, &to, earlier).unwrap();
        (String::from_utf8(letter.bytes()).unwrap(), letter.thread)
    }

    #[test]
    fn an_attempt_again_is_the_same_message() {
        let (first, _) = written(&hostile(), "abc", None);
        assert_eq!(first, written(&hostile(), "abc", None).0);
        assert!(first.contains("Message-ID: <abc@example.com>\r\n"), "{first}");
        assert!(first.contains("Auto-Submitted: auto-generated\r\n"), "{first}");
    }

    #[test]
    fn later_messages_answer_the_first_and_another_severity_changes_the_subject() {
        let card = honest();
        let (_, thread) = written(&card, "one", None);
        let (second, same) = written(&card, "two", Some(&thread));
        assert!(second.contains("In-Reply-To: <one@example.com>\r\n"), "{second}");
        assert!(second.contains("References: <one@example.com>\r\n"), "{second}");
        assert!(second.contains("Subject: Re: [critical] key-change: "), "{second}");
        assert_eq!(same, thread);
        let (third, _) = written(&Card { severity: Severity::High, ..card }, "three", Some(&thread));
        assert!(third.contains("Subject: [high] key-change: "), "{third}");
        assert!(third.contains("In-Reply-To: <one@example.com>\r\n"), "{third}");
    }

    #[test]
    fn a_receipt_that_was_tampered_with_makes_no_header() {
        let forged = Thread { id: "a>\r\nBcc: <eve@evil.example".to_owned(), subject: String::new() };
        let (message, _) = written(&honest(), "two", Some(&forged));
        assert!(!message.contains("Bcc") && !message.contains("In-Reply-To"), "{message}");
    }

    #[test]
    fn a_subject_holds_no_encoded_word_but_ours() {
        let trick = "=?utf-8?q?=E2=80=AEx?=";
        let (message, _) = written(&of(trick, "eve"), "abc", None);
        assert!(!message.split("\r\n\r\n").next().unwrap().contains("?q?"), "{message}");
        let (message, _) = written(&of(&"é".repeat(90), "eve"), "abc", None);
        let lines: Vec<_> = message.lines().skip_while(|line| !line.starts_with("Subject: ")).collect();
        assert!(lines[0].len() <= 76 + "Subject: ".len() && lines[1].starts_with(" =?utf-8?b?"), "{message}");
    }

    #[test]
    fn no_name_makes_a_header_a_boundary_or_a_tag() {
        let name = format!("--{BOUNDARY}--\r\nBcc: eve@evil.example\r\n\r\n<script>");
        let card = of(&name, "\"><img src=x>");
        let (message, _) = written(&card, "abc", None);
        assert_eq!(message.matches(&format!("\n--{BOUNDARY}")).count(), 3, "{message}");
        let (head, _) = message.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
        let html = html(&Layout::of(&card, Fullness::Full));
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert_eq!(html.matches("href").count(), 1);
        assert_eq!(plain(&Layout::of(&card, Fullness::Full)).matches("://").count(), 1, "only our own link");
    }

    #[test]
    fn the_worst_card_is_ascii_in_lines_that_every_server_takes() {
        const LINE_OF_RFC_5321: usize = 998;
        let (message, thread) = written(&worst(), "abc", None);
        assert!(message.is_ascii());
        assert!(message.lines().all(|line| line.len() <= LINE_OF_RFC_5321));
        assert!(thread.subject.chars().count() <= SUBJECT_MAX.room());
        assert!(message.len() < 200_000, "{}", message.len());
        assert!(crate::receivers::MessageRef::of(&thread).is_some(), "the receipt fits");
    }
}
