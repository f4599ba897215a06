//! The vector instructions that the kernels are written over: one small trait, one type per instruction set.
//!
//! Every function is `unsafe` for the same two reasons: the caller must have made sure that the processor has
//! the instruction set (the dispatchers in [`super`] do, once per call), and pointers must be valid for the
//! lanes named. They are `#[inline(always)]` so that they become part of a caller that was compiled with the
//! instruction set enabled; called from anywhere else they would still be correct, only slow.

/// Holds a caller to what a function asks for. An implementation may rely on it in ways that others do not,
/// so that a breach shows on some processors only: it is checked for all of them alike, in tests and in
/// builds with debug assertions.
macro_rules! contract {
    ($holds:expr) => {
        if cfg!(any(test, debug_assertions)) {
            assert!($holds, "contract broken: {}", stringify!($holds));
        }
    };
}

/// A vector of [`Simd::LANES`] single-precision floats. `LANES` divides 16, the width of a channel block.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Floats in a vector.
    const LANES: usize;
    /// Vectors that can be at hand at once. WebAssembly has no such limit, but what it is compiled to has:
    /// with more than 16, or with 12 sums, the inner loops run at half the speed in Chromium on x86-64.
    const REGISTERS: usize;
    /// The vector itself.
    type V: Copy;

    /// All lanes equal to `value`.
    unsafe fn splat(value: f32) -> Self::V;
    /// Reads `LANES` floats; no alignment is needed.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Writes `LANES` floats; no alignment is needed.
    unsafe fn store(to: *mut f32, value: Self::V);
    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instruction set can.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `below` where `v` is less than zero, `otherwise` elsewhere, NaN included.
    unsafe fn where_negative(v: Self::V, below: Self::V, otherwise: Self::V) -> Self::V;

    /// `a0 b0 a1 b1 ...`, as two vectors.
    #[inline(always)]
    unsafe fn interleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the arrays are long enough for any vector.
        unsafe {
            let (mut from, mut to) = ([[0.0_f32; 16]; 2], [0.0_f32; 32]);
            Self::store(from[0].as_mut_ptr(), a);
            Self::store(from[1].as_mut_ptr(), b);
            for i in 0..Self::LANES {
                (to[2 * i], to[2 * i + 1]) = (from[0][i], from[1][i]);
            }
            (Self::load(to.as_ptr()), Self::load(to.as_ptr().add(Self::LANES)))
        }
    }

    /// The way back: the even and the odd floats of two vectors.
    #[inline(always)]
    unsafe fn deinterleave(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: the arrays are long enough for any vector.
        unsafe {
            let (mut from, mut to) = ([0.0_f32; 32], [[0.0_f32; 16]; 2]);
            Self::store(from.as_mut_ptr(), a);
            Self::store(from.as_mut_ptr().add(Self::LANES), b);
            for i in 0..Self::LANES {
                (to[0][i], to[1][i]) = (from[2 * i], from[2 * i + 1]);
            }
            (Self::load(to[0].as_ptr()), Self::load(to[1].as_ptr()))
        }
    }

    /// Transposes 4 x 4 floats: `to[j * to_stride + i] = from[i * from_stride + j]`.
    #[inline(always)]
    unsafe fn transpose4(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller vouches for four floats in each of four rows, on both sides.
        unsafe {
            for i in 0..4 {
                for j in 0..4 {
                    *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
                }
            }
        }
    }

    /// Transposes `rows x columns` floats, both at most 16: `to[j * to_stride + i] = from[i * from_stride +
    /// j]`. Rows from `rows` to 15 are taken as zero, so that 16 floats are written for each column.
    #[inline(always)]
    unsafe fn pack16(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        contract!(rows <= 16 && columns <= 16);
        contract!(columns <= 1 || to_stride >= 16);
        // SAFETY: the contract is the same.
        unsafe { Self::pack_block(from, from_stride, rows, columns, to, to_stride) }
    }

    /// What [`pack16`](Self::pack16) does once its contract holds; this is what implementations replace.
    #[inline(always)]
    unsafe fn pack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller vouches for `rows x columns` floats at `from` and 16 at each `to + j *
        // to_stride`.
        unsafe {
            let whole = if rows == 16 { columns / 4 * 4 } else { 0 };
            for j in (0..whole).step_by(4) {
                for i in (0..16).step_by(4) {
                    let from = from.add(i * from_stride + j);
                    Self::transpose4(from, from_stride, to.add(j * to_stride + i), to_stride);
                }
            }
            for j in whole..columns {
                for i in 0..16 {
                    *to.add(j * to_stride + i) = if i < rows {
                        *from.add(i * from_stride + j)
                    } else {
                        0.0
                    };
                }
            }
        }
    }

    /// The way back: `to[j * to_stride + i] = from[i * from_stride + j]` for 16 floats in each of `rows`
    /// rows, of which the first `columns` are written. Both are at most 16.
    #[inline(always)]
    unsafe fn unpack16(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        contract!(rows <= 16 && columns <= 16);
        contract!(columns <= 1 || to_stride >= rows);
        // SAFETY: the contract is the same.
        unsafe { Self::unpack_block(from, from_stride, rows, columns, to, to_stride) }
    }

    /// What [`unpack16`](Self::unpack16) does once its contract holds; this is what implementations replace.
    #[inline(always)]
    unsafe fn unpack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: the caller vouches for 16 floats in each of `rows` rows, and `rows` at each `to + j *
        // to_stride`.
        unsafe {
            let (whole_rows, whole_columns) = (rows / 4 * 4, columns / 4 * 4);
            for i in (0..whole_rows).step_by(4) {
                for j in (0..whole_columns).step_by(4) {
                    let from = from.add(i * from_stride + j);
                    Self::transpose4(from, from_stride, to.add(j * to_stride + i), to_stride);
                }
            }
            for j in 0..columns {
                let done = if j < whole_columns { whole_rows } else { 0 };
                for i in done..rows {
                    *to.add(j * to_stride + i) = *from.add(i * from_stride + j);
                }
            }
        }
    }
}

/// Four floats in plain Rust: what is left when a processor has none of the others.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

impl Simd for Plain {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;
    type V = [f32; 4];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        [value; 4]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four floats.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::V) {
        // SAFETY: the caller vouches for four floats.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        core::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        core::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        core::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        core::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn where_negative(v: Self::V, below: Self::V, otherwise: Self::V) -> Self::V {
        core::array::from_fn(|i| if v[i] < 0.0 { below[i] } else { otherwise[i] })
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod soft;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use soft::Soft;

#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use wasm::Simd128;

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
