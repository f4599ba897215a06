//! One training step: the discriminator on real and generated pictures, then the generator. Where they take
//! turns it is one of the two, and the other's loss is only measured.

use super::{DcganRecipe, DcganSettings};
use crate::{
    networks::generators::{
        Generate,
        dcgan::{Discriminator, Generator},
    },
    ops::random,
    train::{
        StepFigures,
        adversarial::{discriminator_loss, generator_loss},
        streams::stream,
    },
};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor, activation::sigmoid},
};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Everything that a step changes, and so everything that a checkpoint holds.
pub struct DcganState {
    /// The generator, with autodiff; the paper averages none.
    pub generator: Generator,
    /// The discriminator, with autodiff.
    pub discriminator: Discriminator,
    /// Adam for the generator.
    pub generator_optimizer: ModuleOptimizer,
    /// Adam for the discriminator.
    pub discriminator_optimizer: ModuleOptimizer,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct DcganStats {
    /// See [`generator_loss`].
    pub generator_loss: f64,
    /// See [`discriminator_loss`].
    pub discriminator_loss: f64,
    /// `p(x)`: how likely the discriminator holds real pictures to be real, on average.
    pub p_real: f64,
    /// `D(G(z))`, the same of generated pictures, before the discriminator's step.
    pub p_fake: f64,
    /// `D(G(z))` of the same pictures after that step.
    pub p_fake_after: f64,
}

impl StepFigures for DcganStats {
    fn is_finite(&self) -> bool {
        self.generator_loss.is_finite() && self.discriminator_loss.is_finite()
    }

    fn mean(steps: &[Self]) -> Self {
        let mean = |field: fn(&Self) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        Self {
            generator_loss: mean(|stats| stats.generator_loss),
            discriminator_loss: mean(|stats| stats.discriminator_loss),
            p_real: mean(|stats| stats.p_real),
            p_fake: mean(|stats| stats.p_fake),
            p_fake_after: mean(|stats| stats.p_fake_after),
        }
    }
}

impl DcganState {
    /// Fresh networks on `device`, which needs no autodiff of its own.
    pub fn init(settings: &DcganSettings, device: &Device) -> Self {
        random::seed(settings.recipe.seed);
        let device = device.clone().autodiff();
        let adam = || {
            AdamConfig::new()
                .with_beta_1(settings.recipe.adam_beta_1 as f32)
                .with_beta_2(DcganRecipe::ADAM_BETA_2 as f32)
                .with_epsilon(1e-8)
                .init()
        };
        Self {
            generator: settings.network.init_generator(&device),
            discriminator: settings.network.init_discriminator(&device),
            generator_optimizer: adam(),
            discriminator_optimizer: adam(),
        }
    }

    /// The step number `step`, counted from zero, on `real [n, channels, resolution, resolution]` and as many
    /// generated pictures.
    ///
    /// Each kind of pictures is always a batch of its own, and both networks always see theirs in training,
    /// so that the running statistics follow a network also while it is not its turn.
    ///
    /// When a loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(mut self, settings: &DcganSettings, step: u64, real: Tensor<4>) -> (Self, DcganStats) {
        // All randomness follows from the seed and the number of the step, so that a resumed run
        // goes on exactly as if it had never stopped.
        random::seed(stream(settings.recipe.seed, "step", step).random());
        let rate = settings.recipe.learning_rate;
        let updates = settings.recipe.updates(step);
        let real = Tensor::<4>::from_inner(real.without_autodiff());
        let shape = [real.dims()[0], settings.network.z_dim];
        let z = random::normal(shape, 1.0, &real.device());
        let latents = self.generator.latents_from_z(z, 1.0).squeeze_dim(1);
        let fake = self.generator.forward_train(latents);
        // Without its turn the generator needs no gradient, nor the memory that one takes.
        let fake = if updates.generator { fake } else { fake.detach() };

        let real_logits = self.discriminator.forward_train(real);
        let fake_logits = self.discriminator.forward_train(fake.clone().detach());
        let mut stats = DcganStats {
            p_real: probability(&real_logits),
            p_fake: probability(&fake_logits),
            ..DcganStats::default()
        };
        let loss = discriminator_loss(real_logits, fake_logits);
        stats.discriminator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        if updates.discriminator {
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            self.discriminator = self
                .discriminator_optimizer
                .step(rate, self.discriminator, gradients);
        } else {
            // What was kept for a gradient is given back before the generator's step.
            drop(loss);
        }

        // The same pictures, judged by the discriminator as it is now. What this pass does to its running
        // statistics is dropped with the copy: nothing reads those of a discriminator in training.
        let fake_logits = self.discriminator.clone().no_grad().forward_train(fake);
        stats.p_fake_after = probability(&fake_logits);
        let loss = generator_loss(fake_logits);
        stats.generator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        if updates.generator {
            let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
            self.generator = self.generator_optimizer.step(rate, self.generator, gradients);
        }
        (self, stats)
    }
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_scalar::<f32>() as f64
}

/// The mean of what the discriminator says as probabilities.
fn probability(logits: &Tensor<2>) -> f64 {
    scalar(sigmoid(logits.clone()).mean())
}
