//! The models of a site: the button that says which one draws, and the list to choose another from.

use super::{address::bundle_address, label::Link, studio::Studio};
use crate::protocol::ModelCard;
use leptos::{html::Dialog, portal::Portal, prelude::*};

/// The picture of some avatars that publishing puts beside every bundle.
const SAMPLES: &str = "samples.png";

/// The button in the masthead and its dialog; nothing where there is no choice.
#[component]
pub fn Models(studio: Studio) -> impl IntoView {
    let has_choice = Memo::new(move |_| studio.models.with(|models| models.len() > 1));
    let place = document().get_element_by_id("model");
    view! {
        <Show when=move || has_choice.get()>
            <Picker studio place=place.clone()/>
        </Show>
    }
}

#[component]
fn Picker(studio: Studio, place: Option<web_sys::Element>) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let is_open = RwSignal::new(false);
    let open = move |_| {
        studio.describe_models();
        is_open.set(true);
        if let Some(dialog) = dialog.get_untracked() {
            // It is refused only for a dialog that is open.
            let _ = dialog.show_modal();
        }
    };
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let beside = move |event: web_sys::MouseEvent| {
        // A click on the dialog element itself, and not on anything in it, fell on the backdrop.
        let backdrop = dialog.get_untracked().map(web_sys::EventTarget::from);
        if event.target() == backdrop {
            close();
        }
    };
    let choose = Callback::new(move |model: String| {
        close();
        studio.choose_model(model);
    });
    let button = move || {
        view! {
            <button class="quiet small" aria-haspopup="dialog" on:click=open>
                <span class="unseen">"Model: "</span>
                <bdi>{move || studio.model_name()}</bdi>
                <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true"><path d="m5 8 5 5 5-5"/></svg>
            </button>
        }
    };
    let all = move || {
        let models = studio.models.get();
        models
            .into_iter()
            .map(|model| view! { <li><Card studio model choose/></li> })
            .collect_view()
    };
    view! {
        {place.map(|mount| view! { <Portal mount clone:button>{button()}</Portal> })}
        <dialog
            class="models"
            aria-labelledby="models-title"
            node_ref=dialog
            on:close=move |_| is_open.set(false)
            on:click=beside
        >
            <div class="sheet">
                <h2 id="models-title" tabindex="-1">"Who draws?"</h2>
                <p>"Each of these models was trained on other pictures, and draws in their style."</p>
                <Show when=move || is_open.get()><ul>{all}</ul></Show>
                <button class="close" aria-label="Close" on:click=move |_| close()>
                    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="m5 5 10 10M15 5 5 15"/></svg>
                </button>
            </div>
        </dialog>
    }
}

/// One model: what it draws, and what it takes.
#[component]
fn Card(studio: Studio, model: String, choose: Callback<String>) -> impl IntoView {
    let samples = format!("{}{SAMPLES}", bundle_address(&model));
    let has_samples = RwSignal::new(true);
    let is_shown = {
        let model = model.clone();
        move || studio.shown_model() == model
    };
    let card = {
        let model = model.clone();
        Memo::new(move |_| studio.cards.with(|cards| cards.get(&model).cloned()))
    };
    let name = {
        let model = model.clone();
        move || match card.get().flatten() {
            Some(card) => card.name,
            None => model.clone(),
        }
    };
    let about = move || match card.get() {
        None => "Looking it up.".into(),
        Some(None) => "This one could not be read just now.".into(),
        Some(Some(card)) => card.description,
    };
    let takes = move || card.get().flatten().as_ref().map(takes);
    let license = move || {
        let license = card.get().flatten()?.license;
        Some(view! { <p class="terms">"License of its art: " <Link to=license/></p> })
    };
    view! {
        <button
            class="model"
            aria-current=move || is_shown().then_some("true")
            on:click=move |_| choose.run(model.clone())
        >
            <span class="samples">
                <img
                    src=samples
                    alt=""
                    width="256"
                    height="256"
                    hidden=move || !has_samples.get()
                    on:error=move |_| has_samples.set(false)
                />
            </span>
            <span class="about">
                <strong><bdi>{name}</bdi></strong>
                <span><bdi>{about}</bdi></span>
                <span class="takes">{takes}</span>
            </span>
        </button>
        {license}
    }
}

/// What a model takes, in a line.
fn takes(card: &ModelCard) -> String {
    let size = format!("{0} × {0} pixels", card.resolution);
    let draw = megabytes(card.draw_bytes);
    match card.words_bytes {
        0 => format!("{size}, {draw}. It understands no words."),
        words => format!("{size}, {draw}, and {} more for words.", megabytes(words)),
    }
}

/// A number of bytes for people, who are not told of nothing.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", (bytes as f64 / 1e6).max(0.1))
}
