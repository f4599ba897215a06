//! Kernel Inception Distance, without Inception: Bińkowski et al., "Demystifying MMD GANs" (2018).

/// The squared maximum mean discrepancy between the features `a [n, d]` and `b [m, d]`, unbiased, with the kernel
/// `k(x, y) = (x . y / d + 1)^3` (section 4 of the paper; times 1000 as it is usually printed it is small for
/// sets that look alike, and it may fall a little below zero for sets that are the same).
///
/// Comparable only between values of the same features and numbers of pictures: name it with both, as in
/// `kid2k_collection_clip`.
///
/// # Panics
///
/// When a set has fewer than two rows, or the rows are not all of one length.
pub fn kid(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    assert!(
        a.len() >= 2 && b.len() >= 2,
        "two pictures on each side, for an unbiased estimate"
    );
    let d = a[0].len();
    assert!(
        a.iter().chain(b).all(|row| row.len() == d),
        "all features of one length"
    );
    let kernel = |x: &[f32], y: &[f32]| {
        let dot: f32 = x.iter().zip(y).map(|(x, y)| x * y).sum();
        (f64::from(dot) / d as f64 + 1.0).powi(3)
    };
    // A picture is not compared with itself: that is what makes the estimate unbiased.
    let within = |set: &[Vec<f32>]| {
        let pairs = set
            .iter()
            .enumerate()
            .map(|(i, x)| set[..i].iter().map(|y| kernel(x, y)).sum::<f64>());
        2.0 * pairs.sum::<f64>() / (set.len() * (set.len() - 1)) as f64
    };
    let across: f64 = a
        .iter()
        .map(|x| b.iter().map(|y| kernel(x, y)).sum::<f64>())
        .sum();
    within(a) + within(b) - 2.0 * across / (a.len() * b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reproducible cloud of `n` points around `centre`.
    fn cloud(n: usize, centre: f32, salt: usize) -> Vec<Vec<f32>> {
        let value = |i: usize, j: usize| ((i * 7 + j * 13 + salt * 31) as f32 * 12.9898).sin() * 43.7;
        (0..n)
            .map(|i| (0..5).map(|j| centre + value(i, j).fract()).collect())
            .collect()
    }

    /// The definition, one pair at a time.
    fn definition(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
        let kernel = |x: &[f32], y: &[f32]| {
            let dot: f64 = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            (dot / x.len() as f64 + 1.0).powi(3)
        };
        let mean = |pairs: Vec<f64>| pairs.iter().sum::<f64>() / pairs.len() as f64;
        let pairs = |x: &[Vec<f32>], y: &[Vec<f32>], same: bool| {
            let mut values = vec![];
            for (i, x) in x.iter().enumerate() {
                for (j, y) in y.iter().enumerate() {
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
        assert!((kid(&a, &b) - definition(&a, &b)).abs() < 1e-6);
    }

    #[test]
    fn sets_that_look_alike_are_close_and_others_are_not() {
        let alike = kid(&cloud(80, 0.0, 1), &cloud(80, 0.0, 5));
        let apart = kid(&cloud(80, 0.0, 1), &cloud(80, 0.5, 5));
        assert!(
            alike.abs() < 0.05 && apart > 10.0 * alike.abs(),
            "{alike} and {apart}"
        );
    }
}
