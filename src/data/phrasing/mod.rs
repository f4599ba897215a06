//! What people might type about a picture: plain speech of many kinds, made of its traits.
//!
//! [`caption`](super::caption) says everything in one fixed order. A model of language and pictures has to
//! know more: parts of it, other words, another order, a mood, what is not there. Every phrase carries what
//! it claims, so that it can be said of any picture whether the phrase fits.

mod subjects;
mod words;

pub use subjects::Subject;

use super::{
    Trait,
    captions::{NOTHING, phrase, plain},
};
use rand::{
    Rng,
    seq::{IndexedRandom, SliceRandom},
};
use std::collections::{BTreeSet, HashMap};
use words::{COLORS, INSIDE, MOODFUL, MOODS, NOUNS, PEOPLE, SKIN, Synonyms, WORN};

/// Which other words a phrase may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// The collection's own and those for training.
    Training,
    /// Of those for training, only such that share no word with the collection's own.
    Synonyms,
    /// Only such that occur neither in captions nor in training.
    Test,
}

/// A property that pictures have, such as `hair color`, with every value that it has in the collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// In lower case, with spaces.
    pub name: String,
    /// Value 1 comes first; value 0 is that there is none.
    pub values: Vec<String>,
}

/// The values of one picture, one for each [`Property`]; 0 where it has none.
pub type Values = Vec<u16>;

/// One thing that a phrase says: that the property of this index has one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Index of the property.
    pub property: usize,
    /// The values that fit, 0 standing for none.
    pub values: Vec<u16>,
}

/// A text and what it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// In lower case.
    pub text: String,
    /// All of them must hold of a picture that the text fits.
    pub claims: Vec<Claim>,
}

impl Phrase {
    /// Whether everything that the phrase says is true of a picture.
    pub fn fits(&self, picture: &[u16]) -> bool {
        self.claims
            .iter()
            .all(|claim| claim.values.contains(&picture[claim.property]))
    }
}

/// The properties of a collection, and phrases about its pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrasebook {
    /// Every property in the order in which pictures name them.
    pub properties: Vec<Property>,
    /// For each property, that which tells its color.
    colors: Vec<Option<usize>>,
    /// Every word of a caption.
    own: BTreeSet<String>,
}

/// Part of a phrase: something with its article, and what it claims.
struct Mention {
    property: usize,
    text: String,
    /// An adjective for the person, instead of something that the person has.
    is_adjective: bool,
    claims: Vec<Claim>,
}

impl Phrasebook {
    /// Learns the properties that `pictures` have.
    pub fn new<'a>(pictures: impl IntoIterator<Item = &'a [Trait]>) -> Self {
        let mut properties: Vec<Property> = vec![];
        for (name, value) in pictures.into_iter().flat_map(named) {
            let known = properties.iter().position(|property| property.name == name);
            let index = known.unwrap_or_else(|| {
                properties.push(Property { name, values: vec![] });
                properties.len() - 1
            });
            let values = &mut properties[index].values;
            if !values.contains(&value) && values.len() < u16::MAX as usize {
                values.push(value);
            }
        }
        let position = |name: String| properties.iter().position(|property| property.name == name);
        let colors = properties
            .iter()
            .map(|property| position(format!("{} color", property.name)))
            .collect();
        let texts = properties
            .iter()
            .flat_map(|property| property.values.iter().chain([&property.name]));
        let own = texts.flat_map(|text| parts(text)).map(str::to_owned).collect();
        Self {
            properties,
            colors,
            own,
        }
    }

    /// The values of a picture with these traits.
    pub fn values(&self, traits: &[Trait]) -> Values {
        let said: HashMap<String, String> = named(traits).collect();
        let value = |property: &Property| {
            let said = said.get(&property.name)?;
            property.values.iter().position(|value| value == said)
        };
        self.properties
            .iter()
            .map(|property| value(property).map_or(0, |index| index as u16 + 1))
            .collect()
    }

    /// Everything about a picture, as its caption says it.
    pub fn whole(&self, text: &str, picture: &[u16]) -> Phrase {
        let claims = picture.iter().enumerate().filter(|(_, value)| **value > 0);
        Phrase {
            text: text.to_lowercase(),
            claims: claims.map(|(property, &value)| is(property, value)).collect(),
        }
    }

    /// The shortest words for one value of a property: "pink hair", "round glasses", "no glasses".
    pub fn label(&self, property: usize, value: u16) -> String {
        let base = self.base(property);
        let name = thing(&self.properties[base].name);
        let noun = self.any_label(base);
        if value == 0 {
            return format!("no {noun}");
        }
        let text = &self.properties[property].values[value as usize - 1];
        let phrase = if base == property {
            phrase(name, text, None)
        } else {
            phrase(&noun, &noun, Some(text))
        };
        bare(&phrase).to_owned()
    }

    /// Every way in which training may call one value of a property, in few words.
    pub fn wordings(&self, property: usize, value: u16) -> Vec<String> {
        let base = self.base(property);
        let nouns = self.any_wordings(base);
        if value == 0 {
            return nouns
                .iter()
                .flat_map(|noun| [format!("no {noun}"), format!("without {noun}")])
                .collect();
        }
        let text = self.properties[property].values[value as usize - 1].as_str();
        let table = if self.properties[property].name == "skin" {
            SKIN
        } else {
            COLORS
        };
        let others = find(table, text).map_or(&[][..], |synonyms| synonyms.training);
        let mut wordings = vec![self.label(property, value)];
        if base != property || !others.is_empty() {
            for color in others.iter().chain([&text]) {
                let phrases = nouns.iter().map(|noun| phrase(noun, noun, Some(color)));
                wordings.extend(phrases.map(|phrase| bare(&phrase).to_owned()));
            }
        }
        for inside in INSIDE.iter().filter(|inside| text.contains(inside.word)) {
            wordings.extend(
                inside
                    .training
                    .iter()
                    .map(|other| text.replace(inside.word, other)),
            );
        }
        wordings
    }

    /// Every way in which training may call a property that has any value.
    pub fn any_wordings(&self, property: usize) -> Vec<String> {
        let name = thing(&self.properties[property].name);
        let nouns = find(NOUNS, name).map_or(vec![name], |nouns| nouns.training.to_vec());
        nouns.into_iter().map(str::to_owned).collect()
    }

    /// Whether this property is something to wear, as glasses are, and not a part of its bearer.
    pub fn is_worn(&self, property: usize) -> bool {
        WORN.contains(&&*self.properties[property].name)
    }

    /// The shortest words for a property that has any value: "hair", "glasses".
    pub fn any_label(&self, property: usize) -> String {
        let name = thing(&self.properties[property].name);
        find(NOUNS, name)
            .map_or(name, |synonyms| synonyms.training[0])
            .to_owned()
    }

    /// Something that a person might say of `picture`: some of its traits in any order, in words of the given
    /// kind.
    ///
    /// There may be nothing to say in such words.
    pub fn say(&self, picture: &[u16], words: Words, rng: &mut impl Rng) -> Option<Phrase> {
        let mut bases: Vec<usize> = (0..self.properties.len())
            .filter(|&property| self.base(property) == property)
            .collect();
        bases.shuffle(rng);
        let mut mentions: Vec<Mention> = bases
            .into_iter()
            .filter_map(|base| self.mention(base, picture, words, rng))
            .collect();
        // Half of what people type is a word or two; a test says all that it has words for.
        let longest = mentions.len();
        let count = match words {
            Words::Synonyms | Words::Test => longest,
            Words::Training if rng.random_bool(0.5) => rng.random_range(1..=2),
            Words::Training => rng.random_range(1..=longest.max(1)),
        };
        mentions.truncate(count);
        (!mentions.is_empty()).then(|| self.sentence(mentions, rng))
    }

    /// The property that a color is of, or the property itself.
    fn base(&self, property: usize) -> usize {
        let owner = self.colors.iter().position(|&color| color == Some(property));
        owner.unwrap_or(property)
    }

    fn mention(&self, base: usize, picture: &[u16], words: Words, rng: &mut impl Rng) -> Option<Mention> {
        let property = &self.properties[base];
        let name = thing(&property.name);
        let said = |text: String, claims: Vec<Claim>| {
            Some(Mention {
                property: base,
                text,
                is_adjective: false,
                claims,
            })
        };
        let nouns = find(NOUNS, name);
        let noun = match (nouns, words) {
            (Some(nouns), _) => self.others(nouns, words).choose(rng).copied(),
            (None, Words::Training) => Some(name),
            (None, _) => None,
        };
        let value = picture[base];
        if value == 0 {
            // People do not list all that is missing.
            return match (noun, words) {
                (Some(noun), Words::Training) if rng.random_bool(0.15) => {
                    said(format!("no {noun}"), vec![is(base, 0)])
                }
                _ => None,
            };
        }
        let text = property.values[value as usize - 1].as_str();
        if name == MOODFUL && rng.random_bool(if words == Words::Training { 0.5 } else { 1.0 }) {
            return self.mood(base, text, words, rng);
        }
        let color = self.colors[base].filter(|&color| picture[color] > 0);
        let colored = color.map(|index| {
            let color = &self.properties[index].values[picture[index] as usize - 1];
            (self.other(COLORS, color, words, rng), is(index, picture[index]))
        });
        // The value itself is a color, or an adjective, where nothing else tells the color.
        let table = if name == "skin" { SKIN } else { COLORS };
        if colored.is_none() && find(table, text).is_some() {
            let adjective = self.other(table, text, words, rng)?;
            let noun = noun?;
            return said(phrase(noun, noun, Some(&adjective)), vec![is(base, value)]);
        }
        let exact = |rng: &mut _| match words {
            Words::Training => {
                let mut text = text.to_owned();
                for inside in INSIDE {
                    if text.contains(inside.word) && Rng::random_bool(rng, 0.4) {
                        text = text.replace(inside.word, inside.training.choose(rng).unwrap_or(&inside.word));
                    }
                }
                Some(text)
            }
            _ => None,
        };
        match (colored, rng.random_range(0..10)) {
            (Some((color, claim)), 0..5) => {
                let noun = noun?;
                said(phrase(noun, noun, Some(&color?)), vec![claim])
            }
            (Some((color, claim)), 5..8) => {
                let exact = exact(rng)?;
                said(phrase(name, &exact, Some(&color?)), vec![is(base, value), claim])
            }
            (None, 0..8) | (Some(_), 8) => {
                let exact = exact(rng)?;
                said(phrase(name, &exact, None), vec![is(base, value)])
            }
            _ => {
                let noun = noun?;
                let any = (1..=property.values.len() as u16).collect();
                let claim = Claim {
                    property: base,
                    values: any,
                };
                said(phrase(noun, noun, None), vec![claim])
            }
        }
    }

    fn mood(&self, property: usize, text: &str, words: Words, rng: &mut impl Rng) -> Option<Mention> {
        let shows =
            |mood: &words::Mood, text: &str| text.split(' ').any(|word| mood.shown_by.contains(&word));
        let mood = MOODS.iter().find(|mood| shows(mood, text))?;
        let adjectives = self.others(&mood.adjectives, words);
        let values = self.properties[property].values.iter().zip(1..);
        Some(Mention {
            property,
            text: adjectives.choose(rng)?.to_string(),
            is_adjective: true,
            claims: vec![Claim {
                property,
                values: values
                    .filter(|(value, _)| shows(mood, value))
                    .map(|(_, index)| index)
                    .collect(),
            }],
        })
    }

    /// Other words that may be used.
    fn others(&self, synonyms: &Synonyms, words: Words) -> Vec<&'static str> {
        let own = |text: &str| parts(text).any(|part| self.own.contains(part));
        match words {
            Words::Training => synonyms.training.to_vec(),
            Words::Synonyms => synonyms
                .training
                .iter()
                .copied()
                .filter(|text| !own(text))
                .collect(),
            Words::Test => synonyms.test.to_vec(),
        }
    }

    /// Another word for `word`, or that word itself where training may use it.
    fn other(&self, table: &[Synonyms], word: &str, words: Words, rng: &mut impl Rng) -> Option<String> {
        let others = find(table, word).map_or(vec![], |synonyms| self.others(synonyms, words));
        let chosen = others.choose(rng).map(|word| word.to_string());
        if words == Words::Training && (chosen.is_none() || rng.random_bool(0.4)) {
            return Some(word.to_owned());
        }
        chosen
    }

    /// Puts mentions together, in one of the ways in which people do.
    fn sentence(&self, mentions: Vec<Mention>, rng: &mut impl Rng) -> Phrase {
        let person = PEOPLE.choose(rng).unwrap_or(&"avatar");
        let name = |mention: &Mention| self.properties[mention.property].name.as_str();
        let text = if rng.random_bool(0.4) {
            // "pink hair, blue shirt, happy"
            let articles = rng.random_bool(0.5);
            let parts: Vec<&str> = mentions
                .iter()
                .map(|mention| {
                    if articles {
                        &mention.text
                    } else {
                        bare(&mention.text)
                    }
                })
                .collect();
            parts.join(if rng.random_bool(0.8) { ", " } else { " and " })
        } else {
            // "a happy man with pink hair, wearing a blue shirt, on a white background"
            let mut text = String::new();
            let (mut had, mut worn, mut behind) = (vec![], vec![], None);
            let wears = rng.random_bool(0.6);
            for mention in &mentions {
                match name(mention) {
                    _ if mention.is_adjective => text += &format!("{} ", mention.text),
                    "background" => behind = Some(&mention.text),
                    name if wears && WORN.contains(&name) && !mention.text.starts_with("no ") => {
                        worn.push(mention.text.as_str());
                    }
                    _ => had.push(mention.text.as_str()),
                }
            }
            text += person;
            for (verb, things) in [("with", had), ("wearing", worn)] {
                if let Some((last, first)) = things.split_last() {
                    let separator = if first.is_empty() { "" } else { " and " };
                    text += &format!(" {verb} {}{separator}{last}", first.join(", "));
                }
            }
            if let Some(behind) = behind {
                let place = ["on", "in front of"].choose(rng).unwrap_or(&"on");
                text += &format!(" {place} {behind}");
            }
            text
        };
        Phrase {
            text,
            claims: mentions.into_iter().flat_map(|mention| mention.claims).collect(),
        }
    }
}

fn is(property: usize, value: u16) -> Claim {
    Claim {
        property,
        values: vec![value],
    }
}

/// Properties and values in plain words, without those that say that there is nothing.
fn named(traits: &[Trait]) -> impl Iterator<Item = (String, String)> + '_ {
    traits
        .iter()
        .map(|named| (plain(&named.trait_type), plain(&named.value)))
        .filter(|(name, value)| {
            !name.is_empty() && !NOTHING.contains(&value.as_str()) && *value != format!("no {name}")
        })
}

/// What a property is of: a color's property, where nothing else is said of the thing, stands for the thing.
fn thing(name: &str) -> &str {
    name.strip_suffix(" color").unwrap_or(name)
}

/// The words of a text.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '-'])
}

fn find<'a>(table: &'a [Synonyms], word: &str) -> Option<&'a Synonyms> {
    table.iter().find(|synonyms| synonyms.word == word)
}

/// Without an article.
fn bare(text: &str) -> &str {
    text.strip_prefix("a ")
        .or(text.strip_prefix("an "))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests;
