//! What a visitor can do.

use super::{
    super::{
        facts::{CloseUp, Kept, Theme, Upload},
        share::Look,
    },
    Studio,
};
use crate::protocol::{DeviceWish, Request, Stage, WayOn, Words};
use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The largest picture that may be given as a target, in bytes.
const MAX_UPLOAD_BYTES: f64 = 20e6;

impl Studio {
    /// Eight others.
    pub fn shuffle(self) {
        self.look
            .update(|look| look.seed = Look::random(look.variety).seed);
        self.remember(true);
        self.draw();
    }

    /// As many as `count` that fit the words, and the uploaded picture if there is one. While variations of
    /// an avatar hang on the wall, the words change that avatar.
    pub fn ask(self, words: Words, count: u8) {
        if matches!(self.theme.get_untracked(), Some(Theme::Mix { .. })) {
            self.theme.set(None);
        }
        self.kept.set(None);
        self.look.update(|look| {
            let seed = Look::random(look.variety).seed;
            *look = Look {
                seed,
                variety: look.variety,
                class: look.class,
                words: Some(words),
                count,
            };
        });
        self.remember(true);
        self.draw();
    }

    /// Eight by chance again.
    pub fn forget_words(self) {
        self.theme.set(None);
        self.kept.set(None);
        self.look.update(|look| {
            *look = Look {
                class: look.class,
                ..Look::random(look.variety)
            }
        });
        self.remember(true);
        self.draw();
    }

    /// Eight variations of the avatar close up.
    pub fn vary_this(self) {
        if let Some(avatar) = self.close_up_kept() {
            self.theme.set(Some(Theme::Variations(avatar)));
            self.close();
            self.shuffle();
        }
    }

    /// Keeps the avatar close up, to be mixed with the one that is picked next.
    pub fn keep_this(self) {
        if let Some(avatar) = self.close_up_kept() {
            self.close();
            self.said
                .set(format!("Now pick the avatar to mix № {} with.", avatar.seed));
            self.kept.set(Some(avatar));
        }
    }

    /// The avatar close up, if it can be drawn again.
    fn close_up_kept(self) -> Option<Kept> {
        let CloseUp { seed, latent, .. } = self.close_up.get_untracked()?;
        latent.map(|latent| Kept { seed, latent })
    }

    /// Mixes nothing after all.
    pub fn let_go(self) {
        self.kept.set(None);
        self.said.set(String::new());
    }

    /// Takes a picture file as the target. It never leaves this device: the engine reads it.
    pub fn upload(self, file: web_sys::File) {
        let name = file.name();
        if file.size() > MAX_UPLOAD_BYTES {
            let megabytes = file.size() / 1e6;
            self.fail(
                &format!("{name} has {megabytes:.0} MB: a picture may have at most 20."),
                vec![],
            );
            return;
        }
        spawn_local(async move {
            match JsFuture::from(file.array_buffer()).await {
                Ok(buffer) => self.upload.set(Some(Upload {
                    name,
                    file: buffer.into(),
                })),
                Err(_) => self.fail(&format!("{name} could not be read."), vec![]),
            }
        });
    }

    /// The same eight, closer to or further from the average.
    pub fn set_variety(self, variety: u8) {
        if self.look.get_untracked().variety != variety {
            self.look.update(|look| look.variety = variety);
            self.remember(false);
            self.draw();
        }
    }

    /// Avatars of this class, by its place in the model, or of all.
    pub fn set_class(self, class: Option<usize>) {
        self.theme.set(None);
        self.kept.set(None);
        self.look.update(|look| look.class = class);
        self.remember(true);
        self.draw();
    }

    /// Takes the avatar in the frame `index` off the wall: to look at it, or to mix it with the one that was
    /// kept.
    pub fn pick(self, index: usize) {
        let Some(avatar) = self.frames[index].get_untracked() else {
            return;
        };
        match (self.kept.get_untracked(), avatar.latent) {
            (Some(first), Some(latent)) => {
                let second = Kept {
                    seed: avatar.seed,
                    latent,
                };
                self.kept.set(None);
                self.theme.set(Some(Theme::Mix { first, second }));
                self.draw();
            }
            (_, latent) => self.close_up.set(Some(CloseUp {
                seed: avatar.seed,
                latent,
                pictures: vec![avatar.picture],
            })),
        }
    }

    /// Hangs it back.
    pub fn close(self) {
        if self.is_enlarging() {
            self.cancel();
        }
        self.close_up.set(None);
    }

    /// Makes the close-up larger.
    pub fn enlarge(self) {
        if let Some(close_up) = self.close_up.get_untracked() {
            let job = self.next_job();
            self.begin(Stage::Upscale, "Enlarging.");
            self.send(&Request::Upscale { job }, Some(&close_up.best().png));
        }
    }

    /// Stops what the engine does. It hears of it between two tiles; the page does not wait for that.
    pub fn cancel(self) {
        self.send(&Request::Cancel, None);
        self.next_job(); // Whatever still comes of the old one is not shown.
        self.activity.set(None);
        self.said.set("Stopped.".into());
    }

    /// Goes one of the ways that [`Trouble`] offers.
    pub fn go(self, way_on: WayOn) {
        self.trouble.set(None);
        if way_on == WayOn::UseCpu {
            self.wish.set(DeviceWish::Cpu);
        }
        let alive = self.facts.with_untracked(Option::is_some) && self.link.with_value(Option::is_some);
        match way_on {
            WayOn::TryAgain if alive && self.close_up.with_untracked(Option::is_some) => self.enlarge(),
            WayOn::TryAgain if alive => self.draw(),
            WayOn::TryAgain | WayOn::UseCpu => self.start(),
        }
    }

    /// Puts the address of this look on the clipboard.
    pub fn share(self) {
        let address = window().location().href().unwrap_or_default();
        spawn_local(async move {
            let sentence = match copy(&address).await {
                Ok(()) => "The link to these eight is on your clipboard.",
                Err(_) => "Copy the link from the address bar: it always leads back to these eight.",
            };
            self.said.set(sentence.into());
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
