//! How the page moves through the browser's history: every look is an address, and back and forward lead
//! through them.

use super::{super::share::Look, Studio};
use crate::protocol::ModelFacts;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsValue;

/// What an entry of the history carries if the one before it shows the same wall without the close-up.
const OPENED_HERE: &str = "opened here";

/// Where an address goes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// Into a new entry.
    New,
    /// Into a new entry, for a close-up of what hangs there.
    CloseUp,
    /// Into the present entry, in the place of what it has.
    Same,
}

impl Studio {
    /// Writes the present look into the address, and from now on follows the address.
    pub(super) fn follow_history(self) {
        self.write(Step::Same);
        window_event_listener(ev::popstate, move |_| self.follow(&fragment()));
    }

    /// Draws another look, as a new step of the history.
    pub(super) fn go_to(self, look: Look) {
        // Only what the model that is open draws can be known to fetch something.
        let is_of_this_model = self.look.with_untracked(|present| present.model == look.model);
        if !(is_of_this_model && self.asks_first(&look)) {
            self.show(look, Some(Step::New));
        }
    }

    /// Draws another look, whose address goes where `step` says if it is not there yet.
    pub(super) fn show(self, look: Look, step: Option<Step>) {
        self.question.set(None);
        let caption = |of: &Look| (of.model.clone(), of.theme.clone(), of.words.clone(), of.picture);
        // What hangs there does not stay under a caption that is not its own.
        if self
            .look
            .with_untracked(|before| caption(before) != caption(&look))
        {
            self.frames.iter().for_each(|frame| frame.set(None));
        }
        self.look.set(look);
        if let Some(step) = step {
            self.write(step);
        }
        self.draw();
    }

    /// Does something with what hangs there.
    pub(super) fn change(self, step: Step, change: impl FnOnce(&mut Look)) {
        self.look.update(change);
        self.write(step);
    }

    /// Goes where back, forward or the address bar lead.
    fn follow(self, fragment: &str) {
        let now = self.look.get_untracked();
        let Some(look) = Look::from_fragment(fragment) else {
            self.said
                .set("That link could not be read, so nothing has changed.".into());
            return self.write(Step::Same);
        };
        if look.wall_fragment() != now.wall_fragment() {
            return self.show(look, None);
        }
        let drawn = match look.drawn.is_empty() {
            true => now.drawn.clone(),
            false => look.drawn.clone(),
        };
        let is_other = !now.drawn.is_empty() && drawn != now.drawn;
        let look = Look {
            drawn,
            words: now.words.clone(),
            ..look
        };
        if is_other {
            return self.show(look, None);
        }
        if look.open != now.open && self.is_enlarging() {
            self.cancel();
        }
        self.look.set(look);
        // An entry from before the avatars were finished learns what they are drawn from.
        self.write(Step::Same);
    }

    /// Hangs the close-up back.
    pub fn close(self) {
        if self.look.with_untracked(|look| look.open.is_none()) {
            return;
        }
        if self.is_enlarging() {
            self.cancel();
        }
        self.look.update(|look| look.open = None);
        let history = window().history();
        let opened_here = history
            .as_ref()
            .is_ok_and(|history| history.state().ok() == Some(OPENED_HERE.into()));
        match history {
            Ok(history) if opened_here => drop(history.back()),
            _ => self.write(Step::Same),
        }
    }

    /// Turns to a look that this model can draw, if the present one is none, and says so.
    pub(super) fn settle_for(self, model: &ModelFacts) {
        let look = self.look.get_untracked();
        let misses_picture = look.picture && self.upload.with_untracked(Option::is_none);
        // A seed that is kept or varied may be of a class, too.
        let has_class =
            |class: Option<u8>| class.is_none_or(|class| usize::from(class) < model.classes.len());
        let (look, remark) = if !look.classes().all(has_class) {
            let remark = "This model does not have that kind, so these are new ones of any.";
            (self.at_random(&look), remark)
        } else if look.latents().any(|latent| latent.shape() != model.latent_shape) {
            let remark = "The link is of another model, so these are new ones.";
            (self.at_random(&look), remark)
        } else if !look.drawn.is_empty() || !look.is_guided() {
            return;
        } else if !model.takes_words {
            let remark = "This model understands no words, so these are by chance.";
            (look.without_words(), remark)
        } else if look.misses_words() {
            let remark = "The words were too long for the link, so these are by chance.";
            (look.without_words(), remark)
        } else if misses_picture && !look.says_words() {
            let remark = "The picture itself is in no link, so these are by chance.";
            (look.without_words(), remark)
        } else if misses_picture {
            let picture = false;
            let remark = "The picture itself is in no link, so these follow the words alone.";
            (Look { picture, ..look }, remark)
        } else {
            return;
        };
        self.add_remark(remark);
        self.change(Step::Same, |present| *present = look);
    }

    /// Others by chance, of the same model.
    fn at_random(self, look: &Look) -> Look {
        Look {
            model: look.model.clone(),
            ..Look::random(look.variety)
        }
    }

    /// Writes the look into the address.
    pub(super) fn write(self, step: Step) {
        let fragment = self.look.with_untracked(Look::to_fragment);
        let Ok(history) = window().history() else { return };
        // Browsers refuse after a hundred steps in a few seconds: then the address lags, no more.
        let _ = match step {
            Step::New => history.push_state_with_url(&JsValue::NULL, "", Some(&fragment)),
            Step::CloseUp => history.push_state_with_url(&OPENED_HERE.into(), "", Some(&fragment)),
            Step::Same => {
                let state = history.state().unwrap_or_default();
                history.replace_state_with_url(&state, "", Some(&fragment))
            }
        };
    }
}

/// The part of the address after `#`, with it.
fn fragment() -> String {
    window().location().hash().unwrap_or_default()
}
