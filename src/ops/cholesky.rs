//! Triangular roots of covariances by Cholesky's method, on the host in double precision.

/// The upper triangular `U` with `U^T U = covariance [n, n]`, row by row; what rounding makes negative counts
/// as nothing. Unit normal rows times it have that covariance.
pub fn upper_root(covariance: &[f64], n: usize) -> Vec<f64> {
    let mut root = vec![0.0; n * n];
    for i in 0..n {
        for j in i..n {
            let known: f64 = (0..i).map(|k| root[k * n + i] * root[k * n + j]).sum();
            let left = covariance[i * n + j] - known;
            root[i * n + j] = match i == j {
                true => left.max(0.0).sqrt(),
                false if root[i * n + i] > 1e-9 => left / root[i * n + i],
                false => 0.0,
            };
        }
    }
    root
}

/// The inverse of the upper triangular `root [n, n]`, none of whose diagonal may be zero.
pub fn inverse_of_upper(root: &[f64], n: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; n * n];
    for j in 0..n {
        inverse[j * n + j] = root[j * n + j].recip();
        for i in (0..j).rev() {
            let known: f64 = (i + 1..=j).map(|k| root[i * n + k] * inverse[k * n + j]).sum();
            inverse[i * n + j] = -known / root[i * n + i];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 4;

    fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
        let entry = |i: usize, j: usize| (0..N).map(|k| a[i * N + k] * b[k * N + j]).sum();
        (0..N * N).map(|at| entry(at / N, at % N)).collect()
    }

    fn transposed(a: &[f64]) -> Vec<f64> {
        (0..N * N).map(|at| a[at % N * N + at / N]).collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
        }
    }

    /// A matrix whose last row and column are `last` on the diagonal and zero elsewhere.
    fn matrix(last: f64) -> Vec<f64> {
        let entry = |i: usize| match (i % N, i / N) {
            (3, 3) => last,
            (3, _) | (_, 3) => 0.0,
            _ => (i * i % 7) as f64 - 2.0,
        };
        (0..N * N).map(entry).collect()
    }

    #[test]
    fn roots_are_roots() {
        for last in [0.0, 3.0] {
            let covariance = product(&transposed(&matrix(last)), &matrix(last));
            let root = upper_root(&covariance, N);
            assert_close(&product(&transposed(&root), &root), &covariance);
            assert_eq!(root[N], 0.0, "it is upper triangular");
        }
    }

    #[test]
    fn inverses_undo() {
        let root = upper_root(&product(&transposed(&matrix(3.0)), &matrix(3.0)), N);
        let one: Vec<f64> = (0..N * N).map(|at| f64::from(at % (N + 1) == 0)).collect();
        assert_close(&product(&root, &inverse_of_upper(&root, N)), &one);
    }
}
