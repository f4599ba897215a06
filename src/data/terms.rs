//! What a license lets people do with a model, told apart in plain words.

/// What the stated license of a collection is, as far as it matters for training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// CC0: no rights are reserved.
    PublicDomain,
    /// CC BY: everything is allowed to those who name the artist.
    Attribution,
    /// Another license of Creative Commons, which asks for more than that.
    Conditions,
    /// The holder of a token may use its picture, commercially as well, and no one else may.
    HolderCommercial,
    /// Something else is stated.
    Stated,
    /// Nothing is stated.
    Unknown,
}

/// How the terms of holders are called: what marketplaces and the makers of collections write.
const HOLDERS: &[&str] = &[
    "holder",
    "token owner",
    "nft owner",
    "owner of the nft",
    "owners of the nft",
    "owner of the token",
    "nft license",
    "cbe-ecr",
    "cbe-necr",
    "cbe-pr",
    "can't be evil",
    "cant be evil",
    "commercial rights",
    "commercial use rights",
];

impl Terms {
    /// The terms that the text of a `license` means: an SPDX identifier, or some words.
    pub fn of(license: &str) -> Self {
        let text = license.trim().to_lowercase().replace(['_', ' '], "-");
        let words = license.to_lowercase();
        if text.is_empty() || matches!(&*text, "unknown" | "none" | "n/a" | "noassertion" | "null") {
            return Self::Unknown;
        }
        // Of several together, the narrowest counts.
        let parts: Vec<Self> = text
            .split("-and-")
            .map(|part| Self::of_one(part, &words))
            .collect();
        let narrow = [
            Self::HolderCommercial,
            Self::Stated,
            Self::Conditions,
            Self::Attribution,
        ];
        let found = narrow.into_iter().find(|terms| parts.contains(terms));
        found.unwrap_or(Self::PublicDomain)
    }

    fn of_one(part: &str, words: &str) -> Self {
        let is_zero = part.starts_with("cc0") || part == "cbe-cc0" || part.contains("publicdomain/zero");
        if is_zero || part == "public-domain" {
            return Self::PublicDomain;
        }
        if HOLDERS.iter().any(|word| words.contains(word)) {
            return Self::HolderCommercial;
        }
        let letters = part
            .rsplit("creativecommons.org/licenses/")
            .next()
            .unwrap_or(part);
        let letters = letters.strip_prefix("cc-").unwrap_or(letters);
        match letters.strip_prefix("by") {
            Some(rest) if ["-sa", "-nc", "-nd"].iter().any(|it| rest.contains(it)) => Self::Conditions,
            Some(rest) if rest.is_empty() || rest.starts_with(['-', '/']) => Self::Attribution,
            _ => Self::Stated,
        }
    }

    /// What that means for a model, in a sentence.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::PublicDomain => {
                "CC0: the artist reserves no rights, so a model trained on it may be published and used for anything"
            }
            Self::Attribution => {
                "CC BY: a model trained on it may be published if the artist is named; say whom to credit in \
                 collection.json"
            }
            Self::Conditions => {
                "a license of Creative Commons with conditions (SA: pass on alike, NC: not for money, ND: nothing \
                 changed): read whether they allow a model, and publish it under the same conditions"
            }
            Self::HolderCommercial => {
                "holders have commercial rights: each for the picture of their own token, and no one for all of them. A \
                 model of the whole collection needs the artist's permission"
            }
            Self::Stated => "the collection states terms of its own: read whether they allow a model",
            Self::Unknown => {
                "unknown: the collection states no license, and what is not licensed is the artist's alone. Training for \
                 yourself may be allowed where you live; publishing needs the artist's permission"
            }
        }
    }

    /// Whether a model may be published by what is stated, without a word of the one who publishes.
    pub fn allow_publishing(self) -> bool {
        !matches!(self, Self::HolderCommercial | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_are_told_apart() {
        for (license, expected) in [
            ("CC0-1.0", Terms::PublicDomain),
            ("cc0", Terms::PublicDomain),
            ("CC0 1.0 Universal", Terms::PublicDomain),
            (
                "https://creativecommons.org/publicdomain/zero/1.0/",
                Terms::PublicDomain,
            ),
            ("CC-BY-4.0", Terms::Attribution),
            ("CC BY 4.0", Terms::Attribution),
            ("https://creativecommons.org/licenses/by/4.0/", Terms::Attribution),
            ("CC-BY-NC-4.0", Terms::Conditions),
            ("CC BY-SA 4.0", Terms::Conditions),
            (
                "https://creativecommons.org/licenses/by-nd/4.0/",
                Terms::Conditions,
            ),
            ("Holders have full commercial rights", Terms::HolderCommercial),
            ("NFT License 2.0", Terms::HolderCommercial),
            ("CBE-NECR-HS", Terms::HolderCommercial),
            ("MIT", Terms::Stated),
            ("Free for personal and commercial use", Terms::Stated),
            ("bypass", Terms::Stated),
            ("CC0-1.0 AND MIT", Terms::Stated),
            ("CC0-1.0 AND CC-BY-4.0", Terms::Attribution),
            ("CC0-1.0 AND holders only", Terms::HolderCommercial),
            (" ", Terms::Unknown),
            ("unknown", Terms::Unknown),
        ] {
            assert_eq!(Terms::of(license), expected, "{license}");
        }
        assert!(!Terms::Unknown.allow_publishing() && !Terms::HolderCommercial.allow_publishing());
        assert!(Terms::Stated.allow_publishing() && Terms::PublicDomain.allow_publishing());
    }
}
