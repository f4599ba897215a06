//! `guise evaluate`.

mod drawn;
mod looks;
mod pair;
mod panel;
mod pictures;
mod prompts;
mod reconstructions;
mod shapes;

use super::{
    device::DeviceChoice,
    files::write_whole,
    memory::{Memory, MemoryFlag},
    model::{self, Model},
    snapshot::SnapshotFlag,
    trust::Purpose,
    words::Words,
};
use crate::data::Dataset;
use anyhow::ensure;
use std::path::{Path, PathBuf};

/// Measure how good a published model or a picture is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Drawn(drawn::Args),
    Pair(pair::Args),
    Pictures(pictures::Args),
    Prompts(prompts::Args),
    Reconstructions(reconstructions::Args),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Drawn(args) => drawn::run(args),
        What::Pair(args) => pair::run(args),
        What::Pictures(args) => pictures::run(args),
        What::Prompts(args) => prompts::run(args),
        What::Reconstructions(args) => reconstructions::run(args),
    }
}

/// What is measured, and by what.
#[derive(Debug, clap::Args)]
struct Subject {
    /// The folder of a published model, or of a training run.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// The CLIP to use, a run or a file that `guise import clip` wrote [default: the towers in the published
    /// model].
    #[arg(long, value_name = "PATH")]
    clip: Option<PathBuf>,
    /// The collection's dataset.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    memory: MemoryFlag,
}

/// A subject that is ready to be measured.
struct Opened {
    model: Model,
    dataset: Dataset,
    memory: Memory,
}

impl Subject {
    fn open(&self, purpose: Purpose) -> anyhow::Result<Opened> {
        let memory = self.memory.limit();
        let model = (&*self.model, self.snapshot);
        let model = model::open(model, purpose, &self.device.open()?, memory)?;
        let dataset = Dataset::open(&self.data)?;
        let resolution = model.resolution;
        ensure!(
            resolution == dataset.resolution(),
            "the model draws {resolution} x {resolution} pixels and {} has {1} x {1}",
            self.data.display(),
            dataset.resolution()
        );
        Ok(Opened {
            model,
            dataset,
            memory,
        })
    }

    /// What understands words, and sees pictures as they do.
    fn words(&self, opened: &Opened) -> anyhow::Result<Words> {
        opened.model.words(self.clip.as_deref(), opened.memory)
    }
}

/// Writes what was measured as JSON, where that is wanted, and says where.
fn write_figures(path: Option<&Path>, figures: &serde_json::Value) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut text = serde_json::to_vec_pretty(figures)?;
    text.push(b'\n');
    write_whole(path, &text)?;
    println!("written to {}", path.display());
    Ok(())
}
