//! The outermost layer of a JSON text, cut up without reading what lies in it: members of an object, elements of an
//! array, where a value ends. Tolerant: at the first thing that is no JSON it stops, and the format says what is wrong.

/// The members at an object's top: key and value as they are written.
pub(crate) fn members(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text.trim_ascii_start().strip_prefix('{').unwrap_or("");
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_ascii_start();
        let end = string_end(rest)?;
        let key = &rest[1..end - 1];
        let value = rest[end..].trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
        let length = value_end(value).unwrap_or(value.len());
        rest = &value[length..];
        Some((key, value[..length].trim_ascii_end()))
    })
}

/// The elements of an array, as they are written; `None` if it is no whole array.
pub(crate) fn elements(text: &str, most: usize) -> Option<Vec<&str>> {
    let mut rest = text.trim_ascii().strip_prefix('[')?.strip_suffix(']')?.trim_ascii();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = value_end(rest)?;
        found.push(rest[..length].trim_ascii_end());
        if found.len() > most {
            return None;
        }
        rest = rest[length..].trim_ascii_start();
        if let Some(behind) = rest.strip_prefix(',') {
            rest = behind.trim_ascii_start();
        } else if !rest.is_empty() {
            return None;
        }
    }
    Some(found)
}

/// Where the value at the beginning of a text ends.
pub(crate) fn value_end(text: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        b'"' => string_end(text),
        b'{' | b'[' => nested_end(text.as_bytes()),
        _ => Some(text.find([',', '}', ']', '\n', ' ', '\t', '\r']).unwrap_or(text.len()))
            .filter(|end| *end > 0),
    }
}

fn nested_end(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += string_length(&bytes[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn string_end(text: &str) -> Option<usize> {
    if text.starts_with('"') { string_length(text.as_bytes()) } else { None }
}

/// The length of a string, quotation marks included.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        assert_eq!(members(text).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn members_are_found_whatever_their_values_hold() {
        check(
            r#"{"a":1,"b":"x,}\"","c":{"d":[1,"]"]}, "e" : null}"#,
            &[("a", "1"), ("b", r#""x,}\"""#), ("c", r#"{"d":[1,"]"]}"#), ("e", "null")],
        );
        check("{}", &[]);
        check("{\"cut\": [1,", &[("cut", "[1,")]);
        check("{\"cut", &[]);
        check("no object", &[]);
    }

    #[test]
    fn elements_are_those_of_a_whole_array_only() {
        assert_eq!(elements(r#"[ {"a":[1]} , 2,"]" ]"#, 9), Some(vec![r#"{"a":[1]}"#, "2", r#""]""#]));
        assert_eq!(elements("[]", 9), Some(vec![]));
        assert_eq!(elements("[1 2]", 9), None);
        assert_eq!(elements("[1,2,3]", 2), None);
        assert_eq!(elements("[{]", 9), None);
    }
}
