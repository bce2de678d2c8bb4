//! `new-origin` and `unusual-hour`: a principal comes from where it never or rarely came from, or at an hour foreign to it.
//!
//! Method c of the catalogue. Country, network, client and way of proving who it is each have a Pitman–Yor process
//! ([`crate::statistics::pitman_yor`]; Sanna Passino & Heard 2019), backed off to how many of the registry's principals use a value.
//! They depend on each other, and are combined by Simes' rule. Each value counts once a day, however many
//! requests bring it. Hours of the day have a circular histogram ([`crate::statistics::circular`]), one count an active hour.
//! ATT&CK T1078, T1550. Runbook: docs/runbook.md#new-origin, docs/runbook.md#unusual-hour.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{cell, subject_of};
use crate::detector::{Priors, Scores, Seen};
use crate::downloads::statement::Statement;
use crate::event::{Actor, EventTime, Span};
use crate::finding::{Anchor, DetectorId, Evidence, Fact, Measure, Subject};
use crate::key_table::hash_key;
use crate::statistics::circular::ActiveHours;
use crate::statistics::pitman_yor::{BaseRank, Familiarity, PitmanYor};
use crate::statistics::{PValue, Tail, tie_break};

/// Values of one day that are remembered, so that each counts once.
const VALUES_A_DAY: usize = 32;
/// Days of a kind of origin before it is judged: on the first few days everything is new.
const DAYS_NEEDED: f64 = 5.0;
/// Active hours before an hour is judged.
pub const HOURS_NEEDED: f64 = 40.0;
/// Longest name of a client that is kept, in bytes.
const CLIENT_BYTES: usize = 64;

/// What an origin consists of: the order of the arrays here.
const ATTRIBUTES: [&str; 4] = ["country", "network", "client", "auth"];

/// What is kept of a principal's origins: 4 processes of at most 260 bytes, the hours, and a day's values.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OriginState {
    day: Option<EventTime>,
    /// The origin of the last event: an equal one on the same day is passed over at once.
    last: u64,
    today: Vec<u64>,
    attributes: Option<Box<[PitmanYor; ATTRIBUTES.len()]>>,
    /// The last day on which each attribute was learned.
    learned: [Option<EventTime>; ATTRIBUTES.len()],
    hour: Option<EventTime>,
    hours: ActiveHours,
}

pub(super) fn observe(state: &mut OriginState, days: f64, seen: &Seen<'_>, out: &mut Scores) {
    observe_hour(state, days, seen, out);
    let actor = &seen.event().actor;
    let day = seen.now().floor_to(Span::days(1));
    let origin = fingerprint(actor);
    if state.last == origin && state.day == Some(day) {
        return;
    }
    state.last = origin;
    if state.day != Some(day) {
        state.day = Some(day);
        state.today.clear();
    }
    let Some(subject) = subject_of(seen.event()) else { return };
    let values = values(actor);
    let mut tails = Vec::new();
    let mut new = Vec::new();
    for (at, (attribute, value)) in ATTRIBUTES.into_iter().zip(values).enumerate() {
        let Some(value) = value else { continue };
        let hash = hash_key(seen.seed, attribute, &value);
        if state.today.contains(&hash) || state.today.len() >= VALUES_A_DAY {
            continue;
        }
        state.today.push(hash);
        let process = &mut state.attributes.get_or_insert_default()[at];
        let u = tie_break(seen.seed, DetectorId::NewOrigin.as_str(), &subject.name, day.nanos() + at as i64);
        let rank = if process.observations() >= DAYS_NEEDED && !process.has_seen(hash) {
            base(at, hash, &subject.registry, seen.priors)
        } else {
            None
        };
        let score = process.score(hash, rank, u);
        if score.familiarity != Familiarity::Seen {
            count_user(at, hash, seen, out);
        }
        if score.observations >= DAYS_NEEDED {
            tails.push(score.tail);
            if score.familiarity == Familiarity::New {
                new.push(Novelty {
                    attribute,
                    value,
                    observations: score.observations,
                    bits: score.tail.exact.bits(),
                });
            }
        }
        let gap = state.learned[at].map_or(0.0, |last| day.since(last).as_days_f64());
        process.update(hash, gap);
        state.learned[at] = Some(day);
    }
    if let Some(tail) = combined(&tails) {
        new.sort_by(|a, b| b.bits.total_cmp(&a.bits));
        let cell = cell(DetectorId::NewOrigin, &subject, u8::from(tails.len() > 1), days);
        out.surprise(tail, cell, |verdict| said(seen, &subject, new).scored(verdict));
    }
}

struct Novelty {
    attribute: &'static str,
    value: Arc<str>,
    observations: f64,
    bits: f64,
}

/// The p-values of one origin's attributes combined by Simes' rule, which holds under positive dependence (Biometrika 1986): a country
/// and a network that are both new count together, and one that is new alone pays for the others.
fn combined(tails: &[Tail]) -> Option<Tail> {
    let read = |part: fn(&Tail) -> PValue| {
        let mut sorted: Vec<PValue> = tails.iter().map(part).collect();
        sorted.sort_unstable();
        let count = sorted.len() as f64;
        let ranked = sorted.iter().enumerate();
        ranked.map(|(at, p)| PValue::clamped(p.get() * count / (at as f64 + 1.0))).min()
    };
    Some(Tail {
        exact: read(|tail| tail.exact)?,
        randomised: read(|tail| tail.randomised)?,
        mid: read(|tail| tail.mid)?,
    })
}

/// What the registry's tallies call the principals that use a value: the class is the value's, class 0 holds the sum.
const USERS: [&str; ATTRIBUTES.len()] =
    ["users of a country", "users of a network", "users of a client", "users of a way to sign in"];
/// Classes of values; two values in one class count together, which only makes them more usual.
const CLASSES: u64 = 1_021;
/// Principals that must have been counted before a value is called rare.
const USERS_NEEDED: u64 = 50;
/// Concentration and discount of what no principal uses yet (Good & Turing; methods c).
const UNSEEN: (f64, f64) = (5.0, 0.3);

fn class(hash: u64) -> u16 {
    (hash % CLASSES + 1) as u16
}

/// How rare a value is among the registry's principals: a bound, as those at most as usual as it hold at most so much.
fn base(at: usize, hash: u64, registry: &Arc<str>, priors: &Priors) -> Option<BaseRank> {
    let all = priors.tally(registry, USERS[at], 0);
    if all.chances < USERS_NEEDED {
        return None;
    }
    let (total, distinct) = (all.chances as f64, priors.classes(registry, USERS[at]) as f64);
    let unseen = ((UNSEEN.0 + UNSEEN.1 * distinct) / (total + UNSEEN.0)).min(1.0);
    let users = priors.tally(registry, USERS[at], class(hash)).chances as f64;
    Some(BaseRank { rarer: 0.0, equal: (unseen + distinct * users / total).min(1.0) })
}

/// Counts one more principal that uses a value.
fn count_user(at: usize, hash: u64, seen: &Seen<'_>, out: &mut Scores) {
    let registry = &seen.event().registry;
    out.tally(registry, USERS[at], 0, true);
    out.tally(registry, USERS[at], class(hash), true);
}

fn said(seen: &Seen<'_>, subject: &Subject, new: Vec<Novelty>) -> Statement {
    let event = seen.event();
    let name = &subject.name;
    let list = |novelties: &[Novelty]| {
        let named: Vec<String> =
            novelties.iter().map(|novelty| format!("{} `{}`", novelty.attribute, novelty.value)).collect();
        named.join(", ")
    };
    let observations = new.iter().map(|novelty| novelty.observations).fold(0.0, f64::max);
    let (observed, summary) = if new.is_empty() {
        ("a rare origin".to_owned(), format!("`{name}` came from an origin that is rare for it"))
    } else {
        let all = list(&new);
        let days = observations.round();
        (all.clone(), format!("`{name}` came for the first time by {all}, after {days} days with others"))
    };
    Statement {
        detector: DetectorId::NewOrigin,
        subject: subject.clone(),
        time: seen.now(),
        anchor: Anchor::Event(event.id.clone()),
        observed: Measure::name(observed, "origin"),
        expected: None,
        summary,
        counterfactual:
            "silent if it had come by the country, network, client and way of signing in that it uses"
                .to_owned(),
        evidence: new
            .into_iter()
            .map(|novelty| Evidence {
                fact: Fact::Field {
                    field: novelty.attribute.to_owned(),
                    before: format!("others on {:.0} days", novelty.observations),
                    after: novelty.value.to_string(),
                    bits: novelty.bits,
                },
                time: event.time,
                position: Some((&event.position).into()),
            })
            .collect(),
    }
}

/// A hash of where an event comes from, without allocation.
fn fingerprint(actor: &Actor) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |word: u64| hash = (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    mix(actor.asn.map_or(0, |asn| u64::from(asn) + 1));
    mix(actor.auth.map_or(0, |auth| auth as u64 + 1));
    mix(actor
        .country
        .map_or(0, |country| country.letters().iter().fold(1, |sum, b| sum * 256 + u64::from(*b))));
    for chunk in actor.user_agent.as_deref().unwrap_or_default().as_bytes().chunks(8) {
        mix(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
    hash
}

fn values(actor: &Actor) -> [Option<Arc<str>>; ATTRIBUTES.len()] {
    [
        actor.country.map(|country| country.to_string().into()),
        actor.asn.map(|asn| format!("AS{asn}").into()),
        actor.user_agent.as_deref().map(client),
        actor.auth.and_then(|auth| Some(serde_json::to_value(auth).ok()?.as_str()?.into())),
    ]
}

/// Family and major version of a client: the first product of its name, since the rest changes with every release.
fn client(user_agent: &str) -> Arc<str> {
    let product = user_agent.split([' ', ';', '(']).next().unwrap_or_default();
    let end = product.find('/').map_or(product.len(), |slash| {
        let digits = product[slash + 1..].bytes().take_while(u8::is_ascii_digit).count();
        slash + 1 + digits
    });
    let mut end = end.min(CLIENT_BYTES);
    while !product.is_char_boundary(end) {
        end -= 1;
    }
    product[..end].into()
}

fn observe_hour(state: &mut OriginState, days: f64, seen: &Seen<'_>, out: &mut Scores) {
    let hour = seen.now().floor_to(Span::hours(1));
    if state.hour == Some(hour) {
        return;
    }
    let Some(subject) = subject_of(seen.event()) else { return };
    let gap = state.hour.map_or(0.0, |last| hour.since(last).as_days_f64());
    state.hour = Some(hour);
    let of_day = (hour.nanos().div_euclid(Span::hours(1).nanos()).rem_euclid(24)) as usize;
    if state.hours.observations() >= HOURS_NEEDED {
        let u = tie_break(seen.seed, DetectorId::UnusualHour.as_str(), &subject.name, hour.nanos());
        let tail = state.hours.score(of_day, u);
        let observations = state.hours.observations();
        out.surprise(tail, cell(DetectorId::UnusualHour, &subject, 0, days), |verdict| {
            let (event, usual) = (seen.event(), busiest(&state.hours));
            Statement {
                detector: DetectorId::UnusualHour,
                subject: subject.clone(),
                time: seen.now(),
                anchor: Anchor::Window(hour, Span::hours(1)),
                observed: Measure::number(of_day as f64, "hour of the day, UTC"),
                expected: None,
                summary: format!(
                    "`{}` acts at {of_day:02}:00 UTC, foreign to it after {observations:.0} active hours, mostly around {usual:02}:00",
                    subject.name
                ),
                counterfactual: format!("silent around {usual:02}:00 UTC"),
                evidence: vec![Evidence {
                    fact: Fact::Field {
                        field: "hour".to_owned(),
                        before: format!("around {usual:02}:00 UTC"),
                        after: format!("{of_day:02}:00 UTC"),
                        bits: tail.exact.bits(),
                    },
                    time: event.time,
                    position: Some((&event.position).into()),
                }],
            }
            .scored(verdict)
        });
    }
    state.hours.update(of_day, gap);
}

fn busiest(hours: &ActiveHours) -> usize {
    let densities = hours.densities();
    (0..densities.len()).fold(0, |best, hour| if densities[hour] > densities[best] { hour } else { best })
}
