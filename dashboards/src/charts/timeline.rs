//! When what happened: an incident's findings and their evidence over event time, one row a detector.

use detectors::event::EventTime;
use detectors::finding::{DetectorId, Finding, Severity};
use detectors::incident::{Incident, TransitionReason};

use crate::html::Html;
use crate::show::level;

/// Most marks of one row; a thousand dots on each other tell no more than these.
pub(crate) const MAX_MARKS: usize = 200;
/// Labels of the axis, one more at most; further ones would overlap on a telephone.
const LABELS: i64 = 4;
/// Room before the first and after the last moment, as a share of the whole.
const MARGIN: f64 = 0.03;
/// Where evidence stands that is older than the axis reaches.
const EARLIER_AT: f64 = 0.008;
const SECOND: i64 = 1_000_000_000;
/// The axis reaches at least this far back before the first finding, if there is evidence.
const LEAST_ROOM: i64 = 600 * SECOND;
/// Distances between labels, in seconds.
const STEPS: [i64; 15] =
    [1, 5, 15, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000];

/// The drawing, row by row.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// How severe the incident was when.
    pub(crate) severity: Html,
    /// One row for each detector that spoke.
    pub(crate) rows: Vec<(DetectorId, Html)>,
    /// The axis under them.
    pub(crate) axis: Html,
    /// Whether evidence is older than the axis reaches.
    pub(crate) has_earlier: bool,
}

/// From the first moment shown to the last.
#[derive(Clone, Copy)]
struct Stretch {
    from: i64,
    until: i64,
}

impl Stretch {
    /// What the findings span, with as much again before it for their evidence: a signature that was made weeks ago
    /// must not press an attack of minutes into one dot. `None` if all of it is one moment.
    fn of(incident: &Incident, findings: &[Finding]) -> Option<Self> {
        let evidence = findings.iter().flat_map(|finding| &finding.evidence).map(|evidence| evidence.time);
        let told = findings.iter().map(|finding| finding.time);
        let steps = incident.history.iter().map(|step| step.time);
        let core: Vec<i64> = told.chain(steps).chain([incident.last_event]).map(EventTime::nanos).collect();
        let (first, last) = (core.iter().min().copied()?, core.iter().max().copied()?);
        let room = (last.saturating_sub(first)).max(LEAST_ROOM);
        let earliest = evidence.chain([incident.first_event]).map(EventTime::nanos).min()?;
        let stretch = Self { from: earliest.clamp(first.saturating_sub(room), first), until: last };
        (stretch.until > stretch.from).then_some(stretch)
    }

    fn is_before(self, time: EventTime) -> bool {
        time.nanos() < self.from
    }

    fn place(self, time: EventTime) -> f64 {
        let share = (time.nanos() as f64 - self.from as f64) / (self.until as f64 - self.from as f64);
        MARGIN + (1.0 - 2.0 * MARGIN) * share.clamp(0.0, 1.0)
    }
}

/// The timeline of an incident; `None` if all of it is one moment.
pub(crate) fn of(incident: &Incident, findings: &[Finding]) -> Option<Timeline> {
    let stretch = Stretch::of(incident, findings)?;
    let rows = DetectorId::ALL.into_iter().filter_map(|detector| {
        let mut own = findings.iter().filter(|finding| finding.detector == detector).peekable();
        own.peek()?;
        Some((detector, row(stretch, own)))
    });
    let mut evidence = findings.iter().flat_map(|finding| &finding.evidence);
    Some(Timeline {
        severity: severity(stretch, incident),
        rows: rows.collect(),
        axis: axis(stretch),
        has_earlier: evidence.any(|evidence| stretch.is_before(evidence.time)),
    })
}

/// Ticks for the evidence, and over them a shape for each finding.
fn row<'a>(stretch: Stretch, findings: impl Iterator<Item = &'a Finding> + Clone) -> Html {
    let mut svg = begin(22).markup("<line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"11\" y2=\"11\"/>");
    for evidence in findings.clone().flat_map(|finding| &finding.evidence).take(MAX_MARKS) {
        let is_before = stretch.is_before(evidence.time);
        let at = if is_before { EARLIER_AT } else { stretch.place(evidence.time) };
        svg = svg
            .markup("<line class=\"")
            .markup(if is_before { "earlier" } else { "evidence" })
            .markup("\" y1=\"4\" y2=\"18\" x1=\"")
            .percent(at)
            .markup("\" x2=\"")
            .percent(at);
        svg = svg.markup("\"><title>evidence, ").text(&written(evidence.time)).markup("</title></line>");
    }
    for finding in findings.take(MAX_MARKS) {
        svg = svg
            .markup("<svg class=\"")
            .markup(level::class(finding.severity))
            .markup("\" x=\"")
            .percent(stretch.place(finding.time))
            .markup("\" y=\"11\" width=\"1\" height=\"1\" overflow=\"visible\"><g transform=\"translate(-7 -7) scale(.875)\">")
            .markup(level::shape(finding.severity))
            .markup("<title>")
            .text(finding.severity.as_str())
            .markup(" finding, ")
            .text(&written(finding.time))
            .markup("</title></g></svg>");
    }
    svg.markup("</svg>")
}

/// Stretches in the colour of what the severity was from then on.
fn severity(stretch: Stretch, incident: &Incident) -> Html {
    let mut svg = begin(22);
    let steps = &incident.history;
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.reason != TransitionReason::Resolved) {
        let from = stretch.place(step.time);
        let until = steps.get(at + 1).map_or(1.0, |next| stretch.place(next.time));
        svg = svg
            .markup("<rect class=\"")
            .markup(level::class(step.severity))
            .markup("\" y=\"7\" height=\"8\" x=\"")
            .percent(from)
            .markup("\" width=\"")
            .percent((until - from).max(0.002))
            .markup("\"><title>")
            .text(&said(step.reason, step.severity, step.time))
            .markup("</title></rect>");
    }
    svg.markup("</svg>")
}

/// What happened, how severe it was from then on, and when.
fn said(reason: TransitionReason, severity: Severity, time: EventTime) -> String {
    format!("{}, {severity}, {}", reason.as_str(), written(time))
}

fn axis(stretch: Stretch) -> Html {
    let seconds = (stretch.until - stretch.from) / SECOND;
    let step = STEPS
        .into_iter()
        .find(|step| seconds / step <= LABELS)
        .unwrap_or(31_536_000 * (seconds / LABELS / 31_536_000).max(1));
    let mut svg = begin(20);
    let first = (stretch.from / SECOND).div_euclid(step) + 1;
    let labels = (first..).map(|at| EventTime::from_secs(at.saturating_mul(step)));
    for time in labels.take_while(|time| time.nanos() <= stretch.until).take(LABELS as usize + 1) {
        let at = stretch.place(time);
        let anchor = if at > 0.9 {
            "end"
        } else if at < 0.1 {
            "start"
        } else {
            "middle"
        };
        svg = svg
            .markup("<line class=\"tick\" y1=\"0\" y2=\"4\" x1=\"")
            .percent(at)
            .markup("\" x2=\"")
            .percent(at);
        svg = svg
            .markup("\"/><text class=\"tick\" y=\"16\" x=\"")
            .percent(at)
            .markup("\" text-anchor=\"")
            .markup(anchor);
        let format = if step >= 86_400 {
            "%Y-%m-%d"
        } else if step < 60 {
            "%H:%M:%S"
        } else {
            "%m-%d %H:%M"
        };
        svg = svg.markup("\">").text(&time.to_chrono().format(format).to_string()).markup("</text>");
    }
    svg.markup("</svg>")
}

fn begin(height: u64) -> Html {
    Html::new().markup("<svg width=\"100%\" height=\"").count(height).markup("\" aria-hidden=\"true\">")
}

fn written(time: EventTime) -> String {
    time.to_chrono().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use detectors::event::Span;
    use detectors::finding::Evidence;
    use detectors::incident::Transition;

    use super::*;
    use crate::fixture;

    fn check(span: Span, labels: usize, one: &str) {
        let start = EventTime::parse("2026-05-11T19:20:39Z").unwrap();
        let finding =
            Finding { time: start.plus(span), evidence: Vec::new(), ..fixture::findings::finding() };
        let incident = Incident {
            history: vec![Transition {
                time: start,
                severity: Severity::Low,
                reason: TransitionReason::Opened,
            }],
            first_event: start,
            last_event: start.plus(span),
            ..fixture::incident(std::slice::from_ref(&finding))
        };
        let timeline = of(&incident, &[finding]).unwrap();
        assert_eq!(timeline.rows.len(), 1);
        assert!(timeline.severity.as_str().contains("opened, low, 2026-05-11 19:20:39 UTC"));
        let axis = timeline.axis.as_str();
        assert_eq!(axis.matches("<text").count(), labels, "{axis}");
        assert!(axis.contains(one), "{axis}");
    }

    #[test]
    fn an_axis_has_few_round_labels_whatever_the_span() {
        check(Span::secs(3), 3, ">19:20:40<");
        check(Span::minutes(10), 2, ">05-11 19:25<");
        check(Span::hours(5), 2, ">05-11 21:00<");
        check(Span::days(9), 4, ">2026-05-15<");
        check(Span::days(4_000), 5, ">2027-12-18<");
    }

    #[test]
    fn one_moment_needs_no_timeline() {
        let mut finding = fixture::findings::finding();
        finding.evidence.clear();
        let incident = Incident {
            history: Vec::new(),
            first_event: finding.time,
            last_event: finding.time,
            ..fixture::incident(std::slice::from_ref(&finding))
        };
        assert!(of(&incident, &[finding]).is_none());
    }

    #[test]
    fn evidence_of_long_ago_stands_at_the_edge() {
        let mut finding = fixture::findings::finding();
        let old = Evidence { time: finding.time.minus(Span::days(90)), ..finding.evidence[0].clone() };
        finding.evidence.push(old);
        let incident = fixture::incident(std::slice::from_ref(&finding));
        let timeline = of(&incident, std::slice::from_ref(&finding)).unwrap();
        let row = timeline.rows[0].1.as_str();
        assert!(timeline.has_earlier);
        assert_eq!(row.matches("class=\"earlier\"").count(), 2, "the hour's start and the old one: {row}");
        assert!(row.contains("evidence, 2026-02-10 19:20:39 UTC"), "{row}");
        assert!(timeline.axis.as_str().contains("05-11 19:15"), "{}", timeline.axis);
    }

    #[test]
    fn a_row_is_bounded() {
        let mut finding = fixture::findings::finding();
        let evidence = finding.evidence[0].clone();
        finding.evidence = vec![evidence; 10 * MAX_MARKS];
        let findings = vec![finding; 10 * MAX_MARKS];
        let stretch = Stretch { from: 0, until: 1 };
        assert_eq!(row(stretch, findings.iter()).as_str().matches("<title>").count(), 2 * MAX_MARKS);
    }
}
