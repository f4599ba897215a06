//! Tensor functions that have a name in a paper.

pub mod affine_sample;
mod bilinear;
pub mod cholesky;
pub mod conv2d;
mod cpu;
pub mod cutouts;
pub mod erf_inverse;
mod flex;
#[cfg(any(target_arch = "wasm32", feature = "gpu"))]
mod gpu;
pub mod linear;
pub mod modulated_conv2d;
pub mod on_gray;
pub mod random;
pub mod rectifier;
pub mod resample;
pub mod resize;
pub mod unit_length;

pub use cpu::{Isa, UnknownIsa};
