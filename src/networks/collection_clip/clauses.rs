//! A sentence, taken apart into what it says of single things.
//!
//! A sentence encoder makes one meaning of a whole sentence and hardly keeps which colour goes with which thing: "blue
//! hair, red shirt" lies next to "red hair, blue shirt". So every clause is read on its own.

/// A text is read up to this many clauses; what comes after them is not.
pub const MAX_CLAUSES: usize = 24;

/// Words that only join clauses.
const JOINTS: &[&str] = &["and", "with", "but", "plus", "&", "+", "has", "have", "having"];

/// Words with which a new clause begins, of which they are part.
const OPENERS: &[&str] = &[
    "wearing", "wears", "on", "in", "without", "no", "against", "before",
];

/// Words that add nothing to a clause.
const ARTICLES: &[&str] = &["a", "an", "the", "his", "her", "their", "its"];

/// The clauses of `text`, in lower case, without articles: "A man with blue hair, in a red shirt" is "man",
/// "blue hair" and "in red shirt". Each begins at a punctuation mark or at a word that joins. There is at least one,
/// though it may be empty, and at most [`MAX_CLAUSES`].
pub fn clauses(text: &str) -> Vec<String> {
    let mut clauses: Vec<String> = vec![];
    let mut clause = String::new();
    let mut close = |clause: &mut String| {
        if !clause.is_empty() {
            clauses.push(std::mem::take(clause));
        }
        clauses.len() < MAX_CLAUSES
    };
    'text: for part in text.split([',', ';', '.', '!', '?', ':', '\n', '(', ')', '/', '|']) {
        for word in part.split_whitespace() {
            let word = word.to_lowercase();
            let joins = JOINTS.contains(&word.as_str());
            if (joins || OPENERS.contains(&word.as_str())) && !close(&mut clause) {
                break 'text;
            }
            if joins || ARTICLES.contains(&word.as_str()) {
                continue;
            }
            if !clause.is_empty() {
                clause.push(' ');
            }
            clause.push_str(&word);
        }
        if !close(&mut clause) {
            break;
        }
    }
    if clauses.is_empty() {
        clauses.push(String::new());
    }
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_is_about_one_thing() {
        for (text, expected) in [
            ("pink hair", &["pink hair"][..]),
            ("Blue hair,red shirt", &["blue hair", "red shirt"]),
            (
                "a happy man with pink hair and round glasses, wearing a blue shirt on the white wall",
                &[
                    "happy man",
                    "pink hair",
                    "round glasses",
                    "wearing blue shirt",
                    "on white wall",
                ],
            ),
            ("bald & grumpy; no hat", &["bald", "grumpy", "no hat"]),
            ("with and, a the", &[""]),
            ("", &[""]),
            (" \u{202e}שיער ורוד. 👩🏽‍🎤", &["\u{202e}שיער ורוד", "👩🏽‍🎤"]),
        ] {
            assert_eq!(clauses(text), expected, "{text:?}");
        }
    }

    #[test]
    fn there_are_never_too_many() {
        assert_eq!(clauses(&"a,b,".repeat(5000)).len(), MAX_CLAUSES);
        assert_eq!(clauses(&"x and ".repeat(1000)).len(), MAX_CLAUSES);
        assert_eq!(clauses(&"x".repeat(10_000)), ["x".repeat(10_000)]);
    }
}
