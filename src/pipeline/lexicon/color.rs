//! Colors as points, to find the nearest: Ottosson, "A perceptual color space for image processing" (2020).

/// Lightness counts so much of what hue does: a dark green is green before it is dark.
const LIGHTNESS: f32 = 0.35;

/// The OKLab coordinates of a color of three or six hexadecimal digits, after a `#` or not.
pub(super) fn point(hex: &str) -> Option<[f32; 3]> {
    let digits = hex.strip_prefix('#').unwrap_or(hex);
    let value = u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.is_ascii())?;
    let [r, g, b] = match digits.len() {
        3 => [8, 4, 0].map(|shift| (value >> shift & 15) * 17),
        6 => [16, 8, 0].map(|shift| value >> shift & 255),
        _ => return None,
    };
    let [r, g, b] = [r, g, b].map(|byte| {
        let value = byte as f32 / 255.0;
        match value <= 0.04045 {
            true => value / 12.92,
            false => ((value + 0.055) / 1.055).powf(2.4),
        }
    });
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    Some([
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ])
}

/// How far apart two points look.
pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    let [l, u, v] = [0, 1, 2].map(|axis| a[axis] - b[axis]);
    ((LIGHTNESS * l).powi(2) + u * u + v * v).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As other implementations have them, to three digits.
    #[test]
    fn points_are_those_of_oklab() {
        for (hex, expected) in [
            ("ffffff", [1.0, 0.0, 0.0]),
            ("#f00", [0.628, 0.225, 0.126]),
            ("#00ff00", [0.866, -0.234, 0.179]),
            ("0000FF", [0.452, -0.032, -0.312]),
        ] {
            let found = point(hex).unwrap();
            let near = found
                .iter()
                .zip(expected)
                .all(|(found, expected)| (found - expected).abs() < 1e-3);
            assert!(near, "{hex}: {found:?}");
        }
        for wrong in ["", "#", "ff", "fffff", "ggg", "#12345678", "\u{1f3a8}"] {
            assert_eq!(point(wrong), None, "{wrong}");
        }
    }
}
