//! Whether a model may be published at all.

use crate::data::Terms;
use anyhow::bail;

/// The license that a bundle states. Without one that allows a model, or the `words` of who has the rights,
/// nothing is published.
pub(super) fn license(stated: &str, words: Option<&str>) -> anyhow::Result<String> {
    let stated = stated.trim();
    let terms = Terms::of(stated);
    if terms.allow_publishing() {
        return Ok(stated.into());
    }
    match words.map(str::trim) {
        Some("") => {
            bail!("--i-have-the-rights is empty: say in your own words why you may publish this model")
        }
        Some(words) => Ok(format!("No public license. The publisher states: \"{words}\"")),
        None if terms == Terms::Unknown => bail!(
            "the collection states no license, so this model may not be passed on: give the one that you have with \
             --license, such as --license CC0-1.0, or say why you may with --i-have-the-rights \"WORDS\""
        ),
        None => bail!(
            "the license is {stated:?}: {}. If you have it, say so with --i-have-the-rights \"WORDS\"",
            terms.in_words()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_needs_a_license_or_a_word() {
        let said = |stated, words| license(stated, words).map_err(|error| error.to_string());
        assert_eq!(said(" CC0-1.0 ", None).as_deref(), Ok("CC0-1.0"));
        assert_eq!(said("Mine", Some("I drew it")).as_deref(), Ok("Mine"));
        for refused in ["", "unknown", "Holders have commercial rights"] {
            assert!(
                said(refused, None).unwrap_err().contains("--i-have-the-rights"),
                "{refused}"
            );
            assert!(said(refused, Some(" ")).unwrap_err().contains("is empty"));
            let stated = said(refused, Some("I drew all of it")).unwrap();
            assert!(stated.contains("\"I drew all of it\""), "{stated}");
        }
    }
}
