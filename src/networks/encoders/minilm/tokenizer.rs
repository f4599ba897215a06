//! WordPiece as BERT's uncased models use it: Devlin et al., "BERT" (2019); Wu et al., "Google's Neural
//! Machine Translation System" (2016).
//!
//! Text is lower-cased and loses its accents, words and punctuation are taken apart, and each word becomes
//! the longest entries of the vocabulary from left to right. One difference from the libraries that the
//! models were trained with: a text that spells `[SEP]` or another special token means these letters, because
//! visitors type it.

use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// A sentence is cut to so many tokens, the two that enclose it included.
pub const MAX_TOKENS: usize = 128;

/// A longer word is unknown as a whole.
const MAX_WORD_CHARS: usize = 100;

/// No vocabulary has more entries.
const MAX_ENTRIES: usize = 1 << 17;

/// Why a text is no vocabulary.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VocabularyError {
    /// A token that every sentence needs is missing.
    #[error("the vocabulary lacks {0}: expected the vocab.txt of an uncased BERT model, one token a line")]
    Missing(&'static str),
    /// More entries than any vocabulary has.
    #[error("the vocabulary has {0} entries, expected at most 131072")]
    TooLong(usize),
}

/// Text to token ids.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    ids: HashMap<String, u32>,
    entries: usize,
    unknown: u32,
    start: u32,
    end: u32,
}

impl Tokenizer {
    /// Reads a vocabulary of one token a line, whose id is the line's number from zero.
    ///
    /// # Errors
    ///
    /// [`VocabularyError`] when `[UNK]`, `[CLS]` or `[SEP]` is missing or there are too many entries.
    pub fn from_vocabulary(text: &str) -> Result<Self, VocabularyError> {
        let entries = text.lines().count();
        if entries > MAX_ENTRIES {
            return Err(VocabularyError::TooLong(entries));
        }
        let ids: HashMap<String, u32> = text
            .lines()
            .zip(0..)
            .map(|(token, id)| (token.trim_end().to_owned(), id))
            .collect();
        let special = |token: &'static str| ids.get(token).copied().ok_or(VocabularyError::Missing(token));
        Ok(Self {
            unknown: special("[UNK]")?,
            start: special("[CLS]")?,
            end: special("[SEP]")?,
            ids,
            entries,
        })
    }

    /// How many entries the vocabulary has; every id is below this.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Whether `word`, in lower case, is a word of the vocabulary by itself.
    pub fn knows(&self, word: &str) -> bool {
        self.ids.contains_key(word)
    }

    /// The ids of `text` between `[CLS]` and `[SEP]`, at most [`MAX_TOKENS`]; what comes after them is not
    /// read.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.encode_within(text, MAX_TOKENS).0
    }

    /// As [`encode`](Self::encode), for a network that reads at most `tokens`, which are at least three; and
    /// whether anything of `text` was left out.
    pub fn encode_within(&self, text: &str, tokens: usize) -> (Vec<u32>, bool) {
        let most = tokens.min(MAX_TOKENS) - 1;
        let mut ids = vec![self.start];
        let mut word = Word::default();
        for c in normalized(text) {
            // One token more than fits shows that something is left out.
            if ids.len() > most {
                break;
            }
            let alone = is_punctuation(c);
            if alone || c.is_whitespace() {
                self.push_word(&mut word, &mut ids);
            } else {
                word.push(c);
            }
            if alone {
                word.push(c);
                self.push_word(&mut word, &mut ids);
            }
        }
        self.push_word(&mut word, &mut ids);
        let cut = ids.len() > most;
        ids.truncate(most);
        ids.push(self.end);
        (ids, cut)
    }

    /// Appends the pieces of `word`, or one unknown token where it cannot be composed, and empties it.
    fn push_word(&self, word: &mut Word, ids: &mut Vec<u32>) {
        let before = ids.len();
        let text = std::mem::take(&mut word.text);
        if std::mem::take(&mut word.chars) > MAX_WORD_CHARS {
            ids.push(self.unknown);
            return;
        }
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let longest = rest.char_indices().rev().find_map(|(start, c)| {
                let piece = &rest[..start + c.len_utf8()];
                let id = if rest.len() == text.len() {
                    self.ids.get(piece)
                } else {
                    self.ids.get(&format!("##{piece}"))
                };
                Some((piece.len(), *id?))
            });
            let Some((length, id)) = longest else {
                ids.truncate(before);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[length..];
        }
    }
}

/// A word so far. Of one that is too long to be known, no more than its length is kept.
#[derive(Default)]
struct Word {
    text: String,
    chars: usize,
}

impl Word {
    fn push(&mut self, c: char) {
        self.chars += 1;
        if self.chars <= MAX_WORD_CHARS {
            self.text.push(c);
        }
    }
}

/// Without control characters and accents, ideographs spaced, in lower case.
fn normalized(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars()
        .filter(|&c| c != '\u{fffd}' && !is_control(c))
        .flat_map(|c| {
            let space = is_ideograph(c).then_some(' ');
            space.into_iter().chain([c]).chain(space)
        })
        .nfd()
        .filter(|c| c.general_category() != GeneralCategory::NonspacingMark)
        .flat_map(char::to_lowercase)
}

/// Control, format and private characters, which are not seen.
fn is_control(c: char) -> bool {
    !matches!(c, '\t' | '\n' | '\r')
        && matches!(
            c.general_category(),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        )
}

/// Every ASCII character that is no letter, digit or space counts, `$` and `^` among them.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// The blocks of Chinese characters, which are written without spaces and stand for a word each.
fn is_ideograph(c: char) -> bool {
    matches!(
        u32::from(c),
        0x4e00..=0x9fff
            | 0x3400..=0x4dbf
            | 0x20000..=0x2a6df
            | 0x2a700..=0x2b73f
            | 0x2b740..=0x2b81f
            | 0x2b920..=0x2ceaf
            | 0xf900..=0xfaff
            | 0x2f800..=0x2fa1f
    )
}
