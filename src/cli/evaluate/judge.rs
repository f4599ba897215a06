//! Judges of what a picture shows: from its colours alone, or an independent CLIP.

use crate::{
    cli::words::Words,
    data::{Dataset, Phrasebook, Values},
    metrics::PixelJudge,
    ops::unit_length::unit_length,
    pipeline::Prompt,
};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

/// What is asked about every picture, such as its hair's colour.
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
    pub fn new(name: &str, book: &Phrasebook) -> Option<Self> {
        let property = book
            .properties
            .iter()
            .position(|property| property.name == name)?;
        // What a part of the collection wears is asked about as such: 32 pixels do not show which kind it is.
        let presence = name == "glasses";
        let labels = match presence {
            true => vec![book.label(property, 0), book.any_label(property)],
            false => {
                let count = book.properties[property].values.len() as u16;
                (1..=count).map(|value| book.label(property, value)).collect()
            }
        };
        let category = match name.ends_with(" color") {
            true => "colours".into(),
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
    pub fn answer(&self, values: &Values) -> Option<usize> {
        let value = values[self.property] as usize;
        match self.presence {
            true => Some(value.min(1)),
            false => value.checked_sub(1),
        }
    }
}

/// Answers a question about pictures.
pub(super) enum Judge {
    Pixels(PixelJudge),
    /// `[answers, embed_dim]`: the nearest answer is given.
    Clip(Box<Tensor<2>>),
}

impl Judge {
    /// Learns from the pictures of `dataset` at `indices`.
    pub fn of_pixels(
        question: &Question,
        dataset: &Dataset,
        values: &[Values],
        indices: &[usize],
    ) -> anyhow::Result<Self> {
        let answered = indices
            .iter()
            .filter_map(|&index| Some((index, question.answer(&values[index])?)));
        let mut seen = vec![];
        for (index, answer) in answered {
            seen.push((dataset.read(index)?, answer));
        }
        let seen = seen.iter().map(|(picture, answer)| (picture.as_slice(), *answer));
        let judge = PixelJudge::learn(dataset.resolution(), question.labels.len(), seen);
        Ok(Self::Pixels(judge))
    }

    /// Asks the towers of an independent CLIP.
    pub fn of_clip(question: &Question, words: &Words, device: &Device) -> Self {
        let prompts = |text: String| Prompt { text, weight: 1.0 };
        let answers = |form: &dyn Fn(&String) -> String| {
            let prompts: Vec<Prompt> = question.labels.iter().map(form).map(prompts).collect();
            words.read(&prompts, device).0
        };
        let sum = answers(&String::clone) + answers(&|label| format!("avatar with {label}"));
        Self::Clip(Box::new(unit_length(sum)))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pixels(_) => "pixels",
            Self::Clip(_) => "CLIP",
        }
    }

    /// The answers for pictures of `side` pixels, planes first.
    pub fn answers(&self, pictures: &[Vec<u8>], side: usize, words: Option<&Words>) -> Vec<usize> {
        match (self, words) {
            (Self::Pixels(judge), _) => pictures.iter().map(|picture| judge.judge(picture)).collect(),
            (Self::Clip(answers), Some(words)) => pictures
                .chunks(32)
                .flat_map(|pictures| nearest(pictures, side, words, answers))
                .collect(),
            (Self::Clip(_), None) => unreachable!("a CLIP judges with its own towers"),
        }
    }

    /// The share of the pictures at `indices` that it answers rightly, and of how many.
    pub fn accuracy(
        &self,
        question: &Question,
        dataset: &Dataset,
        values: &[Values],
        indices: &[usize],
        words: Option<&Words>,
    ) -> anyhow::Result<f64> {
        let (mut pictures, mut expected) = (vec![], vec![]);
        for &index in indices {
            if let Some(answer) = question.answer(&values[index]) {
                pictures.push(dataset.read(index)?);
                expected.push(answer);
            }
        }
        let found = self.answers(&pictures, dataset.resolution(), words);
        let right = found
            .iter()
            .zip(&expected)
            .filter(|(found, expected)| found == expected);
        Ok(right.count() as f64 / expected.len().max(1) as f64)
    }
}

fn nearest(pictures: &[Vec<u8>], side: usize, words: &Words, answers: &Tensor<2>) -> Vec<usize> {
    let values: Vec<f32> = pictures
        .iter()
        .flatten()
        .map(|&byte| f32::from(byte) / 127.5 - 1.0)
        .collect();
    let images = TensorData::new(values, [pictures.len(), 3, side, side]);
    let images = Tensor::<4>::from_data(images, &answers.device());
    let cosines = words.image.embed(images).matmul(answers.clone().transpose());
    let [_, count] = cosines.dims();
    let cosines: Vec<f32> = cosines.into_data().iter::<f32>().collect();
    let best = |row: &[f32]| {
        let better = |best, index| if row[index] > row[best] { index } else { best };
        (0..count).fold(0, better)
    };
    cosines.chunks_exact(count).map(best).collect()
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
