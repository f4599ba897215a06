//! The one color of the page that a creator chooses.
//!
//! It is told to the page by a style sheet of its own, which sets the custom properties that `web/style.css`
//! draws with. The color itself is moved toward black on the light wall and toward white on the dark one, as
//! far as text in it takes to be read.

use super::html::{escape, integrity_of};
use std::str::FromStr;

/// The walls of `web/style.css`, light and dark.
pub(super) const WALLS: [Color; 2] = [Color([0xf5, 0xf2, 0xec]), Color([0x16, 0x14, 0x12])];

/// The least contrast of text, by level AA of the Web Content Accessibility Guidelines.
const CONTRAST: f64 = 4.5;

const BLACK: Color = Color([0; 3]);
const WHITE: Color = Color([255; 3]);

/// An sRGB color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color(pub [u8; 3]);

impl FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or_default();
        let digits = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits.to_owned(),
        };
        let number = (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| u32::from_str_radix(&digits, 16).ok())
            .flatten()
            .ok_or("expected a color such as #b8401a")?;
        let [_, r, g, b] = number.to_be_bytes();
        Ok(Self([r, g, b]))
    }
}

impl Color {
    /// As style sheets write it.
    pub fn css(self) -> String {
        let [r, g, b] = self.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// This color with `share`, from 0 to 1, of another one.
    fn toward(self, other: Self, share: f64) -> Self {
        let mix = |i: usize| f64::from(self.0[i]) * (1.0 - share) + f64::from(other.0[i]) * share;
        Self([0, 1, 2].map(|i| mix(i).round() as u8))
    }

    /// Relative luminance, from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = self.0.map(|value| {
            let value = f64::from(value) / 255.0;
            match value <= 0.04045 {
                true => value / 12.92,
                false => ((value + 0.055) / 1.055).powf(2.4),
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    /// Contrast ratio, from 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let [a, b] = [self, other].map(Self::luminance);
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The nearest color on the way to `end` that can be read on `wall`.
    fn readable_on(self, wall: Self, end: Self) -> Self {
        (0..=100)
            .map(|percent| self.toward(end, f64::from(percent) / 100.0))
            .find(|color| color.contrast(wall) >= CONTRAST)
            .unwrap_or(end)
    }
}

/// The style sheet that gives the page the color `accent`.
pub(super) fn style_sheet(accent: Color) -> String {
    let rule = |wall: Color, end: Color| {
        let shown = accent.readable_on(wall, end);
        let strong = shown.toward(end, 0.18);
        // On the color itself, whichever of the two can be read better.
        let on = match shown.contrast(WHITE) >= shown.contrast(BLACK) {
            true => WHITE,
            false => BLACK,
        };
        format!(
            ":root {{ --accent: {}; --accent-strong: {}; --on-accent: {}; }}",
            shown.css(),
            strong.css(),
            on.css()
        )
    };
    let [light, dark] = [rule(WALLS[0], BLACK), rule(WALLS[1], WHITE)];
    format!("{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n")
}

/// The tag that links the style sheet `css` at `path`.
pub(super) fn link(path: &str, css: &str) -> String {
    let integrity = integrity_of(css.as_bytes());
    format!(
        "    <link rel=\"stylesheet\" href=\"./{}\" integrity=\"{integrity}\">\n",
        escape(path)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_read_in_two_forms() {
        assert_eq!("#b8401a".parse(), Ok(Color([0xb8, 0x40, 0x1a])));
        assert_eq!("#0aF".parse(), Ok(Color([0, 0xaa, 0xff])));
        for wrong in [
            "",
            "red",
            "b8401a",
            "#b8401",
            "#+84010",
            "#ggg",
            "#ä1",
            "#12345678",
            "#1;}",
        ] {
            assert!(wrong.parse::<Color>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_accent_can_be_read() {
        let is_in = |css: &str, color: Color| css.contains(&format!("--wall: {};", color.css()));
        let css = include_str!("../../../web/style.css");
        assert!(
            WALLS.iter().all(|wall| is_in(css, *wall)),
            "web/style.css has other walls"
        );
        for property in ["--accent", "--accent-strong", "--on-accent"] {
            assert!(
                css.contains(&format!("var({property})")),
                "web/style.css does not use {property}"
            );
        }
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        for accent in ["#000", "#fff", "#f00", "#0f0", "#00f", "#ff0", "#b8401a", "#777"] {
            let accent: Color = accent.parse().unwrap();
            for (wall, end) in [(WALLS[0], BLACK), (WALLS[1], WHITE)] {
                let shown = accent.readable_on(wall, end);
                assert!(shown.contrast(wall) >= 4.5, "{shown:?} on {wall:?}");
                assert!(shown.contrast(WHITE).max(shown.contrast(BLACK)) >= 4.5);
            }
        }
        // One that can be read already stays as it is.
        let accent = Color([0xb8, 0x40, 0x1a]);
        assert!(style_sheet(accent).starts_with(":root { --accent: #b8401a;"));
    }
}
