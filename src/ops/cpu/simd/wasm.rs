//! The vectors of WebAssembly.

use super::Simd;
use core::arch::wasm32::*;

/// Fixed-width SIMD of 128 bits, and of relaxed SIMD the one instruction that fuses a multiplication and an
/// addition. For browsers without it `web/plain.mjs` makes two instructions of it after the build, so nothing
/// else of relaxed SIMD may be used here.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

impl Simd for Simd128 {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    type V = v128;

    #[inline(always)]
    unsafe fn splat(value: f32) -> v128 {
        f32x4_splat(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> v128 {
        // SAFETY: the caller vouches for four floats.
        unsafe { v128_load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: v128) {
        // SAFETY: the caller vouches for four floats.
        unsafe { v128_store(to.cast(), value) }
    }
    #[inline(always)]
    unsafe fn add(a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }
    #[inline(always)]
    unsafe fn mul(a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    unsafe fn mul_add(a: v128, b: v128, c: v128) -> v128 {
        f32x4_relaxed_madd(a, b, c)
    }
    #[inline(always)]
    unsafe fn where_negative(v: v128, below: v128, otherwise: v128) -> v128 {
        v128_bitselect(below, otherwise, f32x4_lt(v, f32x4_splat(0.0)))
    }
    #[inline(always)]
    unsafe fn interleave(a: v128, b: v128) -> (v128, v128) {
        (
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
        )
    }
    #[inline(always)]
    unsafe fn deinterleave(a: v128, b: v128) -> (v128, v128) {
        (
            i32x4_shuffle::<0, 2, 4, 6>(a, b),
            i32x4_shuffle::<1, 3, 5, 7>(a, b),
        )
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
