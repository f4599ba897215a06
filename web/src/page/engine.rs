//! The engine's script and program: fetched, looked at, and started as often as it takes.
//!
//! The script runs from a blob, so that the page's own content security policy holds in the worker: one in a
//! `<meta>` does not bind a worker that is started from an address. What was fetched once serves every engine that
//! is started after it.

use super::{address::site_address, blob::ObjectUrl};
use crate::{link::Link, protocol::Reply};
use js_sys::{Array, ArrayBuffer, Promise, Reflect, Uint8Array, WebAssembly};
use leptos::prelude::{document, window};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Blob, Headers, ReadableStreamDefaultReader, RequestCache, RequestInit, Response,
    ResponseInit,
};

/// A program that fuses one multiplication with an addition, which is all of relaxed SIMD that the engine
/// uses. Browsers that do not know it get the engine that multiplies and then adds: the same pictures, a
/// little later.
const RELAXED_SIMD: &[u8] = b"\0asm\x01\0\0\0\x01\x05\x01\x60\0\x01\x7b\x03\x02\x01\0\x0a\x13\x01\x11\0\
    \x41\0\xfd\x0f\x41\0\xfd\x0f\x41\0\xfd\x0f\xfd\x85\x02\x0b";

/// The engine that this page was built with.
#[derive(Clone)]
pub struct Engine {
    script: Rc<ObjectUrl>,
    /// The compiled program, which workers share.
    program: JsValue,
    /// The name of the program's file.
    pub file: String,
}

/// Why a file is not taken.
enum Refusal {
    /// It did not arrive, or the browser found another hash, and does not say which.
    Missing,
    /// It is another file.
    Changed,
}

impl From<JsValue> for Refusal {
    fn from(_: JsValue) -> Self {
        Self::Missing
    }
}

impl Engine {
    /// Fetches it until `signal` says to stop, and fails with a sentence for people. `arrived` hears how many
    /// bytes of the program are there, and how many it has.
    pub async fn fetch(signal: Option<&AbortSignal>, arrived: impl Fn(u64, u64)) -> Result<Self, String> {
        let built = Built::read().ok_or("This page names no engine.")?;
        let script = checked(&built.script, signal, async |file, options| {
            options.set_integrity(&file.integrity);
            let contents = JsFuture::from(fetch(file, options).await?.array_buffer()?).await?;
            Ok(ObjectUrl::new(contents.unchecked_ref(), "text/javascript")?)
        });
        let program = checked(&built.program, signal, async |file, options| {
            compiled(file, options, |done| arrived(done, built.bytes.max(done))).await
        });
        let (script, program) = futures::try_join!(script, program)?;
        Ok(Self {
            script,
            program,
            file: built.program.name,
        })
    }

    /// Starts it. `on_reply` hears everything it says, `on_crash` that it has died.
    pub fn start(
        &self,
        on_reply: impl Fn(Reply, Option<ArrayBuffer>) + 'static,
        on_crash: impl Fn() + 'static,
    ) -> Result<Link, JsValue> {
        let link = Link::open(self.script.address(), "engine", on_reply, on_crash)?;
        link.hand_over(&self.program)?;
        Ok(link)
    }
}

/// A file of the site, with the hash that the page was built with.
struct File {
    name: String,
    integrity: String,
}

/// What `web/finish.mjs` wrote into index.html.
struct Built {
    script: File,
    program: File,
    /// About how many bytes the program has.
    bytes: u64,
}

impl Built {
    /// The files that this browser takes.
    fn read() -> Option<Self> {
        let meta = document().query_selector("meta[name=guise-engine]").ok()??;
        let of = |attribute: &str| meta.get_attribute(attribute);
        let engine = of("content")?;
        let file = |ending: &str, attribute: &str| {
            Some(File {
                name: format!("{engine}{ending}"),
                integrity: of(attribute)?,
            })
        };
        let fuses = WebAssembly::validate(&Uint8Array::from(RELAXED_SIMD)).unwrap_or(false);
        Some(Self {
            script: file(".js", "data-script")?,
            program: match fuses {
                true => file("_bg.wasm", "data-program")?,
                false => file("-plain_bg.wasm", "data-plain")?,
            },
            bytes: of("data-bytes")?.parse().ok()?,
        })
    }
}

/// What `take` makes of a file, which it is to look at. Fails with a sentence for people.
async fn checked<T>(
    file: &File,
    signal: Option<&AbortSignal>,
    take: impl AsyncFn(&File, &RequestInit) -> Result<T, Refusal>,
) -> Result<T, String> {
    let options = RequestInit::new();
    options.set_signal(signal);
    let mut changed = false;
    // What was changed may be the copy in the browser's own cache.
    for cache in [RequestCache::Default, RequestCache::Reload] {
        options.set_cache(cache);
        match take(file, &options).await {
            Ok(taken) => return Ok(taken),
            Err(refusal) => changed = matches!(refusal, Refusal::Changed),
        }
    }
    // A browser that has looked at the hash itself does not say why it refuses.
    let question = RequestInit::new();
    question.set_method("HEAD");
    question.set_signal(signal);
    Err(match changed || fetch(file, &question).await.is_ok() {
        true => format!(
            "{} is not what this page was built with, so it is not run.",
            file.name
        ),
        false => format!("The engine could not be loaded: {} does not arrive.", file.name),
    })
}

async fn fetch(file: &File, options: &RequestInit) -> Result<Response, JsValue> {
    let address = format!("{}{}", site_address(), file.name);
    let response = JsFuture::from(window().fetch_with_str_and_init(&address, options)).await?;
    let response: Response = response.unchecked_into();
    response.ok().then_some(response).ok_or(JsValue::NULL)
}

/// A program, compiled while it arrives, if its hash is the right one.
async fn compiled(file: &File, options: &RequestInit, arrived: impl Fn(u64)) -> Result<JsValue, Refusal> {
    // Over an unsafe connection scripts can hash nothing. There the browser looks at the file, and gives it
    // out only after that.
    let hashes = window().is_secure_context();
    if !hashes {
        options.set_integrity(&file.integrity);
    }
    let response = fetch(file, options).await?;
    // The type is set here so that the program compiles while it arrives even from servers that do not know
    // .wasm.
    let typed = ResponseInit::new();
    let headers = Headers::new()?;
    headers.set("content-type", "application/wasm")?;
    typed.set_headers(&headers);
    let copy = response.clone()?.body();
    let copy = Response::new_with_opt_readable_stream_and_init(copy.as_ref(), &typed)?;
    let module = JsFuture::from(WebAssembly::compile_streaming(&Promise::resolve(&JsValue::from(
        copy,
    ))));

    let pieces = Array::new();
    let mut done = 0;
    let reader: ReadableStreamDefaultReader = response
        .body()
        .ok_or(Refusal::Missing)?
        .get_reader()
        .unchecked_into();
    loop {
        let read = JsFuture::from(reader.read()).await?;
        if Reflect::get(&read, &"done".into())?.is_truthy() {
            break;
        }
        let piece: Uint8Array = Reflect::get(&read, &"value".into())?.unchecked_into();
        done += u64::from(piece.length());
        arrived(done);
        pieces.push(&piece);
    }
    if hashes && integrity(&pieces).await? != file.integrity {
        return Err(Refusal::Changed);
    }
    Ok(module.await?)
}

/// The hash of a file in pieces, as `integrity` attributes say it.
async fn integrity(pieces: &Array) -> Result<String, JsValue> {
    let whole = Blob::new_with_u8_array_sequence(pieces)?;
    let whole: ArrayBuffer = JsFuture::from(whole.array_buffer()).await?.unchecked_into();
    let subtle = window().crypto()?.subtle();
    let hash = JsFuture::from(subtle.digest_with_str_and_buffer_source("SHA-384", &whole)?).await?;
    let bytes = Uint8Array::new(&hash).to_vec();
    // Base64 is made of a string of one character for each byte.
    let text: String = bytes.into_iter().map(char::from).collect();
    Ok(format!("sha384-{}", window().btoa(&text)?))
}
