//! `guise train transformer`.

use super::{Given, Place, announce, finish, notes};
use crate::{
    cli::{memory::MemoryFlag, snapshot::SnapshotFlag, trust::check_training, vqgan},
    data::Dataset,
    networks::generators::{Class, vqgan::VqGan},
    train::{
        Error, RunSettings,
        transformer::{PriorRecipe, PriorRun, PriorSettings, PriorTrainer},
    },
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use std::path::{Path, PathBuf};

/// Train a transformer that draws the codes of a VQGAN one after another, so that new pictures can be drawn.
///
/// The run folder also gets grids of pictures that it draws, and keeps the VQGAN. `guise generate --model
/// RUN` draws more of them, also larger ones. They are not published yet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The VQGAN that says what the codes are: a run of `guise train vqgan` on pictures of the same size, or
    /// a file that `guise import vqgan` wrote.
    #[arg(
        long,
        value_name = "PATH",
        required_unless_present = "resume",
        conflicts_with = "resume"
    )]
    vqgan: Option<PathBuf>,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// Learn to draw each of several classes when it is asked for: `collection` where the dataset was
    /// prepared from several collections, `labels` for those of dataset.json, or the name of a trait, whose
    /// values are the classes then. Pictures without the trait are the class "none".
    #[arg(long, value_name = "BY", conflicts_with = "resume")]
    classes: Option<String>,
    /// Features of a code in the transformer [default: 128].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    width: Option<usize>,
    /// Blocks of the transformer [default: 6].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    layers: Option<usize>,
    /// Attention heads, which divide the width [default: 4].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    heads: Option<usize>,
    #[command(flatten)]
    memory: MemoryFlag,
    #[command(flatten)]
    recipe: PriorRecipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let device = args.place.device.open()?;
    let (run, dataset, vqgan) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(&args, &device)?,
    };
    notes(dataset.notes());
    let settings = &run.settings;
    args.memory.limit().ensure(
        settings.step_bytes(),
        &format!(
            "a step with {} pictures of {} codes",
            settings.recipe.batch_size,
            settings.network.length()
        ),
        "start with a lower --batch-size, or with fewer --layers",
    )?;
    check_training(&device)?;
    let trainer = PriorTrainer::open(run, dataset, vqgan, &device)?;
    let stop = announce(&trainer)?;
    finish(
        trainer,
        &stop,
        |stats| {
            let right = stats.accuracy * 100.0;
            format!("{:.3} bits a code, {right:.0} % right", stats.code_loss)
        },
        |held_out| match held_out {
            Some(loss) => format!(": {loss:.4} bits a code of pictures that are held out"),
            None => String::new(),
        },
        |dir| format!("guise generate --model {} --out sheet.png", dir.display()),
    )
}

fn start(args: &Args, device: &Device) -> anyhow::Result<(PriorRun, Dataset, Option<VqGan>)> {
    let (mut dataset, data) = args.place.dataset()?;
    if let Some(by) = &args.classes {
        dataset.classify(by, Class::MAX)?;
    }
    let path = args.vqgan.as_deref().context("--vqgan is missing")?;
    let opened = vqgan::open(path, args.snapshot, device, args.memory.limit())?;
    let (vqgan, codes) = (opened.network, opened.config);
    let (side, of_codes) = (dataset.resolution(), codes.resolution);
    ensure!(
        side == of_codes,
        "{} has pictures of {side} x {side} pixels, and the VQGAN in {} was trained on {of_codes} x \
         {of_codes}: prepare the pictures with --resolution {of_codes}, or train a VQGAN on these",
        data.display(),
        path.display()
    );
    let mut settings = PriorSettings {
        hardware: args.place.device.describe(),
        ..PriorSettings::new((path, codes), &dataset, data, args.recipe.clone())
    };
    let network = &mut settings.network;
    network.width = args.width.unwrap_or(network.width);
    network.layers = args.layers.unwrap_or(network.layers);
    network.heads = args.heads.unwrap_or(network.heads);
    let run = PriorRun::create(&args.place.out, settings)?;
    Ok((run, dataset, Some(vqgan)))
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(PriorRun, Dataset, Option<VqGan>)> {
    ensure!(
        !args.snapshot.is_given(),
        "--snapshot chooses a VQGAN's for a new run: {} has its VQGAN already",
        dir.display()
    );
    let mut run = PriorRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.codes.resolution;
    let held_out = "; pictures that it was trained with may be among those that are held out now";
    let mut dataset = args.place.reopen(&mut settings.dataset, resolution, held_out)?;
    settings.classify(&mut dataset)?;
    Ok((run, dataset, None))
}
