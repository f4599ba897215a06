//! Training: losses, regularization, the average, the trainer, checkpoints and the run folder.

mod checkpoint;
pub mod clip;
mod ema;
mod judge;
mod losses;
mod mapper;
mod rehearsal;
mod run;
mod settings;
mod step;
mod trainer;

pub use checkpoint::load_snapshot;
pub use ema::ema_step;
pub use judge::{Answers, Judge, train_judge};
pub use losses::{discriminator_loss, generator_loss, r1_penalty};
pub use mapper::{MapperSettings, train_mapper};
pub use rehearsal::{Parity, Rehearsal};
pub use run::{Run, RunFolder, RunSettings, Tick};
pub use settings::{GrownFrom, TrainSettings};
pub use step::{StepStats, TrainState};
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
    /// The contrastive loss stopped being a number; the towers were not touched by it.
    #[error(
        "the loss is {loss} at {kimg:.1} kimg; the last checkpoint is {}; \
         start again with a lower --learning-rate",
        checkpoint.as_ref().map_or("missing".into(), |path| path.display().to_string())
    )]
    Diverged {
        /// Thousands of pictures seen before the step.
        kimg: f64,
        /// What the loss was.
        loss: f64,
        /// The last good checkpoint.
        checkpoint: Option<PathBuf>,
    },
    /// A loss stopped being a number; the networks were not touched by it.
    #[error(
        "a loss is no longer finite at {kimg:.1} kimg ({stats:?}); the last checkpoint is {}; \
         resume from it with a lower --learning-rate or a higher --r1-gamma",
        checkpoint.as_ref().map_or("missing".into(), |path| path.display().to_string())
    )]
    NotFinite {
        /// Thousands of pictures seen before the step.
        kimg: f64,
        /// What the step measured.
        stats: StepStats,
        /// The checkpoint to resume from.
        checkpoint: Option<PathBuf>,
    },
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
