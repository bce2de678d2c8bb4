//! Metrics in the text format of Prometheus. Labels are names of sources, reasons, lanes and receivers: never of an
//! artifact or a person, of which there are any number.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use alerting::heartbeat::{Pulse, last_arrived};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use detectors::finding::DetectorId;
use pipeline::status::PartitionState;
use store::{
    DeadLetterCount, DeadLetterFilter, FindingFilter, IncidentCount, Reader, ReceiverId, ReceiverSummary,
    RunId, StoreError,
};

use crate::condition::Condition;
use crate::foreign;
use crate::problem::Problem;
use crate::server::App;

/// Version 0.0.4 of the text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is counted.
struct Numbers {
    condition: Condition,
    findings: Vec<(DetectorId, u64)>,
    incidents: Vec<IncidentCount>,
    dead_letters: Vec<DeadLetterCount>,
    receivers: Vec<ReceiverSummary>,
    /// Whether heartbeats arrive; `None` where nobody waits for them.
    heartbeat: Option<Pulse>,
    last_beat: Option<i64>,
    template_failures: Vec<(ReceiverId, u64)>,
}

/// All metrics.
pub(crate) async fn page(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let mut numbers = app.read(count).await?;
    numbers.heartbeat = app.heartbeat().map(|awaited| awaited.pulse(numbers.last_beat, app.now()));
    Ok(([(CONTENT_TYPE, FORMAT)], written(&numbers)).into_response())
}

fn count(reader: &Reader, run: &RunId) -> Result<Numbers, StoreError> {
    let of = |detector| {
        let filter = FindingFilter { detectors: vec![detector], ..FindingFilter::of(run.clone()) };
        reader.count_findings(&filter).map(|count| (detector, count))
    };
    Ok(Numbers {
        condition: Condition::of(&reader.status(run)?),
        findings: DetectorId::ALL.into_iter().map(of).collect::<Result<_, _>>()?,
        incidents: reader.incident_counts(run)?,
        dead_letters: reader.dead_letter_counts(run, &DeadLetterFilter::default())?,
        receivers: reader.outbox_summary()?,
        heartbeat: None,
        last_beat: last_arrived(reader)?,
        template_failures: reader.template_failures()?,
    })
}

fn written(numbers: &Numbers) -> String {
    let mut text = Text::default();
    let Numbers { condition, .. } = numbers;
    text.family("sealwatch_build_info", "gauge", "The version of this program.");
    text.sample("sealwatch_build_info", &[("version", &env!("CARGO_PKG_VERSION"))], 1);

    text.family("sealwatch_records_total", "counter", "Records read, by source.");
    for (source, status) in &condition.sources {
        text.sample("sealwatch_records_total", &[("source", source)], status.records);
    }
    text.family("sealwatch_events_total", "counter", "Events that came out of records, by source.");
    for (source, status) in &condition.sources {
        text.sample("sealwatch_events_total", &[("source", source)], status.events);
    }
    text.family(
        "sealwatch_dead_letters",
        "gauge",
        "Records kept that could not be read, by source and reason.",
    );
    let mut letters = std::collections::BTreeMap::<(&str, &str), u64>::new();
    for row in &numbers.dead_letters {
        *letters.entry((&row.source, &row.reason)).or_default() += row.count;
    }
    for ((source, reason), count) in letters {
        text.sample("sealwatch_dead_letters", &[("source", &source), ("reason", &reason)], count);
    }
    text.family("sealwatch_findings", "gauge", "Findings kept, by detector.");
    for (detector, count) in &numbers.findings {
        text.sample("sealwatch_findings", &[("detector", detector)], count);
    }
    text.family("sealwatch_incidents", "gauge", "Incidents kept, by severity, state and budget.");
    for row in &numbers.incidents {
        let status = crate::listing::status_word(row.status);
        let labels: [(&str, &dyn Display); 3] =
            [("severity", &row.severity), ("status", &status), ("budget", &row.told)];
        text.sample("sealwatch_incidents", &labels, row.count);
    }
    lanes(&mut text, condition);
    text.family("sealwatch_outbox_messages", "gauge", "Messages kept, by receiver and state.");
    for summary in &numbers.receivers {
        for (state, count) in &summary.counts {
            text.sample(
                "sealwatch_outbox_messages",
                &[("receiver", &summary.receiver), ("state", state)],
                count,
            );
        }
    }
    text.family(
        "sealwatch_outbox_template_failed",
        "gauge",
        "Messages kept that arrived with built-in words because a template failed, by receiver.",
    );
    for (receiver, count) in &numbers.template_failures {
        text.sample("sealwatch_outbox_template_failed", &[("receiver", receiver)], count);
    }
    heartbeat(&mut text, numbers.heartbeat, numbers.last_beat);
    text.0
}

fn heartbeat(text: &mut Text, pulse: Option<Pulse>, last: Option<i64>) {
    let Some(pulse) = pulse else { return };
    text.family("sealwatch_heartbeat_absent", "gauge", "Whether heartbeats stay away from their receiver.");
    let is_absent = matches!(pulse, Pulse::Absent { .. });
    text.sample("sealwatch_heartbeat_absent", &[], u8::from(is_absent));
    if let Some(at) = last {
        text.family(
            "sealwatch_heartbeat_arrived_timestamp_seconds",
            "gauge",
            "When the last heartbeat arrived.",
        );
        text.sample("sealwatch_heartbeat_arrived_timestamp_seconds", &[], at as f64 / 1e9);
    }
}

fn lanes(text: &mut Text, condition: &Condition) {
    text.family(
        "sealwatch_lane_watermark_timestamp_seconds",
        "gauge",
        "Event time that a lane has released.",
    );
    for (lane, status) in &condition.lanes {
        if let Some(watermark) = status.watermark {
            text.sample(
                "sealwatch_lane_watermark_timestamp_seconds",
                &[("lane", lane)],
                watermark.secs_f64(),
            );
        }
    }
    text.family("sealwatch_lane_waiting_events", "gauge", "Events that wait for their turn, by lane.");
    for (lane, status) in &condition.lanes {
        text.sample("sealwatch_lane_waiting_events", &[("lane", lane)], status.waiting);
    }
    text.family(
        "sealwatch_late_events_total",
        "counter",
        "Events older than their partition's lateness, by lane.",
    );
    for (lane, status) in &condition.lanes {
        text.sample("sealwatch_late_events_total", &[("lane", lane)], status.intake.late);
    }
    text.family(
        "sealwatch_partition_data_lost",
        "gauge",
        "Whether a partition stands still since records are gone.",
    );
    for (partition, status) in &condition.partitions {
        let lost = matches!(status.state, PartitionState::DataLost { .. });
        text.sample("sealwatch_partition_data_lost", &[("partition", partition)], u8::from(lost));
    }
    if let Some(at) = condition.spoke_at {
        text.family(
            "sealwatch_pipeline_spoke_timestamp_seconds",
            "gauge",
            "When the pipeline last said how it is.",
        );
        text.sample("sealwatch_pipeline_spoke_timestamp_seconds", &[], at as f64 / 1e9);
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, of)) in labels.iter().enumerate() {
            let of = foreign::plain(&of.to_string()).replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(self.0, "{}{label}=\"{of}\"", if at == 0 { "{" } else { "," });
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_forge_a_line() {
        let mut text = Text::default();
        text.sample("a", &[("l", &"x\"} 1\nb{y=\"\\")], 2);
        assert_eq!(text.0, "a{l=\"x\\\"} 1\\\\u{a}b{y=\\\"\\\\\"} 2\n");
        assert_eq!(text.0.lines().count(), 1);
    }
}
