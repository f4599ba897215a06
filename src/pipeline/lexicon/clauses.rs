//! Which words belong to which thing.

use super::{
    Lexicon,
    table::Grammar,
    words::{Item, Shade},
};

/// What a sentence says of one thing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Clause {
    /// Index of the thing, if it was named.
    pub thing: Option<usize>,
    /// The keys of the words that narrow its kind, each as it was typed as well.
    pub words: Vec<(String, String)>,
    /// What was typed for a kind that is only similar.
    pub roughly: Option<String>,
    /// Whether a word beside its noun narrows its kind.
    pub described: bool,
    pub colors: Vec<Shade>,
    pub mood: Option<&'static str>,
    /// Words that were not understood.
    pub unknown: Vec<String>,
    pub denied: bool,
}

/// Items between two that end or join clauses.
struct Unit {
    items: Vec<Item>,
    denied: bool,
    /// What joins it to the unit before it.
    after: Grammar,
}

/// The clauses of `items`; `describes_after` is of their language.
pub(super) fn clauses(lexicon: &Lexicon, items: Vec<Item>, describes_after: bool) -> Vec<Clause> {
    let mut reader = Reader {
        lexicon,
        describes_after,
        clauses: vec![],
        carried: vec![],
        part: 0,
    };
    let mut unit = Unit::new(Grammar::Break, false);
    for item in items {
        let Item::Grammar(grammar) = item else {
            unit.items.push(item);
            continue;
        };
        let is_new = unit.items.is_empty();
        match grammar {
            Grammar::Skip => {}
            // "not wearing", "isn't in a": still the same denial.
            Grammar::Joint | Grammar::Worn | Grammar::Is if is_new && unit.denied => {}
            // "and with": the second is the stronger, and "is not" tells about what came before.
            Grammar::Joint | Grammar::Worn | Grammar::And | Grammar::Or if is_new => {
                unit.after = grammar;
            }
            Grammar::Deny if is_new => unit.denied = !unit.denied,
            Grammar::Denied => {
                reader.close(std::mem::replace(&mut unit, Unit::new(Grammar::Break, false)));
                if let Some(last) = reader.clauses.last_mut() {
                    last.denied = true;
                }
            }
            _ => {
                // "no hat or glasses", "neither hat nor glasses".
                let denied = grammar == Grammar::Deny || grammar == Grammar::Or && unit.denied;
                let after = if grammar == Grammar::Deny {
                    Grammar::Joint
                } else {
                    grammar
                };
                reader.close(std::mem::replace(&mut unit, Unit::new(after, denied)));
            }
        }
        if matches!(grammar, Grammar::Break) {
            reader.uncarry();
            reader.part = reader.clauses.len();
        }
    }
    reader.close(unit);
    reader.uncarry();
    reader.clauses
}

impl Unit {
    fn new(after: Grammar, denied: bool) -> Self {
        Self {
            items: vec![],
            denied,
            after,
        }
    }
}

struct Reader<'a> {
    lexicon: &'a Lexicon,
    describes_after: bool,
    clauses: Vec<Clause>,
    /// What describes a thing that is still to come: "pink and blue hair".
    carried: Vec<Item>,
    /// The first clause since the last mark between clauses.
    part: usize,
}

impl Reader<'_> {
    /// Reads what a unit says.
    fn close(&mut self, unit: Unit) {
        let Unit {
            mut items,
            denied,
            after,
        } = unit;
        if items.is_empty() {
            return;
        }
        // "Pink and blue hair", but "a blonde with a blue shirt".
        if !matches!(after, Grammar::And | Grammar::Or) {
            self.uncarry();
        }
        self.describe(&mut items, denied, after);
        match items.iter().any(is_thing) {
            _ if items.is_empty() => {}
            true => self.close_with_things(items, denied),
            false => self.close_without_thing(items, denied, after),
        }
    }

    /// Takes from `items` what tells more about the thing before them: "her hair is blue", "hair: blue".
    /// "Hair in blue" is about hair, but "long hair in blue" about clothes.
    fn describe(&mut self, items: &mut Vec<Item>, denied: bool, after: Grammar) {
        let Some(last) = self.clauses[self.part..].last_mut() else {
            return;
        };
        let things = items.iter().any(is_thing);
        let describes = match after {
            Grammar::Is => true,
            Grammar::Joint => !things,
            Grammar::Worn => !things && last.words.is_empty(),
            _ => false,
        };
        let open = last.thing.is_some() && last.colors.is_empty();
        if !(describes && open && self.carried.is_empty()) || items.iter().any(is_unknown) {
            return;
        }
        let count = match things {
            // "hair is blue shirt is red" says only the color of the hair here.
            true => usize::from(matches!(items[0], Item::Color(_))),
            false => items.iter().take_while(|item| is_description(item)).count(),
        };
        let described = items.drain(..count);
        if denied && count > 0 {
            // "the hair is not blue".
            let mut clause = Clause {
                denied,
                ..last.clone()
            };
            described.for_each(|item| clause.take(item));
            self.clauses.push(clause);
        } else {
            described.for_each(|item| last.take(item));
        }
    }

    fn close_with_things(&mut self, items: Vec<Item>, denied: bool) {
        // "hair pink shirt blue".
        let [first, last] = [items.first(), items.last()];
        let turned = first.is_some_and(is_thing) && last.is_some_and(is_description);
        let after_thing = self.describes_after || turned && self.carried.is_empty();
        // "A mohawk and a blue shirt": what was said before may be of something else.
        let thing = items.iter().find_map(|item| match item {
            Item::Thing(thing, _) => Some(*thing),
            _ => None,
        });
        let of_first = |item| thing.is_some_and(|thing| self.is_of(item, thing));
        if !self.carried.iter().all(of_first) {
            self.uncarry();
        }
        let mut pending = std::mem::take(&mut self.carried);
        let mut here: Option<usize> = None;
        let mut next_denied = denied;
        for item in items {
            let Item::Thing(thing, words) = item else {
                match item {
                    Item::Mood(_) => self.push(vec![item], next_denied),
                    item => match here {
                        Some(clause) if self.belongs(&item, clause, after_thing) => {
                            self.clauses[clause].take(item)
                        }
                        _ => pending.push(item),
                    },
                }
                continue;
            };
            // "beard stubble" is one thing, and so is "a tuft of pink hair".
            let goes_on = |clause: &usize| {
                let clause = &self.clauses[*clause];
                let plain = pending.iter().all(|item| matches!(item, Item::Color(_))) && words.is_empty();
                let open = plain && clause.colors.is_empty() && !clause.words.is_empty();
                clause.thing == Some(thing) && (pending.is_empty() || open)
            };
            let last = here.filter(goes_on);
            let clause = last.unwrap_or_else(|| {
                self.clauses.push(Clause {
                    thing: Some(thing),
                    denied: std::mem::take(&mut next_denied),
                    ..Clause::default()
                });
                self.clauses.len() - 1
            });
            for word in words {
                self.clauses[clause].words.push((word.clone(), word));
            }
            for item in pending.drain(..) {
                self.give(item, clause, here);
            }
            here = Some(clause);
        }
        let Some(clause) = here else { return };
        let (unknown, described): (Vec<_>, Vec<_>) = pending.into_iter().partition(is_unknown);
        let full = !self.clauses[clause].colors.is_empty();
        for item in described {
            match &item {
                Item::Color(_) if full => self.carried.push(item),
                _ => self.give(item, clause, None),
            }
        }
        self.push(unknown, false);
    }

    fn close_without_thing(&mut self, items: Vec<Item>, denied: bool, after: Grammar) {
        let colors = items.iter().all(|item| matches!(item, Item::Color(_)));
        if let (Grammar::Worn, true, Some(clothes)) = (after, colors, self.lexicon.clothes) {
            self.push(items, denied);
            if let Some(last) = self.clauses.last_mut() {
                last.thing = Some(clothes);
            }
            return;
        }
        let (described, others): (Vec<_>, Vec<_>) = items.into_iter().partition(is_description);
        let (unknown, moods): (Vec<_>, Vec<_>) = others.into_iter().partition(is_unknown);
        moods.into_iter().for_each(|mood| self.push(vec![mood], denied));
        match denied || !unknown.is_empty() {
            // What follows may be what it describes.
            false => self.carried.extend(described),
            true => self.push(described, denied),
        }
        self.push(unknown, denied);
    }

    /// Adds `item` to a clause, or where the clause's thing has no such kind to the one before it that has,
    /// or to none.
    fn give(&mut self, item: Item, clause: usize, before: Option<usize>) {
        let thing = |clause: usize| self.clauses[clause].thing.unwrap_or_default();
        let fits = |clause: &usize| self.is_of(&item, thing(*clause));
        let others = || (0..self.lexicon.things.len()).any(|thing| self.is_of(&item, thing));
        match Some(clause).filter(fits).or(before.filter(fits)) {
            Some(clause) => self.clauses[clause].take(item),
            None if others() => self.push(vec![item], false),
            None => self.clauses[clause].take(item),
        }
    }

    /// Whether `item` tells about the thing named last, and not about the one that is still to come.
    fn belongs(&self, item: &Item, clause: usize, after_thing: bool) -> bool {
        let clause = &self.clauses[clause];
        match item {
            Item::Kind(..) => after_thing && self.is_of(item, clause.thing.unwrap_or_default()),
            Item::Color(_) => after_thing && clause.colors.is_empty(),
            _ => false,
        }
    }

    /// Whether a thing may be what `item` describes.
    fn is_of(&self, item: &Item, thing: usize) -> bool {
        let kinds = &self.lexicon.things[thing].kinds;
        match item {
            Item::Kind(words, ..) => words
                .iter()
                .all(|word| kinds.iter().any(|kind| kind.words.contains(word))),
            _ => true,
        }
    }

    /// Gives up on finding what was described.
    fn uncarry(&mut self) {
        let carried = std::mem::take(&mut self.carried);
        let colors = !carried.is_empty() && carried.iter().all(|item| matches!(item, Item::Color(_)));
        // "Hair long and purple."
        match self.clauses[self.part..].last_mut() {
            Some(last) if colors && last.thing.is_some() && last.colors.is_empty() => {
                carried.into_iter().for_each(|item| last.take(item));
            }
            _ => self.push(carried, false),
        }
    }

    /// Adds a clause about no thing that was named.
    fn push(&mut self, items: Vec<Item>, denied: bool) {
        if items.is_empty() {
            return;
        }
        let mut clause = Clause {
            denied,
            ..Clause::default()
        };
        items.into_iter().for_each(|item| clause.take(item));
        self.clauses.push(clause);
    }
}

fn is_thing(item: &Item) -> bool {
    matches!(item, Item::Thing(..))
}

/// Whether `item` says what something is like.
fn is_description(item: &Item) -> bool {
    matches!(item, Item::Color(_) | Item::Kind(..))
}

fn is_unknown(item: &Item) -> bool {
    matches!(item, Item::Unknown(_))
}

impl Clause {
    fn take(&mut self, item: Item) {
        match item {
            Item::Kind(words, typed, roughly) => {
                self.described = true;
                if roughly {
                    self.roughly = Some(typed.clone());
                }
                self.words
                    .extend(words.into_iter().map(|word| (word, typed.clone())));
            }
            Item::Color(shade) => self.colors.push(shade),
            Item::Mood(mood) => self.mood = Some(mood),
            Item::Unknown(typed) => self.unknown.push(typed),
            Item::Thing(..) | Item::Grammar(_) => {}
        }
    }
}
