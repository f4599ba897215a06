//! 3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015): 36
//! multiplications give 16 outputs that take 144 directly.
//!
//! `Y = A^T [(G g G^T) . (B^T d B)] A`, with `d` a 6x6 piece of the input, `g` the filter and `Y` 4x4
//! outputs. Summing the products over channels makes 36 matrix products, which is where the time goes.
//!
//! A task takes some rows of tiles. It packs the input pieces to `[pixel][16 channels]`, transforms them into
//! `V [block of 16 channels][tile][36][16]`, multiplies by the transformed weights `U
//! [36][group][channel][lanes]` into `M`, laid out as `V`, and transforms back. Everything it touches fits
//! the second-level cache.

mod gather;
mod stack;
mod transform;

pub(crate) use stack::{Frame, enframe, stack_layer, unframe};
pub(crate) use transform::{WeightView, transform_weights};

use super::around::Around;
use crate::ops::cpu::{
    micro::{accumulate, multiply},
    simd::Simd,
};
use gather::{gather_input, gather_output_grad, packed_rows, stretches};
use transform::{output_columns, output_row, weight_grad_1d};

/// Floats from tile to tile in the transform domain, for one block of 16 channels. One vector more than the
/// 36 that are used makes it an odd number of cache lines, which spreads tiles over all sets of a cache.
const TILE: usize = 37 * 16;

/// The sizes of one convolution, as the kernels see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Problem {
    /// Images.
    pub n: usize,
    /// Input channels.
    pub c: usize,
    /// Input rows and columns.
    pub h: usize,
    pub w: usize,
    /// Output channels.
    pub k: usize,
    /// Output rows and columns.
    pub oh: usize,
    pub ow: usize,
    /// Zeros around the input.
    pub pad: usize,
}

impl Problem {
    /// Rows of tiles in one image.
    fn tile_rows(&self) -> usize {
        self.oh.div_ceil(4)
    }
    /// Tiles in one row of them.
    fn tile_columns(&self) -> usize {
        self.ow.div_ceil(4)
    }
    /// Rows of tiles in the whole batch: the unit of work.
    pub(crate) fn total_rows(&self) -> usize {
        self.n * self.tile_rows()
    }
    fn c_blocks(&self) -> usize {
        self.c.div_ceil(16)
    }
    fn k_blocks(&self) -> usize {
        self.k.div_ceil(16)
    }
    /// Rows of tiles that one task takes, so that `V` and `M` stay within the second-level cache.
    pub(crate) fn rows_per_task(&self, at_least_tasks: usize) -> usize {
        let tile_bytes = 4 * TILE * (self.c_blocks() + self.k_blocks());
        let tiles = (640 * 1024 / tile_bytes).clamp(8, 96);
        let rows = (tiles / self.tile_columns()).max(1);
        rows.min(self.total_rows().div_ceil(at_least_tasks)).max(1)
    }
    /// Floats of the accumulated weight gradient in the transform domain.
    pub(crate) fn du_len(&self) -> usize {
        36 * self.k_blocks() * 16 * self.c_blocks() * 16
    }
}

/// Floats of transformed weights of `k` output and `c` input channels.
pub(crate) fn u_len([k, c]: [usize; 2]) -> usize {
    36 * c * k.div_ceil(16) * 16
}

/// Channel blocks that one call of the inner loop covers, out of `left`.
#[inline(always)]
fn group_width<S: Simd>(left: usize) -> usize {
    match left {
        _ if S::LANES < 16 => 1,
        6 => 3,
        _ => left.min(4),
    }
}

/// Floats of packed pixels and of `V` for `rows` rows of tiles.
fn scratch_parts(p: &Problem, rows: usize) -> (usize, usize) {
    let packed = (packed_rows(p) * 4 + 2) * (p.tile_columns() * 4 + 2) * 16;
    (packed, rows * p.tile_columns() * p.c_blocks() * TILE)
}

/// Floats of scratch that [`forward`] and [`weight_grad`] need for `rows` rows of tiles.
pub(crate) fn scratch_len(p: &Problem, rows: usize) -> usize {
    let (packed, v) = scratch_parts(p, rows);
    packed + v + rows * p.tile_columns() * p.k_blocks() * TILE
}

/// Multiplies `tiles` of the transformed input by the transformed weights: the 36 matrix products, `M = U V`.
#[inline(always)]
unsafe fn multiply_tiles<S: Simd>(p: &Problem, tiles: usize, v: *const f32, u: *const f32, m: *mut f32) {
    // SAFETY: the caller vouches for `V`, `U` and `M`.
    unsafe {
        for xi in 0..36 {
            let mut block = 0;
            while block < p.k_blocks() {
                let width = group_width::<S>(p.k_blocks() - block);
                let b = u.add(xi * p.c * p.k_blocks() * 16 + block * p.c * 16);
                let mut tile = 0;
                macro_rules! rows_of {
                    ($rows:literal, $vectors:literal) => {
                        // Four rows and four keep the multipliers busy, six and two do not.
                        while tiles - tile >= $rows && ($rows != 6 || tiles - tile != 8) {
                            let a = v.add(tile * TILE + xi * 16);
                            let out = m.add((block * tiles + tile) * TILE + xi * 16);
                            multiply::<S, TILE, $rows, $vectors>(a, tiles * TILE, p.c, b, out, tiles * TILE);
                            tile += $rows;
                        }
                    };
                }
                match (S::LANES, width) {
                    (16, 4) => {
                        rows_of!(6, 4);
                        rows_of!(4, 4);
                        rows_of!(2, 4);
                        rows_of!(1, 4);
                    }
                    (16, 3) => {
                        rows_of!(8, 3);
                        rows_of!(3, 3);
                        rows_of!(1, 3);
                    }
                    (16, 2) => {
                        rows_of!(8, 2);
                        rows_of!(4, 2);
                        rows_of!(1, 2);
                    }
                    (16, _) => {
                        rows_of!(16, 1);
                        rows_of!(4, 1);
                        rows_of!(1, 1);
                    }
                    (8, _) => {
                        rows_of!(6, 2);
                        rows_of!(4, 2);
                        rows_of!(2, 2);
                        rows_of!(1, 2);
                    }
                    _ => {
                        if S::REGISTERS > 16 {
                            rows_of!(3, 4);
                        }
                        rows_of!(2, 4);
                        rows_of!(1, 4);
                    }
                }
                block += width;
            }
        }
    }
}

/// Computes the outputs of `rows` of tiles. Returns whether the convolution's are all finite.
///
/// # Safety
/// `x`, `u` and `y` must have the sizes that `p` says, nothing else may write these rows of `y`, and the
/// processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    p: &Problem,
    x: *const f32,
    u: *const f32,
    y: *mut f32,
    rows: core::ops::Range<usize>,
    around: Around,
    scratch: *mut f32,
) -> bool {
    let (packed_len, v_len) = scratch_parts(p, rows.len());
    // SAFETY: the scratch has the three parts, the rest is the caller's promise.
    unsafe {
        let packed = scratch;
        let v = packed.add(packed_len);
        let m = v.add(v_len);
        gather_input::<S>(p, x, rows.clone(), around, packed, v);

        let tiles = rows.len() * p.tile_columns();
        multiply_tiles::<S>(p, tiles, v, u, m);

        let mut not_finite = S::splat(0.0);
        let columns = p.tile_columns() * 4;
        for (image, ty, count, before) in stretches(p, rows.clone(), 1) {
            debug_assert_eq!(count, 1);
            for block in 0..p.k_blocks() {
                for tx in 0..p.tile_columns() {
                    let from = m.add((block * tiles + before + tx) * TILE);
                    let to = packed.add(tx * 64);
                    for l in (0..16).step_by(S::LANES) {
                        let half = output_columns::<S>(from, l);
                        for row in 0..4 {
                            for (column, value) in output_row::<S>(&half, row).into_iter().enumerate() {
                                S::store(to.add((row * columns + column) * 16 + l), value);
                                not_finite = S::mul_add(value, S::splat(0.0), not_finite);
                            }
                        }
                    }
                }
                let plane = y.add((image * p.k + block * 16) * p.oh * p.ow);
                let channels = (p.k - block * 16).min(16);
                for row in 0..(p.oh - ty * 4).min(4) {
                    if let Some(after) = around.after {
                        let noise = after.noise(image, p.oh * p.ow, (ty * 4 + row) * p.ow);
                        let lanes = &after.lanes[image * p.k_blocks() + block];
                        after.apply::<S>(lanes, packed.add(row * columns * 16), 16, p.ow, noise);
                    }
                    let to = plane.add((ty * 4 + row) * p.ow);
                    let mut column = 0;
                    while column < p.ow {
                        let width = (p.ow - column).min(16);
                        let from = packed.add((row * columns + column) * 16);
                        S::unpack16(from, 16, width, channels, to.add(column), p.oh * p.ow);
                        column += width;
                    }
                }
            }
        }
        let mut lanes = [0.0_f32; 16];
        S::store(lanes.as_mut_ptr(), not_finite);
        lanes.iter().all(|lane| lane.is_finite())
    }
}

/// Adds the weight gradient of `rows` of tiles, in the transform domain, to `du [36][k][c]` (both padded to
/// 16), or sets it when it is `fresh`; what is before the convolution in `around` was done to `x`.
///
/// # Safety
/// As for [`forward`]; nothing else may touch `du`.
#[inline(always)]
pub(crate) unsafe fn weight_grad<S: Simd>(
    p: &Problem,
    x: *const f32,
    grad: *const f32,
    du: *mut f32,
    rows: core::ops::Range<usize>,
    around: Around,
    fresh: bool,
    scratch: *mut f32,
) {
    let (packed_len, v_len) = scratch_parts(p, rows.len());
    // SAFETY: the scratch has the three parts, the rest is the caller's promise.
    unsafe {
        let packed = scratch;
        let v = packed.add(packed_len);
        let m = v.add(v_len);
        gather_input::<S>(p, x, rows.clone(), around, packed, v);
        gather_output_grad::<S>(p, grad, rows.clone(), packed, m);

        let tiles = rows.len() * p.tile_columns();
        let du_row = p.c_blocks() * 16;
        for xi in 0..36 {
            for k_block in 0..p.k_blocks() {
                let mut block = 0;
                while block < p.c_blocks() {
                    let width = group_width::<S>(p.c_blocks() - block);
                    let a = m.add(k_block * tiles * TILE + xi * 16);
                    let b = v.add(block * tiles * TILE + xi * 16);
                    let out = du.add((xi * p.k_blocks() * 16 + k_block * 16) * du_row + block * 16);
                    let mut row = 0;
                    macro_rules! rows_of {
                        ($rows:literal, $vectors:literal) => {
                            while 16 - row >= $rows {
                                let out = out.add(row * du_row);
                                accumulate::<S, $rows, $vectors>(
                                    a.add(row),
                                    TILE,
                                    b,
                                    TILE,
                                    tiles * TILE,
                                    tiles,
                                    out,
                                    du_row,
                                    fresh,
                                );
                                row += $rows;
                            }
                        };
                    }
                    match (S::LANES, width) {
                        (16, 4) => rows_of!(4, 4),
                        (16, 3) => rows_of!(8, 3),
                        (16, 2) => rows_of!(8, 2),
                        (16, _) => rows_of!(16, 1),
                        (8, _) => rows_of!(4, 2),
                        _ => rows_of!(2, 4),
                    }
                    block += width;
                }
            }
        }
    }
}

/// Sums the partial gradients of one output channel and transforms them back to `dw [c][9]`.
///
/// # Safety
/// `parts` must hold `count` gradients of [`Problem::du_len`] floats each, `dw` nine floats for each channel,
/// and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn finish_weight_grad<S: Simd>(
    p: &Problem,
    parts: *const f32,
    count: usize,
    k: usize,
    dw: *mut f32,
) {
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        let row = p.c_blocks() * 16;
        let xi_stride = p.k_blocks() * 16 * row;
        for block in 0..p.c_blocks() {
            let mut taps = [[0.0_f32; 16]; 9];
            let mut l = 0;
            while l < 16 {
                let mut half = [[S::splat(0.0); 3]; 6];
                for j in 0..6 {
                    let at = |i: usize| {
                        let from = parts.add((i * 6 + j) * xi_stride + k * row + block * 16 + l);
                        let mut sum = S::load(from);
                        for part in 1..count {
                            sum = S::add(sum, S::load(from.add(part * p.du_len())));
                        }
                        sum
                    };
                    half[j] = weight_grad_1d::<S>([at(0), at(1), at(2), at(3), at(4), at(5)]);
                }
                for i in 0..3 {
                    let row = weight_grad_1d::<S>([
                        half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
                    ]);
                    for (j, value) in row.iter().enumerate() {
                        S::store(taps[i * 3 + j].as_mut_ptr().add(l), *value);
                    }
                }
                l += S::LANES;
            }
            for lane in 0..(p.c - block * 16).min(16) {
                for (tap, values) in taps.iter().enumerate() {
                    *dw.add((block * 16 + lane) * 9 + tap) = values[lane];
                }
            }
        }
    }
}
