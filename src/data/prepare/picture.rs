//! From the bytes of any file to a square picture, or to the reason why not.

use std::io::Cursor;
use std::sync::{Mutex, PoisonError};

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use super::PrepareOptions;
use super::svg;

/// Sides beyond this are a mistake or an attack: pictures of avatars are printed smaller.
const MAX_SIDE: u32 = 16384;
/// What one decoded picture may take.
const MAX_DECODED_BYTES: u64 = 256 << 20;
/// Pictures that decode to more than this take turns, so that memory does not grow with the number of cores.
const BIG_BYTES: u64 = 16 << 20;
/// Small pictures with at most this many colours are pixel art: a drawing or a photograph has more through its
/// soft edges alone.
const MAX_PIXEL_ART_COLORS: usize = 64;

/// Draws the picture that `bytes` hold as a square with the side `options.resolution`, cropped around its centre
/// and flattened on the background.
///
/// # Errors
/// In words, for the list of skipped files.
pub(super) fn square(bytes: &[u8], options: &PrepareOptions) -> Result<RgbImage, String> {
    if bytes.is_empty() {
        return Err("empty file".into());
    }
    // A decoder that panics on a hostile file must not take the other ten thousand pictures with it.
    std::panic::catch_unwind(|| match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif)) => {
            raster(bytes, format, options)
        }
        _ if svg::looks_like_svg(bytes) => svg::square(bytes, options),
        _ => Err("not a picture: expected PNG, JPEG, WebP, GIF or SVG".into()),
    })
    .unwrap_or_else(|_| Err("its decoder panicked".into()))
}

fn raster(bytes: &[u8], format: ImageFormat, options: &PrepareOptions) -> Result<RgbImage, String> {
    static BIG: Mutex<()> = Mutex::new(());

    // The JPEG decoder fills what is missing with gray; the others notice. A JPEG ends with FFD9, which coded
    // pixels never contain; thumbnails in its header have their own, hence the comparison.
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    if format == ImageFormat::Jpeg && last([0xff, 0xd9]) <= last([0xff, 0xda]) {
        return Err("truncated JPEG".into());
    }

    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let unreadable = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => format!(
            "too big: expected at most {MAX_SIDE} pixels a side and {} MiB decoded",
            MAX_DECODED_BYTES >> 20
        ),
        error => format!("unreadable {format:?}: {error}"),
    };
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_SIDE || decoder.total_bytes() > MAX_DECODED_BYTES {
        return Err(format!(
            "too big: {width}x{height}, expected at most {MAX_SIDE} pixels a side and {} MiB decoded",
            MAX_DECODED_BYTES >> 20
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("it is {width}x{height} pixels"));
    }
    let _turn =
        (decoder.total_bytes() > BIG_BYTES).then(|| BIG.lock().unwrap_or_else(PoisonError::into_inner));
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);

    let side = picture.width().min(picture.height());
    let (left, top) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
    let cropped = picture.crop_imm(left, top, side, side);
    drop(picture);
    Ok(resized(
        &flattened(cropped, options.background),
        options.resolution as u32,
    ))
}

/// Lays the picture on the background, as a browser does: channels are blended as they are stored.
fn flattened(picture: DynamicImage, background: [u8; 3]) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let blend = |over: u8, under: u8| {
            let (over, under, alpha) = (u32::from(over), u32::from(under), u32::from(alpha));
            ((over * alpha + under * (255 - alpha) + 127) / 255) as u8
        };
        Rgb([
            blend(red, background[0]),
            blend(green, background[1]),
            blend(blue, background[2]),
        ])
    })
}

/// Lanczos3, except that small pixel art is enlarged with its hard edges.
fn resized(picture: &RgbImage, side: u32) -> RgbImage {
    if picture.width() == side {
        return picture.clone();
    }
    let filter = if picture.width() < side && is_pixel_art(picture) {
        FilterType::Nearest
    } else {
        FilterType::Lanczos3
    };
    image::imageops::resize(picture, side, side, filter)
}

fn is_pixel_art(picture: &RgbImage) -> bool {
    let mut colors = std::collections::HashSet::new();
    picture.pixels().all(|pixel| {
        colors.insert(pixel.0);
        colors.len() <= MAX_PIXEL_ART_COLORS
    })
}
