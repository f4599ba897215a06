//! Which device computes: WebGPU where a real graphics adapter serves, else one thread with wasm SIMD.

use crate::protocol::{DeviceInUse, DeviceWish};
use burn::tensor::Device;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// An open device.
pub struct Opened {
    /// Where tensors live.
    pub device: Device,
    /// What it is.
    pub kind: DeviceInUse,
    /// A sentence saying why it is not WebGPU, where that was hoped for.
    pub why: Option<String>,
}

/// Opens the device for a wish; an error is a sentence, and only [`DeviceWish::WebGpu`] can fail.
/// `lost` is called if the graphics adapter goes away later.
pub async fn open(wish: DeviceWish, lost: impl Fn(String) + Send + 'static) -> Result<Opened, String> {
    let why = match wish {
        DeviceWish::Cpu => None,
        DeviceWish::Best | DeviceWish::WebGpu => match open_webgpu(wish == DeviceWish::WebGpu, lost).await {
            Ok(device) => {
                return Ok(Opened {
                    device,
                    kind: DeviceInUse::WebGpu,
                    why: None,
                });
            }
            Err(why) if wish == DeviceWish::WebGpu => return Err(why),
            Err(why) => Some(why),
        },
    };
    Ok(Opened {
        device: Device::flex(),
        kind: DeviceInUse::Cpu,
        why,
    })
}

async fn open_webgpu(
    even_in_software: bool,
    lost: impl Fn(String) + Send + 'static,
) -> Result<Device, String> {
    let adapter = adapter().await.ok_or("This browser offers no WebGPU.")?;
    // burn's kernels are timed through this feature, and creating its device fails without it.
    if !has_feature(&adapter, "timestamp-query") {
        return Err("The graphics adapter lacks a feature that is needed (timestamp-query).".into());
    }
    if is_software(&adapter) && !even_in_software {
        return Err("WebGPU is only emulated in software here, which is slower.".into());
    }
    let (device, setup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|error| format!("The graphics adapter could not be opened ({error})."))?;
    setup
        .device
        .set_device_lost_callback(move |_reason, message| lost(message));
    Ok(device)
}

/// The adapter that WebGPU offers first. wgpu asks again by itself; this one is only looked at.
async fn adapter() -> Option<JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).ok()?;
    let gpu = Reflect::get(&navigator, &"gpu".into()).ok()?;
    let request: Function = Reflect::get(&gpu, &"requestAdapter".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok().filter(JsValue::is_object)
}

fn has_feature(adapter: &JsValue, name: &str) -> bool {
    let has = || -> Option<bool> {
        let features = Reflect::get(adapter, &"features".into()).ok()?;
        let has: Function = Reflect::get(&features, &"has".into()).ok()?.dyn_into().ok()?;
        has.call1(&features, &name.into()).ok()?.as_bool()
    };
    has().unwrap_or(false)
}

fn is_software(adapter: &JsValue) -> bool {
    let info = Reflect::get(adapter, &"info".into()).unwrap_or_default();
    // Browsers have moved this flag from the adapter to its description.
    [&info, adapter].into_iter().any(|place| {
        place.is_object()
            && Reflect::get(place, &"isFallbackAdapter".into()).is_ok_and(|flag| flag.is_truthy())
    })
}
