//! The kinds of training, one folder each.

pub mod clip;
pub mod dcgan;
pub mod stylegan2;
