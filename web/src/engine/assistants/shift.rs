//! A job that the engine and its assistants refine together.

use super::{
    super::{Failure, model::Model, now_ms, say},
    Assistants, Order, Task,
};
use crate::protocol::{Fit, JobId, Latent, Reply, Request, Stage};
use burn::tensor::{Tensor, TensorData};
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{Either, select},
};
use gloo_timers::future::TimeoutFuture;
use guise::{
    pipeline::{
        Avatar, Cancel, Draft, Error, Event, GuideSettings, Targets, Yardstick, guide,
        shares::{Whole, split},
    },
    weights::bundle::ImageTower,
};
use js_sys::ArrayBuffer;
use std::{cell::RefMut, pin::pin};

/// How often an engine that waits for its assistants looks whether the avatars are still wanted.
const TICK_MS: u32 = 100;

/// How long assistants may stay silent in any case, once the engine has nothing else to do.
const PATIENCE_MS: f64 = 3_000.0;

impl Model {
    /// Refines a draft toward `targets`, together with the assistants who are ready, and sends each avatar to
    /// the page every time that it has improved. Once the engine's own part is refined, assistants may stay
    /// silent for as long as that took: in that time an assistant at the same work takes many steps. The
    /// parts of those who fail or stay silent for longer are refined by the engine, from the draft.
    pub async fn refine(
        &self,
        job: JobId,
        judge: &ImageTower,
        (targets, yardstick): (&Targets, Option<&Yardstick>),
        draft: Draft,
        settings: &GuideSettings,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let Draft { latents, scores } = draft;
        let helping = match settings.steps > 0 && settings.is_separable() {
            true => self.assistants.ready(),
            false => vec![],
        };
        let parts = split(scores.len(), 1 + helping.len());
        let whole = Whole::new(parts.clone(), scores);
        let mut shift = Shift::begin(&self.assistants, job, settings.steps, whole);
        // The first part is the engine's own.
        for ((part, range), assistant) in parts.iter().enumerate().skip(1).zip(helping) {
            let some = latents.clone().narrow(0, range.start, range.len());
            let task = Task {
                job,
                shape: some.dims(),
                latents: read(some).await?,
                targets: targets.to_plain().await?,
                settings: settings.clone(),
                yardstick: yardstick.cloned(),
            };
            shift.give(part, assistant, task);
        }
        let mut patience_ms = PATIENCE_MS;
        loop {
            cancel.check()?;
            let next = shift.work().next();
            match next {
                Next::Finish => return Ok(()),
                Next::Wait => {
                    shift.wait().await;
                    if shift.silent_ms() > patience_ms {
                        shift.dismiss_silent();
                    }
                }
                Next::Refine(part) => {
                    let started_ms = now_ms();
                    let range = parts[part].clone();
                    let start = latents.clone().narrow(0, range.start, range.len());
                    let mut trouble = Ok(());
                    let avatars = guide(
                        &self.generator,
                        judge,
                        targets,
                        start,
                        settings,
                        cancel,
                        &mut async |event| {
                            let event = shift.work().of_the_whole(part, event);
                            if let Err(error) = self.show(job, Stage::Guide, event).await {
                                trouble = Err(error);
                                cancel.cancel();
                            }
                        },
                    )
                    .await;
                    trouble?;
                    for (index, avatar) in range.zip(avatars?) {
                        let Avatar {
                            latent,
                            score,
                            embedding,
                        } = avatar;
                        let drawn = Reply::Drawn {
                            job,
                            index,
                            latent: Latent::Drawn(latent),
                            score: Some(score),
                            fits: yardstick.map_or(vec![], |yardstick| fits(yardstick, &embedding)),
                        };
                        say(&drawn, None);
                    }
                    shift.work().holders[part] = Holder::Done;
                    patience_ms = patience_ms.max(now_ms() - started_ms);
                }
            }
        }
    }

    /// Refines what another engine has drafted, as its assistant.
    pub async fn assist(&self, task: Task, cancel: Cancel) -> Result<(), Failure> {
        let Task {
            job,
            shape,
            latents,
            targets,
            settings,
            yardstick,
        } = task;
        let judge = self
            .judge
            .get()
            .ok_or_else(|| Error::Request("this engine was not opened as an assistant".into()))?;
        if latents.len() != shape.iter().product::<usize>() {
            let reason = format!("there are {} numbers of latents {shape:?}", latents.len());
            return Err(Error::Request(reason).into());
        }
        let draft = Draft {
            latents: Tensor::from_data(TensorData::new(latents, shape), &self.device),
            // They are not asked for: the first step gives its own.
            scores: vec![0.0; shape[0]],
        };
        let targets = Targets::from_plain(targets, &self.device)?;
        let wish = (&targets, yardstick.as_ref());
        self.refine(job, judge, wish, draft, &settings, &cancel).await
    }
}

/// How well the picture with this embedding fits, as the page is told.
fn fits(yardstick: &Yardstick, embedding: &[f32]) -> Vec<Fit> {
    let fits = yardstick.fits(embedding).into_iter();
    fits.map(|fit| Fit {
        clause: fit.clause,
        percent: fit.percent,
    })
    .collect()
}

/// What the engine does next.
enum Next {
    /// Refine this part.
    Refine(usize),
    /// Wait for assistants.
    Wait,
    /// All is done.
    Finish,
}

/// Who has a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The engine, as soon as it gets there.
    Engine,
    /// The assistant of this number.
    Assistant(usize),
    /// It is not needed any more.
    Done,
}

/// A job under way. What assistants say about their parts is said to the page about the whole.
pub struct Work {
    job: JobId,
    /// All steps of every part.
    steps: usize,
    whole: Whole,
    /// By part.
    holders: Vec<Holder>,
    /// Hears that an assistant has said something.
    heard: UnboundedSender<()>,
}

impl Work {
    fn next(&self) -> Next {
        let mut next = Next::Finish;
        for (part, holder) in self.holders.iter().enumerate() {
            match holder {
                Holder::Engine => return Next::Refine(part),
                Holder::Assistant(_) => next = Next::Wait,
                Holder::Done => {}
            }
        }
        next
    }

    /// What an event of a part is for the whole job.
    fn of_the_whole(&mut self, part: usize, event: Event) -> Event {
        match event {
            Event::Step {
                done,
                total,
                losses,
                scores,
            } => Event::Step {
                done: self.whole.step(part, done),
                total,
                losses,
                scores: self.whole.score(part, &scores),
            },
            Event::Picture { index, image } => Event::Picture {
                index: self.whole.part(part).start + index,
                image,
            },
            progress @ Event::Progress { .. } => progress,
        }
    }

    /// Passes on what an assistant says about its part; what it says about other jobs is of no interest.
    pub fn hear(&mut self, assistant: usize, reply: Reply, bytes: Option<ArrayBuffer>) {
        let job = self.job;
        let Some(part) = self.part_of(assistant) else {
            return;
        };
        match reply {
            Reply::Progress { job: of, done, .. } if of == Some(job) => {
                let done = self.whole.step(part, done as usize) as u64;
                let progress = Reply::Progress {
                    stage: Stage::Guide,
                    job: of,
                    done,
                    total: self.steps as u64,
                };
                say(&progress, None);
            }
            Reply::Scores { job: of, scores } if of == job => {
                let scores = self.whole.score(part, &scores);
                say(&Reply::Scores { job, scores }, None);
            }
            Reply::Picture { job: of, index, side } if of == job => {
                if let Some(index) = self.whole.place(part, index) {
                    say(&Reply::Picture { job, index, side }, bytes);
                }
            }
            Reply::Drawn {
                job: of,
                index,
                latent,
                score,
                fits,
            } if of == job => {
                if let Some(index) = self.whole.place(part, index) {
                    let drawn = Reply::Drawn {
                        job,
                        index,
                        latent,
                        score,
                        fits,
                    };
                    say(&drawn, None);
                }
            }
            Reply::Done { job: of, .. } if of == job => self.holders[part] = Holder::Done,
            _ => return,
        }
        // The receiver of this may have left.
        let _ = self.heard.unbounded_send(());
    }

    /// An assistant is gone: the engine does what it has not done.
    pub fn lose(&mut self, assistant: usize) {
        if let Some(part) = self.part_of(assistant) {
            self.holders[part] = Holder::Engine;
            self.whole.step(part, 0);
            let _ = self.heard.unbounded_send(());
        }
    }

    /// The assistants who have parts.
    pub fn holding(&self) -> Vec<usize> {
        let assistant = |holder: &Holder| match holder {
            Holder::Assistant(assistant) => Some(*assistant),
            Holder::Engine | Holder::Done => None,
        };
        self.holders.iter().filter_map(assistant).collect()
    }

    fn part_of(&self, assistant: usize) -> Option<usize> {
        self.holders
            .iter()
            .position(|holder| *holder == Holder::Assistant(assistant))
    }
}

/// The time in which a job is shared. However it ends, assistants who are still at work stop then.
struct Shift<'a> {
    assistants: &'a Assistants,
    hears: UnboundedReceiver<()>,
    /// How long nothing was said.
    silent_ticks: u32,
}

impl<'a> Shift<'a> {
    /// Begins with all parts the engine's.
    fn begin(assistants: &'a Assistants, job: JobId, steps: usize, whole: Whole) -> Self {
        let (heard, hears) = unbounded();
        assistants.0.borrow_mut().work = Some(Work {
            job,
            steps,
            holders: vec![Holder::Engine; whole.parts()],
            whole,
            heard,
        });
        Self {
            assistants,
            hears,
            silent_ticks: 0,
        }
    }

    fn work(&self) -> RefMut<'_, Work> {
        RefMut::map(self.assistants.0.borrow_mut(), |staff| {
            staff.work.as_mut().expect("a shift has work until it ends")
        })
    }

    /// Gives a part to an assistant, or leaves it to the engine if that assistant has failed by now.
    fn give(&self, part: usize, assistant: usize, task: Task) {
        let mut staff = self.assistants.0.borrow_mut();
        if staff.tell(assistant, &Order::Refine(task))
            && let Some(work) = &mut staff.work
        {
            work.holders[part] = Holder::Assistant(assistant);
        }
    }

    /// Waits until an assistant says something, at most one tick.
    async fn wait(&mut self) {
        let word = pin!(self.hears.next());
        let tick = pin!(TimeoutFuture::new(TICK_MS));
        match select(word, tick).await {
            Either::Left(_) => self.silent_ticks = 0,
            // Ticks are counted instead of the time between words, because a device that sleeps has no ticks.
            Either::Right(_) => self.silent_ticks += 1,
        }
    }

    fn silent_ms(&self) -> f64 {
        f64::from(self.silent_ticks * TICK_MS)
    }

    /// Dismisses all that still have a part.
    fn dismiss_silent(&mut self) {
        self.silent_ticks = 0;
        let mut staff = self.assistants.0.borrow_mut();
        for assistant in staff.at_work() {
            staff.dismiss(assistant);
        }
    }
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        let mut staff = self.assistants.0.borrow_mut();
        for assistant in staff.at_work() {
            staff.tell(assistant, &Request::Cancel);
        }
        staff.work = None;
    }
}

/// The numbers of a tensor, row by row.
async fn read(tensor: Tensor<3>) -> Result<Vec<f32>, Error> {
    let data = tensor.into_data_async().await;
    let data = data.map_err(|error| Error::Device(error.to_string()))?;
    Ok(data.iter::<f32>().collect())
}
