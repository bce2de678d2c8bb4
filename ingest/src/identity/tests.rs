//! Actors of events, before and after.

use std::path::Path;
use std::sync::Arc;

use detectors::event::{ActorKind, Event, PartitionId};
use proptest::prelude::*;

use super::{Identity, IdentitySettings, REMEMBERED};
use crate::decode::{Decoder, DecoderSettings, Ecosystem, Format};
use crate::source::RawRecord;

const CLIENTS: &str = r#"
    [[client]]
    name = "acme-mirror"
    addresses = ["10.7.0.0/16"]

    [[client]]
    name = "scanner"
    principals = ["svc-scan"]
    user_agents = ["trivy/*"]

    [[client]]
    name = "nobody"
"#;

fn settings() -> IdentitySettings {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data-maxmind");
    IdentitySettings {
        countries: Some(folder.join("GeoLite2-Country-Test.mmdb")),
        networks: Some(folder.join("GeoLite2-ASN-Test.mmdb")),
        ..toml::from_str(CLIENTS).unwrap()
    }
}

fn decoder(format: Format, settings: &IdentitySettings) -> Decoder {
    Decoder::new(DecoderSettings {
        ecosystem: Some(Ecosystem::Npm),
        identity: Arc::new(Identity::open(settings).unwrap()),
        ..DecoderSettings::new("s", format)
    })
}

fn event(decoder: &mut Decoder, line: &str) -> Event {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut events = Vec::new();
    decoder.decode(&RawRecord::line(&partition, 0, line.as_bytes()), &mut events).unwrap();
    events.swap_remove(0)
}

fn line(host: &str, user: &str, agent: &str) -> String {
    format!(r#"{host} - {user} [10/Oct/2025:13:55:36 +0000] "GET /left-pad HTTP/1.1" 200 5 "-" "{agent}""#)
}

/// An access log's line with this host, user and agent becomes this principal, kind, country and network.
#[track_caller]
fn check(said: [&str; 3], principal: &str, kind: Option<ActorKind>, country: &str, asn: Option<u32>) {
    let [host, user, agent] = said;
    let actor = event(&mut decoder(Format::Combined, &settings()), &line(host, user, agent)).actor;
    assert_eq!(actor.principal.as_deref(), Some(principal));
    assert_eq!((actor.kind, actor.asn), (kind, asn), "{principal}");
    assert_eq!(actor.country.map(|country| country.to_string()).unwrap_or_default(), country);
}

#[test]
fn anonymous_requests_are_told_apart_by_their_program() {
    use ActorKind::{Anonymous, Robot, Service};
    let google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    check(["81.2.69.160", "-", google], "ip:81.2.69.160", Some(Robot), "GB", None);
    check(["89.160.20.128", "-", "Nexus/3.61"], "ip:89.160.20.128", Some(Service), "SE", Some(29_518));
    check(["192.0.2.1", "-", "npm/10.2.4 node/v20"], "ip:192.0.2.1", Some(Anonymous), "", None);
}

#[test]
fn a_program_s_own_word_makes_no_named_principal_a_service() {
    check(["192.0.2.1", "ada", "trivy/0.50"], "ada", None, "", None);
    check(["192.0.2.1", "robot$ci", "docker/24"], "robot$ci", Some(ActorKind::Robot), "", None);
}

#[test]
fn programs_that_the_owner_named_have_one_name_at_all_their_addresses() {
    let service = Some(ActorKind::Service);
    check(["10.7.1.1", "-", "npm/10"], "acme-mirror", service, "", None);
    check(["10.7.2.2", "-", "npm/10"], "acme-mirror", service, "", None);
    check(["10.7.2.2", "ada", "npm/10"], "ada", service, "", None);
    check(["10.8.2.2", "-", "npm/10"], "ip:10.8.2.2", Some(ActorKind::Anonymous), "", None);
    // Both lists must fit.
    check(["192.0.2.1", "svc-scan", "trivy/0.50"], "svc-scan", service, "", None);
    check(["192.0.2.1", "svc-scan", "curl/8"], "svc-scan", None, "", None);
}

#[test]
fn native_events_are_what_their_producer_said_but_for_what_is_configured() {
    let native = r#"{"time":"2026-01-01T00:00:00Z","type":"access","action":"pull","actor":
        {"principal":"robot$x-8e2e7505-d1e6-11ed-9e71-0242ac130009","kind":"anonymous","user_agent":"trivy/1","ip":"81.2.69.160","country":"FR"}}"#;
    let plain = event(&mut decoder(Format::Native, &IdentitySettings::default()), native).actor;
    assert_eq!(plain.kind, Some(ActorKind::Anonymous));
    let configured = event(&mut decoder(Format::Native, &settings()), native).actor;
    assert_eq!(configured, plain);
    let without = native.replace(r#","country":"FR""#, "");
    let located = event(&mut decoder(Format::Native, &settings()), &without).actor;
    assert_eq!(located.country.unwrap().to_string(), "GB");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Slots are taken again and again: what was remembered changes nothing.
    #[test]
    fn what_is_remembered_changes_nothing(order in proptest::collection::vec(0..3 * REMEMBERED, 200)) {
        let settings = settings();
        let mut long_lived = decoder(Format::Combined, &settings);
        let identity = long_lived.settings().identity.clone();
        for number in order {
            let agent = if number % 2 == 0 { format!("trivy/{number}") } else { format!("npm/{number}") };
            let host = format!("81.2.{}.{}", 64 + number / 256 % 16, number % 256);
            let line = line(&host, "-", &agent);
            let fresh = DecoderSettings { identity: identity.clone(), ..long_lived.settings().clone() };
            prop_assert_eq!(event(&mut long_lived, &line).actor, event(&mut Decoder::new(fresh), &line).actor);
        }
    }
}

#[test]
fn settings_are_bounded() {
    let many = |count: usize| "[[client]]\nname = 'x'\n".repeat(count);
    assert!(toml::from_str::<IdentitySettings>(&many(super::MAX_CLIENTS)).is_ok());
    assert!(toml::from_str::<IdentitySettings>(&many(super::MAX_CLIENTS + 1)).is_err());
    for bad in [
        "name = ''",
        "name = 'x'\nadresses = []",
        "name = 'x'\naddresses = ['10.0.0.1/8']",
        "name = 'x'\nprincipals = ['']",
    ] {
        assert!(toml::from_str::<IdentitySettings>(&format!("[[client]]\n{bad}")).is_err(), "{bad}");
    }
}
