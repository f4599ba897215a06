//! The page's state: what it is ([`Studio`]), what can be done to it (`actions`), and what the engine's words
//! make of it (`hear`).

mod actions;
mod hear;

use super::{
    address::wish_from,
    facts::{Activity, Avatar, CloseUp, Facts, Kept, Theme, Trouble, Upload, now_ms},
    link,
    share::{FRAMES, Look},
};
use crate::{
    link::Link,
    protocol::{DeviceInUse, DeviceWish, JobId, Request, Stage, WayOn},
};
use js_sys::ArrayBuffer;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsValue;

/// The state of the page. Copies share it.
#[derive(Clone, Copy)]
pub struct Studio {
    /// Which avatars are wanted.
    pub look: RwSignal<Look>,
    /// What else they come from, where that is other avatars; it goes before the words of the look.
    pub theme: RwSignal<Option<Theme>>,
    /// A picture that those drawn for words are to look like.
    pub upload: RwSignal<Option<Upload>, LocalStorage>,
    /// An avatar that waits for another to be mixed with.
    pub kept: RwSignal<Option<Kept>>,
    /// The eight places on the wall.
    pub frames: [RwSignal<Option<Avatar>, LocalStorage>; FRAMES as usize],
    /// How well what hangs there fits the words: the cosine of the two, -1 to 1.
    pub scores: [RwSignal<Option<f32>>; FRAMES as usize],
    /// The picture close up.
    pub close_up: RwSignal<Option<CloseUp>, LocalStorage>,
    /// What the engine does.
    pub activity: RwSignal<Option<Activity>>,
    /// What stands once the engine is ready.
    pub facts: RwSignal<Option<Facts>>,
    /// What went wrong last.
    pub trouble: RwSignal<Option<Trouble>>,
    /// The last thing worth saying aloud.
    pub said: RwSignal<String>,
    /// The number of the newest job.
    pub job: RwSignal<JobId>,
    /// Whether the visitor came without a look of their own, so that the model's favourite variety counts.
    follows_model: RwSignal<bool>,
    wish: RwSignal<DeviceWish>,
    /// Something to add once to the next summary.
    remark: StoredValue<String>,
    link: StoredValue<Option<Link>, LocalStorage>,
}

impl Studio {
    /// Reads the address, starts the engine and follows the back button.
    pub fn open() -> Self {
        let location = window().location();
        let fragment = location.hash().unwrap_or_default();
        let look = Look::from_fragment(&fragment);
        let studio = Self {
            look: RwSignal::new(
                look.clone()
                    .unwrap_or_else(|| Look::random(Look::DEFAULT_VARIETY)),
            ),
            theme: RwSignal::new(None),
            upload: RwSignal::new_local(None),
            kept: RwSignal::new(None),
            frames: std::array::from_fn(|_| RwSignal::new_local(None)),
            scores: std::array::from_fn(|_| RwSignal::new(None)),
            close_up: RwSignal::new_local(None),
            activity: RwSignal::new(None),
            facts: RwSignal::new(None),
            trouble: RwSignal::new(None),
            said: RwSignal::new(String::new()),
            job: RwSignal::new(0),
            follows_model: RwSignal::new(look.is_none()),
            wish: RwSignal::new(wish_from(&location.search().unwrap_or_default())),
            remark: StoredValue::new(String::new()),
            link: StoredValue::new_local(None),
        };
        if look.is_none() && !fragment.is_empty() {
            studio
                .remark
                .set_value(" The link could not be read, so these are new ones.".into());
        }
        studio.remember(false);
        window_event_listener(ev::popstate, move |_| {
            let fragment = window().location().hash().unwrap_or_default();
            if let Some(look) =
                Look::from_fragment(&fragment).filter(|look| *look != studio.look.get_untracked())
            {
                studio.close_up.set(None);
                studio.theme.set(None);
                studio.look.set(look);
                studio.draw();
            }
        });
        studio.start();
        studio
    }

    fn start(self) {
        self.facts.set(None);
        self.begin(Stage::Engine, "");
        let opened = link::open(
            move |reply, bytes| self.hear(reply, bytes),
            move || self.lost("The engine stopped unexpectedly."),
        );
        match opened {
            Ok(link) => self.link.set_value(Some(link)),
            Err(_) => self.fail("This browser could not start the engine.", vec![WayOn::TryAgain]),
        }
    }

    fn draw(self) {
        if self.facts.with_untracked(Option::is_none) {
            return; // The engine is still starting and draws the newest look when it is ready.
        }
        let job = self.next_job();
        let look = self.look.get_untracked();
        let (count, truncation_psi) = (self.count(), look.truncation_psi());
        self.scores.iter().for_each(|score| score.set(None));
        self.begin(Stage::Sample, "Drawing.");
        let imagine = |locked, words| Request::Imagine {
            job,
            words,
            locked,
            seed: look.seed.into(),
            count,
            truncation_psi,
            class: look.class,
        };
        match (self.theme.get_untracked(), look.words) {
            (Some(Theme::Mix { first, second }), _) => {
                let (first, second) = (first.latent, second.latent);
                self.send(
                    &Request::Mix {
                        job,
                        first,
                        second,
                        count,
                    },
                    None,
                );
            }
            (Some(Theme::Variations(Kept { latent, .. })), words) => {
                self.send(&imagine(Some(latent), words), None);
            }
            (None, Some(words)) => self.upload.with_untracked(|upload| {
                let file = upload.as_ref().map(|upload| &upload.file);
                self.send(&imagine(None, Some(words)), file);
            }),
            (None, None) => {
                let seeds = (0..u64::from(FRAMES))
                    .map(|index| u64::from(look.seed) + index)
                    .collect();
                self.send(
                    &Request::Sample {
                        job,
                        seeds,
                        truncation_psi,
                        class: look.class,
                    },
                    None,
                );
            }
        }
    }

    /// How many frames of the wall are in use.
    pub fn count(self) -> usize {
        match self.theme.with(Option::is_some) {
            true => FRAMES as usize,
            false => self.look.with(Look::count),
        }
    }

    /// Whether the engine is enlarging.
    pub fn is_enlarging(self) -> bool {
        self.activity.with(|activity| {
            matches!(
                activity,
                Some(Activity {
                    stage: Stage::Upscale,
                    ..
                })
            )
        })
    }

    /// Whether the engine is bringing avatars closer to words.
    pub fn is_guiding(self) -> bool {
        self.activity
            .with(|activity| activity.is_some_and(|it| matches!(it.stage, Stage::Words | Stage::Guide)))
    }

    fn fail(self, sentence: &str, ways_on: Vec<WayOn>) {
        self.activity.set(None);
        self.said.set(String::new());
        self.trouble.set(Some(Trouble {
            sentence: sentence.into(),
            ways_on,
        }));
    }

    /// The engine is dead or useless: ends it, so that every way on starts a new one.
    fn lost(self, sentence: &str) {
        self.link.set_value(None);
        let on_gpu = self.facts.with_untracked(|facts| {
            facts
                .as_ref()
                .is_none_or(|facts| facts.device == DeviceInUse::WebGpu)
        });
        let ways_on = match on_gpu && self.wish.get_untracked() != DeviceWish::Cpu {
            true => vec![WayOn::UseCpu, WayOn::TryAgain],
            false => vec![WayOn::TryAgain],
        };
        self.facts.set(None);
        self.fail(sentence, ways_on);
    }

    fn begin(self, stage: Stage, sentence: &str) {
        self.trouble.set(None);
        self.activity.set(Some(Activity {
            stage,
            done: 0,
            total: 0,
            since_ms: now_ms(),
        }));
        if !sentence.is_empty() {
            self.said.set(sentence.into());
        }
    }

    fn next_job(self) -> JobId {
        self.job.update(|job| *job += 1);
        self.job.get_untracked()
    }

    fn send(self, request: &Request, png: Option<&ArrayBuffer>) {
        self.link.with_value(|link| {
            if let Some(link) = link {
                link.send(request, png);
            }
        });
    }

    /// Writes the look into the address, as a new step of the history or in place of the last.
    fn remember(self, new_step: bool) {
        let fragment = self.look.get_untracked().to_fragment();
        if let Ok(history) = window().history() {
            // Browsers refuse after a hundred steps in a few seconds: then the address lags, no more.
            let _ = match new_step {
                true => history.push_state_with_url(&JsValue::NULL, "", Some(&fragment)),
                false => history.replace_state_with_url(&JsValue::NULL, "", Some(&fragment)),
            };
        }
    }
}
