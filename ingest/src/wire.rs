//! The wire formats, one file each: a private shape that serde or a scanner reads, and how it becomes events.

use detectors::event::{Event, MAX_LIST_ITEMS};

use crate::decode::{Format, Reading, Refusal, RefusalReason};
use crate::identity::Word;

mod access;
mod access_json;
pub(crate) mod cloudfront;
pub(crate) mod cloudtrail;
pub(crate) mod combined;
pub(crate) mod crate_index;
pub(crate) mod distribution;
pub(crate) mod distribution_log;
mod document;
pub(crate) mod envelope;
pub(crate) mod fastly;
pub(crate) mod github_audit;
pub(crate) mod google_audit;
pub(crate) mod harbor;
pub(crate) mod kubernetes_audit;
pub(crate) mod linehaul;
pub mod native;
pub(crate) mod npm_metadata;
pub(crate) mod object;
pub(crate) mod pypi_provenance;
pub(crate) mod pypiserver;
pub(crate) mod rekor;
pub(crate) mod scan;
pub(crate) mod statement;
pub(crate) mod tuf;
pub(crate) mod verdaccio;

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod expectations;

/// How many envelopes may lie in each other: a syslog line in a container's log in a shipper's object is three.
const MAX_ENVELOPES: usize = 4;

/// Reads a record: takes its envelopes off, and reads what is in them.
pub(crate) fn read(text: &str, reading: &mut Reading<'_>, out: &mut Vec<Event>) -> Result<(), Refusal> {
    let before = out.len();
    peel(text, MAX_ENVELOPES, before, reading, out)
}

fn peel(
    text: &str,
    envelopes: usize,
    before: usize,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let Some(contents) = envelope::open(text)? else {
        return read_part(text, before, reading, out);
    };
    if envelopes == 0 {
        let detail = format!("more than {MAX_ENVELOPES} envelopes in each other");
        return Err(Refusal::new(RefusalReason::TooDeep, detail));
    }
    let outer_time = reading.envelope_time;
    reading.envelope_time = contents.time.or(outer_time);
    for (number, part) in contents.parts.iter().enumerate() {
        peel(part, envelopes - 1, before, reading, out)
            .map_err(|refusal| refusal.in_part(number, contents.parts.len()))?;
        if out.len() - before > MAX_LIST_ITEMS {
            let detail = format!("more than {MAX_LIST_ITEMS} events in one record");
            return Err(Refusal::new(RefusalReason::TooManyEvents, detail));
        }
    }
    reading.envelope_time = outer_time;
    Ok(())
}

fn read_part(
    text: &str,
    before: usize,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    reading.base = u32::try_from(out.len() - before).unwrap_or(u32::MAX);
    let first = out.len();
    if let Some(mapping) = &reading.settings.mapping {
        mapping.read(text, reading, out)?;
        reading.identifier.complete(Word::Log, &mut out[first..]);
        return Ok(());
    }
    let format = match reading.settings.format {
        Format::Auto => Format::recognise(text).ok_or_else(|| {
            Refusal::new(RefusalReason::UnknownFormat, "looks like none of the formats that `auto` knows")
        })?,
        named => named,
    };
    let result = read_as(format, text, reading, out);
    let count = reading.counters.by_format.entry(format).or_default();
    count.parts += 1;
    count.refused += u64::from(result.is_err());
    if result.is_ok() {
        let word = if format == Format::Native { Word::Contract } else { Word::Log };
        reading.identifier.complete(word, &mut out[first..]);
    }
    result
}

fn read_as(
    format: Format,
    text: &str,
    reading: &mut Reading<'_>,
    out: &mut Vec<Event>,
) -> Result<(), Refusal> {
    match format {
        Format::Auto | Format::Native => native::read(text, reading, out),
        Format::Distribution => distribution::read(text, reading, out),
        Format::DistributionLog => distribution_log::read(text, reading, out),
        Format::Combined => combined::read(text, reading, out),
        Format::AccessJson => access_json::read(text, reading, out),
        Format::Verdaccio => verdaccio::read(text, reading, out),
        Format::Pypiserver => pypiserver::read(text, reading, out),
        Format::Cloudfront => cloudfront::read(text, reading, out),
        Format::Fastly => fastly::read(text, reading, out),
        Format::Linehaul => linehaul::read(text, reading, out),
        Format::CrateIndex => crate_index::read(text, reading, out),
        Format::NpmMetadata => npm_metadata::read(text, reading, out),
        Format::Harbor => harbor::read(text, reading, out),
        Format::Cloudtrail => cloudtrail::read(text, reading, out),
        Format::GithubAudit => github_audit::read(text, reading, out),
        Format::GoogleAudit => google_audit::read(text, reading, out),
        Format::KubernetesAudit => kubernetes_audit::read(text, reading, out),
        Format::Rekor => rekor::read(text, reading, out),
        Format::Statement => statement::read(text, reading, out),
        Format::PypiProvenance => pypi_provenance::read(text, reading, out),
        Format::Tuf => tuf::read(text, reading, out),
    }
}
