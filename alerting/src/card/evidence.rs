//! One line of a card for each kind of evidence.

use std::borrow::Cow;

use detectors::finding::{Band, Evidence, Fact, Measure, Quantity};

use super::text::{Ours, Text};

/// How much of a digest a line shows: 64 bits, so that nobody makes a second one that looks the same.
const DIGEST_SHOWN: usize = 16;

/// What an item of evidence says, in one line.
pub(super) fn line(evidence: &Evidence) -> Text {
    let text = match &evidence.fact {
        Fact::Count { what, count, expected, hours, .. } => Text::new()
            .untrusted(what)
            .then(": ")
            .ours(Ours::number(*count))
            .then(" in ")
            .ours(Ours::number(*hours))
            .then(" h, expected ")
            .ours(Ours::number(*expected)),
        Fact::Field { field, before, after, .. } => change(Text::new().untrusted(field), before, after),
        Fact::Signature { role, signer, issuer, digest } => {
            let mut text = Text::new().then("signature (").untrusted(role).then("): ").untrusted(signer);
            if let Some(issuer) = issuer {
                text = text.then(", issuer ").untrusted(issuer);
            }
            if let Some(digest) = digest {
                text = text.then(", on ").untrusted(brief(digest));
            }
            text
        }
        Fact::Tag { tag, before, after } => change(Text::new().then("tag ").untrusted(tag), before, after),
        Fact::Publish { version, publisher } => {
            Text::new().then("version ").untrusted(version).then(" published by ").untrusted(publisher)
        }
        Fact::Access { artifact, principal } => {
            Text::new().untrusted(principal).then(" asked for ").untrusted(artifact)
        }
    };
    text.then(" (").ours(evidence.time).then(")")
}

fn change(what: Text, before: &str, after: &str) -> Text {
    let value = |text: Text, value: &str| {
        if value.is_empty() { text.then("(nothing)") } else { text.untrusted(brief(value)) }
    };
    value(value(what.then(": "), before).then(" → "), after)
}

/// A value as a line shows it: a digest by its beginning, as the whole of it would push out everything else. The
/// record has all of it.
fn brief(value: &str) -> Cow<'_, str> {
    let Some((algorithm, hex)) = value.split_once(':') else { return Cow::Borrowed(value) };
    let is_digest = algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && hex.len() > DIGEST_SHOWN
        && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest {
        Cow::Owned(format!("{algorithm}:{}…", &hex[..DIGEST_SHOWN]))
    } else {
        Cow::Borrowed(value)
    }
}

/// What was seen, with its unit.
pub(super) fn observed(measure: &Measure) -> Text {
    quantity(Text::new(), &measure.value).then(" ").untrusted(&measure.unit)
}

/// The normal band, with its unit.
pub(super) fn expected(band: &Band) -> Text {
    let text = if band.low == band.high {
        quantity(Text::new(), &band.mid)
    } else {
        let range = quantity(quantity(Text::new(), &band.low).then(" to "), &band.high);
        quantity(range.then(", mostly "), &band.mid)
    };
    text.then(" ").untrusted(&band.unit)
}

fn quantity(text: Text, quantity: &Quantity) -> Text {
    match quantity {
        Quantity::Number(number) => text.ours(Ours::number(*number)),
        Quantity::Name(name) => text.untrusted(name),
    }
}

#[cfg(test)]
mod tests {
    use detectors::event::EventTime;

    use super::*;

    #[test]
    fn each_kind_of_evidence_is_one_line() {
        let owned = str::to_owned;
        let cases = [
            (
                Fact::Count { what: owned("pulls"), count: 1200.0, expected: 40.0, hours: 6.0, bits: 30.0 },
                "pulls: 1,200 in 6 h, expected 40",
            ),
            (
                Fact::Field {
                    field: owned("license"),
                    before: String::new(),
                    after: owned("MIT"),
                    bits: 1.0,
                },
                "license: (nothing) → MIT",
            ),
            (
                Fact::Signature {
                    role: owned("this"),
                    signer: owned("K2"),
                    issuer: Some(owned("https://ca.example")),
                    digest: Some(owned("sha256:ab")),
                },
                "signature (this): K2, issuer hxxps://ca[.]example, on sha256:ab",
            ),
            (Fact::Tag { tag: owned("latest"), before: owned("a"), after: owned("b") }, "tag latest: a → b"),
            (
                Fact::Publish { version: owned("1.0"), publisher: owned("eve") },
                "version 1.0 published by eve",
            ),
            (
                Fact::Access { artifact: owned("pkg:npm/x"), principal: owned("bot") },
                "bot asked for pkg:npm/x",
            ),
        ];
        for (fact, expected) in cases {
            let evidence = Evidence { fact, time: EventTime::from_secs(1_778_526_000), position: None };
            assert_eq!(line(&evidence).plain(), format!("{expected} (2026-05-11 19:00:00 UTC)"));
        }
    }

    #[test]
    fn a_digest_is_shown_by_its_beginning_and_nothing_else_is_cut() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(brief(&digest), "sha256:0123456789abcdef…");
        for other in
            ["sha256:0123456789abcdef", "https://0123456789abcdef0", "pkg:npm/a", "0123456789abcdef0"]
        {
            assert_eq!(brief(other), other);
        }
    }

    #[test]
    fn bands_name_their_middle_unless_it_is_all_there_is() {
        assert_eq!(observed(&Measure::number(1200.0, "pulls per hour")).plain(), "1,200 pulls per hour");
        let band = Band::numbers(2.0, 5.5, 9.0, "pulls per hour");
        assert_eq!(expected(&band).plain(), "2 to 9, mostly 5.5 pulls per hour");
        assert_eq!(expected(&Band::name("K1", "key")).plain(), "K1 key");
    }
}
