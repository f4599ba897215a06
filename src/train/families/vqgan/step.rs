//! One training step: pictures through their codes and back, then the discriminator on both.

use super::{
    Perception, VqGanRecipe, VqGanSettings,
    codes::{CodeUse, Used},
};
use crate::{
    networks::{
        NetworkConfig,
        generators::vqgan::{PatchDiscriminator, VqGan, perplexity},
        layers::drawn,
    },
    ops::{conv2d::conv2d, random},
    train::{
        StepFigures,
        adversarial::{hinge_discriminator_loss, hinge_generator_loss},
        streams::stream,
    },
};
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, ModuleOptimizer},
    tensor::{Device, Int, Tensor},
};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// The adaptive weight is at most this, as the authors have it.
const MOST_WEIGHT: f64 = 1e4;
/// Added to the norm of the adversarial gradient, as the authors have it.
const LEAST_NORM: f64 = 1e-4;

/// Everything that a step changes, and so everything that a checkpoint holds; and who compares pictures.
pub struct VqGanState {
    /// Encoder, decoder and codebook, with autodiff.
    pub network: VqGan,
    /// The discriminator, with autodiff.
    pub discriminator: PatchDiscriminator,
    /// How codes are used.
    pub codes: CodeUse,
    /// Adam for the network.
    pub optimizer: ModuleOptimizer,
    /// Adam for the discriminator.
    pub discriminator_optimizer: ModuleOptimizer,
    /// Steps before the discriminator begins.
    pub(super) disc_start: u64,
    pub(super) perception: Rc<Perception>,
}

/// What a step measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct VqGanStats {
    /// `mean |x - x'|`.
    pub reconstruction_loss: f64,
    /// What the recipe's perception says.
    pub perceptual_loss: f64,
    /// `mean (z_e - e)^2`: the value of the codebook loss and of the commitment loss, whose gradients differ.
    pub codebook_loss: f64,
    /// How many codes are in use, if all were used alike.
    pub perplexity: f64,
    /// See [`hinge_generator_loss`]; none before the discriminator begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_loss: Option<f64>,
    /// Half of [`hinge_discriminator_loss`], as the authors have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discriminator_loss: Option<f64>,
    /// The adaptive weight of the adversarial loss, equation 7 of the paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_weight: Option<f64>,
}

impl StepFigures for VqGanStats {
    fn is_finite(&self) -> bool {
        let adversarial = [self.generator_loss, self.discriminator_loss, self.adaptive_weight];
        [self.reconstruction_loss, self.perceptual_loss, self.codebook_loss]
            .into_iter()
            .chain(adversarial.into_iter().flatten())
            .all(f64::is_finite)
    }

    fn mean(steps: &[Self]) -> Self {
        let all = |field: fn(&Self) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        let some = |field: fn(&Self) -> Option<f64>| {
            let values: Vec<f64> = steps.iter().filter_map(field).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        Self {
            reconstruction_loss: all(|stats| stats.reconstruction_loss),
            perceptual_loss: all(|stats| stats.perceptual_loss),
            codebook_loss: all(|stats| stats.codebook_loss),
            perplexity: all(|stats| stats.perplexity),
            generator_loss: some(|stats| stats.generator_loss),
            discriminator_loss: some(|stats| stats.discriminator_loss),
            adaptive_weight: some(|stats| stats.adaptive_weight),
        }
    }
}

impl VqGanState {
    /// Fresh networks on `device`, which needs no autodiff of its own.
    pub fn init(settings: &VqGanSettings, perception: Rc<Perception>, device: &Device) -> Self {
        let (recipe, config) = (&settings.recipe, &settings.network);
        random::seed(recipe.seed);
        let autodiff = device.clone().autodiff();
        let adam = || {
            AdamConfig::new()
                .with_beta_1(VqGanRecipe::ADAM_BETA_1 as f32)
                .with_beta_2(VqGanRecipe::ADAM_BETA_2 as f32)
                .with_epsilon(1e-8)
                .init()
        };
        let mut network = drawn(config.init(&autodiff));
        if recipe.codebook_ema {
            network.codebook = network.codebook.set_require_grad(false);
        }
        let sizes = [config.codebook_size, config.codebook_dim];
        Self {
            network,
            discriminator: settings.discriminator.init(&autodiff),
            codes: CodeUse::init(sizes, recipe.codebook_ema, device),
            optimizer: adam(),
            discriminator_optimizer: adam(),
            disc_start: recipe.disc_start,
            perception,
        }
    }

    /// The step number `step`, counted from zero, on `images [n, 3, resolution, resolution]`.
    ///
    /// The discriminator judges the reconstructions that the network was updated with; the authors draw them
    /// a second time. When a loss is not finite the step ends there, and the state is to be thrown away.
    pub fn advance(mut self, settings: &VqGanSettings, step: u64, images: Tensor<4>) -> (Self, VqGanStats) {
        let recipe = &settings.recipe;
        let plain = images.without_autodiff();
        let images = Tensor::<4>::from_inner(plain.clone());
        let z_e = self.network.encode(images.clone());
        let quantized = self.network.quantize(z_e.clone());
        let features = self.network.decode_features(quantized.z_q);
        let pictures = self.network.decoder.picture(features.clone());
        let shown = pictures.clone().without_autodiff();

        // What the losses want of the pictures, each on its own: the adaptive weight compares the two, and
        // then one pass through the network takes their sum.
        let leaf = Tensor::from_inner(shown.clone()).require_grad();
        let reconstruction_loss = (leaf.clone() - images).abs().mean();
        let perceptual_loss = self.perception.distance(leaf.clone(), plain.clone());
        let codes: Vec<usize> = quantized
            .indices
            .clone()
            .into_data()
            .iter::<i64>()
            .map(|index| index as usize)
            .collect();
        let mut counts = vec![0u64; settings.network.codebook_size];
        codes.iter().for_each(|&code| counts[code] += 1);
        let mut stats = VqGanStats {
            reconstruction_loss: scalar(&reconstruction_loss),
            perceptual_loss: scalar(&perceptual_loss),
            codebook_loss: scalar(&quantized.codebook_loss),
            perplexity: perplexity(&counts),
            ..VqGanStats::default()
        };
        if !stats.is_finite() {
            return (self, stats);
        }
        let alike = reconstruction_loss + perceptual_loss * recipe.perceptual_weight;
        let mut wanted = gradient(&leaf, alike);
        let adversarial = step >= recipe.disc_start;
        if adversarial {
            let leaf = Tensor::from_inner(shown.clone()).require_grad();
            // What this pass does to the running statistics is dropped with the copy.
            let logits = self.discriminator.clone().no_grad().forward_train(leaf.clone());
            let loss = hinge_generator_loss(logits);
            stats.generator_loss = Some(scalar(&loss));
            let real = gradient(&leaf, loss);
            let weight = self.adaptive_weight(features, wanted.clone(), real.clone());
            stats.adaptive_weight = Some(weight);
            if !stats.is_finite() {
                return (self, stats);
            }
            wanted = wanted + real * (weight * recipe.disc_weight);
        }

        // The gradient of this sum is the one that is wanted.
        let mut loss = (pictures * Tensor::from_inner(wanted)).sum()
            + quantized.commitment_loss * recipe.commitment_weight;
        if !recipe.codebook_ema {
            loss = loss + quantized.codebook_loss;
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(recipe.learning_rate, self.network, gradients);
        self.follow(recipe, step, z_e, quantized.indices, &counts);

        if adversarial {
            let [real, drawn] = [plain, shown].map(Tensor::<4>::from_inner);
            let real_logits = self.discriminator.forward_train(real);
            let fake_logits = self.discriminator.forward_train(drawn);
            let loss = hinge_discriminator_loss(real_logits, fake_logits) * 0.5;
            stats.discriminator_loss = Some(scalar(&loss));
            if !stats.is_finite() {
                return (self, stats);
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &self.discriminator);
            self.discriminator =
                self.discriminator_optimizer
                    .step(recipe.learning_rate, self.discriminator, gradients);
        }
        (self, stats)
    }

    /// Equation 7: how long the gradient of what is wanted for likeness is beside that for realness, both
    /// `[n, 3, h, w]` without autodiff, at the weights of the decoder's last layer, which sees `features`.
    fn adaptive_weight(&self, features: Tensor<4>, alike: Tensor<4>, real: Tensor<4>) -> f64 {
        let features = features.without_autodiff();
        let [alike, real] = [alike, real].map(|wanted| {
            let weight = self.network.decoder.conv_out.weight.val().without_autodiff();
            let weight = Tensor::<4>::from_inner(weight).require_grad();
            let pictures = conv2d(Tensor::from_inner(features.clone()), weight.clone(), 1, 1);
            let gradient = gradient(&weight, (pictures * Tensor::from_inner(wanted)).sum());
            scalar(&gradient.square().sum()).sqrt()
        });
        (alike / (real + LEAST_NORM)).clamp(0.0, MOST_WEIGHT)
    }

    /// Has the codes follow what they were used for.
    fn follow(
        &mut self,
        recipe: &VqGanRecipe,
        step: u64,
        z_e: Tensor<4>,
        indices: Tensor<3, Int>,
        counts: &[u64],
    ) {
        let [n, d, h, w] = z_e.dims();
        let vectors = z_e
            .without_autodiff()
            .permute([0, 2, 3, 1])
            .reshape([n * h * w, d]);
        let used = Used {
            vectors,
            indices: indices.without_autodiff().reshape([n * h * w]),
            counts,
        };
        let codebook = self.network.codebook.val().without_autodiff();
        let mut rng = stream(recipe.seed, "codes", step);
        let codebook = self.codes.follow(codebook, &used, recipe, &mut rng);
        let trained = !recipe.codebook_ema;
        self.network.codebook = self
            .network
            .codebook
            .clone()
            .map(|_| Tensor::from_inner(codebook).set_require_grad(trained));
    }
}

/// The gradient of `loss` at `leaf`, without autodiff.
fn gradient(leaf: &Tensor<4>, loss: Tensor<1>) -> Tensor<4> {
    let gradients = loss.backward();
    leaf.grad(&gradients).expect("the loss depends on it")
}

fn scalar(value: &Tensor<1>) -> f64 {
    f64::from(value.clone().into_scalar::<f32>())
}

#[cfg(test)]
mod tests;
