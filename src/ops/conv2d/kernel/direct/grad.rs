//! The gradient of the weights, directly.

use super::{super::around::Around, group_width, pack_blocks};
use crate::ops::cpu::{micro::accumulate_rows, simd::Simd};

/// The weight gradient of a convolution, prepared: `x [n, c, input]`, `grad [n, k, output]`.
#[derive(Clone, Debug)]
pub(crate) struct GradPlan {
    pub n: usize,
    pub c: usize,
    pub input: [usize; 2],
    pub k: usize,
    pub output: [usize; 2],
    pub kernel: [usize; 2],
    pub stride: usize,
    pub padding: usize,
}

impl GradPlan {
    fn c_width(&self) -> usize {
        self.c.div_ceil(16) * 16
    }
    fn k_width(&self) -> usize {
        self.k.div_ceil(16) * 16
    }
    fn columns(&self) -> usize {
        ((self.output[1] - 1) * self.stride + self.kernel[1]).max(self.padding + self.input[1])
    }
    fn rows(&self, steps: usize) -> usize {
        (steps - 1) * self.stride + self.kernel[0]
    }
    /// Floats of one accumulator, `[tap][k][c]`, or swapped `[tap][c][k]`, both padded to 16.
    pub(crate) fn sums_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.k_width() * self.c_width()
    }
    /// Output rows that are taken at once.
    pub(crate) fn steps_per_task(&self) -> usize {
        let row = (self.columns() * self.stride * self.c_width() + self.output[1] * self.k_width()) * 4;
        (96 * 1024 / row).clamp(1, self.output[0])
    }
    /// Whether input channels are summed in rows and output channels in vectors, and not the other way
    /// around: with few input channels, as pictures have them, most of a vector would be empty.
    fn is_swapped(&self) -> bool {
        self.k_width() * self.c < self.c_width() * self.k
    }
    /// Floats of scratch that [`weight_grad`] needs.
    pub(crate) fn scratch_len(&self, steps: usize) -> usize {
        self.rows(steps) * self.columns() * self.c_width() + steps * self.output[1] * self.k_width()
    }
}

/// Adds the weight gradient of output rows `first..first + steps` of one picture to `sums`, or sets
/// them when they are `fresh`; what is before the convolution in `around` was done to `x`.
///
/// # Safety
/// `x`, `grad` and `sums` must have the sizes that `p` says, `scratch` [`GradPlan::scratch_len`] floats,
/// nothing else may touch `sums`, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn weight_grad<S: Simd>(
    p: &GradPlan,
    x: *const f32,
    grad: *const f32,
    sums: *mut f32,
    image: usize,
    first: usize,
    steps: usize,
    around: Around,
    fresh: bool,
    scratch: *mut f32,
) {
    // SAFETY: all addresses are within what the caller vouches for.
    unsafe {
        let (rows, columns, ow) = (p.rows(steps), p.columns(), p.output[1]);
        let packed = scratch;
        let packed_grad = packed.add(rows * columns * p.c_width());
        let first_row = (first * p.stride) as isize - p.padding as isize;
        let picture = x.add(image * p.c * p.input[0] * p.input[1]);
        let factors = |block| around.before(image, p.c, block);
        pack_blocks::<S>(
            picture, p.c, p.input, first_row, rows, p.padding, columns, factors, packed,
        );
        let picture = grad.add(image * p.k * p.output[0] * ow);
        pack_blocks::<S>(
            picture,
            p.k,
            p.output,
            first as isize,
            steps,
            0,
            ow,
            |_| None,
            packed_grad,
        );

        let of_grad = Side {
            at: packed_grad,
            block: steps * ow * 16,
            steps: [ow * 16, 16],
            channels: p.k,
        };
        for tap in 0..p.kernel[0] * p.kernel[1] {
            let of_input = Side {
                at: packed.add((tap / p.kernel[1] * columns + tap % p.kernel[1]) * 16),
                block: rows * columns * 16,
                steps: [p.stride * columns * 16, p.stride * 16],
                channels: p.c,
            };
            let (down, across) = match p.is_swapped() {
                true => (&of_input, &of_grad),
                false => (&of_grad, &of_input),
            };
            let [height, width] = [down, across].map(|side| side.channels.div_ceil(16) * 16);
            for row_block in (0..down.channels).step_by(16) {
                let a = down.at.add(row_block / 16 * down.block);
                let lanes = (down.channels - row_block).min(16);
                let mut block = 0;
                while block < width / 16 {
                    let group = group_width::<S>(width / 16 - block);
                    let b = across.at.add(block * across.block);
                    let out = sums.add((tap * height + row_block) * width + block * 16);
                    macro_rules! rows_of {
                        ($rows:literal, $vectors:literal) => {{
                            let mut row = 0;
                            while row < lanes {
                                accumulate_rows::<S, $rows, $vectors>(
                                    a.add(row),
                                    down.steps,
                                    b,
                                    across.steps,
                                    across.block,
                                    [steps, ow],
                                    out.add(row * width),
                                    width,
                                    fresh,
                                );
                                row += $rows;
                            }
                        }};
                    }
                    match (S::LANES, group) {
                        (16, 4) => rows_of!(4, 4),
                        (16, 3) => rows_of!(8, 3),
                        (16, 2) => rows_of!(8, 2),
                        (16, _) => rows_of!(16, 1),
                        (8, _) => rows_of!(4, 2),
                        _ => rows_of!(2, 4),
                    }
                    block += group;
                }
            }
        }
    }
}

/// One of the two factors of a weight gradient: packed channels, floats from block to block, from row to row
/// and from column to column of what is summed over.
struct Side {
    at: *const f32,
    block: usize,
    steps: [usize; 2],
    channels: usize,
}

/// Sums the parts of one output channel's gradient into `dw [c][tap]`, in order.
///
/// # Safety
/// `parts` must hold `count` accumulators, `dw` the gradient of one output channel, and the processor must
/// have `S`, which the plain loops are compiled for.
#[inline(always)]
pub(crate) unsafe fn finish_weight_grad<S: Simd>(
    p: &GradPlan,
    parts: *const f32,
    count: usize,
    k: usize,
    dw: *mut f32,
) {
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        let taps = p.kernel[0] * p.kernel[1];
        for tap in 0..taps {
            for c in 0..p.c {
                let at = match p.is_swapped() {
                    true => (tap * p.c_width() + c) * p.k_width() + k,
                    false => (tap * p.k_width() + k) * p.c_width() + c,
                };
                let mut sum = *parts.add(at);
                for part in 1..count {
                    sum += *parts.add(part * p.sums_len() + at);
                }
                *dw.add(c * taps + tap) = sum;
            }
        }
    }
}
