//! What a visitor can do.

use super::{
    super::{
        facts::{Trouble, Upload, What},
        share::{Kept, Look, MAX_LINKED_CHARS, Theme},
    },
    Studio,
    history::Step,
};
use crate::protocol::{DeviceWish, Request, Stage, WayOn, Words};
use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The largest picture that may be given as a target, in bytes.
const MAX_UPLOAD_BYTES: f64 = 20e6;

impl Studio {
    /// Others of the same kind: by chance, for the same words, of the same avatar or the same two.
    pub fn shuffle(self) {
        match self.missing() {
            Some(sentence) => self.said.set(sentence.into()),
            None => self.go_to(self.look.with_untracked(Look::afresh)),
        }
    }

    /// As many as `count` that fit the words, and the uploaded picture if there is one. While variations of
    /// an avatar hang on the wall, the words change that avatar.
    pub fn ask(self, words: Words, count: u8) {
        let look = self.look.get_untracked();
        let look = Look {
            theme: look.theme.filter(|theme| matches!(theme, Theme::Variations(_))),
            words: Some(words),
            picture: self.upload.with_untracked(Option::is_some),
            count,
            kept: None,
            ..look
        };
        if !look.fits_a_link() {
            self.add_remark(&format!(
                "A link holds at most {MAX_LINKED_CHARS} characters of words, so it will show these avatars without yours."
            ));
        }
        self.go_to(look.afresh());
    }

    /// Eight by chance again.
    pub fn start_over(self) {
        let look = self.look.get_untracked();
        let look = Look {
            theme: None,
            words: None,
            picture: false,
            kept: None,
            ..look
        };
        self.go_to(look.afresh());
    }

    /// Avatars of this class, by its place in the model, or of all.
    pub fn set_class(self, class: Option<u8>) {
        let look = Look {
            class,
            theme: None,
            drawn: vec![],
            kept: None,
            open: None,
            ..self.look.get_untracked()
        };
        self.go_to(look);
    }

    /// Eight variations of the avatar close up.
    pub fn vary_this(self) {
        if let Some(avatar) = self.kept_close_up() {
            self.go_to(self.come_from(Theme::Variations(avatar)));
        }
    }

    /// Keeps the avatar close up, to be mixed with the one that is picked next.
    pub fn keep_this(self) {
        if let Some(avatar) = self.kept_close_up() {
            self.said
                .set(format!("Now pick the avatar to mix № {} with.", avatar.name()));
            self.change(Step::New, |look| {
                look.open = None;
                look.kept = Some(avatar);
            });
        }
    }

    /// The avatar close up, if it can be drawn again.
    fn kept_close_up(self) -> Option<Kept> {
        untrack(move || self.close_up())?.kept
    }

    fn come_from(self, theme: Theme) -> Look {
        let look = Look {
            theme: Some(theme),
            words: None,
            picture: false,
            kept: None,
            ..self.look.get_untracked()
        };
        look.afresh()
    }

    /// Mixes nothing after all.
    pub fn let_go(self) {
        self.said.set(String::new());
        self.change(Step::Same, |look| look.kept = None);
    }

    /// Takes a picture file as the target. It never leaves this device: the engine reads it.
    pub fn upload(self, file: web_sys::File) {
        let name = file.name();
        if file.size() > MAX_UPLOAD_BYTES {
            let megabytes = file.size() / 1e6;
            let sentence = format!("{name} has {megabytes:.0} MB: a picture may have at most 20.");
            return self.complain(&sentence, vec![], What::File);
        }
        spawn_local(async move {
            match JsFuture::from(file.array_buffer()).await {
                Ok(buffer) => self.upload.set(Some(Upload {
                    name,
                    file: buffer.into(),
                })),
                Err(_) => self.complain(&format!("{name} could not be read."), vec![], What::File),
            }
        });
    }

    /// The same eight, closer to or further from the average; of variations, closer to or further from their
    /// avatar.
    pub fn set_variety(self, variety: u8) {
        let look = self.look.get_untracked();
        if look.variety != variety && self.can_vary() {
            // What cannot be drawn from its seed again is a step of its own, to go back to.
            let step = match look.drawn.is_empty() {
                true => Step::Same,
                false => Step::New,
            };
            let drawn = vec![];
            let look = Look {
                variety,
                drawn,
                ..look
            };
            self.show(look, Some(step));
        }
    }

    /// Whether the variety changes what hangs there.
    pub fn can_vary(self) -> bool {
        self.look.with(Look::has_variety) && self.missing().is_none()
    }

    /// What is missing for drawing others, where only these came with a link.
    fn missing(self) -> Option<&'static str> {
        let look = self.look.get();
        if look.misses_words() {
            Some("The words were too long for the link. Describe them again to draw others.")
        } else if look.picture && self.upload.with(Option::is_none) {
            Some(
                "The picture itself is in no link. Choose it again under “More choices” to draw others like it.",
            )
        } else {
            None
        }
    }

    /// Takes the avatar at a place off the wall: to look at it, or to mix it with the one that was kept.
    pub fn pick(self, place: usize) {
        let Some(avatar) = self.frames[place].get_untracked() else {
            return;
        };
        match (self.look.with_untracked(|look| look.kept.clone()), avatar.kept) {
            (None, _) => self.change(Step::CloseUp, |look| look.open = Some(place as u8)),
            (Some(_), None) => self.said.set("That one is not finished yet.".into()),
            (Some(first), Some(second)) if first.latent() == second.latent() => {
                self.said
                    .set("That is the same avatar. Pick another one to mix it with.".into());
            }
            (Some(first), Some(second)) => self.go_to(self.come_from(Theme::Mix { first, second })),
        }
    }

    /// Makes the close-up larger.
    pub fn enlarge(self) {
        if let Some(avatar) = untrack(move || self.close_up()) {
            let job = self.next_job();
            self.begin(Stage::Upscale, "Enlarging.");
            self.send(&Request::Upscale { job }, Some(&avatar.best().png));
        }
    }

    /// Stops what the engine does. It hears of it between two tiles; the page does not wait for that.
    pub fn cancel(self) {
        self.send(&Request::Cancel, None);
        self.next_job(); // Whatever still comes of the old one is not shown.
        self.remark.set_value(String::new());
        self.activity.set(None);
        self.said.set("Stopped.".into());
    }

    /// Goes one of the ways that [`Trouble`] offers.
    pub fn go(self, way_on: WayOn) {
        let trouble = self.trouble.get_untracked();
        self.trouble.set(None);
        if way_on == WayOn::UseCpu {
            self.wish.set(DeviceWish::Cpu);
        }
        let alive = self.facts.with_untracked(Option::is_some)
            && self.link.with_value(Option::is_some)
            && !trouble.as_ref().is_some_and(Trouble::is_silence);
        match (way_on, trouble.map(|trouble| trouble.of)) {
            (WayOn::TryAgain, Some(What::Enlarging)) if alive => self.enlarge(),
            (WayOn::TryAgain, _) if alive => self.draw(),
            (WayOn::TryAgain | WayOn::UseCpu, _) => self.start(),
        }
    }

    /// Takes note of what went wrong.
    pub fn dismiss(self) {
        self.trouble.set(None);
    }

    /// What shows the avatar close up and nothing else that does not come with it, if it can be drawn again.
    pub fn look_of_close_up(self) -> Option<Look> {
        let latent = self.close_up()?.kept?.packed().cloned();
        self.look.with(|look| Some(look.only(look.open?.into(), latent)))
    }

    /// Shows what was kept, of the model of this name; false if the site does not have that. `look` is told
    /// whether to name it.
    pub fn visit(self, model: &String, look: impl FnOnce(bool) -> Option<Look>) -> bool {
        let models = self.models.get_untracked();
        // Before the site's models are known, the address names it, and what is not there is said later.
        let is_there = models.is_empty() || models.contains(model);
        let look = is_there.then(|| look(models.len() != 1)).flatten();
        match look {
            Some(look) => self.go_to(look),
            None => return false,
        }
        true
    }

    /// Puts an address on the clipboard: of the avatar close up where there is one, and otherwise of the
    /// wall.
    pub fn share(self) {
        let look = self.look.get_untracked();
        let one = untrack(move || self.look_of_close_up());
        let is_finished = !look.is_guided() || !look.drawn.is_empty();
        let sentence = match (&one, is_finished) {
            (Some(_), _) => "The link to this avatar is on your clipboard.",
            (None, true) => "The link to these avatars is on your clipboard.",
            (None, false) => {
                "A link is on your clipboard. These are not finished, so it leads to where they begin."
            }
        };
        let location = window().location().href().unwrap_or_default();
        let site = location.split('#').next().unwrap_or_default();
        let address = format!("{site}{}", one.unwrap_or(look).to_fragment());
        spawn_local(async move {
            self.said.set(match copy(&address).await {
                Ok(()) => sentence.into(),
                Err(_) => "Copy the link from the address bar: it leads back to what you see.".into(),
            });
        });
    }
}

async fn copy(text: &str) -> Result<(), JsValue> {
    // Browsers leave the clipboard out where the page did not come over a safe connection.
    let navigator = window().navigator();
    if Reflect::get(&navigator, &"clipboard".into())?.is_undefined() {
        return Err(JsValue::UNDEFINED);
    }
    JsFuture::from(navigator.clipboard().write_text(text))
        .await
        .map(|_| ())
}
