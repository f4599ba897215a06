//! Products of a matrix with one of weights: slices in, slices out.

use crate::ops::cpu::{
    Isa, Shared, dispatch, for_each,
    micro::{Chunk, multiply_at},
    scratch,
    simd::Simd,
};
use core::{mem::MaybeUninit, ops::Range};

/// The sizes of a product, `x [rows, inputs]` to `y [rows, outputs]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub rows: usize,
    pub inputs: usize,
    pub outputs: usize,
    /// How the weights lie: `[outputs, inputs]` as a layer has them, or `[inputs, outputs]` as its gradient
    /// sees them.
    pub order: Order,
}

/// Which index of the weights comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Order {
    Outputs,
    Inputs,
}

/// Fewer rows than this read each weight where it lies: bringing it into another order would cost more than
/// it saves.
const FEW_ROWS: usize = 4;

/// Outputs that a task computes: whole cache lines of weights, whichever index of theirs comes first.
const TASK: usize = 64;

/// Outputs that the inner loop computes at once: two vectors at least, so that one value of `x` serves both.
const fn group<S: Simd>() -> usize {
    if S::LANES == 16 { 32 } else { 16 }
}

/// `y = x W`, in single precision.
///
/// # Panics
/// When a slice has not the length that the sizes say.
pub(super) fn product(isa: Isa, p: &Product, x: &[f32], weight: &[f32], y: &mut [MaybeUninit<f32>]) {
    assert_eq!(x.len(), p.rows * p.inputs);
    assert_eq!(weight.len(), p.inputs * p.outputs);
    assert_eq!(y.len(), p.rows * p.outputs);
    if p.rows < FEW_ROWS && p.order == Order::Outputs {
        let run = dispatch!(isa, fn run(p: &Product, x: *const f32, weight: *const f32, y: *mut f32) = self::row_by_row);
        // SAFETY: the processor has the instruction set, and the slices have the lengths that were asserted.
        return unsafe { run(p, x.as_ptr(), weight.as_ptr(), y.as_mut_ptr().cast()) };
    }
    let run = dispatch!(isa, fn run(p: &Product, x: *const f32, weight: *const f32, y: *mut f32, first: usize, packed: *mut f32) = self::columns);
    let y = Shared(y.as_mut_ptr().cast());
    for_each(p.outputs.div_ceil(TASK), |task| {
        // SAFETY: as above, and tasks write columns of their own.
        scratch(p.inputs * TASK, |packed| unsafe {
            run(p, x.as_ptr(), weight.as_ptr(), y.get(), task * TASK, packed);
        });
    });
}

/// One row after the other, four outputs at once, so that additions need not wait for each other.
///
/// # Safety
/// Everything must be as long as `p` says, with the outputs first, and the processor must have `S`.
#[inline(always)]
unsafe fn row_by_row<S: Simd>(p: &Product, x: *const f32, weight: *const f32, y: *mut f32) {
    const AT_ONCE: usize = 4;
    let whole = p.inputs / S::LANES * S::LANES;
    for row in 0..p.rows {
        for first in (0..p.outputs).step_by(AT_ONCE) {
            // SAFETY: vectors end before the rows do.
            unsafe {
                let x = x.add(row * p.inputs);
                let count = (p.outputs - first).min(AT_ONCE);
                // A short last group repeats its last output.
                let from: [*const f32; AT_ONCE] =
                    core::array::from_fn(|i| weight.add((first + i.min(count - 1)) * p.inputs));
                let mut sums = [S::splat(0.0); AT_ONCE];
                for i in (0..whole).step_by(S::LANES) {
                    let x = S::load(x.add(i));
                    for (sum, from) in sums.iter_mut().zip(from) {
                        *sum = S::mul_add(S::load(from.add(i)), x, *sum);
                    }
                }
                for (i, (sum, from)) in sums.into_iter().zip(from).enumerate().take(count) {
                    let mut lanes = [0.0_f32; 16];
                    S::store(lanes.as_mut_ptr(), sum);
                    let sum = lanes.iter().sum();
                    let rest = (whole..p.inputs).fold(sum, |sum, i| sum + *from.add(i) * *x.add(i));
                    *y.add(row * p.outputs + first + i) = rest;
                }
            }
        }
    }
}

/// All rows of the [`TASK`] outputs from `first` on.
///
/// # Safety
/// Everything must be as long as `p` says, `packed` have room for `inputs` times [`TASK`] floats, nothing
/// else may write these outputs, and the processor must have `S`.
#[inline(always)]
unsafe fn columns<S: Simd>(
    p: &Product,
    x: *const f32,
    weight: *const f32,
    y: *mut f32,
    first: usize,
    packed: *mut f32,
) {
    let end = (first + TASK).min(p.outputs);
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        pack::<S>(p, weight, first..end, packed);
        let all = [Chunk {
            offset: 0,
            len: p.inputs,
        }];
        let width = group::<S>();
        for at in (first..end).step_by(width) {
            let outputs = (end - at).min(width);
            let packed = packed.add((at - first) * p.inputs);
            macro_rules! rows_of {
                ($rows:literal, $vectors:literal) => {
                    for row in (0..p.rows).step_by($rows) {
                        // A short last group repeats its last row.
                        let row = |r: usize| (row + r).min(p.rows - 1);
                        let from: [_; $rows] = core::array::from_fn(|r| x.add(row(r) * p.inputs));
                        let to: [_; $rows] = core::array::from_fn(|r| y.add(row(r) * p.outputs + at));
                        if outputs == width {
                            multiply_at::<S, $rows, $vectors>(from, &all, packed, to);
                            continue;
                        }
                        let mut tile = [[0.0_f32; 32]; $rows];
                        let whole = tile.each_mut().map(|row| row.as_mut_ptr());
                        multiply_at::<S, $rows, $vectors>(from, &all, packed, whole);
                        for (row, to) in tile.iter().zip(to) {
                            core::ptr::copy_nonoverlapping(row.as_ptr(), to, outputs);
                        }
                    }
                };
            }
            match S::LANES {
                16 => rows_of!(8, 2),
                8 => rows_of!(6, 2),
                _ if S::REGISTERS > 16 => rows_of!(3, 4),
                _ => rows_of!(2, 4),
            }
        }
    }
}

/// Brings the weights of some outputs into the order that the inner loop reads: group after group, those of
/// an input next to each other. Outputs that are missing in the last group have weights of zero.
///
/// # Safety
/// As for [`columns`].
#[inline(always)]
unsafe fn pack<S: Simd>(p: &Product, weight: *const f32, range: Range<usize>, packed: *mut f32) {
    let width = group::<S>();
    let total = range.len().next_multiple_of(width);
    let place = |block: usize| block / width * width * p.inputs + block % width;
    // SAFETY: as for the caller.
    unsafe {
        match p.order {
            Order::Outputs => {
                for block in (0..total).step_by(16) {
                    let lanes = range.len().saturating_sub(block).min(16);
                    let from = weight.wrapping_add((range.start + block) * p.inputs);
                    let to = packed.add(place(block));
                    for input in (0..p.inputs).step_by(16) {
                        let columns = (p.inputs - input).min(16);
                        let from = from.wrapping_add(input);
                        S::pack16(from, p.inputs, lanes, columns, to.add(input * width), width);
                    }
                }
            }
            Order::Inputs => {
                for input in 0..p.inputs {
                    let from = weight.add(input * p.outputs + range.start);
                    for block in (0..total).step_by(16) {
                        let lanes = range.len().saturating_sub(block).min(16);
                        let to = packed.add(place(block) + input * width);
                        if lanes == 16 {
                            for i in (0..16).step_by(S::LANES) {
                                S::store(to.add(i), S::load(from.add(block + i)));
                            }
                        } else {
                            for i in 0..16 {
                                *to.add(i) = if i < lanes { *from.add(block + i) } else { 0.0 };
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    // In a browser this is what makes a test; tests/browser/kernels.test.mjs runs them there.
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn random(len: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
    }

    /// Holds the kernel against the definition, both ways, on every instruction set of this processor.
    fn check(rows: usize, inputs: usize, outputs: usize) {
        let (x, weight) = (random(rows * inputs, 1), random(inputs * outputs, 2));
        for order in [Order::Outputs, Order::Inputs] {
            let at = |input: usize, output: usize| match order {
                Order::Outputs => weight[output * inputs + input],
                Order::Inputs => weight[input * outputs + output],
            };
            let sum = |row: usize, output: usize| -> f64 {
                (0..inputs)
                    .map(|input| f64::from(x[row * inputs + input]) * f64::from(at(input, output)))
                    .sum()
            };
            let expected: Vec<f64> = (0..rows * outputs)
                .map(|i| sum(i / outputs, i % outputs))
                .collect();
            let largest = expected
                .iter()
                .fold(1e-3_f64, |most, value| most.max(value.abs()));
            let p = Product {
                rows,
                inputs,
                outputs,
                order,
            };
            for isa in Isa::tested() {
                // Memory that is NaN, so that nothing can be forgotten.
                let mut y = vec![MaybeUninit::new(f32::NAN); rows * outputs];
                product(isa, &p, &x, &weight, &mut y);
                for (i, (y, expected)) in y.iter().zip(&expected).enumerate() {
                    // SAFETY: it was initialized above.
                    let error = (f64::from(unsafe { y.assume_init() }) - expected).abs() / largest;
                    // Sums of a few hundred products lose a few units in the last place.
                    assert!(error < 3e-6, "{p:?} at {i}, {isa:?}: error {error:e}");
                }
            }
        }
    }

    #[test]
    fn every_number_of_inputs_and_outputs() {
        for n in 1..=70 {
            check(7, n, 71 - n);
            check(5, 71 - n, n);
        }
    }

    #[test]
    fn every_number_of_rows() {
        for rows in 1..=40 {
            check(rows, 19, 37);
        }
    }

    #[test]
    fn large_ones() {
        check(50, 768, 96);
        check(9, 96, 515);
    }

    #[test]
    fn nothing_in_nothing_out() {
        check(0, 3, 2);
        check(3, 0, 2);
        check(8, 0, 2);
        check(3, 2, 0);
    }
}
