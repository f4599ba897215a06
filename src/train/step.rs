//! One training step: the discriminator, now and then its penalty, the generator, the average.

use super::{
    ema::ema_step,
    losses::{discriminator_loss, generator_loss, r1_penalty},
    settings::TrainSettings,
};
use crate::{
    networks::generators::stylegan2::{Discriminator, Generator, NoiseMode},
    ops::random,
};
use burn::{
    module::{Module, Param},
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Everything that a step changes, and so everything that a checkpoint holds.
pub struct TrainState {
    /// The generator in training, with autodiff.
    pub generator: Generator,
    /// The discriminator in training, with autodiff.
    pub discriminator: Discriminator,
    /// The averaged generator, without autodiff.
    pub g_ema: Generator,
    /// Adam for the generator.
    pub generator_optimizer: ModuleOptimizer,
    /// Adam for the discriminator.
    pub discriminator_optimizer: ModuleOptimizer,
    /// Steps taken so far; with the seed it determines all randomness of the next one.
    pub step: u64,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStats {
    /// See [`generator_loss`].
    pub generator_loss: f64,
    /// See [`discriminator_loss`].
    pub discriminator_loss: f64,
    /// Mean logit of real pictures.
    pub real_logit: f64,
    /// Mean logit of generated pictures.
    pub fake_logit: f64,
    /// See [`r1_penalty`]; none in most steps.
    pub r1_penalty: Option<f64>,
}

impl StepStats {
    /// Whether every number is finite; training cannot recover from one that is not.
    pub fn is_finite(&self) -> bool {
        [
            self.generator_loss,
            self.discriminator_loss,
            self.r1_penalty.unwrap_or(0.0),
        ]
        .iter()
        .all(|value| value.is_finite())
    }
}

impl TrainState {
    /// Fresh networks on `device`, which needs no autodiff of its own.
    pub fn init(settings: &TrainSettings, device: &Device) -> Self {
        random::seed(settings.seed);
        let device = device.clone().autodiff();
        let generator = settings.network.init_generator(&device);
        let discriminator = settings.network.init_discriminator(&device);
        // Lazy regularization steps the discriminator's optimizer r1_interval + 1 times where the
        // papers' schedule means r1_interval: Karras et al. (2020), appendix B.
        let lazy = settings.r1_interval as f64 / (settings.r1_interval as f64 + 1.0);
        let adam = |exponent: f64| {
            AdamConfig::new()
                .with_beta_1(TrainSettings::ADAM_BETA_1 as f32)
                .with_beta_2(TrainSettings::ADAM_BETA_2.powf(exponent) as f32)
                .with_epsilon(1e-8)
                .init()
        };
        Self {
            g_ema: generator.valid(),
            generator,
            discriminator,
            generator_optimizer: adam(1.0),
            discriminator_optimizer: adam(lazy),
            step: 0,
        }
    }

    /// Fresh networks whose coarse layers are those of a run at a lower resolution (Karras et al.,
    /// "Progressive Growing of GANs", 2018): only the new, finest blocks begin from nothing, and those of the
    /// generator begin by drawing nothing, so the first pictures are the smaller ones, enlarged.
    ///
    /// Both runs must have the same channels at the sides that they share, and the same mapping.
    pub(super) fn grown_from(smaller: Self, settings: &TrainSettings, device: &Device) -> Self {
        let mut grown = Self::init(settings, device);
        grown.generator = grow_generator(grown.generator, smaller.generator);
        grown.g_ema = grow_generator(grown.g_ema, smaller.g_ema);
        // The finest block comes first, and the picture enters there: the old entry is left out.
        let kept = smaller.discriminator.blocks.len();
        let new = grown.discriminator.blocks.len() - kept;
        grown.discriminator.blocks.truncate(new);
        grown.discriminator.blocks.extend(smaller.discriminator.blocks);
        grown.discriminator.epilogue = smaller.discriminator.epilogue;
        grown
    }

    /// Real pictures shown so far.
    pub fn images_seen(&self, settings: &TrainSettings) -> u64 {
        self.step * settings.batch_size as u64
    }

    /// One step on `real [batch_size, channels, resolution, resolution]`.
    ///
    /// When a loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(mut self, settings: &TrainSettings, real: Tensor<4>) -> (Self, StepStats) {
        // All randomness follows from the seed and the number of the step, so that a resumed run
        // goes on exactly as if it had never stopped.
        let mut rng = rng(settings.seed, Stream::Step(self.step));
        let device = real.device();
        random::seed(rng.random());
        let real = real.without_autodiff();
        let mut stats = StepStats::default();
        // Without noise its strengths stay at zero, so that the saved noise changes nothing either.
        let noise = if settings.noise {
            NoiseMode::Random
        } else {
            NoiseMode::None
        };
        let lazy = settings.r1_interval as f64 / (settings.r1_interval as f64 + 1.0);

        let fake = {
            let generator = self.generator.valid();
            let ws = mixed_ws(&generator, settings, &mut rng, &device).1;
            generator.synthesis.forward(ws, noise)
        };
        let real_logits = self.discriminator.forward(real.clone());
        let fake_logits = self.discriminator.forward(fake);
        stats.real_logit = scalar(real_logits.clone().mean());
        stats.fake_logit = scalar(fake_logits.clone().mean());
        let loss = discriminator_loss(real_logits, fake_logits);
        stats.discriminator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
        let rate = settings.learning_rate * lazy;
        self.discriminator = self
            .discriminator_optimizer
            .step(rate, self.discriminator, gradients);

        if self.step.is_multiple_of(settings.r1_interval as u64) && settings.r1_gamma > 0.0 {
            let real = Tensor::from_inner(real);
            let (penalty, surrogate) = r1_penalty(&self.discriminator, real);
            stats.r1_penalty = Some(penalty);
            if !stats.is_finite() {
                return (self, stats);
            }
            let loss = surrogate * (settings.r1_gamma * settings.r1_interval as f64);
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            self.discriminator = self
                .discriminator_optimizer
                .step(rate, self.discriminator, gradients);
        }

        let (w, ws) = mixed_ws(&self.generator, settings, &mut rng, &device);
        let fake = self.generator.synthesis.forward(ws, noise);
        let loss = generator_loss(self.discriminator.clone().no_grad().forward(fake));
        stats.generator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        self.generator = self
            .generator_optimizer
            .step(settings.learning_rate, self.generator, gradients);
        self.generator.mapping = self.generator.mapping.track_w_avg(w, TrainSettings::W_AVG_BETA);

        self.step += 1;
        let beta = settings.ema_beta(self.images_seen(settings));
        self.g_ema = ema_step(self.g_ema, &self.generator, beta);
        (self, stats)
    }
}

/// `larger` with the mapping and the coarse blocks of `smaller`, its other blocks adding nothing to the picture yet.
fn grow_generator(mut larger: Generator, smaller: Generator) -> Generator {
    // The number of layers that a latent is repeated for is the larger network's.
    larger.mapping.layers = smaller.mapping.layers;
    larger.mapping.w_avg = smaller.mapping.w_avg;
    larger.synthesis.input = smaller.synthesis.input;
    let kept = smaller.synthesis.blocks.len();
    let fine = larger.synthesis.blocks.split_off(kept);
    larger.synthesis.blocks = smaller.synthesis.blocks;
    larger.synthesis.blocks.extend(fine.into_iter().map(|mut block| {
        let weight = block.to_rgb.weight.val();
        block.to_rgb.weight = Param::from_tensor(Tensor::zeros(weight.dims(), &weight.device()));
        block
    }));
    larger
}

/// What a random stream is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// Everything random in the step of this number.
    Step(u64),
    /// Which pictures of the step of this number are mirrored.
    Mirror(u64),
    /// The order of the pictures in the epoch of this number.
    Order(u64),
    /// The latents of the sample grid.
    Grid,
}

/// The random generator of `stream` in a run with `seed`.
pub(super) fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let (purpose, number) = match stream {
        Stream::Step(number) => (0, number),
        Stream::Mirror(number) => (1, number),
        Stream::Order(number) => (2, number),
        Stream::Grid => (3, 0),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number << 2 | purpose);
    rng
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_scalar::<f32>() as f64
}

/// A batch of `w [n, w_dim]` and, from it, `ws [n, num_ws, w_dim]` with style mixing: from a random
/// layer on, the layers follow a second latent.
fn mixed_ws(
    generator: &Generator,
    settings: &TrainSettings,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> (Tensor<2>, Tensor<3>) {
    let draw = || {
        let shape = [settings.batch_size, settings.network.z_dim];
        generator.mapping.w_from_z(random::normal(shape, 1.0, device))
    };
    let w = draw();
    let ws = generator.mapping.broadcast(w.clone());
    let num_ws = settings.network.num_ws();
    let ws = if rng.random_bool(settings.style_mixing_prob) {
        let cutoff = rng.random_range(1..num_ws);
        let other = generator.mapping.broadcast(draw());
        Tensor::cat(
            vec![ws.narrow(1, 0, cutoff), other.narrow(1, cutoff, num_ws - cutoff)],
            1,
        )
    } else {
        ws
    };
    (w, ws)
}
