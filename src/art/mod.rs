//! What the pictures of a collection are made of: which sides they have, and of pixel art the grid and the
//! palette, how colors are compared, and what becomes of transparency. Everything else knows them by these
//! types: prepare finds them, runs and bundles keep them, and drawing goes by them.

mod color;
mod oklab;
mod pixel_art;
mod sides;
mod transparency;

pub use color::Color;
pub use oklab::oklab;
pub use pixel_art::{PixelArt, PixelArtError};
pub use sides::{LARGEST_SIDE, LEAST_SIDE, SIDES, base_side, is_side};
pub use transparency::{GRAY, ground, laid_on, on_gray, pixel_from_values, values_from_pixel};
