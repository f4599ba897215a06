//! The sampling on the CPU: one task for each picture, which works out a position once for all channels.

use super::AffineSample;
use crate::ops::cpu::{Shared, for_each};

/// Looks up `planes` planes of each picture in `x`, into `y`, which holds zeros.
pub(super) fn forward(p: &AffineSample, planes: usize, x: &[f32], y: &mut [f32]) {
    let [from, to] = [p.input, p.output].map(|[h, w]| h * w);
    each(p, y, planes * to, |picture, y| {
        let x = &x[picture * planes * from..][..planes * from];
        walk(p, picture, |place, taps| {
            for plane in 0..planes {
                let x = &x[plane * from..][..from];
                y[plane * to + place] = taps.iter().map(|&(at, weight)| weight * x[at]).sum();
            }
        });
    });
}

/// The transpose: what is at each pixel of the output in `grad` goes to where it came from in `x`, which
/// holds zeros.
pub(super) fn adjoint(p: &AffineSample, planes: usize, grad: &[f32], x: &mut [f32]) {
    let [from, to] = [p.input, p.output].map(|[h, w]| h * w);
    each(p, x, planes * from, |picture, x| {
        let grad = &grad[picture * planes * to..][..planes * to];
        walk(p, picture, |place, taps| {
            for plane in 0..planes {
                let x = &mut x[plane * from..][..from];
                let value = grad[plane * to + place];
                taps.iter().for_each(|&(at, weight)| x[at] += weight * value);
            }
        });
    });
}

/// Hands each picture its part of `values`, on all threads.
fn each(p: &AffineSample, values: &mut [f32], len: usize, task: impl Fn(usize, &mut [f32]) + Sync + Send) {
    assert_eq!(values.len(), p.grids.len() * len);
    let values = Shared(values.as_mut_ptr());
    for_each(p.grids.len(), |picture| {
        // SAFETY: each picture's part is lent to one task, and all lie in the slice, as was just asserted.
        let values = unsafe { core::slice::from_raw_parts_mut(values.get().add(picture * len), len) };
        task(picture, values);
    });
}

/// Shows every pixel of a picture of the output, as its place in the plane, and what it is a mean of.
#[inline(always)]
fn walk(p: &AffineSample, picture: usize, mut show: impl FnMut(usize, super::Taps)) {
    let (grid, [rows, columns]) = (&p.grids[picture], p.output);
    for row in 0..rows {
        for column in 0..columns {
            show(row * columns + column, p.taps(grid, [row, column]));
        }
    }
}
