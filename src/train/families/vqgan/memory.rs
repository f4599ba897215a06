//! How much memory a step takes, before it is taken.

use super::VqGanSettings;
use crate::networks::NetworkConfig;

/// Bytes of a number.
const F32: u64 = 4;
/// What a step takes in any case: scratch memory of the kernels, and the program itself.
const ANYHOW: u64 = 128 << 20;
/// Copies of a map that a step keeps for the gradient, and what computing the gradient adds: norm, swish and
/// convolution keep one each.
const MAPS_KEPT: u64 = 5;
/// Copies of a batch of pictures in the losses and what compares them: the perceptual loss and the
/// discriminator have maps of their own.
const PICTURES_KEPT: u64 = 300;
/// A network's weights, their gradients, Adam's two moments, and what an update adds.
const WEIGHTS_KEPT: u64 = 6;

impl VqGanSettings {
    /// Bytes that a step takes on the processor at most, the dataset not included.
    pub fn step_bytes(&self) -> u64 {
        let side = self.network.resolution;
        let maps = MAPS_KEPT.saturating_mul(self.network.map_numbers(side, side));
        let pictures = PICTURES_KEPT * (side * side) as u64;
        let weights = WEIGHTS_KEPT * (self.network.weights() + self.discriminator.weights());
        (self.recipe.batch_size as u64)
            .saturating_mul(maps.saturating_add(pictures))
            .saturating_add(weights)
            .saturating_mul(F32)
            .saturating_add(ANYHOW)
    }
}
