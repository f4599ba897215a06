//! Colors as the eye compares them.

/// From sRGB to Oklab: lightness, 0 to 1, and two axes of hue, green to red and blue to yellow (Björn
/// Ottosson, "A perceptual color space for image processing", 2020). Equal distances look about equal.
pub fn oklab(color: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = color.map(|value| match f32::from(value) / 255.0 {
        dark if dark <= 0.04045 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    });
    // The responses of three kinds of cones, and what the eye makes of them.
    let [l, m, s] = [
        0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b,
        0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b,
        0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b,
    ]
    .map(f32::cbrt);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_one() {
        // By the constants of the publication in double precision.
        for (color, expected) in [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [0.62796, 0.22486, 0.12585]),
            ([0, 255, 0], [0.86644, -0.23389, 0.17950]),
            ([0, 0, 255], [0.45201, -0.03246, -0.31153]),
        ] {
            let found = oklab(color);
            let mut pairs = found.iter().zip(expected);
            let far = pairs.any(|(a, b): (&f32, f32)| (a - b).abs() > 2e-4);
            assert!(!far, "{color:?}: {found:?}");
        }
    }
}
