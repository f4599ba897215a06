//! What pictures are to resemble, as embeddings, and how far they are from it.

use super::read;
use crate::{
    networks::encoders::{ImageEncoder, collection_clip::TextTower, minilm::Tokenizer},
    ops::unit_length::unit_length,
    pipeline::{Error, Network, Prompt, sample::image_from_picture},
};
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbaImage;
use serde::{Deserialize, Serialize};

/// Which half of a CLIP an embedding comes from. The two halves embed into separate regions of one sphere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Words.
    Text,
    /// A picture.
    Image,
}

/// Weighted embeddings that pictures are compared with.
#[derive(Debug, Clone)]
pub struct Targets {
    /// `[k, d]`, of unit length.
    embeddings: Tensor<2>,
    weights: Vec<f32>,
    modalities: Vec<Modality>,
}

/// One of [`Targets`] as plain numbers, for work on another device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlainTarget {
    /// `[d]`, of unit length.
    pub embedding: Vec<f32>,
    /// How much it counts.
    pub weight: f32,
    /// Where it comes from.
    pub modality: Modality,
}

/// Embeddings `[k, d]` of one kind, with the weight of each.
pub type TargetGroup = (Tensor<2>, Vec<f32>, Modality);

/// What `prompts` ask for, for [`Targets::new`].
///
/// # Panics
/// When there are no prompts.
pub fn text_targets(tower: &TextTower, tokenizer: &Tokenizer, prompts: &[Prompt]) -> TargetGroup {
    let embed = |prompt: &Prompt| tower.embed(tokenizer, &prompt.text);
    let embeddings = Tensor::cat(prompts.iter().map(embed).collect(), 0);
    let weights = prompts.iter().map(|prompt| prompt.weight).collect();
    (embeddings, weights, Modality::Text)
}

/// What `picture` shows, for [`Targets::new`]: its largest centered square, on a
/// [`ground`](crate::art::ground) of this value where it is transparent.
pub fn image_target<E: ImageEncoder + ?Sized>(
    encoder: &E,
    picture: &RgbaImage,
    ground: u8,
    weight: f32,
    device: &Device,
) -> TargetGroup {
    let image = image_from_picture(picture, encoder.resolution(), ground, device);
    (encoder.embed(image), vec![weight], Modality::Image)
}

/// Whether an embedding with this squared length is a direction. What overflows becomes NaN, or a row of
/// zeros, when it is divided by its length.
pub fn is_unit(squared_length: f32) -> bool {
    (0.5..1.5).contains(&squared_length)
}

/// How the distance between two unit embeddings is measured; `c` is their cosine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// `1 - c`, from 0 to 2.
    #[default]
    Cosine,
    /// The squared great-circle distance `arccos(c)^2`, in radians squared: pulls harder the further away.
    Spherical,
    /// The length of the chord, `|a - b| = sqrt(2 - 2 c)`, from 0 to 2.
    L2,
    /// `sum |a_i - b_i| / sqrt(d)`, which the chord bounds from above.
    L1,
}

/// Near plus and minus one the slope of the arc cosine, and of a root near zero, grows without bounds.
const COSINE_MARGIN: f32 = 1e-5;

impl Targets {
    /// Targets from `(embeddings [k, d], weight of each, modality)`, one group for each source.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] when there are none, when widths or counts differ, or when no weight is other than
    /// zero.
    pub fn new(groups: Vec<TargetGroup>) -> Result<Self, Error> {
        let wrong = |reason: String| Err(Error::Request(reason));
        let Some(width) = groups.first().map(|(embeddings, ..)| embeddings.dims()[1]) else {
            return wrong("there is nothing to resemble: give a prompt or a picture".into());
        };
        let (mut embeddings, mut weights, mut modalities) = (vec![], vec![], vec![]);
        for (group, group_weights, modality) in groups {
            let [k, d] = group.dims();
            if d != width || k != group_weights.len() {
                return wrong(format!(
                    "the target embeddings are [{k}, {d}] with {} weights, expected {width} columns and a weight a row",
                    group_weights.len()
                ));
            }
            modalities.extend(group_weights.iter().map(|_| modality));
            weights.extend(group_weights);
            embeddings.push(group.without_autodiff());
        }
        let sum: f32 = weights.iter().map(|weight| weight.abs()).sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return wrong(format!(
                "the weights of the targets are {weights:?}, expected finite numbers that are not all zero"
            ));
        }
        let embeddings = unit_length(Tensor::cat(embeddings, 0));
        Ok(Self {
            embeddings,
            weights,
            modalities,
        })
    }

    /// Targets on `device` from what [`Targets::to_plain`] gave.
    ///
    /// # Errors
    ///
    /// As [`Targets::new`].
    pub fn from_plain(targets: Vec<PlainTarget>, device: &Device) -> Result<Self, Error> {
        let group = |target: PlainTarget| {
            let width = target.embedding.len();
            let embedding = Tensor::from_data(TensorData::new(target.embedding, [1, width]), device);
            (embedding, vec![target.weight], target.modality)
        };
        Self::new(targets.into_iter().map(group).collect())
    }

    /// All of them as plain numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] when the device fails.
    pub async fn to_plain(&self) -> Result<Vec<PlainTarget>, Error> {
        let embeddings = read(self.embeddings.clone()).await?;
        let each = embeddings.chunks_exact(self.width()).zip(&self.weights);
        let plain = each.zip(&self.modalities);
        Ok(plain
            .map(|((embedding, &weight), &modality)| PlainTarget {
                embedding: embedding.to_vec(),
                weight,
                modality,
            })
            .collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.weights.len()
    }

    /// Width of the embeddings.
    pub fn width(&self) -> usize {
        self.embeddings.dims()[1]
    }

    /// Embeddings, weight and modality of each target.
    pub fn iter(&self) -> impl Iterator<Item = (Tensor<2>, f32, Modality)> + '_ {
        let each = self.weights.iter().zip(&self.modalities).enumerate();
        each.map(|(index, (&weight, &modality))| {
            (self.embeddings.clone().narrow(0, index, 1), weight, modality)
        })
    }

    /// Makes sure that every target is a direction.
    ///
    /// # Errors
    ///
    /// [`Error::NotNumbers`] that names the network which embedded one that is none, [`Error::Device`] when
    /// the device fails.
    pub async fn check(&self) -> Result<(), Error> {
        let squares = self
            .embeddings
            .clone()
            .square()
            .sum_dim(1)
            .reshape([self.count()]);
        let lengths = read(squares).await?;
        match lengths.iter().position(|&length| !is_unit(length)) {
            None => Ok(()),
            Some(index) => Err(Error::NotNumbers {
                network: match self.modalities[index] {
                    Modality::Text => Network::TextEncoder,
                    Modality::Image => Network::ImageEncoder,
                },
            }),
        }
    }

    /// The weighted mean of the cosines to `embeddings [n, d]`, `[n]`; a negative weight counts against a
    /// picture.
    pub fn scores(&self, embeddings: Tensor<2>) -> Tensor<1> {
        self.weigh(self.cosines(embeddings))
    }

    /// The weighted mean distance of `embeddings [n, d]`, `[n]`; below zero where negative weights have it
    /// so.
    pub fn losses(&self, embeddings: Tensor<2>, loss: Loss) -> Tensor<1> {
        let distances = match loss {
            Loss::Cosine => -self.cosines(embeddings) + 1.0,
            Loss::Spherical => self
                .cosines(embeddings)
                .clamp(COSINE_MARGIN - 1.0, 1.0 - COSINE_MARGIN)
                .acos()
                .square(),
            Loss::L2 => {
                let halved = -self.cosines(embeddings) + 1.0;
                (halved.clamp_min(COSINE_MARGIN) * 2.0).sqrt()
            }
            Loss::L1 => {
                let [n, d] = embeddings.dims();
                let difference = embeddings.unsqueeze_dim::<3>(1) - self.embeddings.clone().unsqueeze_dim(0);
                difference.abs().sum_dim(2).reshape([n, self.count()]) / (d as f64).sqrt()
            }
        };
        self.weigh(distances)
    }

    fn cosines(&self, embeddings: Tensor<2>) -> Tensor<2> {
        embeddings.matmul(self.embeddings.clone().transpose()) // [n, k]
    }

    /// `[n, k] -> [n]`.
    fn weigh(&self, values: Tensor<2>) -> Tensor<1> {
        let [n, k] = values.dims();
        let sum: f32 = self.weights.iter().map(|weight| weight.abs()).sum();
        let weights: Vec<f32> = self.weights.iter().map(|weight| weight / sum).collect();
        let device: Device = self.embeddings.device();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [k, 1]), &device);
        values.matmul(weights).reshape([n])
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::random, *};
    use futures::executor::block_on;

    #[test]
    fn targets_survive_being_plain_numbers() {
        let device = Device::flex();
        let image = (random(7, [1, 6], 2.0, &device), vec![0.25], Modality::Image);
        let text = (random(4, [2, 6], 1.0, &device), vec![1.0, -0.5], Modality::Text);
        let targets = Targets::new(vec![text, image]).unwrap();
        let plain = block_on(targets.to_plain()).unwrap();
        let json = serde_json::to_string(&plain).unwrap();
        let plain: Vec<PlainTarget> = serde_json::from_str(&json).unwrap();
        let again = Targets::from_plain(plain, &device).unwrap();
        let parts = |targets: &Targets| -> Vec<(f32, Modality)> {
            targets
                .iter()
                .map(|(_, weight, modality)| (weight, modality))
                .collect()
        };
        assert_eq!(parts(&again), parts(&targets));
        let pictures: Tensor<2> = unit_length(random(8, [5, 6], 1.0, &device));
        let difference = again.scores(pictures.clone()) - targets.scores(pictures);
        assert!(difference.abs().max().into_scalar::<f32>() < 1e-6);

        let ragged = [2, 3].map(|width| PlainTarget {
            embedding: vec![1.0; width],
            weight: 1.0,
            modality: Modality::Text,
        });
        let error = Targets::from_plain(ragged.into(), &device)
            .unwrap_err()
            .to_string();
        assert!(error.contains("expected 2 columns"), "{error}");
        assert!(Targets::from_plain(vec![], &device).is_err());
    }
}
