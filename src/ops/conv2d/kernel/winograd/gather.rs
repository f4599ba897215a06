//! From images to the transform domain: packing pieces of the input and of the output's gradient.

use super::{
    super::{around::Around, pack::pack},
    Problem, TILE,
    transform::{transform_input, transform_output_grad},
};
use crate::ops::cpu::simd::Simd;

/// Visits `rows` of tiles as stretches of one image: `(image, first tile row, tile rows, tiles before)`.
#[inline(always)]
pub(super) fn stretches(
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
pub(super) fn packed_rows(p: &Problem) -> usize {
    let columns = p.tile_columns() * 4 + 2;
    ((24 * 1024 / (columns * 64)).saturating_sub(2) / 4).max(1)
}

/// Packs the input of `rows` of tiles, with what is done before the convolution, and transforms it into `v`.
#[inline(always)]
pub(super) unsafe fn gather_input<S: Simd>(
    p: &Problem,
    x: *const f32,
    rows: core::ops::Range<usize>,
    around: Around,
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
                    [p.h, p.w],
                    first,
                    count * 4 + 2,
                    p.pad,
                    columns,
                    around.before(image, p.c, block),
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
pub(super) unsafe fn gather_output_grad<S: Simd>(
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
                    [p.oh, p.ow],
                    (ty * 4) as isize,
                    count * 4,
                    0,
                    columns,
                    None,
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
