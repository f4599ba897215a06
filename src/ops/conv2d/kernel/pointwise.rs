//! 1x1 convolutions with few channels on one side, as those from and to a picture's colors have them: matrix
//! products on the planes as they lie. Packing them to blocks of channels would take longer than the
//! products.

use super::{DirectView, around::Around};
use crate::ops::cpu::simd::Simd;

type Range = core::ops::Range<usize>;

/// Pixels that a task takes: those of a few planes stay in the first-level cache.
const CHUNK: usize = 1024;

/// The sizes of a 1x1 convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pointwise {
    /// Pictures.
    pub n: usize,
    /// Input channels.
    pub c: usize,
    /// Output channels.
    pub k: usize,
    /// Pixels of a plane.
    pub pixels: usize,
}

impl Pointwise {
    /// Whether this is the way to go: little to multiply, and no plane shorter than two vectors.
    pub(crate) fn serves(&self) -> bool {
        (1..=4).contains(&self.c.min(self.k)) && self.pixels >= 32
    }

    /// Tasks that a picture is divided into.
    pub(crate) fn chunks(&self) -> usize {
        (self.pixels / CHUNK).max(1)
    }

    /// The pixels of one of them; the last takes what is left over, so that none is shorter than two vectors.
    fn chunk(&self, index: usize) -> Range {
        let end = match index + 1 == self.chunks() {
            true => self.pixels,
            false => (index + 1) * CHUNK,
        };
        index * CHUNK..end
    }
}

/// Where the first of the vectors lies that cover `range`, `step` floats at a time: the last covers some
/// pixels again.
#[inline(always)]
fn vectors(range: Range, step: usize) -> impl Iterator<Item = usize> {
    let last = range.end - step;
    range.step_by(step).map(move |at| at.min(last))
}

/// Computes one chunk of one picture's outputs: `y[k][p] = sum over c of weight[k][c] x[c][p]`.
///
/// # Safety
/// `x [n, c, pixels]`, a weight that `view` says and `y [n, k, pixels]` must be there, `scratch` must have
/// room for `k c` floats, nothing else may write this chunk, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn forward<S: Simd>(
    p: &Pointwise,
    x: *const f32,
    weight: *const f32,
    view: DirectView,
    y: *mut f32,
    task: usize,
    around: Around,
    scratch: *mut f32,
) {
    let (image, chunk) = (task / p.chunks(), p.chunk(task % p.chunks()));
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        for c in 0..p.c {
            let factor = factor(around, p, image, c);
            for k in 0..p.k {
                *scratch.add(k * p.c + c) = *weight.add(k * view.out_stride + c * view.in_stride) * factor;
            }
        }
        let x = x.add(image * p.c * p.pixels);
        let y = y.add(image * p.k * p.pixels);
        let noise = around.after.and_then(|after| after.noise(image, p.pixels, 0));
        let mut row = 0;
        macro_rules! rows_of {
            ($rows:literal) => {
                while p.k - row >= $rows {
                    let lanes = |k: usize| {
                        let blocks = p.k.div_ceil(16);
                        around
                            .after
                            .map(|after| &after.lanes[image * blocks + k / 16])
                    };
                    for at in vectors(chunk.clone(), S::LANES * 2) {
                        let sums = products::<S, $rows>(p, x.add(at), scratch.add(row * p.c));
                        for (r, sums) in sums.iter().enumerate() {
                            let k = row + r;
                            let to = y.add(k * p.pixels + at);
                            for (v, &sum) in sums.iter().enumerate() {
                                let mut value = sum;
                                if let Some(lanes) = lanes(k) {
                                    let end = lanes.end_of_channel::<S>(k % 16);
                                    let noise = match noise {
                                        Some(noise) => Some(S::load(noise.as_ptr().add(at + v * S::LANES))),
                                        None => None,
                                    };
                                    value = end.of(sum, noise);
                                }
                                S::store(to.add(v * S::LANES), value);
                            }
                        }
                    }
                    row += $rows;
                }
            };
        }
        rows_of!(4);
        rows_of!(3);
        rows_of!(1);
    }
}

/// What one channel of one picture is multiplied with before the convolution.
fn factor(around: Around, p: &Pointwise, image: usize, c: usize) -> f32 {
    around
        .before(image, p.c, c / 16)
        .map_or(1.0, |line| line.0[c % 16])
}

/// `sum over c of weight[r][c] x[c]` for `R` rows and two vectors of pixels.
#[inline(always)]
unsafe fn products<S: Simd, const R: usize>(
    p: &Pointwise,
    x: *const f32,
    weight: *const f32,
) -> [[S::V; 2]; R] {
    // SAFETY: the caller vouches for all addresses.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; R];
        for c in 0..p.c {
            let from = x.add(c * p.pixels);
            let column = [S::load(from), S::load(from.add(S::LANES))];
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = S::splat(*weight.add(r * p.c + c));
                for v in 0..2 {
                    sums[v] = S::mul_add(value, column[v], sums[v]);
                }
            }
        }
        sums
    }
}

/// Adds one chunk of one picture to the gradient of the weights, `sums[k][c] += sum over p of grad[k][p]
/// x[c][p]`, or sets it when it is `fresh`; what is before the convolution in `around` was done to `x`.
///
/// # Safety
/// `x [n, c, pixels]`, `grad [n, k, pixels]` and `sums [k, c]` must be there, nothing else may touch `sums`,
/// and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn weight_grad<S: Simd>(
    p: &Pointwise,
    x: *const f32,
    grad: *const f32,
    sums: *mut f32,
    task: usize,
    around: Around,
    fresh: bool,
) {
    let (image, chunk) = (task / p.chunks(), p.chunk(task % p.chunks()));
    let whole = chunk.len() / S::LANES * S::LANES;
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        let x = x.add(image * p.c * p.pixels + chunk.start);
        let grad = grad.add(image * p.k * p.pixels + chunk.start);
        let mut row = 0;
        macro_rules! rows_of {
            ($rows:literal) => {
                while p.k - row >= $rows {
                    for c in 0..p.c {
                        let factor = factor(around, p, image, c);
                        let x = x.add(c * p.pixels);
                        let grad = grad.add(row * p.pixels);
                        let mut vectors = [S::splat(0.0); $rows];
                        for at in (0..whole).step_by(S::LANES) {
                            let value = S::load(x.add(at));
                            for (r, sum) in vectors.iter_mut().enumerate() {
                                *sum = S::mul_add(S::load(grad.add(r * p.pixels + at)), value, *sum);
                            }
                        }
                        for (r, vector) in vectors.iter().enumerate() {
                            let mut lanes = [0.0_f32; 16];
                            S::store(lanes.as_mut_ptr(), *vector);
                            let mut sum: f32 = lanes.iter().sum();
                            for at in whole..chunk.len() {
                                sum += *grad.add(r * p.pixels + at) * *x.add(at);
                            }
                            sum *= factor;
                            let to = sums.add((row + r) * p.c + c);
                            *to = if fresh { sum } else { *to + sum };
                        }
                    }
                    row += $rows;
                }
            };
        }
        rows_of!(4);
        rows_of!(3);
        rows_of!(1);
    }
}
