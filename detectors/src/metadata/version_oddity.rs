//! `version-oddity`: version numbers that do not go on as they did.
//!
//! Method f.3. A package may carry several series (`axum-v…`, `axum-core-v…`), each with its lines (the major number; of
//! `0.x` the minor). A publish is a chance for five rare outcomes, in their order of surprise: several lines within an
//! hour, a version that was taken back comes again, a line wakes that newer ones had left behind for half a year, majors
//! are skipped, the numbers go backwards within a minor line. Pre-releases are passed over, and calendar versions have no
//! majors to skip. ATT&CK T1195.002. Runbook: docs/runbook.md#version-oddity.

use serde::{Deserialize, Serialize};

use super::version::Numbers;
use crate::catalogue::CatalogueEntry;
use crate::change_lane::{
    Acquaintance, Chance, Choice, Habits, Mark, Place, Places, RareOutcome, Statement, any, artifact_subject,
    counts, keep_latest, short_name, shown_time_apart, tie, whether,
};
use crate::creation::shown_release;
use crate::detector::{Detector, EXPLAINED_FROM_BITS, Scores, Seen};
use crate::event::{EventKind, EventTime, Span, WithdrawAction};
use crate::finding::{DetectorId, Fact};

/// Its place in the catalogue.
pub const ENTRY: CatalogueEntry = CatalogueEntry {
    id: DetectorId::VersionOddity,
    fires_when: "several release lines at once, a dead line, skipped majors, numbers that go back, a removed version again",
    techniques: &["T1195.002"],
    needs_events: &["publish"],
    needs_fields: &["artifact.purl with version"],
    warm_up: "three earlier versions",
};

/// Release lines kept of one artifact.
pub const MAX_LINES: usize = 24;
/// Withdrawn versions kept of one artifact.
pub const MAX_WITHDRAWN: usize = 32;
/// Releases in several lines within this time are one act.
const AT_ONCE: Span = Span::hours(1);
/// A line without a release for so long, while a newer one had some, was left behind.
const LEFT_BEHIND: Span = Span::days(180);
/// A first number from here on is a date or a build.
const CALENDAR_FROM: u64 = 1_000;
/// Versions before anything is said.
const VERSIONS_NEEDED: u32 = 3;
/// Of acts that concern several lines, the share that concerns three or more.
const THREE_LINES: f64 = 0.2;

const SEVERAL_LINES: usize = 0;
const REMOVED_AGAIN: usize = 1;
const DEAD_LINE: usize = 2;
const SKIPPED: usize = 3;
const BACKWARDS: usize = 4;

/// Guesses per publish of an unknown registry. Backports are common, several at once less so; the rest is rare.
const CHOICE: Choice = Choice {
    detector: DetectorId::VersionOddity,
    major: VersionOddity::MAJOR,
    what: "version-oddity",
    outcomes: &[
        RareOutcome { guess: 0.005, worth: 100.0, strength: 8.0 },
        RareOutcome { guess: 0.001, worth: 100.0, strength: 8.0 },
        RareOutcome { guess: 0.004, worth: 100.0, strength: 8.0 },
        RareOutcome { guess: 0.004, worth: 100.0, strength: 8.0 },
        RareOutcome { guess: 0.01, worth: 100.0, strength: 8.0 },
    ],
};

/// The detector.
#[derive(Debug, Clone, Copy, Default)]
pub struct VersionOddity;

/// The release lines of one artifact: 130 bytes, 35 a line, 10 a withdrawn version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinesState {
    places: Places,
    met: Acquaintance,
    habits: Habits,
    lines: Vec<Line>,
    withdrawn: Vec<Mark>,
    last: Option<Mark>,
}

/// One release line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Line {
    series: Mark,
    line: (u64, u64),
    highest: Numbers,
    last: EventTime,
    place: Place,
}

impl Detector for VersionOddity {
    type State = LinesState;
    const ID: DetectorId = DetectorId::VersionOddity;
    const MAJOR: u32 = 1;

    fn observe(&self, state: &mut LinesState, seen: &Seen<'_>, out: &mut Scores) {
        let event = seen.event();
        let (Some(artifact), true) = (&event.artifact, counts(seen)) else { return };
        let Some(version) = artifact.version.as_ref().map(short_name) else { return };
        let mark = Mark::of(seen.seed, &["version", &version]);
        match &event.kind {
            EventKind::Withdraw(withdraw) => {
                if matches!(withdraw.action, WithdrawAction::Unpublish | WithdrawAction::Delete) {
                    state.withdrawn.retain(|known| *known != mark);
                    keep_latest(&mut state.withdrawn, MAX_WITHDRAWN, mark);
                }
            }
            EventKind::Publish(_) if state.last != Some(mark) => {
                state.last = Some(mark);
                judge(state, seen, &version, mark, out);
            }
            _ => {}
        }
    }
}

fn judge(state: &mut LinesState, seen: &Seen<'_>, version: &str, mark: Mark, out: &mut Scores) {
    let event = seen.event();
    let Some(numbers) = Numbers::read(version).filter(|numbers| !numbers.is_pre_release()) else { return };
    let Some(artifact) = artifact_subject(event) else { return };
    let (now, series) = (seen.now(), series_of(seen.seed, version));
    let line = line_of(numbers);
    let own = state.lines.iter().find(|known| known.series == series && known.line == line).copied();
    let others: Vec<Line> =
        state.lines.iter().filter(|known| known.series == series && known.line != line).copied().collect();
    let newest = others.iter().max_by_key(|other| other.highest).copied();
    let at_once = others.iter().filter(|other| now.since(other.last) <= AT_ONCE).count();
    let outcome = match () {
        () if at_once > 0 && own.is_some() => Some(SEVERAL_LINES),
        () if state.withdrawn.contains(&mark) => Some(REMOVED_AGAIN),
        () if own.is_some_and(|own| {
            now.since(own.last) > LEFT_BEHIND
                && newest.is_some_and(|newest| newest.highest > own.highest && newest.last > own.last)
        }) =>
        {
            Some(DEAD_LINE)
        }
        () if own.is_none()
            && numbers.major < CALENDAR_FROM
            && newest.is_some_and(|newest| numbers.major > newest.highest.major + 1) =>
        {
            Some(SKIPPED)
        }
        () if own.is_some_and(|own| numbers < own.highest && numbers.minor == own.highest.minor) => {
            Some(BACKWARDS)
        }
        () => None,
    };
    state.met.meet(now);
    if state.met.looks() > VERSIONS_NEEDED {
        let u = tie(seen, "lines at once", &artifact.name);
        let chance = Chance {
            seen,
            subject: &artifact,
            met: &state.met,
            outcome,
            possible: &any,
            within: (outcome == Some(SEVERAL_LINES)).then(|| whether(at_once > 1, THREE_LINES, u)),
            from_bits: EXPLAINED_FROM_BITS,
        };
        let places = &state.places;
        CHOICE.judge(&mut state.habits, &chance, out, || {
            let name = shown_release(event);
            let apart = |line: Option<Line>| shown_time_apart(now.since(line.map_or(now, |line| line.last)));
            let (what, summary, silent_had) = match outcome {
                Some(SEVERAL_LINES) => (
                    "several release lines at once",
                    format!("{name} came within an hour of a release in {at_once} other release lines"),
                    "only one release line got a version within the hour",
                ),
                Some(REMOVED_AGAIN) => (
                    "a removed version again",
                    format!("{name} was published again after it had been removed"),
                    "it come under a version number that was never removed",
                ),
                Some(DEAD_LINE) => (
                    "a line that was left behind",
                    format!(
                        "{name} is in a release line that got nothing for {}, while newer lines did",
                        apart(own)
                    ),
                    "it come in a release line that is kept up",
                ),
                Some(SKIPPED) => (
                    "skipped majors",
                    format!(
                        "{name} skips major versions: the newest before was {}",
                        newest.map_or(0, |newest| newest.highest.major)
                    ),
                    "its major version followed the one before",
                ),
                _ => (
                    "numbers that go back",
                    format!("{name} is lower than a version that its release line already had"),
                    "its number been above those of its release line",
                ),
            };
            let held_against =
                if outcome == Some(SKIPPED) || outcome == Some(SEVERAL_LINES) { newest } else { own };
            let fact = Fact::Publish { version: "the release before".to_owned(), publisher: String::new() };
            Statement {
                field: "version",
                before: "the next of its line".to_owned(),
                after: what.to_owned(),
                summary,
                silent_had: silent_had.to_owned(),
                earlier: held_against
                    .map(|line| (fact, line.last, places.find(line.place)))
                    .into_iter()
                    .collect(),
                links: vec![],
                slsa_threat: None,
            }
            .explained(seen)
        });
    }
    let place = state.places.keep(&event.position);
    let highest = own.map_or(numbers, |own| own.highest.max(numbers));
    state.lines.retain(|known| !(known.series == series && known.line == line));
    keep_latest(&mut state.lines, MAX_LINES, Line { series, line, highest, last: now, place });
}

/// What stands before the numbers: `axum-` of `axum-v0.8.9`.
fn series_of(seed: u64, version: &str) -> Mark {
    let core = version.rsplit('/').next().unwrap_or(version);
    let end = core.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).find(|at| {
        core[..*at].chars().next_back().is_none_or(|before| matches!(before, 'v' | '-' | '@' | '_' | 'V'))
    });
    let prefix = core[..end.unwrap_or(0)].trim_end_matches(['v', 'V']);
    Mark::of(seed, &["series", prefix])
}

/// The line of a version: its major, of `0.x` its minor too, as anything may change there.
const fn line_of(numbers: Numbers) -> (u64, u64) {
    if numbers.major == 0 { (0, numbers.minor) } else { (numbers.major, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change_lane::story::{check, state_size};

    /// A package with three lines, of which the newest is kept up.
    const UA: &str = "12x +9d publish ua@0.7.# => silence\n +9d publish ua@0.8.0\n 3x +9d publish ua@0.8.# => silence\n +9d publish ua@1.0.0\n 20x +9d publish ua@1.0.# => silence\n";

    #[test]
    fn three_lines_at_once_are_told() {
        let said = check(
            &VersionOddity,
            &format!(
                "{UA} +9d publish ua@1.0.21 => silence\n +4m publish ua@0.8.4 => version-oddity 8\n +4m publish ua@0.7.13 => version-oddity 6"
            ),
        );
        assert!(said[0].explanation.summary.contains("within an hour of a release in 1 other release lines"));
        assert!(said[0].explanation.evidence.iter().all(|item| item.position.is_some()));
        check(&VersionOddity, &format!("{UA} +9d publish ua@1.0.21 => silence"));
    }

    #[test]
    fn a_dead_line_that_wakes_and_numbers_that_jump_are_told() {
        check(&VersionOddity, &format!("{UA} +20d publish ua@0.7.13 => version-oddity 8"));
        check(&VersionOddity, &format!("{UA} +9d publish ua@99.0.0 => version-oddity 8"));
        check(&VersionOddity, &format!("{UA} +9d publish ua@2.0.0 => silence"));
        check(&VersionOddity, &format!("{UA} +9d publish ua@1.0.3 => version-oddity 7"));
    }

    #[test]
    fn a_removed_version_that_comes_again_is_told() {
        check(
            &VersionOddity,
            &format!(
                "{UA} +1h withdraw ua@1.0.20 action=unpublish\n +1h publish ua@1.0.19 \n +1h publish ua@1.0.20 => version-oddity 9"
            ),
        );
    }

    #[test]
    fn series_and_calendars_are_no_oddities() {
        check(
            &VersionOddity,
            "10x +1m publish rg@14.0.# => silence\n 10x +1m publish rg@ignore-0.4.# => silence\n +1m publish rg@globset-0.4.1 => silence\n 5x +1d publish cal@2024.1.# => silence\n +1d publish cal@2026.1.0 => silence",
        );
    }

    #[test]
    fn backports_by_habit_are_ordinary() {
        let both: String =
            (1..=20).map(|at| format!("+9d publish pg@16.{at}.0\n +2m publish pg@15.{at}.0\n")).collect();
        check(
            &VersionOddity,
            &format!("{both} +9d publish pg@16.21.0 => silence\n +2m publish pg@15.21.0 => silence"),
        );
    }

    #[test]
    fn its_state_stays_small() {
        let bytes = state_size(&VersionOddity, UA);
        assert!(bytes < 400, "{bytes}");
        let lines = "90x +9d publish many@#.0.0";
        let bytes = state_size(&VersionOddity, lines);
        assert!(bytes < 200 + 40 * MAX_LINES, "{bytes}");
    }
}
