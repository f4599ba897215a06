//! Files on their way out: made, saved, copied, shared.

use super::{
    super::{facts::Avatar, raster::Raster},
    choice::{Choice, Format},
    plan::{Art, Plan},
};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use leptos::prelude::*;
use wasm_bindgen::{Clamped, JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Blob, CanvasRenderingContext2d, File, HtmlAnchorElement, HtmlCanvasElement};

/// How much of what can be seen WebP and JPEG keep. The most is without any loss in WebP.
const WEBP_QUALITY: f64 = 1.0;
const JPEG_QUALITY: f64 = 0.95;
/// After so long a browser has read what it saves.
const READ_MS: i32 = 60_000;

/// A file of an avatar as it was chosen. Browsers that cannot write its kind give a PNG instead.
pub async fn make(choice: Choice, avatar: &Avatar, is_pixel_art: bool) -> Option<File> {
    let art = Art::of(avatar, is_pixel_art).await?;
    let plan = Plan::of(choice, &art);
    let (format, content): (_, JsValue) = match choice.format {
        Format::Svg if is_pixel_art => (Format::Svg, plan.to_svg().into()),
        Format::Png | Format::Svg => (Format::Png, png(&plan, avatar).await?.into()),
        Format::WebP | Format::Jpeg => {
            let blob = compressed(&plan.render(), choice.format).await.ok()?;
            let is_meant = blob.type_() == choice.format.kind();
            (if is_meant { choice.format } else { Format::Png }, blob.into())
        }
    };
    file(
        &format!("{}.{}", plan.name(), format.ending()),
        format.kind(),
        &content,
    )
}

async fn png(plan: &Plan<'_>, avatar: &Avatar) -> Option<Uint8Array> {
    match plan.is_untouched() {
        true => Some(Uint8Array::new(&avatar.best().png)),
        false => Some(Uint8Array::from(plan.render().to_png().await?.as_slice())),
    }
}

/// A file of this name and content.
pub fn file(name: &str, kind: &str, content: &JsValue) -> Option<File> {
    let options = web_sys::FilePropertyBag::new();
    options.set_type(kind);
    File::new_with_blob_sequence_and_options(&Array::of1(content), name, &options).ok()
}

/// The browser's own WebP or JPEG of a picture.
async fn compressed(picture: &Raster, format: Format) -> Result<Blob, JsValue> {
    let canvas: HtmlCanvasElement = document().create_element("canvas")?.unchecked_into();
    canvas.set_width(picture.width());
    canvas.set_height(picture.height());
    let context = canvas.get_context("2d")?.ok_or(JsValue::UNDEFINED)?;
    let context: CanvasRenderingContext2d = context.unchecked_into();
    let data = Clamped(picture.as_bytes());
    let data = web_sys::ImageData::new_with_u8_clamped_array(data, picture.width())?;
    context.put_image_data(&data, 0.0, 0.0)?;
    let quality = if format == Format::Jpeg {
        JPEG_QUALITY
    } else {
        WEBP_QUALITY
    };
    let written = Promise::new(&mut |resolve, reject| {
        let done = Closure::once_into_js(move |blob: JsValue| resolve.call1(&JsValue::NULL, &blob));
        let asked = canvas.to_blob_with_type_and_encoder_options(
            done.unchecked_ref(),
            format.kind(),
            &quality.into(),
        );
        if let Err(error) = asked {
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    });
    JsFuture::from(written).await?.dyn_into()
}

/// Has the browser save a file.
pub fn save(file: &File) -> Result<(), JsValue> {
    let address = web_sys::Url::create_object_url_with_blob(file)?;
    let link: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    link.set_href(&address);
    link.set_download(&file.name());
    link.click();
    let forget = Closure::once_into_js(move || web_sys::Url::revoke_object_url(&address));
    window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(forget.unchecked_ref(), READ_MS)
        .map(drop)
}

/// Whether this browser copies pictures.
pub fn can_copy() -> bool {
    let is_there = |name: &str, of: &JsValue| Reflect::get(of, &name.into()).is_ok_and(|it| it.is_truthy());
    is_there("ClipboardItem", &window()) && is_there("clipboard", &window().navigator())
}

/// Puts a PNG file on the clipboard that is still being made: browsers want to hear of it at once.
pub fn copy(file: impl Future<Output = Option<File>> + 'static) -> Result<Promise, JsValue> {
    let file = future_to_promise(async { file.await.map(JsValue::from).ok_or(JsValue::UNDEFINED) });
    let contents = Object::new();
    Reflect::set(&contents, &Format::Png.kind().into(), &file)?;
    let item: Function = Reflect::get(&window(), &"ClipboardItem".into())?.dyn_into()?;
    let item = Reflect::construct(&item, &Array::of1(&contents))?;
    Ok(window().navigator().clipboard().write(&Array::of1(&item)))
}

/// Whether this browser passes pictures on to other programs.
pub fn can_share() -> bool {
    let asks = || {
        let file = file("guise.png", Format::Png.kind(), &Uint8Array::new_with_length(1))?;
        let navigator = window().navigator();
        let ask: Function = Reflect::get(&navigator, &"canShare".into())
            .ok()?
            .dyn_into()
            .ok()?;
        Some(ask.call1(&navigator, &shared(&file)).ok()?.is_truthy())
    };
    asks().unwrap_or(false)
}

/// Passes a file on to another program, which the visitor chooses.
pub async fn share(file: &File) -> Result<(), JsValue> {
    let navigator = window().navigator();
    let ask: Function = Reflect::get(&navigator, &"share".into())?.dyn_into()?;
    let asked: Promise = ask.call1(&navigator, &shared(file))?.dyn_into()?;
    JsFuture::from(asked).await.map(drop)
}

fn shared(file: &File) -> JsValue {
    let data = Object::new();
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&data, &"files".into(), &Array::of1(file));
    data.into()
}
