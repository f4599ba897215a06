//! Blobs with an address: what the document shows, and what workers are started from.

use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::JsValue;

/// A PNG file that the document can show; its address dies with it.
#[derive(Clone)]
pub struct Picture {
    /// The file.
    pub png: ArrayBuffer,
    /// Its side in pixels.
    pub side: u32,
    url: Rc<ObjectUrl>,
}

/// The address of a blob, which lives as long as this.
pub struct ObjectUrl(String);

impl ObjectUrl {
    /// A blob of these contents and this type.
    pub fn new(contents: &ArrayBuffer, kind: &str) -> Result<Rc<Self>, JsValue> {
        let parts = js_sys::Array::of1(&Uint8Array::new(contents));
        let options = web_sys::BlobPropertyBag::new();
        options.set_type(kind);
        let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options)?;
        Ok(Rc::new(Self(web_sys::Url::create_object_url_with_blob(&blob)?)))
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl Drop for ObjectUrl {
    fn drop(&mut self) {
        let _ = web_sys::Url::revoke_object_url(&self.0);
    }
}

impl Picture {
    /// Gives the document an address for the file.
    pub fn new(png: ArrayBuffer, side: u32) -> Option<Self> {
        let url = ObjectUrl::new(&png, "image/png").ok()?;
        Some(Self { png, side, url })
    }

    /// The address, good for as long as a clone of this picture lives.
    pub fn url(&self) -> String {
        self.url.0.clone()
    }
}
