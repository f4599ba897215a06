//! The page's end of the line to the engine.

use crate::{link::Link, protocol::Reply};
use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// Starts an engine. `on_reply` hears everything it says, `on_crash` that it has died.
pub fn open(
    on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
    on_crash: impl Fn() + 'static,
) -> Result<Link, JsValue> {
    let (engine, bytes) = engine_file().ok_or("index.html names no engine")?;
    let address = format!("./loader.js?engine={engine}&bytes={bytes}");
    Link::open(&address, on_reply, on_crash)
}

fn engine_file() -> Option<(String, String)> {
    let meta = leptos::prelude::document()
        .query_selector("meta[name=guise-engine]")
        .ok()??;
    Some((meta.get_attribute("content")?, meta.get_attribute("data-bytes")?))
}

/// A PNG file that the document can show; its address dies with it.
#[derive(Clone)]
pub struct Picture {
    /// The file.
    pub png: ArrayBuffer,
    /// Its side in pixels.
    pub side: u32,
    url: Rc<ObjectUrl>,
}

struct ObjectUrl(String);

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        let _ = web_sys::Url::revoke_object_url(&self.0);
    }
}

impl Picture {
    /// Gives the document an address for the file.
    pub fn new(png: ArrayBuffer, side: u32) -> Option<Self> {
        let parts = js_sys::Array::of1(&Uint8Array::new(&png));
        let kind = web_sys::BlobPropertyBag::new();
        kind.set_type("image/png");
        let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &kind).ok()?;
        let url = Rc::new(ObjectUrl(web_sys::Url::create_object_url_with_blob(&blob).ok()?));
        Some(Self { png, side, url })
    }

    /// The address, good for as long as a clone of this picture lives.
    pub fn url(&self) -> String {
        self.url.0.clone()
    }
}
