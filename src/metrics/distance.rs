//! How far pictures are from each other and from a collection.

use super::Features;
use burn::tensor::Device;

/// The distance of each of `pictures` to the nearest of `others`, on average.
///
/// # Panics
/// When the two are not of the same network.
pub fn distance_to_nearest(pictures: &Features, others: &Features, device: &Device) -> f64 {
    let lengths = squares(others);
    let own = squares(pictures);
    let mut sum = 0.0;
    others.each_product(pictures, device, |i, products| {
        let each = products.iter().zip(&lengths);
        let squares = each.map(|(&product, other)| own[i] + other - 2.0 * f64::from(product));
        sum += squares.fold(f64::INFINITY, f64::min).max(0.0).sqrt();
    });
    sum / pictures.pictures() as f64
}

/// The distance between two pictures of one group, on average over all pairs of all groups; a group is `size`
/// pictures that follow each other.
///
/// # Panics
/// When no group has two pictures.
pub fn distance_within(pictures: &Features, size: usize) -> f64 {
    let each: Vec<&[f32]> = pictures.each().collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for group in each.chunks(size) {
        for (i, a) in group.iter().enumerate() {
            for b in &group[..i] {
                let squares = a.iter().zip(*b).map(|(a, b)| f64::from(a - b).powi(2));
                sum += squares.sum::<f64>().sqrt();
                pairs += 1;
            }
        }
    }
    assert!(pairs > 0, "a distance is between pictures");
    sum / f64::from(pairs)
}

/// The squared length of every picture's features.
pub(super) fn squares(features: &Features) -> Vec<f64> {
    let square = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum();
    features.each().map(square).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_euclidean_and_of_the_right_pairs() {
        let of = |values: &[f32]| Features::new(values.to_vec(), 2);
        let here = of(&[0.0, 0.0, 3.0, 4.0, 10.0, 0.0, 10.0, 1.0]);
        assert_eq!(distance_within(&here, 2), 3.0);
        assert!(
            (distance_within(&here, 4)
                - (5.0 + 1.0 + 10.0 + 101f64.sqrt() + 65f64.sqrt() + 58f64.sqrt()) / 6.0)
                .abs()
                < 1e-6
        );
        let there = of(&[0.0, 2.0, 10.0, 0.0]);
        let expected = (2.0 + 13f64.sqrt() + 0.0 + 1.0) / 4.0;
        let found = distance_to_nearest(&here, &there, &Device::flex());
        assert!((found - expected).abs() < 1e-6, "{found}");
    }
}
