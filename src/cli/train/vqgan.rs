//! `guise train vqgan`.

use super::{Given, Place, announce, finish, notes};
use crate::{
    cli::{memory::MemoryFlag, trust::check_training},
    data::Dataset,
    train::{
        Error, RunSettings,
        vqgan::{VqGanPreset, VqGanRecipe, VqGanRun, VqGanSettings, VqGanTrainer},
    },
};
use std::path::Path;

/// Train a VQGAN, which turns pictures into a few codes of a codebook and back.
///
/// The run folder also gets sheets that show pictures of the collection, each beside its reconstruction.
/// `guise evaluate reconstructions` measures them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The networks.
    #[arg(long, value_enum, default_value_t, conflicts_with = "resume")]
    preset: VqGanPreset,
    /// How many codes there are [default: the preset's].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    codebook_size: Option<usize>,
    /// The numbers of a code [default: the preset's].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    codebook_dim: Option<usize>,
    #[command(flatten)]
    memory: MemoryFlag,
    #[command(flatten)]
    recipe: VqGanRecipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let (run, dataset) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(&args)?,
    };
    notes(dataset.notes());
    let settings = &run.settings;
    args.memory.limit().ensure(
        settings.step_bytes(),
        &format!(
            "a step with {} pictures of {} pixels",
            settings.recipe.batch_size, settings.network.resolution
        ),
        "start with a lower --batch-size, or a smaller --preset",
    )?;
    let device = args.place.device.open()?;
    check_training(&device)?;
    let trainer = VqGanTrainer::open(run, dataset, &device)?;
    let settings = &trainer.run().settings;
    if settings.recipe.perceptual_weight > 0.0 {
        eprintln!("pictures are compared by {}", trainer.perception());
    }
    let stop = announce(&trainer)?;
    finish(
        trainer,
        &stop,
        |stats| {
            let adversarial = match (stats.discriminator_loss, stats.generator_loss) {
                (Some(d), Some(g)) => format!(", D {d:.2}, G {g:.2}"),
                _ => String::new(),
            };
            format!(
                "L1 {:.3}, perplexity {:.0}{adversarial}",
                stats.reconstruction_loss, stats.perplexity
            )
        },
        |report| {
            let warning = report.warning().map(|warning| format!("\nwarning: {warning}"));
            format!(
                ": psnr {:.2} dB, perplexity {:.0}{}",
                report.psnr,
                report.perplexity,
                warning.unwrap_or_default()
            )
        },
        |dir| {
            format!(
                "guise evaluate reconstructions --model {} --data DATASET --sheet FILE.png",
                dir.display()
            )
        },
    )
}

fn start(args: &Args) -> anyhow::Result<(VqGanRun, Dataset)> {
    let (dataset, data) = args.place.dataset()?;
    let mut network = args.preset.network(dataset.resolution());
    network.codebook_size = args.codebook_size.unwrap_or(network.codebook_size);
    network.codebook_dim = args.codebook_dim.unwrap_or(network.codebook_dim);
    let settings = VqGanSettings {
        hardware: args.place.device.describe(),
        ..VqGanSettings::new(network, &dataset, data, args.recipe.clone())
    };
    let run = VqGanRun::create(&args.place.out, settings)?;
    Ok((run, dataset))
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(VqGanRun, Dataset)> {
    let mut run = VqGanRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.network.resolution;
    let dataset = args.place.reopen(&mut settings.dataset, resolution, "")?;
    Ok((run, dataset))
}
