//! The museum label: what the model is, whose it is, and where it ran.

use super::{facts::Facts, studio::Studio};
use crate::protocol::{Credit, DeviceInUse};
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
        let kept = match (facts.kept, facts.fetched) {
            (true, 0) => "From your last visit; nothing was fetched again.".to_string(),
            (true, bytes) => format!(
                "{:.1} MB fetched, and kept for your next visit.",
                bytes as f64 / 1e6
            ),
            (false, bytes) => {
                format!(
                    "{:.1} MB fetched. This browser keeps nothing for the next visit.",
                    bytes as f64 / 1e6
                )
            }
        };
        let credits = facts.model.credits.into_iter().map(|credit| {
            let Credit { subject, attribution, license, source } = credit;
            let lines = [attribution, license, source].into_iter().filter(|line| !line.is_empty());
            view! { <div><dt>{subject}</dt>{lines.map(|line| view! { <dd>{line}</dd> }).collect_view()}</div> }
        });
        let credits = credits.collect_view();
        view! {
            <dl class="label">
                <div><dt>"Model"</dt><dd>{facts.model.name}</dd><dd>{facts.model.description}</dd></div>
                <div><dt>"Drawn on"</dt><dd id="device">{device}{why}</dd><dd>{kept}</dd></div>
                {credits}
            </dl>
        }
    };
    view! { <footer>{move || studio.facts.get().map(facts)}</footer> }
}
