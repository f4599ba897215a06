//! The kinds of training, one folder each.

pub mod biggan;
pub mod clip;
pub mod dcgan;
mod generator_run;
pub mod stylegan2;
pub mod transformer;
pub mod vqgan;

pub use generator_run::{Effort, GeneratorRun, RunFacts};
