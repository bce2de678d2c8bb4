//! The pipeline: how far each lane is, what each source delivers and refuses, which partitions stand still, what each
//! detector can see, and how the receivers are. Nothing that is not known is shown as a number.

use std::sync::Arc;

use alerting::heartbeat::{Pulse, last_arrived};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use detectors::finding::DetectorId;
use pipeline::status::{LaneStatus, PartitionState, PartitionStatus, SourceStatus};
use store::{
    Breaker, DeadLetterCount, DeadLetterFilter, DeliveryStateKind, FindingFilter, Page as StorePage, Reader,
    ReceiverSummary, RunId, StoreError, StoredDeadLetter,
};

use super::coverage::Entry;
use super::shell::{Section, Shell, answer};
use crate::condition::{Condition, Life};
use crate::foreign;
use crate::html::Html;
use crate::problem::Problem;
use crate::server::App;
use crate::show::moment::Now;
use crate::show::number::{bytes, count, counted};
use crate::stream::Watched;

/// Dead letters shown, newest first; the counts name all.
const MAX_DEAD_LETTERS: u32 = 50;
/// Unknown fields named for each source, most frequent first.
const MAX_FIELDS: usize = 8;
/// Partitions shown; those that lost data come first.
const MAX_PARTITIONS: usize = 200;
/// How much of a dead letter is shown, in bytes.
const SHOWN_HEAD: usize = 400;

/// What the page is made of, read in one go.
struct Read {
    condition: Condition,
    findings: Vec<(DetectorId, u64)>,
    letters: Vec<StoredDeadLetter>,
    letter_counts: Vec<DeadLetterCount>,
    receivers: Vec<ReceiverSummary>,
    last_beat: Option<i64>,
}

struct Lane {
    name: Html,
    watermark: Option<Html>,
    waiting: String,
    waiting_for: Option<Html>,
    events: String,
    findings: String,
    /// What was counted and is not nothing.
    notes: Vec<String>,
}

struct Source {
    name: Html,
    format: String,
    records: String,
    volume: String,
    events: String,
    refused: Vec<(String, String)>,
    unknown: Vec<(Html, String)>,
    further_unknown: usize,
    trouble: Option<Html>,
}

struct Partition {
    name: Html,
    class: &'static str,
    word: &'static str,
    detail: Html,
    next: String,
}

struct Letter {
    seen: Html,
    place: String,
    reason: String,
    detail: Html,
    head: Html,
    size: String,
}

struct LetterCount {
    place: String,
    reason: String,
    count: String,
    last: Html,
}

struct Receiver {
    name: Html,
    done: String,
    waiting: String,
    dead: String,
    has_dead: bool,
    oldest: Option<Html>,
    class: &'static str,
    breaker: Html,
}

struct Heartbeat {
    class: &'static str,
    words: Html,
}

#[derive(Template)]
#[template(path = "pipeline.html")]
struct Page {
    shell: Shell,
    spoke: Option<Html>,
    is_silent: bool,
    heartbeat: Option<Heartbeat>,
    unreadable: usize,
    lanes: Vec<Lane>,
    sources: Vec<Source>,
    partitions: Vec<Partition>,
    further_partitions: usize,
    detectors: Vec<Entry>,
    receivers: Vec<Receiver>,
    letters: Vec<Letter>,
    letter_counts: Vec<LetterCount>,
    letters_in_all: String,
}

/// `/pipeline`
pub(crate) async fn page(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let read = app.read(read).await?;
    let now = app.now();
    let condition = &read.condition;
    let mut partitions: Vec<_> = condition.partitions.iter().collect();
    partitions.sort_by_key(|(_, status)| !matches!(status.state, PartitionState::DataLost { .. }));
    let in_all: u64 = read.letter_counts.iter().map(|row| row.count).sum();
    answer(&Page {
        shell: Shell::new(&app, "Pipeline", Section::Pipeline, condition, now, &Watched::Nothing),
        spoke: condition.spoke_at.map(|at| now.clock(at)),
        is_silent: condition.life(now.0) != Life::Working,
        heartbeat: app.heartbeat().map(|awaited| heartbeat(awaited.pulse(read.last_beat, now), now)),
        unreadable: condition.unreadable,
        lanes: condition.lanes.iter().map(|(name, status)| lane(name, status, now)).collect(),
        sources: condition.sources.iter().map(|(name, status)| source(name, status)).collect(),
        further_partitions: partitions.len().saturating_sub(MAX_PARTITIONS),
        partitions: partitions
            .into_iter()
            .take(MAX_PARTITIONS)
            .map(|(name, status)| partition(name, status))
            .collect(),
        detectors: read.findings.iter().map(|(id, findings)| Entry::of(*id, condition, *findings)).collect(),
        receivers: read.receivers.iter().map(|summary| receiver(summary, now)).collect(),
        letters: read.letters.iter().map(|stored| letter(stored, now)).collect(),
        letter_counts: read.letter_counts.iter().map(|row| letter_count(row, now)).collect(),
        letters_in_all: counted(in_all, "record", "records"),
    })
}

fn read(reader: &Reader, run: &RunId) -> Result<Read, StoreError> {
    let of = |detector| {
        let filter = FindingFilter { detectors: vec![detector], ..FindingFilter::of(run.clone()) };
        reader.count_findings(&filter).map(|count| (detector, count))
    };
    Ok(Read {
        condition: Condition::of(&reader.status(run)?),
        findings: DetectorId::ALL.into_iter().map(of).collect::<Result<_, _>>()?,
        letters: reader.dead_letters(
            run,
            &DeadLetterFilter::default(),
            StorePage::first(MAX_DEAD_LETTERS),
        )?,
        letter_counts: reader.dead_letter_counts(run, &DeadLetterFilter::default())?,
        receivers: reader.outbox_summary()?,
        last_beat: last_arrived(reader)?,
    })
}

fn heartbeat(pulse: Pulse, now: Now) -> Heartbeat {
    let (class, words) = match pulse {
        Pulse::Awaited => ("range", Html::new().markup("The first heartbeat is awaited.")),
        Pulse::Beats { at } => {
            ("range", Html::new().markup("The last heartbeat arrived ").html(&now.clock(at)).markup("."))
        }
        Pulse::Absent { last: None } => {
            ("alarm", Html::new().markup("<strong>Heartbeats stay away.</strong> None has arrived yet."))
        }
        Pulse::Absent { last: Some(at) } => (
            "alarm",
            Html::new()
                .markup("<strong>Heartbeats stay away.</strong> The last one arrived ")
                .html(&now.clock(at))
                .markup("."),
        ),
    };
    Heartbeat { class, words }
}

fn lane(name: &str, status: &LaneStatus, now: Now) -> Lane {
    let intake = &status.intake;
    let notes = [
        (intake.duplicates, "seen before"),
        (intake.late, "late"),
        (intake.untrusted, "ahead of their time"),
        (intake.joined, "joined by digest"),
        (intake.unjoined, "signatures of unknown digests"),
        (intake.forgotten_ids, "ids forgotten early"),
    ];
    Lane {
        name: foreign::name(name),
        watermark: status.watermark.map(|watermark| now.moment(watermark)),
        waiting: count(status.waiting),
        waiting_for: status.waiting_for.as_deref().map(foreign::name),
        events: count(intake.events),
        findings: count(status.findings),
        notes: notes
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number)))
            .collect(),
    }
}

fn source(name: &str, status: &SourceStatus) -> Source {
    let mut unknown: Vec<_> = status.unknown_fields.iter().collect();
    unknown.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
    Source {
        name: foreign::name(name),
        format: foreign::plain(&status.format),
        records: count(status.records),
        volume: bytes(status.bytes),
        events: count(status.events),
        refused: status
            .refused
            .iter()
            .map(|(reason, number)| (foreign::plain(reason), count(*number)))
            .collect(),
        further_unknown: unknown.len().saturating_sub(MAX_FIELDS),
        unknown: unknown
            .into_iter()
            .take(MAX_FIELDS)
            .map(|(field, number)| (foreign::name(field), count(*number)))
            .collect(),
        trouble: status.trouble.as_deref().map(foreign::sentence),
    }
}

fn partition(name: &str, status: &PartitionStatus) -> Partition {
    let (class, word, detail) = match &status.state {
        PartitionState::Reading => ("good", "reading", Html::new()),
        PartitionState::CaughtUp => ("good", "caught up", Html::new()),
        PartitionState::Idle => ("unknown", "idle", Html::new().markup("nothing new; holds nobody back")),
        PartitionState::Ended => ("unknown", "ended", Html::new()),
        PartitionState::DataLost { wanted, oldest, reason } => {
            let oldest = oldest
                .map_or_else(|| "none is left".to_owned(), |oldest| format!("the oldest left is {oldest}"));
            let words = format!(
                "record {wanted} was to be read, {oldest}; it stands still until an operator accepts that: {reason}"
            );
            ("bad", "DATA LOST", foreign::sentence(&words))
        }
    };
    Partition { name: foreign::name(name), class, word, detail, next: status.next.to_string() }
}

fn letter(stored: &StoredDeadLetter, now: Now) -> Letter {
    Letter {
        seen: now.clock(stored.seen_at),
        place: foreign::plain(&stored.position.to_string()),
        reason: foreign::plain(&stored.reason),
        detail: foreign::sentence(&stored.detail),
        head: foreign::lines(&stored.head[..stored.head.len().min(SHOWN_HEAD)]),
        size: bytes(stored.size),
    }
}

fn letter_count(row: &DeadLetterCount, now: Now) -> LetterCount {
    LetterCount {
        place: foreign::plain(&format!("{}/{}", row.source, row.stream)),
        reason: foreign::plain(&row.reason),
        count: count(row.count),
        last: now.clock(row.last_seen_at),
    }
}

fn receiver(summary: &ReceiverSummary, now: Now) -> Receiver {
    let sum = |kinds: &[DeliveryStateKind]| kinds.iter().map(|kind| summary.count(*kind)).sum::<u64>();
    let dead = summary.count(DeliveryStateKind::Dead);
    let (class, breaker) = match summary.breaker {
        Breaker::Closed { failures: 0 } => ("good", Html::new().markup("works")),
        Breaker::Closed { failures } => {
            let words = counted(u64::from(failures), "failure in a row", "failures in a row");
            ("waits", Html::new().text(&words))
        }
        Breaker::Open { until, .. } => {
            ("bad", Html::new().markup("left alone until ").html(&now.clock(until)))
        }
        Breaker::HalfOpen { .. } => ("waits", Html::new().markup("being tried again")),
    };
    Receiver {
        name: foreign::name(summary.receiver.as_str()),
        done: count(sum(&[
            DeliveryStateKind::Accepted,
            DeliveryStateKind::Delivered,
            DeliveryStateKind::Folded,
            DeliveryStateKind::Withdrawn,
        ])),
        waiting: count(sum(&[
            DeliveryStateKind::Queued,
            DeliveryStateKind::Sending,
            DeliveryStateKind::Retry,
        ])),
        dead: count(dead),
        has_dead: dead > 0,
        oldest: summary.oldest_unfinished_at.map(|at| now.clock(at)),
        class,
        breaker,
    }
}
