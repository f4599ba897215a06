//! What a visitor sees: a gallery of eight avatars, a few controls, and one picture close up.
//!
//! Nothing here computes for longer than a moment, and of the network nothing is asked here but the engine's
//! own files: the engine does the rest, and `sw.js` keeps the page. [`studio`] holds the state and the
//! actions, the other files show it.

mod address;
mod base64;
mod blob;
mod download;
mod engine;
mod facts;
mod focus;
mod gallery;
mod label;
mod models;
mod offline;
mod png;
mod prompt;
mod raster;
mod report;
mod share;
mod shelf;
mod storage;
mod studio;
mod viewer;

use leptos::{mount::mount_to, prelude::*};
use wasm_bindgen::JsCast;

/// Replaces the static shell's `#app` with the living page.
pub fn run() {
    console_error_panic_hook::set_once();
    let shell: web_sys::HtmlElement = document()
        .get_element_by_id("app")
        .expect("index.html has the element #app")
        .unchecked_into();
    shell.set_inner_html("");
    mount_to(shell, Page).forget();
}

#[component]
fn Page() -> impl IntoView {
    let studio = studio::Studio::open();
    focus::keep(studio);
    view! {
        <models::Models studio/>
        <prompt::PromptBox studio/>
        <gallery::Caption studio/>
        <gallery::Gallery studio/>
        <gallery::Controls studio/>
        <div class="take"><download::Sheet studio/></div>
        <shelf::Section studio/>
        <label::Label studio/>
        <viewer::Viewer studio/>
        <offline::Update studio/>
    }
}
