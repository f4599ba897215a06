//! Workers that refine some of the avatars while the engine refines the others, where it computes on the
//! processor.
//!
//! A program has one thread in a browser, unless its site sends headers that plain hosts cannot send. So the
//! engine starts workers of its own that run the same program, and sends each the latents of some avatars
//! (`shift`): refined apart they are what they are together. Nothing depends on an assistant: what one does
//! not do, the engine does.

mod shift;

use super::model::{Model, Source};
use crate::{
    link::Link,
    protocol::{JobId, Reply},
};
use guise::{
    pipeline::{GuideSettings, Yardstick, guide::PlainTarget, shares::split},
    weights::manifest::Manifest,
};
use js_sys::{ArrayBuffer, Reflect};
use serde::{Deserialize, Serialize};
use shift::Work;
use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};
use wasm_bindgen::JsValue;

/// The most assistants: each takes memory of its own, and processors slow down when all their cores are busy.
const MOST: usize = 3;

/// What a device must have for assistants, in GiB, where the browser tells.
const MIN_MEMORY_GIB: f64 = 4.0;

/// What an engine tells its assistants, besides [`Request::Cancel`](crate::protocol::Request::Cancel). They
/// answer as an engine answers its page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Open what refining takes of a bundle.
    Open {
        /// The bundle's folder, an absolute address with its final slash.
        folder: String,
        /// What the engine found there.
        manifest: Box<Manifest>,
    },
    /// Refine some avatars.
    Refine(Task),
}

/// Avatars to refine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The job that they are of.
    pub job: JobId,
    /// `[n, num_ws, w_dim]`.
    pub shape: [usize; 3],
    /// What to start from, row by row.
    pub latents: Vec<f32>,
    /// What to bring them closer to.
    pub targets: Vec<PlainTarget>,
    /// How.
    pub settings: GuideSettings,
    /// By which to tell how well they fit.
    pub yardstick: Option<Yardstick>,
}

/// The assistants of an engine. Dropping this ends them.
pub struct Assistants(Rc<RefCell<Staff>>);

struct Staff {
    /// What everyone opens.
    order: Order,
    /// All that were ever called. One that failed is not replaced: the next would fail as well.
    called: Vec<Assistant>,
    /// What they work on.
    work: Option<Work>,
}

struct Assistant {
    /// Nothing once this one has failed.
    link: Option<Link>,
    /// Whether it has opened the bundle.
    is_ready: bool,
}

impl Model {
    /// Calls the assistants that `count` avatars give work to, and waits for none of them: those who are
    /// ready when the draft is there refine a part of it.
    pub fn call_assistants(&self, settings: &GuideSettings, count: usize) {
        if !self.is_on_gpu() && settings.steps > 0 && settings.is_separable() {
            self.assistants.call(split(count, 1 + spare_cores()).len() - 1);
        }
    }
}

impl Assistants {
    /// None yet; they will open the bundle that `source` names.
    pub fn new(source: &Source) -> Self {
        let order = Order::Open {
            folder: source.folder.clone(),
            manifest: source.manifest.clone().into(),
        };
        Self(Rc::new(RefCell::new(Staff {
            order,
            called: vec![],
            work: None,
        })))
    }

    /// Those who wait for work.
    fn ready(&self) -> Vec<usize> {
        let staff = self.0.borrow();
        let called = staff.called.iter().enumerate();
        called
            .filter(|(_, assistant)| assistant.is_ready)
            .map(|(index, _)| index)
            .collect()
    }

    /// Starts as many as are missing.
    fn call(&self, number: usize) {
        let called = self.0.borrow().called.len();
        for index in called..number {
            let assistant = Assistant {
                // Browsers without workers in workers refuse here.
                link: start(Rc::downgrade(&self.0), index).ok(),
                is_ready: false,
            };
            self.0.borrow_mut().called.push(assistant);
        }
    }
}

/// Starts the assistant of this number, and gives it this engine's compiled program to run.
fn start(staff: Weak<RefCell<Staff>>, index: usize) -> Result<Link, JsValue> {
    let script = super::scope().location().href();
    let crashed = staff.clone();
    let link = Link::open(
        &script,
        "assistant",
        move |reply, bytes| {
            if let Some(staff) = staff.upgrade() {
                staff.borrow_mut().hear(index, reply, bytes);
            }
        },
        move || {
            if let Some(staff) = crashed.upgrade() {
                staff.borrow_mut().dismiss(index);
            }
        },
    )?;
    link.hand_over(&wasm_bindgen::module())?;
    Ok(link)
}

impl Staff {
    fn hear(&mut self, index: usize, reply: Reply, bytes: Option<ArrayBuffer>) {
        match reply {
            Reply::Awake => {
                self.tell(index, &self.order);
            }
            Reply::Ready { .. } => self.called[index].is_ready = true,
            Reply::Failed { .. } | Reply::Lost { .. } => self.dismiss(index),
            reply => {
                if let Some(work) = &mut self.work {
                    work.hear(index, reply, bytes);
                }
            }
        }
    }

    /// Says something to one; false if that one has failed.
    fn tell(&self, index: usize, message: &impl Serialize) -> bool {
        let link = self.called[index].link.as_ref();
        link.inspect(|link| link.send(message, None)).is_some()
    }

    /// Those who have a part of what is worked on.
    fn at_work(&self) -> Vec<usize> {
        self.work.as_ref().map_or(vec![], Work::holding)
    }

    /// Ends one for good; its part is free then.
    fn dismiss(&mut self, index: usize) {
        self.called[index] = Assistant {
            link: None,
            is_ready: false,
        };
        if let Some(work) = &mut self.work {
            work.lose(index);
        }
    }
}

/// How many of the processor's cores assistants may take.
fn spare_cores() -> usize {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap_or_default();
    let number = |name: &str| Reflect::get(&navigator, &name.into()).ok()?.as_f64();
    if number("deviceMemory").is_some_and(|gib| gib < MIN_MEMORY_GIB) {
        return 0;
    }
    let cores = number("hardwareConcurrency").unwrap_or(1.0);
    (cores as usize).saturating_sub(1).min(MOST)
}
