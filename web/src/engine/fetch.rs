//! Files over the network: bounded, with progress, given up when nothing arrives any more.

use futures::{
    FutureExt,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use std::pin::pin;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestCache, RequestInit, Response,
    WorkerGlobalScope,
};

/// How long a server may stay silent.
const PATIENCE_MS: u32 = 30_000;

/// Why a file could not be fetched, as sentences for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer, or the connection broke in the middle.
    #[error("The connection was interrupted while fetching {file}.")]
    Interrupted {
        /// The file's name in the bundle.
        file: String,
    },
    /// Nothing arrived for [`PATIENCE_MS`].
    #[error("The server has sent nothing of {file} for {} seconds.", PATIENCE_MS / 1000)]
    Silent {
        /// The file's name in the bundle.
        file: String,
    },
    /// The server answered, but not with the file.
    #[error("The server has no {file}: it answered with status {status}.")]
    Status {
        /// The file's name in the bundle.
        file: String,
        /// The HTTP status.
        status: u16,
    },
    /// More bytes than the file may have.
    #[error("{file} is larger than the {limit} bytes it may have.")]
    TooLarge {
        /// The file's name in the bundle.
        file: String,
        /// The bound.
        limit: usize,
    },
}

/// Fetches `file` from the address `url`, at most `limit` bytes; `cache` says what the browser's own
/// cache is good for. What `bytes` holds already is asked for no more where the server gives ranges; it holds
/// what has arrived, also when this fails. `arrived` hears of it after every piece.
pub async fn fetch(
    file: &str,
    url: &str,
    limit: usize,
    cache: RequestCache,
    bytes: &mut Vec<u8>,
    mut arrived: impl AsyncFnMut(&[u8]),
) -> Result<(), Error> {
    let interrupted = |_: JsValue| Error::Interrupted { file: file.into() };
    let abort = AbortController::new().map_err(interrupted)?;
    // However this function ends, the connection ends with it.
    let _abort = Abort(abort.clone());
    let options = RequestInit::new();
    options.set_signal(Some(&abort.signal()));
    options.set_cache(cache);
    if !bytes.is_empty() {
        let headers = Headers::new().map_err(interrupted)?;
        let range = format!("bytes={}-", bytes.len());
        headers.set("range", &range).map_err(interrupted)?;
        options.set_headers(&headers);
    }
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();

    let response = in_time(file, scope.fetch_with_str_and_init(url, &options)).await?;
    let mut response: Response = response.unchecked_into();
    if !bytes.is_empty() && !continues(&response, bytes.len()) {
        bytes.clear();
        if response.status() != 200 {
            options.set_headers(&JsValue::UNDEFINED);
            let whole = in_time(file, scope.fetch_with_str_and_init(url, &options)).await?;
            response = whole.unchecked_into();
        }
    }
    if !response.ok() {
        return Err(Error::Status {
            file: file.into(),
            status: response.status(),
        });
    }
    let Some(body) = response.body() else {
        return Ok(());
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    loop {
        let piece = in_time(file, reader.read()).await?;
        if Reflect::get(&piece, &"done".into())
            .map_err(interrupted)?
            .is_truthy()
        {
            return Ok(());
        }
        let value: Uint8Array = Reflect::get(&piece, &"value".into())
            .map_err(interrupted)?
            .unchecked_into();
        let start = bytes.len();
        let end = start + value.length() as usize;
        if end > limit {
            return Err(Error::TooLarge {
                file: file.into(),
                limit,
            });
        }
        bytes.resize(end, 0);
        value.copy_to(&mut bytes[start..]);
        arrived(bytes).await;
    }
}

/// Whether an answer goes on at this byte of the file itself. A range of a compressed file would be one of
/// other bytes.
fn continues(response: &Response, start: usize) -> bool {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let range = header("content-range").unwrap_or_default();
    response.status() == 206
        && header("content-encoding").is_none_or(|encoding| encoding == "identity")
        && range.starts_with(&format!("bytes {start}-"))
}

struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for a promise, but not for ever.
async fn in_time(file: &str, promise: js_sys::Promise) -> Result<JsValue, Error> {
    let answer = pin!(JsFuture::from(promise).fuse());
    let patience = pin!(TimeoutFuture::new(PATIENCE_MS).fuse());
    match select(answer, patience).await {
        Either::Left((Ok(value), _)) => Ok(value),
        Either::Left((Err(_), _)) => Err(Error::Interrupted { file: file.into() }),
        Either::Right(_) => Err(Error::Silent { file: file.into() }),
    }
}
