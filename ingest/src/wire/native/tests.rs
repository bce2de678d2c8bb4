//! Native events: written and read again they are the same, and each limit of the contract is kept.

use std::sync::Arc;

use detectors::event::{
    Access, AccessAction, Account, AccountChange, Actor, ActorKind, Artifact, AuthMethod, Check, CheckResult,
    Country, Digest, Event, EventId, EventKind, EventTime, MAX_DEPENDENCIES, MAX_LIST_ITEMS,
    MAX_STRING_BYTES, Metadata, Outcome, PackageUrl, PartitionId, Position, Provenance, ProvenanceLevel,
    Publish, Sign, Signer, Tag, TransparencyLog, Verify, Withdraw, WithdrawAction,
};
use proptest::option::of as maybe;
use proptest::prelude::*;

use super::*;
use crate::decode::{CUT_MARK, DecodeCounters, Decoder, DecoderSettings, Format};
use crate::source::RawRecord;

fn decode(text: &str) -> (Result<Event, String>, DecodeCounters) {
    let partition = Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("s", Format::Native));
    let mut events = Vec::new();
    let result = decoder.decode(&RawRecord::line(&partition, 0, text.as_bytes()), &mut events);
    let result = result.map_err(|refusal| refusal.to_string()).map(|()| events.pop().unwrap());
    (result, decoder.counters().clone())
}

fn publish(metadata: &str) -> (Metadata, DecodeCounters) {
    let text = format!(r#"{{"time":1778527239000,"type":"publish","metadata":{metadata}}}"#);
    let (event, counters) = decode(&text);
    let EventKind::Publish(publish) = event.unwrap().kind else { panic!("not a publish") };
    (publish.metadata, counters)
}

#[test]
fn a_string_is_cut_at_8_kib_with_a_mark_and_counted() {
    let check = |length: usize, cut: bool| {
        let (metadata, counters) = publish(&format!(r#"{{"description":"{}"}}"#, "ä".repeat(length / 2)));
        let description = metadata.description.unwrap();
        assert!(description.len() <= MAX_STRING_BYTES);
        assert_eq!((description.ends_with(CUT_MARK), counters.cut_strings), (cut, u64::from(cut)));
    };
    check(MAX_STRING_BYTES, false);
    check(MAX_STRING_BYTES + 2, true);
}

#[test]
fn a_list_is_cut_at_its_limit_and_counted() {
    let check = |items: usize, kept: usize, cut: u64| {
        let list = vec![r#""x""#; items].join(",");
        let (metadata, counters) = publish(&format!(r#"{{"keywords":[{list}]}}"#));
        assert_eq!((metadata.keywords.unwrap().len(), counters.cut_lists), (kept, cut));
    };
    check(MAX_LIST_ITEMS, MAX_LIST_ITEMS, 0);
    check(MAX_LIST_ITEMS + 1, MAX_LIST_ITEMS, 1);
}

#[test]
fn of_too_many_dependencies_the_first_by_name_stay() {
    let check = |items: usize, kept: usize, cut: u64| {
        let pairs: Vec<_> = (0..items).rev().map(|number| format!(r#""d{number:06}":"1""#)).collect();
        let (metadata, counters) = publish(&format!(r#"{{"dependencies":{{{}}}}}"#, pairs.join(",")));
        let dependencies = metadata.dependencies.unwrap();
        assert_eq!((dependencies.len(), counters.cut_lists), (kept, cut));
        assert_eq!(dependencies.keys().last().unwrap().to_string(), format!("d{:06}", kept - 1));
    };
    check(MAX_DEPENDENCIES, MAX_DEPENDENCIES, 0);
    check(MAX_DEPENDENCIES + 1, MAX_DEPENDENCIES, 1);
}

#[test]
fn an_id_too_long_to_keep_is_no_id_since_cutting_it_could_make_two_equal() {
    let event = |id: &str| decode(&format!(r#"{{"id":"{id}","time":1778527239000,"type":"sign"}}"#));
    let (kept, _) = event(&"i".repeat(MAX_STRING_BYTES));
    assert!(matches!(kept.unwrap().id, EventId::Producer(_)));
    let (dropped, counters) = event(&"i".repeat(MAX_STRING_BYTES + 1));
    assert!(matches!(dropped.unwrap().id, EventId::Derived(_)));
    assert_eq!(counters.cut_strings, 1);
}

#[test]
fn the_schema_names_every_field_of_the_contract_and_requires_two() {
    let schema = serde_json::to_value(schemars::schema_for!(NativeEvent<'static>)).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["time", "type"]));
    for field in
        ["v", "id", "registry", "artifact", "actor", "metadata", "signer", "transparency_log", "change"]
    {
        assert!(schema["properties"][field].is_object(), "{field}");
    }
    assert!(schema["properties"]["unknown"].is_null());
    let text = schema.to_string();
    for word in ["trusted-publisher", "login-new-device", "not_found", "unyank", "rebuild", "robot"] {
        assert!(text.contains(&format!("\"{word}\"")), "{word}");
    }
}

fn word() -> impl Strategy<Value = Arc<str>> {
    prop_oneof!["[a-z]{1,12}", "\\PC{1,20}", Just("a\"b\\c\n\u{202e}".to_owned())].prop_map(Arc::from)
}

fn time() -> impl Strategy<Value = EventTime> {
    (946_684_800_000_000_000_i64..4_133_980_800_000_000_000).prop_map(EventTime::from_nanos)
}

fn artifact() -> impl Strategy<Value = Artifact> {
    let purl =
        maybe(("npm|pypi|docker|cargo", "[a-zA-Z@%._-]{1,12}(/[a-z]{1,5})?", maybe("[0-9a-z.+@ ]{1,9}")));
    (purl, maybe(word()), maybe("[0-9a-f]{64}"), maybe(word())).prop_filter_map(
        "nothing",
        |(purl, tag, hex, file)| {
            let purl =
                purl.and_then(|(kind, path, version)| PackageUrl::new(&kind, &path, version.as_deref()));
            let known = purl.is_some() || tag.is_some() || hex.is_some() || file.is_some();
            let mut artifact = purl.as_ref().map_or(
                Artifact { key: None, version: None, tag: None, digest: None, file: None },
                Artifact::of,
            );
            artifact.digest = hex.map(|hex| Digest::parse(&format!("sha256:{hex}")).unwrap());
            (artifact.tag, artifact.file) = (tag, file);
            known.then_some(artifact)
        },
    )
}

fn actor() -> impl Strategy<Value = Actor> {
    (maybe(word()), maybe(any::<std::net::IpAddr>()), maybe("[A-Z]{2}"), maybe(any::<u32>()), maybe(time()))
        .prop_map(|(principal, ip, country, asn, account_created)| Actor {
            kind: principal.as_ref().map(|_| ActorKind::Robot),
            user_agent: principal.clone(),
            token_id: principal.clone(),
            auth: ip.map(|_| AuthMethod::Oidc),
            mfa: asn.map(|asn| asn % 2 == 0),
            country: country.as_deref().and_then(Country::parse),
            principal,
            ip,
            asn,
            account_created,
        })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let words = || maybe(proptest::collection::vec(word(), 0..4));
    let dependencies = maybe(proptest::collection::btree_map(word(), word(), 0..4));
    (maybe(word()), words(), words(), dependencies, maybe(any::<u64>()), maybe(any::<u32>())).prop_map(
        |(text, maintainers, keywords, dependencies, size_bytes, run_attempt)| Metadata {
            publisher: text.clone(),
            description: text.clone(),
            tool: text.clone(),
            maintainers,
            keywords,
            dependencies,
            size_bytes,
            provenance: run_attempt.map(|_| Provenance {
                level: ProvenanceLevel::Staged,
                builder: text,
                run_attempt,
                ..Provenance::default()
            }),
            ..Metadata::default()
        },
    )
}

fn sign() -> impl Strategy<Value = Sign> {
    (maybe(word()), maybe(word()), maybe(time()), maybe(any::<u64>())).prop_map(
        |(key_id, identity, at, index)| Sign {
            signer: Signer { key_id, identity: identity.clone(), not_after: at, ..Signer::default() },
            predicate: identity.clone(),
            transparency_log: index.map(|_| TransparencyLog { log: identity, index, integrated_time: at }),
            signed_at: at,
        },
    )
}

fn kind() -> impl Strategy<Value = EventKind> {
    let reason = || maybe(word());
    prop_oneof![
        (maybe(any::<u64>()), maybe(any::<u64>())).prop_map(|(bytes, duration_ms)| {
            EventKind::Access(Access { action: AccessAction::Delete, bytes, duration_ms })
        }),
        metadata().prop_map(|metadata| EventKind::Publish(Box::new(Publish { metadata }))),
        sign().prop_map(|sign| EventKind::Sign(Box::new(sign))),
        reason().prop_map(|reason| EventKind::Verify(Verify {
            check: Check::Rebuild,
            result: CheckResult::Failed,
            reason
        })),
        reason()
            .prop_map(|target| EventKind::Account(Account { change: AccountChange::MfaDisabled, target })),
        reason().prop_map(|reason| EventKind::Withdraw(Withdraw { action: WithdrawAction::Delete, reason })),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let head = (time(), word(), word(), maybe(100_u16..600));
    (head, maybe(artifact()), actor(), kind(), maybe(word())).prop_map(
        |((time, id, registry, status), artifact, actor, kind, request_id)| Event {
            id: EventId::Producer(id),
            time,
            position: Position {
                partition: Arc::new(PartitionId { source: "s".into(), stream: "t".into(), partition: 0 }),
                offset: 0,
                index: 0,
            },
            registry,
            // A tag is what its event is about.
            kind: match (kind, &artifact) {
                (EventKind::Verify(verify), Some(Artifact { tag: Some(_), .. })) => {
                    EventKind::Tag(Tag { previous: verify.reason })
                }
                (kind, _) => kind,
            },
            artifact,
            actor,
            outcome: status.map_or(Outcome::Denied, Outcome::of_status),
            status,
            request_id,
        },
    )
}

proptest! {
    #[test]
    fn an_event_written_and_read_again_is_the_same(event in event()) {
        let line = write_native(&event);
        prop_assert!(!line.contains('\n'));
        let (read, counters) = decode(&line);
        prop_assert_eq!(read, Ok(event), "{}", line);
        prop_assert_eq!(counters.unknown_fields.iter().count(), 0);
    }

    #[test]
    fn a_canonical_line_is_written_as_it_was(event in event()) {
        let line = write_native(&event);
        prop_assert_eq!(write_native(&decode(&line).0.unwrap()), line);
    }
}
