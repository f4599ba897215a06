//! Random tensors from a generator of the host's, so that a seed means the same numbers on every device.
//!
//! Each thread has a generator of its own: what one thread draws depends on its last [`seed`] alone.

use burn::tensor::{Device, Tensor, TensorData};
use core::cell::RefCell;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

thread_local! {
    static GENERATOR: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(0));
}

/// Begins the random numbers of `seed` on this thread.
pub fn seed(seed: u64) {
    GENERATOR.set(ChaCha8Rng::seed_from_u64(seed));
}

/// Independent draws of the normal distribution around zero, with this standard deviation.
pub fn normal<const D: usize>(shape: [usize; D], deviation: f64, device: &Device) -> Tensor<D> {
    let deviation = deviation as f32;
    let draw = |generator: &mut ChaCha8Rng| {
        let draws = StandardNormal.sample_iter(generator);
        draws
            .take(shape.iter().product())
            .map(|value: f32| value * deviation)
            .collect()
    };
    let values: Vec<f32> = GENERATOR.with_borrow_mut(draw);
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_numbers_again() {
        let device = Device::flex();
        let draw = || -> Vec<f32> {
            let first = normal([2, 3], 1.0, &device);
            let data = Tensor::cat(vec![first, normal([1, 3], 2.0, &device)], 0).into_data();
            data.iter::<f32>().collect()
        };
        seed(7);
        let once = draw();
        assert_ne!(draw(), once);
        seed(7);
        assert_eq!(draw(), once);
        seed(8);
        assert_ne!(draw(), once);
    }

    #[test]
    fn the_deviation_is_the_one_asked_for() {
        seed(1);
        let data = normal([10_000], 3.0, &Device::flex()).into_data();
        let variance = data.iter::<f32>().map(|x| x * x).sum::<f32>() / 1e4;
        // The standard error of the variance is 0.13.
        assert!((variance - 9.0).abs() < 0.5, "{variance}");
    }
}
