//! One architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod clip;
pub mod collection_clip;
pub mod mapper;
pub mod minilm;
pub mod srvgg;
pub mod stylegan2;
