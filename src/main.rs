//! The native companion: `guise --help` lists what it does.

use std::process::ExitCode;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> ExitCode {
    guise::cli::main()
}

#[cfg(target_arch = "wasm32")]
fn main() -> ExitCode {
    // The companion needs a file system; in the browser the `web` crate takes its place.
    ExitCode::FAILURE
}
