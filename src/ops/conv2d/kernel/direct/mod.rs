//! Convolutions of any kernel, stride and padding, as they are defined: every product is computed.
//!
//! A task takes some rows of one picture. It packs the input to `[block of 16 channels][row][column][16]`,
//! with its zeros, and multiplies pixels by weights packed to `[group][tap][channel][lanes]`, several pixels
//! and up to 64 output channels at a time, without ever storing a matrix of patches.

mod grad;
mod pack;

pub(crate) use grad::{GradPlan, finish_weight_grad, weight_grad};
pub(crate) use pack::pack_weights;
use pack::{group_width, pack_blocks};

use super::around::Around;
use crate::ops::cpu::{
    micro::{Chunk, multiply_at},
    simd::Simd,
};

/// Where a weight lies: output channel, input channel and tap of the product that is computed here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightView {
    /// Floats between output channels.
    pub out_stride: usize,
    /// Floats between input channels.
    pub in_stride: usize,
}

/// One product of the kernel with the input: the input pixel relative to the output's, and the weight's
/// index.
#[derive(Clone, Copy, Debug)]
struct Tap {
    dy: isize,
    dx: isize,
    index: usize,
}

/// The outputs at `first + j * out_stride`, which all meet the same taps.
#[derive(Clone, Debug)]
struct Phase {
    first: [usize; 2],
    taps: Vec<Tap>,
}

/// A convolution or its transpose, prepared.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub n: usize,
    pub c_in: usize,
    pub input: [usize; 2],
    pub c_out: usize,
    pub output: [usize; 2],
    /// Input pixels from one output of a phase to the next.
    in_step: usize,
    /// Output pixels from one output of a phase to the next.
    out_step: usize,
    phases: Vec<Phase>,
    /// Rows and columns of zeros before the input, and the extent of the taps beyond the first.
    before: [usize; 2],
    reach: [usize; 2],
}

impl Plan {
    /// The convolution `[n, c_in, input] -> [n, c_out, output]`.
    pub(crate) fn forward(
        n: usize,
        [c_in, c_out]: [usize; 2],
        [input, output, kernel]: [[usize; 2]; 3],
        stride: usize,
        padding: usize,
    ) -> Self {
        let mut taps = Vec::new();
        for ky in 0..kernel[0] {
            for kx in 0..kernel[1] {
                let (dy, dx) = (ky as isize - padding as isize, kx as isize - padding as isize);
                taps.push(Tap {
                    dy,
                    dx,
                    index: ky * kernel[1] + kx,
                });
            }
        }
        let phases = vec![Phase { first: [0, 0], taps }];
        Self::new(n, [c_in, c_out], [input, output], stride, 1, phases)
    }

    /// Its transpose, `[n, c_in, input] -> [n, c_out, output]`, where `input` is the convolution's output.
    pub(crate) fn transposed(
        n: usize,
        [c_in, c_out]: [usize; 2],
        [input, output, kernel]: [[usize; 2]; 3],
        stride: usize,
        padding: usize,
    ) -> Self {
        // Output y gathers tap k from the input row (y + padding - k) / stride, where that is whole.
        let (step, pad) = (stride as isize, padding as isize);
        let meets = |first: usize, k: usize| {
            let at = first as isize + pad - k as isize;
            (at.rem_euclid(step) == 0).then(|| at.div_euclid(step))
        };
        let mut phases = Vec::new();
        for py in 0..stride.min(output[0]) {
            for px in 0..stride.min(output[1]) {
                let mut taps = Vec::new();
                for ky in 0..kernel[0] {
                    for kx in 0..kernel[1] {
                        if let (Some(dy), Some(dx)) = (meets(py, ky), meets(px, kx)) {
                            taps.push(Tap {
                                dy,
                                dx,
                                index: ky * kernel[1] + kx,
                            });
                        }
                    }
                }
                phases.push(Phase {
                    first: [py, px],
                    taps,
                });
            }
        }
        Self::new(n, [c_in, c_out], [input, output], 1, stride, phases)
    }

    fn new(
        n: usize,
        [c_in, c_out]: [usize; 2],
        [input, output]: [[usize; 2]; 2],
        in_step: usize,
        out_step: usize,
        phases: Vec<Phase>,
    ) -> Self {
        let taps = || phases.iter().flat_map(|phase| &phase.taps);
        let least =
            [taps().map(|tap| tap.dy).min(), taps().map(|tap| tap.dx).min()].map(|v| v.unwrap_or(0).min(0));
        let most =
            [taps().map(|tap| tap.dy).max(), taps().map(|tap| tap.dx).max()].map(|v| v.unwrap_or(0).max(0));
        let before = least.map(|v| v.unsigned_abs());
        let reach = [0, 1].map(|axis| (most[axis] - least[axis]) as usize + 1);
        Self {
            n,
            c_in,
            input,
            c_out,
            output,
            in_step,
            out_step,
            phases,
            before,
            reach,
        }
    }

    fn in_blocks(&self) -> usize {
        self.c_in.div_ceil(16)
    }
    fn out_blocks(&self) -> usize {
        self.c_out.div_ceil(16)
    }
    fn taps(&self) -> usize {
        self.phases.iter().map(|phase| phase.taps.len()).sum()
    }
    /// Floats from the first to the last that are read of weights in `view`.
    pub(crate) fn reads(&self, view: WeightView) -> usize {
        let last = self
            .phases
            .iter()
            .flat_map(|phase| &phase.taps)
            .map(|tap| tap.index)
            .max();
        let [c_in, c_out] = [self.c_in, self.c_out].map(|channels| channels.checked_sub(1));
        match (last, c_in, c_out) {
            (Some(tap), Some(c_in), Some(c_out)) => c_out * view.out_stride + c_in * view.in_stride + tap + 1,
            _ => 0,
        }
    }
    /// Floats of packed weights.
    pub(crate) fn packed_weights_len(&self) -> usize {
        self.taps() * self.c_in * self.out_blocks() * 16
    }
    /// Steps along an axis that give all outputs of all phases.
    fn steps(&self, axis: usize) -> usize {
        self.output[axis].div_ceil(self.out_step)
    }
    /// Packed columns: what the last output's taps reach, and at least the input.
    fn packed_columns(&self) -> usize {
        ((self.steps(1) - 1) * self.in_step + self.reach[1]).max(self.before[1] + self.input[1])
    }
    fn packed_rows(&self, steps: usize) -> usize {
        (steps - 1) * self.in_step + self.reach[0]
    }
    /// Rows of steps in one picture: the unit of work is one of them.
    pub(crate) fn row_steps(&self) -> usize {
        self.steps(0)
    }
    /// Rows of steps that one task takes.
    pub(crate) fn steps_per_task(&self, at_least_tasks: usize) -> usize {
        let row = self.packed_columns() * self.in_blocks() * 64 * self.in_step;
        let enough = (96 * 1024 / row.max(1)).clamp(1, self.steps(0));
        let tasks_per_image = at_least_tasks.div_ceil(self.n).min(self.steps(0));
        enough.min(self.steps(0).div_ceil(tasks_per_image)).max(1)
    }
    /// Floats of scratch that [`run`] needs.
    pub(crate) fn scratch_len(&self, steps: usize) -> usize {
        self.packed_rows(steps) * self.packed_columns() * self.in_blocks() * 16
            + steps * self.out_step * self.output[1] * 64
    }
}

/// Computes the outputs of steps `first..first + steps` of rows of one picture.
///
/// # Safety
/// `x`, `weights` and `y` must have the sizes that `p` says, `scratch` [`Plan::scratch_len`] floats, nothing
/// else may write these rows of `y`, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn run<S: Simd>(
    p: &Plan,
    x: *const f32,
    weights: *const f32,
    y: *mut f32,
    image: usize,
    first: usize,
    steps: usize,
    around: Around,
    chunks: &mut Vec<Chunk>,
    scratch: *mut f32,
) {
    // SAFETY: all addresses are within what the caller vouches for.
    unsafe {
        let (columns, rows) = (p.packed_columns(), p.packed_rows(steps));
        let plane = rows * columns * 16;
        let packed = scratch;
        let out = packed.add(plane * p.in_blocks());
        let picture = x.add(image * p.c_in * p.input[0] * p.input[1]);
        let first_row = (first * p.in_step) as isize - p.before[0] as isize;
        pack_blocks::<S>(
            picture,
            p.c_in,
            p.input,
            first_row,
            rows,
            p.before[1],
            columns,
            |block| around.before(image, p.c_in, block),
            packed,
        );

        let [oh, ow] = p.output;
        let out_rows = (oh - first * p.out_step).min(steps * p.out_step);
        let mut block = 0;
        while block < p.out_blocks() {
            let width = group_width::<S>(p.out_blocks() - block);
            let mut b = weights.add(block * 16 * p.c_in * p.taps());
            for phase in &p.phases {
                chunks.clear();
                for tap in &phase.taps {
                    let row = (tap.dy + p.before[0] as isize) as usize;
                    let column = (tap.dx + p.before[1] as isize) as usize;
                    for c in 0..p.in_blocks() {
                        let offset = c * plane + (row * columns + column) * 16;
                        chunks.push(Chunk {
                            offset,
                            len: (p.c_in - c * 16).min(16),
                        });
                    }
                }
                let rows = (out_rows - phase.first[0].min(out_rows)).div_ceil(p.out_step);
                let across = (ow - phase.first[1]).div_ceil(p.out_step);
                macro_rules! pixels_of {
                    ($rows:literal, $vectors:literal) => {{
                        let total = rows * across;
                        let (mut row, mut column, mut done) = (0, 0, 0);
                        while done < total {
                            let mut from = [packed.cast_const(); $rows];
                            let mut to = [out; $rows];
                            for r in 0..$rows {
                                from[r] = packed.add((row * p.in_step * columns + column * p.in_step) * 16);
                                let (y, x) = (
                                    row * p.out_step + phase.first[0],
                                    column * p.out_step + phase.first[1],
                                );
                                to[r] = out.add((y * ow + x) * width * 16);
                                // A short last group repeats its last pixel.
                                if done + r + 1 < total {
                                    column += 1;
                                    if column == across {
                                        (row, column) = (row + 1, 0);
                                    }
                                }
                            }
                            multiply_at::<S, $rows, $vectors>(from, chunks, b, to);
                            done += $rows;
                        }
                    }};
                }
                match (S::LANES, width) {
                    (16, 4) => pixels_of!(6, 4),
                    (16, 3) => pixels_of!(8, 3),
                    (16, 2) => pixels_of!(8, 2),
                    (16, _) => pixels_of!(8, 1),
                    (8, _) => pixels_of!(6, 2),
                    _ if S::REGISTERS > 16 => pixels_of!(3, 4),
                    _ => pixels_of!(2, 4),
                }
                b = b.add(phase.taps.len() * p.c_in * width * 16);
            }
            for within in 0..width {
                let lanes = (p.c_out - (block + within) * 16).min(16);
                let plane = y.add((image * p.c_out + (block + within) * 16) * oh * ow);
                // Rows follow each other in the picture as they do here.
                let total = out_rows * ow;
                let first_pixel = first * p.out_step * ow;
                if let Some(after) = around.after {
                    let lanes = &after.lanes[image * p.out_blocks() + block + within];
                    let noise = after.noise(image, oh * ow, first_pixel);
                    after.apply::<S>(lanes, out.add(within * 16), width * 16, total, noise);
                }
                let to = plane.add(first_pixel);
                let mut pixel = 0;
                while pixel < total {
                    let count = (total - pixel).min(16);
                    let from = out.add(pixel * width * 16 + within * 16);
                    S::unpack16(from, width * 16, count, lanes, to.add(pixel), oh * ow);
                    pixel += count;
                }
            }
            block += width;
        }
    }
}
