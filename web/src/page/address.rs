//! What the page is told from outside: the model that index.html names, the device that the address asks for,
//! and what the browser says of the connection.

use crate::protocol::DeviceWish;
use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::JsValue;

/// The site's folder, as an absolute address.
pub fn site_address() -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    web_sys::Url::new_with_base("./", &base)
        .map(|url| url.href())
        .unwrap_or(base)
}

/// The folder of the model of this name, as an absolute address.
pub fn bundle_address(model: &str) -> String {
    format!("{}models/{model}/", site_address())
}

/// The name of the model that index.html names.
pub fn default_model() -> String {
    let meta = document().query_selector("meta[name=guise-model]").ok().flatten();
    let folder = meta
        .and_then(|meta| meta.get_attribute("content"))
        .unwrap_or_default();
    let name = folder.strip_prefix("models/").unwrap_or(&folder);
    name.trim_end_matches('/').into()
}

/// Whether the browser says that this connection is slow, or that bytes on it are to be spared.
pub fn is_slow_or_metered() -> bool {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    // Not every browser tells.
    let connection = get(&window().navigator(), "connection");
    if !connection.is_object() {
        return false;
    }
    let kind = get(&connection, "effectiveType").as_string().unwrap_or_default();
    get(&connection, "saveData").is_truthy() || ["slow-2g", "2g", "3g"].contains(&kind.as_str())
}

/// How many bytes of the page itself came over the network, where the browser tells.
pub fn fetched_bytes() -> u64 {
    let Some(clock) = window().performance() else {
        return 0;
    };
    let entries = ["navigation", "resource"].map(|kind| clock.get_entries_by_type(kind));
    let size = |entry: JsValue| Reflect::get(&entry, &"transferSize".into()).ok()?.as_f64();
    entries
        .iter()
        .flat_map(|all| all.iter())
        .filter_map(size)
        .sum::<f64>() as u64
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
