//! How the shelf is shown.

use super::{
    super::studio::Studio,
    Shelf,
    recipe::{Entry, link_of},
};
use leptos::{html::Input, prelude::*};

/// The button in the close-up.
#[component]
pub fn Keep(studio: Studio) -> impl IntoView {
    let shelf = studio.shelf;
    let is_kept = Memo::new(move |_| {
        let look = studio.look_of_close_up();
        look.is_some_and(|look| shelf.has(&studio.shown_model(), &link_of(&look)))
    });
    let is_unfinished = move || studio.close_up().is_none_or(|it| it.kept.is_none());
    view! {
        <button
            class="quiet"
            aria-pressed=move || is_kept.get().to_string()
            aria-disabled=move || is_unfinished().to_string()
            on:click=move |_| shelf.toggle(studio)
        >
            "Keep"
        </button>
    }
}

/// The avatars that are kept, below the wall.
#[component]
pub fn Section(studio: Studio) -> impl IntoView {
    let shelf = studio.shelf;
    let input = NodeRef::<Input>::new();
    let is_empty = Memo::new(move |_| shelf.count() == 0);
    let choose = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let import = move |_| {
        let Some(input) = input.get_untracked() else {
            return;
        };
        let file = input.files().and_then(|files| files.get(0));
        // The same file may be chosen again.
        input.set_value("");
        if let Some(file) = file {
            shelf.import(file);
        }
    };
    let line = move || match (shelf.said.get(), is_empty.get()) {
        (said, _) if !said.is_empty() => said,
        (_, true) => "Open an avatar and choose “Keep”: it stays here, on this device alone.".into(),
        (_, false) => "Kept on this device alone.".into(),
    };
    view! {
        <section class="shelf" aria-labelledby="shelf-title">
            <h2 id="shelf-title">"My avatars"</h2>
            <div class="ways">
                <button
                    class="quiet small"
                    aria-disabled=move || is_empty.get().to_string()
                    on:click=move |_| if !is_empty.get_untracked() { shelf.export() }
                >
                    "Export"
                </button>
                <button class="quiet small" on:click=choose>"Import"</button>
                <input
                    type="file"
                    accept=".zip,.json"
                    aria-label="An export of avatars"
                    hidden=true
                    node_ref=input
                    on:change=import
                />
            </div>
            <p aria-live="polite">{line}</p>
            <ul>
                <For
                    each=move || shelf.recipes()
                    key=|recipe| (recipe.model.clone(), recipe.link.clone())
                    children=move |recipe| shelf.entry(&recipe.model, &recipe.link).map(|entry| {
                        view! { <li><Place studio shelf entry/></li> }
                    })
                />
            </ul>
        </section>
    }
}

/// One of them, and the way to remove it: its place stays, so that nothing moves and it can come back.
#[component]
fn Place(studio: Studio, shelf: Shelf, entry: Entry) -> impl IntoView {
    let removed = entry.is_removed.clone();
    let is_removed = Memo::new(move |_| removed.get());
    let name = entry.name;
    let side = entry.picture.side.to_string();
    let (url, is_pixel_art) = (entry.picture.url(), entry.recipe.is_pixel_art);
    let entry = StoredValue::new_local(entry);
    let show = move |_| {
        if !is_removed.get_untracked() {
            entry.with_value(|entry| shelf.show(studio, entry));
        }
    };
    let put = move |_| entry.with_value(|entry| shelf.put(entry, !is_removed.get_untracked()));
    view! {
        <button
            class="mat"
            class:pixels=is_pixel_art
            class:removed=move || is_removed.get()
            aria-disabled=move || is_removed.get().to_string()
            on:click=show
        >
            <img src=url alt=format!("Open № {name}") width=side.clone() height=side/>
        </button>
        <span class="number" aria-hidden="true">{format!("№ {name}")}</span>
        <button
            class="quiet small"
            aria-label=move || match is_removed.get() {
                true => format!("Bring back № {name}"),
                false => format!("Remove № {name}"),
            }
            on:click=put
        >
            {move || if is_removed.get() { "Bring back" } else { "Remove" }}
        </button>
    }
}
