//! What is kept on this device between visits: checked parts of bundles, in the browser's Cache storage.
//!
//! A part is kept under its sha256, so a name can never lead to other bytes. Storage is a convenience:
//! where the browser has none, or it is full, everything works and is fetched again next time.

use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use std::collections::BTreeSet;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, CacheStorage, Request, Response};

/// The parts kept for one site.
pub struct Store {
    cache: Cache,
    /// Address below which parts are kept; nothing is ever fetched from it.
    base: String,
}

impl Store {
    /// Opens the store of the site at the address `site`; nothing where the browser has none.
    pub async fn open(site: &str) -> Option<Self> {
        // Browsers leave `caches` out where the page did not come over a safe connection.
        let storage = Reflect::get(&js_sys::global(), &"caches".into()).ok()?;
        let storage: CacheStorage = storage.is_object().then(|| storage.unchecked_into())?;
        // Sites below one host share the storage, so the name tells them apart.
        let cache = JsFuture::from(storage.open(&format!("guise {site}")))
            .await
            .ok()?;
        Some(Self {
            cache: cache.unchecked_into(),
            base: format!("{site}kept/sha256-"),
        })
    }

    /// Reads a part. It may have been damaged since it was kept: check it.
    pub async fn read(&self, sha256: &str) -> Option<Vec<u8>> {
        let found = JsFuture::from(self.cache.match_with_str(&self.address(sha256)))
            .await
            .ok()?;
        let response: Response = found.dyn_into().ok()?;
        let buffer: ArrayBuffer = JsFuture::from(response.array_buffer().ok()?)
            .await
            .ok()?
            .dyn_into()
            .ok()?;
        Some(Uint8Array::new(&buffer).to_vec())
    }

    /// Keeps a part that has been checked. False if the browser refuses, as it does when storage is full.
    pub async fn write(&self, sha256: &str, bytes: &[u8]) -> bool {
        let body = Uint8Array::from(bytes);
        let Ok(response) = Response::new_with_opt_js_u8_array(Some(&body)) else {
            return false;
        };
        JsFuture::from(self.cache.put_with_str(&self.address(sha256), &response))
            .await
            .is_ok()
    }

    /// Forgets a part.
    pub async fn forget(&self, sha256: &str) {
        // A part that stays although it should go only costs space.
        let _ = JsFuture::from(self.cache.delete_with_str(&self.address(sha256))).await;
    }

    /// Forgets every part but these, so that an updated model replaces the one before it.
    pub async fn forget_all_but(&self, sha256s: &BTreeSet<String>) {
        let keep: BTreeSet<String> = sha256s.iter().map(|sha256| self.address(sha256)).collect();
        let Ok(keys) = JsFuture::from(self.cache.keys()).await else {
            return;
        };
        for key in keys
            .unchecked_into::<Array>()
            .iter()
            .filter_map(|key| key.dyn_into::<Request>().ok())
        {
            if !keep.contains(&key.url()) {
                let _: Result<JsValue, JsValue> = JsFuture::from(self.cache.delete_with_request(&key)).await;
            }
        }
    }

    fn address(&self, sha256: &str) -> String {
        format!("{}{sha256}", self.base)
    }
}
