//! How much memory a step takes, before it is taken.

use super::PriorSettings;
use crate::networks::NetworkConfig;

/// Bytes of a number.
const F32: u64 = 4;
/// What a step takes in any case: scratch memory of the kernels, and the program itself.
const ANYHOW: u64 = 128 << 20;
/// Copies of the attention's scores that a block keeps for the gradient, and what computing it adds.
const SCORES_KEPT: u64 = 6;
/// Numbers of a code that a block keeps for the gradient, in widths: norms, queries, keys and values, what
/// was found, and four widths before and behind the GELU.
const WIDTHS_KEPT: u64 = 24;
/// Copies of the logits.
const LOGITS_KEPT: u64 = 6;
/// A network's weights, their gradients, Adam's two moments, and what an update adds.
const WEIGHTS_KEPT: u64 = 6;

impl PriorSettings {
    /// Bytes that a step takes on the processor at most, the dataset and its codes not included.
    pub fn step_bytes(&self) -> u64 {
        let network = &self.network;
        let [length, heads, width, layers, codes] = [
            network.length(),
            network.heads,
            network.width,
            network.layers,
            network.codebook_size,
        ]
        .map(|size| size as u64);
        let block = SCORES_KEPT * heads * length * length + WIDTHS_KEPT * length * width;
        let picture = layers * block + LOGITS_KEPT * length * codes;
        let weights = WEIGHTS_KEPT * (network.weights() + self.codes.weights());
        (self.recipe.batch_size as u64)
            .saturating_mul(picture)
            .saturating_add(weights)
            .saturating_mul(F32)
            .saturating_add(ANYHOW)
    }
}
