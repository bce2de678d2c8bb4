//! One contribution in bits as a bar from a middle line: to the right it speaks for an attack, to the left against.

use crate::html::Html;

/// A bar beside others, the longest of which is `longest` bits.
pub(crate) fn of(bits: f64, longest: f64) -> Html {
    let share = if longest > 0.0 && bits.is_finite() { (bits.abs() / longest).min(1.0) / 2.0 } else { 0.0 };
    let (class, from) = if bits < 0.0 { ("against", 0.5 - share) } else { ("for", 0.5) };
    Html::new()
        .markup("<svg class=\"bar\" width=\"100%\" height=\"10\" aria-hidden=\"true\"><rect class=\"")
        .markup(class)
        .markup("\" y=\"1\" height=\"8\" x=\"")
        .percent(from)
        .markup("\" width=\"")
        .percent(share)
        .markup("\"/><line class=\"axis\" x1=\"50%\" x2=\"50%\" y1=\"0\" y2=\"10\"/></svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_goes_right_for_and_left_against() {
        for (bits, longest, expected) in [
            (8.0, 8.0, "class=\"for\" y=\"1\" height=\"8\" x=\"50.00%\" width=\"50.00%\""),
            (-4.0, 8.0, "class=\"against\" y=\"1\" height=\"8\" x=\"25.00%\" width=\"25.00%\""),
            (1.0, 0.0, "class=\"for\" y=\"1\" height=\"8\" x=\"50.00%\" width=\"0.00%\""),
            (f64::NAN, 8.0, "width=\"0.00%\""),
        ] {
            assert!(of(bits, longest).as_str().contains(expected), "{bits}");
        }
    }
}
