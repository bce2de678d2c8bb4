//! `enumeration`: a principal walks through names in alphabetical order, as one does who wants them all.
//!
//! Method b.3 of the catalogue: a sequential test ([`crate::statistics::successor_test`]) over a session. Names are taken by family
//! (the scope, or what stands before the first `-`, `_` or `.`), as an honest installation fetches a family together and in order.
//! A step to another family is to a successor if the family comes later in the alphabet and begins with the same two characters;
//! how often honest sessions do that is learned by the registry. ATT&CK T1083, T1593.003. Runbook: docs/runbook.md#enumeration.

use serde::{Deserialize, Serialize};

use super::{cell, subject_of};
use crate::detector::{Scores, Seen};
use crate::downloads::statement::Statement;
use crate::event::{EventTime, Span};
use crate::finding::{Anchor, Band, DetectorId, Evidence, Fact, Measure};
use crate::statistics::Tail;
use crate::statistics::successor_test::SuccessorTest;

/// A silence of this length ends a session.
const SESSION_GAP: Span = Span::minutes(30);
/// Share of successors that an unknown registry's honest sessions have: lists of packages are often sorted.
const GUESSED_SHARE: f64 = 0.3;
/// Steps that the guess is worth.
const STRENGTH: f64 = 1_000.0;
/// Bits from which a walk is told, once a session. There is one test a session, so this is no threshold of the decision but
/// the moment at which the session is judged.
const JUDGED_FROM_BITS: f64 = 16.0;
const TALLY: &str = "steps to a successor";

/// What is kept of a principal's walk. 60 bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WalkState {
    session: Option<Session>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Session {
    start: EventTime,
    last: EventTime,
    /// The first eight bytes of the family, in the order of the alphabet.
    family: u64,
    test: SuccessorTest,
    /// The honest share of successors, as it was known when the session began.
    honest: f64,
    told: bool,
}

pub(super) fn observe(state: &mut WalkState, days: f64, seen: &Seen<'_>, out: &mut Scores) {
    let event = seen.event();
    let Some(key) = event.artifact.as_ref().and_then(|artifact| artifact.key.as_ref()) else { return };
    let (now, family) = (seen.now(), family(key.as_str()));
    if let Some(session) =
        state.session.take_if(|session| now.since(session.last).nanos() > SESSION_GAP.nanos())
    {
        // A walk must not teach its registry that walking is honest.
        if !session.told {
            let (hits, steps) = (session.test.hits(), session.test.steps());
            out.tally_many(&event.registry, TALLY, 0, u64::from(hits), u64::from(steps));
        }
    }
    let Some(session) = &mut state.session else {
        let honest = seen.priors.rate(&event.registry, TALLY, 0, GUESSED_SHARE, STRENGTH);
        let test = SuccessorTest::default();
        state.session = Some(Session { start: now, last: now, family, test, honest, told: false });
        return;
    };
    session.last = now;
    let before = std::mem::replace(&mut session.family, family);
    if before == family || session.told {
        return;
    }
    let is_successor = family > before && family >> 48 == before >> 48;
    let honest = session.honest;
    session.test.step(is_successor, honest);
    let p = session.test.p_value();
    if p.bits() < JUDGED_FROM_BITS {
        return;
    }
    session.told = true;
    let (start, hits, steps) = (session.start, session.test.hits(), session.test.steps());
    let Some(subject) = subject_of(event) else { return };
    let expected = honest * f64::from(steps);
    let cell = cell(DetectorId::Enumeration, &subject, 0, days);
    out.surprise(Tail::continuous(p.get()), cell, |verdict| {
        let unit = format!("of {steps} steps to the next name");
        Statement {
            detector: DetectorId::Enumeration,
            time: now,
            anchor: Anchor::Window(start, SESSION_GAP),
            observed: Measure::number(f64::from(hits), &unit),
            expected: Some(Band::numbers(0.0, expected, (2.0 * expected).ceil(), &unit)),
            summary: format!(
                "`{}` walks through the names in order: {hits} of {steps} steps led to the next in the alphabet; {expected:.1} are usual",
                subject.name
            ),
            counterfactual: "silent if the same names had been asked for in another order".to_owned(),
            evidence: vec![Evidence {
                fact: Fact::Access { artifact: key.to_string(), principal: subject.name.to_string() },
                time: event.time,
                position: Some((&event.position).into()),
            }],
            subject,
        }
        .scored(verdict)
    });
}

/// The place of a name's family in the alphabet: its first eight bytes, in lower case.
fn family(key: &str) -> u64 {
    let rest = key.strip_prefix("pkg:").unwrap_or(key);
    let name = rest.split_once('/').map_or(rest, |(_, name)| name);
    let scoped = name.strip_prefix("%40").unwrap_or(name);
    let bytes = scoped.bytes().take_while(|byte| !matches!(byte, b'-' | b'_' | b'.' | b'/'));
    bytes
        .chain(std::iter::repeat(0))
        .take(8)
        .fold(0, |word, byte| word << 8 | u64::from(byte.to_ascii_lowercase()))
}
