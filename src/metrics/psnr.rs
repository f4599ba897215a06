//! Peak signal-to-noise ratio.

use image::RgbaImage;

/// The PSNR in dB of the pictures `a` against `b`, over the colors of all of them together:
/// `20 log10(255 / sqrt(MSE))`. Equal pictures give infinity.
///
/// # Panics
///
/// When the two are not as many pictures of the same sizes.
pub fn psnr(a: &[RgbaImage], b: &[RgbaImage]) -> f64 {
    assert_eq!(a.len(), b.len(), "as many pictures on both sides");
    let mut sum = 0u64;
    let mut count = 0u64;
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.dimensions(), b.dimensions(), "pictures of the same size");
        for (a, b) in a.pixels().zip(b.pixels()) {
            sum += (0..3).map(|i| u64::from(a[i].abs_diff(b[i])).pow(2)).sum::<u64>();
            count += 3;
        }
    }
    20.0 * 255f64.log10() - 10.0 * (sum as f64 / count as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(value: u8) -> RgbaImage {
        RgbaImage::from_pixel(3, 2, image::Rgba([value, value, value, 255]))
    }

    #[test]
    fn known_differences_give_known_ratios() {
        // 20 log10(255 / 1) and 20 log10(255 / 255).
        assert!((psnr(&[grey(7)], &[grey(8)]) - 48.1308).abs() < 1e-3);
        assert!(psnr(&[grey(0)], &[grey(255)]).abs() < 1e-9);
        // Half of the pictures differ: half the squared error, 3.01 dB more.
        assert!((psnr(&[grey(7), grey(9)], &[grey(8), grey(9)]) - 51.1411).abs() < 1e-3);
        assert_eq!(psnr(&[grey(7)], &[grey(7)]), f64::INFINITY);
    }
}
