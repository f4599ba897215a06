//! What the engine does, what came of it and what went wrong: one place at the prompt box, which never grows
//! or shrinks, so that nothing moves under a pointer.

use super::{
    facts::{Activity, Question, Trouble},
    models::megabytes,
    studio::Studio,
};
use crate::protocol::{Stage, WayOn};
use leptos::prelude::*;

/// The line that says what happens, aloud where it matters, with the progress bar, and what went wrong.
#[component]
pub fn Report(studio: Studio) -> impl IntoView {
    let is_drawing = Memo::new(move |_| studio.is_drawing());
    view! {
        <div class="report">
            <p role="status" class:unseen=move || is_drawing.get()>{move || studio.said.get()}</p>
            <Progress studio shown=is_drawing.into()/>
            <button
                type="button"
                class="quiet small"
                class:absent=move || !studio.is_guiding()
                on:click=move |_| studio.cancel()
            >
                "Stop"
            </button>
            <Asked studio/>
            <Notice studio/>
        </div>
    }
}

/// The question whether something large may be fetched. It lies over what is below it.
#[component]
fn Asked(studio: Studio) -> impl IntoView {
    let question = move |Question { bytes, .. }: Question| {
        let size = megabytes(bytes);
        view! {
            <p>
                {format!("To read your words, this page has to fetch {size}, once. Your connection seems to be slow \
                          or metered. Fetch it now?")}
            </p>
            <div class="ways">
                <button type="button" class="quiet" on:click=move |_| studio.answer(true)>{format!("Fetch {size}")}</button>
                <button type="button" class="quiet" on:click=move |_| studio.answer(false)>"Not now"</button>
            </div>
        }
    };
    view! {
        <div
            class="notice"
            role="group"
            aria-label="Before anything is fetched"
            aria-live="assertive"
            hidden=move || studio.question.with(Option::is_none)
        >
            {move || studio.question.get().map(question)}
        </div>
    }
}

/// The progress bar of whatever the engine does. It keeps its place while there is nothing to show.
#[component]
pub fn Progress(studio: Studio, shown: Signal<bool>) -> impl IntoView {
    let now = move || studio.activity.get().filter(|_| shown.get());
    let words = move || now().map(|activity| words(&activity));
    let value = move || {
        now()
            .and_then(|activity| fraction(&activity))
            .map(|it| format!("{it:.3}"))
    };
    let aloud = Memo::new(move |_| now().map(|activity| aloud(&activity)).unwrap_or_default());
    view! {
        <p class="unseen" aria-live="polite">{move || aloud.get()}</p>
        <p class="doing" aria-hidden="true" class:unseen=move || !shown.get()>{words}</p>
        <progress aria-label="Progress" max="1" value=value class:absent=move || !shown.get()></progress>
    }
}

/// What went wrong, and the ways on. It lies over what is below it.
#[component]
pub fn Notice(studio: Studio) -> impl IntoView {
    let notice = move |Trouble {
                           sentence, ways_on, ..
                       }: Trouble| {
        let ways = ways_on.into_iter().map(|way_on| {
            let name = match way_on {
                WayOn::TryAgain => "Try again",
                WayOn::UseCpu => "Continue on the processor",
            };
            view! { <button type="button" class="quiet" on:click=move |_| studio.go(way_on)>{name}</button> }
        });
        view! {
            <p>{sentence}</p>
            <div class="ways">
                {ways.collect_view()}
                <button type="button" class="quiet" on:click=move |_| studio.dismiss()>"Close"</button>
            </div>
        }
    };
    view! {
        <div class="notice" role="alert" hidden=move || studio.trouble.with(Option::is_none)>
            {move || studio.trouble.get().map(notice)}
        </div>
    }
}

/// How far the work is, 0 to 1; nothing where that is unknown.
fn fraction(activity: &Activity) -> Option<f64> {
    if activity.total == 0 {
        return None;
    }
    let part = activity.done as f64 / activity.total as f64;
    match activity.stage {
        // The engine and the model are one download to a visitor: one bar, half each.
        Stage::Engine => Some(part / 2.0),
        Stage::Download => Some(0.5 + part / 2.0),
        _ => Some(part),
    }
}

/// What is read aloud of it: what is done, and every quarter of the way.
fn aloud(activity: &Activity) -> String {
    let what = match activity.stage {
        Stage::Engine => "Fetching the engine",
        Stage::Download => "Fetching the model",
        Stage::Words => "Learning to read your words",
        Stage::Enlarger => "Fetching what enlarges",
        Stage::Guide => "Coming closer to your words",
        Stage::Upscale => "Enlarging",
        // These are over before they could be told.
        Stage::Prepare | Stage::Sample => return String::new(),
    };
    match activity.total {
        0 => format!("{what}."),
        total => format!("{what}: {} percent.", (4 * activity.done / total).min(4) * 25),
    }
}

fn words(activity: &Activity) -> String {
    let Activity {
        stage, done, total, ..
    } = *activity;
    let fetched = |what: &str| format!("{what}, {:.1} of {:.1} MB", done as f64 / 1e6, total as f64 / 1e6);
    let mut words = match stage {
        Stage::Engine if total == 0 => "Starting the engine".into(),
        Stage::Engine => fetched("Fetching the engine"),
        Stage::Download => fetched("Fetching the model"),
        Stage::Words => fetched("Learning to read your words"),
        Stage::Enlarger => fetched("Fetching what enlarges"),
        Stage::Guide if total == 0 => "Making a first draft".into(),
        Stage::Guide => format!("Step {done} of {total}"),
        Stage::Prepare => "Warming up".into(),
        Stage::Sample => "Drawing".into(),
        Stage::Upscale => "Enlarging".into(),
    };
    if let Some(secs) = activity.secs_left() {
        words += &format!(", about {} s left", secs.ceil());
    }
    words
}
