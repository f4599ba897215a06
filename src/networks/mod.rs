//! One architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod collection_clip;
pub mod minilm;
pub mod srvgg;
pub mod stylegan2;
