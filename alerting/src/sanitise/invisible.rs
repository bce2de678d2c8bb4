//! Which characters do not show, or change how others show.

/// Characters without a shape of their own: controls, Unicode's default-ignorable code points, separators of
/// lines, annotation marks, the blank Braille pattern and noncharacters.
///
/// Source: `Default_Ignorable_Code_Point` of Unicode 16, `DerivedCoreProperties.txt`, and the classes of UTS #39.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Whether this is the one honest use of a variation selector: right after a symbol, to choose between its
/// black-and-white and its emoji form. Anywhere else selectors carry hidden data.
pub(crate) fn takes_presentation(previous: Option<char>, character: char) -> bool {
    let is_symbol = |symbol| {
        matches!(symbol, '\u{a9}' | '\u{ae}' | '\u{203c}'..='\u{27ff}' | '\u{2900}'..='\u{2bff}' | '\u{3030}'
            | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
            && !is_invisible(symbol)
    };
    matches!(character, '\u{fe0e}' | '\u{fe0f}') && previous.is_some_and(is_symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_honest_only_right_after_a_symbol() {
        assert!(takes_presentation(Some('⚡'), '\u{fe0f}'));
        for previous in [None, Some('a'), Some('1'), Some('\u{fe0f}'), Some('日'), Some('\u{2060}')] {
            assert!(!takes_presentation(previous, '\u{fe0f}'), "{previous:?}");
        }
        assert!(!takes_presentation(Some('⚡'), '\u{fe01}'));
    }

    #[test]
    fn letters_of_every_script_show() {
        for character in "aé日שאहไ한👍\u{301}\u{fffd} ~".chars() {
            assert!(!is_invisible(character), "{character:?}");
        }
    }
}
