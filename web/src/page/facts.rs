//! What the page knows: plain values that the studio holds and the other files show.

use super::{
    blob::Picture,
    share::{Kept, Look, Name},
};
use crate::protocol::{DeviceInUse, JobId, ModelFacts, Stage, WayOn};
use js_sys::ArrayBuffer;
use leptos::prelude::*;

/// An avatar on the wall.
#[derive(Clone)]
pub struct Avatar {
    /// What it is called.
    pub name: Name,
    /// The job that drew it.
    pub job: JobId,
    /// Its picture in every size made so far, smallest first; never empty.
    pub pictures: Vec<Picture>,
    /// What it can be drawn from again, once that is known.
    pub kept: Option<Kept>,
}

impl Avatar {
    /// The picture as it was drawn.
    pub fn drawn(&self) -> &Picture {
        self.pictures.first().expect("an avatar starts with a picture")
    }

    /// The largest picture there is.
    pub fn best(&self) -> &Picture {
        self.pictures.last().expect("an avatar starts with a picture")
    }
}

/// A picture file that a visitor gave as a target.
#[derive(Clone)]
pub struct Upload {
    /// The file's name.
    pub name: String,
    /// Its contents.
    pub file: ArrayBuffer,
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

/// Something that takes so much to be fetched that a visitor is asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// How many bytes.
    pub bytes: u64,
    /// What would be seen then.
    pub look: Look,
}

/// Something that did not work, and what helps.
#[derive(Debug, Clone, PartialEq)]
pub struct Trouble {
    /// What happened.
    pub sentence: String,
    /// What helps, in order of preference.
    pub ways_on: Vec<WayOn>,
    /// What it was that did not work.
    pub of: What,
}

impl Trouble {
    /// Whether all there is to say is that nothing is heard.
    pub fn is_silence(&self) -> bool {
        self.of == What::Silence
    }
}

/// What may not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Drawing the wall, and all that comes before it.
    Drawing,
    /// Enlarging the close-up.
    Enlarging,
    /// The engine says nothing.
    Silence,
    /// A file that a visitor gave.
    File,
}

/// Now, on the document's clock.
pub fn now_ms() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}
