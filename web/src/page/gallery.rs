//! The wall with its eight frames, the controls under it, and the line that says what happens.

use super::{
    facts::{Activity, Facts, Theme, Trouble},
    studio::Studio,
};
use crate::protocol::{Stage, WayOn, Words};
use leptos::prelude::*;

/// The eight frames.
#[component]
pub fn Gallery(studio: Studio) -> impl IntoView {
    let frames = (0..studio.frames.len())
        .map(|index| view! { <li hidden={move || index >= studio.count()}><Frame studio index/></li> })
        .collect_view();
    view! { <ul class="wall" aria-label="Avatars">{frames}</ul> }
}

/// What the avatars on the wall have in common, and the way back to chance.
#[component]
pub fn Caption(studio: Studio) -> impl IntoView {
    let caption = move || {
        if let Some(kept) = studio.kept.get() {
            let text = format!("Pick the avatar to mix № {} with.", kept.seed);
            return Some(
                view! {
                    <p>{text}</p>
                    <button class="quiet" on:click=move |_| studio.let_go()>"Never mind"</button>
                }
                .into_any(),
            );
        }
        let text = match (studio.theme.get(), studio.look.get().words) {
            (Some(Theme::Variations(of)), None) => format!("Variations of № {}", of.seed),
            (Some(Theme::Variations(of)), Some(words)) => {
                format!("Variations of № {}, {}", of.seed, sentence(&words))
            }
            (Some(Theme::Mix { first, second }), _) => {
                format!(
                    "From the shape of № {0} in the colours of № {1} to the reverse",
                    first.seed, second.seed
                )
            }
            (None, Some(words)) => sentence(&words),
            (None, None) => return None,
        };
        Some(
            view! {
                <p>{text}</p>
                <button class="quiet" on:click=move |_| studio.forget_words()>"Back to chance"</button>
            }
            .into_any(),
        )
    };
    view! { <div class="caption">{caption}</div> }
}

/// Words as one line of text.
fn sentence(Words { prompt, without, .. }: &Words) -> String {
    let short = |text: &str| match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    };
    let mut line = match prompt.trim() {
        "" => "Like your picture".into(),
        prompt => format!("“{}”", short(prompt)),
    };
    if !without.trim().is_empty() {
        line += &format!(", without “{}”", short(without.trim()));
    }
    line
}

#[component]
fn Frame(studio: Studio, index: usize) -> impl IntoView {
    let avatar = studio.frames[index];
    let seed = move || studio.look.get().seed + index as u32;
    let waiting = move || {
        studio.activity.with(Option::is_some)
            && !studio.is_enlarging()
            && avatar.with(|avatar| {
                avatar
                    .as_ref()
                    .is_none_or(|avatar| avatar.job != studio.job.get())
            })
    };
    let fit = move || studio.scores[index].get().map(|score| format!("fit {score:.3}"));
    let picture = move || {
        avatar.get().map(|avatar| {
            let name = format!("Avatar {}", avatar.seed);
            let side = avatar.picture.side.to_string();
            view! { <img src=avatar.picture.url() alt=name width=side.clone() height=side/> }
        })
    };
    view! {
        <button
            class="frame"
            class:waiting=waiting
            disabled=move || avatar.with(Option::is_none)
            aria-haspopup="dialog"
            on:click=move |_| studio.pick(index)
        >
            <span class="mat">{picture}</span>
            <span class="number" aria-hidden="true">
                {move || format!("№ {}", seed())}
                <span class="fit">{fit}</span>
            </span>
        </button>
    }
}

/// Shuffle, kind, variety, share.
#[component]
pub fn Controls(studio: Studio) -> impl IntoView {
    let variety = move || studio.look.get().variety;
    let vary = move |event| {
        if let Ok(variety) = event_target_value(&event).parse() {
            studio.set_variety(variety);
        }
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
                    prop:value=move || variety().to_string()
                    on:input=vary
                />
                <p id="variety-help">"Left: all alike and well behaved. Right: as wild as it gets."</p>
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
        studio
            .look
            .get()
            .class
            .map_or(String::new(), |class| class.to_string())
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

/// The line that says what happens, aloud where it matters, and the progress bar.
#[component]
pub fn Status(studio: Studio) -> impl IntoView {
    view! {
        <div class="status">
            <p role="status">{move || studio.said.get()}</p>
            <Show when=move || studio.activity.with(Option::is_some) && !studio.is_enlarging()>
                <Progress studio/>
                <Show when=move || studio.is_guiding()>
                    <button class="quiet" on:click=move |_| studio.cancel()>"Stop"</button>
                </Show>
            </Show>
        </div>
    }
}

/// The progress bar of whatever the engine does.
#[component]
pub fn Progress(studio: Studio) -> impl IntoView {
    let words = move || studio.activity.get().map(|activity| words(&activity));
    let value = move || {
        studio
            .activity
            .get()
            .and_then(|activity| fraction(&activity))
            .map(|it| format!("{it:.3}"))
    };
    view! {
        <div class="progress">
            <progress aria-label="Progress" max="1" value=value></progress>
            <p>{words}</p>
        </div>
    }
}

/// What went wrong, and the ways on.
#[component]
pub fn Notice(studio: Studio) -> impl IntoView {
    let notice = move |Trouble { sentence, ways_on }: Trouble| {
        let ways = ways_on.into_iter().map(|way_on| {
            let name = match way_on {
                WayOn::TryAgain => "Try again",
                WayOn::UseCpu => "Continue on the processor",
            };
            view! { <button class="quiet" on:click=move |_| studio.go(way_on)>{name}</button> }
        });
        view! { <p>{sentence}</p><div class="ways">{ways.collect_view()}</div> }
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
        Stage::Prepare | Stage::Sample | Stage::Words | Stage::Guide | Stage::Upscale => Some(part),
    }
}

fn words(activity: &Activity) -> String {
    let Activity {
        stage, done, total, ..
    } = *activity;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let mut words = match stage {
        Stage::Engine if total == 0 => "Starting the engine".into(),
        Stage::Engine => format!(
            "Fetching the engine, {:.1} of {:.1} MB",
            megabytes(done),
            megabytes(total)
        ),
        Stage::Download => format!(
            "Fetching the model, {:.1} of {:.1} MB",
            megabytes(done),
            megabytes(total)
        ),
        Stage::Words => format!(
            "Fetching what understands words, {:.1} of {:.1} MB",
            megabytes(done),
            megabytes(total)
        ),
        Stage::Guide if total == 0 => "Drafting".into(),
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
