//! `name-squat`: a new name near one of ours, or near one that is established in the registry.
//!
//! Method f.5. The registry's names are learned from its publishes; one is established after five versions, and an owner
//! may name those to be guarded. A name that appears is compared with all of its kind of package: the same letters
//! without separators or scope, the same words, one edit. Its p-value is the base rate of such a likeness for its length and
//! for so many names, so that `a1` beside `a2` says nothing. What the same publisher makes is nobody's squat.
//! ATT&CK T1195.002, T1036.005. Runbook: docs/runbook.md#name-squat.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::near_name::{Likeness, likeness};
use super::{publisher, shown_release};
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Mark, Place, Places, Statement, artifact_subject, counts, principal_link, scored,
    shown_time_apart, speak,
};
use crate::detector::{Detector, Scores, Seen};
use crate::event::{EventKind, EventTime, Span};
use crate::finding::{DetectorId, Fact};
use crate::statistics::Tail;

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::NameSquat,
    fires_when: "a new name is near one of ours or near an established one, and nearer than chance",
    techniques: &["T1195.002", "T1036.005"],
    needs_events: &["publish"],
    needs_fields: &["artifact.purl"],
    warm_up: "guarded names: none; else five versions of the name that is imitated",
};

/// Names learned of one registry.
pub const MAX_NAMES: usize = 2_000;
/// Names that an owner may guard.
pub const MAX_GUARDED: usize = 5_000;
/// Versions after which a name is established.
const ESTABLISHED_AFTER: u32 = 5;
/// A registry that is known for less says nothing of learned names: they all seem new.
const REGISTRY_KNOWN_FOR: Span = Span::days(7);
/// Surprise from which a likeness is kept, in bits.
const WORTH_KEEPING_BITS: f64 = 8.0;

/// What an owner may set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NameSquatConfig {
    /// Artifact keys to be guarded from the first day, such as `pkg:npm/%40acme/auth`; at most 5,000.
    pub guarded: Vec<String>,
}

impl NameSquatConfig {
    /// What is out of bounds, as (path, problem).
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.guarded.len() > MAX_GUARDED {
            let count = self.guarded.len();
            problems.push(("guarded".to_owned(), format!("{count} names are more than {MAX_GUARDED}")));
        }
        for (at, _) in self.guarded.iter().enumerate().filter(|(_, name)| !name.starts_with("pkg:")) {
            problems.push((
                format!("guarded[{at}]"),
                "it does not begin with `pkg:`, as artifact keys do".to_owned(),
            ));
        }
        problems
    }
}

/// The detector.
#[derive(Debug, Clone, Default)]
pub struct NameSquat {
    config: Arc<NameSquatConfig>,
}

/// The names of one registry: at most 2,000, of some 60 bytes each.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NamesState {
    places: Places,
    met: Acquaintance,
    since: Option<EventTime>,
    /// Sorted by name.
    names: Vec<KnownName>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct KnownName {
    key: Arc<str>,
    publisher: Option<Mark>,
    versions: u32,
    last: EventTime,
    place: Place,
}

impl NameSquat {
    /// A detector with an owner's settings.
    #[must_use]
    pub fn new(config: NameSquatConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

impl Detector for NameSquat {
    type State = NamesState;
    const ID: DetectorId = DetectorId::NameSquat;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut NamesState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        if !counts(seen) || !matches!(event.kind, EventKind::Publish(_)) {
            return;
        }
        let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
        let key = key.shared();
        let since = *state.since.get_or_insert(seen.now());
        let by = publisher(event).map(|name| Mark::of(seen.seed, &["person", name]));
        let place = state.places.keep(&event.position);
        let at = match state.names.binary_search_by(|known| known.key.cmp(&key)) {
            Ok(at) => at,
            Err(at) => {
                state.met.meet(seen.now());
                let settled = seen.now().since(since) >= REGISTRY_KNOWN_FOR;
                self.judge(state, seen, &key, by, settled, out);
                let name = KnownName { key, publisher: by, versions: 0, last: seen.now(), place };
                state.names.insert(at, name);
                at
            }
        };
        let name = &mut state.names[at];
        name.versions = name.versions.saturating_add(1);
        (name.last, name.place) = (seen.now(), place);
        name.publisher = by.or(name.publisher);
        if state.names.len() > MAX_NAMES {
            make_room(&mut state.names);
        }
    }
}

/// Drops the name that says least: the fewest versions, and of these the one that is quiet for longest.
fn make_room(names: &mut Vec<KnownName>) {
    let least =
        names.iter().enumerate().min_by_key(|(_, name)| (name.versions.min(ESTABLISHED_AFTER), name.last));
    if let Some((at, _)) = least {
        names.remove(at);
    }
}

/// A name that is imitated.
struct Near<'a> {
    key: &'a str,
    how: Likeness,
    known: Option<&'a KnownName>,
}

impl NameSquat {
    fn judge(
        &self,
        state: &NamesState,
        seen: &Seen<'_>,
        key: &Arc<str>,
        by: Option<Mark>,
        settled: bool,
        out: &mut Scores,
    ) {
        let (kind, name) = parts(key);
        if self.config.guarded.iter().any(|guarded| **guarded == **key) {
            return;
        }
        let established = |known: &&KnownName| {
            settled && known.versions >= ESTABLISHED_AFTER && (by.is_none() || known.publisher != by)
        };
        let learned = state.names.iter().filter(established).map(|known| (&*known.key, Some(known)));
        let guarded = self.config.guarded.iter().map(|key| {
            let known = state.names.binary_search_by(|known| (*known.key).cmp(key.as_str())).ok();
            (key.as_str(), known.map(|at| &state.names[at]))
        });
        let candidates = guarded.chain(learned).filter(|(other, known)| {
            parts(other).0 == kind && !known.is_some_and(|known| by.is_some() && known.publisher == by)
        });
        let (mut count, mut nearest): (usize, Option<(f64, Near<'_>)>) = (0, None);
        let mut likely: Vec<Near<'_>> = Vec::new();
        for (other, known) in candidates {
            count += 1;
            likely.extend(likeness(name, parts(other).1).map(|how| Near { key: other, how, known }));
        }
        if count == 0 {
            return;
        }
        for near in likely {
            let rate = near.how.base_rate(name.len(), count);
            if nearest.as_ref().is_none_or(|(least, _)| rate < *least) {
                nearest = Some((rate, near));
            }
        }
        let cell = state.met.cell(Self::ID, &seen.event().registry, seen.now());
        let Some((rate, near)) = nearest else {
            out.teach(Tail::continuous(1.0), cell);
            return;
        };
        let Some(artifact) = artifact_subject(seen.event()) else { return };
        speak(out, WORTH_KEEPING_BITS, Tail::continuous(rate), cell, |verdict| {
            let statement = explain(state, seen, &near, rate, count);
            scored(seen, (Self::ID, Self::MAJOR), artifact, verdict, statement.explained(seen))
        });
    }
}

fn explain(state: &NamesState, seen: &Seen<'_>, near: &Near<'_>, rate: f64, count: usize) -> Statement {
    let event = seen.event();
    let other = crate::event::shown_artifact(near.key);
    let known = near.known.map(|known| {
        let fact = Fact::Publish { version: other.clone(), publisher: String::new() };
        (fact, known.last, state.places.find(known.place))
    });
    let since = near.known.map_or_else(
        || "which is guarded".to_owned(),
        |known| {
            let apart = shown_time_apart(seen.now().since(known.last));
            format!("of which {} versions are known, the last {apart} ago", known.versions)
        },
    );
    let EventKind::Publish(publish) = &event.kind else { return Statement::default() };
    let scripts = publish.metadata.install_scripts.as_ref().is_some_and(|scripts| !scripts.is_empty());
    let script = if scripts { "; it comes with an install script" } else { "" };
    Statement {
        field: "name",
        before: other.clone(),
        after: shown_release(event),
        summary: format!(
            "the new name of {} is {} `{other}`, {since}; of new names {:.3} % are as near to one of {count}{script}",
            shown_release(event),
            near.how.word(),
            100.0 * rate
        ),
        silent_had: format!("its name been further from `{other}`, or its publisher the same"),
        earlier: known.into_iter().collect(),
        links: publisher(event).map(|name| principal_link(event, name)).into_iter().collect(),
        slsa_threat: None,
    }
}

/// The kind of package, and its name.
fn parts(key: &str) -> (&str, &str) {
    key.strip_prefix("pkg:").unwrap_or(key).split_once('/').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::Stage;
    use crate::change_lane::story::exact_bits;

    /// Plays a story in the one row of its registry; returns what was said.
    fn play(detector: &NameSquat, story: &str) -> Vec<String> {
        let mut stage = Stage::fast(detector, 7).by_registry();
        let mut said = Vec::new();
        for line in story.lines().map(str::trim) {
            for look in stage.play(line) {
                if exact_bits(&look) >= WORTH_KEEPING_BITS {
                    said.extend(look.scored.map(|scored| scored.explanation.summary));
                }
            }
        }
        said
    }

    fn established() -> String {
        let versions = |name: &str, by: &str| {
            (1..=8).map(|at| format!("+1d publish {name}@1.{at}.0 by={by}\n")).collect::<String>()
        };
        format!(
            "{}{}{}",
            versions("rust_decimal", "paul"),
            versions("typescript-eslint", "tseslint"),
            versions("ws", "einar")
        )
    }

    #[test]
    fn near_names_of_strangers_are_told() {
        let detector = NameSquat::default();
        let said = play(&detector, &format!("{}+1d publish rustdecimal@1.0.0 by=eve", established()));
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("the new name of `rustdecimal` 1.0.0 is the letters of `rust_decimal`, of which 8 versions are known"), "{}", said[0]);
        for (name, told) in
            [("typescript-eslnt", 1), ("eslint-typescript", 1), ("wss", 0), ("wildly-different", 0)]
        {
            assert_eq!(
                play(&detector, &format!("{}+1d publish {name}@1.0.0 by=eve", established())).len(),
                told,
                "{name}"
            );
        }
    }

    #[test]
    fn what_the_same_hand_makes_is_no_squat_and_neither_is_what_is_known() {
        let detector = NameSquat::default();
        assert_eq!(
            play(&detector, &format!("{}+1d publish rustdecimal@1.0.0 by=paul", established())),
            [""; 0]
        );
        assert_eq!(
            play(
                &detector,
                &format!(
                    "+1d publish rustdecimal@1.0.0 by=eve\n{}+1d publish rustdecimal@1.0.1 by=eve",
                    established()
                )
            ),
            [""; 0]
        );
    }

    #[test]
    fn guarded_names_are_guarded_from_the_first_day() {
        let config = NameSquatConfig { guarded: vec!["pkg:npm/%40acme/auth-client".to_owned()] };
        assert!(config.problems().is_empty());
        assert_eq!(
            play(&NameSquat::new(config.clone()), "+1m publish acme-auth-client@1.0.0 by=eve").len(),
            1
        );
        assert_eq!(play(&NameSquat::new(config), "+1m publish unrelated@1.0.0 by=eve").len(), 0);
        let bad = NameSquatConfig { guarded: vec!["acme".to_owned(); MAX_GUARDED + 1] };
        assert_eq!(bad.problems().len(), MAX_GUARDED + 2);
    }

    #[test]
    fn a_flood_of_new_names_does_not_displace_established_ones() {
        let detector = NameSquat::default();
        let mut stage = Stage::fast(&detector, 7).by_registry();
        for line in established().lines() {
            stage.play(line);
        }
        for at in 0..MAX_NAMES + 500 {
            stage.play(&format!("+1s publish flood-{at}-{at}@1.0.0 by=eve"));
        }
        let state = stage.row("npm");
        assert_eq!(state.names.len(), MAX_NAMES);
        assert!(state.names.iter().any(|name| &*name.key == "pkg:npm/rust_decimal"));
        let bytes = postcard::to_stdvec(state).unwrap().len();
        assert!(bytes < 80 * MAX_NAMES, "{bytes}");
    }
}
