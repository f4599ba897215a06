//! Drawings of our own, with letters, as pixels.

use anyhow::Context;
use image::RgbaImage;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{self, fontdb},
};
use std::sync::{Arc, OnceLock};

/// The drawing `svg`, so many times as large, with letters of Noto Sans. It must be opaque.
pub(super) fn drawn(svg: &str, scale: f32) -> anyhow::Result<RgbaImage> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
        fonts.set_sans_serif_family("Noto Sans");
        Arc::new(fonts)
    });
    let options = usvg::Options {
        fontdb: fonts.clone(),
        ..Default::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).context("cannot draw the picture")?;
    let side = |length: f32| (length * scale).ceil() as u32;
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let mut pixels = Pixmap::new(width, height).context("the picture is too large for a PNG file")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    RgbaImage::from_raw(width, height, pixels.take()).context("the picture has a size")
}

/// About how wide a text is, in pixels.
pub(super) fn text_width(text: &str, pixels: f64) -> f64 {
    0.58 * pixels * text.chars().count() as f64
}
