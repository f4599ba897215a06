//! The worker: fetches a bundle, checks it, opens it on a device, and draws and enlarges when asked.
//!
//! One job runs at a time. A newer one stops the one before it, and [`Request::Cancel`] stops it for
//! nothing: jobs give the browser a turn after every picture and tile, so that such messages are heard.
//!
//! The same program is what an engine's assistants run ([`assistants`]), which hear [`assistants::Order`]s.

mod assistants;
mod catalog;
mod device;
mod enlarge;
mod facts;
mod fetch;
mod load;
mod model;
mod pieces;
mod store;
mod upload;
mod words;

use crate::protocol::{JobId, Reply, Request, WayOn, pack, unpack};
use assistants::Order;
use futures::{
    FutureExt,
    future::{Either, select},
    lock::Mutex,
};
use gloo_timers::future::TimeoutFuture;
use guise::pipeline::{self, Cancel};
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use model::{Model, Trouble, tell};
use std::{cell::RefCell, pin::pin, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{DedicatedWorkerGlobalScope, MessageChannel, MessageEvent};

/// How often a download looks whether it is still wanted.
const CANCEL_MS: u32 = 100;

/// Listens to the page, for as long as the page wants.
pub fn run() {
    console_error_panic_hook::set_once();
    let engine = Rc::new(Engine {
        model: Mutex::new(Err(("No model is open.".into(), vec![WayOn::TryAgain]))),
        cancel: RefCell::default(),
    });
    let on_message = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some((request, bytes)) = unpack(&event.data()) {
            engine.clone().hear(request, bytes);
        } else if let Some((order, _)) = unpack(&event.data()) {
            engine.clone().obey(order);
        }
    });
    scope().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    on_message.forget();
    say(&Reply::Awake, None);
}

struct Engine {
    /// The open bundle, or why there is none. The holder of the lock is the running job.
    model: Mutex<Result<Model, Trouble>>,
    /// Stops the newest job.
    cancel: RefCell<Cancel>,
}

impl Engine {
    fn hear(self: Rc<Self>, request: Request, png: Option<ArrayBuffer>) {
        if let Request::Describe { bundles } = request {
            return spawn_local(describe(bundles));
        }
        let cancel = self.stop();
        if request == Request::Cancel {
            return;
        }
        spawn_local(async move {
            let mut model = self.model.lock().await;
            match request {
                Request::Models { site } => {
                    let names = catalog::names(&site).await;
                    say(&Reply::Models { names }, None);
                }
                Request::Load {
                    bundle,
                    others,
                    device,
                } => {
                    // What was open goes first: two models at once may be too much for a phone.
                    *model = Err(("No model is open.".into(), vec![WayOn::TryAgain]));
                    *model = opened(Model::open(&bundle, &others, device, None).await);
                }
                Request::Sample { job, latents } => {
                    finish(job, &model, async |model| {
                        model.sample(job, latents, cancel).await
                    })
                    .await;
                }
                Request::Imagine {
                    job,
                    words,
                    locked,
                    seed,
                    count,
                    truncation_psi,
                    class,
                } => {
                    let wish = words::Wish {
                        words,
                        picture: png.map(|file| Uint8Array::new(&file).to_vec()),
                        locked,
                        seed,
                        count,
                        truncation_psi,
                        class,
                    };
                    // The towers come late, and with them what a device must refine as it should.
                    while let Ok(open) = model.as_ref()
                        && let Some(deviation) = open.doubts(job, &wish, &cancel).await
                    {
                        *model = opened(open.reopen(&deviation).await);
                        if model.is_err() {
                            return; // Why is said already, and there is nothing to draw with.
                        }
                    }
                    finish(job, &model, async |model| model.imagine(job, wish, cancel).await).await;
                }
                Request::Mix {
                    job,
                    first,
                    second,
                    seed,
                    count,
                } => {
                    finish(job, &model, async |model| {
                        model.mix(job, [first, second], seed, count, cancel).await
                    })
                    .await;
                }
                Request::Upscale { job } => {
                    let png = png.map(|png| Uint8Array::new(&png).to_vec()).unwrap_or_default();
                    finish(job, &model, async |model| model.upscale(job, &png, cancel).await).await;
                }
                Request::Describe { .. } | Request::Cancel => {}
            }
        });
    }

    fn obey(self: Rc<Self>, order: Order) {
        let cancel = self.stop();
        spawn_local(async move {
            let mut model = self.model.lock().await;
            match order {
                Order::Open { folder, manifest } => {
                    *model = opened(Model::open_as_assistant(folder, *manifest).await);
                }
                Order::Refine(task) => {
                    finish(task.job, &model, async |model| model.assist(task, cancel).await).await;
                }
            }
        });
    }

    /// Stops the newest job, and gives the switch that stops the next one.
    fn stop(&self) -> Cancel {
        self.cancel.borrow().cancel();
        let cancel = Cancel::default();
        self.cancel.replace(cancel.clone());
        cancel
    }
}

/// Says what models are, one by one.
async fn describe(bundles: Vec<String>) {
    for bundle in bundles {
        let card = catalog::card(&bundle).await;
        say(&Reply::Described { bundle, card }, None);
    }
}

/// What was opened; where it was not, it is said why.
fn opened(result: Result<Model, Trouble>) -> Result<Model, Trouble> {
    if let Err((sentence, ways_on)) = &result {
        let failed = Reply::Failed {
            job: None,
            sentence: sentence.clone(),
            ways_on: ways_on.clone(),
        };
        say(&failed, None);
    }
    result
}

/// Why a job did not end well.
enum Failure {
    /// The pipeline says so.
    Pipeline(pipeline::Error),
    /// A sentence for people.
    Sentence(String),
    /// The device computes otherwise than it should.
    Deviates(String),
}

impl From<pipeline::Error> for Failure {
    fn from(error: pipeline::Error) -> Self {
        Self::Pipeline(error)
    }
}

/// Runs a job and says how it ended.
async fn finish(
    job: JobId,
    model: &Result<Model, Trouble>,
    work: impl AsyncFnOnce(&Model) -> Result<(), Failure>,
) {
    let started_ms = now_ms();
    let result = match model {
        Ok(model) => work(model).await,
        Err((why, _)) => Err(Failure::Sentence(why.clone())),
    };
    let reply = match result {
        Ok(()) => Reply::Done {
            job,
            duration_ms: now_ms() - started_ms,
        },
        Err(Failure::Pipeline(pipeline::Error::Cancelled)) => Reply::Cancelled { job },
        Err(failure) => {
            let ways_on = match model.as_ref().is_ok_and(Model::is_on_gpu) {
                true => vec![WayOn::UseCpu, WayOn::TryAgain],
                false => vec![WayOn::TryAgain],
            };
            Reply::Failed {
                job: Some(job),
                sentence: match failure {
                    Failure::Pipeline(error) => format!("That did not work: {error}."),
                    Failure::Sentence(sentence) => sentence,
                    Failure::Deviates(deviation) => format!("This device computes wrongly: {deviation}."),
                },
                ways_on,
            }
        }
    };
    say(&reply, None);
}

/// Waits for what may take long, until the job is stopped.
async fn unless_cancelled<T>(cancel: &Cancel, work: impl Future<Output = T>) -> Result<T, pipeline::Error> {
    let done = pin!(work.fuse());
    let given_up = pin!(
        async {
            while cancel.check().is_ok() {
                TimeoutFuture::new(CANCEL_MS).await;
            }
        }
        .fuse()
    );
    match select(done, given_up).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(_) => Err(pipeline::Error::Cancelled),
    }
}

/// Speaks to the page, or to the engine that this one assists; `bytes` travel with the message.
fn say(reply: &Reply, bytes: Option<ArrayBuffer>) {
    let (message, transfer) = pack(reply, bytes);
    // Posting plain text and a fresh buffer cannot fail.
    let _ = scope().post_message_with_transfer(&message, &transfer);
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// Lets the browser do what waits for a turn, such as handing over the page's messages. A message to oneself
/// comes back after them; a timer would too, but timers that follow each other wait at least four
/// milliseconds, which is longer than drawing a small picture takes.
async fn turn() {
    let Ok(channel) = MessageChannel::new() else {
        return;
    };
    let came = Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
        // Posting nothing to an open port cannot fail.
        let _ = channel.port2().post_message(&JsValue::NULL);
    });
    // The promise is never rejected.
    let _ = JsFuture::from(came).await;
    channel.port1().close();
}

fn now_ms() -> f64 {
    scope().performance().map_or(0.0, |clock| clock.now())
}
