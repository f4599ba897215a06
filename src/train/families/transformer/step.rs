//! One training step: the codes of some pictures, and how likely the transformer held each of them.

use super::{PriorSettings, TOGETHER};
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
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Int, Tensor, TensorData, activation::log_softmax},
};
use serde::{Deserialize, Serialize};

/// Everything that a step changes, and so everything that a checkpoint holds; and what it learns from.
pub struct PriorState {
    /// The transformer, with autodiff.
    pub network: CodePrior,
    /// What turns pictures into codes, without autodiff.
    pub vqgan: VqGan,
    /// AdamW for the transformer.
    pub optimizer: ModuleOptimizer,
    /// The codes of the pictures that were seen already, by their places in the dataset.
    known: Vec<Option<Box<[u16]>>>,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PriorStats {
    /// The mean of `-ln p` of each code given those before it; a codebook of 512 has 6.24 before it learned.
    pub code_loss: f64,
    /// How often the likeliest code is the right one.
    pub accuracy: f64,
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
        }
    }
}

impl PriorState {
    /// A fresh transformer on `device`, which needs no autodiff of its own, over the codes of `vqgan`.
    pub fn init(settings: &PriorSettings, vqgan: VqGan, device: &Device) -> Self {
        random::seed(settings.recipe.seed);
        Self {
            network: drawn(settings.network.init(&device.clone().autodiff())),
            vqgan,
            optimizer: AdamWConfig::new()
                .with_beta_1(0.9)
                .with_beta_2(0.95)
                .with_epsilon(1e-8)
                .with_weight_decay(settings.recipe.weight_decay as f32)
                .init(),
            known: vec![],
        }
    }

    /// The codes of the pictures at these places, `[n, length]`. Each picture is turned into codes once.
    pub(super) fn codes(
        &mut self,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<Tensor<2, Int>, Error> {
        self.known.resize(dataset.len(), None);
        let mut new: Vec<usize> = places
            .iter()
            .copied()
            .filter(|&place| self.known[place].is_none())
            .collect();
        new.sort_unstable();
        new.dedup();
        let side = dataset.resolution();
        for places in new.chunks(TOGETHER) {
            let images = TensorData::new(dataset.images(places)?, [places.len(), 3, side, side]);
            let codes = self.vqgan.codes(Tensor::from_data(images, device)).into_data();
            // A codebook has at most 65,536 codes.
            let codes: Vec<u16> = codes.iter::<i64>().map(|code| code as u16).collect();
            for (&place, codes) in places.iter().zip(codes.chunks_exact(codes.len() / places.len())) {
                self.known[place] = Some(codes.into());
            }
        }
        let rows = places
            .iter()
            .flat_map(|&place| self.known[place].iter().flatten());
        let codes: Vec<i64> = rows.map(|&code| i64::from(code)).collect();
        let shape = [places.len(), codes.len() / places.len()];
        Ok(Tensor::from_data(TensorData::new(codes, shape), device))
    }

    /// A step on `codes [n, length]`.
    ///
    /// When the loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(mut self, settings: &PriorSettings, codes: Tensor<2, Int>) -> (Self, PriorStats) {
        let recipe = &settings.recipe;
        let [n, length] = codes.dims();
        let device = self.network.head.val().device();
        let codes = Tensor::<2, Int>::from_data(codes.into_data(), &device);
        let logits = self.network.forward(codes.clone());
        let [_, _, size] = logits.dims();
        let logits = logits.reshape([n * length, size]);
        let right = codes.reshape([n * length, 1]);
        let loss = -log_softmax(logits.clone(), 1).gather(1, right.clone()).mean();
        let guessed = logits.detach().argmax(1).equal(right).float().mean();
        let stats = PriorStats {
            code_loss: f64::from(loss.clone().into_scalar::<f32>()),
            accuracy: f64::from(guessed.into_scalar::<f32>()),
        };
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(recipe.learning_rate, self.network, gradients);
        (self, stats)
    }
}
