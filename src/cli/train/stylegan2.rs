//! `guise train stylegan2`.

use super::{Given, OnCollapse, Place, announce, finish, notes, race::race};
use crate::{
    cli::{stop::on_ctrl_c, trust::check_training},
    data::Dataset,
    networks::generators::Class,
    train::{
        Error, OnCollapse as Wanted, Preset, R1Gamma, Race, Raises, Recipe, Run, RunSettings, SampleReport,
        StyleGan2Trainer, TrainSettings,
    },
};
use anyhow::{bail, ensure};
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

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
    /// Learn to draw each of several classes when it is asked for: `collection` where the dataset was
    /// prepared from several collections, `labels` for those of dataset.json, or the name of a trait, whose
    /// values are the classes then. Pictures without the trait are the class "none". A run that grows has its
    /// smaller run's classes.
    #[arg(long, value_name = "BY", conflicts_with_all = ["resume", "grow"])]
    classes: Option<String>,
    /// A block of side r has channel_base / r channels [default: 1024, or 16 per pixel of resolution].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    channel_base: Option<usize>,
    /// The most channels that a block has [default: 96].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    channel_max: Option<usize>,
    /// Multiplies channel_base: 0.5 halves the width of the feature maps.
    #[arg(long, value_name = "FACTOR", conflicts_with_all = ["resume", "grow"])]
    fmaps: Option<f64>,
    /// Settings of a paper, in the place of the defaults. What is given beside it holds.
    #[arg(long, value_enum, conflicts_with = "resume")]
    preset: Option<Preset>,
    /// Thousands of pictures for each of the weights that --r1-gamma auto tries.
    #[arg(long, value_name = "KIMG", default_value_t = Race::KIMG)]
    race_kimg: f64,
    #[command(flatten)]
    recipe: Recipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    // A run that goes on keeps its batch size, and what depends on that is checked against it.
    let flags = Recipe {
        batch_size: match &args.place.resume {
            Some(dir) => Run::open(dir)?.settings.recipe.batch_size,
            None => args.recipe.batch_size,
        },
        ..args.recipe.clone()
    };
    flags.validate().map_err(Error::Settings)?;
    let smaller = args.grow.as_deref().map(Run::open).transpose()?;
    let (mut run, dataset) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(&args, given, smaller.as_ref())?,
    };
    notes(dataset.notes());
    let device = args.place.device.open()?;
    check_training(&device)?;
    if args.recipe.r1_gamma == Some(R1Gamma::AUTO) {
        let mut settings = run.settings.clone();
        // For as long as a race takes there is no folder, not even a hidden one.
        drop(run);
        let stop = on_ctrl_c()?;
        if !race(&mut settings, args.race_kimg, &dataset, &device, &stop)? {
            return Ok(());
        }
        run = Run::create(&args.place.out, settings)?;
    }
    let trainer = match smaller {
        Some(smaller) => StyleGan2Trainer::grow(run, dataset, &smaller, &device)?,
        None => StyleGan2Trainer::open(run, dataset, &device)?,
    };
    let stop = announce(&trainer)?;
    let wanted = trainer.run().settings.recipe.on_collapse;
    finish(
        trainer,
        &stop,
        |stats| format!("D {:.2}, G {:.2}", stats.discriminator_loss, stats.generator_loss),
        |report| {
            let leak = report.leak.iter().map(|leak| format!("\nwarning: {leak}"));
            collapse(wanted, report, &stop) + &leak.collect::<String>()
        },
        |dir| format!("guise publish {} --out models/NAME", dir.display()),
    )
}

/// The warning about a checkpoint whose samples have collapsed, if they have: what is done about it, or what
/// may help.
fn collapse(wanted: Wanted, report: &SampleReport, stop: &AtomicBool) -> String {
    let SampleReport {
        variety,
        r1_gamma,
        raises,
        ..
    } = report;
    if let Some(collapse) = variety.collapse().filter(|_| report.is_raised) {
        return format!(
            "\nwarning: {collapse}. r1_gamma is {r1_gamma} from here on, twice what it was (raised {raises} of at \
             most {} times)",
            Raises::MOST
        );
    }
    let remedy = format!("a higher --r1-gamma, such as {}", 4.0 * r1_gamma);
    let action = match wanted {
        Wanted::Stop => OnCollapse::Stop,
        Wanted::Warn | Wanted::RaiseGamma => OnCollapse::Warn,
    };
    action.obey(variety, &remedy, stop)
}

fn start(args: &Args, given: Given, smaller: Option<&Run>) -> anyhow::Result<(Run, Dataset)> {
    let (mut dataset, data) = args.place.dataset()?;
    let of_smaller = smaller.and_then(|smaller| smaller.settings.classes.clone());
    if let Some(by) = args.classes.clone().or(of_smaller) {
        dataset.classify(&by, Class::MAX)?;
    }
    let recipe = match args.preset {
        Some(preset) => given.over(&preset.recipe(dataset.resolution()), &args.recipe),
        None => args.recipe.clone(),
    };
    recipe.validate().map_err(Error::Settings)?;
    ensure!(
        smaller.is_none() || recipe.r1_gamma != Some(R1Gamma::AUTO),
        "--r1-gamma auto races networks that know nothing yet, and --grow begins with others: give a number, such as \
         4 times what the smaller run has for twice its side"
    );
    if let Some(smaller) =
        smaller.filter(|smaller| smaller.settings.network.img_channels != dataset.channels())
    {
        let (alpha, other) = match dataset.channels() {
            4 => ("with alpha", "without"),
            _ => ("without alpha", "with it"),
        };
        bail!(
            "{} has pictures {alpha}, and {} draws them {other}: --grow takes a run on a smaller dataset of the same \
             --background",
            data.display(),
            smaller.dir.display()
        );
    }
    let mut settings = TrainSettings {
        hardware: args.place.device.describe(),
        ..TrainSettings::new(&dataset, data, smaller, recipe)
    };
    let network = &mut settings.network;
    network.channel_base = args.channel_base.unwrap_or(network.channel_base);
    network.channel_max = args.channel_max.unwrap_or(network.channel_max);
    let fmaps = args.fmaps.or(args.preset.map(Preset::fmaps));
    if let Some(fmaps) = fmaps.filter(|_| smaller.is_none()) {
        ensure!(
            fmaps > 0.0 && fmaps.is_finite(),
            "--fmaps is {fmaps}, expected more than 0"
        );
        network.channel_base = (network.channel_base as f64 * fmaps).round() as usize;
    }
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
