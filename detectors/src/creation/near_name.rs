//! How near one name is to another, and how often that happens by chance.
//!
//! The chance is the base rate of a random new name, by kind of likeness and length: 200,000 unranked names of PyPI
//! against its 5,000 most used (methods f.5). It grows with the number of names that one can be near to. Damerau,
//! Communications of the ACM 1964 (one insertion, deletion, substitution or transposition).

/// How one name resembles another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// The same words in another order.
    WordOrder,
    /// The same without its separators.
    Separators,
    /// The same without its scope.
    Scope,
    /// One edit apart.
    OneEdit,
}

/// Names against which the base rates were measured.
const MEASURED_AGAINST: f64 = 5_000.0;
/// Names below this length are short.
const SHORT: usize = 6;
/// Fewer names than this are taken for so many: rates per name are not known better.
const LEAST_NAMES: f64 = 50.0;

impl Likeness {
    /// What people call it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::WordOrder => "the words of",
            Self::Separators => "the letters of",
            Self::Scope => "the name, without its scope, of",
            Self::OneEdit => "one edit away from",
        }
    }

    /// P(a random new name of this length is so near to one of `names`).
    pub(super) fn base_rate(self, length: usize, names: usize) -> f64 {
        let measured = match self {
            Self::WordOrder => 0.000_075,
            // A scope is a separator with a word before it; its own rate is not known.
            Self::Separators | Self::Scope => 0.000_15,
            Self::OneEdit => match length {
                0..=3 => 0.377,
                4..=5 => 0.114,
                6..=7 => 0.030,
                8..=9 => 0.008_6,
                10..=11 => 0.003_6,
                12..=13 => 0.001_5,
                _ => 0.000_95,
            },
        };
        // Short names are few, so each of them has more neighbours than one in so many: their rate is taken as it is.
        let share = if length < SHORT { 1.0 } else { (names as f64).max(LEAST_NAMES) / MEASURED_AGAINST };
        (measured * share).min(1.0)
    }
}

/// How `new` resembles `known`; `None` where it does not, or is the same.
pub(super) fn likeness(new: &str, known: &str) -> Option<Likeness> {
    if new == known {
        return None;
    }
    let (bare_new, bare_known) = (bare(new), bare(known));
    if bare_new == bare_known {
        return Some(Likeness::Separators);
    }
    if let Some(own) = known.rsplit_once('/').map(|(_, name)| name)
        && known.contains("%40")
        && !new.contains('/')
        && bare(own) == bare_new
    {
        return Some(Likeness::Scope);
    }
    if sorted_words(new).is_some_and(|words| Some(words) == sorted_words(known)) {
        return Some(Likeness::WordOrder);
    }
    is_one_edit(new.as_bytes(), known.as_bytes()).then_some(Likeness::OneEdit)
}

fn bare(name: &str) -> String {
    // A scope's `@` is escaped in a package URL.
    name.replace("%40", "").chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The words of a name in order, where it has at least two.
fn sorted_words(name: &str) -> Option<Vec<&str>> {
    let mut words: Vec<&str> = name.split(['-', '_', '.', '/']).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    (words.len() >= 2).then_some(words)
}

/// Whether one edit makes one of the other; linear, as what is before and behind the edit is the same.
fn is_one_edit(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let before = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[before..], &b[before..]);
    let behind = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - behind], &b[..b.len() - behind]);
    match (a, b) {
        ([x, y], [u, v]) => x == v && y == u,
        _ => a.len() <= 1 && b.len() <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likenesses_are_told_apart() {
        for (new, known, expected) in [
            ("rustdecimal", "rust_decimal", Some(Likeness::Separators)),
            ("async_println", "async-println", Some(Likeness::Separators)),
            ("decimal-rust", "rust-decimal", Some(Likeness::WordOrder)),
            ("acme-auth", "%40acme/auth", Some(Likeness::Separators)),
            ("auth", "%40acme/auth", Some(Likeness::Scope)),
            ("reqests", "requests", Some(Likeness::OneEdit)),
            ("requestss", "requests", Some(Likeness::OneEdit)),
            ("reuqests", "requests", Some(Likeness::OneEdit)),
            ("requesta", "requests", Some(Likeness::OneEdit)),
            ("rquetss", "requests", None),
            ("requests", "requests", None),
            ("lodash", "requests", None),
            ("a", "b", Some(Likeness::OneEdit)),
        ] {
            assert_eq!(likeness(new, known), expected, "{new} {known}");
        }
    }

    #[test]
    fn chances_grow_with_short_names_and_with_the_number_of_names() {
        assert!((Likeness::OneEdit.base_rate(14, 5_000) - 0.000_95).abs() < 1e-12);
        assert!((Likeness::OneEdit.base_rate(14, 3) - 0.000_009_5).abs() < 1e-12);
        assert!(Likeness::OneEdit.base_rate(3, 50_000) <= 1.0);
    }
}
