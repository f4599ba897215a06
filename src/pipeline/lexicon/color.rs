//! Colors as points, to find the nearest.

use crate::art::oklab;

/// Lightness counts so much of what hue does: a dark green is green before it is dark.
const LIGHTNESS: f32 = 0.35;

/// The Oklab coordinates of a color of three or six hexadecimal digits, after a `#` or not.
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
    Some(oklab([r, g, b].map(|byte| byte as u8)))
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
