//! Whatever bytes are in names, nothing of them acts in a mail program: a message is taken apart as RFC 5322, RFC 2045
//! and HTML say, and has the same headers, parts, tags and links as one about honest names.

use lettre::message::Mailbox;
use proptest::prelude::*;

use super::letter;
use crate::outbox::DeliveryId;
use crate::receivers::channel_tests::of;
use crate::receivers::{Attempt, Fullness, Place};
use crate::sanitise::{is_invisible, takes_presentation};

/// A message, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    /// The names of the headers, in order.
    headers: Vec<String>,
    /// The media type of each part.
    parts: Vec<String>,
    /// The tags of the HTML without the lists, whose lengths differ.
    tags: Vec<String>,
    links: usize,
}

fn quoted_printable(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let (mut bytes, mut rest) = (Vec::new(), joined.as_bytes());
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'=', [high, low, beyond @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).expect("an escape has two hexadecimal digits"));
                rest = beyond;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The tags of a text in HTML; every `<` must begin one and every `&` an entity of ours.
fn tags(html: &str) -> Result<Vec<String>, TestCaseError> {
    let mut found = Vec::new();
    for (number, part) in html.split('<').enumerate() {
        let text = match part.split_once('>') {
            Some((tag, text)) if number > 0 => {
                found.push(tag.to_owned());
                text
            }
            _ => {
                prop_assert_eq!(number, 0, "a tag without an end: {}", html);
                part
            }
        };
        prop_assert!(!text.contains(['>', '"', '\'']), "{}", text);
        for entity in text.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            prop_assert!(known.iter().any(|known| entity.starts_with(known)), "{}", text);
        }
    }
    Ok(found)
}

fn taken(artifact: &str, principal: &str, fullness: Fullness) -> Result<Taken, TestCaseError> {
    let id = DeliveryId::parse("abc").unwrap();
    let attempt = Attempt { id: &id, unix_seconds: 1_778_526_000, place: Place::New };
    let from: Mailbox = "watch@example.com".parse().unwrap();
    let to = ["soc@example.com".parse().unwrap()];
    let card = of(artifact, principal);
    let message = letter::write(&card, attempt, fullness, &from, &to, None).unwrap().bytes();
    let message = String::from_utf8(message).unwrap();
    prop_assert!(message.is_ascii());
    prop_assert!(!message.replace("\r\n", "").contains(['\r', '\n']), "a bare line break: {:?}", message);
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| unfolded.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    prop_assert_eq!(header("To"), Some("soc@example.com"));
    let boundary = header("Content-Type").unwrap().split_once("boundary=\"").unwrap().1;
    let boundary = format!("--{}", boundary.trim_end_matches('"'));
    let mut pieces: Vec<&str> = body.split(&boundary).collect();
    prop_assert_eq!((pieces.remove(0).trim(), pieces.pop().map(str::trim)), ("", Some("--")));
    let (mut parts, mut texts) = (Vec::new(), Vec::new());
    for piece in pieces {
        let (head, body) = piece.trim_start().split_once("\r\n\r\n").unwrap();
        prop_assert!(head.contains("Content-Transfer-Encoding: quoted-printable"), "{}", head);
        parts.push(head.lines().find(|line| line.starts_with("Content-Type")).unwrap().to_owned());
        texts.push(quoted_printable(body));
    }
    let [plain, html] = &texts[..] else { panic!("{parts:?}") };
    for text in [plain, html] {
        let mut previous = None;
        for character in text.chars().filter(|character| !matches!(character, '\r' | '\n')) {
            prop_assert!(!is_invisible(character) || takes_presentation(previous, character), "{:?}", text);
            previous = Some(character);
        }
        let foreign = text.replace("https://watch.example/i/", "");
        let schemes: Vec<_> = foreign.split("://").collect();
        for before in &schemes[..schemes.len() - 1] {
            let defanged = ["hxxp", "hxxps", "fxp"].iter().any(|scheme| before.ends_with(scheme));
            prop_assert!(defanged, "{}", text);
        }
    }
    let mut tags = tags(html)?;
    for tag in tags.iter().filter(|tag| tag.contains(' ')) {
        let ours = tag.starts_with("a href=\"https://watch.example/i/") || tag == "html lang=\"en\"";
        prop_assert!(ours || tag == "!DOCTYPE html", "{}", tag);
    }
    let links = tags.iter().filter(|tag| tag.starts_with("a ")).count();
    // The incident's id is another one.
    tags.iter_mut().filter(|tag| tag.starts_with("a ")).for_each(|tag| tag.truncate(2));
    let subject = header("Subject").unwrap();
    for word in subject.split(' ').filter(|word| word.contains("=?")) {
        prop_assert!(word.starts_with("=?utf-8?b?"), "somebody else's encoded word: {}", subject);
    }
    let headers = unfolded.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    Ok(Taken { headers, parts, tags, links })
}

fn check(artifact: &str, principal: &str) -> Result<(), TestCaseError> {
    for fullness in [Fullness::Full, Fullness::Minimal] {
        let honest = taken("honest", "honest", fullness)?;
        prop_assert_eq!(taken(artifact, principal, fullness)?, honest);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_of_a_name_acts_in_mail(
        artifact in prop::collection::vec(any::<u8>(), 0..200),
        principal in "(--=_sealwatch_parts|--|\r\n|\r|\n\\.\r\n|Bcc: eve@evil\\.example|=0A|=\r\n|=\\?utf-8\\?q\\?x\\?=|<script>|<img src=x>|\"|'|&lt;|&|https://e\\.x|\u{202e}|\u{200b}|é|[a-z]){0,24}",
    ) {
        check(&String::from_utf8_lossy(&artifact), &principal)?;
    }
}

#[test]
fn known_tricks_do_not_act_in_mail() {
    for trick in [
        "a\r\nBcc: eve@evil.example",
        "a\r\n\r\n<script>alert(1)</script>",
        "--=_sealwatch_parts--",
        "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
        "=?utf-8?q?=0D=0ABcc:_eve@evil.example?=",
        "\"><a href=https://evil.example>click</a>",
    ] {
        check(trick, trick).unwrap();
    }
}
