//! Eigenvalues of symmetric matrices: Golub and Van Loan, "Matrix Computations" (2013), 8.3.1 and 8.4.1.

/// All eigenvalues of the symmetric matrix `a [n, n]`, the least first, to about the rounding of the
/// greatest. Only what stands on the diagonal and to its right is looked at.
///
/// It takes time with the third power of `n`.
///
/// # Panics
/// When `a` is no square.
pub(super) fn symmetric_eigenvalues(a: Vec<f64>, n: usize) -> Vec<f64> {
    assert_eq!(a.len(), n * n, "a square matrix");
    let (diagonal, beside) = tridiagonal(a, n);
    // Gershgorin's circles.
    let reach = |i: usize| {
        let before = if i > 0 { beside[i - 1].abs() } else { 0.0 };
        before + beside.get(i).map_or(0.0, |value| value.abs())
    };
    let bounds = (0..n).map(|i| (diagonal[i] - reach(i), diagonal[i] + reach(i)));
    let (least, greatest) = bounds.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), bounds| {
        (low.min(bounds.0), high.max(bounds.1))
    });
    let squares: Vec<f64> = beside.iter().map(|value| value * value).collect();
    let nothing = f64::EPSILON * least.abs().max(greatest.abs());
    let mut found = Vec::with_capacity(n);
    bisect(
        &diagonal,
        &squares,
        (least - nothing, 0),
        (greatest + nothing, n),
        nothing,
        &mut found,
    );
    found
}

/// The eigenvalues between two places, of which it is known how many lie below each: halves the space between
/// them until they are found.
fn bisect(
    diagonal: &[f64],
    squares: &[f64],
    (low, below_low): (f64, usize),
    (high, below_high): (f64, usize),
    nothing: f64,
    found: &mut Vec<f64>,
) {
    let middle = low / 2.0 + high / 2.0;
    if below_low == below_high {
        return;
    }
    // No number lies inside what is no number, so this ends in any case.
    let is_inside = low < middle && middle < high;
    if !is_inside || high - low <= nothing {
        found.extend(std::iter::repeat_n(middle, below_high - below_low));
        return;
    }
    let below = below(diagonal, squares, middle, nothing).clamp(below_low, below_high);
    bisect(
        diagonal,
        squares,
        (low, below_low),
        (middle, below),
        nothing,
        found,
    );
    bisect(
        diagonal,
        squares,
        (middle, below),
        (high, below_high),
        nothing,
        found,
    );
}

/// How many eigenvalues of a tridiagonal matrix are less than `x`: as many as pivots of its decomposition are
/// negative, once `x` is taken off the diagonal (Sylvester's law of inertia).
fn below(diagonal: &[f64], squares: &[f64], x: f64, nothing: f64) -> usize {
    let mut pivot = 1.0;
    let mut count = 0;
    for (i, value) in diagonal.iter().enumerate() {
        let before = if i > 0 { squares[i - 1] / pivot } else { 0.0 };
        pivot = value - x - before;
        if pivot.abs() < nothing * f64::EPSILON {
            pivot = -(nothing * f64::EPSILON).max(f64::MIN_POSITIVE);
        }
        count += usize::from(pivot < 0.0);
    }
    count
}

/// The diagonal `[n]` and what stands beside it, `[n - 1]`, of a tridiagonal matrix with the eigenvalues of
/// `a`, by a Householder reflection for each row.
fn tridiagonal(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut diagonal, mut beside) = (vec![], vec![]);
    for k in 0..n {
        let (row, rest) = a[k * n..].split_at_mut(n);
        diagonal.push(row[k]);
        let v = &mut row[k + 1..];
        let Some(&first) = v.first() else { break };
        let length = dot(v, v).sqrt();
        // The sign with which nothing cancels.
        let alpha = if first > 0.0 { -length } else { length };
        beside.push(alpha);
        v[0] -= alpha;
        let square = dot(v, v);
        if square == 0.0 {
            continue;
        }
        // The rows of what is left, from the diagonal on.
        let m = n - k - 1;
        let start = |i: usize| i * n + k + 1 + i;
        // p = 2 / (v v) A v
        let mut p = vec![0.0; m];
        for i in 0..m {
            let row = &rest[start(i)..(i + 1) * n];
            p[i] += row[0] * v[i] + dot(&row[1..], &v[i + 1..]);
            add(&mut p[i + 1..], v[i], &row[1..]);
        }
        p.iter_mut().for_each(|value| *value *= 2.0 / square);
        // w = p - (p v) / (v v) v, and A - v w^T - w v^T
        let share = dot(&p, v) / square;
        add(&mut p, -share, v);
        for i in 0..m {
            let row = &mut rest[start(i)..(i + 1) * n];
            let (v_i, w_i) = (v[i], p[i]);
            for ((value, v), w) in row.iter_mut().zip(&v[i..]).zip(&p[i..]) {
                *value -= v_i * w + w_i * v;
            }
        }
    }
    (diagonal, beside)
}

/// The product of two vectors, in eight sums that are computed together.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.chunks_exact(8), b.chunks_exact(8));
    let mut sums = [0.0; 8];
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest = a.remainder().iter().zip(b.remainder());
    sums.iter().sum::<f64>() + rest.map(|(a, b)| a * b).sum::<f64>()
}

/// Adds `factor b` to `a`.
pub(super) fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_eigenvalues_are_found() {
        // The matrix of a string of n beads: 2 - 2 cos(pi i / (n + 1)).
        let n = 23;
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            a[i * n + i] = 2.0;
            if i + 1 < n {
                a[i * n + i + 1] = -1.0;
            }
        }
        let found = symmetric_eigenvalues(a, n);
        for (i, found) in found.iter().enumerate() {
            let angle = std::f64::consts::PI * (i + 1) as f64 / (n + 1) as f64;
            assert!((found - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{i}: {found}");
        }
        assert_eq!(symmetric_eigenvalues(vec![0.0; 9], 3), [0.0; 3]);
        assert_eq!(symmetric_eigenvalues(vec![-7.0], 1).len(), 1);
        assert!((symmetric_eigenvalues(vec![-7.0], 1)[0] + 7.0).abs() < 1e-14);
        assert!(symmetric_eigenvalues(vec![], 0).is_empty());
    }

    #[test]
    fn a_turned_diagonal_keeps_its_values() {
        // Reflections at vectors of all kinds, A = H D H.
        let n = 40;
        let mut expected: Vec<f64> = (0..n).map(|i| ((i * 7) % 13) as f64 - 4.0).collect();
        let mut a = vec![0.0; n * n];
        for (i, value) in expected.iter().enumerate() {
            a[i * n + i] = *value;
        }
        for turn in 1..4 {
            let v: Vec<f64> = (0..n).map(|i| ((i * turn * 31) % 17) as f64 - 8.0).collect();
            let square = dot(&v, &v);
            let reflect = |a: &[f64]| {
                let mut result = vec![0.0; n * n];
                for (row, result) in a.chunks(n).zip(result.chunks_mut(n)) {
                    result.copy_from_slice(row);
                    add(result, -2.0 * dot(row, &v) / square, &v);
                }
                // Turned, so that the next reflection is from the other side.
                (0..n * n)
                    .map(|place| result[place % n * n + place / n])
                    .collect::<Vec<f64>>()
            };
            a = reflect(&reflect(&a));
        }
        expected.sort_by(f64::total_cmp);
        for (found, expected) in symmetric_eigenvalues(a, n).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
        }
    }
}
