//! Reads one event of a story: `publish npm-name@1.2.3 digest=a by=alice deps=left-pad:^1`.

use std::sync::Arc;

use super::story::digest;
use crate::event::{
    Account, AccountChange, Actor, ActorKind, Artifact, AuthMethod, Check, CheckResult, Event, EventId,
    EventKind, EventTime, Metadata, Outcome, PackageUrl, PartitionId, Position, Provenance, Publish, Sign,
    Signer, Span, Tag, TransparencyLog, Verify, Withdraw, WithdrawAction,
};

/// What stands behind the verb: a name with version or tag, then `key=value`.
struct Line<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl Line<'_> {
    fn text(&self, key: &str) -> Option<Arc<str>> {
        self.pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| Arc::from(*value))
    }
    fn list(&self, key: &str) -> Option<Vec<Arc<str>>> {
        let value = self.text(key)?;
        Some(value.split(',').filter(|item| !item.is_empty()).map(Arc::from).collect())
    }
    fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.text(key)?.parse().ok()
    }
    /// A word of the contract (`oidc`, `trusted-publisher`).
    fn word<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value = self.text(key)?;
        Some(serde_json::from_value(serde_json::Value::String(value.to_string())).unwrap())
    }
}

pub(super) fn read(words: &[&str], time: EventTime, offset: i64) -> Event {
    let (verb, target) = (words[0], words[1]);
    let line = Line { pairs: words[2..].iter().map(|word| word.split_once('=').unwrap()).collect() };
    let (kind_of_package, target) =
        target.split_once("docker/").map_or(("npm", target), |(_, rest)| ("docker", rest));
    let (name, tag) = target.split_once(':').map_or((target, None), |(name, tag)| (name, Some(tag)));
    let (name, version) = match name.rfind('@') {
        Some(at) if at > 0 => (&name[..at], Some(&name[at + 1..])),
        _ => (name, None),
    };
    let purl = PackageUrl::new(kind_of_package, name, version).unwrap();
    let mut artifact = Artifact::of(&purl);
    artifact.tag = tag.map(Arc::from);
    artifact.digest = line.text("digest").map(|word| digest(&word));
    artifact.file = line.text("file");
    if let Some(version) = line.text("version") {
        artifact.version = Some(version);
    }
    // `account - …` concerns no artifact.
    let artifact = (name != "-").then_some(artifact);
    Event {
        id: EventId::Producer(format!("event-{offset}").into()),
        time,
        position: Position {
            partition: Arc::new(PartitionId { source: "story".into(), stream: "lines".into(), partition: 0 }),
            offset,
            index: 0,
        },
        registry: line.text("registry").unwrap_or_else(|| kind_of_package.into()),
        artifact,
        actor: actor(&line, time),
        outcome: line.word::<Outcome>("outcome").unwrap_or_default(),
        status: None,
        request_id: None,
        kind: match verb {
            "publish" => EventKind::Publish(Box::new(Publish { metadata: metadata(&line) })),
            "tag" => EventKind::Tag(Tag { previous: line.text("previous").map(previous) }),
            "sign" => EventKind::Sign(Box::new(Sign {
                signer: signer(&line, time),
                predicate: line.text("predicate"),
                transparency_log: line.number("log").map(|index| TransparencyLog {
                    index: Some(index),
                    integrated_time: Some(ago(&line, "logged", time).unwrap_or(time)),
                    ..TransparencyLog::default()
                }),
                signed_at: ago(&line, "signed", time),
            })),
            "account" => EventKind::Account(Account {
                change: line.word::<AccountChange>("change").unwrap(),
                target: line.text("target"),
            }),
            "withdraw" => EventKind::Withdraw(Withdraw {
                action: line.word::<WithdrawAction>("action").unwrap(),
                reason: None,
            }),
            "verify" => EventKind::Verify(Verify {
                check: Check::Signature,
                result: line.word::<CheckResult>("result").unwrap(),
                reason: None,
            }),
            _ => unreachable!("the verb `{verb}`"),
        },
    }
}

/// A version stands for itself, any other word for a digest.
fn previous(word: Arc<str>) -> Arc<str> {
    if word.contains('.') { word } else { Arc::from(digest(&word).as_str()) }
}

/// `created=9m`: so long before the event.
fn ago(line: &Line<'_>, key: &str, time: EventTime) -> Option<EventTime> {
    let text = line.text(key)?;
    let (count, unit) = text.split_at(text.len() - 1);
    let count: i64 = count.parse().unwrap();
    let span = match unit {
        "m" => Span::minutes(count),
        "h" => Span::hours(count),
        "d" => Span::days(count),
        _ => unreachable!("the unit of `{text}`"),
    };
    Some(time.minus(span))
}

fn actor(line: &Line<'_>, time: EventTime) -> Actor {
    Actor {
        account_created: ago(line, "created", time),
        principal: line.text("actor").or_else(|| line.text("by")),
        kind: line.word::<ActorKind>("kind"),
        auth: line.word::<AuthMethod>("auth"),
        ..Actor::default()
    }
}

fn signer(line: &Line<'_>, time: EventTime) -> Signer {
    Signer {
        not_after: ago(line, "expired", time),
        trigger: line.text("trigger"),
        run_attempt: line.number("attempt"),
        key_id: line.text("key"),
        identity: line.text("identity"),
        issuer: line.text("issuer"),
        algorithm: line.text("algorithm"),
        workflow: line.text("workflow"),
        runner: line.text("runner"),
        source_repository: line.text("source"),
        ..Signer::default()
    }
}

fn metadata(line: &Line<'_>) -> Metadata {
    let dependencies = line.list("deps").map(|items| {
        items
            .iter()
            .map(|item| item.split_once(':').unwrap_or((item, "*")))
            .map(|(a, b)| (a.into(), b.into()))
            .collect()
    });
    let provenance = line.word("level").map(|level| Provenance {
        level,
        workflow: line.text("workflow"),
        source_repository: line.text("source"),
        trigger: line.text("trigger"),
        run: line.text("run"),
        run_attempt: line.number("attempt"),
        runner: line.text("runner"),
        ..Provenance::default()
    });
    Metadata {
        publisher: line.text("by"),
        maintainers: line.list("maintainers"),
        license: line.text("license"),
        repository: line.text("repository"),
        size_bytes: line.number("size"),
        file_count: line.number("files"),
        install_scripts: line.list("scripts"),
        binaries: line.number("binaries"),
        dependencies,
        tool: line.text("tool"),
        provenance,
        ..Metadata::default()
    }
}
