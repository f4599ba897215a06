//! The words of a sentence, and what each means.

use super::{
    Lexicon, Sense,
    color::point,
    table::{Grammar, LANGUAGES, SPACED, TABLE, describes_after, folded, key},
};
use std::{cmp::Ordering, collections::HashMap};

/// A color that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shade {
    /// What it was called, such as "teal" or "#ff8800".
    pub name: String,
    /// Its place among colors.
    pub point: [f32; 3],
}

/// A part of a sentence that was understood, or was not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Thing(usize, Vec<String>),
    /// What narrows a kind, and as it was typed; whether it is only similar.
    Kind(Vec<String>, String, bool),
    Color(Shade),
    Mood(&'static str),
    Unknown(String),
    Grammar(Grammar),
}

/// A word as it was typed, and what it is compared by.
#[derive(Debug, Clone)]
struct Word {
    typed: String,
    key: String,
    /// Grammar that no word says: an end of a clause.
    mark: Option<Grammar>,
}

/// Phrases of other languages, and those that mean others, have at most so many words.
const LONGEST_PHRASE: usize = 4;

/// Words that only make a color lighter or darker, and by how much; the others leave it as it is.
const SHADES: &[(&str, f32)] = &[
    ("light", 0.12),
    ("pale", 0.14),
    ("pastel", 0.14),
    ("soft", 0.08),
    ("dark", -0.14),
    ("deep", -0.1),
    ("bright", 0.0),
    ("neon", 0.0),
    ("hot", 0.0),
    ("vivid", 0.0),
    ("electric", 0.0),
    ("vibrant", 0.0),
];

/// The items of `text`, and whether its language describes things after it has named them.
///
/// `is_word` tells words that are spelled rightly, though they are not known here, from typing errors.
pub(super) fn items(lexicon: &Lexicon, text: &str, is_word: impl Fn(&str) -> bool) -> (Vec<Item>, bool) {
    let words = split(text);
    let language = language(lexicon, &words);
    let words = translated(lexicon, words, language);
    let words = replaced(words, |words| TABLE.english.get(&joined(words)).copied());
    let mut items = vec![];
    let mut at = 0;
    while at < words.len() {
        let (item, count) = item(lexicon, &words[at..], &is_word);
        items.extend(item);
        at += count;
    }
    (items, language.is_some_and(describes_after))
}

/// What the first words mean, and how many these are.
fn item(lexicon: &Lexicon, words: &[Word], is_word: &impl Fn(&str) -> bool) -> (Option<Item>, usize) {
    let first = &words[0];
    if let Some(mark) = first.mark {
        return (Some(Item::Grammar(mark)), 1);
    }
    let plain = words
        .iter()
        .take(lexicon.longest)
        .take_while(|word| word.mark.is_none())
        .count();
    for count in (1..=plain).rev() {
        let typed = || {
            words[..count]
                .iter()
                .map(|word| &*word.typed)
                .collect::<Vec<_>>()
                .join(" ")
        };
        if let Some(sense) = lexicon.senses.get(&joined(&words[..count])) {
            // "light green" where only "light" is known as a color.
            if count == 1
                && let Some((shade, used)) = shaded(lexicon, words)
            {
                return (Some(Item::Color(shade)), used);
            }
            return (understood(sense, typed()), count);
        }
        if count == 1
            && let Some((shade, used)) = shaded(lexicon, words)
        {
            return (Some(Item::Color(shade)), used);
        }
    }
    let key = &first.key;
    if let Some(point) = key.starts_with('#').then(|| point(key)).flatten() {
        let name = key.clone();
        return (Some(Item::Color(Shade { name, point })), 1);
    }
    if key.ends_with("n't") {
        return (Some(Item::Grammar(Grammar::Deny)), 1);
    }
    // Numbers mean nothing: "8k", "1girl", "2024".
    if key.starts_with(|c: char| c.is_ascii_digit()) {
        return (None, 1);
    }
    if !is_word(&folded(&first.typed))
        && let Some(sense) = mended(lexicon, key)
    {
        return (understood(sense, first.typed.clone()), 1);
    }
    (Some(Item::Unknown(first.typed.clone())), 1)
}

fn understood(sense: &Sense, typed: String) -> Option<Item> {
    Some(match sense {
        Sense::Thing(thing, words) => Item::Thing(*thing, words.clone()),
        Sense::Kind(words) => Item::Kind(words.clone(), typed, false),
        Sense::Near(sense, roughly) => match understood(sense, typed.clone())? {
            Item::Kind(words, typed, _) => Item::Kind(words, typed, *roughly),
            // "A mohawk" is hair, but only like a tuft of it.
            Item::Thing(_, words) if *roughly && !words.is_empty() => Item::Kind(words, typed, true),
            item => item,
        },
        Sense::Color(name) => Item::Color(Shade {
            name: name.clone(),
            // A color that only the collection has is met by its name alone.
            point: TABLE.color(name).map_or([0.5, 0.0, 0.0], |color| color.point),
        }),
        Sense::Mood(mood) => Item::Mood(mood),
        Sense::Grammar(Grammar::Skip) => return None,
        Sense::Grammar(grammar) => Item::Grammar(*grammar),
    })
}

/// A color with a word before it that changes it: "dark turquoise".
fn shaded(lexicon: &Lexicon, words: &[Word]) -> Option<(Shade, usize)> {
    let (_, change) = SHADES.iter().find(|(word, _)| *word == words[0].key)?;
    let next = words.get(1).filter(|word| word.mark.is_none())?;
    let Some(Sense::Color(name)) = lexicon.senses.get(&next.key) else {
        return None;
    };
    let [l, a, b] = TABLE.color(name)?.point;
    let point = [l + change, a, b];
    let name = match *change {
        0.0 => name.clone(),
        _ => format!("{} {name}", words[0].key),
    };
    Some((Shade { name, point }, 2))
}

/// Takes `text` apart into words and marks. Hyphens part words as spaces do.
fn split(text: &str) -> Vec<Word> {
    let mut words = vec![];
    for part in text.split_whitespace() {
        let slashed = ["w/o", "w/"].iter().find(|word| folded(part).starts_with(**word));
        let rest = match slashed {
            Some(&word) => {
                push(&mut words, if word == "w/" { "with" } else { "without" });
                part.get(word.len()..).unwrap_or_default()
            }
            None => part,
        };
        let mut word = String::new();
        for c in rest.chars() {
            let mark = match c {
                ',' | ';' | '.' | '!' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '"' | '\u{3001}'
                | '\u{3002}' | '\u{ff0c}' | '\u{ff1b}' | '\u{ff01}' => Some(Grammar::Break),
                ':' | '=' | '\u{ff1a}' => Some(Grammar::Is),
                '/' => Some(Grammar::Or),
                '&' | '+' => Some(Grammar::And),
                _ => None,
            };
            let parts = mark.is_some() || matches!(c, '-' | '_' | '*' | '~' | '<' | '>' | '\u{30fb}');
            if !parts {
                word.push(c);
                continue;
            }
            push(&mut words, &std::mem::take(&mut word));
            words.extend(mark.map(|mark| Word {
                typed: String::new(),
                key: String::new(),
                mark: Some(mark),
            }));
        }
        push(&mut words, &word);
    }
    words
}

/// Adds a word, or the words that it is made of where a language has no spaces.
fn push(words: &mut Vec<Word>, text: &str) {
    let text = text.trim_matches('\'');
    let text = text
        .strip_suffix("'s")
        .or(text.strip_suffix("\u{2019}s"))
        .unwrap_or(text);
    // Pictures of faces and other signs are no words.
    if !text.contains(char::is_alphanumeric) {
        return;
    }
    if !text.contains(is_unspaced) {
        let key = key(text);
        if !key.is_empty() {
            let typed = text.to_owned();
            words.push(Word {
                typed,
                key,
                mark: None,
            });
        }
        return;
    }
    let mut rest = text;
    let mut unknown = String::new();
    while let Some(c) = rest.chars().next() {
        let ends = rest
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take(LONGEST_UNSPACED);
        let found = ends.collect::<Vec<_>>().into_iter().rev().find_map(|end| {
            let english = TABLE.languages[SPACED..]
                .iter()
                .find_map(|words| words.get(&key(&rest[..end])))?;
            Some((end, *english))
        });
        match found {
            Some((end, english)) => {
                unspaced(words, &mut unknown);
                words.extend(english.split(' ').map(Word::english));
                rest = &rest[end..];
            }
            None => {
                unknown.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    unspaced(words, &mut unknown);
}

/// The longest word of the table without spaces, in characters.
const LONGEST_UNSPACED: usize = 8;

/// Adds what was not found among words without spaces. A single syllable is an ending, not a word.
fn unspaced(words: &mut Vec<Word>, unknown: &mut String) {
    let typed = std::mem::take(unknown);
    let is_ending = typed.chars().count() == 1 && typed.contains(|c| matches!(c, '\u{3040}'..='\u{309f}'));
    if !typed.is_empty() && !is_ending {
        let key = folded(&typed);
        words.push(Word {
            typed,
            key,
            mark: None,
        });
    }
}

/// Whether a letter belongs to a script that puts no spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

impl Word {
    fn english(text: &str) -> Self {
        Self {
            typed: text.into(),
            key: key(text),
            mark: None,
        }
    }
}

fn joined(words: &[Word]) -> String {
    words.iter().map(|word| &*word.key).collect::<Vec<_>>().join(" ")
}

/// The language of most of `words`, an index into [`LANGUAGES`]; none where that is English.
fn language(lexicon: &Lexicon, words: &[Word]) -> Option<usize> {
    let english =
        |word: &&Word| lexicon.senses.contains_key(&word.key) || TABLE.english.contains_key(&word.key);
    let count = |language: usize| {
        words
            .iter()
            .filter(|word| translation(language, &word.key).is_some())
            .count()
    };
    let (most, language) = (0..SPACED)
        .map(|language| (count(language), language))
        .rev()
        .max_by_key(|it| it.0)?;
    (most > words.iter().filter(english).count()).then_some(language)
}

/// What `key` means in a language, whatever its ending.
fn translation(language: usize, key: &str) -> Option<&'static str> {
    let words = &TABLE.languages[language];
    let endings: &[&str] = match LANGUAGES[language] {
        "German" => &["e", "en", "em", "er", "es", "n"],
        _ => &["s", "e", "es"],
    };
    let stems = endings
        .iter()
        .filter_map(|ending| words.get(key.strip_suffix(ending)?));
    words.get(key).or_else(|| stems.into_iter().next()).copied()
}

/// `words` in English, as far as they are words of `language`, or words of any language that English lacks.
fn translated(lexicon: &Lexicon, words: Vec<Word>, language: Option<usize>) -> Vec<Word> {
    replaced(words, |words| {
        let key = joined(words);
        let own = language.and_then(|language| translation(language, &key));
        let english = words.iter().any(|word| lexicon.senses.contains_key(&word.key));
        own.or_else(|| {
            let exact = |words: &HashMap<String, &'static str>| words.get(&key).copied();
            (!english).then(|| TABLE.languages[..SPACED].iter().find_map(exact))?
        })
    })
}

/// `words` with the longest phrases that `meaning` knows in other words.
fn replaced(words: Vec<Word>, meaning: impl Fn(&[Word]) -> Option<&'static str>) -> Vec<Word> {
    let mut replaced = vec![];
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        let plain = rest
            .iter()
            .take(LONGEST_PHRASE)
            .take_while(|word| word.mark.is_none())
            .count();
        match (1..=plain)
            .rev()
            .find_map(|count| Some((count, meaning(&rest[..count])?)))
        {
            Some((count, phrase)) => {
                replaced.extend(phrase.split(' ').map(Word::english));
                at += count;
            }
            None => {
                replaced.push(rest[0].clone());
                at += 1;
            }
        }
    }
    replaced
}

/// What a word with a typing error means: that of the only word, or of words that mean the same, which one
/// edit makes of it.
fn mended<'a>(lexicon: &'a Lexicon, typed: &str) -> Option<&'a Sense> {
    let letters: Vec<char> = typed.chars().collect();
    if !(3..=20).contains(&letters.len()) {
        return None;
    }
    let close = |key: &&String| {
        // So little of a short word is left that only a letter that is missing can be told.
        let least = if letters.len() == 3 { 4 } else { 3 };
        let similar = key.len() >= least && key.len().abs_diff(typed.len()) <= 4;
        similar && !key.contains(' ') && is_one_edit(&letters, &key.chars().collect::<Vec<_>>())
    };
    let mut found: Vec<(&String, &Sense)> = lexicon.senses.iter().filter(|(key, _)| close(key)).collect();
    // Letters that change places are the commonest error, then one that is missing, and the first is seldom
    // wrong.
    let worth = |key: &str| {
        let mut sorted = [typed, key].map(|word| word.chars().collect::<Vec<_>>());
        sorted.iter_mut().for_each(|word| word.sort_unstable());
        let kind = match sorted[0].len().cmp(&sorted[1].len()) {
            _ if sorted[0] == sorted[1] => 3,
            Ordering::Less => 2,
            Ordering::Greater => 1,
            Ordering::Equal => 0,
        };
        (kind, key.chars().next() == letters.first().copied())
    };
    let best = found.iter().map(|(key, _)| worth(key)).max()?;
    found.retain(|(key, _)| worth(key) == best);
    let (_, first) = found[0];
    found.iter().all(|(_, sense)| *sense == first).then_some(first)
}

/// Whether one letter that is added, left out, changed, or has changed places with the next makes `a` of `b`.
fn is_one_edit(a: &[char], b: &[char]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    match long.len() - short.len() {
        0 if same == short.len() => false,
        0 => {
            let swapped = same + 1 < short.len()
                && short[same] == long[same + 1]
                && short[same + 1] == long[same]
                && short[same + 2..] == long[same + 2..];
            swapped || short[same + 1..] == long[same + 1..]
        }
        1 => short[same..] == long[same + 1..],
        _ => false,
    }
}
