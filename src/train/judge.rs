//! A judge of what pictures show, trained on a collection's own pictures and traits: for measuring other
//! networks.
//!
//! It has the image tower's shape and nothing of its weights. Its pictures get small flaws, as it is to judge
//! drawn ones.

use super::{
    clip::{flawed, scaled},
    schedule::cosine_decay,
};
use crate::{
    networks::{
        NetworkConfig,
        encoders::{
            ImageEncoder,
            collection_clip::{ImageTower, ImageTowerConfig},
        },
        layers::Linear,
    },
    ops::random,
};
use burn::{
    module::Module,
    optim::{AdamWConfig, GradientsParams},
    tensor::{Device, Int, Tensor, TensorData, activation::log_softmax},
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// The answers to every question about one picture, of which some may have none.
pub type Answers = Vec<Option<usize>>;

/// Answers several questions about a picture; [`train_judge`] makes it.
#[derive(Module, Debug)]
pub struct Judge {
    tower: ImageTower,
    heads: Vec<Linear>,
}

/// Pictures in a step, and in a forward pass.
const BATCH: usize = 64;
/// How often every picture is shown.
const EPOCHS: usize = 12;
/// AdamW's step size; it falls to zero along a cosine.
const LEARNING_RATE: f64 = 2e-3;
/// Embeddings have unit length; classes need larger numbers to be told apart.
const EMBEDDING_LENGTH: f64 = 16.0;

impl Judge {
    fn logits(&self, images: Tensor<4>) -> Vec<Tensor<2>> {
        let embeddings = self.tower.forward(images) * EMBEDDING_LENGTH;
        self.heads
            .iter()
            .map(|head| head.forward(embeddings.clone()))
            .collect()
    }

    /// For each picture, planes first (`[3, side, side]`, 0 to 255), the likeliest answer to each question.
    pub fn answers(&self, pictures: &[Vec<u8>], device: &Device) -> Vec<Vec<usize>> {
        let mut answers = vec![vec![]; pictures.len()];
        for (first, batch) in (0..).step_by(BATCH).zip(pictures.chunks(BATCH)) {
            let values = batch.iter().flatten().map(|&byte| scaled(byte)).collect();
            for logits in self.logits(images(values, batch.len(), self.tower.resolution(), device)) {
                let found = logits.argmax(1).into_data();
                for (answers, answer) in answers[first..].iter_mut().zip(found.iter::<i64>()) {
                    answers.push(answer as usize);
                }
            }
        }
        answers
    }
}

/// Trains a judge for pictures of `side` pixels, one that [`ImageTowerConfig`] takes, on `pictures` (as
/// [`Judge::answers`] takes them) with their answers; question number `i` has `counts[i]` answers. `progress`
/// hears of steps: done, and in all.
pub fn train_judge(
    side: usize,
    pictures: &[(Vec<u8>, Answers)],
    counts: &[usize],
    device: &Device,
    mut progress: impl FnMut(usize, usize),
) -> Judge {
    const SEED: u64 = 1;
    random::seed(SEED);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let config = ImageTowerConfig::small(side);
    let mut judge = Judge {
        heads: counts
            .iter()
            .map(|&count| Linear::init([config.embed_dim, count], 1.0, device))
            .collect(),
        tower: config.init(device),
    }
    .train();
    let mut optimizer = AdamWConfig::new().with_weight_decay(1e-2).init();
    let mut order: Vec<usize> = (0..pictures.len()).collect();
    let total = EPOCHS * order.len().div_ceil(BATCH);
    let mut done = 0;
    for _ in 0..EPOCHS {
        order.shuffle(&mut rng);
        for batch in order.chunks(BATCH) {
            let values = batch
                .iter()
                .flat_map(|&index| flawed(&pictures[index].0, side, &mut rng))
                .collect();
            let images = images(values, batch.len(), side, device);
            let logits = judge.logits(Tensor::from_inner(images));
            let losses = logits.into_iter().enumerate().map(|(question, logits)| {
                let answers = batch.iter().map(|&index| pictures[index].1[question]).collect();
                cross_entropy(logits, answers)
            });
            let loss = losses
                .reduce(|sum, loss| sum + loss)
                .expect("there are questions");
            let gradients = GradientsParams::from_grads(loss.backward(), &judge);
            let wave = cosine_decay(done as f64 / total as f64);
            judge = optimizer.step(LEARNING_RATE * wave, judge, gradients);
            done += 1;
            progress(done, total);
        }
    }
    judge.valid()
}

fn images(values: Vec<f32>, n: usize, side: usize, device: &Device) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, [n, 3, side, side]), device)
}

/// The mean over the pictures of minus the logarithm of the right answer's share; pictures without one count
/// nothing.
fn cross_entropy(logits: Tensor<2>, answers: Answers) -> Tensor<1> {
    let n = answers.len();
    let device = logits.device().without_autodiff();
    let right: Vec<i32> = answers.iter().map(|answer| answer.unwrap_or(0) as i32).collect();
    let counts: Vec<f32> = answers.iter().map(|answer| f32::from(answer.is_some())).collect();
    let right = Tensor::<2, Int>::from_data(TensorData::new(right, [n, 1]), &device);
    let counts = Tensor::<2>::from_data(TensorData::new(counts, [n, 1]), &device);
    -(log_softmax(logits, 1).gather(1, right) * counts).sum() / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_drawn_pictures_apart() {
        const COLORS: [[u8; 3]; 3] = [[220, 40, 40], [40, 180, 60], [40, 60, 210]];
        // Hair above and a shirt below; every third picture does not say which shirt it is.
        let picture = |hair: usize, shirt: usize, off: u8| -> Vec<u8> {
            let pixel = |channel: usize, at: usize| {
                let color = COLORS[if at < 128 { hair } else { shirt }];
                color[channel].saturating_add(off)
            };
            (0..3)
                .flat_map(|channel| (0..256).map(move |at| pixel(channel, at)))
                .collect()
        };
        let seen: Vec<(Vec<u8>, Answers)> = (0..360)
            .map(|index| {
                let (hair, shirt) = (index % 3, index / 3 % 3);
                (
                    picture(hair, shirt, 0),
                    vec![Some(hair), (index % 4 > 0).then_some(shirt)],
                )
            })
            .collect();
        let device = Device::flex();
        let mut told = vec![];
        let judge = train_judge(16, &seen, &[3, 3], &device, |done, total| {
            told.push((done, total))
        });
        assert_eq!(told.last(), Some(&(72, 72)));
        let pictures: Vec<_> = (0..9).map(|index| picture(index % 3, index / 3, 12)).collect();
        let expected: Vec<_> = (0..9).map(|index| vec![index % 3, index / 3]).collect();
        assert_eq!(judge.answers(&pictures, &device), expected);
    }
}
