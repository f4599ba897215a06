//! What becomes of the engine's words.

use super::{
    super::{
        address::bundle_address,
        blob::Picture,
        facts::{Activity, Avatar, Facts, now_ms},
        share::{Kept, Packed, Theme},
    },
    Studio,
    history::Step,
};
use crate::protocol::{DeviceInUse, Fit, JobId, Latent, Reply, Stage};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

impl Studio {
    pub(super) fn hear(self, reply: Reply, bytes: Option<ArrayBuffer>) {
        self.hear_something();
        let newest = self.job.get_untracked();
        match reply {
            Reply::Awake => self.ask_for_models(),
            Reply::Models { names } => self.know_models(names),
            Reply::Described { bundle, card } => {
                let models = self.models.get_untracked();
                if let Some(model) = models.into_iter().find(|model| bundle_address(model) == bundle) {
                    self.cards.update(|cards| drop(cards.insert(model, card)));
                }
            }
            Reply::Progress {
                stage,
                job,
                done,
                total,
            } if job.is_none_or(|job| job == newest) => self.progress(stage, done, total),
            Reply::Ready {
                bundle,
                device,
                why,
                fetched,
                kept,
                model,
            } if bundle == self.opening.get_value() => {
                if self.follows_model.get_untracked() {
                    self.follows_model.set(false);
                    let variety = (model.truncation_psi * 20.0).round().clamp(0.0, 20.0) as u8 * 5;
                    self.change(Step::Same, |look| look.variety = variety);
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
            Reply::Fetched { stage, bytes, kept } => self.facts.update(|facts| {
                if let Some(facts) = facts {
                    facts.fetched += bytes;
                    facts.kept &= kept;
                    match stage {
                        Stage::Enlarger => facts.model.enlarger_bytes = 0,
                        _ => facts.model.words_bytes = 0,
                    }
                    self.offline.recount();
                }
            }),
            Reply::Picture { job, index, side } if job == newest => {
                if let Some(picture) = bytes.and_then(|png| Picture::new(png, side)) {
                    self.receive(job, index, picture);
                }
            }
            Reply::Drawn {
                job,
                index,
                latent,
                score,
                fits,
            } if job == newest => {
                self.finish(index, latent, (score, fits));
            }
            Reply::Scores { job, scores } if job == newest => {
                for (shown, score) in self.scores.iter().zip(scores) {
                    shown.set(Some(score));
                }
            }
            Reply::Remark { job, sentence } if job == newest => {
                self.add_remark(&sentence);
            }
            Reply::Done { job, duration_ms } if job == newest => {
                let said = match self.is_enlarging() {
                    true => self.enlarged(duration_ms),
                    false => self.drawn(duration_ms),
                };
                self.activity.set(None);
                self.said.set(said);
                if let Some(program) = self.program.try_update_value(Option::take).flatten() {
                    self.offline.keep(program);
                }
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
            Reply::Ready { .. }
            | Reply::Progress { .. }
            | Reply::Picture { .. }
            | Reply::Drawn { .. }
            | Reply::Scores { .. }
            | Reply::Remark { .. }
            | Reply::Done { .. }
            | Reply::Cancelled { .. }
            | Reply::Failed { .. } => {}
        }
    }

    fn receive(self, job: JobId, place: usize, picture: Picture) {
        if self.is_enlarging() {
            let Some(place) = self.look.with_untracked(|look| look.open) else {
                return;
            };
            self.frames[usize::from(place)].update(|avatar| {
                if let Some(avatar) = avatar {
                    avatar.pictures.push(picture);
                }
            });
        } else if let Some(frame) = self.frames.get(place) {
            let look = self.look.get_untracked();
            frame.set(Some(Avatar {
                name: look.name(place),
                job,
                pictures: vec![picture],
                // Of what does not follow from the look the engine tells.
                kept: look.kept_of(place),
            }));
        }
    }

    /// Takes note of what the avatar at a place was drawn from in the end, and how well it fits.
    fn finish(self, place: usize, latent: Latent, (score, fits): (Option<f32>, Vec<Fit>)) {
        let width = self
            .facts
            .with_untracked(|facts| facts.as_ref().map_or(0, |facts| facts.model.latent_shape.1));
        let (Latent::Drawn(latent), Some(frame)) = (latent, self.frames.get(place)) else {
            return;
        };
        let name = self.look.with_untracked(|look| look.name(place));
        let packed = Packed::new(&latent, width);
        frame.update(|avatar| {
            if let Some(avatar) = avatar {
                avatar.kept = packed.map(|latent| Kept::Drawn { name, latent });
            }
        });
        self.scores[place].set(score);
        self.fits[place].set(fits);
    }

    /// Bytes of the engine itself are arriving.
    pub(super) fn engine_arrives(self, done: u64, total: u64) {
        self.hear_something();
        self.progress(Stage::Engine, done, total);
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

    /// What there is to say when the wall is drawn. What was guided is in the address from now on.
    fn drawn(self, duration_ms: f64) -> String {
        let look = self.look.get_untracked();
        if look.is_guided() && look.drawn.is_empty() {
            let latents = self.frames[..look.count()].iter().map(|frame| {
                frame.with_untracked(|avatar| avatar.as_ref()?.kept.as_ref()?.packed().cloned())
            });
            if let Some(latents) = latents.collect::<Option<_>>() {
                self.change(Step::Same, |look| look.drawn = latents);
            }
        }
        let number = [
            "No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight",
        ];
        let number = number.get(look.count()).unwrap_or(&"Some");
        let s = if look.count() == 1 { "" } else { "s" };
        let what = match look.theme {
            Some(Theme::Variations(of)) => format!("{number} variation{s} of № {}", of.name()),
            Some(Theme::Mix { first, second }) => {
                format!(
                    "{number} mix{} of № {} and № {}",
                    if s.is_empty() { "" } else { "es" },
                    first.name(),
                    second.name()
                )
            }
            None => {
                let wish = match (look.words.is_some(), look.picture) {
                    (false, _) => "",
                    (true, false) => " for these words",
                    (true, true) => " like your picture",
                };
                format!("{number} avatar{s}{wish}")
            }
        };
        let remark = self.remark.try_update_value(std::mem::take).unwrap_or_default();
        format!("{what} drawn in {}.{remark}", self.how_long(duration_ms))
    }

    /// What there is to say when the close-up is larger.
    fn enlarged(self, duration_ms: f64) -> String {
        let side = untrack(move || self.close_up()).map_or(0, |avatar| avatar.best().side);
        format!(
            "Enlarged to {side} by {side} pixels in {}.",
            self.how_long(duration_ms)
        )
    }

    fn how_long(self, duration_ms: f64) -> String {
        let device = self
            .facts
            .with_untracked(|facts| facts.as_ref().map(|facts| facts.device));
        let place = match device {
            Some(DeviceInUse::WebGpu) => "your graphics adapter",
            Some(DeviceInUse::Cpu) | None => "your processor",
        };
        format!("{:.1} s on {place}", duration_ms / 1000.0)
    }
}
