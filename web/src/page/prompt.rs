//! The box that takes a sentence, and what goes with it.

use super::{
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
const EXAMPLES: usize = 6;

/// The form; there is none if the model understands no words.
#[component]
pub fn PromptBox(studio: Studio) -> impl IntoView {
    let takes_words = Memo::new(move |_| {
        studio
            .facts
            .with(|facts| facts.as_ref().is_some_and(|facts| facts.model.takes_words))
    });
    view! { <Show when=move || takes_words.get()><Form studio/></Show> }
}

#[component]
fn Form(studio: Studio) -> impl IntoView {
    let words = studio.look.get_untracked().words.unwrap_or_default();
    let prompt = NodeRef::<Textarea>::new();
    let without = NodeRef::<Input>::new();
    let count = RwSignal::new(studio.look.get_untracked().count);
    let effort = RwSignal::new(words.effort);
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
    let all_examples = studio
        .facts
        .with_untracked(|facts| facts.as_ref().map(|facts| facts.model.examples.clone()))
        .unwrap_or_default();
    // Another few on every visit, so that people see what there is.
    let first = (js_sys::Math::random() * all_examples.len() as f64) as usize;
    let examples = all_examples
        .iter()
        .cycle()
        .skip(first)
        .take(EXAMPLES.min(all_examples.len()));
    let examples = examples
        .map(|example| {
            let name = example.clone();
            let example = example.clone();
            view! { <li><button type="button" class="chip" on:click=move |_| take(example.clone())>{name}</button></li> }
        })
        .collect_view();
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
                    prop:value=words.prompt
                    on:keydown=enter
                ></textarea>
                <button class="primary" type="submit">"Draw"</button>
            </div>
            <ul class="chips" aria-label="Examples">{examples}</ul>
            <details>
                <summary>"More choices"</summary>
                <div class="choices">
                    <label class="field">
                        <span>"Without"</span>
                        <input type="text" node_ref=without dir="auto" autocomplete="off" placeholder="a hat" prop:value=words.without/>
                    </label>
                    <Efforts effort/>
                    <label class="field">
                        <span>"How many"</span>
                        <select on:change=move |event| {
                            count.set(event_target_value(&event).parse().unwrap_or(Look::DEFAULT_COUNT));
                        }>
                            {[1u8, 2, 4, 8].map(|number| view! {
                                <option value=number.to_string() selected=number == count.get_untracked()>{number}</option>
                            }).collect_view()}
                        </select>
                    </label>
                    <Target studio/>
                </div>
            </details>
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
