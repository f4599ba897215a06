//! ERC-721 style metadata: what a collection's JSON says about one picture.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One named property of a picture, such as `hair color: pink`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait {
    /// What the property is of: `hair`, `background`.
    pub trait_type: String,
    /// What it is, in words.
    pub value: String,
}

/// What a token's JSON says that a dataset can use.
#[derive(Debug, Default)]
pub(super) struct Token {
    /// Where its picture is: a path, an address or a `data:` URI.
    pub image: Option<String>,
    /// Its properties in words.
    pub traits: Vec<Trait>,
}

/// Longer texts are no names of traits.
const MAX_CHARS: usize = 200;
/// More traits than any collection has.
const MAX_TRAITS: usize = 64;

/// Reads the tokens of one JSON file: an object is one, an array (some tools write one file for all) is many.
///
/// # Errors
/// In words, when the file is not JSON or says nothing about pictures.
pub(super) fn tokens(bytes: &[u8]) -> Result<Vec<Token>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let tokens: Vec<Token> = match value {
        Value::Array(values) => values.iter().filter_map(token).collect(),
        value => token(&value).into_iter().collect(),
    };
    if tokens.is_empty() {
        Err("JSON with neither `attributes` nor `image`".into())
    } else {
        Ok(tokens)
    }
}

fn token(value: &Value) -> Option<Token> {
    let attributes = value.get("attributes").or_else(|| value.get("traits"));
    let image = value.get("image").and_then(Value::as_str).map(str::to_string);
    if attributes.is_none() && image.is_none() {
        return None;
    }
    let traits = match attributes {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|item| {
                named(
                    item.get("trait_type").and_then(Value::as_str).unwrap_or(""),
                    item.get("value")?,
                )
            })
            .take(MAX_TRAITS)
            .collect(),
        Some(Value::Object(map)) => map
            .iter()
            .filter_map(|(name, value)| named(name, value))
            .take(MAX_TRAITS)
            .collect(),
        _ => vec![],
    };
    Some(Token { image, traits })
}

/// A trait in words. Numbers (a rank, a birthday) cannot be seen in a picture, and neither can what is false.
fn named(trait_type: &str, value: &Value) -> Option<Trait> {
    let value = match value {
        Value::String(text) => text.trim(),
        Value::Bool(true) => trait_type,
        _ => return None,
    };
    let fits = |text: &str| text.chars().count() <= MAX_CHARS;
    let is_number = value.parse::<f64>().is_ok();
    (fits(trait_type) && fits(value) && !value.is_empty() && !is_number).then(|| Trait {
        trait_type: trait_type.trim().to_string(),
        value: value.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(json: &str) -> Vec<(String, String)> {
        let tokens = tokens(json.as_bytes()).unwrap();
        tokens
            .into_iter()
            .flat_map(|token| token.traits)
            .map(|named| (named.trait_type, named.value))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_string(), value.to_string())
    }

    #[test]
    fn reads_what_can_be_seen() {
        let json = r#"{"image": "1.png", "attributes": [
            {"trait_type": "Hair", "value": " Pink "}, {"trait_type": "Rank", "value": 17},
            {"trait_type": "Rank", "value": "17"}, {"trait_type": "Hat", "value": true},
            {"trait_type": "Pipe", "value": false}, {"value": "Robot"}, "nonsense", {"trait_type": "x"}]}"#;
        assert_eq!(
            pairs(json),
            [pair("Hair", "Pink"), pair("Hat", "Hat"), pair("", "Robot")]
        );
        assert_eq!(
            pairs(r#"{"attributes": {"hair": "pink"}}"#),
            [pair("hair", "pink")]
        );
        assert_eq!(
            pairs("\u{feff}[{\"traits\": {\"hat\": \"cap\"}}, {\"image\": \"2.png\"}]"),
            [pair("hat", "cap")]
        );
    }

    #[test]
    fn refuses_what_is_no_token() {
        let reason = |bytes: &[u8]| tokens(bytes).unwrap_err();
        assert!(reason(b"\xff\xfe{}").contains("not UTF-8"));
        assert!(reason(b"{\"image\":").contains("not JSON"));
        assert!(reason(b"{\"name\": \"a package\"}").contains("neither"));
        assert!(reason("[".repeat(100_000).as_bytes()).contains("not JSON"));
        let long = format!(r#"{{"attributes": {{"hair": "{}"}}}}"#, "x".repeat(1000));
        assert!(pairs(&long).is_empty());
    }
}
