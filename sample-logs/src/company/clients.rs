//! Who works at the company, and at which hours.

use crate::clock::Moment;
use crate::combined::Client;
use crate::names::PEOPLE;
use crate::random::Random;

/// What kind of client it is, and thereby when it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody at a desk in Europe.
    Person,
    /// A service account of CI.
    Pipeline,
    /// A node of a cluster.
    Node,
}

/// A client with its rhythm.
#[derive(Debug, Clone)]
pub(crate) struct Regular {
    pub(crate) client: Client,
    pub(crate) kind: Kind,
    /// Sessions on a weekday.
    pub(crate) a_day: f64,
}

/// Relative activity by hour of the day, UTC; the mean is 1.
const DESK: [f64; 24] = [
    0.05, 0.03, 0.02, 0.02, 0.05, 0.2, 0.8, 1.9, 2.7, 2.8, 2.6, 2.0, 1.9, 2.5, 2.6, 2.2, 1.4, 0.7, 0.4, 0.3,
    0.3, 0.25, 0.18, 0.1,
];
const PIPELINES: [f64; 24] = [
    0.5, 0.5, 0.45, 0.4, 0.4, 0.5, 0.8, 1.4, 1.8, 1.9, 1.9, 1.6, 1.5, 1.8, 1.8, 1.6, 1.2, 0.9, 0.7, 0.6, 0.6,
    0.55, 0.5, 0.5,
];
const NODES: [f64; 24] = [
    0.8, 0.7, 0.7, 0.7, 0.7, 0.8, 1.0, 1.2, 1.3, 1.3, 1.3, 1.2, 1.2, 1.3, 1.3, 1.2, 1.1, 1.0, 0.9, 0.9, 0.9,
    0.8, 0.8, 0.8,
];

impl Regular {
    /// How many sessions it starts in this hour.
    pub(crate) fn sessions(&self, hour: Moment, random: &mut Random) -> usize {
        let (profile, weekend) = match self.kind {
            Kind::Person => (&DESK, 0.08),
            Kind::Pipeline => (&PIPELINES, 0.35),
            Kind::Node => (&NODES, 0.8),
        };
        let at = usize::try_from(hour.hour()).unwrap_or(0);
        let share = if hour.is_weekend() { weekend } else { 1.0 };
        // No hour is like the last one: the rate itself wanders by a quarter.
        let mood = 0.75 + 0.5 * random.unit();
        random.count_an_hour(self.a_day / 24.0 * profile[at] * share * mood)
    }
}

/// People at desks.
pub(crate) fn people(count: usize, agents: &[&str], a_day: f64, random: &Random) -> Vec<Regular> {
    let regular = |nth: usize| {
        let mut own = random.fork_nth("person", nth);
        let client = Client {
            address: format!("10.12.{}.{}", nth % 4, 20 + own.below(200)),
            user: PEOPLE[nth % PEOPLE.len()].to_owned(),
            agent: (*own.pick(agents)).to_owned(),
        };
        Regular { client, kind: Kind::Person, a_day: a_day * (0.5 + own.unit()) }
    };
    (0..count).map(regular).collect()
}

/// Service accounts of CI.
pub(crate) fn pipelines(users: &[&str], agents: &[&str], a_day: f64, random: &Random) -> Vec<Regular> {
    let regular = |(nth, user): (usize, &&str)| {
        let mut own = random.fork_nth("pipeline", nth);
        let client = Client {
            address: format!("10.20.1.{}", 10 + nth),
            user: (*user).to_owned(),
            agent: (*own.pick(agents)).to_owned(),
        };
        Regular { client, kind: Kind::Pipeline, a_day: a_day * (0.6 + 0.8 * own.unit()) }
    };
    users.iter().enumerate().map(regular).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HOUR;

    #[test]
    fn profiles_have_mean_one_and_people_sleep_at_night() {
        for profile in [DESK, PIPELINES, NODES] {
            let mean = profile.iter().sum::<f64>() / 24.0;
            assert!((0.9..1.1).contains(&mean), "{mean}");
        }
        let person = &people(1, &["npm"], 24.0, &Random::new(1))[0];
        let monday = Moment::utc((2026, 5, 11), (0, 0, 0));
        let mut random = Random::new(2);
        let mut sum = |hour: i64| -> usize {
            (0..400).map(|_| person.sessions(monday.plus(hour * HOUR), &mut random)).sum()
        };
        assert!(sum(9) > 20 * sum(2).max(1), "{} {}", sum(9), sum(2));
    }
}
