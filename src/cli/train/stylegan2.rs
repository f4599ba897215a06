//! `guise train stylegan2`.

use super::{Given, OnCollapse, Place, announce, finish, notes};
use crate::{
    cli::trust::check_training,
    data::Dataset,
    networks::generators::Class,
    train::{Error, Recipe, Run, RunSettings, StyleGan2Trainer, TrainSettings},
};
use anyhow::bail;
use std::path::{Path, PathBuf};

/// Train a StyleGAN2 generator.
///
/// The run folder also gets sample grids, and snapshots to publish.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// A run on smaller pictures of the same collection to take the coarse layers from. Small pictures train
    /// several times as fast, so most of the learning can happen there. Sizes of the network are that run's.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "channel_base", "channel_max"])]
    grow: Option<PathBuf>,
    /// Learn to draw each of several classes when it is asked for: `collection` where the dataset was prepared
    /// from several collections, `labels` for those of dataset.json, or the name of a trait, whose values are
    /// the classes then. Pictures without the trait are the class "none". A run that grows has its smaller
    /// run's classes.
    #[arg(long, value_name = "BY", conflicts_with_all = ["resume", "grow"])]
    classes: Option<String>,
    /// A block of side r has channel_base / r channels [default: 1024, or 16 per pixel of resolution].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    channel_base: Option<usize>,
    /// The most channels that a block has [default: 96].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    channel_max: Option<usize>,
    /// What to do when the generator draws nearly the same picture for every seed.
    #[arg(long, value_enum, default_value_t)]
    on_collapse: OnCollapse,
    #[command(flatten)]
    recipe: Recipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let smaller = args.grow.as_deref().map(Run::open).transpose()?;
    let (run, dataset) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(&args, smaller.as_ref())?,
    };
    notes(dataset.notes());
    let device = args.place.device.open()?;
    check_training(&device)?;
    let trainer = match smaller {
        Some(smaller) => StyleGan2Trainer::grow(run, dataset, &smaller, &device)?,
        None => StyleGan2Trainer::open(run, dataset, &device)?,
    };
    let stop = announce(&trainer)?;
    let settings = &trainer.run().settings;
    let r1_gamma = settings.recipe.r1_gamma(settings.network.resolution);
    let remedy = format!("a higher --r1-gamma, such as {}", 4.0 * r1_gamma);
    finish(
        trainer,
        &stop,
        |stats| format!("D {:.2}, G {:.2}", stats.discriminator_loss, stats.generator_loss),
        |report| {
            let leak = report.leak.iter().map(|leak| format!("\nwarning: {leak}"));
            args.on_collapse.obey(&report.variety, &remedy, &stop) + &leak.collect::<String>()
        },
        |dir| format!("guise publish {} --out models/NAME", dir.display()),
    )
}

fn start(args: &Args, smaller: Option<&Run>) -> anyhow::Result<(Run, Dataset)> {
    let (mut dataset, data) = args.place.dataset()?;
    let of_smaller = smaller.and_then(|smaller| smaller.settings.classes.clone());
    if let Some(by) = args.classes.clone().or(of_smaller) {
        dataset.classify(&by, Class::MAX)?;
    }
    let mut settings = TrainSettings {
        hardware: args.place.device.describe(),
        ..TrainSettings::new(&dataset, data, smaller, args.recipe.clone())
    };
    let network = &mut settings.network;
    network.channel_base = args.channel_base.unwrap_or(network.channel_base);
    network.channel_max = args.channel_max.unwrap_or(network.channel_max);
    network.validate()?;
    if let Some(smaller) = smaller.filter(|smaller| !network.grows_from(&smaller.settings.network)) {
        // Both were sorted by the same, and may still differ in what was found.
        let resolutions = [network.resolution, smaller.settings.network.resolution];
        if resolutions[0] > resolutions[1] {
            smaller.settings.check_classes(&dataset)?;
        }
        bail!(
            "{} draws {side} x {side} pixels and so does not grow into the {2} x {2} of {1}: --grow takes a run on a \
             dataset of a lower resolution",
            smaller.dir.display(),
            data.display(),
            network.resolution,
            side = smaller.settings.network.resolution
        );
    }
    let run = Run::create(&args.place.out, settings)?;
    Ok((run, dataset))
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(Run, Dataset)> {
    let mut run = Run::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.network.resolution;
    let mut dataset = args.place.reopen(&mut settings.dataset, resolution, "")?;
    settings.classify(&mut dataset)?;
    Ok((run, dataset))
}
