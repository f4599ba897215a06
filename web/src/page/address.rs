//! What the page is told from outside: the model that index.html names, the device that the address asks for.

use crate::protocol::DeviceWish;
use leptos::prelude::*;

/// The folder of the bundle that index.html names, as an absolute address.
pub fn bundle_address() -> String {
    let meta = document().query_selector("meta[name=guise-model]").ok().flatten();
    let folder = meta
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_else(|| "models/".into());
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    web_sys::Url::new_with_base(&folder, &base)
        .map(|url| url.href())
        .unwrap_or(folder)
}

/// The device that `?device=cpu` or `?device=webgpu` asks for.
pub fn wish_from(query: &str) -> DeviceWish {
    let wish = web_sys::UrlSearchParams::new_with_str(query)
        .ok()
        .and_then(|query| query.get("device"));
    match wish.as_deref() {
        Some("cpu") => DeviceWish::Cpu,
        Some("webgpu") => DeviceWish::WebGpu,
        _ => DeviceWish::Best,
    }
}
