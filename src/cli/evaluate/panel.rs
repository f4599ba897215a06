//! The panel that judges what pictures show.

use crate::{
    cli::progress,
    data::{Dataset, Phrasebook, Values},
    train::{Judge, train_judge},
};
use anyhow::ensure;
use burn::tensor::Device;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The share of the dataset that the judge is tested on instead of learning from it.
const TESTED: f64 = 0.2;

/// What is asked about every picture, such as its hair's color.
pub(super) struct Question {
    /// As the collection calls it.
    pub name: String,
    /// What the figures call it.
    pub category: String,
    /// The property of the phrasebook.
    property: usize,
    /// Only whether there is any.
    presence: bool,
    /// How each answer is said: the values from 1 on, or none and any.
    pub labels: Vec<String>,
}

impl Question {
    /// The question that `name` stands for in figures, if the collection has such a property.
    fn new(name: &str, book: &Phrasebook, pictures: &[Values]) -> Option<Self> {
        let property = book
            .properties
            .iter()
            .position(|property| property.name == name)?;
        // What a part of the collection wears is asked about as such: small pictures do not show which kind
        // it is.
        let presence = book.is_worn(property) && pictures.iter().any(|values| values[property] == 0);
        let labels = match presence {
            true => vec![book.label(property, 0), book.any_label(property)],
            false => {
                let count = book.properties[property].values.len() as u16;
                (1..=count).map(|value| book.label(property, value)).collect()
            }
        };
        let category = match name.ends_with(" color") {
            true => "colors".into(),
            false => name.into(),
        };
        Some(Self {
            name: name.into(),
            category,
            property,
            presence,
            labels,
        })
    }

    /// The right answer for a picture of the collection; none where it has no such property.
    fn answer(&self, values: &Values) -> Option<usize> {
        let value = values[self.property] as usize;
        match self.presence {
            true => Some(value.min(1)),
            false => value.checked_sub(1),
        }
    }
}

/// Questions about pictures, and a judge who answers them.
pub(super) struct Panel {
    pub questions: Vec<Question>,
    /// How often the judge is right about each question, on pictures of the collection that it did not learn
    /// from.
    pub accuracy: Vec<f64>,
    judge: Judge,
    device: Device,
}

impl Panel {
    /// Trains a judge on most pictures of `dataset` for those of `traits` that it has, and tests it on the
    /// others.
    pub fn learn(dataset: &Dataset, traits: &[String], device: &Device) -> anyhow::Result<Self> {
        let book = Phrasebook::new((0..dataset.len()).map(|index| dataset.traits(index)));
        let values: Vec<Values> = (0..dataset.len())
            .map(|index| book.values(dataset.traits(index)))
            .collect();
        let mut questions = vec![];
        for name in traits {
            match Question::new(name.trim(), &book, &values) {
                Some(question) => questions.push(question),
                None => eprintln!("the dataset has no trait {name:?}: it is not asked for"),
            }
        }
        ensure!(
            !questions.is_empty(),
            "the dataset has none of the traits {}: name others with --traits",
            traits.join(", ")
        );
        let mut pictures = vec![];
        for (index, values) in values.iter().enumerate() {
            let answers = questions.iter().map(|question| question.answer(values)).collect();
            pictures.push((dataset.read_on_gray(index)?, answers));
        }
        pictures.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
        let (tested, learned) = pictures.split_at((dataset.len() as f64 * TESTED) as usize);
        let counts: Vec<usize> = questions.iter().map(|question| question.labels.len()).collect();
        let bar = progress::bar(0, "steps for the judge");
        let judge = train_judge(dataset.resolution(), learned, &counts, device, |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let (tested, expected): (Vec<_>, Vec<_>) = tested.iter().cloned().unzip();
        let found = judge.answers(&tested, device);
        let share = |question: usize| {
            let answered = found.iter().zip(&expected);
            let right: Vec<bool> = answered
                .filter_map(|(found, expected)| Some(found[question] == expected[question]?))
                .collect();
            right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64
        };
        Ok(Self {
            accuracy: (0..questions.len()).map(share).collect(),
            questions,
            judge,
            device: device.clone(),
        })
    }

    /// What the judge answers about each picture: planes first, one answer for each question.
    pub fn answers(&self, pictures: &[Vec<u8>]) -> Vec<Vec<usize>> {
        self.judge.answers(pictures, &self.device)
    }
}

/// Shares by category.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<String, [usize; 2]>);

impl Tally {
    pub fn count(&mut self, category: &str, right: bool) {
        let [hits, all] = self.0.entry(category.into()).or_default();
        *hits += usize::from(right);
        *all += 1;
    }

    /// The share that was right in each category, to four digits.
    pub fn shares(&self) -> BTreeMap<String, f64> {
        let share = |&[hits, all]: &[usize; 2]| (hits as f64 / all as f64 * 1e4).round() / 1e4;
        self.0
            .iter()
            .map(|(category, counts)| (category.clone(), share(counts)))
            .collect()
    }
}
