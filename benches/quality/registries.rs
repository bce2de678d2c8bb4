//! What three real registries wrote in four minutes, with the truth action by action.
//!
//! The signatures are in no log that names their key, so they are joined here as a webhook would: the time of the push,
//! the digest, the key's hint and the kind of statement, each as cosign and the registry wrote them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use detectors::event::{EventTime, Span};
use detectors::finding::{DetectorId, Finding, Severity};
use ingest::decode::{Ecosystem, Format};
use serde::Deserialize;

use crate::Failure;
use crate::labels::json_lines;
use crate::logs::read_share;
use crate::run::{Run, is_told};
use crate::table::{Answers, Met, spread};

/// An action's trace in the logs lies within its client's run, give or take so much.
const SLACK: Span = Span::millis(200);

/// One line of `actions.jsonl`.
#[derive(Deserialize)]
struct Action {
    id: String,
    t_start: String,
    t_end: String,
    registry: String,
    act: String,
    label: String,
    #[serde(default)]
    expect: Vec<String>,
    #[serde(default)]
    artifacts: Vec<String>,
}

/// One line of `signatures.jsonl.gz`.
#[derive(Deserialize)]
struct Signature {
    first_pushed: String,
    repository: String,
    subject: String,
    annotations: BTreeMap<String, String>,
    key_hint: String,
}

/// `real-registries`: decoders, tag moves, signatures.
pub(crate) fn real(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let actions: Vec<Action> = json_lines(&folder.join("actions.jsonl"))?;
    for (log, ecosystem) in [
        ("oci-access.log.gz", Ecosystem::Oci),
        ("distribution-access.log.gz", Ecosystem::Oci),
        ("npm-access.log.gz", Ecosystem::Npm),
        ("pypi-access.log.gz", Ecosystem::Pypi),
    ] {
        read_share(&folder.join(log), Format::Combined, Some(ecosystem), "all", answers)?;
    }
    let notifications = folder.join("distribution-notifications.ndjson.gz");
    let run = read_share(&notifications, Format::Distribution, None, "all", answers)?;
    let moves: Vec<&Finding> =
        run.findings.iter().filter(|finding| finding.detector == DetectorId::TagMove).collect();
    judge(
        &Question { what: "tag-move", expects: "tag move", records: run.records },
        &moves,
        &actions,
        answers,
    )?;
    let run = signatures(folder)?;
    let signing: Vec<&Finding> = run.findings.iter().filter(|finding| is_signing(finding)).collect();
    let question = Question {
        what: "re-signing and key-change",
        expects: "re-signing|key change",
        records: run.records,
    };
    judge(&question, &signing, &actions, answers)?;
    answers.not_yet(
        "Verdaccio, pypiserver and JSON logs",
        "its labels held against them (`formats`: what is read)",
    );
    Ok(())
}

fn is_signing(finding: &Finding) -> bool {
    matches!(finding.detector, DetectorId::ReSigning | DetectorId::KeyChange)
}

/// What is asked: of the acts of the OCI registry that expect one of these families, how many were found.
struct Question {
    what: &'static str,
    expects: &'static str,
    records: u64,
}

fn judge(
    question: &Question,
    findings: &[&Finding],
    actions: &[Action],
    answers: &mut Answers,
) -> Result<(), Failure> {
    let is_asked = |action: &&Action| {
        let families = || question.expects.split('|');
        action.registry == "oci"
            && action.expect.iter().any(|expected| families().any(|family| expected.contains(family)))
    };
    let (mut found, mut told, mut attacks) = (0, 0, 0);
    let mut explained: Vec<&Finding> = Vec::new();
    for action in actions.iter().filter(|action| is_asked(action) || action.label == "benign-lookalike") {
        let own = about(findings, action)?;
        if action.label == "attack" {
            attacks += 1;
            found += usize::from(!own.is_empty());
            told += usize::from(own.iter().any(|finding| is_told(finding)));
            explained.extend(own.iter().copied());
        }
        if is_asked(&action) || !own.is_empty() {
            let told = own.iter().filter(|finding| is_told(finding)).count();
            let spread = spread(own);
            answers.note(format!(
                "{}: {} {} ({}): {spread} ({told} told)",
                question.what, action.label, action.act, action.id
            ));
        }
    }
    let result = format!("{found} found, {told} told ({})", spread(explained.iter().copied()));
    let what = format!("{}: attacks", question.what);
    answers.line(question.records, &what, result, &format!("{attacks} found"), Met::when(found == attacks));
    let others: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| !explained.iter().any(|own| own.id == finding.id))
        .collect();
    let loud = others.iter().filter(|finding| finding.severity > Severity::Low).count();
    let told = others.iter().filter(|finding| is_told(finding)).count();
    let result = format!("{} ({told} told)", spread(others.iter().copied()));
    let what = format!("{}: everything else", question.what);
    answers.line(question.records, &what, result, "at most low", Met::when(loud == 0));
    Ok(())
}

/// The findings that an action explains: on one of its repositories, during it.
fn about<'a>(findings: &[&'a Finding], action: &Action) -> Result<Vec<&'a Finding>, Failure> {
    let (start, end) =
        (EventTime::parse(&action.t_start)?.minus(SLACK), EventTime::parse(&action.t_end)?.plus(SLACK));
    let subjects: Vec<String> = action.artifacts.iter().filter_map(|artifact| subject(artifact)).collect();
    let is_own = |finding: &&&Finding| {
        (start..=end).contains(&finding.last_event)
            && subjects.iter().any(|subject| **subject == *finding.subject.name)
    };
    Ok(findings.iter().filter(is_own).copied().collect())
}

/// `…?repository_url=registry.example.local/platform/auth&tag=1.0.0` as the artifact key `pkg:docker/platform/auth`.
fn subject(artifact: &str) -> Option<String> {
    let (_, url) = artifact.split_once("repository_url=")?;
    let url = url.split('&').next()?;
    let (_, repository) = url.split_once('/')?;
    Some(format!("pkg:docker/{repository}"))
}

/// Runs the signatures as native events.
fn signatures(folder: &Path) -> Result<Run, Failure> {
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile()?;
    for signature in json_lines::<Signature>(&folder.join("signatures.jsonl.gz"))? {
        let predicate = signature.annotations.get("dev.sigstore.bundle.predicateType");
        let event = serde_json::json!({
            "time": signature.first_pushed,
            "type": "sign",
            "artifact": { "repository": signature.repository, "digest": signature.subject },
            "signer": { "key_id": signature.key_hint },
            "predicate": predicate.map_or("signature", String::as_str),
        });
        writeln!(file, "{event}")?;
    }
    Run::native(file.path())
}
