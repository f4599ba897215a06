//! The families besides StyleGAN2: against other implementations, through `guise` as its user runs it, guided,
//! and from files that mean harm.

mod biggan;
mod bundles;
mod command;
mod dcgan;
mod reference;
mod vqgan;
