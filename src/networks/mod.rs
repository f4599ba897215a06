//! One architecture per file: `Config`, `Module`, `init`, `forward`.

pub mod stylegan2;
