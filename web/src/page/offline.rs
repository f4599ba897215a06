//! Visits without a network: the service worker `sw.js` keeps the page, and the page says what is kept on
//! this device, offers updates, and forgets all of it when asked.

use super::{
    address::site_address,
    models::megabytes,
    shelf::counted,
    storage::{self, Item},
    studio::Studio,
};
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, Cache, CacheStorage, EventTarget, Request, Response};

const WORKER: &str = "./sw.js";

// What of service workers is used here. The bindings of web-sys would do the same.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = EventTarget)]
    type Container;
    #[wasm_bindgen(method)]
    fn register(this: &Container, address: &str) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn controller(this: &Container) -> Option<Worker>;
    #[wasm_bindgen(method, getter)]
    fn ready(this: &Container) -> Promise;

    #[wasm_bindgen(extends = EventTarget)]
    type Registration;
    #[wasm_bindgen(method, getter)]
    fn installing(this: &Registration) -> Option<Worker>;
    #[wasm_bindgen(method, getter)]
    fn waiting(this: &Registration) -> Option<Worker>;
    #[wasm_bindgen(method, getter)]
    fn active(this: &Registration) -> Option<Worker>;

    #[wasm_bindgen(extends = EventTarget)]
    #[derive(Clone)]
    type Worker;
    #[wasm_bindgen(method, getter)]
    fn state(this: &Worker) -> String;
    #[wasm_bindgen(method, js_name = postMessage)]
    fn post_message(this: &Worker, message: &JsValue);
}

/// What a visitor sees of it. Copies share it.
#[derive(Clone, Copy)]
pub struct Offline {
    /// A newer page that waits to be asked for.
    update: RwSignal<Option<Worker>, LocalStorage>,
    /// How many bytes are kept on this device; nothing before that was looked up.
    kept_bytes: RwSignal<Option<u64>>,
    /// Whether the page itself is among it.
    has_page: RwSignal<bool>,
}

impl Offline {
    /// Nothing is kept and nothing offered yet.
    pub fn new() -> Self {
        Self {
            update: RwSignal::new_local(None),
            kept_bytes: RwSignal::new(None),
            has_page: RwSignal::new(false),
        }
    }

    /// Keeps the page and this engine's `program`, now that all of it runs. A visit ends as well without it.
    pub fn keep(self, program: String) {
        spawn_local(async move {
            // Where there is none, nothing is kept: on unsafe connections, and in some private windows.
            if let Some(container) = container() {
                let _ = self.register(&container, &program).await;
            }
            self.count().await;
        });
    }

    async fn register(self, container: &Container, program: &str) -> Result<(), JsValue> {
        let registered = JsFuture::from(container.register(WORKER)).await?;
        // Browsers that are told to have none resolve to nothing.
        if !registered.is_object() {
            return Ok(());
        }
        self.watch(registered.unchecked_ref());
        // It says when it has kept the engine.
        listen(container, "message", move || self.recount());
        let ready: Registration = JsFuture::from(container.ready()).await?.unchecked_into();
        self.has_page.set(true);
        if let Some(worker) = ready.active() {
            worker.post_message(&message("engine", &program.into()));
        }
        Ok(())
    }

    /// Offers the newer page that a registration has or will have.
    fn watch(self, registration: &Registration) {
        let is_update = || container().is_some_and(|container| container.controller().is_some());
        if let Some(waiting) = registration.waiting().filter(|_| is_update()) {
            self.update.set(Some(waiting));
        }
        let found = {
            let registration: Registration = JsValue::from(registration).unchecked_into();
            move || {
                let Some(worker) = registration.installing() else {
                    return;
                };
                let changed = {
                    let worker = worker.clone();
                    move || {
                        if worker.state() == "installed" && is_update() {
                            self.update.set(Some(worker.clone()));
                        }
                    }
                };
                listen(&worker, "statechange", changed);
            }
        };
        listen(registration, "updatefound", found);
    }

    /// Has the newer page take over, and shows it.
    fn take_update(self) {
        let (Some(worker), Some(container)) = (self.update.get_untracked(), container()) else {
            return;
        };
        listen(&container, "controllerchange", || {
            // The address has all that is to be seen.
            let _ = window().location().reload();
        });
        worker.post_message(&message("takeOver", &JsValue::TRUE));
    }

    /// Looks up how much is kept.
    async fn count(self) {
        // Where browsers have no such storage, they have nothing in it.
        let large = kept_bytes().await.unwrap_or(0);
        let small = storage::load(Item::Download).map_or(0, |text| text.len() as u64);
        self.kept_bytes.set(Some(large + small));
    }

    /// Looks it up again, because more may be kept by now.
    pub fn recount(self) {
        spawn_local(self.count());
    }

    /// Has an effect run again when an update comes or goes.
    pub fn track_update(self) {
        self.update.track();
    }

    fn clear(self) {
        spawn_local(async move {
            // What stays although it should go is counted again.
            let _ = clear().await;
            storage::forget(Item::Download);
            self.count().await;
        });
    }
}

/// The line that says what is kept, and the way to clear it.
#[component]
pub fn Kept(studio: Studio) -> impl IntoView {
    let (offline, shelf) = (studio.offline, studio.shelf);
    let bytes = move || offline.kept_bytes.get().unwrap_or_default();
    let has_avatars = Memo::new(move |_| shelf.count() > 0);
    let with_avatars = RwSignal::new(false);
    let line = move || {
        let count = shelf.count();
        let avatars = (count > 0).then(|| format!("{} of yours", counted(count)));
        match (bytes(), offline.has_page.get(), avatars) {
            (0, _, None) => "Nothing is kept on this device.".to_string(),
            (0, _, Some(avatars)) => format!("Kept on this device: {avatars}."),
            (bytes, has_page, avatars) => {
                let avatars = avatars.map_or(String::new(), |avatars| format!(" and {avatars}"));
                let so_that = match has_page {
                    true => ", so that this page works without a network as well",
                    false => "",
                };
                format!("{}{avatars} are kept on this device{so_that}.", megabytes(bytes))
            }
        }
    };
    let takes_avatars = move || has_avatars.get() && with_avatars.get();
    let clear = move |_| {
        if untrack(takes_avatars) {
            shelf.clear();
            with_avatars.set(false);
        }
        offline.clear();
    };
    view! {
        <Show when=move || offline.kept_bytes.with(Option::is_some)>
            <dd>{line}</dd>
            <dd>
                <button
                    class="quiet small"
                    aria-disabled=move || (bytes() == 0 && !takes_avatars()).to_string()
                    on:click=clear
                >
                    "Clear it"
                </button>
                <label class="too" class:absent=move || !has_avatars.get()>
                    <input
                        type="checkbox"
                        prop:checked=move || with_avatars.get()
                        on:change=move |event| with_avatars.set(event_target_checked(&event))
                    />
                    "My avatars as well"
                </label>
            </dd>
        </Show>
    }
}

/// The offer of a newer page. It lies over the page's end and can be put off.
#[component]
pub fn Update(studio: Studio) -> impl IntoView {
    let offline = studio.offline;
    view! {
        <div class="update notice" role="alert" hidden=move || offline.update.with(Option::is_none)>
            <Show when=move || offline.update.with(Option::is_some)>
                <p>"There is a new version of this page."</p>
                <div class="ways">
                    <button class="quiet" on:click=move |_| offline.take_update()>"Use it now"</button>
                    <button class="quiet" on:click=move |_| offline.update.set(None)>"Later"</button>
                </div>
            </Show>
        </div>
    }
}

/// Where browsers have service workers, this page's.
fn container() -> Option<Container> {
    let container = Reflect::get(&window().navigator(), &"serviceWorker".into()).ok()?;
    container.is_object().then(|| container.unchecked_into())
}

fn message(name: &str, value: &JsValue) -> JsValue {
    let message = Object::new();
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&message, &name.into(), value);
    message.into()
}

/// Listens for as long as the page lives.
fn listen(to: &EventTarget, event: &str, heard: impl Fn() + 'static) {
    let heard = Closure::<dyn Fn()>::new(heard).into_js_value();
    // Listening fails for what is no function only.
    let _ = to.add_event_listener_with_callback(event, heard.unchecked_ref::<Function>());
}

/// The browser's storage and the names of what this site keeps in it: the page's copies and the models'
/// parts.
async fn stores() -> Result<(CacheStorage, Vec<String>), JsValue> {
    // Browsers leave it out where the page did not come over a safe connection.
    let storage: CacheStorage = Reflect::get(&js_sys::global(), &"caches".into())?.dyn_into()?;
    let site = site_address();
    let own = [format!("guise {site}"), format!("guise-page {site}")];
    let names: Array = JsFuture::from(storage.keys()).await?.unchecked_into();
    let names = names.iter().filter_map(|name| name.as_string());
    let is_own = |name: &String| *name == own[0] || name.starts_with(&format!("{} ", own[1]));
    Ok((storage, names.filter(is_own).collect()))
}

async fn kept_bytes() -> Result<u64, JsValue> {
    let (storage, names) = stores().await?;
    let mut bytes = 0.0;
    for name in names {
        let cache: Cache = JsFuture::from(storage.open(&name)).await?.unchecked_into();
        let keys: Array = JsFuture::from(cache.keys()).await?.unchecked_into();
        for key in keys.iter() {
            let found = JsFuture::from(cache.match_with_request(&key.unchecked_into::<Request>())).await?;
            if let Ok(response) = found.dyn_into::<Response>() {
                let blob: Blob = JsFuture::from(response.blob()?).await?.unchecked_into();
                bytes += blob.size();
            }
        }
    }
    Ok(bytes as u64)
}

async fn clear() -> Result<(), JsValue> {
    let (storage, names) = stores().await?;
    for name in names {
        JsFuture::from(storage.delete(&name)).await?;
    }
    Ok(())
}
