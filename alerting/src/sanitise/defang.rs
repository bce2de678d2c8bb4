//! Addresses from outside made unclickable, in the way analysts write them: `hxxps://evil[.]example/path`.

/// Rewrites each address in a text so that no program makes a link of it and no hand opens it by accident.
///
/// `http` becomes `hxxp`, `ftp` becomes `fxp`, any other scheme loses its colon (`ssh[:]//`), and the dots of the
/// host are bracketed; also those of a host that begins with `www.`. Defanging twice changes nothing more.
#[must_use]
pub fn defang(text: &str) -> String {
    if !text.contains(SEPARATOR) && bare_host(text).is_none() {
        return text.to_owned();
    }
    // Schemes first and hosts afterwards: an address may stand right inside another one.
    bracket_hosts(&rewrite_schemes(text))
}

const SEPARATOR: &str = "://";
const BROKEN_SEPARATOR: &str = "[:]//";

fn rewrite_schemes(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(colon_at) = rest.find(SEPARATOR) {
        let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.as_bytes()[..colon_at].iter().rev().take_while(|byte| is_scheme(byte)).count();
        shown.push_str(&rest[..colon_at - length]);
        push_scheme(&mut shown, &rest[colon_at - length..colon_at]);
        rest = &rest[colon_at + SEPARATOR.len()..];
    }
    shown.push_str(rest);
    shown
}

/// Writes a scheme nobody knows, and the separator after it.
fn push_scheme(shown: &mut String, scheme: &str) {
    let lower = scheme.to_ascii_lowercase();
    let (at, replacement, length) = if lower.contains("hxxp") || lower.contains("fxp") {
        (0, "", 0)
    } else if let Some(at) = lower.find("http") {
        (at, "hxxp", 4)
    } else if let Some(at) = lower.find("ftp") {
        (at, "fxp", 3)
    } else {
        shown.push_str(scheme);
        shown.push_str(BROKEN_SEPARATOR);
        return;
    };
    shown.push_str(&scheme[..at]);
    shown.push_str(replacement);
    shown.push_str(&scheme[at + length..]);
    shown.push_str(SEPARATOR);
}

fn bracket_hosts(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(host_at) = next_host(rest) {
        shown.push_str(&rest[..host_at]);
        rest = push_host(&mut shown, &rest[host_at..]);
    }
    shown.push_str(rest);
    shown
}

/// Where the next host begins: after a separator, or at a word that begins with `www.`.
fn next_host(text: &str) -> Option<usize> {
    let after = |separator: &str| text.find(separator).map(|at| at + separator.len());
    [after(SEPARATOR), after(BROKEN_SEPARATOR), bare_host(text)].into_iter().flatten().min()
}

fn bare_host(text: &str) -> Option<usize> {
    const PREFIX: &[u8] = b"www.";
    let bytes = text.as_bytes();
    bytes.windows(PREFIX.len()).enumerate().position(|(at, window)| {
        window.eq_ignore_ascii_case(PREFIX) && (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
    })
}

/// Writes the host with bracketed dots and returns what follows it.
fn push_host<'t>(shown: &mut String, text: &'t str) -> &'t str {
    let ends = |character: char| character.is_whitespace() || "/?#\\\"'<>|(){}`,;".contains(character);
    let mut end = text.find(ends).unwrap_or(text.len());
    if text[end..].starts_with("//") {
        // What looked like the end of a host is the separator of a nested address.
        let before = &text[..end];
        end = before.strip_suffix("[:]").or_else(|| before.strip_suffix(':')).map_or(end, str::len);
    }
    let host = &text[..end];
    for (at, character) in host.char_indices() {
        // Full-width and ideographic dots are dots to a resolver.
        let is_dot = matches!(character, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
        if is_dot && !host[..at].ends_with('[') {
            shown.push_str("[.]");
        } else {
            shown.push(character);
        }
    }
    &text[end..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_written_as_analysts_write_them() {
        let cases = [
            ("https://evil.example/a.b?c=d.e", "hxxps://evil[.]example/a.b?c=d.e"),
            ("see HTTP://a.b and http://c.d!", "see hxxp://a[.]b and hxxp://c[.]d!"),
            ("git+https://github.com/a/b.git", "git+hxxps://github[.]com/a/b.git"),
            ("ftp://a.b ssh://c.d", "fxp://a[.]b ssh[:]//c[.]d"),
            ("javascript://a.b/%0aalert(1)", "javascript[:]//a[.]b/%0aalert(1)"),
            ("user:pass@www.evil.example", "user:pass@www[.]evil[.]example"),
            ("https://user@10.0.0.1:8080/x", "hxxps://user@10[.]0[.]0[.]1:8080/x"),
            ("http://evil\u{3002}example", "hxxp://evil[.]example"),
            ("(www.a.b) awww.cute", "(www[.]a[.]b) awww.cute"),
            ("://", "[:]//"),
            ("pkg:npm/socket.io@1.2.3 is no address", "pkg:npm/socket.io@1.2.3 is no address"),
        ];
        for (given, expected) in cases {
            assert_eq!(defang(given), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_clickable_is_left_and_twice_is_once(text in "(https?://|HTTP://|ssh://|www\\.|[a-z.:/ \\[\\]日]){0,30}") {
            let once = defang(&text);
            let lower = once.to_ascii_lowercase();
            let before: Vec<_> = lower.split(SEPARATOR).collect();
            for before in &before[..before.len() - 1] {
                prop_assert!(["hxxp", "hxxps"].iter().any(|scheme| before.ends_with(scheme)), "{}", once);
            }
            prop_assert_eq!(defang(&once), once);
        }
    }
}
