//! Training: one loop, one form of checkpoints and one run folder for every kind, and the kinds.

mod adversarial;
mod augment;
mod bounds;
mod checkpoint;
mod classes;
mod dataset;
mod ema;
mod families;
mod family;
mod judge;
mod mapper;
mod measure;
mod run;
mod schedule;
mod snapshots;
mod streams;
mod trainer;

pub use adversarial::{
    Objective, RelativeVariety, discriminator_loss, generator_loss, hinge_discriminator_loss,
    hinge_generator_loss,
};
pub use augment::{AdaptiveP, AugPipe, Augmentation};
pub use checkpoint::{State, Visitor};
pub use dataset::TrainedOn;
pub use ema::ema_step;
pub use families::{
    Effort, GeneratorRun, RunFacts, biggan, clip, dcgan,
    stylegan2::{
        Course, GrownFrom, Lane, OnCollapse, Parity, Preset, R1Gamma, Race, RaceMoment, Raises, Recipe,
        Rehearsal, Run, SampleReport, StepStats, StyleGan2Trainer, TrainSettings, TrainState,
        gradient_penalty,
    },
    transformer, vqgan,
};
pub use family::{Family, StepFigures};
pub use judge::{Answers, Judge, train_judge};
pub use mapper::{MapperSettings, train_mapper};
pub use measure::{Figures, Measuring, Method, open_inception};
pub use run::{Curve, Group, Moment, RunFolder, RunSettings, Tick, read_curves, run_kind};
pub use schedule::Schedule;
pub use snapshots::{Best, Snapshot, Which};
pub use trainer::{Ended, Event, Trainer};

use std::path::{Path, PathBuf};

/// Why a run cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset cannot be read.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
    /// The settings contradict the dataset or themselves.
    #[error("{0}")]
    Settings(String),
    /// The operating system refused, for example because the disk is full.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run does not hold what it must.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// What was being done, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The text encoder cannot be used.
    #[error("cannot use the text encoder {}: {reason}", path.display())]
    TextEncoder {
        /// Its folder or file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Another training writes into the run folder.
    #[error(
        "cannot train in {}: another training{} is writing there; wait until it ends, or stop it",
        run.display(),
        process.map_or(String::new(), |number| format!(" (process {number})"))
    )]
    Busy {
        /// The run folder.
        run: PathBuf,
        /// The number of its process, where it could be read.
        process: Option<u32>,
    },
    /// There were checkpoints, and the run cannot go on from any of them.
    #[error(
        "cannot resume {}: it has no checkpoint that is whole ({}); put a copy of one back, or start another run",
        run.display(),
        reasons.join("; ")
    )]
    NoCheckpoint {
        /// The run folder.
        run: PathBuf,
        /// What is wrong with each, the newest first.
        reasons: Vec<String>,
    },
    /// A loss stopped being a number; the networks were not touched by it.
    #[error("a loss is no longer finite in step {step}, at {kimg:.1} kimg ({measured}); {}", advice(checkpoint.as_deref()))]
    NotFinite {
        /// The number of the step, from 1.
        step: u64,
        /// Thousands of pictures seen before the step.
        kimg: f64,
        /// What the step measured, in words.
        measured: String,
        /// The checkpoint to resume from.
        checkpoint: Option<PathBuf>,
    },
}

/// What to do about a training that came to numbers that are not finite.
fn advice(checkpoint: Option<&Path>) -> String {
    let gentler = "with a lower --learning-rate, or for a StyleGAN2 with a higher --r1-gamma";
    match checkpoint {
        Some(path) => format!(
            "the last checkpoint is {}: resume from it {gentler}",
            path.display()
        ),
        None => format!("there is no checkpoint yet: start again {gentler}"),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

fn file_error(action: &'static str, path: &Path, reason: impl ToString) -> Error {
    Error::File {
        action,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
