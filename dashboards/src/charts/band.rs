//! What was seen against what is normal: a line with the normal band, its middle, and a mark for what was seen.

use detectors::finding::{Finding, Quantity, Severity};

use super::scale::{Kind, Scale};
use crate::foreign;
use crate::html::Html;
use crate::show::level;
use crate::show::number::number;

/// The line begins and ends this far from the edge, so that marks and letters have room.
const MARGIN: f64 = 0.025;
/// Labels whose places are closer than this would overlap on a telephone.
const LABEL_ROOM: f64 = 0.3;

/// A chart with what must be said about it.
#[derive(Debug)]
pub(crate) struct BandChart {
    /// The drawing.
    pub(crate) svg: Html,
    /// How far what was seen lies from the band, in words: `134 times the upper edge`.
    pub(crate) distance: String,
    /// Whether equal distances are equal ratios.
    pub(crate) is_logarithmic: bool,
}

/// What is drawn.
struct Values {
    low: f64,
    mid: f64,
    high: f64,
    seen: f64,
}

/// The chart of a finding that measured a number and knows its band; `None` for names.
pub(crate) fn of(finding: &Finding) -> Option<BandChart> {
    let band = finding.expected.as_ref()?;
    let (Quantity::Number(low), Quantity::Number(mid), Quantity::Number(high), Quantity::Number(seen)) =
        (&band.low, &band.mid, &band.high, &finding.observed.value)
    else {
        return None;
    };
    let values = Values { low: low.min(*high), mid: *mid, high: high.max(*low), seen: *seen };
    let scale = Scale::of(&[values.low, values.mid, values.high, values.seen])?;
    let unit = foreign::plain(&finding.observed.unit);
    Some(BandChart {
        svg: draw(&values, &scale, &unit, finding.severity),
        distance: values.distance(),
        is_logarithmic: scale.kind == Kind::Logarithmic,
    })
}

impl Values {
    fn distance(&self) -> String {
        let ratio = |one: f64, other: f64| (other > 0.0 && one / other >= 1.05).then(|| number(one / other));
        if self.seen > self.high {
            match ratio(self.seen, self.high) {
                Some(times) => format!("{times} times the upper edge of normal"),
                None => format!("{} above the upper edge of normal", number(self.seen - self.high)),
            }
        } else if self.seen < self.low {
            match ratio(self.low, self.seen) {
                Some(times) => format!("the lower edge of normal is {times} times as much"),
                None => format!("{} below the lower edge of normal", number(self.low - self.seen)),
            }
        } else {
            "within the band, but rare in this company".to_owned()
        }
    }
}

fn draw(values: &Values, scale: &Scale, unit: &str, severity: Severity) -> Html {
    let place = |value: f64| MARGIN + (1.0 - 2.0 * MARGIN) * scale.place(value);
    let said = format!(
        "Seen {} {unit}; normal {} to {}, mostly {}",
        number(values.seen),
        number(values.low),
        number(values.high),
        number(values.mid)
    );
    let mut svg = Html::new()
        .markup("<svg class=\"band\" width=\"100%\" height=\"74\" role=\"img\" aria-label=\"")
        .text(&said)
        .markup("\"><line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"50\" y2=\"50\"/>");
    for tick in scale.ticks() {
        let at = place(tick);
        svg = svg.markup("<line class=\"tick\" x1=\"").percent(at).markup("\" x2=\"").percent(at);
        svg = label(svg.markup("\" y1=\"50\" y2=\"54\"/>"), at, 67, "tick", &number(tick));
    }
    let (low, mid, high, seen) =
        (place(values.low), place(values.mid), place(values.high), place(values.seen));
    svg = svg
        .markup("<rect class=\"normal\" y=\"26\" height=\"24\" rx=\"2\" x=\"")
        .percent(low)
        .markup("\" width=\"")
        // A band without width is still there.
        .percent((high - low).max(0.004))
        .markup("\"/><line class=\"mid\" y1=\"26\" y2=\"50\" x1=\"")
        .percent(mid)
        .markup("\" x2=\"")
        .percent(mid)
        .markup("\"/>");
    let edge = if seen > high { high } else { low };
    if seen > high || seen < low {
        svg = svg
            .markup("<line class=\"reach\" y1=\"38\" y2=\"38\" x1=\"")
            .percent(edge)
            .markup("\" x2=\"")
            .percent(seen)
            .markup("\"/>");
    }
    svg = svg
        .markup("<svg x=\"")
        .percent(seen)
        .markup("\" y=\"38\" width=\"1\" height=\"1\" overflow=\"visible\"><path class=\"seen ")
        .markup(level::class(severity))
        .markup("\" d=\"M0-9 9 0 0 9-9 0z\"/></svg>");
    svg = label(svg, seen, 17, "seen", &number(values.seen));
    let centre = f64::midpoint(low, high);
    if (centre - seen).abs() > LABEL_ROOM {
        svg = label(svg, centre, 17, "normal", "normal");
    }
    svg.markup("</svg>")
}

/// A label whose anchor keeps it inside the drawing.
fn label(svg: Html, at: f64, y: u64, class: &'static str, text: &str) -> Html {
    let anchor = match at {
        at if at < 0.08 => "start",
        at if at > 0.92 => "end",
        _ => "middle",
    };
    svg.markup("<text class=\"")
        .markup(class)
        .markup("\" x=\"")
        .percent(at)
        .markup("\" y=\"")
        .count(y)
        .markup("\" text-anchor=\"")
        .markup(anchor)
        .markup("\">")
        .text(text)
        .markup("</text>")
}

#[cfg(test)]
mod tests {
    use detectors::finding::{Band, Measure};

    use super::*;
    use crate::fixture;

    fn chart(seen: f64, low: f64, mid: f64, high: f64) -> Option<BandChart> {
        let finding = Finding {
            observed: Measure::number(seen, "pulls per <hour>"),
            expected: Some(Band::numbers(low, mid, high, "pulls per <hour>")),
            ..fixture::findings::finding()
        };
        of(&finding)
    }

    #[test]
    fn a_chart_says_in_words_what_it_draws() {
        let chart = chart(1204.0, 2.0, 5.5, 9.0).unwrap();
        let svg = chart.svg.as_str();
        assert!(
            svg.contains("aria-label=\"Seen 1,204 pulls per &lt;hour&gt;; normal 2 to 9, mostly 5.5\""),
            "{svg}"
        );
        assert!(
            svg.contains("class=\"normal\"")
                && svg.contains("class=\"mid\"")
                && svg.contains("class=\"reach\"")
        );
        assert_eq!(
            (chart.distance.as_str(), chart.is_logarithmic),
            ("134 times the upper edge of normal", true)
        );
    }

    #[test]
    fn the_distance_is_said_from_the_nearer_edge() {
        let cases = [
            ((30.0, 2.0, 5.0, 10.0), "3 times the upper edge of normal"),
            ((3.0, 0.0, 0.0, 0.0), "3 above the upper edge of normal"),
            ((10.0, 100.0, 120.0, 140.0), "the lower edge of normal is 10 times as much"),
            ((0.0, 100.0, 120.0, 140.0), "100 below the lower edge of normal"),
            ((5.0, 2.0, 5.0, 10.0), "within the band, but rare in this company"),
        ];
        for ((seen, low, mid, high), expected) in cases {
            let chart = chart(seen, low, mid, high).unwrap();
            assert_eq!(chart.distance, expected);
            assert!(!chart.is_logarithmic);
        }
    }

    #[test]
    fn names_and_impossible_numbers_have_no_chart() {
        assert!(chart(f64::NAN, 0.0, 1.0, 2.0).is_none());
        assert!(chart(f64::INFINITY, 0.0, 1.0, 2.0).is_none());
        let names = Finding { expected: Some(Band::name("K1", "key")), ..fixture::findings::finding() };
        assert!(of(&names).is_none());
    }
}
