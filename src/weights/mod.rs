//! The published bundle: GGUF in and out, manifest, name and shape checks, quantization.
//!
//! Everything here takes bytes that somebody else may have written. Nothing is allocated because a
//! file says so: sizes are compared with the bytes that are really there first.

mod error;
pub mod params;

pub use error::Error;
pub use params::{Tensors, apply, collect};
