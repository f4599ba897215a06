//! SVG: drawn by resvg at exactly the wanted size, if it is certain to come out as a browser draws it.
//!
//! Nothing outside the file is ever read: no other files, no fonts, no network. Files are drawn in processes
//! of their own ([`Renderer`]), because what one costs in memory and time cannot be foretold.

use image::RgbaImage;
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree::{Document, ParsingOptions};
use resvg::usvg::{self, ImageHrefResolver};

mod allowed;
mod forms;
mod process;
mod style;

pub(super) use process::Renderer;
pub use process::draw_for_parent;

/// An avatar drawn by hand has some kilobytes.
const MAX_BYTES: usize = 4 << 20;
/// Elements in the file.
const MAX_ELEMENTS: u32 = 100_000;

/// Whether the bytes are XML that names an `svg` element early on.
pub(super) fn looks_like_svg(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(64 << 10)];
    let text = start
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(start)
        .trim_ascii_start();
    text.starts_with(b"<") && text.windows(4).any(|window| window == b"<svg")
}

/// Draws the file as a square of `side` pixels that its shorter side fills, over `background` if there is
/// one.
///
/// A drawing on a coarse grid, such as pixel art, comes out with crisp blocks because it is drawn at this
/// size rather than scaled to it.
fn draw(bytes: &[u8], side: u32, background: Option<[u8; 3]>) -> Result<RgbaImage, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("unreadable SVG: not UTF-8: {error}"))?;
    let parsing = ParsingOptions {
        allow_dtd: true,
        // Text and comments between the elements are nodes as well.
        nodes_limit: 4 * MAX_ELEMENTS,
        ..Default::default()
    };
    let document =
        Document::parse_with_options(text, parsing).map_err(|error| format!("unreadable SVG: {error}"))?;
    allowed::check(&document)?;
    let parsing = usvg::Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Default::default()
    };
    let tree =
        usvg::Tree::from_xmltree(&document, &parsing).map_err(|error| format!("unreadable SVG: {error}"))?;
    if !tree.root().has_children() {
        return Err("an SVG that draws nothing".into());
    }

    let mut pixels = Pixmap::new(side, side).ok_or("no memory for the picture")?;
    if let Some([red, green, blue]) = background {
        pixels.fill(Color::from_rgba8(red, green, blue, 255));
    }
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = side as f32 / width.min(height);
    let offset = |extent: f32| (side as f32 - extent * scale) / 2.0;
    let transform = Transform::from_row(scale, 0.0, 0.0, scale, offset(width), offset(height));
    resvg::render(&tree, transform, &mut pixels.as_mut());
    let straight = pixels
        .pixels()
        .iter()
        .map(|pixel| pixel.demultiply())
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()])
        .collect();
    RgbaImage::from_raw(side, side, straight).ok_or_else(|| "no memory for the picture".into())
}
