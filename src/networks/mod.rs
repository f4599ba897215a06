//! One architecture per file: `Config`, `Module`, `init`, `forward`.
