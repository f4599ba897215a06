//! The geometries of real instruction sets in plain Rust, so that tests on any machine run the kernels as
//! every processor will.

use super::Simd;

/// Vectors of `LANES` floats, of which the kernels believe that `REGISTERS` are at hand. Blocks are
/// transposed through 16 x 16 floats as AVX-512 does it: what lies beyond them is out of bounds. With fewer
/// `ROWS` than 16 it forgets the rows after them, which makes a broken set for tests.
#[derive(Clone, Copy)]
pub(crate) struct Soft<const LANES: usize, const REGISTERS: usize, const ROWS: usize = 16>;

impl<const LANES: usize, const REGISTERS: usize, const ROWS: usize> Simd for Soft<LANES, REGISTERS, ROWS> {
    const LANES: usize = LANES;
    const REGISTERS: usize = REGISTERS;
    type V = [f32; LANES];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::V {
        [value; LANES]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller vouches for all lanes.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::V) {
        // SAFETY: the caller vouches for all lanes.
        unsafe { to.cast::<Self::V>().write_unaligned(value) }
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

    unsafe fn pack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        let mut block = [[0.0_f32; 16]; 16];
        // SAFETY: only the rows and columns that the caller vouches for are touched.
        unsafe {
            for (i, row) in block.iter_mut().enumerate().take(rows.min(ROWS)) {
                for (j, value) in row[..columns].iter_mut().enumerate() {
                    *value = *from.add(i * from_stride + j);
                }
            }
            for j in 0..columns {
                for (i, row) in block.iter().enumerate() {
                    *to.add(j * to_stride + i) = row[j];
                }
            }
        }
    }

    unsafe fn unpack_block(
        from: *const f32,
        from_stride: usize,
        rows: usize,
        columns: usize,
        to: *mut f32,
        to_stride: usize,
    ) {
        let mut block = [[0.0_f32; 16]; 16];
        // SAFETY: only the rows and columns that the caller vouches for are touched.
        unsafe {
            for (i, row) in block[..rows].iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = *from.add(i * from_stride + j);
                }
            }
            for j in 0..columns {
                for (i, row) in block[..rows].iter().enumerate() {
                    *to.add(j * to_stride + i) = row[j];
                }
            }
        }
    }
}

/// Every instruction set's own versions of what the trait also defines, against those definitions.
#[cfg(test)]
mod tests {
    use crate::ops::cpu::{Isa, dispatch};

    /// What `pack16` and `unpack16` make of every size, and `interleave` and its reverse of one pair of
    /// vectors.
    mod everything {
        use super::super::super::Simd;

        /// # Safety
        /// The processor must have `S`.
        #[inline(always)]
        pub unsafe fn check<S: Simd>(name: &str) {
            let from: Vec<f32> = (0..16 * 19).map(|i| i as f32 + 1.0).collect();
            for rows in 0..=16 {
                for columns in 0..=16 {
                    let mut packed = vec![f32::NAN; 16 * 17];
                    // SAFETY: sixteen rows of nineteen floats, and sixteen columns of seventeen, are there.
                    unsafe { S::pack16(from.as_ptr(), 19, rows, columns, packed.as_mut_ptr(), 17) };
                    for (at, value) in packed.iter().enumerate() {
                        let (j, i) = (at / 17, at % 17);
                        let expected = match (j < columns && i < 16, i < rows) {
                            (true, true) => from[i * 19 + j],
                            (true, false) => 0.0,
                            (false, _) => f32::NAN,
                        };
                        assert!(
                            value.to_bits() == expected.to_bits(),
                            "{name}: pack16 of {rows} x {columns} at {j}, {i}: {value}, expected {expected}"
                        );
                    }
                    let mut unpacked = vec![f32::NAN; 16 * 17];
                    // SAFETY: as above.
                    unsafe { S::unpack16(from.as_ptr(), 19, rows, columns, unpacked.as_mut_ptr(), 17) };
                    for (at, value) in unpacked.iter().enumerate() {
                        let (j, i) = (at / 17, at % 17);
                        let written = j < columns && i < rows;
                        let expected = if written { from[i * 19 + j] } else { f32::NAN };
                        assert!(
                            value.to_bits() == expected.to_bits(),
                            "{name}: unpack16 of {rows} x {columns} at {j}, {i}: {value}, expected {expected}"
                        );
                    }
                }
            }
            let (mut woven, mut back) = ([0.0_f32; 32], [0.0_f32; 32]);
            // SAFETY: the arrays hold two vectors of any set.
            unsafe {
                let (a, b) = (S::load(from.as_ptr()), S::load(from.as_ptr().add(S::LANES)));
                let (low, high) = S::interleave(a, b);
                S::store(woven.as_mut_ptr(), low);
                S::store(woven.as_mut_ptr().add(S::LANES), high);
                let (even, odd) = S::deinterleave(low, high);
                S::store(back.as_mut_ptr(), even);
                S::store(back.as_mut_ptr().add(S::LANES), odd);
            }
            for i in 0..S::LANES {
                let pair = [woven[2 * i], woven[2 * i + 1]];
                assert_eq!(pair, [from[i], from[S::LANES + i]], "{name}: interleave");
            }
            assert_eq!(back[..2 * S::LANES], from[..2 * S::LANES], "{name}: deinterleave");
        }
    }

    #[test]
    fn every_set_moves_floats_as_defined() {
        for isa in Isa::tested() {
            let check = dispatch!(isa, fn check(name: &str) = everything::check);
            // SAFETY: the processor has the set.
            unsafe { check(isa.name()) };
        }
    }

    #[test]
    fn a_broken_contract_is_seen_on_every_set() {
        mod broken {
            use super::super::super::Simd;

            /// # Safety
            /// The processor must have `S`.
            #[inline(always)]
            pub unsafe fn pack17<S: Simd>(from: *const f32, to: *mut f32) {
                // SAFETY: the memory is there; what is broken is the number of columns.
                unsafe { S::pack16(from, 17, 16, 17, to, 16) }
            }
        }
        for isa in Isa::tested() {
            let pack17 = dispatch!(isa, fn pack17(from: *const f32, to: *mut f32) = broken::pack17);
            let seen = std::panic::catch_unwind(|| {
                let (from, mut to) = ([0.0_f32; 16 * 17], [0.0_f32; 16 * 17]);
                // SAFETY: the processor has the set.
                unsafe { pack17(from.as_ptr(), to.as_mut_ptr()) };
            });
            assert!(seen.is_err(), "{isa:?}");
        }
    }
}
