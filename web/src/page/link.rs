//! The page's end of the line to the engine.

use crate::protocol::{Reply, Request, pack, unpack};
use js_sys::{ArrayBuffer, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

/// A running engine. Dropping it ends the worker and whatever it was doing.
pub struct Link {
    worker: Worker,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(web_sys::Event)>,
}

impl Link {
    /// Starts an engine. `on_reply` hears everything it says, `on_crash` that it has died.
    pub fn open(
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn() + 'static,
    ) -> Result<Self, JsValue> {
        let (engine, bytes) = engine_file().ok_or("index.html names no engine")?;
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let address = format!("./loader.js?engine={engine}&bytes={bytes}");
        let worker = Worker::new_with_options(&address, &options)?;
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some((reply, bytes)) = unpack(&event.data()) {
                on_reply(reply, bytes);
            }
        });
        let on_error = Closure::<dyn Fn(web_sys::Event)>::new(move |_| on_crash());
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            worker,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Says something to the engine. A picture is copied first, so that the page keeps its own.
    pub fn send(&self, request: &Request, png: Option<&ArrayBuffer>) {
        let copy = png.map(|png| png.slice(0));
        let (message, transfer) = pack(request, copy);
        // Posting plain text and a fresh buffer cannot fail.
        let _ = self.worker.post_message_with_transfer(&message, &transfer);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
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
