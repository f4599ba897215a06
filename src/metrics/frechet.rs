//! The Fréchet distance between sets of pictures: Heusel et al., "GANs Trained by a Two Time-Scale Update
//! Rule Converge to a Local Nash Equilibrium" (2017).

use super::{
    Features,
    eigenvalues::{add, symmetric_eigenvalues},
    features::{matrix, values},
};
use burn::tensor::Device;

/// The squared Fréchet distance between normal distributions with the means and covariances of `a` and `b`,
/// the paper's equation 6: `|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))`, from zero on, in the square
/// of the features' units.
///
/// It falls with the number of pictures, so compare values of the same number and features only, and name it
/// with both, as in `fid10k_full`. The time grows with the third power of the features' number. `device`
/// computes products in double precision, so it is the processor.
///
/// # Panics
/// When the two are not of the same network.
pub fn frechet_distance(a: &Features, b: &Features, device: &Device) -> f64 {
    let d = a.dimensions();
    assert_eq!(d, b.dimensions(), "features of one network");
    let ((mean_a, a), (mean_b, b)) = (a.moments(device), b.moments(device));
    let distance: f64 = mean_a.iter().zip(&mean_b).map(|(a, b)| (a - b).powi(2)).sum();
    // C_a = F^T F, so C_a C_b has the eigenvalues of F C_b F^T, which is symmetric; the others are zero.
    let factor = factor(&a, d);
    let rank = factor.len() / d;
    let trace = match rank {
        0 => 0.0,
        _ => {
            let factor = matrix(factor, [rank, d], device);
            let product = factor
                .clone()
                .matmul(matrix(b.clone(), [d, d], device))
                .matmul(factor.transpose());
            let roots = symmetric_eigenvalues(values(product), rank);
            roots.iter().map(|value| value.max(0.0).sqrt()).sum()
        }
    };
    let traces = [&a, &b].map(|c| c.iter().step_by(d + 1).sum::<f64>());
    (distance + traces[0] + traces[1] - 2.0 * trace).max(0.0)
}

/// `F [rank, d]` with `F^T F` the positive semidefinite matrix `c [d, d]`: Cholesky's decomposition, the
/// greatest rest first, until nothing is left. Fewer pictures than features, and features that never change,
/// leave it singular.
fn factor(c: &[f64], d: usize) -> Vec<f64> {
    let mut rests: Vec<f64> = c.iter().step_by(d + 1).copied().collect();
    let greatest = |rests: &[f64]| (0..d).max_by(|&i, &j| rests[i].total_cmp(&rests[j])).unwrap_or(0);
    let nothing = rests[greatest(&rests)] * f64::EPSILON * d as f64;
    let mut rows: Vec<f64> = vec![];
    for _ in 0..d {
        let pivot = greatest(&rests);
        if rests[pivot] <= nothing {
            break;
        }
        let mut row = c[pivot * d..][..d].to_vec();
        for before in rows.chunks_exact(d) {
            add(&mut row, -before[pivot], before);
        }
        let root = rests[pivot].sqrt();
        for (value, rest) in row.iter_mut().zip(&mut rests) {
            *value /= root;
            *rest -= *value * *value;
        }
        // What rounding left of it.
        rests[pivot] = 0.0;
        rows.extend(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::features::tests::cloud;

    fn expected() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/fixtures/metrics/distances.json")).unwrap()
    }

    #[test]
    fn it_is_what_pytorch_fid_computes() {
        for case in expected()["frechet"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap() as usize;
            let (a, b) = (
                cloud(number("a"), number("d"), 1),
                cloud(number("b"), number("d"), 2),
            );
            let (found, expected) = (
                frechet_distance(&a, &b, &Device::flex()),
                case["distance"].as_f64().unwrap(),
            );
            // SciPy's root of a singular product is right to about 1e-5.
            let error = (found - expected).abs() / expected;
            assert!(error < 1e-4, "{found}, expected {expected}: {case}");
            assert!((frechet_distance(&b, &a, &Device::flex()) - found).abs() < 1e-6 * found);
        }
    }

    #[test]
    fn a_set_is_at_no_distance_from_itself_and_what_is_moved_is_as_far_as_it_was_moved() {
        let a = cloud(50, 12, 1);
        assert!(frechet_distance(&a, &a, &Device::flex()) < 1e-6);
        let moved: Vec<f32> = a.each().flatten().map(|value| value + 2.0).collect();
        let found = frechet_distance(&a, &Features::new(moved, 12), &Device::flex());
        assert!((found - 12.0 * 4.0).abs() < 1e-3, "{found}");
        // Features that do not change at all.
        let flat = Features::new(vec![1.0; 30], 10);
        assert!(frechet_distance(&flat, &flat, &Device::flex()) < 1e-12);
    }

    #[test]
    fn a_factor_gives_its_matrix_back() {
        for (pictures, d) in [(40, 9), (4, 9), (2, 5)] {
            let (_, c) = cloud(pictures, d, 3).moments(&Device::flex());
            let rows = factor(&c, d);
            assert_eq!(rows.len(), d * d.min(pictures - 1));
            let greatest = c
                .iter()
                .fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
            for (place, expected) in c.iter().enumerate() {
                let products = rows.chunks(d).map(|row| row[place / d] * row[place % d]);
                assert!((products.sum::<f64>() - expected).abs() < 1e-12 * greatest * d as f64);
            }
        }
    }
}
