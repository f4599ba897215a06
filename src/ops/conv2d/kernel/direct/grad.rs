//! The gradient of the weights, directly.

use super::{super::micro::accumulate_rows, group_width, pack_blocks};
use crate::ops::cpu::simd::Simd;

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
    /// Floats of one accumulator, `[tap][k][c]`, both padded to 16.
    pub(crate) fn sums_len(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.k_width() * self.c_width()
    }
    /// Output rows that are taken at once.
    pub(crate) fn steps_per_task(&self) -> usize {
        let row = (self.columns() * self.stride * self.c_width() + self.output[1] * self.k_width()) * 4;
        (96 * 1024 / row).clamp(1, self.output[0])
    }
    /// Floats of scratch that [`weight_grad`] needs.
    pub(crate) fn scratch_len(&self, steps: usize) -> usize {
        self.rows(steps) * self.columns() * self.c_width() + steps * self.output[1] * self.k_width()
    }
}

/// Adds the weight gradient of output rows `first..first + steps` of one picture to `sums`, or sets
/// them when they are `fresh`.
///
/// # Safety
/// `x`, `grad` and `sums` must have the sizes that `p` says, `scratch` [`GradPlan::scratch_len`] floats, nobody else
/// may touch `sums`, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn weight_grad<S: Simd>(
    p: &GradPlan,
    x: *const f32,
    grad: *const f32,
    sums: *mut f32,
    image: usize,
    first: usize,
    steps: usize,
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
        let plain = |_| None;
        pack_blocks::<S>(
            picture, p.c, p.input, first_row, rows, p.padding, columns, plain, packed,
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
            plain,
            packed_grad,
        );

        let c_blocks = p.c_width() / 16;
        for tap in 0..p.kernel[0] * p.kernel[1] {
            let (ky, kx) = (tap / p.kernel[1], tap % p.kernel[1]);
            for k_block in 0..p.k_width() / 16 {
                let a = packed_grad.add(k_block * steps * ow * 16);
                let lanes = (p.k - k_block * 16).min(16);
                let mut block = 0;
                while block < c_blocks {
                    let width = group_width::<S>(c_blocks - block);
                    let b = packed.add((block * rows * columns + ky * columns + kx) * 16);
                    let out = sums.add((tap * p.k_width() + k_block * 16) * p.c_width() + block * 16);
                    macro_rules! rows_of {
                        ($rows:literal, $vectors:literal) => {{
                            let mut row = 0;
                            while row < lanes {
                                accumulate_rows::<S, $rows, $vectors>(
                                    a.add(row),
                                    [ow * 16, 16],
                                    b,
                                    [p.stride * columns * 16, p.stride * 16],
                                    rows * columns * 16,
                                    [steps, ow],
                                    out.add(row * p.c_width()),
                                    p.c_width(),
                                    fresh,
                                );
                                row += $rows;
                            }
                        }};
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

/// Sums the parts of one output channel's gradient into `dw [c][tap]`, in order.
///
/// # Safety
/// `parts` must hold `count` accumulators, `dw` the gradient of one output channel, and the processor must have `S`,
/// which the plain loops are compiled for.
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
            let from = parts.add((tap * p.k_width() + k) * p.c_width());
            for c in 0..p.c {
                let mut sum = *from.add(c);
                for part in 1..count {
                    sum += *from.add(part * p.sums_len() + c);
                }
                *dw.add(c * taps + tap) = sum;
            }
        }
    }
}
