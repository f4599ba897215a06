//! Adam for the one tensor that is optimized.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Which rule turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015).
    #[default]
    Adam,
    /// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019). What decays is the distance
    /// from the space's center, by [`WEIGHT_DECAY`].
    AdamW,
}

/// Decay of the first moment.
const BETA_1: f64 = 0.9;
/// Decay of the second moment.
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// AdamW's decay in a step, times the step size.
pub const WEIGHT_DECAY: f64 = 0.1;

/// The moments. burn's optimizers work on modules with parameters; this is the same rule on a plain tensor,
/// without anything that grows with the number of steps.
pub struct Adam {
    optimizer: Optimizer,
    moments: Option<(Tensor<3>, Tensor<3>)>,
    steps: i32,
}

impl Adam {
    pub fn new(optimizer: Optimizer) -> Self {
        Self {
            optimizer,
            moments: None,
            steps: 0,
        }
    }

    /// `x` after a step of the size `rate` against `gradient`.
    pub fn step(&mut self, x: Tensor<3>, gradient: Tensor<3>, rate: f64) -> Tensor<3> {
        self.steps += 1;
        let (first, second) = (
            gradient.clone() * (1.0 - BETA_1),
            gradient.square() * (1.0 - BETA_2),
        );
        let (first, second) = match self.moments.take() {
            Some((m, v)) => (m * BETA_1 + first, v * BETA_2 + second),
            None => (first, second),
        };
        self.moments = Some((first.clone(), second.clone()));
        let [first_share, second_share] = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powi(self.steps));
        let step = (first / first_share) / ((second / second_share).sqrt() + EPSILON);
        let x = match self.optimizer {
            Optimizer::Adam => x,
            Optimizer::AdamW => x * (1.0 - rate * WEIGHT_DECAY),
        };
        x - step * rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{
        module::{Module, Param},
        optim::{AdamConfig, AdamWConfig, GradientsParams},
        tensor::Device,
    };

    #[derive(Module, Debug)]
    struct Latent {
        x: Param<Tensor<3>>,
    }

    /// The gradients of this loss change with x and differ in size by orders of magnitude.
    fn loss(x: Tensor<3>) -> Tensor<1> {
        let weights = Tensor::<3>::from_data([[[100.0, 1.0, 1e-3]]], &x.device());
        ((x - 0.3).square() * weights).sum()
    }

    #[test]
    fn steps_are_those_of_burn() {
        let device = Device::flex().autodiff();
        let start = Tensor::<3>::from_data([[[1.0, -2.0, 0.5]]], &device);
        for optimizer in [Optimizer::Adam, Optimizer::AdamW] {
            let mut theirs = match optimizer {
                Optimizer::Adam => AdamConfig::new()
                    .with_beta_1(BETA_1 as f32)
                    .with_beta_2(BETA_2 as f32)
                    .with_epsilon(EPSILON as f32)
                    .init(),
                Optimizer::AdamW => AdamWConfig::new()
                    .with_beta_1(BETA_1 as f32)
                    .with_beta_2(BETA_2 as f32)
                    .with_epsilon(EPSILON as f32)
                    .with_weight_decay(WEIGHT_DECAY as f32)
                    .init(),
            };
            let mut latent = Latent {
                x: Param::from_tensor(start.clone()),
            };
            let (mut adam, mut x) = (Adam::new(optimizer), start.clone().without_autodiff());
            for _ in 0..20 {
                let gradients = GradientsParams::from_grads(loss(latent.x.val()).backward(), &latent);
                latent = theirs.step(0.05, latent, gradients);
                let leaf = Tensor::from_inner(x.clone()).require_grad();
                let gradient = leaf.grad(&loss(leaf.clone()).backward()).unwrap();
                x = adam.step(x, gradient, 0.05);
            }
            let difference = (latent.x.val().without_autodiff() - x)
                .abs()
                .max()
                .into_scalar::<f32>();
            assert!(difference < 1e-5, "{optimizer:?}: {difference}");
        }
    }
}
