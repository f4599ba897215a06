//! VQGAN: against diffusers and taming-transformers, through `guise` as its user runs it, and from files that
//! mean harm.

mod import;
mod parity;
