//! The resample filter on the CPU: one picture plane after another, rows first, columns second.

use crate::ops::cpu::{Isa, Shared, dispatch, for_each, scratch, simd::Simd};
use core::mem::MaybeUninit;

use super::{RESAMPLE_FILTER, Rate, Resample};

/// Zeros kept on either side of a row, more than any tap reaches.
const MARGIN: usize = 4;

/// Resamples `planes` pictures from `x` to `y`.
pub(crate) fn resample(isa: Isa, p: &Resample, planes: usize, x: &[f32], y: &mut [MaybeUninit<f32>]) {
    let (input, output) = (p.input[0] * p.input[1], p.output[0] * p.output[1]);
    assert_eq!(x.len(), planes * input);
    assert_eq!(y.len(), planes * output);
    if input == 0 || output == 0 {
        y.fill(MaybeUninit::new(0.0));
        return;
    }
    let run = dispatch!(isa, fn plane(p: &Resample, x: &[f32], y: &mut [MaybeUninit<f32>], row: &mut [f32]) = self::plane);
    // A task takes enough planes to be worth handing out.
    let per_task = (16 * 1024 / (input + output)).max(1);
    let y = Shared(y.as_mut_ptr().cast());
    for_each(planes.div_ceil(per_task), |task| {
        let row_len = p.input[1] + 2 * MARGIN + 16;
        scratch(row_len, |row| {
            // SAFETY: the scratch memory is at least this long, and initialised.
            let row = unsafe { core::slice::from_raw_parts_mut(row, row_len) };
            row.fill(0.0);
            for index in task * per_task..((task + 1) * per_task).min(planes) {
                // SAFETY: every plane belongs to one task, and `isa` is what the processor has.
                unsafe {
                    let y = core::slice::from_raw_parts_mut(y.get().add(index * output).cast(), output);
                    run(p, &x[index * input..][..input], y, row);
                }
            }
        });
    });
}

/// One plane. `row` is zero in its margins, and stays so.
///
/// # Safety
/// The processor must have `S`, which is here for the compiler's benefit: the loops are plain, and become vectors of
/// the instruction set that the caller is compiled for.
#[inline(always)]
unsafe fn plane<S: Simd>(p: &Resample, x: &[f32], y: &mut [MaybeUninit<f32>], row: &mut [f32]) {
    let ([h, w], [_, ow]) = (p.input, p.output);
    let f = RESAMPLE_FILTER;
    for (oy, y) in y.chunks_exact_mut(ow).enumerate() {
        // The rows that this output row is made of, and their weights.
        let (first, taps, weights) = match p.rate {
            Rate::Up => {
                let at = oy as isize + p.pad;
                let (index, phase) = (at.div_euclid(2), at.rem_euclid(2) as usize);
                (index - 1, 2, [f[phase + 2], f[phase], 0.0, 0.0])
            }
            Rate::Same => (oy as isize - p.pad, 4, f),
            Rate::Down => (2 * oy as isize - p.pad, 4, f),
        };
        let middle = &mut row[MARGIN..MARGIN + w];
        let inside = |tap: usize| {
            let index = first + tap as isize;
            (index >= 0 && index < h as isize).then(|| &x[index as usize * w..][..w])
        };
        let weight = |tap: usize| weights[tap] * p.gain;
        if taps == 4
            && let (Some(a), Some(b), Some(c), Some(d)) = (inside(0), inside(1), inside(2), inside(3))
        {
            let (outer, inner) = (weight(0), weight(1));
            for (((m, a), (b, c)), d) in middle.iter_mut().zip(a).zip(b.iter().zip(c)).zip(d) {
                *m = (a + d) * outer + (b + c) * inner;
            }
        } else if taps == 2
            && let (Some(a), Some(b)) = (inside(0), inside(1))
        {
            let (wa, wb) = (weight(0), weight(1));
            for ((m, a), b) in middle.iter_mut().zip(a).zip(b) {
                *m = a * wa + b * wb;
            }
        } else {
            middle.fill(0.0);
            for tap in 0..taps {
                if let Some(from) = inside(tap) {
                    let weight = weight(tap);
                    for (m, from) in middle.iter_mut().zip(from) {
                        *m += from * weight;
                    }
                }
            }
        }
        columns(p, row, y);
    }
}

/// The second direction: from one padded row to one output row.
#[inline(always)]
fn columns(p: &Resample, row: &[f32], y: &mut [MaybeUninit<f32>]) {
    let f = RESAMPLE_FILTER;
    let w = p.input[1];
    // Beyond the margins everything is zero, so an output that lies wholly there needs no taps. Paddings of at most
    // three keep all taps of the others inside.
    let start = (MARGIN as isize - p.pad) as usize;
    match p.rate {
        Rate::Same => {
            let from = &row[start..start + y.len() + 3];
            for (y, t) in y.iter_mut().zip(from.windows(4)) {
                y.write((t[0] + t[3]) * f[0] + (t[1] + t[2]) * f[1]);
            }
        }
        Rate::Down => {
            let from = &row[start..start + 2 * y.len() + 2];
            let (pairs, next) = (from.chunks_exact(2), from[2..].chunks_exact(2));
            for ((y, a), b) in y.iter_mut().zip(pairs).zip(next) {
                y.write((a[0] + b[1]) * f[0] + (a[1] + b[0]) * f[1]);
            }
        }
        Rate::Up => {
            let half = y.len() / 2;
            // Output 2 j is made of the samples at (2 j + pad) / 2 and before, 2 j + 1 of those one half later.
            let (phase, index) = (p.pad.rem_euclid(2) as usize, p.pad.div_euclid(2));
            let even = (MARGIN as isize + index) as usize;
            let odd = even + phase;
            let at = |offset: usize| &row[offset..offset + half];
            let (even_weights, odd_weights) = ((f[phase], f[phase + 2]), (f[1 - phase], f[3 - phase]));
            let (a, b, c, d) = (at(even), at(even - 1), at(odd), at(odd - 1));
            let (pairs, last) = y.split_at_mut(2 * half);
            for (j, pair) in pairs.chunks_exact_mut(2).enumerate() {
                pair[0].write(a[j] * even_weights.0 + b[j] * even_weights.1);
                pair[1].write(c[j] * odd_weights.0 + d[j] * odd_weights.1);
            }
            if let [last] = last {
                last.write(row[even + half] * even_weights.0 + row[even + half - 1] * even_weights.1);
            }
        }
    }
    debug_assert!(row.len() >= w + 2 * MARGIN);
}
