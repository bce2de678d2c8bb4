//! How `auto` tells formats apart: objects by the keys at their top, lines by how they begin.

use super::Format;
use crate::wire::scan::members;

/// Most keys of an object that are looked at; every format shows itself before that.
const MAX_KEYS: usize = 48;

/// Keys that only a Rekor entry, its bare body or a Sigstore bundle has at its top.
const REKOR_KEYS: [&str; 12] = [
    "attestation",
    "canonicalizedBody",
    "dsseEnvelope",
    "inclusionProof",
    "inclusionPromise",
    "integratedTime",
    "kindVersion",
    "logID",
    "logId",
    "logIndex",
    "mediaType",
    "verificationMaterial",
];

/// Shortest and longest id of a Rekor entry, which is the only key of the API's answer: a SHA-256, with or without
/// the number of its tree before it.
const REKOR_ID_DIGITS: [usize; 2] = [64, 80];

/// What the first object key of Kubernetes' audit events says.
const KUBERNETES_AUDIT: &str = "\"audit.k8s.io/";

impl Format {
    /// The format that a record looks like.
    pub(crate) fn recognise(text: &str) -> Option<Self> {
        let text = text.trim_ascii_start();
        if text.starts_with('{') { Some(of_object(text)) } else { of_line(text) }
    }
}

/// The members at an object's top.
struct Top<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Top<'a> {
    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.has(key))
    }

    fn all(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.has(key))
    }
}

/// The first format that claims the keys; else it is native, whose own reasons say best what is wrong.
fn of_object(text: &str) -> Format {
    // Native events begin with it, and are many.
    if text.starts_with("{\"v\":") && !text.contains("\"vers\"") {
        return Format::Native;
    }
    let top = Top(members(text).take(MAX_KEYS).collect());
    let first = top.0.first().map_or("", |(key, _)| *key);
    of_supply_chain(&top, first)
        .or_else(|| of_service(&top))
        .or_else(|| of_log(&top))
        .unwrap_or(Format::Native)
}

/// Metadata and signatures.
fn of_supply_chain(top: &Top<'_>, first: &str) -> Option<Format> {
    let is_entry_id =
        REKOR_ID_DIGITS.contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_body = top.all(&["kind", "spec"]) || top.all(&["apiVersion", "spec"]);
    if top.all(&["signed", "signatures"]) {
        Some(Format::Tuf)
    } else if top.has("attestation_bundles") || top.all(&["verification_material", "envelope"]) {
        Some(Format::PypiProvenance)
    } else if top.all(&["_type", "subject"]) || top.all(&["payloadType", "payload"]) {
        Some(Format::Statement)
    } else if top.has("dist-tags") || top.all(&["name", "version", "dist"]) {
        Some(Format::NpmMetadata)
    } else if top.all(&["vers", "cksum"]) {
        Some(Format::CrateIndex)
    } else if top.get("apiVersion").is_some_and(|value| value.starts_with(KUBERNETES_AUDIT))
        || top.all(&["verb", "objectRef"])
    {
        Some(Format::KubernetesAudit)
    } else if is_entry_id || is_body || (first == "body" && !top.has("time")) || top.any(&REKOR_KEYS) {
        Some(Format::Rekor)
    } else {
        None
    }
}

/// Webhooks and audit logs.
fn of_service(top: &Top<'_>) -> Option<Format> {
    let is_harbor = top.get("type").is_some_and(|value| value.starts_with("\"harbor."));
    // GitHub's actor is a name; ours is an object.
    let is_name = top.get("actor").is_some_and(|value| value.starts_with('"'));
    let is_github =
        top.has("action") && (is_name || top.any(&["created_at", "@timestamp"])) && !top.has("time");
    if top.has("events") && !top.any(&["time", "type"]) {
        Some(Format::Distribution)
    } else if top.all(&["occur_at", "event_data"]) || (top.has("specversion") && is_harbor) {
        Some(Format::Harbor)
    } else if top.has("Records") || top.all(&["eventSource", "eventName"]) {
        Some(Format::Cloudtrail)
    } else if top.has("protoPayload") {
        Some(Format::GoogleAudit)
    } else if is_github {
        Some(Format::GithubAudit)
    } else {
        None
    }
}

/// Lines of logs.
fn of_log(top: &Top<'_>) -> Option<Format> {
    let has_request = top.any(&["uri", "request_uri", "request", "path"]) && top.has("status");
    let is_notification = top.all(&["published", "publisher", "versions"]);
    if is_notification || top.all(&["msg", "level", "pid", "hostname"]) {
        Some(Format::Verdaccio)
    } else if top.all(&["msg", "level"]) && top.any(&["go.version", "http.request.id", "time"]) {
        Some(Format::DistributionLog)
    } else if top.all(&["date_time", "url"]) {
        Some(Format::Fastly)
    } else if has_request && top.any(&["remote_addr", "remote_ip", "client_ip", "remote_host"]) {
        Some(Format::AccessJson)
    } else {
        None
    }
}

fn of_line(text: &str) -> Option<Format> {
    if text.starts_with("download|") || text.starts_with("simple|") {
        Some(Format::Linehaul)
    } else if text.split('|').nth(1).is_some_and(|logger| logger.starts_with("pypiserver")) {
        Some(Format::Pypiserver)
    } else if text.starts_with('#') || looks_cloudfront(text) {
        Some(Format::Cloudfront)
    } else if looks_combined(text) {
        Some(Format::Combined)
    } else {
        None
    }
}

/// `2024-01-16<TAB>23:56:42<TAB>`
fn looks_cloudfront(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.get(4) == Some(&b'-') && bytes.get(10) == Some(&b'\t') && bytes.get(13) == Some(&b':')
}

/// `[10/Oct/2025:` before the first quotation mark.
fn looks_combined(text: &str) -> bool {
    let head = text.split('"').next().unwrap_or(text);
    head.rfind('[').is_some_and(|at| {
        let mut parts = head[at + 1..].splitn(3, '/');
        let day =
            parts.next().is_some_and(|day| day.len() == 2 && day.bytes().all(|byte| byte.is_ascii_digit()));
        let month = parts.next().is_some_and(|month| month.len() == 3);
        day && month && parts.next().is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Format>) {
        assert_eq!(Format::recognise(text), expected, "{text}");
    }

    #[test]
    fn each_format_is_recognised_by_its_keys_or_its_beginning() {
        check(r#"{"v":1,"time":"2026-01-01T00:00:00Z","type":"access"}"#, Some(Format::Native));
        check(r#" { "type": "sign" }"#, Some(Format::Native));
        check(r#"{"unheard-of":1,"time":1}"#, Some(Format::Native));
        check("{\n   \"events\": [", Some(Format::Distribution));
        check(r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#, Some(Format::Rekor));
        check(r#"{"kind":"dsse","spec":{}}"#, Some(Format::Rekor));
        check(&format!("{{\"{}\":{{\"body\":\"\"}}}}", "0f".repeat(40)), Some(Format::Rekor));
        check(r#"{"logIndex":"735"}"#, Some(Format::Rekor));
        check(r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#, Some(Format::Rekor));
        let line = r#"203.0.113.9 - alice [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 5"#;
        check(line, Some(Format::Combined));
        check("2026-11-23 09:29:20,280|pypiserver._app|INFO|200 OK", Some(Format::Pypiserver));
        check("#Version: 1.0", Some(Format::Cloudfront));
        check(r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1"}"#, Some(Format::KubernetesAudit));
        check(r#"{"type":"PULL_ARTIFACT","occur_at":1,"event_data":{}}"#, Some(Format::Harbor));
        check(r#"{"action":"repo.create","created_at":1,"actor":"x"}"#, Some(Format::GithubAudit));
        check("hello", None);
        check("", None);
    }

    #[test]
    fn a_native_event_is_native_whatever_else_it_holds() {
        let time = r#""time":"2026-01-01T00:00:00Z""#;
        check(
            &format!(r#"{{{time},"type":"access","action":"pull","status":200,"actor":{{}}}}"#),
            Some(Format::Native),
        );
        check(
            &format!(r#"{{{time},"type":"publish","artifact":{{}},"metadata":{{}}}}"#),
            Some(Format::Native),
        );
        check(&format!(r#"{{"id":"1",{time},"type":"sign","signer":{{}}}}"#), Some(Format::Native));
    }
}
