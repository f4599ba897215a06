//! What was read of a prompt: what to ask the text tower for, and what to tell its author.

use super::{
    Lexicon,
    clauses::{Clause, clauses},
    words::items,
};
use crate::pipeline::{Prompt, prompt::SHOWN_CHARS};
use crate::weights::shortened;
use std::collections::BTreeSet;

/// How much what a picture must not show counts, where what it must show counts 1: it is unlike most words
/// anyway.
pub const DENIED_WEIGHT: f32 = 0.5;

/// A sentence denies at most so many things that avatars always have.
const MAX_DENIED: usize = 4;

/// So much that was not understood is told.
const MAX_TOLD: usize = 4;

/// A prompt as a model understands it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What to ask for: the prompt in the words of the model's training, and what it denies of things that
    /// are always there, against it. There is at least one.
    pub prompts: Vec<Prompt>,
    /// What the model knows nothing about, as it was typed.
    pub unknown: Vec<String>,
    /// What it knows nothing about either, but something that is like it.
    pub nearest: Vec<Nearest>,
}

/// Something that was asked for, and what a model has in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// As it was said.
    pub said: String,
    /// As the model knows it.
    pub known: String,
}

impl Lexicon {
    /// Reads `prompt` in the words of the model.
    ///
    /// `is_word` says whether a word in lower case is spelled as a word of some dictionary: such a word is
    /// never taken for a typing error.
    pub fn read(&self, prompt: &Prompt, is_word: impl Fn(&str) -> bool) -> Reading {
        let (items, describes_after) = items(self, &prompt.text, is_word);
        let mut writer = Writer {
            lexicon: self,
            asked: vec![],
            denied: vec![],
            understood: false,
            unknown: vec![],
            nearest: vec![],
        };
        let clauses = clauses(self, items, describes_after);
        let asked: BTreeSet<usize> = clauses
            .iter()
            .filter(|it| !it.denied)
            .filter_map(|it| it.thing)
            .collect();
        for clause in &clauses {
            writer.write(clause, &asked);
        }
        let Writer {
            asked,
            denied,
            understood,
            unknown,
            nearest,
            ..
        } = writer;
        let said = |text: String, weight: f32| Prompt {
            text,
            weight: weight * prompt.weight,
        };
        let mut prompts = vec![];
        match understood {
            false => prompts.push(prompt.clone()),
            true => {
                if !asked.is_empty() {
                    prompts.push(said(asked.join(", "), 1.0));
                }
                prompts.extend(denied.into_iter().map(|text| said(text, -DENIED_WEIGHT)));
            }
        }
        Reading {
            prompts,
            unknown,
            nearest,
        }
    }

    /// What of `readings` their author should know, as a sentence or two; nothing if all was understood.
    pub fn remark(&self, readings: &[Reading]) -> Option<String> {
        let mut sentences = vec![];
        let quoted = |text: &String| format!("\"{}\"", shortened(text, SHOWN_CHARS));
        let unknown: Vec<String> = readings
            .iter()
            .flat_map(|it| &it.unknown)
            .take(MAX_TOLD)
            .map(quoted)
            .collect();
        if !unknown.is_empty() {
            sentences.push(format!(
                "this model knows {}, and nothing about {}: try words such as \"{}\"",
                self.known(),
                unknown.join(", "),
                self.suggestion()
            ));
        }
        let nearest = readings.iter().flat_map(|it| &it.nearest).take(MAX_TOLD);
        sentences.extend(nearest.map(|it| {
            let [said, known] = [&it.said, &it.known].map(quoted);
            format!("{known} is the nearest to {said} that this model knows")
        }));
        (!sentences.is_empty()).then(|| sentences.join("; "))
    }
}

/// Says clauses as training did.
struct Writer<'a> {
    lexicon: &'a Lexicon,
    asked: Vec<String>,
    denied: Vec<String>,
    /// Whether anything was understood.
    understood: bool,
    unknown: Vec<String>,
    nearest: Vec<Nearest>,
}

impl Writer<'_> {
    /// `asked` are the things that the sentence asks for somewhere.
    fn write(&mut self, clause: &Clause, asked: &BTreeSet<usize>) {
        if let Some(mood) = clause.mood {
            self.understood = true;
            return self.say(mood.into(), clause.denied);
        }
        let Some(index) = clause.thing.or_else(|| self.meant(clause)) else {
            // Colors and kinds of nothing in particular, or words that are not known.
            let words = clause.words.iter().map(|(_, typed)| typed);
            let colors = clause.colors.iter().map(|color| &color.name);
            let mut said: Vec<&str> = colors.chain(words).map(String::as_str).collect();
            said.dedup();
            if !clause.unknown.is_empty() {
                self.not_known(clause.unknown.join(" "));
                said.extend(clause.unknown.iter().map(String::as_str));
            }
            if !said.is_empty() {
                let text = said.join(" ");
                self.say_free(text, clause.denied);
            }
            return;
        };
        self.understood = true;
        let thing = &self.lexicon.things[index];
        let words: BTreeSet<String> = clause.words.iter().map(|(word, _)| word.clone()).collect();
        let kind = thing.kind(&words);
        let mut others: Vec<String> = vec![];
        if kind.is_none() {
            // What narrows this thing to no kind that it has is said as it was typed.
            for (word, typed) in &clause.words {
                let is_noun = self.lexicon.names(index, word);
                if !is_noun && !others.contains(typed) {
                    others.push(typed.clone());
                }
            }
        }
        let described = kind.is_some() || !clause.colors.is_empty() || !others.is_empty();
        if !clause.unknown.is_empty() {
            let text = clause.unknown.join(" ");
            match described {
                true => self.not_known(text),
                false => {
                    self.not_known(format!("{text} {}", thing.noun));
                    others.extend(clause.unknown.iter().cloned());
                }
            }
        }
        let any = !clause.described && clause.colors.is_empty() && others.is_empty();
        if clause.denied && any && thing.optional && !asked.contains(&index) {
            return self.say(format!("no {}", thing.noun), false);
        }
        let mut colors = vec![];
        for shade in &clause.colors {
            let said = shade.name.as_str();
            match thing.color(shade) {
                Some((color, differs)) => {
                    if differs && !said.starts_with('#') {
                        let [said, known] = [said, color].map(|color| thing.phrase(None, Some(color), &[]));
                        self.near(said, known);
                    }
                    colors.push(color);
                }
                None => self.not_known(thing.phrase(None, Some(said), &[])),
            }
        }
        if let (Some(said), Some(kind)) = (&clause.roughly, kind) {
            self.near(said.clone(), kind.text.clone());
        }
        if colors.is_empty() {
            return self.say(thing.phrase(kind, None, &others), clause.denied);
        }
        for color in colors {
            self.say(thing.phrase(kind, Some(color), &others), clause.denied);
        }
    }

    /// The only thing that has all that a clause names, though it does not name the thing.
    fn meant(&self, clause: &Clause) -> Option<usize> {
        if clause.words.is_empty() && clause.colors.is_empty() {
            return None;
        }
        let words = |thing: &super::Thing| {
            clause
                .words
                .iter()
                .all(|(word, _)| thing.kinds.iter().any(|kind| kind.words.contains(word)))
        };
        let colors = |thing: &super::Thing| {
            let own = |name: &str| {
                thing
                    .colors
                    .iter()
                    .any(|color| super::key(color) == super::key(name))
            };
            let same = |name: &str| super::TABLE.color(name).is_some_and(|row| own(row.name));
            clause
                .colors
                .iter()
                .all(|shade| own(&shade.name) || same(&shade.name))
        };
        let mut fitting = (0..)
            .zip(&self.lexicon.things)
            .filter(|(_, thing)| words(thing) && colors(thing));
        match (fitting.next(), fitting.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        }
    }

    fn say(&mut self, text: String, denied: bool) {
        let (list, most) = match denied {
            false => (&mut self.asked, usize::MAX),
            true => (&mut self.denied, MAX_DENIED),
        };
        if list.len() < most && !list.contains(&text) {
            list.push(text);
        }
    }

    /// Says what is not of the model's words, and may be denied.
    fn say_free(&mut self, text: String, denied: bool) {
        let text = if denied { format!("no {text}") } else { text };
        self.say(text, false);
    }

    fn not_known(&mut self, text: String) {
        if !self.unknown.contains(&text) {
            self.unknown.push(text);
        }
    }

    fn near(&mut self, said: String, known: String) {
        let nearest = Nearest { said, known };
        if !self.nearest.contains(&nearest) {
            self.nearest.push(nearest);
        }
    }
}
