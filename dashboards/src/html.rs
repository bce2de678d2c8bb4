//! HTML that cannot be forged: only literals of the program's source are written as they are, all else is escaped.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

/// A piece of HTML. Templates write it unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self(String::new())
    }

    /// This and then a literal of ours.
    pub(crate) fn markup(mut self, ours: &'static str) -> Self {
        self.0.push_str(ours);
        self
    }

    /// This and then text, escaped for element content and for quoted attributes.
    pub(crate) fn text(mut self, text: &str) -> Self {
        push_escaped(&mut self.0, text);
        self
    }

    /// This and then another piece.
    pub(crate) fn html(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// This and then a length on the way from 0 to 1, as a percentage.
    pub(crate) fn percent(mut self, share: f64) -> Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{:.2}%", share * 100.0);
        self
    }

    /// This and then a whole number.
    pub(crate) fn count(mut self, number: u64) -> Self {
        let _ = write!(self.0, "{number}");
        self
    }

    /// The HTML as text.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

fn push_escaped(html: &mut String, text: &str) {
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let entity = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&#34;",
            b'\'' => "&#39;",
            _ => continue,
        };
        html.push_str(&text[plain_from..at]);
        html.push_str(entity);
        plain_from = at + 1;
    }
    html.push_str(&text[plain_from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_can_end_neither_an_element_nor_an_attribute() {
        let html = Html::new().markup("<b title=\"").text("\"><i x='&'>é").markup("\">");
        assert_eq!(html.as_str(), "<b title=\"&#34;&gt;&lt;i x=&#39;&amp;&#39;&gt;é\">");
    }

    #[test]
    fn a_share_is_a_percentage_within_bounds() {
        for (share, expected) in [(0.25, "25.00%"), (-1.0, "0.00%"), (7.0, "100.00%"), (f64::NAN, "0.00%")] {
            assert_eq!(Html::new().percent(share).as_str(), expected);
        }
    }
}
