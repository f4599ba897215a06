//! The page's end of the line to the engine.

use super::address::site_address;
use crate::{link::Link, protocol::Reply};
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::prelude::{document, window};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, RequestCache, RequestInit, Response};

/// The engine's script, which is the one that this page was built with. It lies in a blob, so that the page's own policy
/// holds in the workers that are started from it.
#[derive(Clone)]
pub struct Script {
    blob: Rc<ObjectUrl>,
    /// The address on the site that its program's addresses begin with.
    name: String,
}

impl Script {
    /// Fetches it until `signal` says to stop, and fails with a sentence for people.
    pub async fn fetch(signal: Option<&AbortSignal>) -> Result<Self, String> {
        let (engine, integrity) = engine_file().ok_or("This page names no engine.")?;
        let name = format!("{}{engine}", site_address());
        let address = format!("{name}.js");
        // What was changed may be the copy in the browser's own cache.
        for cache in [RequestCache::Default, RequestCache::Reload] {
            let options = RequestInit::new();
            options.set_cache(cache);
            options.set_integrity(&integrity);
            options.set_signal(signal);
            if let Ok(blob) = fetch_blob(&address, &options).await {
                return Ok(Self { blob, name });
            }
        }
        // A browser does not say why it refuses.
        let options = RequestInit::new();
        options.set_method("HEAD");
        options.set_signal(signal);
        Err(match fetch_ok(&address, &options).await {
            Ok(_) => {
                format!("{engine}.js is not the script that this page was built with, so it is not run.")
            }
            Err(_) => format!("The engine could not be loaded: {engine}.js does not arrive."),
        })
    }

    /// Starts an engine. `on_reply` hears everything it says, `on_crash` that it has died.
    pub fn start(
        &self,
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn() + 'static,
    ) -> Result<Link, JsValue> {
        Link::open(&self.blob.0, &self.name, on_reply, on_crash)
    }
}

fn engine_file() -> Option<(String, String)> {
    let meta = document().query_selector("meta[name=guise-engine]").ok()??;
    Some((
        meta.get_attribute("content")?,
        meta.get_attribute("data-integrity")?,
    ))
}

async fn fetch_ok(address: &str, options: &RequestInit) -> Result<Response, JsValue> {
    let response = JsFuture::from(window().fetch_with_str_and_init(address, options)).await?;
    let response: Response = response.unchecked_into();
    response.ok().then_some(response).ok_or(JsValue::NULL)
}

async fn fetch_blob(address: &str, options: &RequestInit) -> Result<Rc<ObjectUrl>, JsValue> {
    let response = fetch_ok(address, options).await?;
    let script = JsFuture::from(response.array_buffer()?).await?;
    ObjectUrl::new(script.unchecked_ref(), "text/javascript")
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

impl ObjectUrl {
    fn new(contents: &ArrayBuffer, kind: &str) -> Result<Rc<Self>, JsValue> {
        let parts = js_sys::Array::of1(&Uint8Array::new(contents));
        let options = web_sys::BlobPropertyBag::new();
        options.set_type(kind);
        let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options)?;
        Ok(Rc::new(Self(web_sys::Url::create_object_url_with_blob(&blob)?)))
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
