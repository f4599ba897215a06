//! The kinds of training, one folder each.

pub mod clip;
pub mod stylegan2;
