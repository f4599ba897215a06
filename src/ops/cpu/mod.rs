//! What every kernel on the CPU stands on: vectors, the inner loops over them, the choice of instruction set,
//! threads and scratch memory.
//! Nothing here knows of tensors.

mod isa;
pub(crate) mod micro;
pub(crate) mod simd;

pub(crate) use isa::dispatch;
pub use isa::{Isa, UnknownIsa};

use core::cell::RefCell;

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
        // In tests it is NaN, so that a number that a kernel forgets to write cannot go unseen.
        #[cfg(test)]
        lines[..needed].fill(Line([f32::NAN; 16]));
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
