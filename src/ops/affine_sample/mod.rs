//! Pictures looked up along affine grids by bilinear interpolation: the sampling of Jaderberg et al.,
//! "Spatial Transformer Networks" (2015), equations 1 and 5, where only the picture has a gradient.
//!
//! What lies beyond the edges of a picture is said with every use, so that every position has a value.

mod backend;
mod kernel;
#[cfg(test)]
mod tests;

use backend::AffineSampleBackend;
use burn::{backend::Dispatch, tensor::Tensor};
use std::sync::Arc;

/// From a column and a row of the output to those of the input: `x' = m[0] . (x, y, 1)`, `y' = m[1] . (x, y,
/// 1)`. Whole numbers are the centers of pixels.
pub type AffineGrid = [[f64; 3]; 2];

/// What lies beyond the edges of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// Its mirror image; the pixels of the edge itself come once.
    Mirror,
    /// The picture again.
    Repeat,
    /// Zeros.
    Nothing,
}

/// One use of the sampling on a batch.
#[derive(Clone, Debug)]
pub struct AffineSample {
    /// One for each picture.
    grids: Arc<[AffineGrid]>,
    beyond: Beyond,
    /// Rows and columns of the input.
    input: [usize; 2],
    /// Rows and columns of the output.
    output: [usize; 2],
}

/// Four pixels of the input, as places in its plane, and their weights.
type Taps = [(usize, f32); 4];

impl AffineSample {
    /// What the pixel `[row, column]` of the output is a mean of.
    #[inline(always)]
    fn taps(&self, grid: &AffineGrid, [row, column]: [usize; 2]) -> Taps {
        let position = |m: &[f64; 3]| m[0] * column as f64 + m[1] * row as f64 + m[2];
        let [h, w] = self.input;
        let [x0, x1] = self.pair(position(&grid[0]), w);
        let [y0, y1] = self.pair(position(&grid[1]), h);
        let tap = |(y, of_y): (usize, f32), (x, of_x): (usize, f32)| (y * w + x, of_y * of_x);
        [tap(y0, x0), tap(y0, x1), tap(y1, x0), tap(y1, x1)]
    }

    /// The two pixels of an axis of this length between which `position` lies, and their weights. A position
    /// that is whole gives its pixel the weight one exactly.
    #[inline(always)]
    fn pair(&self, position: f64, length: usize) -> [(usize, f32); 2] {
        let before = position.floor();
        let share = (position - before) as f32;
        let is_there = |at: i64| self.beyond != Beyond::Nothing || (0..length as i64).contains(&at);
        let place = |at: i64| match self.beyond {
            Beyond::Repeat => at.rem_euclid(length as i64) as usize,
            Beyond::Nothing => at.clamp(0, length as i64 - 1) as usize,
            Beyond::Mirror => {
                let period = (2 * length as i64 - 2).max(1);
                let at = at.rem_euclid(period);
                at.min(period - at) as usize
            }
        };
        // A position that no picture reaches saturates, and still is somewhere.
        let first = before as i64;
        [(first, 1.0 - share), (first.saturating_add(1), share)]
            .map(|(at, weight)| (place(at), if is_there(at) { weight } else { 0.0 }))
    }
}

/// `x [n, c, h, w] -> [n, c, output]`, looked up along one grid for each picture.
///
/// Where every position is whole, pixels are copied exactly, as long as they are finite.
///
/// # Panics
/// When there is not one grid for each picture, or the pictures have no pixels.
pub fn affine_sample(
    x: Tensor<4>,
    grids: impl Into<Arc<[AffineGrid]>>,
    beyond: Beyond,
    output: [usize; 2],
) -> Tensor<4> {
    let ([n, _, h, w], grids) = (x.dims(), grids.into());
    assert_eq!(grids.len(), n, "one grid for each picture");
    assert!(h > 0 && w > 0, "pictures of {h} x {w} have nothing to look up");
    let sample = AffineSample {
        grids,
        beyond,
        input: [h, w],
        output,
    };
    Tensor::from_dispatch(Dispatch::affine_sample(x.into_dispatch(), sample))
}
