//! Text that others wrote, made safe for a terminal, a log and a caption.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The text with every invisible character written out, as `\u{1b}`: what moves a cursor, colors a terminal,
/// begins a line or turns the direction of reading.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// The text as it reads: without invisible characters, with single spaces between its words and none around
/// them.
pub(super) fn readable(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter_map(|letter| match letter {
            _ if letter.is_whitespace() || letter.is_control() => Some(' '),
            _ => (!is_hidden(letter)).then_some(letter),
        })
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_hidden(letter: char) -> bool {
    match letter.general_category() {
        GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            true
        }
        // The joiners are part of how some scripts and many emoji are written.
        GeneralCategory::Format => !matches!(letter, '\u{200c}' | '\u{200d}'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_hides() {
        assert_eq!(printable("1.png"), "1.png");
        assert_eq!(printable("\u{1b}[2J\r\n\u{7}"), "\\u{1b}[2J\\u{d}\\u{a}\\u{7}");
        assert_eq!(
            printable("\u{202e}gnp\u{2066}\u{9b}\u{feff}\u{2028}"),
            "\\u{202e}gnp\\u{2066}\\u{9b}\\u{feff}\\u{2028}"
        );
        assert_eq!(
            printable("h\u{e9} \u{1f469}\u{200d}\u{1f680} \u{732b}"),
            "h\u{e9} \u{1f469}\u{200d}\u{1f680} \u{732b}"
        );
    }

    #[test]
    fn leaves_out_what_does_not_read() {
        assert_eq!(readable("  long \t pink\u{0}hair\n"), "long pink hair");
        assert_eq!(readable("\u{202e}pi\u{ad}nk\u{2069} \u{1b}[31m"), "pink [31m");
        assert_eq!(readable(" \u{a0}\u{200b} "), "");
    }
}
