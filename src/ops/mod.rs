//! Tensor functions that have a name in a paper.

pub mod conv2d;
mod cpu;
pub mod cutouts;
mod flex;
pub mod linear;
pub mod modulated_conv2d;
pub mod rectifier;
pub mod resample;
pub mod resize;
pub mod unit_length;
