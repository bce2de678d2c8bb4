//! Lists within a channel's limit: whole lines, and how many more there are.

use crate::card::Text;
use crate::sanitise::Limit;

/// What the line that counts the rest takes at most: `… and 18,446,744,073,709,551,615 more`.
const REST_MAX: usize = 40;

/// As many whole lines as fit, each after a line break but the first, and a last one that counts the rest.
pub(super) fn fit(lines: impl IntoIterator<Item = String>, further: usize, most: Limit) -> String {
    let (mut whole, mut left_out) = (String::new(), 0);
    let mut room = most.room().saturating_sub(REST_MAX);
    for line in lines {
        let taken = most.measure(&line) + 1;
        if left_out > 0 || taken > room {
            left_out += 1;
            continue;
        }
        room -= taken;
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(&line);
    }
    if let Some(rest) = rest(further + left_out) {
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(&rest.plain());
    }
    whole
}

/// The line that counts what is not shown.
pub(super) fn rest(further: usize) -> Option<Text> {
    (further > 0).then(|| Text::new().then("… and ").ours(further).then(" more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_counted_with_those_that_were_never_shown() {
        let lines = || (0..9).map(|number| format!("line {number}"));
        assert_eq!(fit(lines().take(2), 0, Limit::Characters(60)), "line 0\nline 1");
        let short = fit(lines(), 3, Limit::Characters(60));
        assert_eq!(short, "line 0\nline 1\n… and 10 more");
        assert_eq!(fit(["x".repeat(99)], 0, Limit::Characters(60)), "… and 1 more");
        assert_eq!(fit([], 0, Limit::Characters(60)), "");
        let most = rest(usize::MAX).unwrap().plain();
        assert!(most.chars().count() <= REST_MAX);
    }
}
