//! Guise in the browser: [`page`] is what a visitor sees, [`engine`] is the worker that draws, and
//! [`protocol`] is all that they say to each other.
//!
//! Both are built from this crate as two WebAssembly programs. The page is compiled with its feature
//! alone, so burn cannot be in it.
#![cfg(target_arch = "wasm32")]

#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "page")]
pub mod page;
pub mod protocol;
