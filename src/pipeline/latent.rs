//! Latents from seeds.

use super::Error;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// `z [z_dim]` from the unit normal distribution, the same on every platform and in every release: seed
/// `n` is the avatar number `n` of a model, in links and in files.
///
/// ChaCha with 8 rounds is specified to the bit. The ziggurat that makes normal values of it works in 64
/// bits; only its far tail (one value in 4000) takes a logarithm, which platforms may round differently, and
/// that is lost again when the value is rounded to 32 bits. Each seed begins a stream of its own, so a latent
/// does not depend on which others are drawn with it.
pub fn z_from_seed(seed: u64, z_dim: usize) -> Vec<f32> {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    StandardNormal.sample_iter(rng).take(z_dim).collect()
}

/// An avatar between two: its first `from_layer` layers are those of `coarse` (shape, pose), the others those
/// of `fine` (colours). Both are `[layers width]`, row by row.
///
/// # Errors
///
/// [`Error::Request`] when they are of different models, or there is no such layer.
pub fn mix(coarse: &[f32], fine: &[f32], width: usize, from_layer: usize) -> Result<Vec<f32>, Error> {
    let at = from_layer.saturating_mul(width);
    if coarse.len() != fine.len() || at > coarse.len() {
        return Err(Error::Request(format!(
            "latents of {} and {} numbers cannot be mixed from layer {from_layer} on: \
             take two of one model, and a layer that it has",
            coarse.len(),
            fine.len()
        )));
    }
    Ok([&coarse[..at], &fine[at..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published links hold seeds: a change of these values breaks all of them.
    #[test]
    fn seeds_mean_the_same_forever() {
        assert_eq!(
            z_from_seed(0, 4),
            [0.69996077, -0.14406164, 0.30288628, -1.3745139]
        );
        assert_eq!(z_from_seed(u64::MAX, 2), [0.45103, -0.12931526]);
    }

    #[test]
    fn latents_are_unit_normal_and_differ_by_seed() {
        let z: Vec<f32> = (0..64).flat_map(|seed| z_from_seed(seed, 128)).collect();
        let n = z.len() as f32;
        let mean = z.iter().sum::<f32>() / n;
        let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f32>() / n;
        // Standard errors of 8192 draws: 0.011 and 0.016.
        assert!(
            mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06,
            "mean {mean}, variance {variance}"
        );
        assert_ne!(z_from_seed(1, 8), z_from_seed(2, 8));
        // A longer latent begins with the shorter one.
        assert_eq!(z_from_seed(1, 8), z_from_seed(1, 9)[..8]);
    }

    #[test]
    fn mixing_takes_layers_whole() {
        let (a, b) = ([1.0; 6], [2.0; 6]);
        assert_eq!(mix(&a, &b, 2, 1).unwrap(), [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
        assert_eq!(mix(&a, &b, 2, 3).unwrap(), a);
        assert!(mix(&a, &b, 2, 4).is_err() && mix(&a, &b[..4], 2, 1).is_err());
    }
}
