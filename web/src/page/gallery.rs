//! The wall: what hangs there is called, its eight frames, and the controls under it.

use super::{facts::Facts, share::Theme, studio::Studio};
use crate::protocol::{Fit, Words};
use leptos::prelude::*;

/// The eight frames.
#[component]
pub fn Gallery(studio: Studio) -> impl IntoView {
    let count = Memo::new(move |_| studio.look.with(|look| look.count()));
    let frames = (0..studio.frames.len())
        .map(|place| view! { <li hidden={move || place >= count.get()}><Frame studio place/></li> })
        .collect_view();
    view! { <ul class="wall" aria-label="Avatars">{frames}</ul> }
}

/// What the avatars on the wall have in common, and the way back to chance. It takes the same place whatever
/// it says.
#[component]
pub fn Caption(studio: Studio) -> impl IntoView {
    let keeps = move || studio.look.with(|look| look.kept.is_some());
    let caption = move || {
        let look = studio.look.get();
        if let Some(kept) = look.kept {
            return format!("Pick the avatar to mix № {} with.", kept.name());
        }
        let words = look.words.as_ref().map(|words| sentence(words, look.picture));
        match (look.theme, words) {
            (Some(Theme::Variations(of)), None) => format!("Variations of № {}", of.name()),
            (Some(Theme::Variations(of)), Some(words)) => {
                format!("Variations of № {}, {words}", of.name())
            }
            (Some(Theme::Mix { first, second }), _) => {
                format!("Mixes of № {} and № {}", first.name(), second.name())
            }
            (None, Some(words)) => capitalized(&words),
            (None, None) => "Drawn by chance".into(),
        }
    };
    let is_by_chance = move || {
        studio
            .look
            .with(|look| look.kept.is_none() && look.theme.is_none() && look.words.is_none())
    };
    let back = move |_| match keeps() {
        true => studio.let_go(),
        false => studio.start_over(),
    };
    view! {
        <div class="caption">
            <p id="caption" tabindex="-1">{caption}</p>
            <button class="quiet" class:absent=is_by_chance on:click=back>
                {move || if keeps() { "Never mind" } else { "Start over" }}
            </button>
        </div>
    }
}

/// What was asked for as one line of text.
fn sentence(Words { prompt, without, .. }: &Words, picture: bool) -> String {
    let short = |text: &str| match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    };
    let mut parts = vec![];
    if !prompt.trim().is_empty() {
        parts.push(format!("“{}”", short(prompt.trim())));
    }
    if !without.trim().is_empty() {
        parts.push(format!("without “{}”", short(without.trim())));
    }
    if picture {
        parts.push("like a picture".into());
    }
    match parts.is_empty() {
        true => "from a long description".into(),
        false => parts.join(", "),
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[component]
fn Frame(studio: Studio, place: usize) -> impl IntoView {
    let avatar = studio.frames[place];
    let is_fresh = Memo::new(move |_| studio.is_fresh(place));
    let name = move || match avatar.with(|avatar| avatar.as_ref().map(|avatar| avatar.name)) {
        Some(name) => name,
        None => studio.look.with(|look| look.name(place)),
    };
    let score = studio.scores[place];
    let fits = studio.fits[place];
    // A cosine means nothing to people; the tests read it. What they see is the clause that fits worst, and
    // all of them close up.
    let fit = move || {
        let score = score.get()?;
        let worst = fits.with(|fits| fits.iter().min_by_key(|fit| fit.percent).map(Fit::to_string));
        let hidden = worst.is_none();
        Some(view! { <span class="fit" hidden=hidden data-score=format!("{score:.5}")>{worst}</span> })
    };
    let picture = move || {
        avatar.get().map(|avatar| {
            let alt = format!("Avatar {}", avatar.name);
            let side = avatar.drawn().side.to_string();
            view! { <img src=avatar.drawn().url() alt=alt width=side.clone() height=side/> }
        })
    };
    view! {
        <button
            class="frame"
            class:waiting=move || studio.is_drawing() && !is_fresh.get()
            class:stale=move || !is_fresh.get()
            disabled=move || !is_fresh.get()
            aria-haspopup="dialog"
            on:click=move |_| studio.pick(place)
        >
            <span class="mat">{picture}</span>
            <span class="number" aria-hidden="true"><span>{move || format!("№ {}", name())}</span>{fit}</span>
        </button>
    }
}

/// Shuffle, kind, variety, share.
#[component]
pub fn Controls(studio: Studio) -> impl IntoView {
    let variety = move || studio.look.with(|look| look.variety);
    let vary = move |event| {
        if let Ok(variety) = event_target_value(&event).parse() {
            studio.set_variety(variety);
        }
    };
    let help = move || match (studio.can_vary(), studio.look.with(|look| look.theme.is_some())) {
        (false, _) => "It changes nothing about these.",
        (true, false) => "Left: all alike and well behaved. Right: as wild as it gets.",
        (true, true) => "Left: close to that avatar. Right: far from it.",
    };
    view! {
        <div class="controls">
            <button class="primary" on:click=move |_| studio.shuffle()>
                <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
                    <path d="M2 5.5h2.5c1.7 0 2.8.9 3.7 2.2l3.1 4.6c.9 1.3 2 2.2 3.7 2.2h2.5M2 14.5h2.5c1.2 0 2.1-.5 2.9-1.2M11.2 7.1c.9-1 2-1.6 3.8-1.6h2.5M15.2 3l2.5 2.5L15.2 8M15.2 12l2.5 2.5-2.5 2.5"/>
                </svg>
                "Shuffle"
            </button>
            <Kinds studio/>
            <div class="variety">
                <label for="variety">"Variety"</label>
                <output for="variety">{move || format!("{:.2}", f32::from(variety()) / 100.0)}</output>
                <input
                    id="variety"
                    type="range"
                    min="0"
                    max="100"
                    step="5"
                    aria-describedby="variety-help"
                    disabled=move || !studio.can_vary()
                    prop:value=move || variety().to_string()
                    on:input=vary
                />
                <p id="variety-help">{help}</p>
            </div>
            <button class="quiet" on:click=move |_| studio.share()>"Copy link"</button>
        </div>
    }
}

/// The classes of the model to choose from; nothing if it has none.
#[component]
fn Kinds(studio: Studio) -> impl IntoView {
    let classes = Memo::new(move |_| {
        let of = |facts: &Facts| facts.model.classes.clone();
        studio
            .facts
            .with(|facts| facts.as_ref().map(of).unwrap_or_default())
    });
    let chosen = move || {
        let class = studio.look.with(|look| look.class);
        class.map_or(String::new(), |class| class.to_string())
    };
    let choose = move |event| studio.set_class(event_target_value(&event).parse().ok());
    let options = move || {
        let option = |(place, name): (usize, String)| {
            let place = place.to_string();
            let selected = {
                let place = place.clone();
                move || chosen() == place
            };
            view! { <option value=place selected=selected>{name}</option> }
        };
        classes.get().into_iter().enumerate().map(option).collect_view()
    };
    view! {
        <Show when=move || classes.with(|classes| !classes.is_empty())>
            <label class="field">
                <span>"Kind"</span>
                <select prop:value=chosen on:change=choose>
                    <option value="" selected=move || chosen().is_empty()>"All kinds"</option>
                    {options}
                </select>
            </label>
        </Show>
    }
}
