//! How much memory a step takes, before it is taken.

use super::DcganSettings;

/// Bytes of a number.
const F32: u64 = 4;

/// What a step takes in any case: scratch memory of the kernels, and the program itself.
const ANYHOW: u64 = 128 << 20;

/// Copies of a layer's map that a step keeps for the gradient, and what computing the gradient adds.
const MAPS_KEPT: u64 = 5;

/// Copies of a batch of pictures: as they are read, as they are drawn, and their gradients.
const PICTURES_KEPT: u64 = 8;

/// A network's weights, their gradients, Adam's two moments, and what an update adds.
const WEIGHTS_KEPT: u64 = 6;

impl DcganSettings {
    /// Bytes that a step takes on the processor at most, the dataset not included. Narrow networks were seen
    /// to take half of it at 1024 pixels.
    ///
    /// The generator's maps are kept once, the discriminator's once for real pictures and once for drawn
    /// ones.
    pub fn step_bytes(&self) -> u64 {
        let (network, n) = (&self.network, self.recipe.batch_size() as u64);
        let [generator, discriminator] = network.maps();
        let picture = (network.img_channels * network.resolution * network.resolution) as u64;
        let each = MAPS_KEPT * (generator + 2 * discriminator) + PICTURES_KEPT * picture;
        let weights = WEIGHTS_KEPT * (network.weights() + network.discriminator_weights());
        n.saturating_mul(each)
            .saturating_add(weights)
            .saturating_mul(F32)
            .saturating_add(ANYHOW)
    }
}
