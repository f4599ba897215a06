//! How the latents of a family are distributed.

use burn::tensor::Tensor;
use core::f64::consts::FRAC_1_SQRT_2;
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
}
