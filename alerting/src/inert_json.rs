//! JSON whose bytes are harmless to look at: the same values, with every hiding character written as `\uXXXX`.
//!
//! A program reads exactly what was meant; a terminal, an editor or a log viewer that shows the bytes shows no
//! forged line, no reversed name and no escape sequence.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use crate::sanitise::is_invisible;

/// The value as compact JSON in one line.
///
/// # Errors
/// When the value cannot be JSON, as a map whose keys are no strings.
pub fn to_inert_json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::with_capacity(1024);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Inert))?;
    Ok(bytes)
}

struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| is_invisible(*character)) {
            CompactFormatter.write_string_fragment(writer, &fragment[plain_from..at])?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain_from = at + character.len_utf8();
        }
        CompactFormatter.write_string_fragment(writer, &fragment[plain_from..])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hiding_characters_are_written_as_json_escapes() {
        let text = "a\u{202e}b\u{7f}\n\u{1b}[2J\u{e0041}\u{2028}é";
        let json = String::from_utf8(to_inert_json(&text).unwrap()).unwrap();
        assert_eq!(json, r#""a\u202eb\u007f\n\u001b[2J\udb40\udc41\u2028é""#);
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_same_value_and_a_viewer_nothing_hidden(text in any::<String>()) {
            let bytes = to_inert_json(&[&text]).unwrap();
            let json = String::from_utf8(bytes).unwrap();
            prop_assert!(!json.chars().any(is_invisible));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), vec![text]);
        }
    }
}
