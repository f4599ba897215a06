//! Tensor functions that have a name in a paper.

pub mod conv2d;
pub mod resample;
