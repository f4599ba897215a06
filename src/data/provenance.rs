//! Where a collection comes from and what may be done with it.

use serde::{Deserialize, Deserializer, Serialize};

use super::printable::readable;

/// Longer texts are no names and no credits.
const MAX_CHARS: usize = 10_000;

/// Whose art it is and under which license: `collection.json` beside the art.
///
/// It travels unchanged from the collection through dataset and run into the published bundle, because a
/// model may be passed on only as far as the pictures it was trained on. A collection without the file has an
/// empty provenance: it can be trained on, and publishing then asks for a license.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The collection's name, as people say it.
    #[serde(deserialize_with = "text")]
    pub name: String,
    /// An SPDX identifier such as `CC0-1.0`, or the license in words.
    #[serde(alias = "licence", deserialize_with = "text")]
    pub license: String,
    /// Whom to credit, in the words that the artist asks for.
    #[serde(deserialize_with = "text")]
    pub attribution: String,
    /// The address of the original.
    #[serde(deserialize_with = "text")]
    pub source: String,
}

impl Provenance {
    /// The file's name, in a collection and in a dataset alike.
    pub const FILE_NAME: &str = "collection.json";

    /// More than any provenance needs, little enough to read a hostile file whole.
    pub(super) const MAX_BYTES: u64 = 1 << 20;

    /// Reads the text of a collection's `collection.json`. Some generators give that name to the list of all
    /// tokens, which says nothing about the license.
    ///
    /// # Errors
    /// In words, for the list of skipped files.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('[') {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| {
            format!(
                "says whose pictures these are, and cannot be read: {error}; expected texts for `name`, `license`, \
                 `attribution` and `source`"
            )
        })
    }
}

/// A text that is safe to print; null is no text.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    let chars = text.chars().count();
    if chars > MAX_CHARS {
        return Err(serde::de::Error::custom(format!(
            "a text of {chars} letters, expected at most {MAX_CHARS}"
        )));
    }
    Ok(readable(&text))
}
