//! The box that takes a sentence, and what goes with it.

use super::{
    facts::Facts,
    models::megabytes,
    report::Report,
    share::{Look, effort_from, effort_name},
    studio::Studio,
};
use crate::protocol::{Effort, Words};
use leptos::{
    ev::SubmitEvent,
    html::{Input, Textarea},
    prelude::*,
};

/// How many example sentences are offered at once.
const EXAMPLES: usize = 3;

/// The form, with what the engine does right under its box. It is there from the start, so that nothing moves
/// when the model arrives; only where a model turns out to understand no words it goes away again.
#[component]
pub fn PromptBox(studio: Studio) -> impl IntoView {
    let takes_words = Memo::new(move |_| {
        studio
            .facts
            .with(|facts| facts.as_ref().is_none_or(|facts| facts.model.takes_words))
    });
    view! {
        <Show when=move || takes_words.get() fallback=move || view! { <Report studio/> }>
            <Form studio/>
        </Show>
    }
}

#[component]
fn Form(studio: Studio) -> impl IntoView {
    let words = Memo::new(move |_| studio.look.with(|look| look.words.clone()));
    let prompt = NodeRef::<Textarea>::new();
    let without = NodeRef::<Input>::new();
    let count = RwSignal::new(Look::DEFAULT_COUNT);
    let effort = RwSignal::new(Effort::default());
    // The form says what hangs on the wall, wherever back and forward lead.
    Effect::new(move || {
        let said = words.get();
        if let Some(words) = &said {
            effort.set(words.effort);
            count.set(studio.look.with_untracked(|look| look.count));
        }
        let said = said.unwrap_or_default();
        if let (Some(prompt), Some(without)) = (prompt.get(), without.get()) {
            prompt.set_value(&said.prompt);
            without.set_value(&said.without);
        }
    });
    let ask = move || {
        let (Some(prompt), Some(without)) = (prompt.get_untracked(), without.get_untracked()) else {
            return;
        };
        let words = Words {
            prompt: prompt.value().trim().into(),
            without: without.value().trim().into(),
            effort: effort.get_untracked(),
        };
        let has_upload = studio.upload.with_untracked(Option::is_some);
        if words.prompt.is_empty() && !has_upload {
            studio.said.set("Say first what you would like to see.".into());
            let _ = prompt.focus();
        } else {
            studio.ask(words, count.get_untracked());
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        ask();
    };
    // Enter sends, as in a search box; with Shift it begins a new line.
    let enter = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
            event.prevent_default();
            ask();
        }
    };
    let take = move |example: String| {
        if let Some(prompt) = prompt.get_untracked() {
            prompt.set_value(&example);
            ask();
        }
    };
    let all_examples = Memo::new(move |_| {
        let examples = |facts: &Facts| facts.model.examples.clone();
        studio
            .facts
            .with(|facts| facts.as_ref().map(examples))
            .unwrap_or_default()
    });
    // Another few on every visit, so that people see what there is.
    let first = js_sys::Math::random();
    let examples = move || {
        let all = all_examples.get();
        let first = (first * all.len() as f64) as usize;
        let some = all
            .iter()
            .cycle()
            .skip(first)
            .take(EXAMPLES.min(all.len()))
            .cloned();
        some.map(|example| {
            let name = example.clone();
            view! { <li><button type="button" class="chip" on:click=move |_| take(example.clone())>{name}</button></li> }
        })
        .collect_view()
    };
    let cost = move || match studio.words_bytes() {
        0 => String::new(),
        bytes => format!("Your first sentence fetches {}, once.", megabytes(bytes)),
    };
    view! {
        <form class="prompt" on:submit=submit>
            <div class="ask">
                <label for="prompt">"Describe an avatar"</label>
                <textarea
                    id="prompt"
                    node_ref=prompt
                    rows="1"
                    dir="auto"
                    placeholder="pink hair, round glasses, a blue shirt"
                    autocomplete="off"
                    enterkeyhint="go"
                    aria-describedby="prompt-cost"
                    on:keydown=enter
                ></textarea>
                <button class="primary" type="submit">"Draw"</button>
            </div>
            <Report studio/>
            <ul class="chips" aria-label="Examples">{examples}</ul>
            <div class="more">
            <p class="cost" id="prompt-cost">{cost}</p>
            <details>
                <summary>"More choices"</summary>
                <div class="choices">
                    <label class="field">
                        <span>"Without"</span>
                        <input type="text" node_ref=without dir="auto" autocomplete="off" placeholder="a hat"/>
                    </label>
                    <Efforts effort/>
                    <label class="field">
                        <span>"How many"</span>
                        <select on:change=move |event| {
                            count.set(event_target_value(&event).parse().unwrap_or(Look::DEFAULT_COUNT));
                        }>
                            {[1u8, 2, 4, 8].map(|number| view! {
                                <option value=number.to_string() prop:selected=move || number == count.get()>{number}</option>
                            }).collect_view()}
                        </select>
                    </label>
                    <Target studio/>
                </div>
            </details>
            </div>
        </form>
    }
}

/// How long to work on it.
#[component]
fn Efforts(effort: RwSignal<Effort>) -> impl IntoView {
    let choices = [
        (Effort::Draft, "Draft", "at once"),
        (Effort::Normal, "Normal", "30 steps"),
        (Effort::Better, "Better", "200 steps"),
    ];
    let choice = move |(value, name, cost): (Effort, &'static str, &'static str)| {
        let choose = move |event| {
            if let Some(chosen) = effort_from(&event_target_value(&event)) {
                effort.set(chosen);
            }
        };
        view! {
            <label>
                <input
                    type="radio"
                    name="effort"
                    value=effort_name(value)
                    prop:checked=move || effort.get() == value
                    on:change=choose
                />
                <span>{name}<small>{cost}</small></span>
            </label>
        }
    };
    view! {
        <fieldset class="efforts">
            <legend>"Quality"</legend>
            {choices.map(choice).collect_view()}
        </fieldset>
    }
}

/// A picture that the avatars are to look like.
#[component]
fn Target(studio: Studio) -> impl IntoView {
    let input = NodeRef::<Input>::new();
    let choose = move |_| {
        if let Some(file) = input.get_untracked().and_then(|input| input.files()?.get(0)) {
            studio.upload(file);
        }
    };
    let remove = move |_| {
        studio.upload.set(None);
        if let Some(input) = input.get_untracked() {
            input.set_value("");
        }
    };
    let chosen = move || {
        studio
            .upload
            .with(|upload| upload.as_ref().map(|upload| upload.name.clone()))
    };
    view! {
        <div class="field target">
            <label for="target">"Like this picture"</label>
            <input id="target" type="file" accept="image/*" node_ref=input aria-describedby="target-help" on:change=choose/>
            <p id="target-help">"It stays on your device."</p>
            <Show when=move || chosen().is_some()>
                <p>{move || chosen()} " " <button type="button" class="quiet small" on:click=remove>"Remove"</button></p>
            </Show>
        </div>
    }
}
