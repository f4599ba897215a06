//! One training step: the discriminator, now and then its penalty, the generator, the average. Both networks
//! see pictures through the augmentation.

use super::{
    classes::{DrawnClasses, every_class},
    losses::r1_penalty,
    settings::TrainSettings,
};
use crate::{
    networks::generators::{
        one_hot,
        stylegan2::{Discriminator, Generator, NoiseMode},
    },
    ops::random,
    train::{
        RunSettings, StepFigures,
        augment::{AdaptiveP, AugPipe, Augmentation},
        discriminator_loss, ema_step, generator_loss,
        streams::stream,
    },
};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor},
};
use rand::Rng;
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
    /// How often pictures are augmented.
    pub augment_p: AdaptiveP,
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
    /// The paper's `r_t`: real pictures that the discriminator took for real, less those that it did not, as
    /// a share of all; figures of before it was measured have none. Towards one it knows the collection by
    /// heart.
    #[serde(default)]
    pub real_sign: Option<f64>,
    /// The probability of each operation of the augmentation, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augment_p: Option<f64>,
}

impl StepFigures for StepStats {
    fn is_finite(&self) -> bool {
        [
            self.generator_loss,
            self.discriminator_loss,
            self.r1_penalty.unwrap_or(0.0),
        ]
        .iter()
        .all(|value| value.is_finite())
    }

    /// The penalty's is over the steps that have one.
    fn mean(steps: &[Self]) -> Self {
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        };
        let all = |field: fn(&Self) -> f64| mean(&mut steps.iter().map(field)).unwrap_or(0.0);
        Self {
            generator_loss: all(|stats| stats.generator_loss),
            discriminator_loss: all(|stats| stats.discriminator_loss),
            real_logit: all(|stats| stats.real_logit),
            fake_logit: all(|stats| stats.fake_logit),
            r1_penalty: mean(&mut steps.iter().filter_map(|stats| stats.r1_penalty)),
            real_sign: mean(&mut steps.iter().filter_map(|stats| stats.real_sign)),
            augment_p: mean(&mut steps.iter().filter_map(|stats| stats.augment_p)),
        }
    }
}

impl TrainState {
    /// Fresh networks on `device`, which needs no autodiff of its own.
    pub fn init(settings: &TrainSettings, device: &Device) -> Self {
        random::seed(settings.recipe.seed);
        let device = device.clone().autodiff();
        let generator = settings.network.init_generator(&device);
        let discriminator = settings.network.init_discriminator(&device);
        // Lazy regularization steps the discriminator's optimizer r1_interval + 1 times where the
        // papers' schedule means r1_interval: Karras et al. (2020), appendix B.
        let lazy = settings.recipe.r1_interval as f64 / (settings.recipe.r1_interval as f64 + 1.0);
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
            augment_p: AdaptiveP::default(),
        }
    }

    /// The step number `step`, counted from zero, on `real [batch_size, channels, resolution, resolution]` and
    /// the class of each; none where the network has no classes.
    ///
    /// When a loss is not finite the step ends there, and the state is to be thrown away.
    ///
    /// # Panics
    ///
    /// When a picture has no class, or none of the network's.
    pub fn advance(
        mut self,
        settings: &TrainSettings,
        step: u64,
        real: Tensor<4>,
        real_classes: &[usize],
    ) -> (Self, StepStats) {
        // All randomness follows from the seed and the number of the step, so that a resumed run
        // goes on exactly as if it had never stopped.
        let mut rng = stream(settings.recipe.seed, "step", step);
        let device = real.device();
        random::seed(rng.random());
        let real = real.without_autodiff();
        let count = settings.network.classes.len();
        // What tells the networks the class of each picture, if there are classes.
        let told = |classes: &[usize], device: &Device| (count > 0).then(|| one_hot(classes, count, device));
        let plain = device.clone().without_autodiff();
        let mut drawn = DrawnClasses::new(settings, step);
        let mut stats = StepStats::default();
        // Without noise its strengths stay at zero, so that the saved noise changes nothing either.
        let noise = if settings.recipe.noise {
            NoiseMode::Random
        } else {
            NoiseMode::None
        };
        let lazy = settings.recipe.r1_interval as f64 / (settings.recipe.r1_interval as f64 + 1.0);
        let (pipe, p) = (
            settings.recipe.augment,
            self.augment_p.augment_p(settings.recipe.ada_kimg),
        );
        let mut draws = stream(settings.recipe.seed, "augment", step);
        let mut augmentation = || {
            let (n, side) = (settings.recipe.batch_size, settings.network.resolution);
            Augmentation::draw(pipe, p, n, side, &mut draws)
        };
        let of_real = augmentation();
        stats.augment_p = (pipe != AugPipe::None).then_some(p);

        let fake_classes = told(&drawn.next(), &plain);
        let fake = {
            let generator = self.generator.valid();
            let ws = mixed_ws(&generator, fake_classes.clone(), settings, &mut rng, &device).1;
            generator.synthesis.forward(ws, noise)
        };
        let real_classes = told(real_classes, &plain);
        let real_logits = self
            .discriminator
            .forward(of_real.apply(real.clone()), real_classes.clone());
        let fake_logits = self
            .discriminator
            .forward(augmentation().apply(fake), fake_classes);
        let signs = scalar(real_logits.clone().sign().sum());
        stats.real_sign = Some(signs / settings.recipe.batch_size as f64);
        stats.real_logit = scalar(real_logits.clone().mean());
        stats.fake_logit = scalar(fake_logits.clone().mean());
        let loss = discriminator_loss(real_logits, fake_logits);
        stats.discriminator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        if pipe != AugPipe::None {
            let (shown, target) = (settings.recipe.batch_size, settings.recipe.ada_target);
            self.augment_p
                .observe(step, signs as i64, shown, target, settings.recipe.ada_kimg);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
        let rate = settings.recipe.learning_rate * lazy;
        self.discriminator = self
            .discriminator_optimizer
            .step(rate, self.discriminator, gradients);

        let r1_gamma = settings.recipe.r1_gamma(settings.network.resolution);
        if step.is_multiple_of(settings.recipe.r1_interval as u64) && r1_gamma > 0.0 {
            let real = Tensor::from_inner(real);
            let (penalty, surrogate) = r1_penalty(
                &self.discriminator,
                real,
                real_classes.map(Tensor::from_inner),
                &of_real,
            );
            stats.r1_penalty = Some(penalty);
            if !stats.is_finite() {
                return (self, stats);
            }
            let loss = surrogate * (r1_gamma * settings.recipe.r1_interval as f64);
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            self.discriminator = self
                .discriminator_optimizer
                .step(rate, self.discriminator, gradients);
        }

        let fake_classes = told(&drawn.next(), &plain).map(Tensor::from_inner);
        let (w, ws) = mixed_ws(&self.generator, fake_classes.clone(), settings, &mut rng, &device);
        let fake = augmentation().apply(self.generator.synthesis.forward(ws, noise));
        let loss = generator_loss(self.discriminator.clone().no_grad().forward(fake, fake_classes));
        stats.generator_loss = scalar(loss.clone());
        if !stats.is_finite() {
            return (self, stats);
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.generator);
        self.generator =
            self.generator_optimizer
                .step(settings.recipe.learning_rate, self.generator, gradients);
        self.generator.mapping = self.generator.mapping.track_w_avg(w, TrainSettings::W_AVG_BETA);
        if let Some(classes) = told(&every_class(settings, step), &plain) {
            let shape = [settings.recipe.batch_size, settings.network.z_dim];
            let z = random::normal(shape, 1.0, &plain);
            let w = self.generator.mapping.valid().w_from_z(z, Some(classes.clone()));
            let [w, classes] = [w, classes].map(Tensor::from_inner);
            let mapping = self.generator.mapping;
            self.generator.mapping = mapping.track_class_w_avg(w, classes, TrainSettings::W_AVG_BETA);
        }

        let beta = settings
            .recipe
            .ema_beta(settings.schedule().images_after(step + 1));
        self.g_ema = ema_step(self.g_ema, &self.generator, beta);
        (self, stats)
    }
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_scalar::<f32>() as f64
}

/// A batch of `w [n, w_dim]` and, from it, `ws [n, num_ws, w_dim]` with style mixing: from a random
/// layer on, the layers follow a second latent of the same class.
fn mixed_ws(
    generator: &Generator,
    classes: Option<Tensor<2>>,
    settings: &TrainSettings,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> (Tensor<2>, Tensor<3>) {
    let draw = || {
        let shape = [settings.recipe.batch_size, settings.network.z_dim];
        generator
            .mapping
            .w_from_z(random::normal(shape, 1.0, device), classes.clone())
    };
    let w = draw();
    let ws = generator.mapping.broadcast(w.clone());
    let num_ws = settings.network.num_ws();
    let ws = if rng.random_bool(settings.recipe.style_mixing_prob) {
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
