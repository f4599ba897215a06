//! `guise train biggan`.

use super::{Given, OnCollapse, Place, announce, finish, notes};
use crate::{
    cli::{memory::MemoryFlag, trust::check_training},
    data::Dataset,
    networks::generators::Class,
    train::{
        Error, RunSettings,
        biggan::{BigGanRecipe, BigGanRun, BigGanSettings, BigGanTrainer},
    },
};
use std::path::Path;

/// Train a BigGAN generator: residual blocks, spectral norm, and classes in every layer; best with large
/// batches.
///
/// The run folder also gets sample grids, and snapshots to publish. Datasets have 32 to 256 pixels. Avatars
/// are drawn from latents of which --truncation-psi says how much of the normal distribution is left.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Train a BigGAN-deep: more and narrower layers, all of which see all of z.
    #[arg(long, conflicts_with = "resume")]
    deep: bool,
    /// Learn to draw each of several classes when it is asked for: `collection` where the dataset was
    /// prepared from several collections, `labels` for those of dataset.json, or the name of a trait, whose
    /// values are the classes then. Pictures without the trait are the class "none".
    #[arg(long, value_name = "BY", conflicts_with = "resume")]
    classes: Option<String>,
    /// Width of the latent z, a multiple of the parts that the layers share out: 4 at 32 pixels, 7 at 256
    /// [default: 20 for each part, and 128 for a BigGAN-deep].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    z_dim: Option<usize>,
    /// Width of what tells all layers the class [default: 128].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    shared_dim: Option<usize>,
    /// What the channels of every layer are a multiple of, 96 in the paper [default: 32].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    ch: Option<usize>,
    /// Side of the maps whose pixels see each other, or 0 for none [default: half of the pictures' side, at
    /// most 64].
    #[arg(long, value_name = "SIDE", conflicts_with = "resume")]
    attention: Option<usize>,
    /// What to do when the generator draws nearly the same picture for every seed.
    #[arg(long, value_enum, default_value_t)]
    on_collapse: OnCollapse,
    #[command(flatten)]
    memory: MemoryFlag,
    #[command(flatten)]
    recipe: BigGanRecipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    // A run that goes on keeps its batch size, and what depends on that is checked against it.
    if args.place.resume.is_none() {
        args.recipe.validate().map_err(Error::Settings)?;
    }
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
            settings.recipe.part_size(),
            settings.network.resolution
        ),
        "raise --accumulate, or start with a lower --batch-size or --ch",
    )?;
    let device = args.place.device.open()?;
    check_training(&device)?;
    let trainer = BigGanTrainer::open(run, dataset, &device)?;
    let stop = announce(&trainer)?;
    finish(
        trainer,
        &stop,
        |stats| {
            let [d, g] = [stats.discriminator_loss, stats.generator_loss];
            format!("D {d:.2}, G {g:.2}")
        },
        |variety| {
            args.on_collapse.obey(
                variety,
                "lower --learning-rate and --discriminator-learning-rate",
                &stop,
            )
        },
        |dir| format!("guise publish {} --out models/NAME", dir.display()),
    )
}

fn start(args: &Args) -> anyhow::Result<(BigGanRun, Dataset)> {
    let (mut dataset, data) = args.place.dataset()?;
    if let Some(by) = &args.classes {
        dataset.classify(by, Class::MAX)?;
    }
    let mut settings = BigGanSettings {
        hardware: args.place.device.describe(),
        ..BigGanSettings::new(&dataset, data, args.deep, args.recipe.clone())
    };
    let network = &mut settings.network;
    network.z_dim = args.z_dim.unwrap_or(network.z_dim);
    network.shared_dim = args.shared_dim.unwrap_or(network.shared_dim);
    network.ch = args.ch.unwrap_or(network.ch);
    network.attention = args.attention.unwrap_or(network.attention);
    // What a step takes is known only of a network that can be.
    settings.validate().map_err(Error::Settings)?;
    let run = BigGanRun::create(&args.place.out, settings)?;
    Ok((run, dataset))
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(BigGanRun, Dataset)> {
    let mut run = BigGanRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.network.resolution;
    let mut dataset = args.place.reopen(&mut settings.dataset, resolution, "")?;
    settings.classify(&mut dataset)?;
    Ok((run, dataset))
}
