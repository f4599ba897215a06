//! A line to a worker that runs the engine: the page has one, and an engine has one to each of its
//! assistants.

use crate::protocol::{Reply, pack, unpack};
use js_sys::ArrayBuffer;
use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

/// A running worker. Dropping it ends the worker and whatever it was doing.
pub struct Link {
    worker: Worker,
    _on_message: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(web_sys::Event)>,
}

impl Link {
    /// Starts the engine's script at the address `script` as a worker called `name`. It runs the program that
    /// is handed over next. `on_reply` hears everything the worker says, `on_crash` that it has died.
    pub fn open(
        script: &str,
        name: &str,
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn() + 'static,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        options.set_name(name);
        let worker = Worker::new_with_options(script, &options)?;
        let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some((reply, bytes)) = unpack(&event.data()) {
                on_reply(reply, bytes);
            }
        });
        let on_error = Closure::<dyn Fn(web_sys::Event)>::new(move |event: web_sys::Event| {
            // Otherwise it would go on as an error of the one that started the worker, and end that one as
            // well.
            event.prevent_default();
            on_crash();
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            worker,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// Says something to the worker. A picture is copied first, so that its owner keeps it.
    pub fn send(&self, message: &impl Serialize, png: Option<&ArrayBuffer>) {
        let copy = png.map(|png| png.slice(0));
        let (message, transfer) = pack(message, copy);
        // Posting plain text and a fresh buffer cannot fail.
        let _ = self.worker.post_message_with_transfer(&message, &transfer);
    }

    /// Hands the worker a JavaScript value that is no message of the protocol.
    pub fn hand_over(&self, value: &JsValue) -> Result<(), JsValue> {
        self.worker.post_message(value)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}
