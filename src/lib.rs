//! Guise trains a generator on an avatar collection, publishes it as static files, and draws new
//! avatars from it: natively through the `guise` command, and in the browser through the page.
//!
//! `art`, `ops`, `networks`, `weights`, `metrics` and `pipeline` are the portable core. They compile to
//! WebAssembly, take bytes in and give events out, and never touch a file, a clock or a terminal.
//! `data`, `train` and `cli` are the native companion around it. ARCHITECTURE.md is the map.

pub mod art;
pub mod metrics;
pub mod networks;
pub mod ops;
pub mod pipeline;
pub mod weights;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
#[cfg(not(target_arch = "wasm32"))]
pub mod data;
#[cfg(not(target_arch = "wasm32"))]
pub mod train;
