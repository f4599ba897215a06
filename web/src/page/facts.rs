//! What the page knows: plain values that the studio holds and the other files show.

use super::link::Picture;
use crate::protocol::{DeviceInUse, JobId, Latent, ModelFacts, Stage, WayOn};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

/// An avatar on the wall.
#[derive(Clone)]
pub struct Avatar {
    /// The seed it was drawn from.
    pub seed: u32,
    /// The job that drew it.
    pub job: JobId,
    /// Its picture.
    pub picture: Picture,
    /// What it can be drawn from again, once that is known.
    pub latent: Option<Latent>,
}

/// An avatar that was put aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The number that it hung under.
    pub seed: u32,
    /// What it can be drawn from again.
    pub latent: Latent,
}

/// What the avatars on the wall come from, where that is other avatars.
#[derive(Debug, Clone, PartialEq)]
pub enum Theme {
    /// All are variations of one.
    Variations(Kept),
    /// All are between two.
    Mix {
        /// The one.
        first: Kept,
        /// The other.
        second: Kept,
    },
}

/// A picture file that a visitor gave as a target.
#[derive(Clone)]
pub struct Upload {
    /// The file's name.
    pub name: String,
    /// Its contents.
    pub file: ArrayBuffer,
}

/// The avatar that is looked at close up, in every size made so far, smallest first.
#[derive(Clone)]
pub struct CloseUp {
    /// The seed it was drawn from.
    pub seed: u32,
    /// What it can be drawn from again, if that is known.
    pub latent: Option<Latent>,
    /// Never empty.
    pub pictures: Vec<Picture>,
}

impl CloseUp {
    /// The largest picture there is.
    pub fn best(&self) -> &Picture {
        self.pictures.last().expect("a close-up starts with a picture")
    }
}

/// What the engine is doing right now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// What it does.
    pub stage: Stage,
    /// Finished units.
    pub done: u64,
    /// All units; zero as long as the number is unknown.
    pub total: u64,
    /// When this stage began, on the document's clock.
    pub since_ms: f64,
}

impl Activity {
    /// Seconds that are left at the speed so far, once that can be told.
    pub fn secs_left(&self) -> Option<f64> {
        let elapsed_ms = now_ms() - self.since_ms;
        if self.done == 0 || self.done >= self.total || elapsed_ms < 500.0 {
            return None;
        }
        Some(elapsed_ms / 1000.0 * (self.total - self.done) as f64 / self.done as f64)
    }
}

/// What stands once the engine is ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Where it computes.
    pub device: DeviceInUse,
    /// Why there.
    pub why: Option<String>,
    /// Bytes of the model that came over the network.
    pub fetched: u64,
    /// Whether the model is kept for the next visit.
    pub kept: bool,
    /// The model.
    pub model: ModelFacts,
}

/// Something that did not work, and what helps.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// What happened.
    pub sentence: String,
    /// What helps, in order of preference.
    pub ways_on: Vec<WayOn>,
}

/// Now, on the document's clock.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}
