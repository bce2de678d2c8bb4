//! Invented names of packages, organisations and people, put together from lists of words.

use std::collections::BTreeSet;

use crate::random::Random;

/// First halves of names. Each scenario has sixteen of its own, so that all four can be played into one log and no
/// two of them publish under one name.
const FIRST: [&str; 64] = [
    "amber", "brisk", "calm", "dapper", "early", "fabled", "gentle", "hollow", "ivory", "jolly", "keen",
    "lucid", "mellow", "nimble", "opal", "plain", "quiet", "rapid", "silver", "tidal", "umber", "vivid",
    "warm", "young", "zesty", "bold", "cobalt", "dusky", "elder", "frosty", "golden", "humble", "inner",
    "jagged", "kindly", "lofty", "misty", "northern", "outer", "polar", "quick", "rustic", "steady",
    "tender", "upper", "velvet", "wild", "yonder", "azure", "breezy", "cedar", "distant", "ember", "feral",
    "grand", "hidden", "iron", "jade", "kelp", "lunar", "mossy", "noble", "oaken", "pale",
];

/// Second halves of names.
const SECOND: [&str; 60] = [
    "anchor", "basin", "canvas", "delta", "engine", "fjord", "garden", "harbor", "island", "junction",
    "kernel", "ladder", "meadow", "needle", "orchard", "parcel", "quarry", "ribbon", "signal", "timber",
    "upland", "valley", "willow", "yarrow", "zephyr", "beacon", "compass", "drift", "echo", "forge",
    "glacier", "hinge", "inlet", "jetty", "kettle", "lantern", "mirror", "nest", "oxbow", "prism", "quill",
    "rudder", "sparrow", "thicket", "urchin", "vessel", "wharf", "yard", "zenith", "bridge", "cinder",
    "dome", "estuary", "ferry", "grove", "hollow", "knoll", "loom", "mast", "reef",
];

/// What a package of a family is for: `@scope/<part>`.
const PARTS: [&str; 60] = [
    "core", "cli", "client", "server", "router", "store", "forms", "table", "query", "cache", "devtools",
    "plugin", "adapter", "utils", "types", "runtime", "compiler", "parser", "theme", "icons", "charts",
    "auth", "session", "config", "logger", "metrics", "tracing", "queue", "worker", "stream", "codec",
    "schema", "migrate", "testing", "mocks", "preset", "loader", "bundler", "history", "hydrate", "signals",
    "motion", "layout", "grid", "editor", "search", "upload", "images", "locale", "dates", "money", "maps",
    "mail", "flags", "limits", "retry", "backoff", "sync", "diff", "patch",
];

/// People of the company and maintainers elsewhere.
pub(crate) const PEOPLE: [&str; 40] = [
    "alice", "bruno", "chen", "dana", "elif", "fatima", "goran", "hana", "ivan", "joana", "kofi", "lena",
    "mateo", "nadia", "oscar", "priya", "quentin", "rosa", "samir", "tomas", "ulla", "viktor", "wanda",
    "xenia", "yusuf", "zoe", "anton", "bea", "cyril", "doro", "emil", "flora", "gwen", "hugo", "ines",
    "jonas", "karla", "leo", "mira", "nils",
];

/// Which quarter of the first halves a scenario takes its names from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quarter(pub(crate) usize);

/// Makes names that it has not made before.
#[derive(Debug)]
pub(crate) struct Namer {
    random: Random,
    quarter: Quarter,
    taken: BTreeSet<String>,
}

impl Namer {
    /// A maker of names of this quarter.
    pub(crate) fn new(random: Random, quarter: Quarter) -> Self {
        Self { random, quarter, taken: BTreeSet::new() }
    }

    /// `brisk-harbor`.
    pub(crate) fn project(&mut self) -> String {
        loop {
            let name = project(&mut self.random, self.quarter);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    /// `briskharbor`, for a scope or an organisation.
    pub(crate) fn organisation(&mut self) -> String {
        self.project().replace('-', "")
    }

    /// Some maintainers, in order.
    pub(crate) fn maintainers(&mut self, count: usize) -> Vec<String> {
        let mut people: Vec<String> = (0..count)
            .map(|_| format!("{}-{}", self.random.pick(&PEOPLE), self.random.pick(&SECOND)))
            .collect();
        people.sort();
        people.dedup();
        people
    }
}

/// One made name, `brisk-harbor`, which may be made again.
pub(crate) fn project(random: &mut Random, quarter: Quarter) -> String {
    let quarter = &FIRST[quarter.0 * 16..quarter.0 * 16 + 16];
    format!("{}-{}", random.pick(quarter), random.pick(&SECOND))
}

/// So many different parts of a family, up to 3,600: `core`, `cli`, … `core-cli`.
pub(crate) fn parts(random: &mut Random, count: usize) -> Vec<String> {
    let mut parts: Vec<String> = PARTS.iter().map(|part| (*part).to_owned()).collect();
    random.shuffle(&mut parts);
    let mut compounds: Vec<String> = PARTS
        .iter()
        .flat_map(|first| {
            PARTS.iter().filter(move |second| *second != first).map(move |s| format!("{first}-{s}"))
        })
        .collect();
    random.shuffle(&mut compounds);
    parts.extend(compounds);
    parts.truncate(count);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_stands_twice_and_no_name_is_made_twice() {
        for list in [&FIRST[..], &SECOND[..], &PARTS[..], &PEOPLE[..]] {
            let set: BTreeSet<_> = list.iter().collect();
            assert_eq!(set.len(), list.len());
        }
        let mut namer = Namer::new(Random::new(1), Quarter(0));
        let made: BTreeSet<String> = (0..300).map(|_| namer.project()).collect();
        assert_eq!(made.len(), 300);
        let parts: BTreeSet<String> = parts(&mut Random::new(2), 400).into_iter().collect();
        assert_eq!(parts.len(), 400);
    }

    #[test]
    fn scenarios_share_no_name() {
        let all = |quarter| -> BTreeSet<String> {
            let mut namer = Namer::new(Random::new(9), Quarter(quarter));
            (0..500).map(|_| namer.project()).collect()
        };
        for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            assert!(all(one).is_disjoint(&all(other)), "{one} and {other}");
        }
    }
}
