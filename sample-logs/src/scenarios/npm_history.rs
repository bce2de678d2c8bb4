//! The weeks before for a project whose present versions are known: release trains that lead up to them.

use crate::clock::{DAY, HOUR, Moment};
use crate::journal::{Feed, Origin};
use crate::publishing::npm::NpmProject;
use crate::publishing::version::{Bump, Version};
use crate::random::Random;

/// A release train: when it left, and which packages it took along.
pub(crate) type Train = (Moment, Vec<usize>);

/// One version in the past of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) at: Moment,
    pub(crate) version: Version,
    pub(crate) digest: String,
}

/// Draws trains on weekdays: each package is taken along with its own chance, by the last train every one.
pub(crate) fn trains(
    (from, until): (Moment, Moment),
    a_weekday: f64,
    chances: &[f64],
    random: &mut Random,
) -> Vec<Train> {
    let mut trains = Vec::new();
    let mut day = from.midnight();
    while day < until {
        if random.chance(if day.is_weekend() { a_weekday / 5.0 } else { a_weekday }) {
            let at = day.plus(13 * HOUR + random.between(0, 9 * HOUR));
            let taken = (0..chances.len()).filter(|nth| random.chance(chances[*nth])).collect();
            trains.push((at, taken));
        }
        day = day.plus(DAY);
    }
    trains.retain(|(at, _)| *at < until);
    if let Some((_, taken)) = trains.last_mut() {
        *taken = (0..chances.len()).collect();
    }
    trains
}

/// Plays the trains so that each package ends at the version that it has in `project`; returns each package's past.
pub(crate) fn play(
    project: &mut NpmProject,
    trains: &[Train],
    feed: &mut Feed,
    random: &Random,
) -> Vec<Vec<Release>> {
    let mut own = random.fork("history");
    let mut pasts: Vec<Past> = (0..project.packages.len())
        .map(|nth| Past::of(project.packages[nth].version, nth, trains, &mut own))
        .collect();
    for (package, past) in project.packages.iter_mut().zip(&pasts) {
        // Siblings are pinned to what there was, not to what was to come.
        package.version = past.ahead.last().copied().unwrap_or(package.version);
    }
    for (at, taken) in trains {
        let act = project.act(*at, &mut own);
        let mut now = *at;
        for nth in taken {
            let Some(version) = pasts[*nth].next() else { continue };
            let package = &mut project.packages[*nth];
            let bump =
                pasts[*nth].releases.last().map_or(Bump::Patch, |last| version.step_from(last.version));
            package.version = version;
            package.drift(bump, &mut own);
            pasts[*nth].releases.push(Release { at: now, version, digest: package.digest.clone() });
            raise_siblings(project, *nth);
            project.publish(*nth, now, &act, feed, Origin::Background, &mut own);
            now = now.plus(own.between(500, 1_900));
        }
    }
    pasts.into_iter().map(|past| past.releases).collect()
}

/// Dependencies inside the family are pinned to the newest versions.
pub(crate) fn raise_siblings(project: &mut NpmProject, nth: usize) {
    let newest: Vec<(String, String)> =
        project.packages.iter().map(|package| (package.name.clone(), package.full_version())).collect();
    for (name, version) in newest {
        if let Some(range) = project.packages[nth].dependencies.get_mut(&name) {
            *range = version;
        }
    }
}

/// The versions that a package still goes through.
struct Past {
    /// Trains that it does not board, because it cannot have had so many versions.
    skipped: usize,
    /// The versions to come, the next one last.
    ahead: Vec<Version>,
    releases: Vec<Release>,
}

impl Past {
    fn of(end: Version, nth: usize, trains: &[Train], random: &mut Random) -> Self {
        let boarded = trains.iter().filter(|(_, taken)| taken.contains(&nth)).count();
        let mut ahead = end.leading_here(boarded, random);
        ahead.reverse();
        Self { skipped: boarded.saturating_sub(ahead.len()), ahead, releases: Vec::new() }
    }

    fn next(&mut self) -> Option<Version> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        self.ahead.pop()
    }
}
