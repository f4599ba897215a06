//! The colors of all pictures of a dataset, as long as nearly all of it has a palette's number of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::art::{Color, PixelArt};

/// How many opaque pixels of the pictures that were [noted](Self::note) have each color; nothing once there
/// are too many colors for a palette, or a pixel that is neither opaque nor wholly transparent, which a
/// palette has no place for.
#[derive(Debug)]
pub(super) struct Colors(Mutex<Option<BTreeMap<[u8; 3], u64>>>);

impl Default for Colors {
    fn default() -> Self {
        Self(Mutex::new(Some(BTreeMap::new())))
    }
}

impl Colors {
    /// The most colors that are counted. See-through parts over others make some hundreds of them, art
    /// without a palette as many as it has pixels.
    const MAX: usize = 4096;

    /// The least share of the opaque pixels that have a color of the palette.
    const SHARE: f64 = 0.99;

    /// Notes the colors of a picture's `pixels`, as RGBA.
    pub fn note(&self, pixels: &[u8]) {
        let mut found = BTreeMap::new();
        let mut is_plain = true;
        for [red, green, blue, alpha] in pixels.as_chunks::<4>().0 {
            match alpha {
                255 => *found.entry([*red, *green, *blue]).or_insert(0) += 1,
                0 => (),
                _ => is_plain = false,
            }
            if !is_plain || found.len() > Self::MAX {
                break;
            }
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.as_mut() {
            for (color, pixels) in found {
                *known.entry(color).or_insert(0) += pixels;
            }
            if !is_plain || known.len() > Self::MAX {
                *all = None;
            }
        }
    }

    /// The palette and the share of the opaque pixels that have one of its colors: all colors, or where there
    /// are more than a palette holds, those of most pixels. It is empty where these are less than 99 % of the
    /// pixels, and where some are translucent.
    ///
    /// Its order is that of the colors' numbers, which is the same however the pictures were noted.
    pub fn into_palette(self) -> (Vec<Color>, f64) {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut colors: Vec<([u8; 3], u64)> = all.unwrap_or_default().into_iter().collect();
        let pixels = |colors: &[([u8; 3], u64)]| colors.iter().map(|(_, pixels)| pixels).sum::<u64>() as f64;
        let total = pixels(&colors);
        // Stable, so that colors of equally many pixels stay in the order of their numbers.
        colors.sort_by_key(|(_, pixels)| std::cmp::Reverse(*pixels));
        colors.truncate(PixelArt::MAX_COLORS);
        let share = pixels(&colors) / total.max(1.0);
        if share < Self::SHARE {
            return (vec![], 0.0);
        }
        let mut palette: Vec<[u8; 3]> = colors.into_iter().map(|(color, _)| color).collect();
        palette.sort_unstable();
        (palette.into_iter().map(Color).collect(), share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 256 colors that are gray.
    fn gray() -> Vec<u8> {
        (0..=255).flat_map(|value| [value, value, value, 255]).collect()
    }

    #[test]
    fn few_colors_are_a_palette() {
        let colors = Colors::default();
        colors.note(&[9, 9, 9, 255, 1, 2, 3, 255, 9, 9, 9, 255]);
        colors.note(&[1, 2, 3, 255, 0, 0, 255, 255, 7, 7, 7, 0]);
        let expected = [[0, 0, 255], [1, 2, 3], [9, 9, 9]].map(Color);
        assert_eq!(colors.into_palette(), (expected.to_vec(), 1.0));
    }

    #[test]
    fn rare_colors_are_left_out_of_many() {
        let colors = Colors::default();
        for _ in 0..4 {
            colors.note(&gray());
        }
        colors.note(&[1, 2, 3, 255, 7, 7, 7, 255]);
        let (palette, share) = colors.into_palette();
        assert_eq!((palette.len(), share), (256, 1025.0 / 1026.0));
        assert!(!palette.contains(&Color([1, 2, 3])));
    }

    #[test]
    fn many_colors_and_translucent_ones_are_no_palette() {
        let colors = Colors::default();
        colors.note(&gray());
        for number in 0..4 {
            colors.note(&[1, 2, number, 255]);
        }
        assert_eq!(colors.into_palette(), (vec![], 0.0));

        let colors = Colors::default();
        for high in 0..=16 {
            for low in 0..=255 {
                colors.note(&[high, low, 0, 255]);
            }
        }
        assert_eq!(*colors.0.lock().unwrap(), None);
        assert_eq!(colors.into_palette(), (vec![], 0.0));

        let colors = Colors::default();
        colors.note(&[1, 2, 3, 255, 1, 2, 3, 254]);
        colors.note(&[9, 9, 9, 255]);
        assert_eq!(
            colors.into_palette(),
            (vec![], 0.0),
            "glass has no place in a palette"
        );
    }
}
