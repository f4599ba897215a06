//! The engine: a dedicated worker that fetches the model, holds the tensors and draws.

unsafe extern "C" {
    /// Runs what the program's static constructors registered: burn's kernels. Made by the linker.
    fn __wasm_call_ctors();
}

fn main() {
    // Unless a program calls its constructors itself, the linker wraps every export so that each call from
    // JavaScript runs all of them again: burn's tables then grow with every message and everything slows
    // down.
    //
    // SAFETY: the linker defines this function, it takes nothing and gives nothing, and it runs here once,
    // before anything reads what it registers.
    unsafe { __wasm_call_ctors() };
    guise_web::engine::run();
}
