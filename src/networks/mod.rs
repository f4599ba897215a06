//! One architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod srvgg;
pub mod stylegan2;
