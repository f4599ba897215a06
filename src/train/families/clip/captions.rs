//! What is said about each picture, and with what the towers are tested.

use super::ClipSettings;
use crate::{
    data::{Dataset, Phrase, Phrasebook, Property, Values, Words},
    train::{Error, streams::stream},
};
use rand::seq::SliceRandom;

/// Pictures with what is said about them.
pub(super) struct Captions {
    /// By index in the dataset.
    pub values: Vec<Values>,
    /// Indices of the pictures to train with, and the phrases for each.
    pub training: Vec<(usize, Vec<Phrase>)>,
    /// The pictures to test with.
    pub held_out: Vec<HeldOut>,
    /// What the towers are asked about every picture.
    pub questions: Vec<Question>,
}

/// A picture to test with, and what it is looked for by.
pub(super) struct HeldOut {
    pub index: usize,
    pub caption: Phrase,
    /// In words that no caption uses.
    pub synonyms: Option<Phrase>,
    /// In words that training does not use either.
    pub other_words: Option<Phrase>,
}

impl HeldOut {
    /// All that it is looked for by.
    pub fn phrases(&self) -> impl Iterator<Item = &Phrase> {
        std::iter::once(&self.caption)
            .chain(&self.synonyms)
            .chain(&self.other_words)
    }
}

/// A question with several answers, of which one is right for a picture.
pub(super) struct Question {
    pub name: String,
    pub property: usize,
    pub answers: Vec<Answer>,
}

impl Question {
    /// Which answer is right for a picture; none when the question does not arise.
    pub fn right(&self, picture: &[u16]) -> Option<usize> {
        let value = picture[self.property];
        self.answers
            .iter()
            .position(|answer| answer.values.contains(&value))
    }
}

/// An answer: the values of the property that it means, and how it is said.
pub(super) struct Answer {
    pub values: Vec<u16>,
    /// For the evaluation, which takes all of them.
    pub texts: Vec<String>,
    /// For training, which takes one of them at a time.
    pub wordings: Vec<String>,
}

impl Answer {
    fn new(values: Vec<u16>, label: String, wordings: Vec<String>) -> Self {
        let with = |label: &String| format!("avatar with {label}");
        Self {
            values,
            texts: vec![with(&label), label],
            wordings: wordings.iter().map(with).chain(wordings.clone()).collect(),
        }
    }

    fn of_value(book: &Phrasebook, property: usize, value: u16) -> Self {
        let wordings = book.wordings(property, value);
        Self::new(vec![value], book.label(property, value), wordings)
    }
}

/// Which value each property has, and whether it is there at all where some pictures lack it.
fn questions(book: &Phrasebook) -> Vec<Question> {
    let mut questions = vec![];
    for (property, Property { name, values }) in book.properties.iter().enumerate() {
        let all: Vec<u16> = (1..=values.len() as u16).collect();
        let answers: Vec<_> = all
            .iter()
            .map(|&value| Answer::of_value(book, property, value))
            .collect();
        if answers.len() > 1 {
            questions.push(Question {
                name: name.clone(),
                property,
                answers,
            });
        }
        if !name.ends_with(" color") {
            let some = Answer::new(all, book.any_label(property), book.any_wordings(property));
            questions.push(Question {
                name: format!("{name} or none"),
                property,
                answers: vec![Answer::of_value(book, property, 0), some],
            });
        }
    }
    questions
}

impl Captions {
    /// Splits the pictures that have traits, and makes phrases for them.
    pub fn new(dataset: &Dataset, settings: &ClipSettings) -> Result<Self, Error> {
        let mut order: Vec<usize> = (0..dataset.len())
            .filter(|&index| !dataset.traits(index).is_empty())
            .collect();
        let least = settings.recipe.held_out + settings.recipe.batch_size;
        if order.len() < least {
            return Err(Error::Settings(format!(
                "{} of the {} pictures in {} have traits, expected at least {least} ({} held out and a batch of {}): \
                 prepare a collection with ERC-721 style JSON beside the pictures, or lower --held-out and --batch-size",
                order.len(),
                dataset.len(),
                settings.dataset.data.display(),
                settings.recipe.held_out,
                settings.recipe.batch_size
            )));
        }
        order.shuffle(&mut stream(settings.recipe.seed, "split", 0));
        let book = Phrasebook::new((0..dataset.len()).map(|index| dataset.traits(index)));
        let values: Vec<Values> = (0..dataset.len())
            .map(|index| book.values(dataset.traits(index)))
            .collect();
        let whole = |index: usize| book.whole(dataset.caption(index), &values[index]);
        let (held_out, training) = order.split_at(settings.recipe.held_out);
        let training = training.iter().map(|&index| {
            let mut rng = stream(settings.recipe.seed, "captions", index as u64);
            let said = (1..settings.recipe.phrases)
                .filter_map(|_| book.say(&values[index], Words::Training, &mut rng));
            (index, std::iter::once(whole(index)).chain(said).collect())
        });
        let held_out = held_out.iter().map(|&index| {
            let mut rng = stream(settings.recipe.seed, "captions", index as u64);
            HeldOut {
                index,
                caption: whole(index),
                synonyms: book.say(&values[index], Words::Synonyms, &mut rng),
                other_words: book.say(&values[index], Words::Test, &mut rng),
            }
        });
        Ok(Self {
            training: training.collect(),
            held_out: held_out.collect(),
            questions: questions(&book),
            values,
        })
    }

    /// Every text that training or evaluation needs.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let training = self.training.iter().flat_map(|(_, phrases)| phrases);
        let held_out = self.held_out.iter().flat_map(HeldOut::phrases);
        let answers = self.questions.iter().flat_map(|question| &question.answers);
        let answers = answers.flat_map(|answer| answer.texts.iter().chain(&answer.wordings));
        training
            .chain(held_out)
            .map(|phrase| phrase.text.as_str())
            .chain(answers.map(String::as_str))
    }
}
