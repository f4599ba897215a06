//! Structural similarity: Wang et al., "Image Quality Assessment: From Error Visibility to Structural
//! Similarity" (2004).
//!
//! As scikit-image computes it by default: windows of 7 x 7 pixels that count alike, in place of the paper's
//! Gaussian of 11 x 11, and covariances with 1 / (n - 1).

use image::RgbaImage;

/// Side of a window, in pixels.
pub const SSIM_WINDOW: u32 = 7;
/// Pixels of a window.
const N: f64 = (SSIM_WINDOW * SSIM_WINDOW) as f64;
/// The constants `C1` and `C2` of equation 12, for values up to 255.
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Sums over pixels: of `x`, `y`, `x^2`, `y^2` and `x y`. They are whole numbers, so adding and taking away
/// is exact.
type Sums = [i64; 5];

fn add(sums: &mut Sums, [x, y]: [u8; 2], sign: i64) {
    let (x, y) = (i64::from(x), i64::from(y));
    for (sum, value) in sums.iter_mut().zip([x, y, x * x, y * y, x * y]) {
        *sum += sign * value;
    }
}

/// Equation 13 for one window.
fn similarity(sums: &Sums) -> f64 {
    let [x, y, xx, yy, xy] = sums.map(|sum| sum as f64);
    let (mean_x, mean_y) = (x / N, y / N);
    let covariance = |products: f64, a: f64, b: f64| (products - a * b / N) / (N - 1.0);
    let (var_x, var_y, cov) = (covariance(xx, x, x), covariance(yy, y, y), covariance(xy, x, y));
    (2.0 * mean_x * mean_y + C1) * (2.0 * cov + C2)
        / ((mean_x * mean_x + mean_y * mean_y + C1) * (var_x + var_y + C2))
}

/// The mean SSIM of the colors of `a` and `b`, over all windows that lie inside: from -1 to 1, which equal
/// pictures have.
///
/// # Panics
///
/// When the pictures are not of one size, or smaller than a [window](SSIM_WINDOW).
pub fn ssim(a: &RgbaImage, b: &RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions(), "pictures of the same size");
    let (width, height) = a.dimensions();
    assert!(
        width.min(height) >= SSIM_WINDOW,
        "a window of {SSIM_WINDOW} x {SSIM_WINDOW} fits into the picture"
    );
    let mut total = 0.0;
    for channel in 0..3 {
        let pair = |x: u32, y: u32| [a, b].map(|picture| picture.get_pixel(x, y)[channel]);
        // For every column the sums over the rows of the window, which slide down and then to the right.
        let mut columns = vec![Sums::default(); width as usize];
        for y in 0..height {
            for (x, sums) in (0..).zip(&mut columns) {
                add(sums, pair(x, y), 1);
                if y >= SSIM_WINDOW {
                    add(sums, pair(x, y - SSIM_WINDOW), -1);
                }
            }
            if y + 1 < SSIM_WINDOW {
                continue;
            }
            let windows = columns.windows(SSIM_WINDOW as usize);
            total += windows
                .map(|columns| {
                    let mut sums = Sums::default();
                    for column in columns {
                        sums.iter_mut().zip(column).for_each(|(sum, value)| *sum += value);
                    }
                    similarity(&sums)
                })
                .sum::<f64>();
        }
    }
    let inside = |side: u32| f64::from(side - SSIM_WINDOW + 1);
    total / (3.0 * inside(width) * inside(height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::psnr;
    use image::Rgba;

    /// The pictures of tests/fixtures/metrics/make.py.
    fn pictures() -> [RgbaImage; 2] {
        let value = |x: u32, y: u32, c: u32| (x * 5 + y * 3 + c * 60 + x * y) % 256;
        let other = |x: u32, y: u32, c: u32| (value(x, y, c) + (x * 7 + y * 11 + c) % 23) % 256;
        let picture = |value: &dyn Fn(u32, u32, u32) -> u32| {
            RgbaImage::from_fn(23, 17, |x, y| {
                let [r, g, b] = [0, 1, 2].map(|c| value(x, y, c) as u8);
                Rgba([r, g, b, 255])
            })
        };
        [picture(&value), picture(&other)]
    }

    #[test]
    fn it_is_what_scikit_image_computes_and_so_is_psnr() {
        let expected = include_str!("../../tests/fixtures/metrics/pictures.json");
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        let [a, b] = pictures();
        let found = [ssim(&a, &b), psnr(&[a], &[b])];
        for (found, name) in found.into_iter().zip(["ssim", "psnr"]) {
            let expected = expected[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < 1e-6,
                "{name}: {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn equal_pictures_are_alike_and_inverted_ones_are_not() {
        let [a, _] = pictures();
        assert!((ssim(&a, &a) - 1.0).abs() < 1e-12);
        let mut inverted = a.clone();
        image::imageops::invert(&mut inverted);
        assert!(ssim(&a, &inverted) < 0.0);
    }
}
