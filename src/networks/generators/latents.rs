//! How the latents of a family are distributed.

use crate::ops::erf_inverse::erf_inverse;
use burn::tensor::Tensor;
use core::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use serde::{Deserialize, Serialize};

/// What a generator without a style space was trained to draw from.
///
/// Seeds, guidance and the mapper know unit normal numbers only, and each distribution is a map of them. So a
/// seed means the same numbers in every family, and guidance in the space z cannot leave the distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatentDistribution {
    /// Each number is unit normal.
    #[default]
    Normal,
    /// Each number is uniform in `[-1, 1]`. Another interval would be the same with other weights in the
    /// first layer.
    Uniform,
}

impl LatentDistribution {
    /// Whether it is the one that is not written down.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Unit normal numbers as ones of this distribution, with a gradient.
    ///
    /// A number is as far through the interval as it is through the normal distribution: `2 Phi(z) - 1`.
    pub fn of_normal(self, z: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Normal => z,
            Self::Uniform => (z * FRAC_1_SQRT_2).erf(),
        }
    }

    /// Latents as they are drawn: those out of the distribution's reach, where nothing was ever trained, are
    /// the nearest within it.
    ///
    /// Guidance in the space w, mappers and mixtures may step out. The gradient is that of what was given:
    /// one that was lost at the bound could not lead back.
    pub fn within(self, latents: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Normal => latents,
            Self::Uniform => {
                let plain = latents.clone().without_autodiff();
                let excess = plain.clone() - plain.clamp(-1.0, 1.0);
                latents - excess
            }
        }
    }
}

/// Unit normal numbers as ones of the truncated normal distribution that has this `share` of them, those
/// nearest to zero, with a gradient: the truncation trick of Brock et al. (2018), in which a number that is
/// farther out is drawn again.
///
/// Here a number is as far through what is left of the distribution as it was through all of it, so that a
/// seed means the same avatar at every truncation. A share of 0.95 ends at the paper's threshold of 2, 0.68
/// at 1 and 0.38 at 0.5. There is no more than all: above one it is a factor, as elsewhere.
pub fn truncated(z: Tensor<2>, share: f32) -> Tensor<2> {
    match share < 1.0 {
        true => erf_inverse((z * FRAC_1_SQRT_2).erf() * share) * SQRT_2,
        false => z * share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn uniform_latents_are_uniform() {
        crate::ops::random::seed(3);
        let z = crate::ops::random::normal([100, 100], 1.0, &Device::flex());
        let drawn = LatentDistribution::Uniform.of_normal(z.clone()).into_data();
        let mut counts = [0; 10];
        for value in drawn.iter::<f32>() {
            assert!((-1.0..=1.0).contains(&value));
            counts[((value + 1.0) * 5.0).min(9.0) as usize] += 1;
        }
        // The standard error of each count is 30.
        assert!(
            counts.iter().all(|count: &i32| (count - 1000).abs() < 120),
            "{counts:?}"
        );
        let normal = LatentDistribution::Normal.of_normal(z.clone()).into_data();
        normal.assert_eq(&z.into_data(), true);
    }

    #[test]
    fn what_is_out_of_reach_is_drawn_at_the_bound_and_keeps_its_gradient() {
        let device = Device::flex().autodiff();
        let data = || TensorData::from([[-3.0f32, -0.5, 1.0, 1.5]]);
        let z = Tensor::<2>::from_data(data(), &device).require_grad();
        let drawn = LatentDistribution::Uniform.within(z.clone());
        let values: Vec<f32> = drawn.to_data().iter().collect();
        assert_eq!(values, [-1.0, -0.5, 1.0, 1.0]);
        let gradient = z.grad(&(drawn * 2.0).sum().backward()).unwrap().into_data();
        assert_eq!(gradient.iter::<f32>().collect::<Vec<_>>(), [2.0; 4]);
        let normal = LatentDistribution::Normal.within(z).into_data();
        assert_eq!(normal.iter::<f32>().collect::<Vec<_>>(), [-3.0, -0.5, 1.0, 1.5]);
    }

    #[test]
    fn truncated_latents_are_normal_ones_that_are_not_far_out() {
        crate::ops::random::seed(4);
        let z = crate::ops::random::normal([100, 100], 1.0, &Device::flex());
        let all: Vec<f32> = z.clone().into_data().iter().collect();
        for (share, threshold) in [(0.954_499_7, 2.0f32), (0.682_689_5, 1.0), (0.382_924_9, 0.5)] {
            let drawn: Vec<f32> = truncated(z.clone(), share).into_data().iter().collect();
            assert!(drawn.iter().all(|value| value.abs() <= threshold * 1.0001));
            // What stays of the normal distribution has this many below half the threshold.
            let below = |values: &[f32], most: f32| values.iter().filter(|value| value.abs() < most).count();
            let expected = below(&all, threshold / 2.0) as f32 / below(&all, threshold) as f32;
            let found = below(&drawn, threshold / 2.0) as f32 / drawn.len() as f32;
            assert!((found - expected).abs() < 0.02, "{share}: {found}, {expected}");
            // And in the same order.
            let rises = |a: usize, b: usize| (all[a] < all[b]) == (drawn[a] < drawn[b]);
            assert!((1..100).all(|i| rises(i - 1, i)));
        }
        let same = truncated(z.clone(), 1.0).into_data();
        same.assert_eq(&z.clone().into_data(), true);
        let zero = truncated(z.clone(), 0.0).abs().max().into_scalar::<f32>();
        assert_eq!(zero, 0.0);
        // On the way there is no jump.
        let nearly = (truncated(z.clone(), 0.999_999) - z).abs().max();
        assert!(nearly.into_scalar::<f32>() < 0.05);
    }
}
