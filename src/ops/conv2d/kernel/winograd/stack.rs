//! Layers that follow each other: their pictures stay in blocks of 16 channels, within a frame of zeros, so
//! that nothing is packed or unpacked between them and every layer's end is done before its results leave the
//! registers.

use super::{
    super::{around::Lanes, pack::pack},
    Problem, TILE, multiply_tiles, scratch_parts, stretches,
    transform::{output_columns, output_row, transform_input},
};
use crate::ops::cpu::simd::Simd;

/// A picture of 16 channels in its frame: `[row][column][16]`, the picture one pixel from the upper left
/// corner, zeros around it as far as the last tiles read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub rows: usize,
    pub columns: usize,
}

impl Frame {
    pub(crate) fn new(p: &Problem) -> Self {
        Self {
            rows: p.tile_rows() * 4 + 2,
            columns: p.tile_columns() * 4 + 2,
        }
    }

    /// Vectors of 16 channels in a frame.
    pub(crate) fn pixels(&self) -> usize {
        self.rows * self.columns
    }
}

/// Puts the `plane`th block of channels of the pictures `x [n, c, h, w]` into its frame, zeros included.
///
/// # Safety
/// `x` and the frames must have the sizes that `p` says, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn enframe<S: Simd>(p: &Problem, x: *const f32, plane: usize, to: *mut f32) {
    let (image, block) = (plane / p.c_blocks(), plane % p.c_blocks());
    let (frame, size) = (Frame::new(p), [p.h, p.w]);
    let channels = (p.c - block * 16).min(16);
    // SAFETY: the caller vouches for both places.
    unsafe {
        let x = x.add((image * p.c + block * 16) * p.h * p.w);
        let to = to.add(plane * frame.pixels() * 16);
        pack::<S>(x, channels, size, -1, frame.rows, 1, frame.columns, None, to);
    }
}

/// Takes the `plane`th block of channels out of its frame into the pictures `y [n, k, h, w]`.
///
/// # Safety
/// As for [`enframe`].
#[inline(always)]
pub(crate) unsafe fn unframe<S: Simd>(p: &Problem, from: *const f32, plane: usize, y: *mut f32) {
    let (image, block) = (plane / p.k_blocks(), plane % p.k_blocks());
    let frame = Frame::new(p);
    let channels = (p.k - block * 16).min(16);
    // SAFETY: the caller vouches for both places.
    unsafe {
        let from = from.add(plane * frame.pixels() * 16);
        let y = y.add((image * p.k + block * 16) * p.oh * p.ow);
        for row in 0..p.oh {
            for column in (0..p.ow).step_by(16) {
                let from = from.add(((row + 1) * frame.columns + column + 1) * 16);
                let to = y.add(row * p.ow + column);
                S::unpack16(from, 16, (p.ow - column).min(16), channels, to, p.oh * p.ow);
            }
        }
    }
}

/// Computes `rows` of tiles of one layer, from frames `[n][block of c]` to frames `[n][block of k]`.
///
/// # Safety
/// Both must hold the frames that `p` says, `u` [`super::u_len`] floats, `lanes` a value for every block,
/// `scratch` [`super::scratch_len`] floats; nothing else may write these rows of `to`, and the processor must
/// have `S`.
#[inline(always)]
pub(crate) unsafe fn stack_layer<S: Simd>(
    p: &Problem,
    from: *const f32,
    u: *const f32,
    lanes: *const Lanes,
    to: *mut f32,
    rows: core::ops::Range<usize>,
    scratch: *mut f32,
) {
    let frame = Frame::new(p);
    let (columns, plane) = (frame.columns, frame.pixels() * 16);
    let tiles = rows.len() * p.tile_columns();
    let (_, v_len) = scratch_parts(p, rows.len());
    // SAFETY: tiles read six rows and columns of their frame, which has room for the last of them; they write
    // those of their outputs that lie within the picture.
    unsafe {
        let v = scratch;
        let m = v.add(v_len);
        for (image, ty, _, before) in stretches(p, rows.clone(), 1) {
            for block in 0..p.c_blocks() {
                let row = from.add((image * p.c_blocks() + block) * plane + ty * 4 * columns * 16);
                for tx in 0..p.tile_columns() {
                    let to = v.add((block * tiles + before + tx) * TILE);
                    transform_input::<S>(row.add(tx * 64), columns, to);
                }
            }
        }
        multiply_tiles::<S>(p, tiles, v, u, m);
        for (image, ty, _, before) in stretches(p, rows.clone(), 1) {
            for block in 0..p.k_blocks() {
                let lanes = &*lanes.add(block);
                let row = to.add((image * p.k_blocks() + block) * plane + ((ty * 4 + 1) * columns + 1) * 16);
                for tx in 0..p.tile_columns() {
                    let from = m.add((block * tiles + before + tx) * TILE);
                    let to = row.add(tx * 64);
                    // The frame has to stay zero where the last tiles reach beyond the picture.
                    let (height, width) = (p.oh - ty * 4, p.ow - tx * 4);
                    for l in (0..16).step_by(S::LANES) {
                        let end = lanes.end::<S>(l);
                        let half = output_columns::<S>(from, l);
                        for i in 0..4.min(height) {
                            let row = output_row::<S>(&half, i);
                            for (j, value) in row.into_iter().enumerate().take(width) {
                                S::store(to.add((i * columns + j) * 16 + l), end.of(value, None));
                            }
                        }
                    }
                }
            }
        }
    }
}
