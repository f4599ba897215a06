//! The colors of all pictures of a dataset, as long as they are few.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::art::{Color, PixelArt};

/// Every color of the pictures that were [noted](Self::note); nothing once there are too many for a palette, or
/// one that is neither opaque nor wholly transparent, which a palette has no place for.
#[derive(Debug)]
pub(super) struct Colors(Mutex<Option<BTreeSet<[u8; 3]>>>);

impl Default for Colors {
    fn default() -> Self {
        Self(Mutex::new(Some(BTreeSet::new())))
    }
}

impl Colors {
    /// Notes the colors of a picture's `pixels`, as RGBA.
    pub fn note(&self, pixels: &[u8]) {
        let mut found = BTreeSet::new();
        let mut is_plain = true;
        for [red, green, blue, alpha] in pixels.as_chunks::<4>().0 {
            match alpha {
                255 => _ = found.insert([*red, *green, *blue]),
                0 => (),
                _ => is_plain = false,
            }
            if !is_plain || found.len() > PixelArt::MAX_COLORS {
                break;
            }
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.as_mut() {
            known.extend(found);
            if !is_plain || known.len() > PixelArt::MAX_COLORS {
                *all = None;
            }
        }
    }

    /// The palette in the order of its numbers, which is the same however the pictures were noted; empty
    /// where there were too many colors, or translucent ones.
    pub fn into_palette(self) -> Vec<Color> {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.unwrap_or_default().into_iter().map(Color).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colors_are_a_palette_and_many_are_none() {
        let colors = Colors::default();
        colors.note(&[9, 9, 9, 255, 1, 2, 3, 255, 9, 9, 9, 255]);
        colors.note(&[1, 2, 3, 255, 0, 0, 255, 255, 7, 7, 7, 0]);
        let expected = [[0, 0, 255], [1, 2, 3], [9, 9, 9]].map(Color);
        assert_eq!(colors.into_palette(), expected);

        let colors = Colors::default();
        let gray: Vec<u8> = (0..=255).flat_map(|value| [value, value, value, 255]).collect();
        colors.note(&gray);
        colors.note(&[7, 7, 7, 255]);
        assert_eq!(colors.0.lock().unwrap().as_ref().unwrap().len(), 256);
        colors.note(&[1, 2, 3, 255]);
        colors.note(&[9, 9, 9, 255]);
        assert_eq!(colors.into_palette(), []);

        let colors = Colors::default();
        colors.note(&[1, 2, 3, 255, 1, 2, 3, 254]);
        colors.note(&[9, 9, 9, 255]);
        assert_eq!(colors.into_palette(), [], "glass has no place in a palette");
    }
}
