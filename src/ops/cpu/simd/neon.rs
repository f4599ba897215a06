//! The vectors of 64-bit ARM.

use super::Simd;
use core::arch::aarch64::*;

/// NEON, which every 64-bit ARM processor has.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

impl Simd for Neon {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;
    type V = float32x4_t;

    #[inline(always)]
    unsafe fn splat(value: f32) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        // SAFETY: the caller vouches for four floats.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: float32x4_t) {
        // SAFETY: the caller vouches for four floats.
        unsafe { vst1q_f32(to, value) }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn where_negative(v: float32x4_t, below: float32x4_t, otherwise: float32x4_t) -> float32x4_t {
        // SAFETY: registers only, and NEON is always there.
        unsafe { vbslq_f32(vcltzq_f32(v), below, otherwise) }
    }
    #[inline(always)]
    unsafe fn interleave(a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) {
        // SAFETY: registers only, and NEON is always there.
        unsafe { (vzip1q_f32(a, b), vzip2q_f32(a, b)) }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) {
        // SAFETY: registers only, and NEON is always there.
        unsafe { (vuzp1q_f32(a, b), vuzp2q_f32(a, b)) }
    }
    #[inline(always)]
    unsafe fn transpose4(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller vouches for four floats in each of four rows, on both sides.
        unsafe {
            let row = |i: usize| Self::load(from.add(i * from_stride));
            let (a, b, c, d) = (row(0), row(1), row(2), row(3));
            // Pairs of rows, then pairs of pairs: two rounds of interleaving are a transposition.
            let ((a, c), (b, d)) = (Self::interleave(a, c), Self::interleave(b, d));
            let ((a, b), (c, d)) = (Self::interleave(a, b), Self::interleave(c, d));
            for (j, column) in [a, b, c, d].into_iter().enumerate() {
                Self::store(to.add(j * to_stride), column);
            }
        }
    }
}
