//! Latents from seeds.

use super::Error;
use rand::{Rng, SeedableRng};
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

/// How far the numbers of a latent with a single layer lie from each other on the arc between two, as a share
/// of it.
const SPREAD_ON_ARC: f32 = 0.6;

/// `count` avatars that have something of each of two, from those most like `first` to those most like
/// `second`; all are `[layers width]`, row by row. `seed` determines what they have of whom, so that there
/// are others for the same two.
///
/// Where there are several layers, each avatar takes a run of neighboring ones from the second and the rest
/// from the first; the last layer's neighbor is the first. So one may get its shape from the one and its
/// colors from the other (Karras et al., 2019, section 3.1), or the features between. A single layer cannot
/// be taken apart. There the avatars lie about the arc from the first to the second, because normal latents
/// of many numbers are all about as long, and a straight line would pass where none are; each number has its
/// own place on it, which `seed` determines.
///
/// # Errors
///
/// [`Error::Request`] when the two are of different models.
pub fn mixes(
    first: &[f32],
    second: &[f32],
    width: usize,
    count: usize,
    seed: u64,
) -> Result<Vec<Vec<f32>>, Error> {
    if width == 0 || first.len() != second.len() || !first.len().is_multiple_of(width) {
        return Err(Error::Request(format!(
            "latents of {} and {} numbers cannot be mixed: take two of one model",
            first.len(),
            second.len()
        )));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let layers = first.len() / width;
    let mut runs = vec![];
    let mix = |index: usize| {
        let share = (index as f32 + 0.5) / count as f32;
        if layers <= 1 {
            return about_arc(first, second, share, &mut rng);
        }
        let length = 1 + (share * (layers - 1) as f32) as usize;
        let mut start = rng.random_range(0..layers as u32) as usize;
        // Another avatar may have this run; there are others as long, unless the avatars are very many.
        let mut others = (0..layers).map(|next| (start + next) % layers);
        start = others
            .find(|&start| !runs.contains(&(start, length)))
            .unwrap_or(start);
        runs.push((start, length));
        let of_second = |layer: usize| (layer + layers - start) % layers < length;
        (0..layers)
            .flat_map(|layer| {
                let parent = if of_second(layer) { second } else { first };
                parent[layer * width..(layer + 1) * width].iter().copied()
            })
            .collect()
    };
    Ok((0..count).map(mix).collect())
}

/// A latent whose numbers lie about this share of the arc from `a` to `b`.
fn about_arc(a: &[f32], b: &[f32], share: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let arc = Arc::between(a, b);
    let mix = |(&a, &b): (&f32, &f32)| {
        arc.at(
            a,
            b,
            (share + SPREAD_ON_ARC * (rng.random::<f32>() - 0.5)).clamp(0.0, 1.0),
        )
    };
    a.iter().zip(b).map(mix).collect()
}

/// The latent at this share of the way from `a` to `b`, which are as long: along the arc about the origin, on
/// which normal latents of many numbers lie, or along a straight line, as in a style space.
pub fn between(a: &[f32], b: &[f32], on_arc: bool, share: f32) -> Vec<f32> {
    let way = match on_arc {
        true => Arc::between(a, b),
        false => Arc { angle: 0.0 },
    };
    a.iter().zip(b).map(|(&a, &b)| way.at(a, b, share)).collect()
}

/// The arc about the origin between two latents.
struct Arc {
    angle: f32,
}

impl Arc {
    fn between(a: &[f32], b: &[f32]) -> Self {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE);
        Self {
            angle: cosine.clamp(-1.0, 1.0).acos(),
        }
    }

    /// A number at this share of the way. The way is a straight line where the two latents are alike, or
    /// opposite, and there is no one arc.
    fn at(&self, a: f32, b: f32, share: f32) -> f32 {
        let [of_a, of_b] = match self.angle.sin() {
            sine if sine > 1e-3 => [1.0 - share, share].map(|share| (share * self.angle).sin() / sine),
            _ => [1.0 - share, share],
        };
        a * of_a + b * of_b
    }
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
    fn mixing_takes_layers_whole_and_shuffles_them_by_seed() {
        let (layers, width) = (6, 2);
        let first: Vec<f32> = (0..layers * width).map(|value| value as f32).collect();
        let second: Vec<f32> = first.iter().map(|value| value + 100.0).collect();
        let mixed = mixes(&first, &second, width, 8, 1).unwrap();
        let of_second = |mix: &[f32]| {
            for (layer, row) in mix.chunks_exact(width).enumerate() {
                let of = |parent: &[f32]| row == &parent[layer * width..][..width];
                assert!(of(&first) || of(&second), "{row:?} is of neither");
            }
            mix.iter().filter(|&&value| value >= 100.0).count() / width
        };
        let shares: Vec<_> = mixed.iter().map(|mix| of_second(mix)).collect();
        assert_eq!(shares, [1, 1, 2, 3, 3, 4, 5, 5]);
        for (index, mix) in mixed.iter().enumerate() {
            assert!(!mixed[..index].contains(mix), "{index} is there twice");
        }
        assert_eq!(mixed, mixes(&first, &second, width, 8, 1).unwrap());
        assert_ne!(mixed, mixes(&first, &second, width, 8, 2).unwrap());
        // More avatars than there are runs: some are alike, and there is no end to look for.
        assert_eq!(mixes(&first, &second, width, 64, 1).unwrap().len(), 64);
        let refused = |first: &[f32], second: &[f32], width| mixes(first, second, width, 4, 1).is_err();
        assert!(
            refused(&first, &second[..4], 2) && refused(&first, &second, 5) && refused(&first, &second, 0)
        );
    }

    #[test]
    fn a_way_begins_and_ends_at_its_latents() {
        let [a, b] = [1, 2].map(|seed| z_from_seed(seed, 512));
        let length = |a: &[f32]| a.iter().map(|a| a * a).sum::<f32>().sqrt();
        for on_arc in [true, false] {
            let ends = [0.0, 1.0].map(|share| between(&a, &b, on_arc, share));
            for (end, expected) in ends.iter().zip([&a, &b]) {
                assert!(
                    end.iter()
                        .zip(expected)
                        .all(|(end, expected)| (end - expected).abs() < 1e-5)
                );
            }
            // The middle of an arc is as long as its ends, that of a line between them much shorter.
            let share = length(&between(&a, &b, on_arc, 0.5)) / length(&a);
            assert!((share > 0.95) == on_arc, "{share}");
        }
    }

    #[test]
    fn a_single_layer_is_mixed_about_the_arc() {
        let [a, b] = [1, 2].map(|seed| z_from_seed(seed, 512));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let length = |a: &[f32]| dot(a, a).sqrt();
        let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (length(a) * length(b));
        let mixed = mixes(&a, &b, 512, 8, 1).unwrap();
        let likeness: Vec<_> = mixed
            .iter()
            .map(|mix| [cosine(mix, &a), cosine(mix, &b)])
            .collect();
        assert!(
            likeness
                .windows(2)
                .all(|two| two[0][0] > two[1][0] && two[0][1] < two[1][1]),
            "{likeness:?}"
        );
        assert!(likeness[0][0] > 0.9 && likeness[7][1] > 0.9, "{likeness:?}");
        for mix in &mixed {
            let share = length(mix) / length(&a);
            assert!((0.9..1.1).contains(&share), "{share} of an avatar's length");
        }
        assert_ne!(mixed, mixes(&a, &b, 512, 8, 2).unwrap());
        for (a, b) in [
            ([1.0, 0.0], [1.0, 0.0]),
            ([1.0, 0.0], [-1.0, 0.0]),
            ([0.0; 2], [0.0; 2]),
        ] {
            let mixed = mixes(&a, &b, 2, 3, 1).unwrap().concat();
            assert!(mixed.iter().all(|value| value.is_finite()));
        }
    }
}
