//! "Did you mean": the nearest word that would have been right.

use strsim::damerau_levenshtein;

/// Longer words are not compared: nobody mistypes them, and the comparison takes the product of both lengths.
const COMPARED_MAX: usize = 64;

/// The shortest beginning of a word that is taken for it.
const BEGINNING_MIN: usize = 4;

/// The candidate that was most likely meant, if one is near enough: a third of its letters may be wrong, or its end
/// may be missing. The first of equals.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > COMPARED_MAX {
        return None;
    }
    let word = plain(word);
    let rated = candidates.into_iter().filter_map(|candidate| {
        let plain = plain(candidate);
        if word.len() >= BEGINNING_MIN && plain.starts_with(&word) {
            return Some((1, candidate));
        }
        let distance = damerau_levenshtein(&word, &plain);
        (distance <= allowed(&plain)).then_some((distance, candidate))
    });
    rated.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

fn allowed(candidate: &str) -> usize {
    (candidate.chars().count() / 3).max(1)
}

/// Case and the sign between words are what people mix up most.
fn plain(word: &str) -> String {
    word.to_lowercase().replace(['-', '.', ' '], "_")
}

/// Words in a row: `` `a`, `b` or `c` ``.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let quoted: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_if_it_is_near() {
        const KEYS: [&str; 4] = ["topics", "start", "lateness_seconds", "ca"];
        for (word, expected) in [
            ("topic", Some("topics")),
            ("Topics", Some("topics")),
            ("tpoics", Some("topics")),
            ("lateness-seconds", Some("lateness_seconds")),
            ("lateness", Some("lateness_seconds")),
            ("latest_start", None),
            ("c", Some("ca")),
            ("xy", None),
            ("", None),
            ("password", None),
        ] {
            assert_eq!(nearest(word, KEYS), expected, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(COMPARED_MAX + 1), ["a"]), None);
    }

    #[test]
    fn words_are_listed_as_people_do() {
        assert_eq!(listed([], "or"), "");
        assert_eq!(listed(["a"], "or"), "`a`");
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
