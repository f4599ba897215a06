//! Where a generator's latents are: a normal distribution with the mean and the covariance of many.

use super::read;
use crate::{
    networks::generators::Generate,
    ops::cholesky::{inverse_of_upper, upper_root},
    pipeline::{Error, sample::z_from_seeds},
};
use burn::tensor::{Tensor, TensorData};

/// So many latents are looked at for each of their numbers, and at least [`LEAST_SEEDS`].
const SEEDS_PER_NUMBER: usize = 4;
const LEAST_SEEDS: usize = 256;

/// What every direction's variance has on top, as a share of the mean variance, as few latents show too
/// little.
const FLOOR: f64 = 0.02;

/// The numbers of wider latents count as independent, as a root of their covariance would take seconds.
const WIDEST: usize = 1024;

/// Latents without truncation are about `center + u root` with unit normal `u`.
#[derive(Debug, Clone)]
pub struct Density {
    /// `[1, 1, width]`.
    center: Tensor<3>,
    /// `[1, width, width]`, upper triangular.
    root: Tensor<3>,
    /// Its inverse.
    inverse: Tensor<3>,
}

impl Density {
    /// That of `generator`.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] when the device fails.
    pub async fn of(generator: &dyn Generate) -> Result<Self, Error> {
        let center = generator.latent_center().without_autodiff();
        let device = center.device();
        let [_, width] = generator.latent_shape();
        let seeds = (SEEDS_PER_NUMBER * width.min(WIDEST)).max(LEAST_SEEDS) as u64;
        let z = z_from_seeds(generator, &(0..seeds).collect::<Vec<_>>(), &device);
        // All layers of a seed are alike.
        let w = generator.latents_from_z(z, 1.0).narrow(1, 0, 1);
        let w: Tensor<2> = w.without_autodiff().squeeze_dim::<2>(1) - center.clone().unsqueeze();
        let covariance = read(w.clone().transpose().matmul(w) / seeds as f64).await?;
        let mut covariance: Vec<f64> = covariance.into_iter().map(f64::from).collect();
        let mean = covariance.iter().step_by(width + 1).sum::<f64>() / width as f64;
        // An untrained mapping may give the same w for all.
        let floor = if mean > 1e-12 { FLOOR * mean } else { 1.0 };
        for (place, value) in covariance.iter_mut().enumerate() {
            match place % (width + 1) == 0 {
                true => *value += floor,
                false if width > WIDEST => *value = 0.0,
                false => {}
            }
        }
        let (root, inverse) = match width > WIDEST {
            true => {
                let root: Vec<f64> = covariance.iter().map(|value| value.sqrt()).collect();
                let inverse = root
                    .iter()
                    .map(|&value| if value > 0.0 { value.recip() } else { 0.0 });
                (root.clone(), inverse.collect())
            }
            false => {
                let root = upper_root(&covariance, width);
                let inverse = inverse_of_upper(&root, width);
                (root, inverse)
            }
        };
        let tensor = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_data(TensorData::new(values, [1, width, width]), &device)
        };
        Ok(Self {
            center: center.reshape([1, 1, width]),
            root: tensor(root),
            inverse: tensor(inverse),
        })
    }

    /// The `u` of `latents [n, layers, width]`.
    pub fn coordinates(&self, latents: Tensor<3>) -> Tensor<3> {
        times(latents - self.center.clone(), &self.inverse)
    }

    /// The latents of `u [n, layers, width]`.
    pub fn latents(&self, u: Tensor<3>) -> Tensor<3> {
        times(u, &self.root) + self.center.clone()
    }
}

/// Every row of `x [n, layers, width]` times `matrix [1, width, width]`.
fn times(x: Tensor<3>, matrix: &Tensor<3>) -> Tensor<3> {
    let [n, layers, width] = x.dims();
    x.reshape([1, n * layers, width])
        .matmul(matrix.clone())
        .reshape([n, layers, width])
}
