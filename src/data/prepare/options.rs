//! How a collection is prepared, as it is asked for and as it is done.

use std::path::PathBuf;

use super::super::Error;
use super::PrepareSummary;
use super::grid::Grid;
use crate::art::{LARGEST_SIDE, PixelArt, SIDES, is_side};

/// How pictures are made alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepareOptions {
    /// The side of every picture in pixels, one that [`is_side`] takes. Without one it is that of pixel art's
    /// own grid or of the next multiple that can be trained on, and 64 pixels for everything else.
    pub resolution: Option<usize>,
    /// What becomes of transparency.
    pub background: Background,
    /// Whether the pictures are pixel art.
    pub pixel_art: PixelArtChoice,
    /// The `guise` program, which is started to draw SVGs within limits of memory and time.
    pub program: PathBuf,
}

/// What becomes of transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// This color shows through, as RGB: the pictures have no alpha.
    Color([u8; 3]),
    /// It is kept: all pictures have alpha if one of them is transparent anywhere.
    Keep,
}

impl Background {
    /// The color that shows through, if one does.
    pub(super) fn color(self) -> Option<[u8; 3]> {
        match self {
            Self::Color(color) => Some(color),
            Self::Keep => None,
        }
    }
}

/// Whether the pictures of a collection lie on a grid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PixelArtChoice {
    /// Their grid is looked for.
    #[default]
    Auto,
    /// Each is taken as it is.
    Off,
    /// Each is this many pixels wide and high, however large and blurred it is.
    Grid(usize),
}

/// How all pictures of a dataset are drawn.
pub(super) struct Style {
    pub resolution: usize,
    pub background: Background,
    pub grid: Option<Grid>,
}

impl PrepareOptions {
    /// Checks what nothing else does before the work begins.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(side) = self.resolution.filter(|&side| !is_side(side)) {
            let expected = format!("16 to 1024 pixels, {SIDES}");
            return Err(Error::Setting(format!(
                "the resolution is {side}, expected {expected}"
            )));
        }
        if let PixelArtChoice::Grid(pixel_grid) = self.pixel_art {
            let art = PixelArt {
                pixel_grid,
                palette: vec![],
            };
            return art.validate().map_err(|error| Error::Setting(error.to_string()));
        }
        Ok(())
    }
}

/// The side of the pictures, where none is named: pixel art has its own, and what cannot be trained at that
/// is enlarged by as little as can.
pub(super) fn resolution_of(grid: Option<usize>) -> usize {
    let usual = 64.max(grid.unwrap_or(0).next_power_of_two());
    grid.and_then(|grid| PrepareSummary::resolutions_on(grid).next())
        .unwrap_or(usual)
}

impl PrepareSummary {
    /// The resolutions at which pixel art on this grid stays exact, smallest first; some grids have none.
    pub fn resolutions_on(grid: usize) -> impl Iterator<Item = usize> {
        (1..=LARGEST_SIDE / grid.max(1))
            .map(move |times| times * grid)
            .filter(|&side| is_side(side))
    }
}
