//! Data sets of which only the share that can be read is measured, and those that wait for something.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use detectors::event::PartitionId;
use ingest::decode::{Decoder, DecoderSettings, Ecosystem, Format};
use ingest::source::RawRecord;

use crate::Failure;
use crate::run::Run;
use crate::table::{Answers, Met, grouped};

/// `access-logs`: access logs of others, some lines of which are broken.
pub(crate) fn access_logs(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    read_share(&folder.join("elastic_apt_nginx_truncated.log.gz"), Format::Combined, None, "-", answers)?;
    read_share(&folder.join("elastic_apache_logs.gz"), Format::Combined, None, "-", answers)?;
    answers.not_yet("crates.io CDN logs", "labels (`formats`: what is read)");
    Ok(())
}

/// `sigstore-samples`: bundles that verifiers must accept, or refuse where the folder's name ends in `_fail`.
pub(crate) fn sigstore_samples(folder: &Path, answers: &mut Answers) -> Result<(), Failure> {
    let mut bundles = Vec::new();
    files(folder, ".sigstore.json", &mut bundles)?;
    bundles.sort();
    let is_bad =
        |bundle: &PathBuf| bundle.parent().is_some_and(|parent| parent.to_string_lossy().ends_with("_fail"));
    let (bad, good): (Vec<_>, Vec<_>) = bundles.into_iter().partition(is_bad);
    let refused = refused_bundles(&good)?;
    let (all, what) = (good.len() as u64, "Sigstore bundles to accept, as `rekor`");
    answers.line(all, what, format!("{} read", all - refused), "all", Met::when(refused == 0));
    let refused = refused_bundles(&bad)?;
    let (all, what) = (bad.len() as u64, "Sigstore bundles to refuse");
    // Sealwatch reads signatures and verifies none: that is for others to do, and to report as `verify` events.
    answers.line(all, what, format!("{refused} refused by their form alone"), "-", Met::Shown);
    Ok(())
}

/// How many of these files are no Sigstore bundle.
fn refused_bundles(bundles: &[PathBuf]) -> Result<u64, Failure> {
    let partition =
        Arc::new(PartitionId { source: "quality".into(), stream: "bundles".into(), partition: 0 });
    let mut decoder = Decoder::new(DecoderSettings::new("quality", Format::Rekor));
    for bundle in bundles {
        // What was refused is counted by the decoder itself.
        let _ = decoder.decode(&RawRecord::line(&partition, 0, &std::fs::read(bundle)?), &mut Vec::new());
    }
    Ok(decoder.counters().dead_letters())
}

/// `registry-events`: events of forges and clouds.
pub(crate) fn registry_events(_: &Path, answers: &mut Answers) -> Result<(), Failure> {
    answers.not_yet("GitHub audit, ECR, GKE, Harbor, PyPI CDN", "labels (`formats`: what is read)");
    Ok(())
}

/// `npm-manifests`.
pub(crate) fn npm_manifests(_: &Path, answers: &mut Answers) -> Result<(), Failure> {
    answers.not_yet("drift on real manifests", "a reader of npm's packuments");
    Ok(())
}

/// `npm-incidents`.
pub(crate) fn npm_incidents(_: &Path, answers: &mut Answers) -> Result<(), Failure> {
    answers.not_yet(
        "drift and trust-downgrade of the attacked versions",
        "npm-manifests, and the versions rebuilt",
    );
    Ok(())
}

/// `npm-daily` and `nab`: series of counts without events.
pub(crate) fn series(_: &Path, answers: &mut Answers) -> Result<(), Failure> {
    answers
        .not_yet("download-volume on series of counts", "a row here (`sealwatch score-series` scores them)");
    Ok(())
}

/// `pypi-uploads`.
pub(crate) fn pypi_uploads(_: &Path, answers: &mut Answers) -> Result<(), Failure> {
    answers.not_yet("publish cadence", "a row here (`publish-burst`, `dormant-revival` exist)");
    Ok(())
}

/// The share of a log that can be read, with the reasons for the rest.
pub(crate) fn read_share(
    path: &Path,
    format: Format,
    ecosystem: Option<Ecosystem>,
    target: &str,
    answers: &mut Answers,
) -> Result<Run, Failure> {
    let run = Run::of(path, format, ecosystem)?;
    let read = run.records - run.refused();
    let share = 100.0 * read as f64 / run.records.max(1) as f64;
    let refused = reasons(run.refused.iter().map(|(reason, count)| (*reason, *count)));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let met = if target == "-" { Met::Shown } else { Met::when(run.refused() == 0) };
    let result = format!("{} read, {share:.2} %{refused}", grouped(read));
    answers.line(run.records, &format!("{name}, as `{}`", format.word()), result, target, met);
    Ok(run)
}

fn reasons<'a>(refused: impl Iterator<Item = (&'a str, u64)>) -> String {
    let words: Vec<String> = refused.map(|(reason, count)| format!("{count} {reason}")).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// All files under a folder whose names end so.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, ending, found)?;
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    Ok(())
}
