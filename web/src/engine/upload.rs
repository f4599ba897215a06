//! A picture that a visitor gave as a target. The browser decodes it, as it does with the pictures of any
//! page.

use super::scope;
use image::RgbaImage;
use imagesize::{ImageError, blob_size};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ImageBitmap, OffscreenCanvas, OffscreenCanvasRenderingContext2d};

/// A decoded picture takes four bytes a pixel, and phones have little memory.
const MAX_MEGAPIXELS: usize = 40;

/// The middle square of the picture in `file`, scaled to `side` x `side` pixels, on a ground of this gray
/// value where it is transparent.
///
/// # Errors
///
/// A sentence, for what is no picture, a damaged one or one that is too large.
pub async fn read(file: &[u8], side: u32, ground: u8) -> Result<RgbaImage, String> {
    // A small file can hold an enormous picture, so its size is looked up before anything is decoded.
    let size = blob_size(file).map_err(|error| match error {
        ImageError::NotSupported => {
            "That file is no picture that is known here: give a PNG, JPEG, WebP or GIF file."
        }
        ImageError::CorruptedImage | ImageError::IoError(_) => {
            "That picture is damaged: its size could not be read."
        }
    })?;
    let megapixels = size.width.saturating_mul(size.height) / 1_000_000;
    if megapixels > MAX_MEGAPIXELS {
        return Err(format!(
            "That picture has {} x {} pixels: {megapixels} megapixels, and at most {MAX_MEGAPIXELS} can be opened here.",
            size.width, size.height
        ));
    }
    let damaged =
        |_: JsValue| "That picture is damaged or of a kind that this browser cannot open.".to_string();
    let blob = Blob::new_with_u8_array_sequence(&Array::of1(&Uint8Array::from(file))).map_err(damaged)?;
    let promise = scope().create_image_bitmap_with_blob(&blob).map_err(damaged)?;
    let bitmap: ImageBitmap = JsFuture::from(promise).await.map_err(damaged)?.unchecked_into();
    let pixels = draw(&bitmap, side, ground);
    bitmap.close();
    let pixels = pixels.map_err(|_| "This browser could not scale that picture.".to_string())?;
    Ok(RgbaImage::from_raw(side, side, pixels).expect("a canvas has four bytes for each pixel"))
}

fn draw(bitmap: &ImageBitmap, side: u32, ground: u8) -> Result<Vec<u8>, JsValue> {
    let canvas = OffscreenCanvas::new(side, side)?;
    let context: OffscreenCanvasRenderingContext2d =
        canvas.get_context("2d")?.ok_or("no canvas")?.unchecked_into();
    let full = f64::from(side);
    context.set_fill_style_str(&format!("rgb({ground} {ground} {ground})"));
    context.fill_rect(0.0, 0.0, full, full);
    context.set_image_smoothing_enabled(true);
    let [width, height] = [bitmap.width(), bitmap.height()].map(f64::from);
    let square = width.min(height);
    context.draw_image_with_image_bitmap_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
        bitmap,
        (width - square) / 2.0,
        (height - square) / 2.0,
        square,
        square,
        0.0,
        0.0,
        full,
        full,
    )?;
    Ok(context.get_image_data(0.0, 0.0, full, full)?.data().0)
}
