//! One training step.

use super::{
    ClipSettings,
    loss::{Asked, answers_loss, contrastive_loss},
    sentences::Texts,
};
use crate::{
    networks::{
        NetworkConfig,
        encoders::collection_clip::{ImageTower, TextProjection},
    },
    ops::random,
    train::{RunSettings, StepFigures, streams::stream},
};
use burn::{
    module::Module,
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor},
};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Everything that is trained.
#[derive(Module, Debug)]
pub struct Towers {
    /// Pictures, and `logit_scale`.
    pub image: ImageTower,
    /// Sentences, once the encoder has embedded them.
    pub text: TextProjection,
}

/// Everything that a step changes, and so everything that a checkpoint holds.
pub struct ClipState {
    /// In training, with autodiff.
    pub towers: Towers,
    /// AdamW for both.
    pub optimizer: ModuleOptimizer,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipStats {
    /// See [`contrastive_loss`].
    pub contrastive_loss: f64,
    /// See [`answers_loss`].
    pub answers_loss: f64,
    /// What cosines are multiplied with to become logits.
    pub scale: f64,
}

impl StepFigures for ClipStats {
    fn is_finite(&self) -> bool {
        self.contrastive_loss.is_finite() && self.answers_loss.is_finite()
    }

    /// The scale is the last one.
    fn mean(steps: &[Self]) -> Self {
        let mean = |field: fn(&Self) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        Self {
            contrastive_loss: mean(|stats| stats.contrastive_loss),
            answers_loss: mean(|stats| stats.answers_loss),
            scale: steps.last().map_or(0.0, |stats| stats.scale),
        }
    }
}

/// What a step learns from.
pub struct Batch {
    /// `[n, 3, resolution, resolution]` in `[-1, 1]`.
    pub images: Tensor<4>,
    /// A sentence about each picture.
    pub sentences: Texts,
    /// Which sentence fits which picture; see [`contrastive_loss`].
    pub fits: Vec<bool>,
    /// Answers to questions about any picture.
    pub answers: Texts,
    /// The questions.
    pub asked: Vec<Asked>,
}

impl ClipState {
    /// Fresh towers on `device`, which needs no autodiff of its own.
    pub fn init(settings: &ClipSettings, device: &Device) -> Self {
        random::seed(settings.recipe.seed);
        let device = device.clone().autodiff();
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.98)
            .with_epsilon(1e-6)
            .with_weight_decay(settings.recipe.weight_decay as f32);
        Self {
            towers: Towers {
                image: settings.image_tower.init(&device),
                text: settings.text_tower.init_projection(&device),
            },
            optimizer: optimizer.init(),
        }
    }

    /// The step number `step`, counted from zero, on a batch.
    ///
    /// When a loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(mut self, settings: &ClipSettings, step: u64, batch: Batch) -> (Self, ClipStats) {
        let device = batch.images.device();
        random::seed(stream(settings.recipe.seed, "step", step).random());
        let noisy = |Texts { clauses, texts }| {
            let [k, width] = clauses.dims();
            let deviation = settings.recipe.text_noise / (width as f64).sqrt();
            let noise = random::normal([k, width], deviation, &device);
            let clauses = clauses + noise;
            Texts { clauses, texts }.embed(&self.towers.text)
        };
        let images = self.towers.image.forward(batch.images);
        let texts = noisy(batch.sentences);
        let answers = noisy(batch.answers);
        let scale = self.towers.image.scale();
        let scalar = |value: &Tensor<1>| value.clone().into_scalar::<f32>() as f64;
        let contrastive = contrastive_loss(images.clone(), texts, scale.clone(), &batch.fits);
        let answered = answers_loss(images, answers, scale.clone(), &batch.asked);
        let stats = ClipStats {
            contrastive_loss: scalar(&contrastive),
            answers_loss: scalar(&answered),
            scale: scalar(&scale),
        };
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads((contrastive + answered).backward(), &self.towers);
        let rate = settings
            .recipe
            .learning_rate_at(settings.schedule().images_after(step));
        self.towers = self.optimizer.step(rate, self.towers, gradients);
        (self, stats)
    }
}
