//! Pixel art: drawings on a coarse grid, of few colors.

use super::Color;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is known of a collection of pixel art.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelArt {
    /// Pixels of the art along each side of a picture, however large it is shown.
    pub pixel_grid: usize,
    /// Every color of all its pictures; empty where they have more than [`MAX_COLORS`](Self::MAX_COLORS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub palette: Vec<Color>,
}

/// How a grid or a palette cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, expected {expected}")]
pub struct PixelArtError {
    /// The field.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
    /// What may stand there.
    pub expected: String,
}

impl PixelArt {
    /// The coarsest grid. What is coarser shows no avatar, only what a few flat areas have in common.
    pub const LEAST_GRID: usize = 8;
    /// The finest grid. On a finer one, pixels are too small to be meant.
    pub const MAX_GRID: usize = 128;
    /// The most colors of a palette.
    pub const MAX_COLORS: usize = 256;

    /// Checks grid and palette by themselves.
    ///
    /// # Errors
    /// The field that is out of its bounds.
    pub fn validate(&self) -> Result<(), PixelArtError> {
        let wrong = |field, value: String, expected: String| {
            Err(PixelArtError {
                field,
                value,
                expected,
            })
        };
        let (least, most) = (Self::LEAST_GRID, Self::MAX_GRID);
        if !(least..=most).contains(&self.pixel_grid) {
            let expected = format!("{least} to {most} pixels");
            return wrong("pixel_grid", self.pixel_grid.to_string(), expected);
        }
        let colors = self.palette.len();
        if colors > Self::MAX_COLORS {
            let expected = format!("at most {} colors", Self::MAX_COLORS);
            return wrong("palette", format!("a list of {colors}"), expected);
        }
        let mut seen = BTreeSet::new();
        match self.palette.iter().find(|color| !seen.insert(**color)) {
            Some(twice) => wrong(
                "palette",
                format!("{twice} more than once"),
                "every color once".into(),
            ),
            None => Ok(()),
        }
    }

    /// The side of a pixel of the art in pictures of this resolution, in their pixels.
    ///
    /// # Errors
    /// When the grid does not divide the resolution.
    pub fn cell(&self, resolution: usize) -> Result<usize, PixelArtError> {
        match self.pixel_grid {
            grid if grid > 0 && resolution > 0 && resolution.is_multiple_of(grid) => Ok(resolution / grid),
            grid => Err(PixelArtError {
                field: "pixel_grid",
                value: grid.to_string(),
                expected: format!("a divisor of the pictures' {resolution} pixels"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn art(pixel_grid: usize, colors: usize) -> PixelArt {
        let color = |index: usize| Color([index as u8, (index >> 8) as u8, 7]);
        PixelArt {
            pixel_grid,
            palette: (0..colors).map(color).collect(),
        }
    }

    #[test]
    fn bounds_are_checked() {
        art(24, 256).validate().unwrap();
        art(32, 0).validate().unwrap();
        for (wrong, said) in [
            (art(0, 2), "pixel_grid is 0, expected 8 to 128 pixels"),
            (art(129, 2), "pixel_grid is 129, expected 8 to 128 pixels"),
            (
                art(16, 257),
                "palette is a list of 257, expected at most 256 colors",
            ),
        ] {
            assert_eq!(wrong.validate().unwrap_err().to_string(), said);
        }
        let mut twice = art(16, 3);
        twice.palette[2] = twice.palette[0];
        let said = "palette is #000007 more than once, expected every color once";
        assert_eq!(twice.validate().unwrap_err().to_string(), said);
    }

    #[test]
    fn a_grid_divides_the_pictures_or_is_refused() {
        assert_eq!(art(24, 0).cell(48), Ok(2));
        assert_eq!(art(24, 0).cell(24), Ok(1));
        for resolution in [0, 32, 12] {
            let error = art(24, 0).cell(resolution).unwrap_err().to_string();
            assert!(error.contains("pixel_grid is 24, expected a divisor"), "{error}");
        }
        assert!(art(0, 0).cell(32).is_err());
    }

    #[test]
    fn files_spell_it_plainly() {
        let json = r##"{"pixel_grid":24,"palette":["#000007","#010007"]}"##;
        assert_eq!(serde_json::to_string(&art(24, 2)).unwrap(), json);
        assert_eq!(serde_json::from_str::<PixelArt>(json).unwrap(), art(24, 2));
        let bare = r#"{"pixel_grid":24}"#;
        assert_eq!(serde_json::from_str::<PixelArt>(bare).unwrap(), art(24, 0));
        assert!(serde_json::from_str::<PixelArt>(r#"{"pixel_grid":24,"palette":["red"]}"#).is_err());
    }
}
