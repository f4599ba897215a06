//! From the bytes of any file to a square picture, or to the reason why not.

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageBuffer, Rgba, RgbaImage};

use super::super::Error;
use super::super::picture::{Colors, Picture, PictureLimits, raster_format};
use super::super::svg::{self, Renderer};
use super::MAX_FILE_BYTES;
use super::grid::{Changes, Grid};
use super::options::{Background, Style};
use crate::art::laid_on;

/// Pictures of avatars are printed smaller; anything larger is a mistake or an attack.
const LIMITS: PictureLimits = PictureLimits {
    file_bytes: MAX_FILE_BYTES,
    side: 16384,
    pixels: 1 << 26,
};
/// Pictures with at most this many colors are pixel art: a drawing or a photograph has more through its soft
/// edges alone.
const MAX_PIXEL_ART_COLORS: usize = 64;

/// A square picture, and what of its source it does not show. It is opaque unless transparency is kept; what
/// is wholly transparent is black then, so that pictures which look the same are the same.
pub(super) struct Square {
    pub pixels: RgbaImage,
    pub notes: Vec<String>,
}

/// Draws the picture that `bytes` hold as a square with the side `style.resolution`, cropped around its
/// center, on the background if there is one.
///
/// # Errors
/// The inner error says in words why the picture cannot be used, for the list of skipped files. The outer one
/// ends the run: SVGs cannot be drawn at all.
pub(super) fn square(
    bytes: &[u8],
    style: &Style,
    renderer: &Renderer,
) -> Result<Result<Square, String>, Error> {
    if is_svg(bytes) {
        let drawn = renderer.draw(bytes, style.resolution as u32, style.background.color())?;
        return Ok(drawn.map(|(pixels, notes)| Square { pixels, notes }));
    }
    let sized = |(picture, notes)| {
        let pixels = resized(picture, style.resolution as u32, style.grid)?;
        Ok(Square { pixels, notes })
    };
    Ok(decoded(bytes, style.background).and_then(sized))
}

/// Whether the bytes are to be drawn rather than decoded.
pub(super) fn is_svg(bytes: &[u8]) -> bool {
    raster_format(bytes).is_none() && svg::looks_like_svg(bytes)
}

/// The picture in its own size, on the background if there is one, and what of its file it does not show.
pub(super) fn decoded(bytes: &[u8], background: Background) -> Result<(RgbaImage, Vec<String>), String> {
    if raster_format(bytes).is_none() && !bytes.is_empty() {
        return Err("not a picture: expected PNG, JPEG, WebP, GIF or SVG".into());
    }
    let Picture { pixels, notes, .. } = Picture::decode(bytes, &LIMITS, Colors::Srgb)?;
    let pixels = match background {
        Background::Color(color) => flattened(pixels, color),
        Background::Keep => hidden(pixels.into_rgba8()),
    };
    Ok((pixels, notes))
}

/// Lays the picture on the background.
fn flattened(picture: DynamicImage, background: [u8; 3]) -> RgbaImage {
    let has_alpha = picture.color().has_alpha();
    let mut picture = picture.into_rgba8();
    if has_alpha {
        for pixel in picture.pixels_mut() {
            let [red, green, blue] = laid_on(background, pixel.0);
            *pixel = Rgba([red, green, blue, 255]);
        }
    }
    picture
}

/// Takes invisible colors away.
fn hidden(mut picture: RgbaImage) -> RgbaImage {
    for pixel in picture.pixels_mut().filter(|pixel| pixel[3] == 0) {
        *pixel = Rgba([0; 4]);
    }
    picture
}

/// The middle square of the picture with the side `side`.
///
/// Pixel art keeps its hard edges. What was published with each of its pixels as a block is first taken back
/// to one pixel a block, by the collection's grid if it has one; from there its size changes by whole pixels
/// where the sizes allow it. Everything else is resampled with Lanczos3.
///
/// # Errors
/// In words, when the picture does not lie on the grid.
fn resized(picture: RgbaImage, side: u32, grid: Option<Grid>) -> Result<RgbaImage, String> {
    let (drawing, has_blocks) = match grid {
        Some(grid) if grid.holds(&Changes::of(&picture)) => (grid.reduced(&picture), true),
        Some(Grid { side, .. }) => {
            let expected = format!("the grid of {side} x {side} pixels that the collection has");
            return Err(format!("not on {expected}: --pixel-art off takes it as it is"));
        }
        None => match block_side(&picture) {
            1 => (picture, false),
            block => {
                let [width, height] = [picture.width(), picture.height()].map(|extent| extent / block);
                let pixel = |x, y| *picture.get_pixel(x * block, y * block);
                (RgbaImage::from_fn(width, height, pixel), true)
            }
        },
    };
    let (width, height) = drawing.dimensions();
    let own_side = width.min(height);
    let (left, top) = ((width - own_side) / 2, (height - own_side) / 2);
    let square = imageops::crop_imm(&drawing, left, top, own_side, own_side).to_image();
    drop(drawing);
    Ok(if own_side == side {
        square
    } else if !has_blocks && !is_pixel_art(&square) {
        resampled(square, side)
    } else if own_side < side {
        imageops::resize(&square, side, side, FilterType::Nearest)
    } else if own_side.is_multiple_of(side) {
        averaged(&square, own_side / side)
    } else {
        resampled(square, side)
    })
}

/// The picture with the side `side`, by Lanczos3.
fn resampled(picture: RgbaImage, side: u32) -> RgbaImage {
    if picture.pixels().all(|pixel| pixel[3] == 255) {
        let opaque = DynamicImage::from(picture).into_rgb8();
        let resized = imageops::resize(&opaque, side, side, FilterType::Lanczos3);
        return DynamicImage::from(resized).into_rgba8();
    }
    // Each color counts as much as it is seen, or those of invisible pixels would show along the edges. There
    // is room above, because beside an edge Lanczos3 goes beyond what is there, colors and alpha alike.
    const ONE: u32 = 128;
    let premultiplied = ImageBuffer::from_fn(picture.width(), picture.height(), |x, y| {
        let Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
        let seen = |color: u8| ((u32::from(color) * u32::from(alpha) * ONE + 127) / 255) as u16;
        Rgba([
            seen(red),
            seen(green),
            seen(blue),
            (u32::from(alpha) * ONE) as u16,
        ])
    });
    drop(picture);
    let resized: ImageBuffer<Rgba<u16>, _> =
        imageops::resize(&premultiplied, side, side, FilterType::Lanczos3);
    RgbaImage::from_fn(side, side, |x, y| {
        let [red, green, blue, alpha] = resized.get_pixel(x, y).0.map(u32::from);
        match ((alpha + ONE / 2) / ONE).min(255) as u8 {
            0 => Rgba([0; 4]),
            shown => {
                let color = |seen: u32| ((seen * 255 + alpha / 2) / alpha).min(255) as u8;
                Rgba([color(red), color(green), color(blue), shown])
            }
        }
    })
}

/// The side of the largest blocks of one color that the whole picture consists of, in pixels; 1 without such
/// blocks.
fn block_side(picture: &RgbaImage) -> u32 {
    fn common(a: u32, b: u32) -> u32 {
        if b == 0 { a } else { common(b, a % b) }
    }
    let (width, height) = picture.dimensions();
    let mut block = common(width, height);
    let mut above: &[u8] = &[];
    // Colors change only where blocks meet.
    for (y, row) in picture.as_raw().chunks_exact(4 * width as usize).enumerate() {
        if row == above {
            continue;
        }
        block = common(block, y as u32);
        above = row;
        let pixels = row.chunks_exact(4);
        for (x, (left, right)) in pixels.clone().zip(pixels.skip(1)).enumerate() {
            if left != right {
                block = common(block, x as u32 + 1);
            }
        }
        if block == 1 {
            break;
        }
    }
    block
}

/// The means of `factor` x `factor` pixels each; colors count as much as they are seen.
fn averaged(picture: &RgbaImage, factor: u32) -> RgbaImage {
    RgbaImage::from_fn(picture.width() / factor, picture.height() / factor, |x, y| {
        let (mut sums, mut sum_of_alpha) = ([0u64; 3], 0);
        for (dx, dy) in (0..factor).flat_map(|dy| (0..factor).map(move |dx| (dx, dy))) {
            let pixel = picture.get_pixel(x * factor + dx, y * factor + dy);
            let alpha = u64::from(pixel[3]);
            (0..3).for_each(|channel| sums[channel] += u64::from(pixel[channel]) * alpha);
            sum_of_alpha += alpha;
        }
        let count = u64::from(factor).pow(2);
        match ((sum_of_alpha + count / 2) / count) as u8 {
            0 => Rgba([0; 4]),
            alpha => {
                let [red, green, blue] = sums.map(|sum| ((sum + sum_of_alpha / 2) / sum_of_alpha) as u8);
                Rgba([red, green, blue, alpha])
            }
        }
    })
}

fn is_pixel_art(picture: &RgbaImage) -> bool {
    let mut colors = std::collections::HashSet::new();
    picture.pixels().all(|pixel| {
        colors.insert(pixel.0);
        colors.len() <= MAX_PIXEL_ART_COLORS
    })
}
