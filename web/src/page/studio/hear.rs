//! What becomes of the engine's words.

use super::{
    super::{
        address::bundle_address,
        facts::{Activity, Avatar, Facts, Theme, now_ms},
        link::Picture,
    },
    Studio,
};
use crate::protocol::{DeviceInUse, JobId, Latent, Reply, Request, Stage};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

impl Studio {
    pub(super) fn hear(self, reply: Reply, bytes: Option<ArrayBuffer>) {
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
                if !model.takes_words && self.look.with_untracked(|look| look.words.is_some()) {
                    self.look.update(|look| look.words = None);
                    self.remark
                        .set_value(" This model understands no words, so these are by chance.".into());
                    self.remember(false);
                }
                let count = model.classes.len();
                if self
                    .look
                    .with_untracked(|look| look.class.is_some_and(|class| class >= count))
                {
                    self.look.update(|look| look.class = None);
                    self.remark
                        .set_value(" This model does not have that kind, so these are of any.".into());
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
            Reply::Fetched { bytes, kept } => self.facts.update(|facts| {
                if let Some(facts) = facts {
                    facts.fetched += bytes;
                    facts.kept &= kept;
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
            } if job == newest => {
                if let Some(frame) = self.frames.get(index) {
                    frame.update(|avatar| {
                        if let Some(avatar) = avatar {
                            avatar.latent = Some(latent);
                        }
                    });
                    self.scores[index].set(score);
                }
            }
            Reply::Scores { job, scores } if job == newest => {
                for (shown, score) in self.scores.iter().zip(scores) {
                    shown.set(Some(score));
                }
            }
            Reply::Remark { job, sentence } if job == newest => {
                self.remark.set_value(format!(" {sentence}"));
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
            | Reply::Drawn { .. }
            | Reply::Scores { .. }
            | Reply::Remark { .. }
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
            let look = self.look.get_untracked();
            let seed = look.seed + index as u32;
            // What is drawn by chance can be drawn again from its seed; of everything else the engine tells.
            let by_chance = look.words.is_none() && self.theme.with_untracked(Option::is_none);
            let latent = by_chance.then(|| Latent::Seed {
                seed: seed.into(),
                truncation_psi: look.truncation_psi(),
                class: look.class,
            });
            frame.set(Some(Avatar {
                seed,
                job,
                picture,
                latent,
            }));
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
                let what = match (self.theme.get_untracked(), self.look.get_untracked().words) {
                    (Some(Theme::Variations(of)), _) => format!("Eight variations of № {}", of.seed),
                    (Some(Theme::Mix { first, second }), _) => {
                        format!("Eight mixes of № {} and № {}", first.seed, second.seed)
                    }
                    (None, Some(_)) => {
                        let number = [
                            "No avatar",
                            "One avatar",
                            "Two avatars",
                            "Three avatars",
                            "Four avatars",
                        ]
                        .get(self.count())
                        .unwrap_or(&"Eight avatars");
                        format!("{number} for these words")
                    }
                    (None, None) => "Eight avatars".into(),
                };
                format!("{what} drawn in {secs:.1} s on {place}.{remark}")
            }
        }
    }
}
