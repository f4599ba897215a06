//! Precision and recall of sets of pictures: Kynkäänniemi et al., "Improved Precision and Recall Metric for
//! Assessing Generative Models" (2019).

use super::{Features, distance::squares};
use burn::tensor::Device;

/// The neighborhood of a picture reaches to its neighbor of this number, as in the paper's experiments.
const K: usize = 3;

/// What two sets of pictures have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecall {
    /// The share of generated pictures that could be real ones: quality, from 0 to 1.
    pub precision: f64,
    /// The share of real pictures that could be generated: variety, from 0 to 1.
    pub recall: f64,
}

/// Precision and recall of `generated` pictures against `real` ones, the paper's equation 2 with k = 3.
///
/// Both depend on how many pictures there are, most of all on the number of real ones, and on the features:
/// name them with both. A set of fewer than four pictures has neighborhoods that reach as far as it does.
///
/// # Panics
/// When the two are not of the same network.
pub fn precision_recall(generated: &Features, real: &Features, device: &Device) -> PrecisionRecall {
    PrecisionRecall {
        precision: covered(generated, real, device),
        recall: covered(real, generated, device),
    }
}

/// The share of `pictures` that lie in a neighborhood of one of `others`: equation 1.
fn covered(pictures: &Features, others: &Features, device: &Device) -> f64 {
    let radii = radii(others, device);
    let lengths = squares(others);
    let mut hits = 0;
    let own = squares(pictures);
    others.each_product(pictures, device, |i, products| {
        let mut all = products.iter().zip(&lengths).zip(&radii);
        let is_near =
            all.any(|((&product, other), &radius)| own[i] + other - 2.0 * f64::from(product) <= radius);
        hits += usize::from(is_near);
    });
    hits as f64 / pictures.pictures() as f64
}

/// The squared distance from every picture to its neighbor of number [`K`].
fn radii(features: &Features, device: &Device) -> Vec<f64> {
    let lengths = squares(features);
    let mut radii = vec![];
    let mut distances = vec![];
    features.each_product(features, device, |i, products| {
        distances.clear();
        let others = products.iter().zip(&lengths).enumerate().filter(|&(j, _)| j != i);
        distances.extend(others.map(|(_, (&product, other))| lengths[i] + other - 2.0 * f64::from(product)));
        let place = K.min(distances.len()) - 1;
        radii.push(*distances.select_nth_unstable_by(place, f64::total_cmp).1);
    });
    radii
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::features::tests::cloud;

    #[test]
    fn they_are_what_the_definition_says() {
        let expected = include_str!("../../tests/fixtures/metrics/distances.json");
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        for case in expected["precision_recall"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap() as usize;
            let (a, b) = (
                cloud(number("a"), number("d"), 1),
                cloud(number("b"), number("d"), 2),
            );
            let found = precision_recall(&a, &b, &Device::flex());
            for (found, name) in [(found.precision, "precision"), (found.recall, "recall")] {
                let expected = case[name].as_f64().unwrap();
                assert!((found - expected).abs() < 1e-9, "{name} {found}: {case}");
            }
        }
    }

    #[test]
    fn few_modes_cost_recall_and_nonsense_costs_precision() {
        let real = cloud(200, 6, 1);
        // One picture again and again, almost.
        let one = real.each().next().unwrap();
        let alike = (0..200).flat_map(|i| one.iter().map(move |value| value + 1e-3 * i as f32 / 200.0));
        let alike = Features::new(alike.collect(), 6);
        let found = precision_recall(&alike, &real, &Device::flex());
        assert!(found.precision == 1.0 && found.recall < 0.1, "{found:?}");
        let far: Vec<f32> = real.each().flatten().map(|value| value + 50.0).collect();
        let mixed: Vec<f32> = real.each().flatten().copied().chain(far).collect();
        let found = precision_recall(&Features::new(mixed, 6), &real, &Device::flex());
        assert!(found.precision == 0.5 && found.recall == 1.0, "{found:?}");
    }
}
