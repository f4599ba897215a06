//! How well the towers find pictures and answer questions about them, on pictures that were held out.

use super::{
    Towers,
    augment::{CHANNELS, scaled},
    captions::{Captions, Question},
    sentences::Sentences,
};
use crate::{
    data::{Dataset, Phrase},
    ops::unit_length::unit_length,
    train::Error,
};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// What was measured on the held-out pictures; written to `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Thousands of pictures seen before.
    pub kimg: f64,
    /// How many pictures were held out.
    pub pictures: usize,
    /// Finding pictures by their whole captions.
    pub captions: Recall,
    /// Finding pictures by words that training uses and no caption does.
    pub synonyms: Recall,
    /// Finding pictures by other words, of which none occurs in a caption or in training.
    pub other_words: Recall,
    /// Questions about each picture, answered by the nearest text.
    pub zero_shot: Vec<ZeroShot>,
}

/// How often a text finds a picture that it fits, among all that were held out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recall {
    /// How many texts were asked.
    pub texts: usize,
    /// Share of texts that fit the picture nearest to them.
    pub at_1: f64,
    /// Share of texts that fit one of the five nearest.
    pub at_5: f64,
    /// Share of texts that would fit a picture taken at random.
    pub chance_at_1: f64,
}

/// How often the right answer is the nearest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZeroShot {
    /// The property.
    pub question: String,
    /// How many pictures it was asked about: those that have it.
    pub pictures: usize,
    /// How many answers there are.
    pub answers: usize,
    /// Share of pictures that were answered rightly.
    pub accuracy: f64,
    /// Share that would be right if the commonest answer were always given.
    pub chance: f64,
}

/// Pictures in a forward pass.
const BATCH: usize = 128;

/// Measures towers without autodiff.
pub(super) fn evaluate(
    towers: &Towers,
    captions: &Captions,
    sentences: &Sentences,
    dataset: &Dataset,
    kimg: f64,
    device: &Device,
) -> Result<Evaluation, Error> {
    let side = dataset.resolution();
    let mut embedded = vec![];
    for pictures in captions.held_out.chunks(BATCH) {
        let mut values = Vec::with_capacity(pictures.len() * CHANNELS * side * side);
        for picture in pictures {
            values.extend(dataset.read_on_gray(picture.index)?.into_iter().map(scaled));
        }
        let shape = [pictures.len(), CHANNELS, side, side];
        let images = Tensor::<4>::from_data(TensorData::new(values, shape), device);
        embedded.push(towers.image.forward(images));
    }
    let images = Tensor::cat(embedded, 0); // [pictures, d]
    let values: Vec<&[u16]> = captions
        .held_out
        .iter()
        .map(|picture| captions.values[picture.index].as_slice())
        .collect();

    let recall = |phrases: Vec<&Phrase>| {
        if phrases.is_empty() {
            return Recall {
                texts: 0,
                at_1: 0.0,
                at_5: 0.0,
                chance_at_1: 0.0,
            };
        }
        let texts = sentences.texts(phrases.iter().map(|phrase| phrase.text.as_str()), device);
        let near = cosines(texts.embed(&towers.text), images.clone());
        let (mut first, mut five, mut fitting) = (0, 0, 0);
        for (phrase, near) in phrases.iter().zip(near.chunks_exact(values.len())) {
            let mut order: Vec<usize> = (0..near.len()).collect();
            order.sort_by(|&a, &b| near[b].total_cmp(&near[a]));
            let fits = |index: &usize| phrase.fits(values[*index]);
            first += usize::from(fits(&order[0]));
            five += usize::from(order.iter().take(5).any(fits));
            fitting += order.iter().filter(|index| fits(index)).count();
        }
        let share = |count: usize| count as f64 / phrases.len() as f64;
        Recall {
            texts: phrases.len(),
            at_1: share(first),
            at_5: share(five),
            chance_at_1: share(fitting) / values.len() as f64,
        }
    };
    let ask = |question: &Question| -> Option<ZeroShot> {
        let asked: Vec<(usize, usize)> = values
            .iter()
            .enumerate()
            .filter_map(|(index, values)| Some((index, question.right(values)?)))
            .collect();
        let mut counts = vec![0; question.answers.len()];
        asked.iter().for_each(|(_, right)| counts[*right] += 1);
        // A question with one answer for all pictures tells nothing.
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return None;
        }
        let answers: Vec<Tensor<2>> = question
            .answers
            .iter()
            .map(|answer| {
                let texts = sentences.texts(answer.texts.iter().map(String::as_str), device);
                unit_length(texts.embed(&towers.text).mean_dim(0))
            })
            .collect();
        let near = cosines(images.clone(), Tensor::cat(answers, 0));
        let n = counts.len();
        let correct = asked
            .iter()
            .filter(|(index, right)| {
                let near = &near[index * n..(index + 1) * n];
                (0..n).max_by(|&a, &b| near[a].total_cmp(&near[b])) == Some(*right)
            })
            .count();
        let share = |count: usize| count as f64 / asked.len() as f64;
        Some(ZeroShot {
            question: question.name.clone(),
            pictures: asked.len(),
            answers: n,
            accuracy: share(correct),
            chance: share(counts.into_iter().max().unwrap_or(0)),
        })
    };
    let held_out = captions.held_out.iter();
    Ok(Evaluation {
        kimg,
        pictures: captions.held_out.len(),
        captions: recall(held_out.clone().map(|picture| &picture.caption).collect()),
        synonyms: recall(held_out.clone().flat_map(|picture| &picture.synonyms).collect()),
        other_words: recall(held_out.flat_map(|picture| &picture.other_words).collect()),
        zero_shot: captions.questions.iter().filter_map(ask).collect(),
    })
}

/// `a [n, d]` against `b [m, d]`, of unit length: `n * m` cosines, row by row.
fn cosines(a: Tensor<2>, b: Tensor<2>) -> Vec<f32> {
    a.matmul(b.transpose()).into_data().iter::<f32>().collect()
}
