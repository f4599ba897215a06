//! The transforms of Winograd's filtering, in one dimension and in two, and the weights' way through them.

use super::group_width;
use crate::ops::cpu::simd::Simd;

/// `B^T d`, one dimension of the input transform.
#[inline(always)]
pub(super) unsafe fn input_1d<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [d0, d1, d2, d3, d4, d5] = d;
        let four = S::splat(4.0);
        let minus_four = S::splat(-4.0);
        let minus_five = S::splat(-5.0);
        let two = S::splat(2.0);
        let minus_two = S::splat(-2.0);
        let even = S::mul_add(minus_four, d2, d4);
        let odd = S::mul_add(minus_four, d1, d3);
        let outer = S::sub(d4, d2);
        let inner = S::sub(d3, d1);
        [
            S::mul_add(four, d0, S::mul_add(minus_five, d2, d4)),
            S::add(even, odd),
            S::sub(even, odd),
            S::mul_add(two, inner, outer),
            S::mul_add(minus_two, inner, outer),
            S::mul_add(four, d1, S::mul_add(minus_five, d3, d5)),
        ]
    }
}

/// `A^T m`, one dimension of the output transform.
#[inline(always)]
pub(super) unsafe fn output_1d<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [m0, m1, m2, m3, m4, m5] = m;
        let near = S::add(m1, m2);
        let near_odd = S::sub(m1, m2);
        let far = S::add(m3, m4);
        let far_odd = S::sub(m3, m4);
        [
            S::add(S::add(m0, near), far),
            S::mul_add(S::splat(2.0), far_odd, near_odd),
            S::mul_add(S::splat(4.0), far, near),
            S::add(S::mul_add(S::splat(8.0), far_odd, near_odd), m5),
        ]
    }
}

/// `A y`, one dimension of the transform of an output gradient.
#[inline(always)]
pub(super) unsafe fn output_grad_1d<S: Simd>(y: [S::V; 4]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [y0, y1, y2, y3] = y;
        let even = S::add(y0, y2);
        let odd = S::add(y1, y3);
        let far_even = S::mul_add(S::splat(4.0), y2, y0);
        let far_odd = S::mul_add(S::splat(8.0), y3, S::add(y1, y1));
        [
            y0,
            S::add(even, odd),
            S::sub(even, odd),
            S::add(far_even, far_odd),
            S::sub(far_even, far_odd),
            y3,
        ]
    }
}

/// `G g`, one dimension of the weight transform.
#[inline(always)]
pub(super) unsafe fn weight_1d<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [g0, g1, g2] = g;
        let sixth = S::splat(-1.0 / 6.0);
        let near = S::mul(S::add(g0, g2), sixth);
        let near_odd = S::mul(g1, sixth);
        let far = S::mul_add(g0, S::splat(1.0 / 24.0), S::mul(g2, S::splat(1.0 / 6.0)));
        let far_odd = S::mul(g1, S::splat(1.0 / 12.0));
        [
            S::mul(g0, S::splat(0.25)),
            S::add(near, near_odd),
            S::sub(near, near_odd),
            S::add(far, far_odd),
            S::sub(far, far_odd),
            g2,
        ]
    }
}

/// `G^T u`, one dimension of the way back for weight gradients.
#[inline(always)]
pub(super) unsafe fn weight_grad_1d<S: Simd>(u: [S::V; 6]) -> [S::V; 3] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        let [u0, u1, u2, u3, u4, u5] = u;
        let near = S::mul(S::add(u1, u2), S::splat(-1.0 / 6.0));
        let near_odd = S::sub(u2, u1);
        let far = S::add(u3, u4);
        let far_odd = S::sub(u3, u4);
        [
            S::mul_add(u0, S::splat(0.25), S::mul_add(far, S::splat(1.0 / 24.0), near)),
            S::mul_add(
                near_odd,
                S::splat(1.0 / 6.0),
                S::mul(far_odd, S::splat(1.0 / 12.0)),
            ),
            S::add(S::mul_add(far, S::splat(1.0 / 6.0), near), u5),
        ]
    }
}

/// Where the weight of output channel `k`, input channel `c` and tap `0..9` lies.
#[derive(Clone, Copy)]
pub(crate) struct WeightView {
    /// Floats between output channels.
    pub k_stride: usize,
    /// Floats between input channels.
    pub c_stride: usize,
    /// Whether the taps are read backwards, as the gradient of the input needs them.
    pub flipped: bool,
}

/// Transforms the weights of `c` input channels and the `block`th 16 of `k` output channels into their place
/// in `U`.
///
/// # Safety
/// `weight` must hold what `view` says, `u` [`u_len`](super::u_len) floats, and the processor must have `S`.
#[inline(always)]
pub(crate) unsafe fn transform_weights<S: Simd>(
    [k, c]: [usize; 2],
    weight: *const f32,
    view: WeightView,
    block: usize,
    u: *mut f32,
) {
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        let k_blocks = k.div_ceil(16);
        // Find the group that this block belongs to.
        let mut first = 0;
        let mut width = group_width::<S>(k_blocks);
        while first + width <= block {
            first += width;
            width = group_width::<S>(k_blocks - first);
        }
        let lanes = (k - block * 16).min(16);
        let xi_stride = c * k_blocks * 16;
        let mut g = [[0.0_f32; 16]; 9];
        for channel in 0..c {
            for lane in 0..lanes {
                let from = weight.add((block * 16 + lane) * view.k_stride + channel * view.c_stride);
                if view.flipped {
                    for tap in 0..9 {
                        g[tap][lane] = *from.add(8 - tap);
                    }
                } else {
                    for tap in 0..9 {
                        g[tap][lane] = *from.add(tap);
                    }
                }
            }
            let to = u.add(first * c * 16 + channel * width * 16 + (block - first) * 16);
            let mut l = 0;
            while l < 16 {
                let at = |tap: usize| S::load(g[tap].as_ptr().add(l));
                let mut half = [[S::splat(0.0); 6]; 3];
                for (j, half) in half.iter_mut().enumerate() {
                    *half = weight_1d::<S>([at(j), at(3 + j), at(6 + j)]);
                }
                for i in 0..6 {
                    let row = weight_1d::<S>([half[0][i], half[1][i], half[2][i]]);
                    for (j, value) in row.iter().enumerate() {
                        S::store(to.add((i * 6 + j) * xi_stride + l), *value);
                    }
                }
                l += S::LANES;
            }
        }
    }
}

/// Transforms the 6x6 piece whose corner is at `from` into the 36 vectors at `to`.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd>(from: *const f32, columns: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the piece and for the place.
    unsafe {
        let mut l = 0;
        while l < 16 {
            let mut half = [[S::splat(0.0); 6]; 6];
            for j in 0..6 {
                let at = |i: usize| S::load(from.add((i * columns + j) * 16 + l));
                half[j] = input_1d::<S>([at(0), at(1), at(2), at(3), at(4), at(5)]);
            }
            for i in 0..6 {
                let row = input_1d::<S>([
                    half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
                ]);
                for (j, value) in row.iter().enumerate() {
                    S::store(to.add((i * 6 + j) * 16 + l), *value);
                }
            }
            l += S::LANES;
        }
    }
}

/// Transforms the 4x4 gradient whose corner is at `from` into the 36 vectors at `to`.
#[inline(always)]
pub(super) unsafe fn transform_output_grad<S: Simd>(from: *const f32, columns: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the piece and for the place.
    unsafe {
        let mut l = 0;
        while l < 16 {
            let mut half = [[S::splat(0.0); 6]; 4];
            for j in 0..4 {
                let at = |i: usize| S::load(from.add((i * columns + j) * 16 + l));
                half[j] = output_grad_1d::<S>([at(0), at(1), at(2), at(3)]);
            }
            for i in 0..6 {
                let row = output_grad_1d::<S>([half[0][i], half[1][i], half[2][i], half[3][i]]);
                for (j, value) in row.iter().enumerate() {
                    S::store(to.add((i * 6 + j) * 16 + l), *value);
                }
            }
            l += S::LANES;
        }
    }
}

/// The first half of the way back of 36 vectors, those of lanes `l..l + S::LANES`: along the columns.
/// [`output_row`] is the second.
#[inline(always)]
pub(super) unsafe fn output_columns<S: Simd>(from: *const f32, l: usize) -> [[S::V; 4]; 6] {
    // SAFETY: the caller vouches for the 36 vectors.
    unsafe {
        let mut half = [[S::splat(0.0); 4]; 6];
        for j in 0..6 {
            let at = |i: usize| S::load(from.add((i * 6 + j) * 16 + l));
            half[j] = output_1d::<S>([at(0), at(1), at(2), at(3), at(4), at(5)]);
        }
        half
    }
}

/// The outputs of row `i` of four.
#[inline(always)]
pub(super) unsafe fn output_row<S: Simd>(half: &[[S::V; 4]; 6], i: usize) -> [S::V; 4] {
    // SAFETY: registers only; the instruction set is the caller's promise.
    unsafe {
        output_1d::<S>([
            half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i],
        ])
    }
}
