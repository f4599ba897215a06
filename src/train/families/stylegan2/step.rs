//! One training step: the discriminator, now and then its penalty, the generator, the average. Both networks
//! see pictures through the augmentation.

use super::{
    classes::every_class, gamma::Raises, losses::gradient_penalty, parts::Parts, settings::TrainSettings,
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
        classes::DrawnClasses,
        ema_step,
        streams::stream,
    },
};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer},
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
    /// How often the weight of the R1 penalty was raised.
    pub raises: Raises,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StepStats {
    /// See [`Objective::generator_loss`](crate::train::Objective::generator_loss).
    pub generator_loss: f64,
    /// See [`Objective::discriminator_loss`](crate::train::Objective::discriminator_loss).
    pub discriminator_loss: f64,
    /// Mean logit of real pictures.
    pub real_logit: f64,
    /// Mean logit of generated pictures.
    pub fake_logit: f64,
    /// The [penalty](gradient_penalty) of real pictures; none in most steps.
    pub r1_penalty: Option<f64>,
    /// That of generated pictures, where the objective has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2_penalty: Option<f64>,
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
            self.r2_penalty.unwrap_or(0.0),
        ]
        .iter()
        .all(|value| value.is_finite())
    }

    /// Penalties are over the steps that have one.
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
            r2_penalty: mean(&mut steps.iter().filter_map(|stats| stats.r2_penalty)),
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
            raises: Raises::default(),
        }
    }

    /// The weight of the R1 penalty at this moment.
    pub fn r1_gamma(&self, settings: &TrainSettings) -> f64 {
        let r1_gamma = settings.recipe.r1_gamma(settings.network.resolution);
        self.raises.raised(r1_gamma)
    }

    /// The step number `step`, counted from zero, on `real [batch_size, channels, resolution, resolution]`
    /// and the class of each; none where the network has no classes.
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
        // goes on exactly as if it had never stopped. It is drawn for the whole batch, so that a step in
        // parts is the step at once.
        let recipe = &settings.recipe;
        let mut rng = stream(recipe.seed, "step", step);
        let device = real.device();
        random::seed(rng.random());
        let n = real.dims()[0];
        let parts = Parts::new(n, recipe.part_size());
        let share = parts.share();
        let real = parts.split(real.without_autodiff());
        let count = settings.network.classes.len();
        // What tells the networks the class of each picture, if there are classes.
        let plain = device.clone().without_autodiff();
        let told = |classes: &[usize]| (count > 0).then(|| one_hot(classes, count, &plain));
        let mut drawn = DrawnClasses::new(&settings.network.classes, (recipe.seed, step), n);
        let mut stats = StepStats::default();
        // Without noise its strengths stay at zero, so that the saved noise changes nothing either.
        let noise = if recipe.noise {
            NoiseMode::Random
        } else {
            NoiseMode::None
        };
        let (pipe, p) = (recipe.augment, self.augment_p.augment_p(recipe.ada_kimg));
        let mut draws = stream(recipe.seed, "augment", step);
        let mut augmentation = || {
            let side = settings.network.resolution;
            parts.augmentations(Augmentation::draw(pipe, p, n, side, &mut draws))
        };
        let of_real = augmentation();
        let objective = recipe.objective;
        stats.augment_p = (pipe != AugPipe::None).then_some(p);

        let real_classes = parts.split_some(told(real_classes));
        let latents = Latents::draw(n, told(&drawn.next()), settings, &mut rng, &device).split(&parts);
        let generator = self.generator.valid();
        let mut sum = GradientsAccumulator::new();
        let mut signs = 0.0;
        let r1_gamma = self.r1_gamma(settings);
        let is_penalized = step.is_multiple_of(recipe.r1_interval as u64) && r1_gamma > 0.0;
        let mut penalized = vec![];
        let pictures = real.iter().zip(&of_real).zip(&real_classes);
        for ((((real, of_real), real_class), of_fake), latents) in pictures.zip(augmentation()).zip(latents) {
            let fake_class = latents.class.clone();
            let fake = generator.synthesis.forward(latents.ws(&generator).1, noise);
            let real_logits = self
                .discriminator
                .forward(of_real.apply(real.clone()), real_class.clone());
            if is_penalized && objective.penalizes_fakes() {
                penalized.push((fake.clone(), fake_class.clone(), of_fake.clone()));
            }
            let fake_logits = self.discriminator.forward(of_fake.apply(fake), fake_class);
            signs += scalar(real_logits.clone().sign().sum());
            stats.real_logit += share * scalar(real_logits.clone().mean());
            stats.fake_logit += share * scalar(fake_logits.clone().mean());
            let loss = objective.discriminator_loss(real_logits, fake_logits);
            stats.discriminator_loss += share * scalar(loss.clone());
            if !stats.is_finite() {
                return (self, stats);
            }
            let gradients = GradientsParams::from_grads((loss * share).backward(), &self.discriminator);
            sum.accumulate(&self.discriminator, gradients);
        }
        stats.real_sign = Some(signs / n as f64);
        let is_delayed = step < recipe.course.delay_discriminator;
        if pipe != AugPipe::None && !is_delayed {
            let target = recipe.ada_target;
            self.augment_p
                .observe(step, signs as i64, n, target, recipe.ada_kimg);
        }
        let learning_rate = recipe.learning_rate(step);
        let lazy = recipe.r1_interval as f64 / (recipe.r1_interval as f64 + 1.0);
        // At a rate of zero weights keep every bit, while Adam gets to know their gradients.
        let rate = if is_delayed { 0.0 } else { learning_rate * lazy };
        self.discriminator = self
            .discriminator_optimizer
            .step(rate, self.discriminator, sum.grads());

        if is_penalized {
            // R1 is the penalty of real pictures, R2 that of generated ones.
            let of_real = real
                .iter()
                .cloned()
                .zip(real_classes.iter().cloned())
                .zip(of_real.clone());
            let of_real: Vec<_> = of_real
                .map(|((real, class), of_real)| (real, class, of_real))
                .collect();
            for (pictures, is_real) in [(of_real, true), (penalized, false)] {
                let mut penalties = 0.0;
                for (pictures, class, augmentation) in pictures {
                    let (pictures, class) = (Tensor::from_inner(pictures), class.map(Tensor::from_inner));
                    let (penalty, surrogate) =
                        gradient_penalty(&self.discriminator, pictures, class, &augmentation);
                    penalties += share * penalty;
                    *(if is_real {
                        &mut stats.r1_penalty
                    } else {
                        &mut stats.r2_penalty
                    }) = Some(penalties);
                    if !stats.is_finite() {
                        return (self, stats);
                    }
                    let loss = surrogate * (r1_gamma * recipe.r1_interval as f64 * share);
                    let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
                    sum.accumulate(&self.discriminator, gradients);
                }
            }
            self.discriminator = self
                .discriminator_optimizer
                .step(rate, self.discriminator, sum.grads());
        }

        let classes = told(&drawn.next()).map(Tensor::from_inner);
        let latents = Latents::draw(n, classes, settings, &mut rng, &device).split(&parts);
        let discriminator = self.discriminator.clone().no_grad();
        let mut sum = GradientsAccumulator::new();
        let mut all_w = vec![];
        let reals = real.into_iter().zip(real_classes).zip(of_real);
        for ((of_fake, latents), ((real, real_class), of_real)) in
            augmentation().into_iter().zip(latents).zip(reals)
        {
            let class = latents.class.clone();
            let (w, ws) = latents.ws(&self.generator);
            all_w.push(w.detach());
            let fake = of_fake.apply(self.generator.synthesis.forward(ws, noise));
            // Constants to the generator, judged by the discriminator as it is now.
            let real_logits = || {
                let judge = discriminator.valid();
                Tensor::from_inner(judge.forward(of_real.apply(real), real_class))
            };
            let loss = objective.generator_loss(real_logits, discriminator.forward(fake, class));
            stats.generator_loss += share * scalar(loss.clone());
            if !stats.is_finite() {
                return (self, stats);
            }
            let gradients = GradientsParams::from_grads((loss * share).backward(), &self.generator);
            sum.accumulate(&self.generator, gradients);
        }
        self.generator = self
            .generator_optimizer
            .step(learning_rate, self.generator, sum.grads());
        let w = Tensor::cat(all_w, 0);
        self.generator.mapping = self.generator.mapping.track_w_avg(w, TrainSettings::W_AVG_BETA);
        if let Some(classes) = told(&every_class(settings, step, n)) {
            let z = random::normal([n, settings.network.z_dim], 1.0, &plain);
            let w = self.generator.mapping.valid().w_from_z(z, Some(classes.clone()));
            let [w, classes] = [w, classes].map(Tensor::from_inner);
            let mapping = self.generator.mapping;
            self.generator.mapping = mapping.track_class_w_avg(w, classes, TrainSettings::W_AVG_BETA);
        }

        let beta = recipe.ema_beta(n, settings.schedule().images_after(step + 1));
        self.g_ema = ema_step(self.g_ema, &self.generator, beta);
        (self, stats)
    }
}

fn scalar(value: Tensor<1>) -> f64 {
    value.into_scalar::<f32>() as f64
}

/// What pictures are drawn from.
struct Latents {
    /// `[n, z_dim]`.
    z: Tensor<2>,
    /// `[n, classes]`, where there are classes.
    class: Option<Tensor<2>>,
    /// Style mixing: from this layer on, the layers follow a second latent of the same class.
    mixed: Option<(usize, Tensor<2>)>,
}

impl Latents {
    /// Draws them for `n` pictures of these classes.
    fn draw(
        n: usize,
        class: Option<Tensor<2>>,
        settings: &TrainSettings,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let draw = || random::normal([n, settings.network.z_dim], 1.0, device);
        let z = draw();
        let is_mixed = rng.random_bool(settings.recipe.style_mixing_prob);
        let mixed = is_mixed.then(|| (rng.random_range(1..settings.network.num_ws()), draw()));
        Self { z, class, mixed }
    }

    fn split(self, parts: &Parts) -> Vec<Self> {
        let mut mixed = self.mixed.map(|(cutoff, z)| (cutoff, parts.split(z).into_iter()));
        let part = |(z, class)| Self {
            z,
            class,
            mixed: mixed
                .as_mut()
                .and_then(|(cutoff, parts)| Some((*cutoff, parts.next()?))),
        };
        let classes = parts.split_some(self.class);
        parts.split(self.z).into_iter().zip(classes).map(part).collect()
    }

    /// `w [n, w_dim]` of the first latent, and `ws [n, num_ws, w_dim]` of both.
    fn ws(self, generator: &Generator) -> (Tensor<2>, Tensor<3>) {
        let w = generator.mapping.w_from_z(self.z, self.class.clone());
        let ws = generator.mapping.broadcast(w.clone());
        let Some((cutoff, z)) = self.mixed else {
            return (w, ws);
        };
        let other = generator
            .mapping
            .broadcast(generator.mapping.w_from_z(z, self.class));
        let fine = other.dims()[1] - cutoff;
        let ws = Tensor::cat(vec![ws.narrow(1, 0, cutoff), other.narrow(1, cutoff, fine)], 1);
        (w, ws)
    }
}
