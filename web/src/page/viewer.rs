//! One avatar close up: enlarge it, take it home.

use super::{
    download::{Download, Sizes},
    facts::Avatar,
    models::megabytes,
    report::{Notice, Progress},
    shelf::Keep,
    studio::Studio,
};
use crate::protocol::Fit;
use leptos::{
    html::{Button, Dialog, Div},
    prelude::*,
};

/// The largest picture that is offered. Once more would be 4096 pixels and minutes.
const MAX_SIDE: u32 = 1024;

/// A dialog that is open while there is a close-up. Escape, its button and a click beside it close it.
#[component]
pub fn Viewer(studio: Studio) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let is_open = Memo::new(move |_| studio.close_up().is_some());
    Effect::new(move || {
        let open = is_open.get();
        if let Some(dialog) = dialog.get() {
            match (open, dialog.open()) {
                (true, false) => drop(dialog.show_modal()),
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
    let beside = move |event: web_sys::MouseEvent| {
        // A click on the dialog element itself, and not on anything in it, fell on the backdrop.
        let backdrop = dialog.get_untracked().map(web_sys::EventTarget::from);
        if event.target() == backdrop {
            studio.close();
        }
    };
    view! {
        <dialog
            class="viewer"
            aria-labelledby="viewer-title"
            node_ref=dialog
            on:close=move |_| if is_open.get_untracked() { studio.close() }
            on:click=beside
        >
            <Show when=move || is_open.get()>
                <Sheet studio/>
            </Show>
        </dialog>
    }
}

/// What is in the dialog. Its elements stay the same and where they are, whatever happens, so that the focus
/// stays and no button takes another's place under the pointer.
#[component]
fn Sheet(studio: Studio) -> impl IntoView {
    let enlarge = NodeRef::<Button>::new();
    let close_up =
        move |read: fn(&Avatar) -> String| move || studio.close_up().as_ref().map(read).unwrap_or_default();
    let side = move || studio.close_up().map_or(0, |it| it.best().side);
    let fits = move || {
        let open = studio.look.with(|look| look.open);
        let fits = open.and_then(|place| studio.fits.get(usize::from(place)));
        let said = |fits: &Vec<Fit>| fits.iter().map(Fit::to_string).collect::<Vec<_>>().join(", ");
        fits.map_or(String::new(), |fits| fits.with(said))
    };
    // Drawn pixels stay squares, and all of pixel art; what the network has enlarged is smooth.
    let has_pixels =
        move || studio.close_up().is_some_and(|it| it.pictures.len() == 1) || studio.draws_pixel_art();
    let next = move || {
        let factor = studio
            .facts
            .with(|facts| facts.as_ref().and_then(|facts| facts.model.upscale_factor))?;
        Some(side() * factor).filter(|&next| factor > 1 && next <= MAX_SIDE)
    };
    let cost = move || {
        studio
            .facts
            .with(|facts| facts.as_ref().map_or(0, |facts| facts.model.enlarger_bytes))
    };
    let offer = move || match next() {
        // What enlarges is fetched when it is first used, and that is said before.
        Some(next) if cost() > 0 => format!("Enlarge to {next} px ({})", megabytes(cost())),
        Some(next) => format!("Enlarge to {next} px"),
        None => "This is the largest size".into(),
    };
    let is_unfinished = move || studio.close_up().is_none_or(|it| it.kept.is_none());
    // Not `disabled`: a disabled button would lose the focus to the start of the page.
    let resting = move || studio.activity.with(Option::is_some) || next().is_none();
    let enlarging = Signal::derive(move || studio.is_enlarging());
    let said = move || match studio.is_drawing() {
        true => "Still being drawn. You can enlarge, vary and mix it as soon as it is done.".into(),
        false => studio.said.get(),
    };
    // The second click of a double click asks for nothing more, however soon the first is done.
    let enlarge_once = move |event: web_sys::MouseEvent| {
        if event.detail() < 2 && !resting() {
            studio.enlarge();
        }
    };
    let download = Download::new(studio);
    let has_sizes = RwSignal::new(false);
    let panel = NodeRef::<Div>::new();
    Effect::new(move || {
        // It opens below everything else, which may be out of sight.
        if let Some(panel) = panel.get().filter(|_| has_sizes.get()) {
            request_animation_frame(move || {
                let options = web_sys::ScrollIntoViewOptions::new();
                options.set_block(web_sys::ScrollLogicalPosition::Nearest);
                panel.scroll_into_view_with_scroll_into_view_options(&options);
            });
        }
    });
    let stop = move |_| {
        studio.cancel();
        if let Some(button) = enlarge.get_untracked() {
            let _ = button.focus();
        }
    };
    view! {
        <div class="sheet">
            <span class="mat" class:pixels=has_pixels>
                <img
                    src=close_up(|it| it.best().url())
                    alt=close_up(|it| format!("Avatar {}, {1} by {1} pixels", it.name, it.best().side))
                    width=close_up(|it| it.best().side.to_string())
                    height=close_up(|it| it.best().side.to_string())
                />
            </span>
            <div class="plate">
                <h2 id="viewer-title" tabindex="-1">{close_up(|it| format!("№ {}", it.name))}</h2>
                <p class="size">{close_up(|it| format!("{0} × {0} pixels", it.best().side))}</p>
                <Show when=move || !fits().is_empty()>
                    <p class="fits" title="How many of the collection's own avatars fit less">
                        {move || format!("Fit, beside the collection's own: {}", fits())}
                    </p>
                </Show>
                <div class="actions">
                    <button
                        class="primary"
                        node_ref=enlarge
                        aria-disabled=move || resting().to_string()
                        on:click=enlarge_once
                    >
                        {offer}
                    </button>
                    <button
                        class="quiet"
                        aria-disabled=move || is_unfinished().to_string()
                        on:click=move |_| studio.vary_this()
                    >
                        "Vary it"
                    </button>
                    <button
                        class="quiet"
                        aria-disabled=move || is_unfinished().to_string()
                        on:click=move |_| studio.keep_this()
                    >
                        "Mix it with another"
                    </button>
                    <button
                        class="quiet"
                        aria-disabled=move || is_unfinished().to_string()
                        on:click=move |_| studio.share()
                    >
                        "Copy link"
                    </button>
                    <Keep studio/>
                    <button class="quiet" on:click=move |_| download.save(move |said| studio.said.set(said))>
                        {move || format!("Download {}", download.format_name())}
                    </button>
                    <button
                        class="quiet"
                        aria-expanded=move || has_sizes.get().to_string()
                        aria-controls="sizes"
                        on:click=move |_| has_sizes.update(|shown| *shown = !*shown)
                    >
                        "Other sizes and formats"
                    </button>
                </div>
                <div class="report">
                    <p aria-live="polite" class:unseen=enlarging>{said}</p>
                    <Progress studio shown=enlarging/>
                    <button class="quiet small" class:absent=move || !enlarging.get() on:click=stop>"Stop"</button>
                    <Notice studio/>
                </div>
            </div>
            <div id="sizes" node_ref=panel>
                <Show when=move || has_sizes.get()><Sizes download/></Show>
            </div>
            <button class="close" aria-label="Close" on:click=move |_| studio.close()>
                <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="m5 5 10 10M15 5 5 15"/></svg>
            </button>
        </div>
    }
}
