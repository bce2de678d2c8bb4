//! GitHub's audit log (<https://docs.github.com/en/enterprise-cloud@latest/admin/monitoring-activity-in-your-enterprise>).
//!
//! | `action` | becomes |
//! |---|---|
//! | `packages.package_version_published`, `packages.package_published` | `publish` |
//! | `packages.package_version_deleted`, `packages.package_deleted` | `withdraw` delete |
//! | `packages.package_version_restored`, `packages.package_restored` | `withdraw` release |
//! | `packages.version_download` (Enterprise Server) | `access` pull |
//! | `org.invite_member`, `repo.add_member`, `org.remove_member`, `org.update_member`, second factors, keys, tokens | `account` |
//! | anything else | nothing: it concerns no artifact and no right |
//!
//! On github.com downloads are not recorded, and a package has no digest. Times are Unix milliseconds. The names of
//! fields differ between exports, so what is missing stays out.

use detectors::event::{
    Access, AccessAction, Account, AccountChange, Actor, ActorKind, Artifact, Event, EventKind, Metadata,
    Outcome, PackageUrl, Publish, Withdraw, WithdrawAction,
};

use super::document::Document;
use crate::decode::{PassReason, Reading, Refusal, time_of_millis, time_of_text};

/// Actions that change rights or credentials.
const ACCOUNT: [(&str, AccountChange); 22] = [
    ("org.invite_member", AccountChange::Invited),
    ("org.invite_user", AccountChange::Invited),
    ("invite_member", AccountChange::Invited),
    ("org.add_member", AccountChange::RoleChanged),
    ("org.update_member", AccountChange::RoleChanged),
    ("org.remove_member", AccountChange::RoleChanged),
    ("repo.add_member", AccountChange::RoleChanged),
    ("repo.update_member", AccountChange::RoleChanged),
    ("repo.remove_member", AccountChange::RoleChanged),
    ("team.add_member", AccountChange::RoleChanged),
    ("team.remove_member", AccountChange::RoleChanged),
    ("business.add_admin", AccountChange::OwnerAdded),
    ("business.remove_admin", AccountChange::OwnerRemoved),
    ("org.enable_two_factor_requirement", AccountChange::MfaEnabled),
    ("org.disable_two_factor_requirement", AccountChange::MfaDisabled),
    ("two_factor_authentication.enabled", AccountChange::MfaEnabled),
    ("two_factor_authentication.disabled", AccountChange::MfaDisabled),
    ("public_key.create", AccountChange::KeyAdded),
    ("public_key.delete", AccountChange::KeyRevoked),
    ("personal_access_token.access_granted", AccountChange::TokenCreated),
    ("personal_access_token.access_revoked", AccountChange::TokenRevoked),
    ("oauth_access.create", AccountChange::TokenCreated),
];

/// Reads one entry.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let own = Document::of(text)?;
    let action = own.text("action").ok_or_else(|| Refusal::missing("action"))?;
    let Some(kind) = kind_of(&action, &own, reading) else {
        reading.pass(PassReason::NoRegistry);
        return Ok(());
    };
    let time = own.scalar("@timestamp").or_else(|| own.scalar("created_at"));
    let time = time.ok_or_else(|| Refusal::missing("created_at"))?;
    let time = match time.parse() {
        Ok(millis) => time_of_millis("created_at", millis)?,
        Err(_) => time_of_text("created_at", &time)?,
    };
    out.push(Event {
        id: reading.id(own.text("_document_id").as_deref(), 0),
        time,
        position: reading.position(0),
        registry: reading.registry(None),
        artifact: artifact_of(&own, reading),
        actor: actor_of(&own, reading),
        outcome: Outcome::Success,
        status: None,
        request_id: own.text("request_id").and_then(|id| reading.text(&id)),
        kind,
    });
    Ok(())
}

fn kind_of(action: &str, own: &Document<'_>, reading: &mut Reading<'_>) -> Option<EventKind> {
    let withdraw = |action| EventKind::Withdraw(Withdraw { action, reason: None });
    if let Some(done) = action.strip_prefix("packages.") {
        return match done {
            "package_version_published" | "package_published" => {
                let publisher = own.text("actor").and_then(|name| reading.text(&name));
                let metadata = Metadata { publisher, ..Metadata::default() };
                Some(EventKind::Publish(Box::new(Publish { metadata })))
            }
            "package_version_deleted" | "package_deleted" => Some(withdraw(WithdrawAction::Delete)),
            "package_version_restored" | "package_restored" => Some(withdraw(WithdrawAction::Release)),
            "version_download" => {
                let access = Access { action: AccessAction::Pull, bytes: None, duration_ms: None };
                Some(EventKind::Access(access))
            }
            _ => None,
        };
    }
    let (_, change) = ACCOUNT.into_iter().find(|(name, _)| *name == action)?;
    let target = ["user", "invitee", "member", "fingerprint", "hashed_token", "team"];
    let target = target.into_iter().find_map(|field| own.text(field));
    let target = target.and_then(|name| reading.text(&name));
    Some(EventKind::Account(Account { change, target }))
}

/// The package, or the repository whose rights changed.
fn artifact_of(own: &Document<'_>, reading: &mut Reading<'_>) -> Option<Artifact> {
    let version = own.text("package_version").or_else(|| own.text("version"));
    if let Some(name) = own.text("package").or_else(|| own.text("package_name")) {
        let ecosystem = own.text("ecosystem").unwrap_or_default().to_ascii_lowercase();
        let package_type = match ecosystem.as_str() {
            "npm" | "maven" | "nuget" | "docker" => ecosystem.as_str(),
            "container" => "docker",
            "rubygems" => "gem",
            _ => "generic",
        };
        let org = own.text("org").filter(|_| package_type == "docker" && !name.contains('/'));
        let path = org.map_or_else(|| name.to_string(), |org| format!("{org}/{name}"));
        return PackageUrl::new(package_type, &path, version.as_deref()).map(|purl| Artifact::of(&purl));
    }
    let repository = own.text("repo").or_else(|| own.text("repository"))?;
    let repository = reading.cut(&repository);
    PackageUrl::new("github", &repository, None).map(|purl| Artifact::of(&purl))
}

fn actor_of(own: &Document<'_>, reading: &mut Reading<'_>) -> Actor {
    let name = own.text("actor");
    let is_robot = own.raw("actor_is_bot") == Some("true")
        || name.as_deref().is_some_and(|name| name.ends_with("[bot]"));
    let text =
        |field: &str, reading: &mut Reading<'_>| own.scalar(field).and_then(|text| reading.text(&text));
    Actor {
        principal: name.and_then(|name| reading.text(&name)),
        kind: is_robot.then_some(ActorKind::Robot),
        ip: own.text("actor_ip").and_then(|address| super::access::address(&address)),
        user_agent: text("user_agent", reading),
        token_id: text("token_id", reading).or_else(|| text("hashed_token", reading)),
        country: own
            .within("actor_location")
            .text("country_code")
            .and_then(|code| detectors::event::Country::parse(&code)),
        ..Actor::default()
    }
}
