//! `guise train dcgan`, and its kin.

use super::{Given, OnCollapse, Place, announce, finish, notes};
use crate::{
    cli::{memory::MemoryFlag, trust::check_training},
    data::Dataset,
    train::{
        Error, RunSettings,
        dcgan::{DcganKind, DcganRecipe, DcganRun, DcganSettings, DcganTrainer},
    },
};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// Width of the latent z [default: 128 for a dcgan, otherwise 100].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    z_dim: Option<usize>,
    /// Channels of the generator's last map before the picture; they double toward the first [default:
    /// 64 for a dcgan, 32 for a deepimagify, 64 down to 16 at 1024 pixels for a megapixel-dcgan].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    ngf: Option<usize>,
    /// Channels of the discriminator's first map after the picture; they double toward the last [default:
    /// as --ngf].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    ndf: Option<usize>,
    /// What to do when the generator draws nearly the same picture for every seed.
    #[arg(long, value_enum, default_value_t)]
    on_collapse: OnCollapse,
    #[command(flatten)]
    memory: MemoryFlag,
    #[command(flatten)]
    recipe: DcganRecipe,
}

pub(super) fn run(kind: DcganKind, args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let (run, dataset) = match &args.place.resume {
        Some(dir) => resume(kind, &args, given, dir)?,
        None => start(kind, &args)?,
    };
    notes(dataset.notes());
    let settings = &run.settings;
    args.memory.limit().ensure(
        settings.step_bytes(),
        &format!(
            "a step with {} pictures of {} pixels",
            settings.recipe.batch_size(),
            settings.network.resolution
        ),
        "start with a lower --batch-size, or lower --ngf and --ndf",
    )?;
    let device = args.place.device.open()?;
    check_training(&device)?;
    let trainer = DcganTrainer::open(run, dataset, &device)?;
    let stop = announce(&trainer)?;
    finish(
        trainer,
        &stop,
        |stats| {
            let [d, g] = [stats.discriminator_loss, stats.generator_loss];
            format!(
                "D {d:.2}, G {g:.2}, p(x) {:.2}, D(G(z)) {:.2}",
                stats.p_real, stats.p_fake
            )
        },
        |variety| args.on_collapse.obey(variety, "a lower --learning-rate", &stop),
        |dir| format!("guise publish {} --out models/NAME", dir.display()),
    )
}

fn start(kind: DcganKind, args: &Args) -> anyhow::Result<(DcganRun, Dataset)> {
    let (dataset, data) = args.place.dataset()?;
    let mut settings = DcganSettings {
        hardware: args.place.device.describe(),
        ..DcganSettings::new(kind, &dataset, data, args.recipe.clone())
    };
    let network = &mut settings.network;
    network.z_dim = args.z_dim.unwrap_or(network.z_dim);
    network.ngf = args.ngf.unwrap_or(network.ngf);
    network.ndf = args.ndf.unwrap_or(network.ndf);
    let run = DcganRun::create(&args.place.out, settings)?;
    Ok((run, dataset))
}

fn resume(kind: DcganKind, args: &Args, given: Given, dir: &Path) -> anyhow::Result<(DcganRun, Dataset)> {
    let mut run = DcganRun::resume(dir)?;
    run.settings.expect_kind(kind)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    let resolution = settings.network.resolution;
    let dataset = args.place.reopen(&mut settings.dataset, resolution, "")?;
    Ok((run, dataset))
}
