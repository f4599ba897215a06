//! Texts of others, made safe to print.
//!
//! Names in a file, a manifest or a folder may hold control characters, which move a terminal's cursor and
//! change its colors, and formatting characters, which turn the order of what is read. Whatever of it reaches
//! an error or a terminal goes through here.

use std::borrow::Cow;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Joins the parts of an emoji, and letters of some scripts; it moves nothing.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// `text` on one line, with `\u{..}` for every character that does more than show itself.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, shows_itself)
}

/// As [`printable`], where `text` may have several lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n' || shows_itself(c))
}

/// The first `chars` characters of `text`, printable, and dots where that is not all.
pub fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&keep) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match keep(c) {
            true => safe.push(c),
            false => safe.extend(c.escape_default()),
        }
    }
    Cow::Owned(safe)
}

fn shows_itself(c: char) -> bool {
    JOINERS.contains(&c)
        || !matches!(
            c.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_turns_the_text_is_escaped() {
        for (text, expected) in [
            ("generator.gguf", "generator.gguf"),
            ("שיער ורוד 👩🏽‍🎤 é", "שיער ורוד 👩🏽‍🎤 é"),
            ("\x1b[31mred\x07", "\\u{1b}[31mred\\u{7}"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{9b}2J\u{2066}a\u{2069}", "\\u{9b}2J\\u{2066}a\\u{2069}"),
            ("a\nerror: b\r\t", "a\\nerror: b\\r\\t"),
            ("a\u{2028}b\u{feff}\u{200b}", "a\\u{2028}b\\u{feff}\\u{200b}"),
        ] {
            assert_eq!(printable(text), expected);
        }
        assert_eq!(printable_lines("a\nb\x1bc"), "a\nb\\u{1b}c");
    }

    #[test]
    fn long_texts_are_shortened_between_characters() {
        assert_eq!(shortened("ж\x1bжж", 2), "ж\\u{1b}...");
        assert_eq!(shortened("жж", 2), "жж");
    }
}
