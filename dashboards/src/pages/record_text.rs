//! A record's text, laid out to be read: JSON with line breaks and indents, and not one character changed.

/// Spaces of one step of indentation.
const STEP: usize = 2;
/// Deepest indentation; JSON may be nested deeper.
const MAX_DEPTH: usize = 32;
/// How many times its length a record may grow; one of brackets alone is not worth it.
const MAX_GROWTH: usize = 8;

/// The record with line breaks and indents between its JSON tokens; `None` if it does not look like JSON, or has
/// line breaks of its own. Nothing is parsed, so order, doubled keys and spelling stay as they are.
pub(super) fn indented(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = bytes.trim_ascii();
    let looks = matches!((text.first()?, text.last()?), (b'{', b'}') | (b'[', b']'));
    if !looks || text.contains(&b'\n') {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let (mut depth, mut place) = (0_usize, Place::Between);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if out.len() > MAX_GROWTH * text.len() {
            return None;
        }
        at += 1;
        match (place, byte) {
            (Place::Escaped, _) => {
                out.push(byte);
                place = Place::InString;
            }
            (Place::InString, _) => {
                out.push(byte);
                place = match byte {
                    b'\\' => Place::Escaped,
                    b'"' => Place::Between,
                    _ => Place::InString,
                };
            }
            (Place::Between, b'{' | b'[') => {
                out.push(byte);
                // An empty pair stays on its line.
                if let Some(end @ (b'}' | b']')) = text.get(at).copied() {
                    out.push(end);
                    at += 1;
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            (Place::Between, b'}' | b']') => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(byte);
            }
            (Place::Between, b',') => {
                out.push(byte);
                break_line(&mut out, depth);
            }
            (Place::Between, b':') => out.extend_from_slice(b": "),
            (Place::Between, b' ' | b'\t') => {}
            (Place::Between, _) => {
                out.push(byte);
                if byte == b'"' {
                    place = Place::InString;
                }
            }
        }
    }
    Some(out)
}

#[derive(Clone, Copy)]
enum Place {
    /// Between strings.
    Between,
    /// Inside a string.
    InString,
    /// Behind a backslash.
    Escaped,
}

fn break_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', STEP * depth.min(MAX_DEPTH)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expected: Option<&str>) {
        let laid_out = indented(given.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(laid_out.as_deref(), expected, "{given}");
    }

    #[test]
    fn json_is_laid_out_without_being_changed() {
        check(
            r#"{"a":1,"a":[true,{}],"b":"x,{\"}:"}"#,
            Some("{\n  \"a\": 1,\n  \"a\": [\n    true,\n    {}\n  ],\n  \"b\": \"x,{\\\"}:\"\n}"),
        );
        check(r#"[ 1 , 2 ]"#, Some("[\n  1,\n  2\n]"));
        check("{\"unfinished", None);
        check("10.0.0.1 - - [x] \"GET /\"", None);
        check("{\n}", None);
        check("", None);
    }

    #[test]
    fn deep_nesting_does_not_blow_up() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(indented(nested(5).as_bytes()).is_some());
        assert_eq!(indented(nested(10_000).as_bytes()), None);
    }
}
