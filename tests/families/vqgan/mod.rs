//! VQGAN: against diffusers and taming-transformers, through `guise` as its user runs it, and from files that
//! mean harm.

mod command;
mod import;
mod parity;
mod transformer;
