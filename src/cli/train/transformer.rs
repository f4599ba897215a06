//! `guise train transformer`.

use super::{Given, OnCollapse, Place, announce, finish, notes};
use crate::{
    cli::trust::check_training,
    data::Dataset,
    train::{
        Error, RunSettings,
        transformer::{PriorRecipe, PriorRun, PriorSettings, PriorTrainer},
        vqgan::VqGanRun,
    },
};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Train a transformer that draws the codes of a VQGAN one after another, so that new pictures can be drawn.
///
/// The run folder also gets grids of pictures that it draws. They are not published yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// A run of `guise train vqgan` on the same pictures, whose latest snapshot says what the codes are.
    #[arg(
        long,
        value_name = "RUN",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    vqgan: Option<PathBuf>,
    /// Features of a code in the transformer [default: 128].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    width: Option<usize>,
    /// Blocks of the transformer [default: 6].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    layers: Option<usize>,
    /// Attention heads, which divide the width [default: 4].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    heads: Option<usize>,
    /// What to do when it draws nearly the same picture every time.
    #[arg(long, value_enum, default_value_t)]
    on_collapse: OnCollapse,
    #[command(flatten)]
    recipe: PriorRecipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let (run, dataset) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(&args)?,
    };
    notes(dataset.notes());
    let device = args.place.device.open()?;
    check_training(&device)?;
    let trainer = PriorTrainer::open(run, dataset, &device)?;
    let stop = announce(&trainer)?;
    finish(
        trainer,
        &stop,
        |stats| {
            let right = stats.accuracy * 100.0;
            format!("code loss {:.3}, {right:.0} % right", stats.code_loss)
        },
        |variety| args.on_collapse.obey(variety, "a higher --temperature", &stop),
        |dir| format!("its pictures are in {}", dir.display()),
    )
}

fn start(args: &Args) -> anyhow::Result<(PriorRun, Dataset)> {
    let (dataset, data) = args.place.dataset()?;
    let vqgan = args.vqgan.as_deref().context("--vqgan is missing")?;
    let codes = VqGanRun::open(vqgan)?.settings.network;
    let mut settings = PriorSettings {
        hardware: args.place.device.describe(),
        ..PriorSettings::new((vqgan, codes), &dataset, data, args.recipe.clone())
    };
    let network = &mut settings.network;
    network.width = args.width.unwrap_or(network.width);
    network.layers = args.layers.unwrap_or(network.layers);
    network.heads = args.heads.unwrap_or(network.heads);
    Ok((PriorRun::create(&args.place.out, settings)?, dataset))
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(PriorRun, Dataset)> {
    let mut run = PriorRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.codes.resolution;
    let dataset = args.place.reopen(&mut settings.dataset, resolution, "")?;
    Ok((run, dataset))
}
