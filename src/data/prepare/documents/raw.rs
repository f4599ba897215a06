//! JSON that stays text until a piece of it is needed.
//!
//! Values in memory take up to thirty times as much as their text, and a file may hold a million of which
//! nothing is used. So the whole is checked once, without keeping anything, and then cut at its commas.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// One value of a JSON text, without space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// # Errors
    /// In words, when the text is not JSON.
    pub fn new(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(Self(text.trim()))
    }

    pub fn text(self) -> &'a str {
        self.0
    }

    pub fn is_list(self) -> bool {
        self.0.starts_with('[')
    }

    pub fn is_map(self) -> bool {
        self.0.starts_with('{')
    }

    pub fn is_text(self) -> bool {
        self.0.starts_with('"')
    }

    /// The values of a list; nothing of anything else.
    pub fn items(self) -> impl Iterator<Item = Raw<'a>> {
        self.pieces(self.is_list()).map(Raw)
    }

    /// The keys and values of a map; nothing of anything else.
    pub fn fields(self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> {
        self.pieces(self.is_map()).filter_map(|piece| {
            let (key, value) = piece.split_at(1 + closing_quote(piece.get(1..)?)? + 1);
            let value = value.trim_start().strip_prefix(':')?.trim_start();
            Some((Raw(key).parse::<Text>()?.0, Raw(value)))
        })
    }

    /// The value itself, if it is of that kind.
    pub fn parse<T: Deserialize<'a>>(self) -> Option<T> {
        serde_json::from_str(self.0).ok()
    }

    /// A text, or a list of the pieces of one.
    pub fn joined(self) -> Option<Cow<'a, str>> {
        if self.is_text() {
            return Some(self.parse::<Text>()?.0);
        }
        let mut text = String::new();
        for piece in self.items() {
            text += &piece.parse::<Text>()?.0;
        }
        self.is_list().then_some(text.into())
    }

    fn pieces(self, is_wanted: bool) -> impl Iterator<Item = &'a str> {
        let mut rest = match self.0.get(1..self.0.len() - 1) {
            Some(inside) if is_wanted => inside.trim(),
            _ => "",
        };
        std::iter::from_fn(move || {
            let end = (!rest.is_empty()).then(|| comma(rest).unwrap_or(rest.len()))?;
            let piece = rest[..end].trim();
            rest = rest.get(end + 1..).unwrap_or("");
            Some(piece)
        })
    }
}

/// Borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Where the first value ends, in what is inside a list or a map.
fn comma(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at += 1 + closing_quote(&text[at + 1..])?,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a text ends that began in front of `rest`.
fn closing_quote(rest: &str) -> Option<usize> {
    let mut is_escaped = false;
    rest.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_where_a_parser_would() {
        let text = r#" [ 1, "a,]\"\\", [2, {"x": "}"}], {}, [], null ] "#;
        let items: Vec<&str> = Raw::new(text).unwrap().items().map(Raw::text).collect();
        assert_eq!(
            items,
            ["1", r#""a,]\"\\""#, r#"[2, {"x": "}"}]"#, "{}", "[]", "null"]
        );
        let text = "{\"a\\u0062,\": [1,\n2] , \"c\\\"\":\"\\\\\", \"\" : {\"d\": 1}, \"\u{e9}\": \"\u{e9}\"}";
        let fields: Vec<(String, &str)> = Raw::new(text)
            .unwrap()
            .fields()
            .map(|(key, value)| (key.into_owned(), value.text()))
            .collect();
        let expected = [
            ("ab,", "[1,\n2]"),
            ("c\"", "\"\\\\\""),
            ("", "{\"d\": 1}"),
            ("\u{e9}", "\"\u{e9}\""),
        ];
        assert_eq!(fields, expected.map(|(key, value)| (key.to_string(), value)));
        for (text, count) in [("[]", 0), ("{ }", 0), ("\"[1,2]\"", 0), ("7", 0), ("[[]]", 1)] {
            assert_eq!(Raw::new(text).unwrap().items().count(), count, "{text}");
        }
        assert!(Raw::new("[1,]").is_err() && Raw::new("{} {}").is_err() && Raw::new("").is_err());
    }

    #[test]
    fn joins_pieces_of_text() {
        let joined = |text| Raw::new(text).unwrap().joined().map(Cow::into_owned);
        assert_eq!(joined("\"a\\nb\"").as_deref(), Some("a\nb"));
        assert_eq!(joined("[\"ipfs://\", \"Qm\"]").as_deref(), Some("ipfs://Qm"));
        assert_eq!((joined("{}"), joined("[1]"), joined("3")), (None, None, None));
    }
}
