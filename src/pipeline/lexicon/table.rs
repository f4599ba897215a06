//! What people call things, colors and moods, in English and some other languages: `words.txt`, read once.

use super::color::point;
use std::{collections::HashMap, sync::LazyLock};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Everything in `words.txt`.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("words.txt")));

/// The languages that are read beside English: those of the table's last section, in its order.
pub const LANGUAGES: [&str; 6] = ["German", "Spanish", "French", "Portuguese", "Japanese", "Chinese"];

/// How many of them put spaces between words.
pub(super) const SPACED: usize = 4;

/// Whether a word of this language follows what it describes more often than not.
pub(super) fn describes_after(language: usize) -> bool {
    (1..SPACED).contains(&language)
}

/// A word's part in a sentence, where it names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Says nothing.
    Skip,
    /// Joins two wishes of the same kind: "and".
    And,
    /// Begins a new wish: "with".
    Joint,
    /// Begins a new wish, which is of clothes if it names nothing: "wearing", "in".
    Worn,
    /// What follows tells more about the thing before it: "is".
    Is,
    /// Goes on with what was denied: "or".
    Or,
    /// Denies what follows.
    Deny,
    /// Denies what came before it, as Japanese does.
    Denied,
    /// Ends a clause.
    Break,
}

/// A color with its name and its place in OKLab.
pub(super) struct Color {
    pub name: &'static str,
    /// The common color that it is a kind of, such as blue for navy.
    pub family: &'static str,
    pub point: [f32; 3],
    pub others: Vec<&'static str>,
}

/// A mood, the words that show it, and what it is called.
pub(super) struct Mood {
    pub name: &'static str,
    pub shown_by: Vec<&'static str>,
    pub others: Vec<&'static str>,
}

/// A word for a kind of thing and what stands for it, best first.
pub(super) struct Near {
    pub word: &'static str,
    /// Whether the others are only similar.
    pub roughly: bool,
    pub others: Vec<&'static str>,
}

/// [`TABLE`].
pub(super) struct Table {
    pub colors: Vec<Color>,
    /// The commonest name first.
    pub things: Vec<Vec<&'static str>>,
    pub moods: Vec<Mood>,
    pub near: Vec<Near>,
    /// Keys to phrases that mean the same.
    pub english: HashMap<String, &'static str>,
    pub grammar: HashMap<String, Grammar>,
    /// For each of [`LANGUAGES`], keys to English.
    pub languages: [HashMap<String, &'static str>; LANGUAGES.len()],
    /// For English words, the commonest word of each of [`LANGUAGES`].
    spoken: HashMap<&'static str, [Option<&'static str>; LANGUAGES.len()]>,
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut table = Self {
            colors: vec![],
            things: vec![],
            moods: vec![],
            near: vec![],
            english: HashMap::new(),
            grammar: HashMap::new(),
            languages: Default::default(),
            spoken: HashMap::new(),
        };
        let mut section = "";
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("# "))
        {
            match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                Some(name) => section = name,
                None => table.line(section, line),
            }
        }
        table
    }

    fn line(&mut self, section: &str, line: &'static str) {
        let (first, rest) = line.split_once(['=', '~']).unwrap_or((line, ""));
        let first = first.trim();
        match section {
            "colors" => {
                let hex = |word: &&str| word.len() == 6 && point(word).is_some();
                let hex = first.split(' ').rfind(hex).expect("six digits");
                let (name, family) = first.split_once(hex).expect("a name before them");
                let name = name.trim();
                let last = name.rsplit(' ').next().unwrap_or(name);
                self.colors.push(Color {
                    name,
                    family: Some(family.trim()).filter(|it| !it.is_empty()).unwrap_or(last),
                    point: point(hex).unwrap_or_default(),
                    others: list(rest),
                });
            }
            "things" => self.things.push([vec![first], list(rest)].concat()),
            "moods" => {
                let (shown_by, others) = rest.split_once('=').expect("what shows it, and its names");
                self.moods.push(Mood {
                    name: first,
                    shown_by: list(shown_by),
                    others: list(others),
                });
            }
            "near" => self.near.push(Near {
                word: first,
                roughly: line.contains('~'),
                others: list(rest),
            }),
            "en" => {
                self.english.insert(key(first), rest.trim());
            }
            "languages" => {
                let mut columns = line.split('|').map(str::trim);
                let english = columns.next().unwrap_or_default();
                let spoken = self.spoken.entry(english).or_default();
                for ((words, language), spoken) in columns.zip(&mut self.languages).zip(spoken) {
                    let words = list(words);
                    *spoken = spoken.or(words.first().copied());
                    for word in words {
                        language.entry(key(word)).or_insert(english);
                    }
                }
            }
            _ => {
                for word in line.split_whitespace() {
                    let grammar = match (section, word) {
                        ("joint", "and" | "&" | "+" | "plus" | "but" | "also") => Grammar::And,
                        ("joint", _) => Grammar::Joint,
                        ("worn", _) => Grammar::Worn,
                        ("is", _) => Grammar::Is,
                        ("or", _) => Grammar::Or,
                        ("deny", _) => Grammar::Deny,
                        _ => Grammar::Skip,
                    };
                    self.grammar.insert(key(word), grammar);
                }
                self.grammar.insert("denied".into(), Grammar::Denied);
            }
        }
    }

    /// The color that is called `name`, or has it for another name.
    pub fn color(&self, name: &str) -> Option<&Color> {
        let name = key(name);
        let called =
            |color: &&Color| key(color.name) == name || color.others.iter().any(|other| key(other) == name);
        self.colors.iter().find(called)
    }

    /// The family of the color that is called `name`, or that its last word is.
    pub fn family(&self, name: &str) -> Option<&'static str> {
        let last = name.rsplit([' ', '-']).next().unwrap_or_default();
        self.color(name)
            .or_else(|| self.color(last))
            .map(|color| color.family)
    }

    /// Every word for a thing that is called `name` in a collection.
    pub fn names(&self, name: &str) -> &[&'static str] {
        let name = key(name);
        let row = self
            .things
            .iter()
            .find(|row| row.iter().any(|word| key(word) == name));
        row.map_or(&[], |row| row)
    }
}

/// A color and a thing, a thing, or none of a thing ("pink hair", "glasses", "no glasses") in the language of
/// this index in [`LANGUAGES`], if its words are known.
pub fn translated(label: &str, language: usize) -> Option<String> {
    let say = |word: &str| TABLE.spoken.get(word)?.get(language).copied().flatten();
    let Some((value, noun)) = label.rsplit_once(' ') else {
        return say(label).map(str::to_owned);
    };
    let noun = say(noun)?;
    if value == "no" {
        return Some(match LANGUAGES[language] {
            "Japanese" => format!("{noun}なし"),
            "Chinese" => format!("没有{noun}"),
            _ => format!("{} {noun}", say("without")?),
        });
    }
    let value = say(value)?;
    Some(match LANGUAGES[language] {
        "German" if value.ends_with(['a', 'e']) => format!("{value} {noun}"),
        "German" => format!("{value}e {noun}"),
        "Japanese" if value.ends_with('い') => format!("{value}{noun}"),
        "Japanese" => format!("{value}の{noun}"),
        "Chinese" => format!("{value}{noun}"),
        _ => format!("{noun} {value}"),
    })
}

fn list(text: &'static str) -> Vec<&'static str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect()
}

/// `text` in lower case without accents, its words in the singular, hyphens as spaces: what words are
/// compared by.
pub(super) fn key(text: &str) -> String {
    let folded = folded(text);
    let words = folded.split([' ', '-', '_']).filter(|word| !word.is_empty());
    words.map(singular).collect::<Vec<_>>().join(" ")
}

/// `text` in lower case without accents.
pub(super) fn folded(text: &str) -> String {
    let lower = text
        .to_lowercase()
        .replace('\u{df}', "ss")
        .replace('\u{2019}', "'");
    let letters = lower.nfkd();
    letters
        .filter(|c| c.general_category_group() != GeneralCategoryGroup::Mark)
        .collect()
}

/// An English word without the ending of a plural.
fn singular(word: &str) -> &str {
    let keep = word.len() < 4 || ["ss", "us", "is"].iter().any(|end| word.ends_with(end));
    let es = ["sses", "xes", "ches", "shes"]
        .iter()
        .any(|end| word.ends_with(end));
    match () {
        _ if keep => word,
        _ if es => &word[..word.len() - 2],
        _ => word.strip_suffix('s').unwrap_or(word),
    }
}
