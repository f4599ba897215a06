//! The page's state: what it is ([`Studio`]), how it moves through the browser's history (`history`), what a
//! visitor can do to it (`actions`), which model draws and what is fetched for it (`models`), what the
//! engine's words make of it (`hear`), and what becomes of silence (`patience`).

mod actions;
mod hear;
mod history;
mod models;
mod patience;

use super::{
    address::{fetched_bytes, wish_from},
    engine::Engine,
    facts::{Activity, Avatar, Facts, Question, Trouble, Upload, What, now_ms},
    offline::Offline,
    share::{FRAMES, Look, Theme},
    shelf::Shelf,
};
use crate::{
    link::Link,
    protocol::{DeviceInUse, DeviceWish, Fit, JobId, ModelCard, Request, Stage, WayOn},
};
use js_sys::ArrayBuffer;
use leptos::prelude::*;
use std::collections::BTreeMap;
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;

/// The state of the page. Copies share it.
#[derive(Clone, Copy)]
pub struct Studio {
    /// What is to be seen. It is always what the address says, but for words that are too long for one.
    pub look: RwSignal<Look>,
    /// A picture that those drawn for words are to look like.
    pub upload: RwSignal<Option<Upload>, LocalStorage>,
    /// The eight places on the wall.
    pub frames: [RwSignal<Option<Avatar>, LocalStorage>; FRAMES as usize],
    /// How well what hangs there fits the words: the cosine of the two, -1 to 1.
    pub scores: [RwSignal<Option<f32>>; FRAMES as usize],
    /// How well it fits each clause of the words; empty until it is done, and where the model cannot tell.
    pub fits: [RwSignal<Vec<Fit>>; FRAMES as usize],
    /// What the engine does.
    pub activity: RwSignal<Option<Activity>>,
    /// What stands once the engine is ready.
    pub facts: RwSignal<Option<Facts>>,
    /// The names of the site's models; none before the engine has said them.
    pub models: RwSignal<Vec<String>>,
    /// What they are, as far as that was looked up; nothing for one that could not be read.
    pub cards: RwSignal<BTreeMap<String, Option<ModelCard>>>,
    /// How much of the page and of its engine came over the network, in bytes.
    pub program_bytes: RwSignal<u64>,
    /// What the visitor is asked before anything large is fetched.
    pub question: RwSignal<Option<Question>>,
    /// What is kept for visits without a network.
    pub offline: Offline,
    /// The visitor's own avatars.
    pub shelf: Shelf,
    /// What went wrong last.
    pub trouble: RwSignal<Option<Trouble>>,
    /// The last thing worth saying aloud.
    pub said: RwSignal<String>,
    /// The number of the newest job.
    job: RwSignal<JobId>,
    /// The number of the newest job that draws the wall.
    wall: RwSignal<JobId>,
    /// Whether the visitor came without a look of their own, so that the model's favorite variety counts.
    follows_model: RwSignal<bool>,
    wish: RwSignal<DeviceWish>,
    /// The folder of the bundle that the engine was told to open last.
    opening: StoredValue<String>,
    /// The engine's program, until the first avatars hang and it is kept for visits without a network.
    program: StoredValue<Option<String>>,
    /// Whether the visitor said that large files may be fetched.
    may_fetch: StoredValue<bool>,
    /// Something to add once to the next summary.
    remark: StoredValue<String>,
    /// For how many seconds the engine has been silent.
    silent_secs: StoredValue<u32>,
    /// The engine's files, once they are there.
    engine: StoredValue<Option<Engine>, LocalStorage>,
    /// Ends the fetching of them.
    fetching: StoredValue<Option<AbortController>, LocalStorage>,
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
            upload: RwSignal::new_local(None),
            frames: std::array::from_fn(|_| RwSignal::new_local(None)),
            scores: std::array::from_fn(|_| RwSignal::new(None)),
            fits: std::array::from_fn(|_| RwSignal::new(vec![])),
            activity: RwSignal::new(None),
            facts: RwSignal::new(None),
            models: RwSignal::new(vec![]),
            cards: RwSignal::new(BTreeMap::new()),
            program_bytes: RwSignal::new(0),
            question: RwSignal::new(None),
            offline: Offline::new(),
            shelf: Shelf::open(),
            trouble: RwSignal::new(None),
            said: RwSignal::new(String::new()),
            job: RwSignal::new(0),
            wall: RwSignal::new(0),
            follows_model: RwSignal::new(look.is_none()),
            wish: RwSignal::new(wish_from(&location.search().unwrap_or_default())),
            opening: StoredValue::new(String::new()),
            program: StoredValue::new(None),
            may_fetch: StoredValue::new(false),
            remark: StoredValue::new(String::new()),
            silent_secs: StoredValue::new(0),
            engine: StoredValue::new_local(None),
            fetching: StoredValue::new_local(None),
            link: StoredValue::new_local(None),
        };
        if look.is_none() && !fragment.is_empty() {
            studio.add_remark("The link could not be read, so these are new ones.");
        }
        studio.follow_history();
        studio.watch_silence();
        studio.start();
        studio
    }

    fn start(self) {
        self.facts.set(None);
        self.opening.set_value(String::new());
        self.begin(Stage::Engine, "");
        self.link.set_value(None);
        let abort = AbortController::new().ok();
        // What is still being fetched when a visitor has it begin again is fetched too slowly.
        if let Some(earlier) = self
            .fetching
            .try_update_value(|it| std::mem::replace(it, abort.clone()))
            .flatten()
        {
            earlier.abort();
        }
        let signal = abort.map(|abort| abort.signal());
        spawn_local(async move {
            let engine = match self.engine.get_value() {
                Some(engine) => Ok(engine),
                None => {
                    Engine::fetch(signal.as_ref(), move |done, total| {
                        self.engine_arrives(done, total)
                    })
                    .await
                }
            };
            if signal.is_some_and(|signal| signal.aborted()) {
                return;
            }
            let engine = match engine {
                Ok(engine) => engine,
                Err(sentence) => return self.fail(&sentence, vec![WayOn::TryAgain]),
            };
            self.program_bytes.set(fetched_bytes());
            self.program.set_value(Some(engine.file.clone()));
            let started = engine.start(
                move |reply, bytes| self.hear(reply, bytes),
                move || self.lost("The engine stopped unexpectedly."),
            );
            self.engine.set_value(Some(engine));
            match started {
                Ok(link) => self.link.set_value(Some(link)),
                Err(_) => self.fail("This browser could not start the engine.", vec![WayOn::TryAgain]),
            }
        });
    }

    /// Draws what is to be seen.
    fn draw(self) {
        if self.is_other_model() {
            return self.load();
        }
        let Some(facts) = self.facts.get_untracked() else {
            return; // The engine is still starting and draws the newest look when it is ready.
        };
        self.settle_for(&facts.model);
        let look = self.look.get_untracked();
        if self.asks_first(&look) {
            return self.activity.set(None);
        }
        let job = self.next_job();
        self.wall.set(job);
        self.scores.iter().for_each(|score| score.set(None));
        self.fits.iter().for_each(|fits| fits.set(vec![]));
        self.begin(Stage::Sample, "Drawing.");
        let (seed, count, truncation_psi) = (look.seed.into(), look.count(), look.truncation_psi());
        if let Some(latents) = look.to_draw() {
            self.send(&Request::Sample { job, latents }, None);
        } else if let Some(Theme::Mix { first, second }) = &look.theme {
            let request = Request::Mix {
                job,
                first: first.latent(),
                second: second.latent(),
                seed,
                count,
            };
            self.send(&request, None);
        } else {
            let locked = match &look.theme {
                Some(Theme::Variations(of)) => Some(of.latent()),
                _ => None,
            };
            let request = Request::Imagine {
                job,
                words: look.words.clone(),
                locked,
                seed,
                count,
                truncation_psi,
                class: look.class.map(usize::from),
            };
            self.upload.with_untracked(|upload| {
                let file = upload.as_ref().filter(|_| look.picture);
                self.send(&request, file.map(|upload| &upload.file));
            });
        }
    }

    /// Whether the engine is drawing what is to hang on the wall, or is not there yet.
    pub fn is_drawing(self) -> bool {
        self.activity
            .with(|activity| activity.is_some_and(|it| !is_of_enlarging(it.stage)))
    }

    /// Whether the engine is enlarging.
    pub fn is_enlarging(self) -> bool {
        self.activity
            .with(|activity| activity.is_some_and(|it| is_of_enlarging(it.stage)))
    }

    /// Whether the engine is bringing avatars closer to words.
    pub fn is_guiding(self) -> bool {
        self.activity
            .with(|activity| activity.is_some_and(|it| matches!(it.stage, Stage::Words | Stage::Guide)))
    }

    /// Whether what hangs at a place is of what is to be seen now, and no rest of what was there before.
    pub fn is_fresh(self, place: usize) -> bool {
        let wall = self.wall.get();
        self.frames[place].with(|avatar| avatar.as_ref().is_some_and(|avatar| avatar.job == wall))
    }

    /// The avatar that is looked at close up, as soon as it is drawn.
    pub fn close_up(self) -> Option<Avatar> {
        let place = usize::from(self.look.with(|look| look.open)?);
        self.is_fresh(place).then(|| self.frames[place].get()).flatten()
    }

    /// What hangs on the wall now.
    pub fn on_the_wall(self) -> Vec<Avatar> {
        let places = (0..FRAMES as usize).filter(|&place| self.is_fresh(place));
        places.filter_map(|place| self.frames[place].get()).collect()
    }

    /// Whether the model draws pixel art, whose pixels stay squares at every size.
    pub fn draws_pixel_art(self) -> bool {
        self.facts
            .with(|facts| facts.as_ref().is_some_and(|facts| facts.model.is_pixel_art))
    }

    fn add_remark(self, sentence: &str) {
        self.remark
            .update_value(|remark| *remark += &format!(" {sentence}"));
    }

    fn fail(self, sentence: &str, ways_on: Vec<WayOn>) {
        let of = match self.is_enlarging() {
            true => What::Enlarging,
            false => What::Drawing,
        };
        self.activity.set(None);
        self.said.set(String::new());
        self.complain(sentence, ways_on, of);
    }

    fn complain(self, sentence: &str, ways_on: Vec<WayOn>, of: What) {
        self.trouble.set(Some(Trouble {
            sentence: sentence.into(),
            ways_on,
            of,
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
        self.silent_secs.set_value(0);
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
}

fn is_of_enlarging(stage: Stage) -> bool {
    matches!(stage, Stage::Enlarger | Stage::Upscale)
}
