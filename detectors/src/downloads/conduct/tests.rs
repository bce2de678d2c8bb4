//! Stories of one principal: what must be said of it, and what must not.

use super::*;
use crate::downloads::stage::{Ask, Stage};
use crate::event::{ActorKind, Outcome, Timeliness};
use crate::finding::Severity;

fn subject() -> Subject {
    Subject::new(SubjectKind::Principal, "npm", "alice")
}

fn close(conduct: &Conduct, state: &mut ConductState, at: EventTime, priors: &Priors, out: &mut Scores) {
    conduct.close(state, &subject(), at, 7, priors, out);
}

fn usual() -> Ask {
    Ask::of("alice", "left-pad")
}

/// Office hours for so many days: a request each of eight hours, one in 25 of which asks for what is not there.
fn work(stage: &mut Stage<'_, Conduct>, days: i64) {
    for day in 0..days {
        for hour in 0..8 {
            for at in 0..5 {
                let outcome =
                    if (day + hour) % 5 == 0 && at == 0 { Outcome::NotFound } else { Outcome::Success };
                stage.show(&Ask { outcome, ..usual() });
            }
            stage.pass(Span::hours(1), close);
        }
        stage.pass(Span::hours(16), close);
    }
}

fn loudest(days: i64, asks: &[Ask], id: DetectorId) -> f64 {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, days);
    stage.said.clear();
    for ask in asks {
        stage.show(ask);
        stage.pass(Span::secs(20), close);
    }
    stage.pass(Span::hours(1), close);
    stage.loudest(id)
}

#[test]
fn a_burst_of_refusals_is_told_and_a_few_are_not() {
    let refused = |outcome, times| vec![Ask { outcome, ..usual() }; times];
    for (outcome, id) in
        [(Outcome::Denied, DetectorId::DeniedBurst), (Outcome::NotFound, DetectorId::NotFoundBurst)]
    {
        assert!(
            loudest(20, &refused(outcome, 60), id) > 14.0,
            "{id}: {}",
            loudest(20, &refused(outcome, 60), id)
        );
        assert!(loudest(20, &refused(outcome, 1), id) < 8.0, "{id}");
        assert!(loudest(20, &refused(Outcome::Success, 200), id) < 8.0, "{id}");
        // On the first day there is only the registry's guess.
        assert!(
            loudest(0, &refused(outcome, 40), id) > 8.0,
            "{id}: {}",
            loudest(0, &refused(outcome, 40), id)
        );
    }
}

#[test]
fn one_burst_does_not_hide_the_next() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, 20);
    for _ in 0..2 {
        stage.said.clear();
        for _ in 0..80 {
            stage.show(&Ask { outcome: Outcome::Denied, ..usual() });
        }
        stage.pass(Span::hours(1), close);
        assert!(stage.loudest(DetectorId::DeniedBurst) > 8.0);
        work(&mut stage, 3);
    }
}

#[test]
fn a_new_country_and_network_are_told_and_a_new_release_of_the_client_is_not() {
    let abroad = Ask { country: "KP", asn: 131_279, ..usual() };
    let updated = Ask { agent: "npm/10.9.9 node/v22", ..usual() };
    assert!(
        loudest(80, std::slice::from_ref(&abroad), DetectorId::NewOrigin) > 5.0,
        "{}",
        loudest(80, std::slice::from_ref(&abroad), DetectorId::NewOrigin)
    );
    assert!(loudest(60, &[updated], DetectorId::NewOrigin) < 1.0);
    assert!(loudest(0, &[abroad], DetectorId::NewOrigin) < 1.0, "everything is new on the first day");
}

#[test]
fn what_comes_back_every_day_becomes_usual() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, 80);
    let abroad = Ask { country: "FR", asn: 3_215, ..usual() };
    for day in 0..10 {
        stage.said.clear();
        stage.show(&abroad);
        stage.pass(Span::days(1), close);
        let bits = stage.loudest(DetectorId::NewOrigin);
        assert_eq!(day == 0, bits > 4.5, "day {day}: {bits}");
    }
}

#[test]
fn night_is_foreign_to_office_hours() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, 120);
    stage.said.clear();
    stage.show(&usual());
    assert!(stage.loudest(DetectorId::UnusualHour) <= 0.0, "nine in the morning");
    stage.pass(Span::hours(18), close);
    stage.show(&usual());
    assert!(stage.loudest(DetectorId::UnusualHour) > 6.0, "three at night");
}

#[test]
fn nobody_is_in_two_far_places_within_an_hour() {
    let check = |ask: Ask, hours: i64, told: bool| {
        let conduct = Conduct::default();
        let mut stage = Stage::new(&conduct);
        stage.show(&usual());
        stage.pass(Span::hours(hours), close);
        stage.show(&ask);
        let said = stage.violations(DetectorId::ImpossibleTravel);
        assert_eq!(said, if told { vec![Severity::Medium] } else { vec![] }, "{ask:?} after {hours} h");
    };
    let singapore = Ask { country: "SG", ..usual() };
    check(singapore.clone(), 1, true);
    check(singapore.clone(), 14, false);
    check(Ask { asn: 16_509, ..singapore.clone() }, 1, false);
    check(Ask { kind: ActorKind::Service, ..singapore }, 1, false);
    check(Ask { country: "FR", ..usual() }, 1, false);
    check(Ask { country: "XK", ..usual() }, 1, false);
}

#[test]
fn a_walk_through_the_names_is_told_once_and_a_sorted_installation_is_not() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    let names = |step: usize| {
        (0..600).step_by(step).map(|at| format!("{}{}x{at:04}", letter(at / 300), letter(at / 60)))
    };
    for name in names(9) {
        stage.show(&Ask::of("alice", &name));
    }
    assert!(stage.loudest(DetectorId::Enumeration) > 12.0);
    for name in names(3) {
        stage.show(&Ask::of("alice", &name));
    }
    assert!(stage.loudest(DetectorId::Enumeration) <= 0.0, "once a session");
    // Installed in order, but from all over the alphabet, and whole families.
    let mut stage = Stage::new(&conduct);
    for at in 0..26 {
        for part in ["core", "plugin", "types", "utils"] {
            stage.show(&Ask::of("alice", &format!("{}{}-{part}", letter(at), letter(at * 7))));
        }
    }
    assert!(stage.loudest(DetectorId::Enumeration) <= 0.0);
}

fn letter(at: usize) -> char {
    char::from(b'a' + (at % 26) as u8)
}

#[test]
fn a_private_name_is_told_where_it_must_not_be_asked() {
    let private =
        |registries: &[String]| Conduct::new(PrivateNames::new(&["pkg:npm/acme-".to_owned()], registries));
    let check = |conduct: &Conduct, name: &str, outcomes: &[Outcome], expected: &[Severity]| {
        let mut stage = Stage::new(conduct);
        for outcome in outcomes {
            stage.show(&Ask { outcome: *outcome, ..Ask::of("alice", name) });
        }
        assert_eq!(stage.violations(DetectorId::DependencyConfusion), expected, "{name} {outcomes:?}");
    };
    let (absent, there) = (Outcome::NotFound, Outcome::Success);
    check(&private(&[]), "acme-auth", &[absent, absent], &[Severity::Medium]);
    check(&private(&[]), "acme-auth", &[absent, there, there], &[Severity::Medium, Severity::High]);
    check(&private(&[]), "left-pad", &[there], &[]);
    check(&private(&["npm".to_owned()]), "acme-auth", &[there], &[]);
    check(&Conduct::default(), "acme-auth", &[there], &[]);
}

#[test]
fn late_events_neither_page_nor_teach() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, 20);
    let before = stage.state.clone();
    stage.timeliness = Timeliness::Late;
    stage.show(&Ask { country: "SG", outcome: Outcome::Denied, ..usual() });
    assert_eq!(stage.state, before);
}

#[test]
fn the_state_is_bounded() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    work(&mut stage, 3);
    let size = postcard::to_stdvec(&stage.state).unwrap().len();
    assert!(size <= 520, "{size}");
    for at in 0..2_000_u32 {
        let outcome = if at % 2 == 0 { Outcome::Denied } else { Outcome::NotFound };
        stage.show(&Ask { asn: at, outcome, ..usual() });
        stage.pass(Span::minutes(20), close);
    }
    let size = postcard::to_stdvec(&stage.state).unwrap().len();
    assert!(size <= 1_400, "{size}");
}

#[test]
fn an_origin_that_nobody_has_is_rarer_than_one_that_many_have() {
    let conduct = Conduct::default();
    let mut stage = Stage::new(&conduct);
    let mut bits = Vec::new();
    // Four hundred others, each with one of two countries.
    for at in 0..400 {
        stage.state = ConductState::default();
        stage.show(&Ask { country: if at % 2 == 0 { "FR" } else { "US" }, asn: 100 + at % 40, ..usual() });
    }
    stage.pass(Span::hours(1), |_, _, _, _, _| {});
    for country in ["FR", "KP"] {
        stage.state = ConductState::default();
        work(&mut stage, 60);
        stage.said.clear();
        stage.show(&Ask { country, ..usual() });
        bits.push(stage.loudest(DetectorId::NewOrigin));
    }
    assert!(bits[1] > bits[0] + 2.0 && bits[1] > 8.0, "{bits:?}");
}
