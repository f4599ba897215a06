//! What a model's words are about.

use super::checks::{check, check_text};
use crate::weights::Error;
use serde::{Deserialize, Serialize};

/// Something that a model knows in words, such as hair: its kinds and its colors in the words of its
/// training, from which sentences are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTrait {
    /// As its collection calls it, in lower case with spaces: "clothes".
    pub name: String,
    /// As training calls it in general: "shirt".
    pub noun: String,
    /// Its kinds: "checkered shirt", "turtleneck".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Its colors: "blue".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub colors: Vec<String>,
    /// Whether some of the collection's avatars have none.
    #[serde(default)]
    pub optional: bool,
}

impl KnownTrait {
    /// A model knows at most so many.
    pub const MAX: usize = 64;

    /// All of them together have at most so many kinds and colors.
    pub const MAX_VALUES: usize = 4096;

    /// The longest name, kind or color, in characters.
    pub const MAX_CHARS: usize = 200;
}

pub(super) fn check_traits(traits: &[KnownTrait]) -> Result<(), Error> {
    let most = KnownTrait::MAX;
    check(
        "traits",
        format!("a list of {}", traits.len()),
        traits.len() <= most,
        &format!("at most {most}"),
    )?;
    let values: usize = traits
        .iter()
        .map(|known| known.kinds.len() + known.colors.len())
        .sum();
    let most = KnownTrait::MAX_VALUES;
    check(
        "traits",
        format!("{values} kinds and colors"),
        values <= most,
        &format!("at most {most}"),
    )?;
    for known in traits {
        let names = [&known.name, &known.noun].into_iter();
        for text in names.chain(&known.kinds).chain(&known.colors) {
            check_text("traits", text.trim(), 1..=KnownTrait::MAX_CHARS)?;
        }
    }
    Ok(())
}
