//! The pixel grid of a collection: found in some of its pictures, and held against each of them.
//!
//! In pixel art that was enlarged, colors change only along the lines of a grid. So the grid is the coarsest
//! one on whose lines all changes lie. One collection has one grid: a single picture may show only shapes of
//! two pixels each, and many pictures together do not.

use std::collections::BTreeSet;

use image::RgbaImage;
use rayon::prelude::*;

use super::super::Error;
use super::super::svg::Renderer;
use super::options::Background;
use super::picture;
use super::sources::Source;
use crate::art::PixelArt;

/// So many pictures are looked at, evenly spread over the collection.
const LOOKED_AT: usize = 128;
/// At least so many of 100 lie on the grid; the others may be a banner or a placeholder.
const LEAST_PERCENT: usize = 95;
/// SVGs are looked at in this size, into which most grids divide.
const SVG_SIDE: u32 = 960;
/// Where a pixel of the art is no whole number of pixels wide, it has at least this width: of narrower ones,
/// all lines lie near each other.
const LEAST_UNEVEN: usize = 3;

/// The grid of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    /// Pixels of the art along the shorter side of a picture.
    pub side: usize,
    lines: Lines,
}

/// Where the lines of a grid may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Each pixel of the art is a whole number of pixels wide.
    Exact,
    /// The size is no multiple of the grid, and colors change within less than a pixel of its lines: 24
    /// pixels enlarged to 512 are 21 and 22 wide in turn.
    Near,
    /// The caller named the grid, so pictures are not checked against it.
    Given,
}

/// Where the colors of a picture change.
pub(super) struct Changes {
    /// The shorter side of the picture in pixels.
    side: usize,
    /// Columns and rows, from 1, that differ from those before them somewhere.
    at: BTreeSet<usize>,
}

impl Changes {
    pub fn of(picture: &RgbaImage) -> Self {
        let (width, height) = picture.dimensions();
        let mut columns = vec![false; width as usize];
        let mut at = BTreeSet::new();
        let mut above: &[u8] = &[];
        for (y, row) in picture.as_raw().chunks_exact(4 * width as usize).enumerate() {
            if row == above {
                continue;
            }
            if y > 0 {
                at.insert(y);
            }
            above = row;
            let pixels = row.chunks_exact(4);
            for (x, (left, right)) in pixels.clone().zip(pixels.skip(1)).enumerate() {
                columns[x + 1] |= left != right;
            }
        }
        at.extend((0..width as usize).filter(|&x| columns[x]));
        Self {
            side: width.min(height) as usize,
            at,
        }
    }
}

impl Grid {
    /// A grid that the caller names.
    pub fn given(side: usize) -> Self {
        Self {
            side,
            lines: Lines::Given,
        }
    }

    /// Whether a picture's colors change on these lines only.
    pub fn holds(&self, changes: &Changes) -> bool {
        let (grid, side) = (self.side, changes.side);
        if side < grid {
            return false;
        }
        let is_exact = || side.is_multiple_of(grid) && changes.at.iter().all(|at| at % (side / grid) == 0);
        // Line number n lies at n * side / grid, so this is the distance to the nearest one, times the grid.
        let from_line = |at: &usize| {
            let beyond = at * grid % side;
            beyond.min(side - beyond)
        };
        match self.lines {
            Lines::Given => true,
            Lines::Exact => is_exact(),
            Lines::Near => {
                is_exact() || side >= LEAST_UNEVEN * grid && changes.at.iter().all(|at| from_line(at) < grid)
            }
        }
    }

    /// A picture with one pixel for each of the art's: the one in its middle, and nothing is mixed.
    pub fn reduced(&self, picture: &RgbaImage) -> RgbaImage {
        let (width, height) = picture.dimensions();
        let (grid, side) = (self.side as u64, u64::from(width.min(height)));
        let count = |extent: u32| (u64::from(extent) * grid / side) as u32;
        let middle = |index: u32| ((2 * u64::from(index) + 1) * side / (2 * grid)) as u32;
        RgbaImage::from_fn(count(width), count(height), |x, y| {
            *picture.get_pixel(middle(x), middle(y))
        })
    }
}

/// A picture of the collection, as far as its grid is concerned.
struct Look {
    changes: Changes,
    /// The colors of a picture that may have been published as small as it was drawn.
    colors: BTreeSet<[u8; 4]>,
}

/// Looks for the grid of a collection; there is none where its pictures are no pixel art.
///
/// # Errors
/// When SVGs cannot be drawn at all.
pub(super) fn find(
    sources: &[Source],
    background: Background,
    renderer: &Renderer,
) -> Result<Option<Grid>, Error> {
    let step = sources.len().div_ceil(LOOKED_AT).max(1);
    let looks: Vec<Option<Look>> = sources
        .par_iter()
        .step_by(step)
        .map(|source| look(source, background, renderer))
        .collect::<Result<_, Error>>()?;
    let looks: Vec<Look> = looks.into_iter().flatten().collect();
    Ok(found_in(&looks))
}

fn look(source: &Source, background: Background, renderer: &Renderer) -> Result<Option<Look>, Error> {
    // What is wrong with a file is said when it is its turn to be drawn.
    let Ok(bytes) = super::read(source) else {
        return Ok(None);
    };
    let pixels = match picture::is_svg(&bytes) {
        true => renderer
            .draw(&bytes, SVG_SIDE, background.color())?
            .map(|(pixels, _)| pixels),
        false => picture::decoded(&bytes, background).map(|(pixels, _)| pixels),
    };
    Ok(pixels.ok().map(|pixels| {
        let changes = Changes::of(&pixels);
        let mut colors = BTreeSet::new();
        if changes.side <= PixelArt::MAX_GRID {
            let all = pixels.pixels().map(|pixel| pixel.0);
            colors.extend(all);
        }
        Look { changes, colors }
    }))
}

fn found_in(looks: &[Look]) -> Option<Grid> {
    for lines in [Lines::Exact, Lines::Near] {
        let held = |side: usize| {
            let grid = Grid { side, lines };
            looks.iter().filter(|look| grid.holds(&look.changes)).count()
        };
        // The grid of most pictures, and of those the coarsest: every finer one that it divides holds as
        // well.
        let mut best = (0, 0);
        for side in 1..=PixelArt::MAX_GRID {
            let count = held(side);
            if count > best.1 {
                best = (side, count);
            }
        }
        let (side, count) = best;
        if count == 0 || 100 * count < LEAST_PERCENT * looks.len() {
            continue;
        }
        // A picture as small as the grid lies on it whatever it shows. Then few colors tell art from
        // photographs.
        let as_drawn = looks.iter().filter(|look| look.changes.side == side);
        let colors: BTreeSet<_> = as_drawn.flat_map(|look| &look.colors).collect();
        let is_art = side >= PixelArt::LEAST_GRID && colors.len() <= PixelArt::MAX_COLORS;
        return is_art.then_some(Grid { side, lines });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{
        Rgba,
        imageops::{self, FilterType},
    };

    /// A drawing of few colors in which no two neighbors are alike.
    fn drawing(side: u32, seed: u32) -> RgbaImage {
        RgbaImage::from_fn(side, side, |x, y| {
            let color = ((x + 2 * y + seed) % 5) as u8;
            Rgba([color * 50, 200 - color * 30, seed as u8, 255])
        })
    }

    fn look(picture: &RgbaImage) -> Look {
        let colors = picture.pixels().map(|pixel| pixel.0);
        Look {
            changes: Changes::of(picture),
            colors: colors.collect(),
        }
    }

    fn nearest(picture: &RgbaImage, side: u32) -> RgbaImage {
        imageops::resize(picture, side, side, FilterType::Nearest)
    }

    #[test]
    fn grids_are_found_at_every_size() {
        for (grid, shown) in [
            (24, 24),
            (24, 480),
            (16, 512),
            (32, 320),
            (24, 512),
            (28, 1000),
            (80, 512),
        ] {
            let pictures: Vec<_> = (0..3).map(|seed| drawing(grid, seed)).collect();
            let looks: Vec<_> = pictures
                .iter()
                .map(|picture| look(&nearest(picture, shown)))
                .collect();
            let found = found_in(&looks).unwrap_or_else(|| panic!("{grid} at {shown}"));
            assert_eq!(found.side, grid as usize, "at {shown}");
            for picture in &pictures {
                assert_eq!(
                    &found.reduced(&nearest(picture, shown)),
                    picture,
                    "{grid} at {shown}"
                );
            }
        }
    }

    #[test]
    fn a_coarse_picture_does_not_make_the_grid_coarse() {
        let coarse = nearest(&drawing(12, 0), 240);
        let fine = nearest(&drawing(24, 0), 240);
        assert_eq!(found_in(&[look(&coarse)]).unwrap().side, 12);
        assert_eq!(found_in(&[look(&coarse), look(&fine)]).unwrap().side, 24);
        // Of another size, and as it was drawn.
        let own = look(&drawing(24, 3));
        assert_eq!(found_in(&[look(&coarse), own]).unwrap().side, 24);
    }

    #[test]
    fn few_pictures_off_the_grid_do_not_count_and_many_do() {
        let photograph = || {
            let pixel = |x: u32, y: u32| Rgba([x as u8, y as u8, (x * y) as u8, 255]);
            look(&RgbaImage::from_fn(240, 240, pixel))
        };
        let with = |odd: usize| {
            let art = (0..40).map(|seed| look(&nearest(&drawing(24, seed), 240)));
            let looks: Vec<_> = art.chain((0..odd).map(|_| photograph())).collect();
            found_in(&looks).map(|grid| grid.side)
        };
        assert_eq!(with(2), Some(24));
        assert_eq!(with(3), None);
    }

    #[test]
    fn other_pictures_have_no_grid() {
        let smooth = |side: u32| {
            RgbaImage::from_fn(side, side, |x, y| {
                Rgba([(x * 255 / side) as u8, (y * 255 / side) as u8, 3, 255])
            })
        };
        // As small as a grid may be, but with the colors of a photograph; and larger.
        for side in [32, 96, 128, 200, 1000] {
            assert_eq!(found_in(&[look(&smooth(side))]), None, "{side}");
        }
        // A soft edge.
        let blurred = imageops::resize(&drawing(16, 0), 256, 256, FilterType::Triangle);
        assert_eq!(found_in(&[look(&blurred)]), None);
        // Two areas are no grid, nor is one.
        let halves = RgbaImage::from_fn(64, 64, |x, _| Rgba([if x < 32 { 0 } else { 255 }; 4]));
        assert_eq!(found_in(&[look(&halves)]), None);
        assert_eq!(found_in(&[look(&RgbaImage::new(100, 100))]), None);
        assert_eq!(found_in(&[]), None);
    }

    #[test]
    fn wide_pictures_keep_whole_pixels() {
        let art = imageops::crop_imm(&drawing(24, 1), 0, 0, 24, 17).to_image();
        let shown = imageops::resize(&art, 216, 153, FilterType::Nearest);
        let found = found_in(&[look(&shown)]).unwrap();
        assert_eq!((found.side, found.reduced(&shown)), (17, art));
    }
}
