//! What is kept on this device between visits: checked parts of bundles, in the browser's Cache storage.
//!
//! A part is kept under its sha256, so a name can never lead to other bytes. Storage is a convenience: where
//! the browser has none, it is full or it does not answer, everything works and is fetched again next time.

use futures::{
    FutureExt,
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, ArrayBuffer, Promise, Reflect, Uint8Array};
use std::{cell::Cell, collections::BTreeSet, pin::pin};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, CacheStorage, Request, Response};

/// How long the browser may take for an answer. It writes the largest part of a model in a few seconds.
const PATIENCE_MS: u32 = 10_000;

/// The parts kept of one bundle of a site.
pub struct Store {
    cache: Cache,
    /// Whether the browser failed to answer once: it is not asked again, so that no visitor waits twice.
    is_hanging: Cell<bool>,
    /// Address below which the site's bundles are kept; nothing is ever fetched from it.
    kept: String,
    /// The folder of this bundle in the site.
    folder: String,
}

impl Store {
    /// Opens the store of the bundle in the folder at the address `bundle`; nothing where the browser has
    /// none.
    pub async fn open(bundle: &str) -> Option<Self> {
        // Browsers leave `caches` out where the page did not come over a safe connection.
        let storage = Reflect::get(&js_sys::global(), &"caches".into()).ok()?;
        let storage: CacheStorage = storage.is_object().then(|| storage.unchecked_into())?;
        let (site, folder) = split(bundle);
        // Sites below one host share the storage, so the name tells them apart.
        let cache = in_time(storage.open(&format!("guise {site}"))).await?.ok()?;
        Some(Self {
            cache: cache.unchecked_into(),
            is_hanging: Cell::new(false),
            kept: format!("{site}kept/"),
            folder: folder.into(),
        })
    }

    /// Whether a part is there. It may have been damaged since it was kept.
    pub async fn has(&self, sha256: &str) -> bool {
        let found = self
            .answer(|| self.cache.match_with_str(&self.address(sha256)))
            .await;
        found.is_some_and(|found| found.is_object())
    }

    /// Reads a part. It may have been damaged since it was kept: check it.
    pub async fn read(&self, sha256: &str) -> Option<Vec<u8>> {
        let found = self
            .answer(|| self.cache.match_with_str(&self.address(sha256)))
            .await?;
        let response: Response = found.dyn_into().ok()?;
        let contents = response.array_buffer().ok()?;
        let buffer: ArrayBuffer = self.answer(|| contents).await?.dyn_into().ok()?;
        Some(Uint8Array::new(&buffer).to_vec())
    }

    /// Keeps a part that has been checked. False if the browser refuses, as it does when storage is full.
    pub async fn write(&self, sha256: &str, bytes: &[u8]) -> bool {
        let body = Uint8Array::from(bytes);
        let Ok(response) = Response::new_with_opt_js_u8_array(Some(&body)) else {
            return false;
        };
        let put = || self.cache.put_with_str(&self.address(sha256), &response);
        self.answer(put).await.is_some()
    }

    /// Forgets a part.
    pub async fn forget(&self, sha256: &str) {
        // A part that stays although it should go only costs space.
        let _ = self
            .answer(|| self.cache.delete_with_str(&self.address(sha256)))
            .await;
    }

    /// Forgets every part of this bundle but these, so that an updated model replaces the one before it, and
    /// every bundle that is not among those in the folders `others`, if there are any.
    pub async fn forget_all_but(&self, sha256s: &BTreeSet<String>, others: &[String]) {
        let folders: Vec<_> = others
            .iter()
            .map(|other| format!("{}{}", self.kept, split(other).1))
            .collect();
        let own = self.address("");
        let is_current = |url: &str| match url.strip_prefix(&own) {
            // Behind the hash of one that has not arrived as a whole stands the number of the piece.
            Some(sha256) => sha256s.contains(sha256.split('.').next().unwrap_or_default()),
            None => folders.is_empty() || folders.iter().any(|folder| url.starts_with(folder)),
        };
        let Some(keys) = self.answer(|| self.cache.keys()).await else {
            return;
        };
        for key in keys
            .unchecked_into::<Array>()
            .iter()
            .filter_map(|key| key.dyn_into::<Request>().ok())
        {
            if !is_current(&key.url()) {
                let _: Option<JsValue> = self.answer(|| self.cache.delete_with_request(&key)).await;
            }
        }
    }

    /// Asks the browser for something; nothing where it refuses or does not answer.
    async fn answer(&self, ask: impl FnOnce() -> Promise) -> Option<JsValue> {
        if self.is_hanging.get() {
            return None;
        }
        let answer = in_time(ask()).await;
        self.is_hanging.set(answer.is_none());
        answer?.ok()
    }

    fn address(&self, sha256: &str) -> String {
        format!("{}{}sha256-{sha256}", self.kept, self.folder)
    }
}

/// The address of the site that a bundle belongs to, and the bundle's folder in it.
fn split(bundle: &str) -> (&str, &str) {
    match bundle.rfind("models/") {
        Some(at) => bundle.split_at(at),
        None => (bundle, ""),
    }
}

/// Waits for a promise; nothing if it stays open for too long.
async fn in_time(promise: Promise) -> Option<Result<JsValue, JsValue>> {
    let answer = pin!(JsFuture::from(promise).fuse());
    let patience = pin!(TimeoutFuture::new(PATIENCE_MS).fuse());
    match select(answer, patience).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(_) => None,
    }
}
