//! Numbers, quantities and probabilities for people.

use alerting::card::Ours;
use detectors::finding::{Band, Measure, Quantity};

use crate::foreign;
use crate::html::Html;

/// Surprise from which a probability is said by its order of magnitude only.
const ASTRONOMIC_BITS: f64 = 50.0;
/// log₁₀ 2.
const DIGITS_PER_BIT: f64 = std::f64::consts::LOG10_2;

/// A number with groups of three digits; two decimals below a hundred.
pub(crate) fn number(value: f64) -> String {
    Ours::number(value).as_str().to_owned()
}

/// A count with groups of three digits.
pub(crate) fn count(value: u64) -> String {
    Ours::from(usize::try_from(value).unwrap_or(usize::MAX)).as_str().to_owned()
}

/// A count with its noun: `1 finding`, `3 findings`.
pub(crate) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// Surprise in bits, with one decimal.
pub(crate) fn bits(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "–".to_owned() }
}

/// What a surprise means: `about 1 in 1.1 billion`.
pub(crate) fn odds(bits: f64) -> String {
    if !bits.is_finite() || bits <= 0.0 {
        return "nothing unusual".to_owned();
    }
    if bits > ASTRONOMIC_BITS {
        return format!("about 1 in 10^{:.0}", bits * DIGITS_PER_BIT);
    }
    let chance = bits.exp2();
    let (value, word) = match () {
        () if chance < 1e3 => return format!("about 1 in {:.0}", chance),
        () if chance < 1e6 => (chance / 1e3, "thousand"),
        () if chance < 1e9 => (chance / 1e6, "million"),
        () if chance < 1e12 => (chance / 1e9, "billion"),
        () => (chance / 1e12, "trillion"),
    };
    format!("about 1 in {} {word}", if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") })
}

/// A number or a name.
pub(crate) fn quantity(quantity: &Quantity) -> Html {
    match quantity {
        Quantity::Number(value) => Html::new().text(&number(*value)),
        Quantity::Name(text) => foreign::name_or_nothing(text),
    }
}

/// What was seen, with its unit.
pub(crate) fn measure(measure: &Measure) -> Html {
    quantity(&measure.value).markup(" ").text(&foreign::plain(&measure.unit))
}

/// The normal band in words, without its unit: `2 to 9, mostly 5.5`.
pub(crate) fn band(band: &Band) -> Html {
    if band.low == band.high {
        return quantity(&band.mid);
    }
    quantity(&band.low)
        .markup(" to ")
        .html(&quantity(&band.high))
        .markup(", mostly ")
        .html(&quantity(&band.mid))
}

/// Bytes for people: `812 B`, `1.4 kB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 1000.0 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_said_in_words_people_know() {
        let cases = [
            (0.0, "nothing unusual"),
            (8.0, "about 1 in 256"),
            (10.0, "about 1 in 1.0 thousand"),
            (20.0, "about 1 in 1.0 million"),
            (30.0, "about 1 in 1.1 billion"),
            (100.0, "about 1 in 10^30"),
            (f64::NAN, "nothing unusual"),
        ];
        for (bits, expected) in cases {
            assert_eq!(odds(bits), expected);
        }
    }

    #[test]
    fn quantities_carry_their_unit_and_are_inert() {
        assert_eq!(
            measure(&Measure::number(1234.0, "pulls per <hour>")).as_str(),
            "1,234 pulls per &lt;hour&gt;"
        );
        assert_eq!(band(&Band::numbers(2.0, 5.5, 9.0, "x")).as_str(), "2 to 9, mostly 5.5");
        assert_eq!(band(&Band::name("K1", "key")).as_str(), "<bdi class=\"name\">K1</bdi>");
        assert_eq!([0, 999, 1_400, 2_500_000].map(bytes), ["0 B", "999 B", "1.4 kB", "2.5 MB"]);
        assert_eq!(
            [counted(1, "record", "records"), counted(1200, "record", "records")],
            ["1 record", "1,200 records"]
        );
    }
}
