//! Kernel Inception Distance: Bińkowski et al., "Demystifying MMD GANs" (2018).

use super::Features;
use burn::tensor::Device;

/// The squared maximum mean discrepancy between the features `a` and `b` of `d` dimensions, unbiased, with
/// the kernel `k(x, y) = (x . y / d + 1)^3` (section 4 of the paper; times 1000 as it is usually printed it
/// is small for sets that look alike, and it may fall a little below zero for sets that are the same).
///
/// All pairs count, where the paper averages over subsets to save time. Comparable only between values of the
/// same features and numbers of pictures: name it with both, as in `kid2k_clip`.
///
/// # Panics
///
/// When the two are not of the same network.
pub fn kid(a: &Features, b: &Features, device: &Device) -> f64 {
    let d = a.dimensions() as f64;
    let kernel = |product: f32| (f64::from(product) / d + 1.0).powi(3);
    // A picture is not compared with itself: that is what makes the estimate unbiased.
    let within = |set: &Features| {
        let mut sum = 0.0;
        set.each_product(set, device, |i, products| {
            sum += products.iter().map(|&product| kernel(product)).sum::<f64>() - kernel(products[i]);
        });
        let n = set.pictures() as f64;
        sum / (n * (n - 1.0))
    };
    let mut across = 0.0;
    a.each_product(b, device, |_, products| {
        across += products.iter().map(|&product| kernel(product)).sum::<f64>();
    });
    within(a) + within(b) - 2.0 * across / (a.pictures() as f64 * b.pictures() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reproducible cloud of `n` points around `center`.
    fn cloud(n: usize, center: f32, salt: usize) -> Features {
        let value = |i: usize, j: usize| ((i * 7 + j * 13 + salt * 31) as f32 * 12.9898).sin() * 43.7;
        let values = (0..n).flat_map(|i| (0..5).map(move |j| center + value(i, j).fract()));
        Features::new(values.collect(), 5)
    }

    /// The definition, one pair at a time.
    fn definition(a: &Features, b: &Features) -> f64 {
        let kernel = |x: &[f32], y: &[f32]| {
            let dot: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            (dot / x.len() as f64 + 1.0).powi(3)
        };
        let mean = |pairs: Vec<f64>| pairs.iter().sum::<f64>() / pairs.len() as f64;
        let pairs = |x: &Features, y: &Features, same: bool| {
            let mut values = vec![];
            for (i, x) in x.each().enumerate() {
                for (j, y) in y.each().enumerate() {
                    if !(same && i == j) {
                        values.push(kernel(x, y));
                    }
                }
            }
            values
        };
        mean(pairs(a, a, true)) + mean(pairs(b, b, true)) - 2.0 * mean(pairs(a, b, false))
    }

    #[test]
    fn it_is_the_unbiased_estimate_of_the_paper() {
        let (a, b) = (cloud(9, 0.0, 1), cloud(14, 0.4, 2));
        assert!((kid(&a, &b, &Device::flex()) - definition(&a, &b)).abs() < 1e-6);
    }

    #[test]
    fn sets_that_look_alike_are_close_and_others_are_not() {
        let alike = kid(&cloud(80, 0.0, 1), &cloud(80, 0.0, 5), &Device::flex());
        let apart = kid(&cloud(80, 0.0, 1), &cloud(80, 0.5, 5), &Device::flex());
        assert!(
            alike.abs() < 0.05 && apart > 10.0 * alike.abs(),
            "{alike} and {apart}"
        );
    }
}
