//! What networks of several kinds are made of.

mod config;
mod init;
mod linear;
mod norm;

pub use config::ConfigError;
pub use init::{buffer, full, lazy_full, lazy_normal, normal};
pub use linear::Linear;
pub use norm::{BatchNorm, LayerNorm};
