//! The resample filter on the CPU.
//!
//! A strip of rows is copied onto a canvas with zeros around it. Combining rows is a loop over the whole
//! canvas as one line, which makes full vectors of the smallest pictures. Combining columns goes from there
//! to the output in whole vectors too: what spills over the end of a row is overwritten by the next one.

use crate::ops::cpu::{Isa, Shared, dispatch, for_each, scratch, simd::Simd};
use core::mem::MaybeUninit;

use super::{RESAMPLE_FILTER, Rate, Resample};

/// Loops run over a multiple of this many floats, so that they end with whole vectors.
const WHOLE: usize = 32;

/// Floats of a canvas, a little less than half of the first-level cache with its intermediate results.
const CANVAS: usize = 2048;

/// Resamples `planes` pictures from `x` to `y`.
pub(crate) fn resample(isa: Isa, p: &Resample, planes: usize, x: &[f32], y: &mut [MaybeUninit<f32>]) {
    let (input, output) = (p.input[0] * p.input[1], p.output[0] * p.output[1]);
    assert_eq!(x.len(), planes * input);
    assert_eq!(y.len(), planes * output);
    if output == 0 {
        return;
    }
    if input == 0 {
        y.fill(MaybeUninit::new(0.0));
        return;
    }
    let run = dispatch!(isa, fn strip(p: &Resample, x: &[f32], y: &mut [MaybeUninit<f32>], first: usize, steps: usize, canvas: &mut [f32]) = self::strip);
    let shape = Canvas::of(p);
    // A task takes enough planes to be worth handing out.
    let per_task = (16 * 1024 / (input + output)).max(1);
    let y = Shared(y.as_mut_ptr().cast());
    for_each(planes.div_ceil(per_task), |task| {
        scratch(shape.len(), |canvas| {
            // SAFETY: the scratch memory is at least this long, and initialized.
            let canvas = unsafe { core::slice::from_raw_parts_mut(canvas, shape.len()) };
            canvas.fill(0.0);
            for index in task * per_task..((task + 1) * per_task).min(planes) {
                // SAFETY: every plane belongs to one task.
                let y =
                    unsafe { core::slice::from_raw_parts_mut(y.get().add(index * output).cast(), output) };
                for first in (0..shape.all_steps).step_by(shape.steps) {
                    let steps = shape.steps.min(shape.all_steps - first);
                    // SAFETY: `isa` is what the processor has.
                    unsafe { run(p, &x[index * input..][..input], y, first, steps, canvas) };
                }
            }
        });
    });
}

/// The sizes of a canvas and of what is computed from it.
struct Canvas {
    /// Floats from row to row.
    stride: usize,
    /// Output rows, or pairs of them, of the whole picture and of one strip.
    all_steps: usize,
    steps: usize,
    /// Input rows that a strip needs.
    rows: usize,
    /// Where the first input column lies.
    left: usize,
}

impl Canvas {
    fn of(p: &Resample) -> Self {
        let ([_, w], [oh, ow]) = (p.input, p.output);
        let pad = p.pad as usize;
        let (stride, all_steps, left) = match p.rate {
            Rate::Same => ((ow + 3).max(pad + w), oh, pad),
            // Whole vectors in every row, because rows are skipped and cannot be run through as one line.
            Rate::Down => ((2 * ow + 2).max(pad + w).next_multiple_of(WHOLE), oh, pad),
            Rate::Up => ((ow.div_ceil(2) + 2).max(1 + w), oh.div_ceil(2), 1),
        };
        let steps = (CANVAS / stride).max(1).min(all_steps);
        let rows = match p.rate {
            Rate::Same => steps + 3,
            Rate::Down => 2 * steps + 2,
            Rate::Up => steps + 2,
        };
        Self {
            stride,
            all_steps,
            steps,
            rows,
            left,
        }
    }

    /// Floats of the canvas itself.
    fn canvas_len(&self) -> usize {
        self.rows * self.stride + WHOLE
    }

    /// Floats of one intermediate result, with what whole vectors read beyond it.
    fn line_len(&self) -> usize {
        self.steps * self.stride + 3 * WHOLE
    }

    /// The canvas and two intermediate results.
    fn len(&self) -> usize {
        self.canvas_len() + 2 * self.line_len()
    }
}

/// `to[i] = weights . (taps at from[i], from[i + step], ...)`, for four taps of a symmetric filter.
#[inline(always)]
fn four_taps(to: &mut [f32], from: &[f32], step: usize, outer: f32, inner: f32) {
    let n = to.len();
    let (a, b) = (&from[..n], &from[step..step + n]);
    let (c, d) = (&from[2 * step..2 * step + n], &from[3 * step..3 * step + n]);
    for i in 0..n {
        to[i] = (a[i] + d[i]) * outer + (b[i] + c[i]) * inner;
    }
}

/// `to[i] = from[i] * before + from[i + step] * after`.
#[inline(always)]
fn two_taps(to: &mut [f32], from: &[f32], step: usize, before: f32, after: f32) {
    let n = to.len();
    let (a, b) = (&from[..n], &from[step..step + n]);
    for i in 0..n {
        to[i] = a[i] * before + b[i] * after;
    }
}

/// Rows of steps `first..first + steps` of one picture. `canvas` is zero in its margins, and stays so.
///
/// # Safety
/// The processor must have `S`, which is here for the compiler's benefit: the loops are plain, and become
/// vectors of the instruction set that the caller is compiled for.
#[inline(always)]
unsafe fn strip<S: Simd>(
    p: &Resample,
    x: &[f32],
    y: &mut [MaybeUninit<f32>],
    first: usize,
    steps: usize,
    canvas: &mut [f32],
) {
    let shape = Canvas::of(p);
    let ([h, w], [oh, ow], stride) = (p.input, p.output, shape.stride);
    let (canvas, rest) = canvas.split_at_mut(shape.canvas_len());
    let (line, rest) = rest.split_at_mut(shape.line_len());
    let other_line = &mut rest[..shape.line_len()];

    let (top, rows) = match p.rate {
        Rate::Same => (first as isize - p.pad, steps + 3),
        Rate::Down => (2 * first as isize - p.pad, 2 * steps + 2),
        Rate::Up => (first as isize - 1, steps + 2),
    };
    for (row, to) in canvas.chunks_exact_mut(stride).take(rows).enumerate() {
        let row = top + row as isize;
        let to = &mut to[shape.left..shape.left + w];
        if row >= 0 && row < h as isize {
            to.copy_from_slice(&x[row as usize * w..][..w]);
        } else {
            to.fill(0.0);
        }
    }

    let f = RESAMPLE_FILTER;
    let (outer, inner) = (f[0] * p.gain, f[1] * p.gain);
    let n = steps * stride;
    // SAFETY: a line is longer than whole vectors of its last row, and `store` takes care of the output's
    // end.
    unsafe {
        let (v_outer, v_inner) = (S::splat(f[0]), S::splat(f[1]));
        match p.rate {
            Rate::Same => {
                four_taps(&mut line[..n], canvas, stride, outer, inner);
                for row in 0..steps {
                    let from = line.as_ptr().add(row * stride);
                    let at = (first + row) * ow;
                    for i in (0..ow).step_by(S::LANES) {
                        let tap = |k: usize| S::load(from.add(i + k));
                        let sum = S::mul(S::add(tap(0), tap(3)), v_outer);
                        store::<S>(y, at + i, S::mul_add(S::add(tap(1), tap(2)), v_inner, sum));
                    }
                }
            }
            Rate::Down => {
                for (row, line) in line.chunks_exact_mut(stride).take(steps).enumerate() {
                    four_taps(line, &canvas[2 * row * stride..], stride, outer, inner);
                }
                for row in 0..steps {
                    let from = line.as_ptr().add(row * stride);
                    let at = (first + row) * ow;
                    for i in (0..ow).step_by(S::LANES) {
                        let tap = |k: usize| S::load(from.add(2 * i + k));
                        let (a, b) = S::deinterleave(tap(0), tap(S::LANES));
                        let (c, d) = S::deinterleave(tap(2), tap(2 + S::LANES));
                        let sum = S::mul(S::add(a, d), v_outer);
                        store::<S>(y, at + i, S::mul_add(S::add(b, c), v_inner, sum));
                    }
                }
            }
            Rate::Up => {
                // Even outputs lie on the sample and the one before it, or on both sides of the gap before:
                // the padding says which. Odd ones lie half a sample later.
                let phase = p.pad as usize;
                let (even, odd) = ([f[phase + 2], f[phase]], [f[3 - phase], f[1 - phase]]);
                two_taps(&mut line[..n], canvas, stride, even[0] * p.gain, even[1] * p.gain);
                two_taps(
                    &mut other_line[..n],
                    &canvas[phase * stride..],
                    stride,
                    odd[0] * p.gain,
                    odd[1] * p.gain,
                );
                let (even, odd) = (even.map(|f| S::splat(f)), odd.map(|f| S::splat(f)));
                for row in 2 * first..(2 * (first + steps)).min(oh) {
                    let line = if row % 2 == 0 {
                        line.as_ptr()
                    } else {
                        other_line.as_ptr()
                    };
                    let from = line.add((row / 2 - first) * stride);
                    for i in (0..ow.div_ceil(2)).step_by(S::LANES) {
                        let tap = |k: usize| S::load(from.add(i + k));
                        let a = S::mul_add(tap(0), even[0], S::mul(tap(1), even[1]));
                        let b = S::mul_add(tap(phase), odd[0], S::mul(tap(phase + 1), odd[1]));
                        let (low, high) = S::interleave(a, b);
                        store::<S>(y, row * ow + 2 * i, low);
                        if 2 * i + S::LANES < ow {
                            store::<S>(y, row * ow + 2 * i + S::LANES, high);
                        }
                    }
                }
            }
        }
    }
}

/// Writes a vector at `at`, or as much of it as there is room for.
///
/// # Safety
/// The processor must have `S`.
#[inline(always)]
unsafe fn store<S: Simd>(y: &mut [MaybeUninit<f32>], at: usize, value: S::V) {
    let to = &mut y[at..];
    // SAFETY: whole vectors are written where they fit.
    unsafe {
        if to.len() >= S::LANES {
            S::store(to.as_mut_ptr().cast(), value);
        } else {
            let mut lanes = [MaybeUninit::new(0.0_f32); 16];
            S::store(lanes.as_mut_ptr().cast(), value);
            to.copy_from_slice(&lanes[..to.len()]);
        }
    }
}
