//! The focus is never lost: where the element that has it goes away, hides or rests, it moves to what says
//! what is to be seen now.

use super::studio::Studio;
use js_sys::{Function, Object, Reflect};
use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

/// Where it goes: to the title of the open dialog, or to what hangs on the wall is called.
const DIALOG_TITLE: &str = "dialog[open] h2";
const CAPTION: &str = "#caption";

/// Watches over the focus for as long as the page lives.
pub fn keep(studio: Studio) {
    let last = StoredValue::new_local(None::<Element>);
    window_event_listener(ev::focusin, move |event| {
        last.set_value(event.target().and_then(|target| target.dyn_into().ok()));
    });
    Effect::new(move || {
        // Whatever of this changes may take an element away.
        studio.activity.track();
        studio.facts.track();
        studio.look.track();
        studio.offline.track_update();
        studio.question.track();
        studio.trouble.track();
        studio.upload.track();
        studio.frames.iter().for_each(|frame| frame.track());
        // The document follows in this turn, and the browser looks at it before the next picture.
        request_animation_frame(move || {
            let lost = last.get_value().filter(|element| !can_have_focus(element));
            let now = document().active_element();
            let is_nowhere = now.is_none_or(|now| now.tag_name() == "BODY" || lost.as_ref() == Some(&now));
            if lost.is_some() && is_nowhere {
                rescue();
            }
        });
    });
}

fn rescue() {
    let found = [DIALOG_TITLE, CAPTION]
        .iter()
        .find_map(|selector| document().query_selector(selector).ok().flatten());
    if let Some(place) = found.and_then(|place| place.dyn_into::<HtmlElement>().ok()) {
        let _ = place.focus();
    }
}

fn can_have_focus(element: &Element) -> bool {
    element.is_connected() && !element.matches(":disabled").unwrap_or(false) && is_visible(element)
}

fn is_visible(element: &Element) -> bool {
    let visible = || {
        let check: Function = Reflect::get(element, &"checkVisibility".into())
            .ok()?
            .dyn_into()
            .ok()?;
        let options = Object::new();
        Reflect::set(&options, &"visibilityProperty".into(), &JsValue::TRUE).ok()?;
        Some(check.call1(element, &options).ok()?.is_truthy())
    };
    // Browsers without that question are left to what they do by themselves.
    visible().unwrap_or(true)
}
