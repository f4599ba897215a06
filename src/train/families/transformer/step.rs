//! One training step: the codes of some pictures, and how likely the transformer held each of them.

use super::{Codes, PriorSettings, Split, of_pictures};
use crate::{
    data::Dataset,
    networks::{
        NetworkConfig,
        generators::vqgan::{CodePrior, VqGan},
        layers::drawn,
    },
    ops::random,
    train::{Error, StepFigures},
};
use burn::{
    module::Module,
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Int, Tensor, TensorData, activation::log_softmax},
};
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// What a step changes, and what it learns from.
pub struct PriorState {
    /// The transformer, with autodiff.
    pub network: CodePrior,
    /// AdamW for the transformer.
    pub optimizer: ModuleOptimizer,
    /// What it learns from; no step changes it.
    pub(super) codes: Codes,
    pub(super) split: Split,
    /// What the last step found of the pictures that were held out, if it was measured.
    pub(super) held_out: Option<f64>,
}

/// What a step measured, in bits for each code: the mean of `-log2 p` of each given those before it. A
/// codebook of 512 has 9 before anything is learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PriorStats {
    /// Of the pictures of the step.
    pub code_loss: f64,
    /// How often the likeliest code is the right one.
    pub accuracy: f64,
    /// Of the pictures that are held out, behind a step that a checkpoint follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_loss: Option<f64>,
}

impl StepFigures for PriorStats {
    fn is_finite(&self) -> bool {
        self.code_loss.is_finite()
    }

    fn mean(steps: &[Self]) -> Self {
        let mean = |field: fn(&Self) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        Self {
            code_loss: mean(|stats| stats.code_loss),
            accuracy: mean(|stats| stats.accuracy),
            held_out_loss: steps.iter().rev().find_map(|stats| stats.held_out_loss),
        }
    }
}

impl PriorState {
    /// A fresh transformer on `device`, which needs no autodiff of its own, over the codes of `vqgan`.
    pub fn init(settings: &PriorSettings, vqgan: VqGan, split: Split, device: &Device) -> Self {
        random::seed(settings.recipe.seed);
        Self {
            network: drawn(settings.network.init(&device.clone().autodiff())),
            optimizer: AdamWConfig::new()
                .with_beta_1(0.9)
                .with_beta_2(0.95)
                .with_epsilon(1e-8)
                .with_weight_decay(settings.recipe.weight_decay as f32)
                .init(),
            codes: Codes::new(vqgan),
            split,
            held_out: None,
        }
    }

    /// A step on the `codes` of pictures of these `classes`, one picture after another.
    ///
    /// When the loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(
        mut self,
        settings: &PriorSettings,
        classes: &[usize],
        codes: &[u16],
    ) -> (Self, PriorStats) {
        let (logits, right) = expected(&self.network, classes, codes);
        let guessed = logits
            .clone()
            .detach()
            .argmax(1)
            .equal(right.clone())
            .float()
            .mean();
        let loss = cross_entropy(logits, right);
        let stats = PriorStats {
            code_loss: f64::from(loss.clone().into_scalar::<f32>()) / LN_2,
            accuracy: f64::from(guessed.into_scalar::<f32>()),
            held_out_loss: None,
        };
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        let learning_rate = settings.recipe.learning_rate;
        self.network = self.optimizer.step(learning_rate, self.network, gradients);
        (self, stats)
    }

    /// The loss of the pictures that are held out, in bits for each code, so many at a time.
    pub(super) fn held_out_loss(
        &mut self,
        together: usize,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<f64, Error> {
        let network = self.network.valid();
        let mut sum = 0.0;
        for places in self.split.held_out.chunks(together) {
            let codes = self.codes.of(places, dataset, device)?;
            let (logits, right) = expected(&network, &of_pictures(places, dataset), &codes);
            sum += f64::from(cross_entropy(logits, right).into_scalar::<f32>()) * places.len() as f64;
        }
        Ok(sum / self.split.held_out.len() as f64 / LN_2)
    }
}

/// What the network expects at each place, `[n length, codebook_size]`, and what is right there, `[n length,
/// 1]`.
fn expected(network: &CodePrior, classes: &[usize], codes: &[u16]) -> (Tensor<2>, Tensor<2, Int>) {
    let logits = network.forward(classes, codes);
    let [n, length, size] = logits.dims();
    let right: Vec<i64> = codes.iter().map(|&code| i64::from(code)).collect();
    let right = Tensor::from_data(TensorData::new(right, [n * length, 1]), &logits.device());
    (logits.reshape([n * length, size]), right)
}

/// The mean of `-ln p` of what is right, `[1]`.
fn cross_entropy(logits: Tensor<2>, right: Tensor<2, Int>) -> Tensor<1> {
    -log_softmax(logits, 1).gather(1, right).mean()
}
