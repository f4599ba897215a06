//! Reading sentences as people type them, by the words for what a model was trained on.
//!
//! A text tower understands what is said as training said it: "pink hair, blue shirt, no glasses". People
//! write "Cute female, BLUE shirt pnk hair w/o glasses". A [`Lexicon`] knows what a model's traits are
//! called. It takes such a sentence apart into things with their kinds and colors, and says each as training
//! did. What it does not know stays as it was typed, for the tower to make of it what it can, and is told.

mod clauses;
mod color;
mod reading;
mod table;
mod words;

pub use reading::{DENIED_WEIGHT, Nearest, Reading};
pub use table::{LANGUAGES, translated};

use crate::weights::manifest::KnownTrait;
use color::distance;
use std::collections::{BTreeSet, HashMap};
use table::{Grammar, TABLE, key};
use words::Shade;

/// Colors that are further apart than this are told apart when one stands for the other.
const SIMILAR: f32 = 0.1;

/// The words for what a model was trained on.
#[derive(Debug, Clone)]
pub struct Lexicon {
    things: Vec<Thing>,
    /// What keys mean; a key may be several words.
    senses: HashMap<String, Sense>,
    /// Words in the longest key.
    longest: usize,
    /// What is meant by "wearing red".
    clothes: Option<usize>,
}

/// Something that avatars have.
#[derive(Debug, Clone)]
struct Thing {
    /// As the collection calls it, and as training does in general: "clothes", "shirt".
    name: String,
    noun: String,
    kinds: Vec<Kind>,
    colors: Vec<String>,
    /// Whether some avatars have none.
    optional: bool,
}

/// A kind of a thing: as training says it, and the keys of the words that make it this kind.
#[derive(Debug, Clone)]
struct Kind {
    text: String,
    words: BTreeSet<String>,
}

/// What a word or a few mean.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sense {
    /// A thing, and the words that narrow its kind.
    Thing(usize, Vec<String>),
    /// Words that narrow a thing's kind.
    Kind(Vec<String>),
    /// A color, by its name.
    Color(String),
    /// The same as one of these, and whether only roughly.
    Near(Box<Sense>, bool),
    Mood(&'static str),
    Grammar(Grammar),
}

/// Words that end the noun of a kind and begin what is said about it: "hair in two buns".
const AFTER: &[&str] = &[
    "with", "in", "of", "on", "over", "at", "only", "looking", "from", "and",
];

/// Words that narrow nothing by themselves.
const SLIGHT: &[&str] = &[
    "a", "an", "the", "with", "in", "of", "on", "over", "at", "and", "from", "looking",
];

impl Lexicon {
    /// The words for `traits`; none where there are no traits.
    pub fn new(traits: &[KnownTrait]) -> Option<Self> {
        let mut lexicon = Self {
            things: traits.iter().map(Thing::new).collect(),
            senses: HashMap::new(),
            longest: 1,
            clothes: traits
                .iter()
                .position(|known| TABLE.names(&known.name).contains(&"clothes")),
        };
        // Whatever comes first keeps its word: the collection's own names before those that people have for
        // them.
        for (index, known) in traits.iter().enumerate() {
            for name in [&known.name, &known.noun] {
                lexicon.add(name, Sense::Thing(index, vec![]));
            }
        }
        for (index, kind) in lexicon.all_kinds(traits) {
            lexicon.add_kind(index, kind);
        }
        for (index, known) in traits.iter().enumerate() {
            for name in TABLE.names(&known.name) {
                lexicon.add(name, Sense::Thing(index, vec![]));
            }
        }
        for color in traits.iter().flat_map(|known| &known.colors) {
            lexicon.add(color, Sense::Color(color.clone()));
        }
        for color in &TABLE.colors {
            for name in [&color.name].into_iter().chain(&color.others) {
                lexicon.add(name, Sense::Color((*name).into()));
            }
        }
        for (index, kind) in lexicon.all_kinds(traits) {
            for word in lexicon.things[index].words(kind) {
                lexicon.add(&word, Sense::Kind(vec![word.clone()]));
            }
        }
        let kinds: Vec<&str> = lexicon
            .things
            .iter()
            .flat_map(|thing| &thing.kinds)
            .map(|kind| &*kind.text)
            .collect();
        let shown = |word: &&str| kinds.iter().any(|kind| kind.split(' ').any(|part| part == *word));
        let moods: Vec<_> = TABLE
            .moods
            .iter()
            .filter(|mood| mood.shown_by.iter().any(&shown))
            .collect();
        for mood in moods {
            for word in [&mood.name].into_iter().chain(&mood.others) {
                lexicon.add(word, Sense::Mood(mood.name));
            }
        }
        for near in &TABLE.near {
            let known = |word: &&str| lexicon.senses.get(&key(word)).cloned();
            let Some(sense) = near.others.iter().find_map(known) else {
                continue;
            };
            let own = matches!(sense, Sense::Kind(_) | Sense::Thing(..));
            if own {
                lexicon.add(near.word, Sense::Near(Box::new(sense), near.roughly));
            }
        }
        for (word, &grammar) in &TABLE.grammar {
            lexicon.add(word, Sense::Grammar(grammar));
        }
        (!traits.is_empty()).then_some(lexicon)
    }

    /// Adds what `words` mean, if they mean nothing yet.
    fn add(&mut self, words: &str, sense: Sense) {
        let key = key(words);
        if key.is_empty() {
            return;
        }
        self.longest = self.longest.max(key.split(' ').count());
        self.senses.entry(key).or_insert(sense);
    }

    /// Adds what a kind, its noun and what is said about its noun mean as a whole.
    fn add_kind(&mut self, index: usize, text: &str) {
        let thing = &self.things[index];
        let narrows = |text: &str| thing.words(text).into_iter().collect::<Vec<_>>();
        let parts: Vec<&str> = text.split(' ').collect();
        let end = noun_ends(&parts);
        let [before, noun, after] =
            [&parts[..end - 1], &parts[end - 1..end], &parts[end..]].map(|it| it.join(" "));
        let [all, noun_only] = [text, &*noun].map(narrows);
        let [before_only, after_only] = [&*before, &*after].map(narrows);
        if !all.is_empty() {
            self.add(text, Sense::Thing(index, all));
        }
        // A color by itself is one wherever it stands, also in "red and pink gradient".
        if TABLE.color(&noun).is_none() {
            self.add(&noun, Sense::Thing(index, noun_only));
        }
        for (text, narrows) in [(before, before_only), (after, after_only)] {
            if text.contains([' ', '-']) && !narrows.is_empty() && TABLE.color(&text).is_none() {
                self.add(&text, Sense::Kind(narrows));
            }
        }
    }

    /// All kinds with the index of their thing.
    fn all_kinds<'a>(&self, traits: &'a [KnownTrait]) -> Vec<(usize, &'a str)> {
        let kinds =
            |(index, known): (usize, &'a KnownTrait)| known.kinds.iter().map(move |kind| (index, &**kind));
        traits.iter().enumerate().flat_map(kinds).collect()
    }

    /// Whether `word` only names this thing.
    fn names(&self, thing: usize, word: &str) -> bool {
        matches!(self.senses.get(word), Some(Sense::Thing(index, _)) if *index == thing)
    }

    /// What all of it is called, for people: "hair, hat, shirt and background".
    pub fn known(&self) -> String {
        let nouns: Vec<&str> = self.things.iter().map(|thing| &*thing.noun).collect();
        match nouns.split_last() {
            Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            _ => nouns.concat(),
        }
    }

    /// A wish that the model understands, for people who do not know what to ask for.
    pub fn suggestion(&self) -> String {
        let phrase = |thing: &Thing| {
            let color = thing
                .colors
                .iter()
                .rev()
                .find(|color| !color.contains(' '))
                .or(thing.colors.first());
            match (color, thing.kinds.first()) {
                (Some(color), _) => format!("{color} {}", thing.noun),
                (None, Some(kind)) => kind.text.clone(),
                (None, None) => thing.noun.clone(),
            }
        };
        let phrases: Vec<String> = self.things.iter().take(2).map(phrase).collect();
        phrases.join(", ")
    }
}

impl Thing {
    fn new(known: &KnownTrait) -> Self {
        let mut thing = Self {
            name: known.name.clone(),
            noun: known.noun.clone(),
            kinds: vec![],
            colors: known.colors.clone(),
            optional: known.optional,
        };
        thing.kinds = known
            .kinds
            .iter()
            .map(|text| Kind {
                text: text.clone(),
                words: thing.words(text),
            })
            .collect();
        thing
    }

    /// The keys of what `text` says beside the thing's noun.
    fn words(&self, text: &str) -> BTreeSet<String> {
        let key = key(text);
        let noun = table::key(&self.noun);
        let mut words = key
            .split(' ')
            .filter(|word| !SLIGHT.contains(word) && *word != noun);
        let mut found = BTreeSet::new();
        while let Some(word) = words.next() {
            match word {
                // "very long" is another length than "long", and "one side" not the one of a "side bun".
                "very" | "one" | "only" => found.extend(words.next().map(|next| format!("{word} {next}"))),
                _ => _ = found.insert(word.to_owned()),
            }
        }
        found
    }

    /// The kind that `words` mean, if they mean one: the one that is exactly these, else what they are part
    /// of.
    fn kind(&self, words: &BTreeSet<String>) -> Option<&Kind> {
        if words.is_empty() {
            return None;
        }
        let mut fitting: Vec<&Kind> = self
            .kinds
            .iter()
            .filter(|kind| words.is_subset(&kind.words))
            .collect();
        fitting.sort_by_key(|kind| kind.words.len());
        let first = *fitting.first()?;
        // A noun alone, such as "top", is not one of many tops.
        let nouns = |kind: &Kind| key(head(&kind.text));
        let vague = first.words.len() > words.len()
            && fitting.len() > 1
            && words.iter().all(|word| nouns(first) == *word);
        (!vague).then_some(first)
    }

    /// The color of this thing that `said` means, and whether it is only the nearest.
    fn color(&self, said: &Shade) -> Option<(&str, bool)> {
        let own = self.colors.iter().find(|color| key(color) == key(&said.name));
        let row = TABLE.color(&said.name);
        let same =
            |color: &&String| row.is_some_and(|row| TABLE.color(color).is_some_and(|it| it.name == row.name));
        if let Some(own) = own.or_else(|| self.colors.iter().find(same)) {
            return Some((own, false));
        }
        let far = |color: &String| {
            let point = TABLE
                .color(color)
                .or_else(|| TABLE.color(TABLE.family(color)?))?
                .point;
            Some(distance(point, said.point))
        };
        // A lilac that is not there is another purple, however light, and black is another gray.
        let family = TABLE.family(&said.name);
        let is_gray = |family: Option<&str>| matches!(family, Some("black" | "gray" | "white"));
        let related = |color: &String| family.is_some() && TABLE.family(color) == family;
        let grays = |color: &String| is_gray(family) && is_gray(TABLE.family(color));
        let all = |_: &String| true;
        let nearest = |among: &dyn Fn(&String) -> bool| {
            let colors = self.colors.iter().filter(|color| among(color));
            let distances = colors.filter_map(|color| Some((color, far(color)?)));
            distances.min_by(|a, b| a.1.total_cmp(&b.1))
        };
        if let Some((color, _)) = nearest(&related) {
            return Some((color, false));
        }
        let (color, far) = nearest(&grays).or_else(|| nearest(&all))?;
        Some((color, far > SIMILAR))
    }

    /// The thing as training says it: of this kind or described by `others`, in this color.
    fn phrase(&self, kind: Option<&Kind>, color: Option<&str>, others: &[String]) -> String {
        let noun = self.noun.split(' ');
        let mut words: Vec<&str> = match kind {
            Some(kind) => kind.text.split(' ').collect(),
            None => others.iter().map(String::as_str).chain(noun).collect(),
        };
        // "long pink hair", but "blue checkered shirt": beside the thing's name where the kind has it.
        let place = match kind {
            Some(_) => words
                .iter()
                .position(|word| word.ends_with(self.last_name()))
                .unwrap_or(0),
            None => others.len(),
        };
        words.splice(place..place, color.into_iter().flat_map(|color| color.split(' ')));
        words.join(" ")
    }

    /// The last word of the property's name.
    fn last_name(&self) -> &str {
        self.name.rsplit(' ').next().unwrap_or_default()
    }
}

/// The noun of a kind: the last word before what is said about it.
fn head(text: &str) -> &str {
    let words: Vec<&str> = text.split(' ').collect();
    words[noun_ends(&words) - 1]
}

/// Where the noun of a kind ends, which has at least one word.
fn noun_ends(words: &[&str]) -> usize {
    let after = words.iter().skip(1).position(|word| AFTER.contains(word));
    after.map_or(words.len(), |at| at + 1)
}

#[cfg(test)]
mod tests;
