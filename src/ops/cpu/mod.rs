//! What every kernel on the CPU stands on: vectors, the inner loops over them, the choice of instruction set, threads and
//! scratch memory.
//! Nothing here knows of tensors.

pub(crate) mod micro;
pub(crate) mod simd;

use core::cell::RefCell;
use std::sync::OnceLock;

/// The instruction sets that a kernel can be run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// Plain Rust, on any processor.
    Plain,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 128 bits of WebAssembly, with relaxed multiply-add.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// 128 bits of 64-bit ARM.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// All that this processor has, the best first.
    #[allow(
        clippy::vec_init_then_push,
        reason = "what is pushed depends on the target and the processor"
    )]
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        found.push(Self::Simd128);
        #[cfg(target_arch = "aarch64")]
        found.push(Self::Neon);
        found.push(Self::Plain);
        found
    }

    /// The best that this processor has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }
}

/// Sixteen floats on a cache line of their own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; 16]);

thread_local! {
    static SCRATCH: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` floats of this thread's scratch memory; what they hold is whatever was left there.
pub(crate) fn scratch<T>(len: usize, work: impl FnOnce(*mut f32) -> T) -> T {
    SCRATCH.with_borrow_mut(|lines| {
        let needed = len.div_ceil(16);
        if lines.len() < needed {
            lines.resize(needed, Line([0.0; 16]));
        }
        work(lines.as_mut_ptr().cast())
    })
}

/// A pointer that tasks share while each writes a part of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared(pub(crate) *mut f32);

// SAFETY: every use below hands disjoint parts to the tasks, and waits for them all.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn get(&self) -> *mut f32 {
        self.0
    }
}

/// Runs `task` for `0..count`, on all threads where there are any.
pub(crate) fn for_each(count: usize, task: impl Fn(usize) + Sync + Send) {
    #[cfg(not(target_arch = "wasm32"))]
    if count > 1 && rayon::current_num_threads() > 1 {
        use rayon::prelude::*;
        (0..count).into_par_iter().with_max_len(1).for_each(task);
        return;
    }
    (0..count).for_each(task);
}

/// Threads that [`for_each`] spreads over.
pub(crate) fn threads() -> usize {
    #[cfg(not(target_arch = "wasm32"))]
    return rayon::current_num_threads();
    #[cfg(target_arch = "wasm32")]
    1
}

/// Calls `$kernel::<S>($args)` compiled for the instruction set `$isa`.
macro_rules! dispatch {
    ($isa:expr, fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $module:ident :: $kernel:ident) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the caller's promise, with the instruction set now enabled.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Avx512>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Avx2>($($arg),*) }
        }
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        #[target_feature(enable = "relaxed-simd")]
        unsafe fn simd128($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above; a browser that runs the program has it, or got the build without.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Simd128>($($arg),*) }
        }
        #[cfg(target_arch = "aarch64")]
        unsafe fn neon($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above; the whole program is compiled for it.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Neon>($($arg),*) }
        }
        unsafe fn plain($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above.
            unsafe { $module::$kernel::<$crate::ops::cpu::simd::Plain>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::ops::cpu::Isa::Avx512 => avx512 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(target_arch = "x86_64")]
            $crate::ops::cpu::Isa::Avx2 => avx2 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            $crate::ops::cpu::Isa::Simd128 => simd128 as unsafe fn($($ty),*) $(-> $ret)?,
            #[cfg(target_arch = "aarch64")]
            $crate::ops::cpu::Isa::Neon => neon as unsafe fn($($ty),*) $(-> $ret)?,
            $crate::ops::cpu::Isa::Plain => plain as unsafe fn($($ty),*) $(-> $ret)?,
        }
    }};
}

pub(crate) use dispatch;
