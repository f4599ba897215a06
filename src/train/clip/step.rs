//! One training step.

use super::{ClipSettings, Purpose, loss::contrastive_loss, rng};
use crate::networks::collection_clip::{ImageTower, TextProjection};
use burn::{
    module::Module,
    optim::{AdamWConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Distribution, Tensor},
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
    /// Steps taken so far; with the seed it determines all randomness of the next one.
    pub step: u64,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClipStats {
    /// See [`contrastive_loss`].
    pub loss: f64,
    /// What cosines are multiplied with to become logits.
    pub scale: f64,
}

impl ClipState {
    /// Fresh towers on `device`, which needs no autodiff of its own.
    pub fn init(settings: &ClipSettings, device: &Device) -> Self {
        device.seed(settings.seed);
        let device = device.clone().autodiff();
        let optimizer = AdamWConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.98)
            .with_epsilon(1e-6)
            .with_weight_decay(settings.weight_decay as f32);
        Self {
            towers: Towers {
                image: settings.image_tower.init(&device),
                text: settings.text_tower.init_projection(&device),
            },
            optimizer: optimizer.init(),
            step: 0,
        }
    }

    /// Pictures shown so far.
    pub fn images_seen(&self, settings: &ClipSettings) -> u64 {
        self.step * settings.batch_size as u64
    }

    /// One step on `images [n, 3, resolution, resolution]` and `sentences [n, width]`; see [`contrastive_loss`] for
    /// `fits`.
    ///
    /// When the loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(
        mut self,
        settings: &ClipSettings,
        images: Tensor<4>,
        sentences: Tensor<2>,
        fits: &[bool],
    ) -> (Self, ClipStats) {
        let device = images.device();
        device.seed(rng(settings.seed, Purpose::Step(self.step)).random());
        let [n, width] = sentences.dims();
        let deviation = settings.text_noise / (width as f64).sqrt();
        let noise = Tensor::random([n, width], Distribution::Normal(0.0, 1.0), &device) * deviation;
        let images = self.towers.image.forward(images);
        let texts = self.towers.text.forward(sentences + noise);
        let scale = self.towers.image.scale();
        let mut stats = ClipStats {
            scale: scale.clone().into_scalar::<f32>() as f64,
            ..Default::default()
        };
        let loss = contrastive_loss(images, texts, scale, fits);
        stats.loss = loss.clone().into_scalar::<f32>() as f64;
        if !stats.loss.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.towers);
        let rate = settings.learning_rate_at(self.images_seen(settings));
        self.towers = self.optimizer.step(rate, self.towers, gradients);
        self.step += 1;
        (self, stats)
    }
}
