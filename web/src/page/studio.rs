//! The page's state and everything that can be done to it.

use super::{
    address::{bundle_address, wish_from},
    facts::{Activity, Avatar, CloseUp, Facts, Trouble, now_ms},
    link::{Link, Picture},
    share::{FRAMES, Look},
};
use crate::protocol::{DeviceInUse, DeviceWish, JobId, Reply, Request, Stage, WayOn};
use js_sys::{ArrayBuffer, Reflect};
use leptos::{ev, prelude::*};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The state of the page. Copies share it.
#[derive(Clone, Copy)]
pub struct Studio {
    /// Which eight avatars are wanted.
    pub look: RwSignal<Look>,
    /// The eight places on the wall.
    pub frames: [RwSignal<Option<Avatar>, LocalStorage>; FRAMES as usize],
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
    remark: StoredValue<&'static str>,
    link: StoredValue<Option<Link>, LocalStorage>,
}

impl Studio {
    /// Reads the address, starts the engine and follows the back button.
    pub fn open() -> Self {
        let location = window().location();
        let fragment = location.hash().unwrap_or_default();
        let look = Look::from_fragment(&fragment);
        let studio = Self {
            look: RwSignal::new(look.unwrap_or_else(|| Look::random(Look::DEFAULT_VARIETY))),
            frames: std::array::from_fn(|_| RwSignal::new_local(None)),
            close_up: RwSignal::new_local(None),
            activity: RwSignal::new(None),
            facts: RwSignal::new(None),
            trouble: RwSignal::new(None),
            said: RwSignal::new(String::new()),
            job: RwSignal::new(0),
            follows_model: RwSignal::new(look.is_none()),
            wish: RwSignal::new(wish_from(&location.search().unwrap_or_default())),
            remark: StoredValue::new(""),
            link: StoredValue::new_local(None),
        };
        if look.is_none() && !fragment.is_empty() {
            studio
                .remark
                .set_value(" The link could not be read, so these are new ones.");
        }
        studio.remember(false);
        window_event_listener(ev::popstate, move |_| {
            let fragment = window().location().hash().unwrap_or_default();
            if let Some(look) =
                Look::from_fragment(&fragment).filter(|&look| look != studio.look.get_untracked())
            {
                studio.close_up.set(None);
                studio.look.set(look);
                studio.draw();
            }
        });
        studio.start();
        studio
    }

    /// Eight others.
    pub fn shuffle(self) {
        self.look.update(|look| *look = Look::random(look.variety));
        self.remember(true);
        self.draw();
    }

    /// The same eight, closer to or further from the average.
    pub fn vary(self, variety: u8) {
        if self.look.get_untracked().variety != variety {
            self.look.update(|look| look.variety = variety);
            self.remember(false);
            self.draw();
        }
    }

    /// Takes the avatar in the frame `index` off the wall to look at it.
    pub fn pick(self, index: usize) {
        if let Some(avatar) = self.frames[index].get_untracked() {
            self.close_up.set(Some(CloseUp {
                seed: avatar.seed,
                pictures: vec![avatar.picture],
            }));
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

    /// Stops what the engine does. It hears of it between two tiles; nobody here waits for that.
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

    fn start(self) {
        self.facts.set(None);
        self.begin(Stage::Engine, "");
        let opened = Link::open(
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
        self.trouble.set(None);
        self.begin(Stage::Sample, "Drawing.");
        let request = Request::Sample {
            job,
            seeds: look.seeds(),
            truncation_psi: look.truncation_psi(),
        };
        self.send(&request, None);
    }

    fn hear(self, reply: Reply, bytes: Option<ArrayBuffer>) {
        let newest = self.job.get_untracked();
        match reply {
            Reply::Awake => {
                let bundle = bundle_address();
                self.send(
                    &Request::Load {
                        bundle,
                        device: self.wish.get_untracked(),
                    },
                    None,
                );
            }
            Reply::Progress {
                stage,
                job,
                done,
                total,
            } if job.is_none_or(|job| job == newest) => self.progress(stage, done, total),
            Reply::Ready {
                device,
                why,
                fetched,
                kept,
                model,
            } => {
                if self.follows_model.get_untracked() {
                    self.follows_model.set(false);
                    let variety = (model.truncation_psi * 20.0).round().clamp(0.0, 20.0) as u8 * 5;
                    self.look.update(|look| look.variety = variety);
                    self.remember(false);
                }
                self.facts.set(Some(Facts {
                    device,
                    why,
                    fetched,
                    kept,
                    model,
                }));
                self.draw();
            }
            Reply::Picture { job, index, side } if job == newest => {
                if let Some(picture) = bytes.and_then(|png| Picture::new(png, side)) {
                    self.receive(job, index, picture);
                }
            }
            Reply::Done { job, duration_ms } if job == newest => {
                self.activity.set(None);
                self.said.set(self.summary(duration_ms));
            }
            Reply::Cancelled { job } if job == newest => {
                self.activity.set(None);
                self.said.set("Stopped.".into());
            }
            Reply::Failed {
                job,
                sentence,
                ways_on,
            } if job.is_none_or(|job| job == newest) => {
                self.fail(&sentence, ways_on);
            }
            Reply::Lost { sentence } => self.lost(&sentence),
            // Answers to a job that something newer has replaced.
            Reply::Progress { .. }
            | Reply::Picture { .. }
            | Reply::Done { .. }
            | Reply::Cancelled { .. }
            | Reply::Failed { .. } => {}
        }
    }

    fn receive(self, job: JobId, index: usize, picture: Picture) {
        if self.is_enlarging() {
            self.close_up.update(|close_up| {
                if let Some(close_up) = close_up {
                    close_up.pictures.push(picture);
                }
            });
        } else if let Some(frame) = self.frames.get(index) {
            let seed = self.look.get_untracked().seed + index as u32;
            frame.set(Some(Avatar { seed, job, picture }));
        }
    }

    fn progress(self, stage: Stage, done: u64, total: u64) {
        self.activity.update(|activity| {
            let since_ms = match activity {
                Some(activity) if activity.stage == stage => activity.since_ms,
                _ => now_ms(),
            };
            *activity = Some(Activity {
                stage,
                done,
                total,
                since_ms,
            });
        });
    }

    fn summary(self, duration_ms: f64) -> String {
        let secs = duration_ms / 1000.0;
        let place = match self
            .facts
            .with_untracked(|facts| facts.as_ref().map(|facts| facts.device))
        {
            Some(DeviceInUse::WebGpu) => "your graphics adapter",
            Some(DeviceInUse::Cpu) | None => "your processor",
        };
        match self
            .close_up
            .with_untracked(|close_up| close_up.as_ref().map(|it| it.best().side))
        {
            Some(side) => format!("Enlarged to {side} by {side} pixels in {secs:.1} s on {place}."),
            None => {
                let remark = self.remark.try_update_value(std::mem::take).unwrap_or_default();
                format!("Eight avatars drawn in {secs:.1} s on {place}.{remark}")
            }
        }
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
