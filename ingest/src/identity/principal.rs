//! Principals without what is new each time, so that one baseline stands for one actor, and what the form of a name says
//! about its kind.
//!
//! | name | becomes | kind |
//! |---|---|---|
//! | `arn:…:assumed-role/<role>/<session>` | without the session | service |
//! | … of a role `AWSReservedSSO_…`, whose session is the person | as it is | human |
//! | `AROA…:<session>` | without the session | service |
//! | `system:node:<node>` | `system:node` | service |
//! | `system:serviceaccount:<namespace>:<name>` | as it is | service |
//! | `robot$…-<uuid>`: Harbor makes a robot for each scan | without the UUID | robot |
//! | `robot$…`, `…[bot]` | as it is | robot |
//! | `….gserviceaccount.com` | as it is | service |

use std::borrow::Cow;

use detectors::event::ActorKind;

const NODE: &str = "system:node:";
const ASSUMED: &str = ":assumed-role/";
/// Roles that AWS IAM Identity Center makes for people.
const PEOPLE: &str = "AWSReservedSSO_";

/// The name without its session, if it has one.
pub(super) fn without_session(name: &str) -> Option<Cow<'_, str>> {
    if let Some((head, role, _)) = assumed_role(name) {
        let is_person = role.starts_with(PEOPLE);
        return (!is_person).then(|| Cow::Owned([head, ASSUMED, role].concat()));
    }
    if let Some((id, _)) = name.split_once(':').filter(|(id, _)| is_role_id(id)) {
        return Some(Cow::Borrowed(id));
    }
    if name.starts_with(NODE) {
        return Some(Cow::Borrowed(NODE.trim_end_matches(':')));
    }
    let (head, last) = name.split_at_checked(name.len().checked_sub(36)?)?;
    let head = head.strip_suffix('-')?;
    (name.starts_with("robot$") && head.len() > "robot$".len() && is_uuid(last))
        .then_some(Cow::Borrowed(head))
}

/// What the form of a name says.
pub(super) fn kind(name: &str) -> Option<ActorKind> {
    if let Some((_, role, _)) = assumed_role(name) {
        return Some(if role.starts_with(PEOPLE) { ActorKind::Human } else { ActorKind::Service });
    }
    let is_service = name.split_once(':').is_some_and(|(id, _)| is_role_id(id))
        || name.starts_with(NODE)
        || name.starts_with("system:serviceaccount:")
        || name.ends_with(".gserviceaccount.com");
    let is_robot = name.starts_with("robot$") || name.ends_with("[bot]");
    match (is_robot, is_service) {
        (true, _) => Some(ActorKind::Robot),
        (false, true) => Some(ActorKind::Service),
        (false, false) => None,
    }
}

/// What stands before `:assumed-role/`, the role, and the session.
fn assumed_role(name: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = name.split_once(ASSUMED).filter(|(head, _)| head.starts_with("arn:"))?;
    let (role, session) = rest.split_once('/')?;
    Some((head, role, session))
}

/// `AROA` and capital letters and digits: the id of a role.
fn is_role_id(text: &str) -> bool {
    text.starts_with("AROA")
        && text.len() >= 16
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_dropped_and_kinds_are_seen() {
        use ActorKind::{Human, Robot, Service};
        for (name, expected, expected_kind) in [
            (
                "arn:aws:sts::123456789012:assumed-role/EksNode/i-0abc123",
                "arn:aws:sts::123456789012:assumed-role/EksNode",
                Some(Service),
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/EksNode",
                "arn:aws:sts::123456789012:assumed-role/EksNode",
                None,
            ),
            (
                "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a/ada@example.org",
                "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0a/ada@example.org",
                Some(Human),
            ),
            ("AROAEXAMPLEID12345678:i-0abc", "AROAEXAMPLEID12345678", Some(Service)),
            ("AROA:x", "AROA:x", None),
            ("arn:aws:iam::123456789012:user/ada", "arn:aws:iam::123456789012:user/ada", None),
            ("system:node:ip-10-0-0-1.ec2.internal", "system:node", Some(Service)),
            ("system:serviceaccount:build:pusher", "system:serviceaccount:build:pusher", Some(Service)),
            (
                "robot$harbor+wHSYCuGD-Trivy-8e2e7505-d1e6-11ed-9e71-0242ac130009",
                "robot$harbor+wHSYCuGD-Trivy",
                Some(Robot),
            ),
            (
                "robot$8e2e7505-d1e6-11ed-9e71-0242ac130009",
                "robot$8e2e7505-d1e6-11ed-9e71-0242ac130009",
                Some(Robot),
            ),
            ("x-8e2e7505-d1e6-11ed-9e71-0242ac130009", "x-8e2e7505-d1e6-11ed-9e71-0242ac130009", None),
            ("robot$ci", "robot$ci", Some(Robot)),
            ("dependabot[bot]", "dependabot[bot]", Some(Robot)),
            ("ci@acme.iam.gserviceaccount.com", "ci@acme.iam.gserviceaccount.com", Some(Service)),
            ("ada", "ada", None),
            ("日本-8e2e7505", "日本-8e2e7505", None),
            ("", "", None),
        ] {
            assert_eq!(without_session(name).as_deref().unwrap_or(name), expected);
            assert_eq!(kind(name), expected_kind, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_name_without_its_session_has_none(name in "(robot\\$|arn:aws:assumed-role/|AROA|system:node:)?\\PC{0,60}") {
            if let Some(short) = without_session(&name) {
                proptest::prop_assert!(short.len() < name.len());
            }
        }
    }
}
