//! The native companion: `guise --help` lists what it does.

use std::process::ExitCode;

/// Tensors come and go by the megabyte. The system's allocator may give such pieces back at once, and having
/// them zeroed again by the kernel took a third of the time of drawing eight pictures.
#[cfg(not(target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> ExitCode {
    guise::cli::main()
}

#[cfg(target_arch = "wasm32")]
fn main() -> ExitCode {
    // The companion needs a file system; in the browser the `web` crate takes its place.
    ExitCode::FAILURE
}
