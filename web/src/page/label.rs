//! The museum label: what the model is, whose it is, whether its pictures may be used, and where it ran.

use super::{facts::Facts, models::megabytes, offline::Kept, studio::Studio};
use crate::protocol::{Credit, DeviceInUse, Linked};
use leptos::prelude::*;

/// Facts about the model and the engine, as plain text.
#[component]
pub fn Label(studio: Studio) -> impl IntoView {
    let facts = move |facts: Facts| {
        let device = match facts.device {
            DeviceInUse::WebGpu => "Your graphics adapter, through WebGPU.",
            DeviceInUse::Cpu => "Your processor.",
        };
        let why = facts.why.map(|why| format!(" {why}"));
        let (of_model, kept) = (facts.fetched, facts.kept);
        let fetched = move || {
            let all = megabytes(of_model + studio.program_bytes.get());
            match (kept, of_model) {
                (true, 0) => {
                    "The model is from your last visit; nothing of it was fetched again.".to_string()
                }
                (true, _) => format!(
                    "{all} fetched, the page and its engine among them, and kept for your next visit."
                ),
                (false, _) => format!(
                    "{all} fetched, the page and its engine among them. This browser keeps nothing for the next visit."
                ),
            }
        };
        let credits = facts.model.credits.into_iter().map(|credit| {
            let Credit {
                subject,
                attribution,
                license,
                source,
            } = credit;
            let attribution = (!attribution.is_empty()).then(|| view! { <dd><bdi>{attribution}</bdi></dd> });
            let links = [license, source].into_iter().filter(|to| !to.text.is_empty());
            let links = links.map(|to| view! { <dd><Link to/></dd> }).collect_view();
            view! { <div><dt>{subject}</dt>{attribution}{links}</div> }
        });
        let credits = credits.collect_view();
        view! {
            <dl class="label">
                <div><dt>"Model"</dt><dd><bdi>{facts.model.name}</bdi></dd><dd><bdi>{facts.model.description}</bdi></dd></div>
                <div><dt>"May I use these?"</dt><dd><bdi>{facts.model.answer}</bdi></dd></div>
                {credits}
                <div><dt>"Drawn on"</dt><dd id="device">{device}{why}</dd><dd>{fetched}</dd><Kept studio/></div>
            </dl>
        }
    };
    view! { <footer>{move || studio.facts.get().map(facts)}</footer> }
}

/// Text of a manifest that may lead somewhere. The engine lets addresses of the web through and nothing else.
#[component]
pub fn Link(to: Linked) -> impl IntoView {
    let Linked { text, address } = to;
    match address {
        Some(address) => view! { <a href=address rel="noreferrer"><bdi>{text}</bdi></a> }.into_any(),
        None => view! { <bdi>{text}</bdi> }.into_any(),
    }
}
