//! How much memory a step takes, before it is taken.

use super::BigGanSettings;

/// Bytes of a number.
const F32: u64 = 4;
/// What a step takes in any case: scratch memory of the kernels, and the program itself.
const ANYHOW: u64 = 128 << 20;
/// Copies of a map that a step keeps for the gradient, and what computing the gradient adds: norm, scale,
/// rectifier and convolution keep one each.
const MAPS_KEPT: u64 = 4;
/// Copies of a batch of pictures: as they are read, as they are drawn, and their gradients.
const PICTURES_KEPT: u64 = 8;
/// A network's weights, their average, the same divided by their singular values, gradients, those that are
/// added up, Adam's two moments, and what an update adds.
const WEIGHTS_KEPT: u64 = 9;

impl BigGanSettings {
    /// Bytes that a step takes on the processor at most, the dataset not included.
    ///
    /// The generator's maps are kept once, the discriminator's once for real pictures and once for drawn
    /// ones, of one part of a batch.
    pub fn step_bytes(&self) -> u64 {
        let (network, recipe) = (&self.network, &self.recipe);
        let [generator, discriminator] = network.maps();
        let picture = (network.img_channels * network.resolution * network.resolution) as u64;
        let maps = MAPS_KEPT * (generator + discriminator).max(2 * discriminator);
        let weights = WEIGHTS_KEPT * (network.weights() + network.discriminator_weights());
        let shown = (recipe.shown() as u64).saturating_mul(picture);
        (recipe.part_size() as u64)
            .saturating_mul(maps + PICTURES_KEPT * picture)
            .saturating_add(shown)
            .saturating_add(weights)
            .saturating_mul(F32)
            .saturating_add(ANYHOW)
    }
}
