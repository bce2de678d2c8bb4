//! Runs of CI workflows and the log entries of what they sign: numbers that grow with time, as the real ones do.

use crate::clock::{DAY, HOUR, MINUTE, Moment, SECOND};
use crate::journal::Feed;
use crate::native::{LogEntry, Run, Signer};
use crate::random::Random;

/// Where GitHub's OIDC tokens come from.
pub(crate) const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// The predicate of a build provenance.
pub(crate) const SLSA: &str = "https://slsa.dev/provenance/v1";
/// A plain signature.
pub(crate) const SIGNATURE: &str = "signature";

/// Run 25691781302 of TanStack/router started then; run numbers of that year grew by about 30 million a day.
const KNOWN_RUN: (u64, Moment) = (25_691_781_302, Moment::utc((2026, 5, 11), (19, 16, 22)));
const RUNS_A_DAY: u64 = 30_000_000;
/// The size of the public transparency log on the same day, and its growth, both estimated.
const KNOWN_INDEX: u64 = 1_480_000_000;
const ENTRIES_A_DAY: u64 = 1_900_000;

/// A run of this workflow at this moment, of the first attempt nearly always.
pub(crate) fn run(at: Moment, repository: &str, workflow: &str, random: &mut Random) -> Run {
    let attempt = match random.unit() {
        share if share < 0.92 => 1,
        share if share < 0.985 => 2,
        _ => 3,
    };
    // A run that is tried again keeps the number of its first attempt, some minutes to hours before.
    let before = if attempt == 1 { 4 * MINUTE } else { random.between(10 * MINUTE, 5 * HOUR) };
    Run {
        workflow: workflow.to_owned(),
        source_repository: format!("https://github.com/{repository}"),
        trigger: "push",
        run: grown(KNOWN_RUN.0, RUNS_A_DAY, at.plus(-before), random).to_string(),
        run_attempt: attempt,
        runner: "github-hosted",
    }
}

/// A certificate's identity for a run, as Fulcio writes it.
pub(crate) fn keyless(run: &Run, git_ref: &str, repository_id: u64) -> Signer {
    Signer {
        key_id: None,
        identity: format!("{}/{}@{git_ref}", run.source_repository, run.workflow),
        issuer: Some(GITHUB_ISSUER),
        algorithm: "ecdsa-p256-sha256",
        run: Some(run.clone()),
        source_repository_id: Some(repository_id.to_string()),
    }
}

/// A long-lived key, by its fingerprint.
pub(crate) fn keyed(key_id: &str, identity: &str) -> Signer {
    Signer {
        key_id: Some(key_id.to_owned()),
        identity: identity.to_owned(),
        issuer: None,
        algorithm: "ecdsa-p256-sha256",
        run: None,
        source_repository_id: None,
    }
}

/// An entry of the public transparency log, under an index that no other entry of the feed has.
pub(crate) fn log_entry(at: Moment, feed: &mut Feed, random: &mut Random) -> LogEntry {
    LogEntry {
        log: "rekor.sigstore.dev",
        index: feed.unused_index(grown(KNOWN_INDEX, ENTRIES_A_DAY, at, random)),
        integrated_time: at.plus(-SECOND).precise(),
    }
}

/// A fingerprint of a key.
pub(crate) fn key_id(random: &mut Random) -> String {
    format!("sha256:{}", random.hex(64))
}

fn grown(known: u64, a_day: u64, at: Moment, random: &mut Random) -> u64 {
    let since = at.since(KNOWN_RUN.1);
    let grown = i64::try_from(a_day / 1_000).unwrap_or(0) * since / (DAY / 1_000);
    known.saturating_add_signed(grown) + random.below(a_day / 400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_with_time() {
        let mut random = Random::new(1);
        let mut feed = Feed::of("npm");
        let start = Moment::utc((2026, 1, 1), (0, 0, 0));
        let mut last = 0;
        for day in 0..100 {
            let index = log_entry(start.plus(day * DAY), &mut feed, &mut random).index;
            assert!(index > last, "day {day}");
            last = index;
        }
    }

    #[test]
    fn a_second_attempt_is_rare_but_real() {
        let mut random = Random::new(2);
        let at = KNOWN_RUN.1;
        let again = (0..2_000).filter(|_| run(at, "o/r", "release.yml", &mut random).run_attempt > 1).count();
        assert!((100..260).contains(&again), "{again}");
    }
}
