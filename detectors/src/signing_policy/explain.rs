//! What is said of a broken rule.

use super::{Broken, PolicyState};
use crate::change_lane::{Statement, principal_link};
use crate::creation::{publisher, shown_release};
use crate::detector::Seen;
use crate::finding::{Fact, Link};
use crate::signing::signer_name;

/// What is said of a rule that this event broke.
pub(super) fn statement(state: &PolicyState, seen: &Seen<'_>, rule: &Broken) -> Statement {
    let event = seen.event();
    let name = shown_release(event);
    let signer = signer_name(event);
    let who = signer.clone().unwrap_or_else(|| "somebody".into());
    let by = publisher(event).map_or("somebody", |name| &**name);
    let (field, before, after, summary, silent_had): (&'static str, String, String, String, String) =
        match rule {
            Broken::Revoked => (
                "key",
                "not revoked".into(),
                "revoked".into(),
                format!("{name} was signed by {who}, a key that was revoked before"),
                "it been signed by a key that is not revoked".into(),
            ),
            Broken::OutsideValidity { valid, used } => (
                "certificate",
                format!("valid {valid}"),
                format!("used {used}"),
                format!("{name} was signed by {who} at {used} with a certificate that is valid {valid}"),
                "it been signed while the certificate was valid".into(),
            ),
            Broken::Algorithm(algorithm) => (
                "algorithm",
                "one that is not refused".into(),
                algorithm.to_string(),
                format!("{name} was signed by {who} with {algorithm}, which is refused"),
                "it been signed with an algorithm that is not refused".into(),
            ),
            Broken::TooOld { days, most } => (
                "age of the key",
                format!("{most} days at most"),
                format!("{days} days"),
                format!("{name} was signed by {who}, a key in use for {days} days; {most} are allowed"),
                format!("the key been in use for {most} days at most"),
            ),
            Broken::NotInLog => (
                "transparency log",
                "an entry".into(),
                "no entry".into(),
                format!("the signature of {name} by {who} is in no transparency log, as it must be"),
                "the signature been in a transparency log".into(),
            ),
            Broken::Signer(namespace) => (
                "signer",
                format!("a signer of {namespace}"),
                who.to_string(),
                format!("{name} was signed by {who}, which may not sign in {namespace}"),
                format!("it been signed by one of the signers of {namespace}"),
            ),
            Broken::Publisher(namespace) => (
                "publisher",
                format!("a publisher of {namespace}"),
                by.to_owned(),
                format!("{name} was published by `{by}`, who may not publish in {namespace}"),
                format!("it been published by one of the publishers of {namespace}"),
            ),
        };
    let origin = match rule {
        Broken::Revoked => state.revoked.map(|origin| ("the key was revoked", origin)),
        Broken::TooOld { .. } => state.first.map(|origin| ("the key signed for the first time", origin)),
        _ => None,
    };
    let earlier = origin.map(|(after, (time, place))| {
        let fact = Fact::Field {
            field: field.to_owned(),
            before: String::new(),
            after: after.to_owned(),
            bits: 0.0,
        };
        (fact, time, state.places.find(place))
    });
    let mut links: Vec<Link> = signer.map(Link::Signer).into_iter().collect();
    links.extend(publisher(event).map(|name| principal_link(event, name)));
    Statement {
        field,
        before,
        after,
        summary,
        silent_had,
        earlier: earlier.into_iter().collect(),
        links,
        slsa_threat: Some(if matches!(rule, Broken::Publisher(_)) { 'A' } else { 'F' }),
    }
}
