//! A sentence, taken apart into what it says of single things.
//!
//! A sentence encoder makes one meaning of a whole sentence and hardly keeps which color goes with which
//! thing: "blue hair, red shirt" lies next to "red hair, blue shirt". So every clause is read on its own.
//!
//! What is denied must stay with what denies it, and people deny in many ways that the tower never learned:
//! "not wearing a hat", "doesn't have a hat", "never with a hat" are all the clause "no hat", which it did.

/// A text is read up to this many clauses; what comes after them is not.
pub const MAX_CLAUSES: usize = 24;

/// Words that only join clauses.
const JOINTS: &[&str] = &["and", "with", "but", "plus", "&", "+", "has", "have", "having"];

/// Words with which a new clause begins, of which they are part.
const OPENERS: &[&str] = &["wearing", "wears", "on", "in", "against", "before"];

/// Words that add nothing to a clause.
const ARTICLES: &[&str] = &["a", "an", "the", "his", "her", "their", "its"];

/// Words that deny what follows, and contractions as they are typed without their apostrophe.
const DENIALS: &[&str] = &[
    "no", "not", "without", "never", "neither", "nor", "lacks", "lack", "lacking", "sans", "w/o", "cannot",
    "isnt", "arent", "wasnt", "doesnt", "dont", "didnt", "hasnt", "havent", "wont",
];

/// Words between a denial and the thing denied: "not wearing any hat", "doesn't have a hat", "never seen with
/// a hat".
const BETWEEN: &[&str] = &[
    "wearing", "wears", "wear", "worn", "with", "having", "has", "have", "had", "got", "get", "any", "in",
    "on", "of", "be", "being", "been", "seen", "shown", "showing", "show", "shows", "longer", "more", "even",
    "a", "an", "the", "his", "her", "their", "its",
];

/// Words that only lead to a denial, at the end of the clause before it: "she is not wearing a hat".
const LEADING: &[&str] = &[
    "is", "are", "was", "were", "am", "be", "does", "do", "did", "has", "have", "had", "should", "must",
    "can", "will", "would", "who", "that", "which", "he", "she", "it", "they", "i", "you", "we", "this",
    "there", "i'm", "he's", "she's", "it's", "that's", "who's", "they're", "you're",
];

/// The clauses of `text`, in lower case, without articles: "A man with blue hair, in a red shirt" is "man",
/// "blue hair" and "in red shirt". Each begins at a punctuation mark, at a word that joins or at one that
/// denies, and a denial is said as "no" or "without". There is at least one, though it may be empty, and at
/// most [`MAX_CLAUSES`].
pub fn clauses(text: &str) -> Vec<String> {
    let mut clauses = all_clauses(text);
    clauses.truncate(MAX_CLAUSES);
    clauses
}

/// What [`clauses`] leaves out: the clauses after the last that is read.
pub fn unread_clauses(text: &str) -> Vec<String> {
    let mut clauses = all_clauses(text);
    clauses.split_off(clauses.len().min(MAX_CLAUSES))
}

fn all_clauses(text: &str) -> Vec<String> {
    let mut reader = Reader::default();
    for part in parts(text) {
        for word in part.split_whitespace() {
            reader.read(&word.to_lowercase().replace('\u{2019}', "'"));
        }
        reader.close();
    }
    if reader.clauses.is_empty() {
        reader.clauses.push(String::new());
    }
    reader.clauses
}

/// `text` between its punctuation marks. The slash in "w/o" is none.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let in_without = move |at: usize| {
        let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).map(u8::to_ascii_lowercase);
        let ends = |at: Option<usize>| letter(at).is_none_or(|byte| byte.is_ascii_whitespace());
        letter(at.checked_sub(1)) == Some(b'w')
            && letter(Some(at + 1)) == Some(b'o')
            && ends(at.checked_sub(2))
            && ends(Some(at + 2))
    };
    let mut start = 0;
    let mut marks = text
        .char_indices()
        .filter(move |&(at, c)| {
            matches!(c, ',' | ';' | '.' | '!' | '?' | ':' | '\n' | '(' | ')' | '|')
                || c == '/' && !in_without(at)
        })
        .map(|(at, _)| at)
        .chain([text.len()]);
    std::iter::from_fn(move || {
        let end = marks.next()?;
        let part = &text[start..end];
        start = end + 1;
        Some(part)
    })
}

/// Puts words together to clauses.
#[derive(Default)]
struct Reader {
    clauses: Vec<String>,
    /// The words of the clause that is being read, without what denies it.
    words: Vec<String>,
    /// The word that says so, where the clause is denied.
    denied: Option<&'static str>,
}

impl Reader {
    /// Takes a word in lower case.
    fn read(&mut self, word: &str) {
        let begins = self.words.is_empty();
        if denies(word) {
            // Two denials are none: "not without a hat".
            let cancels = self.denied.is_some() && begins && matches!(word, "without" | "w/o");
            self.deny();
            self.denied = match word {
                _ if cancels => None,
                "without" => Some("without"),
                _ => Some("no"),
            };
            return;
        }
        if self.denied.is_some() && begins && BETWEEN.contains(&word) {
            return;
        }
        // "no hat or glasses", "neither a hat nor glasses".
        if self.denied.is_some() && word == "or" {
            let denied = self.denied;
            self.close();
            self.denied = denied;
            return;
        }
        let joins = JOINTS.contains(&word);
        if joins || OPENERS.contains(&word) {
            self.close();
        }
        if !joins && !ARTICLES.contains(&word) {
            self.words.push(word.to_owned());
        }
    }

    /// Ends the clause before a denial, without the words that only led to it.
    fn deny(&mut self) {
        if self.denied.is_none() {
            while self
                .words
                .last()
                .is_some_and(|word| LEADING.contains(&word.as_str()))
            {
                self.words.pop();
            }
        }
        self.close();
    }

    /// Ends the clause, if there is one.
    fn close(&mut self) {
        let denied = self.denied.take();
        if self.words.is_empty() {
            return;
        }
        let words = std::mem::take(&mut self.words).join(" ");
        self.clauses.push(match denied {
            Some(denial) => format!("{denial} {words}"),
            None => words,
        });
    }
}

fn denies(word: &str) -> bool {
    DENIALS.contains(&word) || word.ends_with("n't")
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
            ("black/white shirt (old)", &["black", "white shirt", "old"]),
            ("with and, a the", &[""]),
            ("", &[""]),
            (" \u{202e}שיער ורוד. 👩🏽‍🎤", &["\u{202e}שיער ורוד", "👩🏽‍🎤"]),
        ] {
            assert_eq!(clauses(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_denied_stays_denied() {
        for text in [
            "no hat",
            "not a hat",
            "not wearing a hat",
            "Not wearing any hat",
            "isn't wearing a hat",
            "isn\u{2019}t wearing a hat",
            "isnt wearing a hat",
            "she is not wearing a hat",
            "doesn't wear a hat",
            "does not wear a hat",
            "they don't have a hat",
            "hasn't got a hat",
            "never with a hat",
            "never wears a hat",
            "never seen in a hat",
            "no longer wearing a hat",
            "lacks a hat",
            "lacking a hat",
            "w/o a hat",
            "W/O HAT",
            "sans hat",
            "not with a hat",
            "neither wearing a hat",
        ] {
            assert_eq!(clauses(text), ["no hat"], "{text:?}");
        }
        for (text, expected) in [
            ("without a hat", &["without hat"][..]),
            ("without wearing a hat", &["without hat"]),
            ("pink hair, not wearing glasses", &["pink hair", "no glasses"]),
            ("pink hair but not wearing glasses", &["pink hair", "no glasses"]),
            (
                "a man who is not wearing glasses with pink hair",
                &["man", "no glasses", "pink hair"],
            ),
            (
                "not wearing glasses, wearing a hat",
                &["no glasses", "wearing hat"],
            ),
            ("no glasses or hat", &["no glasses", "no hat"]),
            ("without glasses or a hat", &["without glasses", "without hat"]),
            ("neither glasses nor a hat", &["no glasses", "no hat"]),
            ("no hat and pink hair", &["no hat", "pink hair"]),
            ("never without a hat", &["hat"]),
            ("not smiling", &["no smiling"]),
            ("isn't on a blue background", &["no blue background"]),
            ("a knot of hair", &["knot of hair"]),
            ("she is happy", &["she is happy"]),
        ] {
            assert_eq!(clauses(text), expected, "{text:?}");
        }
    }

    #[test]
    fn there_are_never_too_many() {
        assert_eq!(clauses(&"a,b,".repeat(5000)).len(), MAX_CLAUSES);
        assert_eq!(clauses(&"x and ".repeat(1000)).len(), MAX_CLAUSES);
        assert_eq!(clauses(&"x".repeat(10_000)), ["x".repeat(10_000)]);
        let text: String = (0..26).map(|i| format!("thing {i}, ")).collect();
        assert_eq!(unread_clauses(&text), ["thing 24", "thing 25"]);
        assert_eq!(unread_clauses("pink hair"), [""; 0]);
    }
}
