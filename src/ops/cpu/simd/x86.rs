//! The vectors of x86-64.

use super::Simd;
use core::arch::x86_64::*;

/// AVX-512F.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

impl Simd for Avx512 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;
    type V = __m512;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: as the module says, here and below.
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn where_negative(v: __m512, below: __m512, otherwise: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe {
            let negative = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(v, _mm512_setzero_ps());
            _mm512_mask_blend_ps(negative, otherwise, below)
        }
    }

    #[inline(always)]
    unsafe fn interleave(a: __m512, b: __m512) -> (__m512, __m512) {
        // SAFETY: registers only.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (
                _mm512_permutex2var_ps(a, low, b),
                _mm512_permutex2var_ps(a, high, b),
            )
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: __m512, b: __m512) -> (__m512, __m512) {
        // SAFETY: registers only.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            (
                _mm512_permutex2var_ps(a, even, b),
                _mm512_permutex2var_ps(a, odd, b),
            )
        }
    }

    #[inline(always)]
    unsafe fn pack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: masked loads touch only the columns and rows that the caller vouches for.
        unsafe {
            let mask = (0xffff_u32 >> (16 - columns)) as __mmask16;
            let mut r = [_mm512_setzero_ps(); 16];
            if rows == 16 && columns == 16 {
                for (i, r) in r.iter_mut().enumerate() {
                    *r = _mm512_loadu_ps(from.add(i * from_stride));
                }
            } else {
                for (i, r) in r.iter_mut().enumerate() {
                    if i < rows {
                        *r = _mm512_maskz_loadu_ps(mask, from.add(i * from_stride));
                    }
                }
            }
            let r = transpose(r);
            if columns == 16 {
                for (j, r) in r.iter().enumerate() {
                    _mm512_storeu_ps(to.add(j * to_stride), *r);
                }
            } else {
                for (j, r) in r.iter().enumerate() {
                    if j < columns {
                        _mm512_storeu_ps(to.add(j * to_stride), *r);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn unpack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        // SAFETY: masked stores touch only the rows and columns that the caller vouches for.
        unsafe {
            let mask = (0xffff_u32 >> (16 - rows)) as __mmask16;
            let mut r = [_mm512_setzero_ps(); 16];
            if rows == 16 && columns == 16 {
                for (i, r) in r.iter_mut().enumerate() {
                    *r = _mm512_loadu_ps(from.add(i * from_stride));
                }
                let r = transpose(r);
                for (j, r) in r.iter().enumerate() {
                    _mm512_storeu_ps(to.add(j * to_stride), *r);
                }
            } else {
                for (i, r) in r.iter_mut().enumerate() {
                    if i < rows {
                        *r = _mm512_loadu_ps(from.add(i * from_stride));
                    }
                }
                let r = transpose(r);
                for (j, r) in r.iter().enumerate() {
                    if j < columns {
                        _mm512_mask_storeu_ps(to.add(j * to_stride), mask, *r);
                    }
                }
            }
        }
    }
}

/// Transposes 16 x 16 floats in registers: pairs, fours, then the 128-bit quarters.
#[inline(always)]
unsafe fn transpose(r: [__m512; 16]) -> [__m512; 16] {
    // SAFETY: register to register; the instruction set is the caller's promise.
    unsafe {
        let zero = _mm512_setzero_ps();
        let mut t = [zero; 16];
        for i in 0..8 {
            t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        let mut u = [zero; 16];
        for i in 0..4 {
            let pd = |v| _mm512_castps_pd(v);
            let ps = |v| _mm512_castpd_ps(v);
            u[4 * i] = ps(_mm512_unpacklo_pd(pd(t[4 * i]), pd(t[4 * i + 2])));
            u[4 * i + 1] = ps(_mm512_unpackhi_pd(pd(t[4 * i]), pd(t[4 * i + 2])));
            u[4 * i + 2] = ps(_mm512_unpacklo_pd(pd(t[4 * i + 1]), pd(t[4 * i + 3])));
            u[4 * i + 3] = ps(_mm512_unpackhi_pd(pd(t[4 * i + 1]), pd(t[4 * i + 3])));
        }
        let mut out = [zero; 16];
        for i in 0..4 {
            let a = _mm512_shuffle_f32x4::<0x88>(u[i], u[i + 4]);
            let b = _mm512_shuffle_f32x4::<0x88>(u[i + 8], u[i + 12]);
            let c = _mm512_shuffle_f32x4::<0xdd>(u[i], u[i + 4]);
            let d = _mm512_shuffle_f32x4::<0xdd>(u[i + 8], u[i + 12]);
            out[i] = _mm512_shuffle_f32x4::<0x88>(a, b);
            out[i + 4] = _mm512_shuffle_f32x4::<0x88>(c, d);
            out[i + 8] = _mm512_shuffle_f32x4::<0xdd>(a, b);
            out[i + 12] = _mm512_shuffle_f32x4::<0xdd>(c, d);
        }
        out
    }
}

/// AVX2 with FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

impl Simd for Avx2 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;
    type V = __m256;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: as the module says, here and below.
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn where_negative(v: __m256, below: __m256, otherwise: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe {
            let negative = _mm256_cmp_ps::<_CMP_LT_OQ>(v, _mm256_setzero_ps());
            _mm256_blendv_ps(otherwise, below, negative)
        }
    }
    #[inline(always)]
    unsafe fn transpose4(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: the caller vouches for four floats in each of four rows, on both sides.
        unsafe {
            let row = |i: usize| _mm_loadu_ps(from.add(i * from_stride));
            let (mut a, mut b, mut c, mut d) = (row(0), row(1), row(2), row(3));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            for (j, column) in [a, b, c, d].into_iter().enumerate() {
                _mm_storeu_ps(to.add(j * to_stride), column);
            }
        }
    }
    #[inline(always)]
    unsafe fn interleave(a: __m256, b: __m256) -> (__m256, __m256) {
        // SAFETY: registers only.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            (
                _mm256_permute2f128_ps::<0x20>(low, high),
                _mm256_permute2f128_ps::<0x31>(low, high),
            )
        }
    }
    #[inline(always)]
    unsafe fn deinterleave(a: __m256, b: __m256) -> (__m256, __m256) {
        // SAFETY: registers only.
        unsafe {
            let (low, high) = (
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
            (
                _mm256_shuffle_ps::<0x88>(low, high),
                _mm256_shuffle_ps::<0xdd>(low, high),
            )
        }
    }
}
