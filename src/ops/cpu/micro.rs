//! The inner loops that the multiplications of convolutions and of fully connected layers run in.

// They take many sizes and pointers, and index several arrays by one counter: bundling either would hide what
// is computed.
#![allow(clippy::too_many_arguments, clippy::needless_range_loop)]

use super::simd::Simd;

/// Reads a vector of channel-block storage: vector `v` of consecutive blocks that lie `block_stride` floats
/// apart.
#[inline(always)]
const fn block_offset<S: Simd>(v: usize, block_stride: usize) -> usize {
    (v * S::LANES / 16) * block_stride + (v * S::LANES) % 16
}

/// `out[r][v] = sum over c of a[r][c] * b[c][v]`, `R` rows by `NV` vectors.
///
/// `a` is channel-block storage: rows `ROW` floats apart, blocks of 16 channels `a_block` apart, `channels`
/// in all. `b` is dense, `NV` vectors for each channel. `out` is channel-block storage as well. The distance
/// of rows is a constant so that one register addresses them all.
///
/// # Safety
/// All those places must be valid, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn multiply<S: Simd, const ROW: usize, const R: usize, const NV: usize>(
    a: *const f32,
    a_block: usize,
    channels: usize,
    b: *const f32,
    out: *mut f32,
    out_block: usize,
) {
    // SAFETY: the caller vouches for every address computed here.
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; R];
        let mut b = b;
        let mut a = a;
        let mut left = channels;
        while left > 0 {
            let len = left.min(16);
            for c in 0..len {
                let mut row = [S::splat(0.0); NV];
                for (v, row) in row.iter_mut().enumerate() {
                    *row = S::load(b.add(v * S::LANES));
                }
                b = b.add(NV * S::LANES);
                for (r, acc) in acc.iter_mut().enumerate() {
                    let value = S::splat(*a.add(r * ROW + c));
                    for v in 0..NV {
                        acc[v] = S::mul_add(value, row[v], acc[v]);
                    }
                }
            }
            a = a.add(a_block);
            left -= len;
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, value) in acc.iter().enumerate() {
                S::store(out.add(r * ROW + block_offset::<S>(v, out_block)), *value);
            }
        }
    }
}

/// Channels of a row that lie next to each other, `offset` floats from the row's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub offset: usize,
    pub len: usize,
}

/// `out[r][v] = sum over the channels of all chunks of from[r][chunk][c] * b[c][v]`, for rows anywhere in
/// memory.
///
/// # Safety
/// All those places must be valid, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn multiply_at<S: Simd, const R: usize, const NV: usize>(
    from: [*const f32; R],
    chunks: &[Chunk],
    b: *const f32,
    to: [*mut f32; R],
) {
    // SAFETY: the caller vouches for every address computed here.
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; R];
        let mut b = b;
        for chunk in chunks {
            for c in chunk.offset..chunk.offset + chunk.len {
                let mut row = [S::splat(0.0); NV];
                for (v, row) in row.iter_mut().enumerate() {
                    *row = S::load(b.add(v * S::LANES));
                }
                b = b.add(NV * S::LANES);
                for (r, acc) in acc.iter_mut().enumerate() {
                    let value = S::splat(*from[r].add(c));
                    for v in 0..NV {
                        acc[v] = S::mul_add(value, row[v], acc[v]);
                    }
                }
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, value) in acc.iter().enumerate() {
                S::store(to[r].add(v * S::LANES), *value);
            }
        }
    }
}

/// `out[r][v] += sum over t of a[t][r] * b[t][v]`, `R` rows by `NV` vectors: the gradient of weights.
///
/// `a` has `R` neighboring floats for each `t`, `a_step` apart; `b` is channel-block storage, `b_step` apart
/// for each `t` and `b_block` for each block. `out` has rows of dense vectors, `out_row` apart; when `fresh`,
/// what it held does not count.
///
/// # Safety
/// All those places must be valid, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn accumulate<S: Simd, const R: usize, const NV: usize>(
    a: *const f32,
    a_step: usize,
    b: *const f32,
    b_step: usize,
    b_block: usize,
    steps: usize,
    out: *mut f32,
    out_row: usize,
    fresh: bool,
) {
    // SAFETY: the caller vouches for every address computed here.
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; R];
        if !fresh {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = S::load(out.add(r * out_row + v * S::LANES));
                }
            }
        }
        let mut a = a;
        let mut b = b;
        for _ in 0..steps {
            let mut row = [S::splat(0.0); NV];
            for (v, row) in row.iter_mut().enumerate() {
                *row = S::load(b.add(block_offset::<S>(v, b_block)));
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                let value = S::splat(*a.add(r));
                for v in 0..NV {
                    acc[v] = S::mul_add(value, row[v], acc[v]);
                }
            }
            a = a.add(a_step);
            b = b.add(b_step);
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                S::store(out.add(r * out_row + v * S::LANES), *acc);
            }
        }
    }
}

/// [`accumulate`] over a rectangle of steps: `steps` rows and columns, with the distances of both in `a` and
/// `b`.
///
/// # Safety
/// All those places must be valid, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn accumulate_rows<S: Simd, const R: usize, const NV: usize>(
    a: *const f32,
    a_step: [usize; 2],
    b: *const f32,
    b_step: [usize; 2],
    b_block: usize,
    steps: [usize; 2],
    out: *mut f32,
    out_row: usize,
    fresh: bool,
) {
    // SAFETY: the caller vouches for every address computed here.
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; R];
        if !fresh {
            for (r, acc) in acc.iter_mut().enumerate() {
                for (v, acc) in acc.iter_mut().enumerate() {
                    *acc = S::load(out.add(r * out_row + v * S::LANES));
                }
            }
        }
        for row in 0..steps[0] {
            let mut a = a.add(row * a_step[0]);
            let mut b = b.add(row * b_step[0]);
            for _ in 0..steps[1] {
                let mut row = [S::splat(0.0); NV];
                for (v, row) in row.iter_mut().enumerate() {
                    *row = S::load(b.add(block_offset::<S>(v, b_block)));
                }
                for (r, acc) in acc.iter_mut().enumerate() {
                    let value = S::splat(*a.add(r));
                    for v in 0..NV {
                        acc[v] = S::mul_add(value, row[v], acc[v]);
                    }
                }
                a = a.add(a_step[1]);
                b = b.add(b_step[1]);
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate() {
                S::store(out.add(r * out_row + v * S::LANES), *acc);
            }
        }
    }
}
