//! 3x3 convolutions of stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2015): 36
//! multiplications give 16 outputs that take 144 directly.
//!
//! `Y = A^T [(G g G^T) . (B^T d B)] A`, with `d` a 6x6 piece of the input, `g` the filter and `Y` 4x4 outputs.
//! Summing the products over channels makes 36 matrix products, which is where the time goes.
//!
//! A task takes some rows of tiles. It packs the input pieces to `[pixel][16 channels]`, transforms them into
//! `V [block of 16 channels][tile][36][16]`, multiplies by the transformed weights `U [36][group][channel][lanes]`
//! into `M`, laid out as `V`, and transforms back. Everything it touches fits the second-level cache.

use super::micro::{accumulate, multiply};
use crate::ops::cpu::simd::Simd;

/// Floats from tile to tile in the transform domain, for one block of 16 channels. One vector more than the 36 that
/// are used makes it an odd number of cache lines, which spreads tiles over all sets of a cache.
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
    /// Floats of transformed weights.
    pub(crate) fn u_len(&self) -> usize {
        36 * self.c * self.k_blocks() * 16
    }
    /// Floats of the accumulated weight gradient in the transform domain.
    pub(crate) fn du_len(&self) -> usize {
        36 * self.k_blocks() * 16 * self.c_blocks() * 16
    }
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

/// `B^T d`, one dimension of the input transform.
#[inline(always)]
unsafe fn input_1d<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [d0, d1, d2, d3, d4, d5] = d;
        let four = S::splat(4.0);
        let minus_four = S::splat(-4.0);
        let minus_five = S::splat(-5.0);
        let two = S::splat(2.0);
        let minus_two = S::splat(-2.0);
        let even = S::mul_add(minus_four, d2, d4);
        let odd = S::mul_add(minus_four, d1, d3);
        let outer = S::sub(d4, d2);
        let inner = S::sub(d3, d1);
        [
            S::mul_add(four, d0, S::mul_add(minus_five, d2, d4)),
            S::add(even, odd),
            S::sub(even, odd),
            S::mul_add(two, inner, outer),
            S::mul_add(minus_two, inner, outer),
            S::mul_add(four, d1, S::mul_add(minus_five, d3, d5)),
        ]
    }
}

/// `A^T m`, one dimension of the output transform.
#[inline(always)]
unsafe fn output_1d<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [m0, m1, m2, m3, m4, m5] = m;
        let near = S::add(m1, m2);
        let near_odd = S::sub(m1, m2);
        let far = S::add(m3, m4);
        let far_odd = S::sub(m3, m4);
        [
            S::add(S::add(m0, near), far),
            S::mul_add(S::splat(2.0), far_odd, near_odd),
            S::mul_add(S::splat(4.0), far, near),
            S::add(S::mul_add(S::splat(8.0), far_odd, near_odd), m5),
        ]
    }
}

/// `A y`, one dimension of the transform of an output gradient.
#[inline(always)]
unsafe fn output_grad_1d<S: Simd>(y: [S::V; 4]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [y0, y1, y2, y3] = y;
        let even = S::add(y0, y2);
        let odd = S::add(y1, y3);
        let far_even = S::mul_add(S::splat(4.0), y2, y0);
        let far_odd = S::mul_add(S::splat(8.0), y3, S::add(y1, y1));
        [
            y0,
            S::add(even, odd),
            S::sub(even, odd),
            S::add(far_even, far_odd),
            S::sub(far_even, far_odd),
            y3,
        ]
    }
}

/// `G g`, one dimension of the weight transform.
#[inline(always)]
unsafe fn weight_1d<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [g0, g1, g2] = g;
        let sixth = S::splat(-1.0 / 6.0);
        let near = S::mul(S::add(g0, g2), sixth);
        let near_odd = S::mul(g1, sixth);
        let far = S::mul_add(g0, S::splat(1.0 / 24.0), S::mul(g2, S::splat(1.0 / 6.0)));
        let far_odd = S::mul(g1, S::splat(1.0 / 12.0));
        [
            S::mul(g0, S::splat(0.25)),
            S::add(near, near_odd),
            S::sub(near, near_odd),
            S::add(far, far_odd),
            S::sub(far, far_odd),
            g2,
        ]
    }
}

/// `G^T u`, one dimension of the way back for weight gradients.
#[inline(always)]
unsafe fn weight_grad_1d<S: Simd>(u: [S::V; 6]) -> [S::V; 3] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [u0, u1, u2, u3, u4, u5] = u;
        let near = S::mul(S::add(u1, u2), S::splat(-1.0 / 6.0));
        let near_odd = S::sub(u2, u1);
        let far = S::add(u3, u4);
        let far_odd = S::sub(u3, u4);
        [
            S::mul_add(u0, S::splat(0.25), S::mul_add(far, S::splat(1.0 / 24.0), near)),
            S::mul_add(
                near_odd,
                S::splat(1.0 / 6.0),
                S::mul(far_odd, S::splat(1.0 / 12.0)),
            ),
            S::add(S::mul_add(far, S::splat(1.0 / 6.0), near), u5),
        ]
    }
}

/// Where the weight of output channel `k`, input channel `c` and tap `0..9` lies.
#[derive(Clone, Copy)]
pub(crate) struct WeightView {
    /// Floats between output channels.
    pub k_stride: usize,
    /// Floats between input channels.
    pub c_stride: usize,
    /// Whether the taps are read backwards, as the gradient of the input needs them.
    pub flipped: bool,
}

/// Transforms the weights of the `block`th block of 16 output channels into its place in `U`.
///
/// # Safety
/// `weight` must hold what `view` says, `u` [`Problem::u_len`] floats, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn transform_weights<S: Simd>(
    p: &Problem,
    weight: *const f32,
    view: WeightView,
    block: usize,
    u: *mut f32,
) {
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        // Find the group that this block belongs to.
        let mut first = 0;
        let mut width = group_width::<S>(p.k_blocks());
        while first + width <= block {
            first += width;
            width = group_width::<S>(p.k_blocks() - first);
        }
        let lanes = (p.k - block * 16).min(16);
        let xi_stride = p.c * p.k_blocks() * 16;
        let mut g = [[0.0_f32; 16]; 9];
        for c in 0..p.c {
            for lane in 0..lanes {
                let from = weight.add((block * 16 + lane) * view.k_stride + c * view.c_stride);
                if view.flipped {
                    for tap in 0..9 {
                        g[tap][lane] = *from.add(8 - tap);
                    }
                } else {
                    for tap in 0..9 {
                        g[tap][lane] = *from.add(tap);
                    }
                }
            }
            let to = u.add(first * p.c * 16 + c * width * 16 + (block - first) * 16);
            let mut l = 0;
            while l < 16 {
                let at = |tap: usize| S::load(g[tap].as_ptr().add(l));
                let mut half = [[S::splat(0.0); 6]; 3];
                for (j, half) in half.iter_mut().enumerate() {
                    *half = weight_1d::<S>([at(j), at(3 + j), at(6 + j)]);
                }
                for i in 0..6 {
                    let row = weight_1d::<S>([half[0][i], half[1][i], half[2][i]]);
                    for (j, value) in row.iter().enumerate() {
                        S::store(to.add((i * 6 + j) * xi_stride + l), *value);
                    }
                }
                l += S::LANES;
            }
        }
    }
}

/// Packs rows `first_row..first_row + rows` and columns `-pad..columns - pad` of one block of channel planes to
/// `[row][column][16]`, with zeros outside the picture.
#[inline(always)]
unsafe fn pack<S: Simd>(
    plane: *const f32,
    channels: usize,
    h: usize,
    w: usize,
    first_row: isize,
    rows: usize,
    pad: usize,
    columns: usize,
    to: *mut f32,
) {
    // SAFETY: rows and columns outside the picture are filled with zeros and never read.
    unsafe {
        for row in 0..rows {
            let y = first_row + row as isize;
            let to = to.add(row * columns * 16);
            if y < 0 || y >= h as isize {
                core::ptr::write_bytes(to, 0, columns * 16);
                continue;
            }
            let from = plane.add(y as usize * w);
            let inside = w.min(columns - pad);
            core::ptr::write_bytes(to, 0, pad * 16);
            let mut x = 0;
            while x < inside {
                let width = (inside - x).min(16);
                S::pack16(from.add(x), h * w, channels, width, to.add((pad + x) * 16), 16);
                x += width;
            }
            core::ptr::write_bytes(to.add((pad + inside) * 16), 0, (columns - pad - inside) * 16);
        }
    }
}

/// Transforms the 6x6 piece whose corner is at `from` into the 36 vectors at `to`.
#[inline(always)]
unsafe fn transform_input<S: Simd>(from: *const f32, columns: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the piece and for the place.
    unsafe {
        let mut l = 0;
        while l < 16 {
            let mut half = [[S::splat(0.0); 6]; 6];
            for j in 0..6 {
                let at = |i: usize| S::load(from.add((i * columns + j) * 16 + l));
                half[j] = input_1d::<S>([at(0), at(1), at(2), at(3), at(4), at(5)]);
            }
            for i in 0..6 {
                let row = input_1d::<S>([
                    half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
                ]);
                for (j, value) in row.iter().enumerate() {
                    S::store(to.add((i * 6 + j) * 16 + l), *value);
                }
            }
            l += S::LANES;
        }
    }
}

/// Transforms the 4x4 gradient whose corner is at `from` into the 36 vectors at `to`.
#[inline(always)]
unsafe fn transform_output_grad<S: Simd>(from: *const f32, columns: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the piece and for the place.
    unsafe {
        let mut l = 0;
        while l < 16 {
            let mut half = [[S::splat(0.0); 6]; 4];
            for j in 0..4 {
                let at = |i: usize| S::load(from.add((i * columns + j) * 16 + l));
                half[j] = output_grad_1d::<S>([at(0), at(1), at(2), at(3)]);
            }
            for i in 0..6 {
                let row = output_grad_1d::<S>([half[0][i], half[1][i], half[2][i], half[3][i]]);
                for (j, value) in row.iter().enumerate() {
                    S::store(to.add((i * 6 + j) * 16 + l), *value);
                }
            }
            l += S::LANES;
        }
    }
}

/// Transforms 36 vectors back to the 4x4 outputs whose corner is at `to`, and adds `0 * y` to `not_finite`.
#[inline(always)]
unsafe fn transform_output<S: Simd>(from: *const f32, to: *mut f32, columns: usize, not_finite: &mut S::V) {
    // SAFETY: the caller vouches for both places.
    unsafe {
        let mut l = 0;
        while l < 16 {
            let mut half = [[S::splat(0.0); 4]; 6];
            for j in 0..6 {
                let at = |i: usize| S::load(from.add((i * 6 + j) * 16 + l));
                half[j] = output_1d::<S>([at(0), at(1), at(2), at(3), at(4), at(5)]);
            }
            for i in 0..4 {
                let row = output_1d::<S>([
                    half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
                ]);
                for (j, value) in row.iter().enumerate() {
                    S::store(to.add((i * columns + j) * 16 + l), *value);
                    *not_finite = S::mul_add(*value, S::splat(0.0), *not_finite);
                }
            }
            l += S::LANES;
        }
    }
}

/// Visits `rows` of tiles as stretches of one image: `(image, first tile row, tile rows, tiles before)`.
#[inline(always)]
fn stretches(
    p: &Problem,
    rows: core::ops::Range<usize>,
    longest: usize,
) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let per_image = p.tile_rows();
    let columns = p.tile_columns();
    let first = rows.start;
    let mut row = rows.start;
    core::iter::from_fn(move || {
        if row >= rows.end {
            return None;
        }
        let (image, y) = (row / per_image, row % per_image);
        let count = (rows.end - row).min(per_image - y).min(longest);
        let item = (image, y, count, (row - first) * columns);
        row += count;
        Some(item)
    })
}

/// Tile rows that are packed at once, so that the packed piece stays in the first-level cache.
fn packed_rows(p: &Problem) -> usize {
    let columns = p.tile_columns() * 4 + 2;
    ((24 * 1024 / (columns * 64)).saturating_sub(2) / 4).max(1)
}

/// Packs and transforms the input of `rows` of tiles into `v`.
#[inline(always)]
unsafe fn gather_input<S: Simd>(
    p: &Problem,
    x: *const f32,
    rows: core::ops::Range<usize>,
    packed: *mut f32,
    v: *mut f32,
) {
    // SAFETY: the pieces lie within the sizes that the caller vouches for.
    unsafe {
        let columns = p.tile_columns() * 4 + 2;
        let tiles = rows.len() * p.tile_columns();
        for (image, ty, count, before) in stretches(p, rows, packed_rows(p)) {
            for block in 0..p.c_blocks() {
                let plane = x.add((image * p.c + block * 16) * p.h * p.w);
                let channels = (p.c - block * 16).min(16);
                let first = (ty * 4) as isize - p.pad as isize;
                pack::<S>(
                    plane,
                    channels,
                    p.h,
                    p.w,
                    first,
                    count * 4 + 2,
                    p.pad,
                    columns,
                    packed,
                );
                for row in 0..count {
                    for tx in 0..p.tile_columns() {
                        let tile = before + row * p.tile_columns() + tx;
                        let from = packed.add((row * 4 * columns + tx * 4) * 16);
                        transform_input::<S>(from, columns, v.add((block * tiles + tile) * TILE));
                    }
                }
            }
        }
    }
}

/// Packs and transforms the output gradient of `rows` of tiles into `m`.
#[inline(always)]
unsafe fn gather_output_grad<S: Simd>(
    p: &Problem,
    grad: *const f32,
    rows: core::ops::Range<usize>,
    packed: *mut f32,
    m: *mut f32,
) {
    // SAFETY: the pieces lie within the sizes that the caller vouches for.
    unsafe {
        let columns = p.tile_columns() * 4;
        let tiles = rows.len() * p.tile_columns();
        for (image, ty, count, before) in stretches(p, rows, packed_rows(p)) {
            for block in 0..p.k_blocks() {
                let plane = grad.add((image * p.k + block * 16) * p.oh * p.ow);
                let channels = (p.k - block * 16).min(16);
                pack::<S>(
                    plane,
                    channels,
                    p.oh,
                    p.ow,
                    (ty * 4) as isize,
                    count * 4,
                    0,
                    columns,
                    packed,
                );
                for row in 0..count {
                    for tx in 0..p.tile_columns() {
                        let tile = before + row * p.tile_columns() + tx;
                        let from = packed.add((row * 4 * columns + tx * 4) * 16);
                        transform_output_grad::<S>(from, columns, m.add((block * tiles + tile) * TILE));
                    }
                }
            }
        }
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

/// Computes the outputs of `rows` of tiles. Returns whether they are all finite.
///
/// # Safety
/// `x`, `u` and `y` must have the sizes that `p` says, nobody else may write these rows of `y`, and the processor
/// must have `S`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    p: &Problem,
    x: *const f32,
    u: *const f32,
    y: *mut f32,
    rows: core::ops::Range<usize>,
    scratch: *mut f32,
) -> bool {
    let (packed_len, v_len) = scratch_parts(p, rows.len());
    // SAFETY: the scratch has the three parts, the rest is the caller's promise.
    unsafe {
        let packed = scratch;
        let v = packed.add(packed_len);
        let m = v.add(v_len);
        gather_input::<S>(p, x, rows.clone(), packed, v);

        let tiles = rows.len() * p.tile_columns();
        for xi in 0..36 {
            let mut block = 0;
            while block < p.k_blocks() {
                let width = group_width::<S>(p.k_blocks() - block);
                let b = u.add(xi * p.c * p.k_blocks() * 16 + block * p.c * 16);
                let mut tile = 0;
                macro_rules! rows_of {
                    ($rows:literal, $vectors:literal) => {
                        while tiles - tile >= $rows {
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
                        rows_of!(2, 2);
                        rows_of!(1, 2);
                    }
                    _ => {
                        rows_of!(3, 4);
                        rows_of!(1, 4);
                    }
                }
                block += width;
            }
        }

        let mut not_finite = S::splat(0.0);
        let columns = p.tile_columns() * 4;
        for (image, ty, count, before) in stretches(p, rows.clone(), 1) {
            debug_assert_eq!(count, 1);
            for block in 0..p.k_blocks() {
                for tx in 0..p.tile_columns() {
                    let from = m.add((block * tiles + before + tx) * TILE);
                    transform_output::<S>(from, packed.add(tx * 64), columns, &mut not_finite);
                }
                let plane = y.add((image * p.k + block * 16) * p.oh * p.ow);
                let channels = (p.k - block * 16).min(16);
                for row in 0..(p.oh - ty * 4).min(4) {
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

/// Adds the weight gradient of `rows` of tiles, in the transform domain, to `du [36][k][c]` (both padded to 16).
///
/// # Safety
/// As for [`forward`]; nobody else may touch `du`.
#[inline(always)]
pub(crate) unsafe fn weight_grad<S: Simd>(
    p: &Problem,
    x: *const f32,
    grad: *const f32,
    du: *mut f32,
    rows: core::ops::Range<usize>,
    scratch: *mut f32,
) {
    let (packed_len, v_len) = scratch_parts(p, rows.len());
    // SAFETY: the scratch has the three parts, the rest is the caller's promise.
    unsafe {
        let packed = scratch;
        let v = packed.add(packed_len);
        let m = v.add(v_len);
        gather_input::<S>(p, x, rows.clone(), packed, v);
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
/// `parts` must hold `count` gradients of [`Problem::du_len`] floats each, `dw` nine floats for each channel, and the
/// processor must have `S`.
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
