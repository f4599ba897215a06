//! Guise in the browser: [`page`] is what a visitor sees, [`engine`] is the worker that draws,
//! [`protocol`] is all that they say to each other, and [`link`] is what they say it over.
//!
//! Both are built from this crate as two WebAssembly programs. The page is compiled with its feature
//! alone, so burn cannot be in it.
#![cfg(target_arch = "wasm32")]

#[cfg(feature = "engine")]
pub mod engine;
pub mod link;
#[cfg(feature = "page")]
pub mod page;
pub mod protocol;
