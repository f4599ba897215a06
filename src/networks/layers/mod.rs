//! What networks of several kinds are made of.

mod attention;
mod config;
mod convolution;
mod init;
mod linear;
mod norm;
mod side;
pub mod transformer;

pub use attention::attend;
pub use config::ConfigError;
pub use convolution::Convolution;
pub use init::{buffer, drawn, full, lazy_full, lazy_normal, normal};
pub use linear::Linear;
pub use norm::{BatchNorm, GroupNorm, LayerNorm, batch_normalized};
pub use side::{doubled, halved};
