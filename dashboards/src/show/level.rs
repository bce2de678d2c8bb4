//! Severity and surprise as marks: a word, a colour and a shape, so that none of them is needed alone.

use detectors::finding::Severity;

use crate::html::Html;

/// Surprise that fills its bar.
const FULL_BITS: f64 = 60.0;

/// A severity with its shape.
pub(crate) fn severity(severity: Severity) -> Html {
    let html = match severity {
        Severity::Critical => Html::new().markup("<span class=\"sev sev-critical\">"),
        Severity::High => Html::new().markup("<span class=\"sev sev-high\">"),
        Severity::Medium => Html::new().markup("<span class=\"sev sev-medium\">"),
        Severity::Low => Html::new().markup("<span class=\"sev sev-low\">"),
        Severity::Info => Html::new().markup("<span class=\"sev sev-info\">"),
    };
    html.markup("<svg viewBox=\"0 0 16 16\" width=\"14\" height=\"14\" aria-hidden=\"true\">")
        .markup(shape(severity))
        .markup("</svg>")
        .text(severity.as_str())
        .markup("</span>")
}

/// The shape of a severity in a box of 16 by 16.
pub(crate) const fn shape(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => {
            "<path d=\"M5 1h6l4 4v6l-4 4H5l-4-4V5z\"/><path class=\"cut\" d=\"M7 4h2v5H7zM7 10.500h2v2H7z\"/>"
        }
        Severity::High => "<path d=\"M8 1.200 15.400 14.500H.6z\"/>",
        Severity::Medium => "<path d=\"M8 1l7 7-7 7-7-7z\"/>",
        Severity::Low => "<circle cx=\"8\" cy=\"8\" r=\"5.500\"/>",
        Severity::Info => "<circle class=\"ring\" cx=\"8\" cy=\"8\" r=\"5\"/>",
    }
}

/// The class that colours something by severity.
pub(crate) const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "sev-critical",
        Severity::High => "sev-high",
        Severity::Medium => "sev-medium",
        Severity::Low => "sev-low",
        Severity::Info => "sev-info",
    }
}

/// A surprise as a number with a bar; a violation has none.
pub(crate) fn surprise(bits: Option<f64>) -> Html {
    let Some(bits) = bits else {
        return Html::new()
            .markup("<span class=\"fact\" title=\"A hard fact, not a probability\">violation</span>");
    };
    Html::new()
        .markup("<span class=\"bits\" title=\"")
        .text(&super::number::odds(bits))
        .markup(" by chance\"><b>")
        .text(&super::number::bits(bits))
        .markup("</b><svg class=\"meter\" width=\"64\" height=\"6\" aria-hidden=\"true\"><rect class=\"of\" width=\"100%\" height=\"6\" rx=\"3\"/><rect class=\"is\" width=\"")
        .percent(bits / FULL_BITS)
        .markup("\" height=\"6\" rx=\"3\"/></svg></span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_is_told_by_word_colour_and_shape() {
        let mut seen = std::collections::BTreeSet::new();
        for level in Severity::ALL {
            let html = severity(level).to_string();
            assert!(
                html.contains(level.as_str()) && html.contains(class(level)) && html.contains(shape(level))
            );
            assert!(seen.insert(shape(level)), "two severities have one shape");
        }
    }

    #[test]
    fn a_violation_shows_no_number() {
        assert!(surprise(None).as_str().contains("violation"));
        assert!(surprise(Some(30.0)).as_str().contains("<b>30.0</b>"));
        assert!(surprise(Some(30.0)).as_str().contains("width=\"50.00%\""));
    }
}
