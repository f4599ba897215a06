//! Pixel art as pixel art: what a generator drew is snapped to the grid and the palette of its collection,
//! and enlarged without a new color.
//!
//! Only pictures that are shown go through here. What guidance scores and what a device is judged by
//! ([`self_check`](super::self_check)) is what the generator drew.

use super::Error;
use crate::art::{PixelArt, PixelArtError, oklab};
use image::{Rgba, RgbaImage};

/// Pictures are enlarged up to this side, the largest that is a whole multiple of theirs.
const ENLARGED_SIDE: u32 = 1024;

/// Snaps pictures to a grid and a palette.
#[derive(Debug, Clone)]
pub struct Snap {
    /// The side of a pixel of the art, in pixels of a picture.
    cell: u32,
    /// Each color, as it is stored and in Oklab.
    palette: Vec<([u8; 3], [f32; 3])>,
}

impl Snap {
    /// What snaps pictures of the side `resolution`.
    ///
    /// # Errors
    ///
    /// When the art is out of its bounds, or its grid does not divide the resolution.
    pub fn new(art: &PixelArt, resolution: usize) -> Result<Self, PixelArtError> {
        art.validate()?;
        let palette = art.palette.iter().map(|color| (color.0, oklab(color.0)));
        Ok(Self {
            cell: art.cell(resolution)? as u32,
            palette: palette.collect(),
        })
    }

    /// Gives each pixel of the art one color: of the palette the one that looks most like the mean of what
    /// was drawn there, and that mean itself where there is no palette. What is hardly seen counts as little.
    ///
    /// A palette's collection has only wholly transparent pixels and opaque ones, so with one a pixel of the
    /// art is either, whichever is nearer.
    ///
    /// Colors are compared in Oklab, where equal distances look about equal. By the numbers of RGB, a
    /// yellowish green is nearer to some browns than to greens.
    pub fn apply(&self, picture: &mut RgbaImage) {
        let (width, height) = picture.dimensions();
        for top in (0..height).step_by(self.cell as usize) {
            for left in (0..width).step_by(self.cell as usize) {
                // A picture of another size may end within a cell.
                let (right, bottom) = (width.min(left + self.cell), height.min(top + self.cell));
                let inside = || (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
                let (mut sums, mut seen) = ([0u64; 3], 0);
                for (x, y) in inside() {
                    let Rgba([colors @ .., alpha]) = *picture.get_pixel(x, y);
                    for (sum, color) in sums.iter_mut().zip(colors) {
                        *sum += u64::from(color) * u64::from(alpha);
                    }
                    seen += u64::from(alpha);
                }
                let count = u64::from((right - left) * (bottom - top));
                let alpha = match ((seen + count / 2) / count) as u8 {
                    alpha if self.palette.is_empty() => alpha,
                    alpha if alpha < 128 => 0,
                    _ => 255,
                };
                let pixel = match alpha {
                    0 => Rgba([0; 4]),
                    _ => {
                        let mean = sums.map(|sum| ((sum + seen / 2) / seen) as u8);
                        let [red, green, blue] = self.nearest(mean);
                        Rgba([red, green, blue, alpha])
                    }
                };
                inside().for_each(|(x, y)| picture.put_pixel(x, y, pixel));
            }
        }
    }

    /// The palette's color that looks most like `color`; of equally near ones the first.
    fn nearest(&self, color: [u8; 3]) -> [u8; 3] {
        let [l, a, b] = oklab(color);
        let mut best = (f32::INFINITY, color);
        for (own, [own_l, own_a, own_b]) in &self.palette {
            let distance = (l - own_l).powi(2) + (a - own_a).powi(2) + (b - own_b).powi(2);
            if distance < best.0 {
                best = (distance, *own);
            }
        }
        best.1
    }
}

/// By how much [`enlarge`] grows a side of so many pixels: by the largest whole number that gives at most
/// 1024 pixels; 1 where there is none.
pub fn factor(side: u32) -> u32 {
    (ENLARGED_SIDE / side.max(1)).max(1)
}

/// Shows each pixel of `picture` as a block of `factor` x `factor` pixels.
///
/// # Errors
///
/// [`Error::Request`] for an empty picture, a factor of zero, or a result of more than 2^26 pixels.
pub fn enlarge(picture: &RgbaImage, factor: u32) -> Result<RgbaImage, Error> {
    const MOST_PIXELS: u64 = 1 << 26;
    let (width, height) = picture.dimensions();
    let sides = [width, height].map(|side| u64::from(side) * u64::from(factor));
    let pixels = sides[0].saturating_mul(sides[1]);
    if pixels == 0 || pixels > MOST_PIXELS {
        return Err(Error::Request(format!(
            "a picture of {width} x {height} pixels cannot be enlarged {factor} times: expected 1 to {MOST_PIXELS} \
             pixels altogether"
        )));
    }
    let [wide, high] = sides.map(|side| side as u32);
    Ok(RgbaImage::from_fn(wide, high, |x, y| {
        *picture.get_pixel(x / factor, y / factor)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::art::Color;

    fn art(pixel_grid: usize, palette: &[[u8; 3]]) -> PixelArt {
        PixelArt {
            pixel_grid,
            palette: palette.iter().map(|color| Color(*color)).collect(),
        }
    }

    #[test]
    fn every_pixel_gets_a_color_of_the_palette_or_is_transparent() {
        let palette = [[0, 0, 0], [255, 255, 255], [200, 30, 30], [30, 30, 160]];
        let snap = Snap::new(&art(16, &palette), 16).unwrap();
        let drawn = |x: u32, y: u32| {
            let [r, g, b] = palette[((x + y) % 4) as usize];
            let noise = |value: u8| if value < 128 { value + 12 } else { value - 12 };
            Rgba([noise(r), noise(g), noise(b), 17 * x as u8])
        };
        let mut picture = RgbaImage::from_fn(16, 16, drawn);
        snap.apply(&mut picture);
        for (x, y, pixel) in picture.enumerate_pixels() {
            let [r, g, b] = palette[((x + y) % 4) as usize];
            let expected = if x < 8 { [0; 4] } else { [r, g, b, 255] };
            assert_eq!(pixel.0, expected, "{x}, {y}");
        }
        // What lies on it stays as it is.
        let mut again = picture.clone();
        snap.apply(&mut again);
        assert_eq!(again, picture);
    }

    #[test]
    fn nearest_is_what_looks_nearest() {
        // By the numbers of RGB this yellowish green is nearer to a brown; to the eye it is a green.
        let (green, brown, drawn) = ([120, 200, 60], [180, 140, 20], [180, 200, 0]);
        let squared = |a: [i32; 3], b: [i32; 3]| -> i32 { (0..3).map(|i| (a[i] - b[i]).pow(2)).sum() };
        let wide = |color: [u8; 3]| color.map(i32::from);
        assert!(squared(wide(drawn), wide(brown)) < squared(wide(drawn), wide(green)));
        let snap = Snap::new(&art(16, &[brown, green]), 16).unwrap();
        assert_eq!(snap.nearest(drawn), green);
    }

    #[test]
    fn a_block_of_the_grid_becomes_one_color() {
        let drawn = |x: u32, y: u32| {
            let base = if (x / 2 + y / 2).is_multiple_of(2) {
                40
            } else {
                200
            };
            let noise = if (x + y).is_multiple_of(2) { 6 } else { 0 };
            Rgba([base + noise, base, base, 255])
        };
        let picture = RgbaImage::from_fn(16, 16, drawn);
        let mut mean = picture.clone();
        Snap::new(&art(8, &[]), 16).unwrap().apply(&mut mean);
        let mut snapped = picture.clone();
        let palette = [[44, 41, 40], [199, 199, 203]];
        Snap::new(&art(8, &palette), 16).unwrap().apply(&mut snapped);
        for (x, y, pixel) in mean.enumerate_pixels() {
            let even = (x / 2 + y / 2).is_multiple_of(2);
            let base = if even { 40 } else { 200 };
            assert_eq!(pixel.0, [base + 3, base, base, 255], "{x}, {y}");
            let [r, g, b] = palette[usize::from(!even)];
            assert_eq!(snapped.get_pixel(x, y).0, [r, g, b, 255], "{x}, {y}");
        }
        // Nothing to do: neither blocks nor a palette.
        let mut same = picture.clone();
        Snap::new(&art(16, &[]), 16).unwrap().apply(&mut same);
        assert_eq!(same, picture);
        // A picture of another size is no panic.
        Snap::new(&art(8, &palette), 64)
            .unwrap()
            .apply(&mut RgbaImage::new(13, 3));
    }

    #[test]
    fn what_is_hardly_seen_hardly_counts() {
        // Of each block of the grid, one pixel of four is bright and seen, the others are black and hardly
        // so.
        let picture = RgbaImage::from_fn(16, 16, |x, y| match (x % 2, y % 2) {
            (0, 0) => Rgba([200, 100, 60, 250]),
            _ => Rgba([0, 0, 0, 1]),
        });
        let mut mean = picture.clone();
        Snap::new(&art(8, &[]), 16).unwrap().apply(&mut mean);
        assert!(
            mean.pixels().all(|pixel| pixel.0 == [198, 99, 59, 63]),
            "{:?}",
            mean.get_pixel(0, 0)
        );
        let mut nothing = RgbaImage::from_pixel(16, 16, Rgba([9, 9, 9, 0]));
        Snap::new(&art(8, &[]), 16).unwrap().apply(&mut nothing);
        assert!(nothing.pixels().all(|pixel| pixel.0 == [0; 4]));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert!(Snap::new(&art(24, &[]), 32).is_err());
        assert!(Snap::new(&art(16, &[[1, 2, 3], [1, 2, 3]]), 32).is_err());
    }

    #[test]
    fn enlarging_is_exact() {
        let picture = RgbaImage::from_fn(5, 3, |x, y| Rgba([x as u8, y as u8, 9, 100 + x as u8]));
        let large = enlarge(&picture, 7).unwrap();
        assert_eq!(large.dimensions(), (35, 21));
        for (x, y, pixel) in large.enumerate_pixels() {
            assert_eq!(pixel, picture.get_pixel(x / 7, y / 7));
        }
        assert_eq!(enlarge(&picture, 1).unwrap(), picture);
        for (picture, factor) in [(&picture, 0), (&RgbaImage::new(0, 4), 2), (&picture, u32::MAX)] {
            let error = enlarge(picture, factor).unwrap_err().to_string();
            assert!(error.contains("cannot be enlarged"), "{error}");
        }
        assert_eq!([16, 24, 32, 600, 1024, 2000].map(factor), [64, 42, 32, 1, 1, 1]);
        assert_eq!(factor(0), 1024);
    }
}
