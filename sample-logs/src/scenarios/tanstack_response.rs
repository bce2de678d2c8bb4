//! What TanStack and npm did afterwards: all bad versions deprecated, later removed, `latest` set back.

use super::tanstack::Plan;
use crate::journal::{Feed, Origin};
use crate::publishing::npm::{NpmProject, Trust, tell_withdrawal};
use crate::random::Random;

/// The deprecation by the maintainers, then the removal by npm.
pub(super) fn respond(plan: &Plan, project: &mut NpmProject, feed: &mut Feed, random: &mut Random) {
    // npm itself sets `latest` back when it takes the tarballs away.
    project.trust = Trust::Attested("npm-security".to_owned());
    let count = i64::try_from(plan.packages().len()).unwrap_or(1).max(1);
    for (nth, (name, first)) in plan.packages().iter().enumerate() {
        let share = |(from, until): (crate::Moment, crate::Moment)| {
            from.plus(until.since(from) * i64::try_from(nth).unwrap_or(0) / count)
        };
        for wave in 0..plan.waves.len() {
            let version = Plan::bad(*first, wave).to_string();
            let subject = (name.as_str(), version.as_str());
            let deprecated = share(plan.deprecated).plus(random.between(0, 20_000));
            let why = ("deprecate", "SECURITY: compromised version, do not use");
            tell_withdrawal(feed, Origin::Case, deprecated, subject, why, "maintainer-1", random);
            let removed = share(plan.removed).plus(random.between(0, 60_000));
            let why = ("unpublish", "malware");
            tell_withdrawal(feed, Origin::Case, removed, subject, why, "npm-security", random);
        }
        let back = share(plan.removed).plus(61_000);
        project.tag(nth, "latest", &Plan::clean(*first).to_string(), back, feed, Origin::Case, random);
    }
}
