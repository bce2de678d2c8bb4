//! Moments: absolute in UTC with the zone said, and how long ago.

use detectors::event::EventTime;

use crate::html::Html;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY + DAY / 4;

/// The clock's time, as nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Now(pub(crate) i64);

impl Now {
    /// A moment, and how long ago it was.
    pub(crate) fn moment(self, time: EventTime) -> Html {
        self.element(time).markup("<span class=\"ago\">").text(&self.ago(time)).markup("</span></time>")
    }

    /// A moment without its distance.
    pub(crate) fn date(self, time: EventTime) -> Html {
        self.element(time).markup("</time>")
    }

    /// A moment of the clock.
    pub(crate) fn clock(self, nanos: i64) -> Html {
        self.moment(EventTime::from_nanos(nanos))
    }

    /// How long ago, in one unit.
    pub(crate) fn ago(self, time: EventTime) -> String {
        let apart = self.0.saturating_sub(time.nanos());
        if apart.abs() < 2 * SECOND {
            return "now".to_owned();
        }
        let length = length(apart.abs());
        if apart < 0 { format!("in {length}") } else { format!("{length} ago") }
    }

    fn element(self, time: EventTime) -> Html {
        let exact = time.to_string();
        Html::new()
            .markup("<time datetime=\"")
            .text(&exact)
            .markup("\" title=\"")
            .text(&exact)
            .markup("\">")
            .text(&time.to_chrono().format("%Y-%m-%d %H:%M:%S").to_string())
            .markup(" <abbr>UTC</abbr>")
    }
}

/// A length of time in its largest fitting unit.
pub(crate) fn length(nanos: i64) -> String {
    let (unit, word) = match nanos.max(0) {
        nanos if nanos < MINUTE => (SECOND, "s"),
        nanos if nanos < HOUR => (MINUTE, "min"),
        nanos if nanos < 2 * DAY => (HOUR, "h"),
        nanos if nanos < 2 * YEAR => (DAY, "d"),
        _ => (YEAR, "y"),
    };
    format!("{} {word}", nanos.max(0) / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_exact_zoned_and_relative() {
        let time = EventTime::parse("2026-05-11T19:20:39.25Z").unwrap();
        let now = Now(time.nanos() + 3 * MINUTE);
        assert_eq!(
            now.moment(time).as_str(),
            "<time datetime=\"2026-05-11T19:20:39.250Z\" title=\"2026-05-11T19:20:39.250Z\">2026-05-11 19:20:39 \
             <abbr>UTC</abbr><span class=\"ago\">3 min ago</span></time>"
        );
    }

    #[test]
    fn distances_have_one_unit() {
        let at = |ago: i64| Now(10 * YEAR).ago(EventTime::from_nanos(10 * YEAR - ago));
        let cases = [
            (0, "now"),
            (59 * SECOND, "59 s ago"),
            (-59 * SECOND, "in 59 s"),
            (59 * MINUTE, "59 min ago"),
            (47 * HOUR, "47 h ago"),
            (100 * DAY, "100 d ago"),
            (3 * YEAR, "3 y ago"),
        ];
        for (ago, expected) in cases {
            assert_eq!(at(ago), expected);
        }
        assert_eq!(Now(0).ago(EventTime::MIN).split(' ').nth(1), Some("y"));
    }
}
