//! One training step: the discriminator several times, the generator, the average. Every network computes
//! with its weights divided by their largest singular values.

use super::{
    BigGanSettings,
    orthogonal::{orthogonal, orthogonal_penalty},
    spectral::SpectralNorm,
};
use crate::{
    networks::generators::{
        Generate,
        biggan::{Discriminator, Generator},
        one_hot,
    },
    ops::random,
    train::{
        StepFigures,
        adversarial::{hinge_discriminator_loss, hinge_generator_loss},
        classes::DrawnClasses,
        ema_step,
        streams::stream,
    },
};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor, TensorData},
};
use rand::Rng;
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

/// Batches whose statistics the averaged generator draws with.
const STANDING: u64 = 32;

/// Everything that a step changes, and so everything that a checkpoint holds; and how samples are drawn.
pub struct BigGanState {
    /// The generator in training, with autodiff. The statistics of its norms are not those of its batches:
    /// only what is drawn from has [such](Self::standing).
    pub generator: Generator,
    /// The discriminator in training, with autodiff.
    pub discriminator: Discriminator,
    /// The average of the generator's weights, without autodiff.
    pub g_ema: Generator,
    /// The largest singular values of the generator's matrices.
    pub generator_norm: SpectralNorm,
    /// Those of the discriminator's.
    pub discriminator_norm: SpectralNorm,
    /// Adam for the generator.
    pub generator_optimizer: ModuleOptimizer,
    /// Adam for the discriminator.
    pub discriminator_optimizer: ModuleOptimizer,
    /// The run's seed, and pictures in a batch whose statistics are taken.
    pub(super) drawn_as: (u64, usize),
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BigGanStats {
    /// See [`hinge_generator_loss`].
    pub generator_loss: f64,
    /// See [`hinge_discriminator_loss`]; the mean over the discriminator's updates.
    pub discriminator_loss: f64,
    /// Mean logit of real pictures.
    pub real_logit: f64,
    /// Mean logit of generated pictures.
    pub fake_logit: f64,
    /// See [`orthogonal_penalty`], without its weight.
    pub orthogonal_penalty: f64,
}

impl StepFigures for BigGanStats {
    fn is_finite(&self) -> bool {
        [
            self.generator_loss,
            self.discriminator_loss,
            self.orthogonal_penalty,
        ]
        .iter()
        .all(|value| value.is_finite())
    }

    fn mean(steps: &[Self]) -> Self {
        let mean = |field: fn(&Self) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        Self {
            generator_loss: mean(|stats| stats.generator_loss),
            discriminator_loss: mean(|stats| stats.discriminator_loss),
            real_logit: mean(|stats| stats.real_logit),
            fake_logit: mean(|stats| stats.fake_logit),
            orthogonal_penalty: mean(|stats| stats.orthogonal_penalty),
        }
    }
}

impl BigGanState {
    /// Fresh networks on `device`, which needs no autodiff of its own.
    pub fn init(settings: &BigGanSettings, device: &Device) -> Self {
        let recipe = &settings.recipe;
        random::seed(recipe.seed);
        let autodiff = device.clone().autodiff();
        let generator = orthogonal(settings.network.init_generator(&autodiff));
        let discriminator = orthogonal(settings.network.init_discriminator(&autodiff));
        let plain = device.clone().without_autodiff();
        let adam = || {
            AdamConfig::new()
                .with_beta_1(recipe.adam_beta_1 as f32)
                .with_beta_2(BigGanSettings::ADAM_BETA_2 as f32)
                .with_epsilon(1e-8)
                .init()
        };
        Self {
            generator_norm: SpectralNorm::init(&generator, &plain),
            discriminator_norm: SpectralNorm::init(&discriminator, &plain),
            g_ema: generator.valid(),
            generator,
            discriminator,
            generator_optimizer: adam(),
            discriminator_optimizer: adam(),
            drawn_as: (recipe.seed, recipe.part_size()),
        }
    }

    /// The step number `step`, counted from zero, on `real [n, channels, resolution, resolution]` and the
    /// class of each, none where the network has no classes; `n` is what all updates of the discriminator
    /// are shown together.
    ///
    /// When a loss is not finite the step ends there, and the state is to be thrown away.
    ///
    /// # Panics
    ///
    /// When a picture has no class, or none of the network's.
    pub fn advance(
        mut self,
        settings: &BigGanSettings,
        step: u64,
        real: Tensor<4>,
        real_classes: &[usize],
    ) -> (Self, BigGanStats) {
        // All randomness follows from the seed and the number of the step, so that a resumed run goes on
        // exactly as if it had never stopped.
        let recipe = &settings.recipe;
        random::seed(stream(recipe.seed, "step", step).random());
        let real = real.without_autodiff();
        let plain = real.device();
        let classes = &settings.network.classes;
        let told = |of: &[usize]| (!classes.is_empty()).then(|| one_hot(of, classes.len(), &plain));
        let part = recipe.part_size();
        let mut drawn = DrawnClasses::new(classes, (recipe.seed, step), part);
        let mut latents = || {
            let z = random::normal([part, settings.network.z_dim], 1.0, &plain);
            (z, told(&drawn.next()))
        };
        let mut stats = BigGanStats::default();
        let share = 1.0 / recipe.accumulate as f64;

        let mut shown = real.split(part, 0).into_iter().zip(0..);
        for _ in 0..recipe.discriminator_steps {
            self.generator_norm.iterate(&self.generator);
            self.discriminator_norm.iterate(&self.discriminator);
            let mut generator = self.generator_norm.apply(self.generator.valid());
            let mut sum = GradientsAccumulator::new();
            let of_all = share / recipe.discriminator_steps as f64;
            for (real, index) in shown.by_ref().take(recipe.accumulate) {
                let (z, fake_class) = latents();
                let of_fake = generator.latents(z, fake_class.clone());
                let fake = generator.forward_moving(of_fake, 1.0);
                let real_class = match classes.is_empty() {
                    true => None,
                    false => told(&real_classes[index * part..][..part]),
                };
                // Backward passes use a graph up, so each part has its own.
                let discriminator = self.discriminator_norm.apply(self.discriminator.clone());
                let judge = |pictures: Tensor<4>, class: Option<Tensor<2>>| {
                    discriminator.forward(Tensor::from_inner(pictures), class.map(Tensor::from_inner))
                };
                let (real, fake) = (judge(real, real_class), judge(fake, fake_class));
                stats.real_logit += of_all * scalar(real.clone().mean());
                stats.fake_logit += of_all * scalar(fake.clone().mean());
                let loss = hinge_discriminator_loss(real, fake);
                stats.discriminator_loss += of_all * scalar(loss.clone());
                if !stats.is_finite() {
                    return (self, stats);
                }
                let gradients = GradientsParams::from_grads((loss * share).backward(), &self.discriminator);
                sum.accumulate(&self.discriminator, gradients);
            }
            let rate = recipe.discriminator_learning_rate;
            self.discriminator = self
                .discriminator_optimizer
                .step(rate, self.discriminator, sum.grads());
        }

        self.generator_norm.iterate(&self.generator);
        self.discriminator_norm.iterate(&self.discriminator);
        let discriminator = self
            .discriminator_norm
            .apply(self.discriminator.clone().no_grad());
        let mut sum = GradientsAccumulator::new();
        for _ in 0..recipe.accumulate {
            let (z, class) = latents();
            let (z, class) = (Tensor::from_inner(z), class.map(Tensor::from_inner));
            let mut generator = self.generator_norm.apply(self.generator.clone());
            let fake = generator.forward_moving(generator.latents(z, class.clone()), 1.0);
            let loss = hinge_generator_loss(discriminator.forward(fake, class));
            stats.generator_loss += share * scalar(loss.clone());
            if !stats.is_finite() {
                return (self, stats);
            }
            let gradients = GradientsParams::from_grads((loss * share).backward(), &self.generator);
            sum.accumulate(&self.generator, gradients);
        }
        if recipe.orthogonal_weight > 0.0 {
            let penalty = orthogonal_penalty(&self.generator);
            stats.orthogonal_penalty = scalar(penalty.clone());
            if !stats.is_finite() {
                return (self, stats);
            }
            let loss = penalty * recipe.orthogonal_weight;
            let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
            sum.accumulate(&self.generator, gradients);
        }
        let rate = recipe.learning_rate;
        self.generator = self.generator_optimizer.step(rate, self.generator, sum.grads());
        self.g_ema = ema_step(self.g_ema, &self.generator, recipe.ema_beta(step));
        (self, stats)
    }

    /// The averaged generator as it draws, without spectral norm: its weights are divided by their largest
    /// singular values, and its norms have standing statistics. The averages that batches in training leave
    /// would be those of other weights.
    pub fn standing(&self) -> Generator {
        let mut norm = self.generator_norm.clone();
        // The averaged weights are others than those that the vectors were found for.
        for _ in 0..STANDING {
            norm.iterate(&self.g_ema);
        }
        let generator = norm.apply(self.g_ema.clone());
        let ((seed, n), device) = (self.drawn_as, generator.to_rgb.bias.val().device());
        let shape = [n, generator.z_dim()];
        let batches: Vec<Tensor<2>> = (0..STANDING)
            .map(|batch| {
                let rng = stream(seed, "standing", batch);
                let z: Vec<f32> = rng
                    .sample_iter(StandardNormal)
                    .take(shape.iter().product())
                    .collect();
                let z = Tensor::from_data(TensorData::new(z, shape), &device);
                generator.latents_from_z(z, 1.0).squeeze_dim(1)
            })
            .collect();
        generator.standing(batches.into_iter())
    }
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_scalar::<f32>().into()
}

#[cfg(test)]
mod tests;
