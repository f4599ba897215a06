//! `guise train`.

use super::{device::DeviceChoice, progress, stop::on_ctrl_c, train_clip, trust::check_training};
use crate::{
    data::Dataset,
    networks::generators::stylegan2::StyleGan2Config,
    train::{Ended, Event, Run, TrainSettings, Trainer},
};
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Train a generator on a dataset.
///
/// Writes a numbered run folder with its settings, statistics, sample grids, checkpoints (to resume) and
/// snapshots (to publish). Ctrl-C writes a checkpoint and stops; `--resume` goes on from it exactly.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    network: Option<Network>,
    /// The dataset folder that `guise prepare` wrote.
    #[arg(long, required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// The folder that holds the numbered run folders.
    #[arg(long, default_value = "runs", conflicts_with = "resume")]
    out: PathBuf,
    /// A run folder to continue. Its own settings hold, except those given here again.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// A run on smaller pictures of the same collection to take the coarse layers from. Small pictures train
    /// several times as fast, so most of the learning can happen there. Sizes of the network are that run's.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "channel_base", "channel_max"])]
    grow: Option<PathBuf>,
    /// Train until this many thousand real pictures were shown, counted from the start of the run.
    #[arg(long, default_value_t = 300.0)]
    kimg: f64,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Determines initial weights, order of the pictures, latents and noise [default: 0].
    #[arg(long)]
    seed: Option<u64>,
    /// Pictures in a step, a multiple of four [default: 16].
    #[arg(long, conflicts_with = "resume")]
    batch_size: Option<usize>,
    /// Adam's step size [default: 0.003].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Weight of the R1 penalty; more for larger pictures and smaller datasets [default: 0.2].
    #[arg(long)]
    r1_gamma: Option<f64>,
    /// Half-life of the averaged generator in kimg [default: 5].
    #[arg(long)]
    ema_kimg: Option<f64>,
    /// Share of the steps that take coarse and fine layers from two latents. More lets avatars be mixed freely;
    /// less leaves shapes that span several layers easier to learn [default: 0.9].
    #[arg(long, value_name = "SHARE")]
    style_mixing_prob: Option<f64>,
    /// Write grid, checkpoint and snapshot every so many kimg [default: 10].
    #[arg(long)]
    snapshot_kimg: Option<f64>,
    /// Give the layers per-pixel noise, for art with grain or brush strokes; flat art is better without.
    #[arg(long, conflicts_with = "resume")]
    noise: bool,
    /// Show pictures mirrored as often as not. Not for art that has a left and a right.
    #[arg(long)]
    mirror: bool,
    /// A block of side r has channel_base / r channels [default: 1024, or 16 per pixel of resolution].
    #[arg(long, conflicts_with = "resume")]
    channel_base: Option<usize>,
    /// The most channels that a block has [default: 96].
    #[arg(long, conflicts_with = "resume")]
    channel_max: Option<usize>,
}

/// What is trained instead of a generator.
#[derive(Debug, clap::Subcommand)]
enum Network {
    // Boxed because the generator's arguments stand beside it.
    Clip(Box<train_clip::Args>),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Network::Clip(args)) = args.network {
        return train_clip::run(*args);
    }
    if !(args.kimg.is_finite() && args.kimg > 0.0) {
        bail!("--kimg is {}, expected a positive number", args.kimg);
    }
    let device = args.device.open()?;
    check_training(&device)?;
    let smaller = args.grow.as_deref().map(Run::open).transpose()?;
    let (run, dataset) = match &args.resume {
        Some(dir) => resume(&args, dir)?,
        None => start(&args, smaller.as_ref())?,
    };
    eprintln!("run folder: {}", run.dir.display());
    let dir = run.dir.clone();
    let trainer = match smaller {
        Some(smaller) => Trainer::grow(run, dataset, &smaller, &device)?,
        None => Trainer::open(run, dataset, &device)?,
    };

    let stop = on_ctrl_c()?;
    let total_images = (args.kimg * 1000.0) as u64;
    let bar = progress::bar(total_images, "pictures");
    bar.set_position(trainer.images_seen());
    bar.reset_eta();
    let ended = trainer.train(total_images, &stop, |event| match event {
        Event::Step { images_seen, stats } => {
            bar.set_position(images_seen);
            let secs_per_kimg = 1000.0 / bar.per_sec();
            bar.set_message(format!(
                "{secs_per_kimg:.0} s/kimg, D {:.2}, G {:.2}",
                stats.discriminator_loss, stats.generator_loss
            ));
        }
        Event::Checkpoint(path) => bar.suspend(|| eprintln!("wrote {}", path.display())),
    });
    bar.abandon();
    match ended? {
        Ended::Finished => eprintln!("done: guise publish {} --out models/NAME", dir.display()),
        Ended::Stopped => eprintln!(
            "stopped: guise train --resume {} goes on from here",
            dir.display()
        ),
    }
    Ok(())
}

fn start(args: &Args, smaller: Option<&Run>) -> anyhow::Result<(Run, Dataset)> {
    let data = args.data.clone().context("--data is missing")?;
    let dataset = Dataset::open(&data)?;
    let mut network = match smaller {
        Some(smaller) => StyleGan2Config {
            resolution: dataset.resolution(),
            ..smaller.settings.network.clone()
        },
        None => StyleGan2Config::small(dataset.resolution()),
    };
    network.channel_base = args.channel_base.unwrap_or(network.channel_base);
    network.channel_max = args.channel_max.unwrap_or(network.channel_max);
    network.validate()?;
    if let Some(smaller) = smaller.filter(|smaller| !network.grows_from(&smaller.settings.network)) {
        bail!(
            "{} draws {side} x {side} pixels and so do not grow into the {2} x {2} of {1}: --grow takes a run on a dataset of a lower resolution",
            smaller.dir.display(),
            data.display(),
            network.resolution,
            side = smaller.settings.network.resolution
        );
    }
    let mut settings = TrainSettings {
        data: data.canonicalize().unwrap_or(data),
        provenance: dataset.provenance().clone(),
        dataset_len: dataset.len(),
        hardware: args.device.describe(),
        network,
        grown_from: None,
        batch_size: 16,
        learning_rate: 0.003,
        r1_gamma: 0.2,
        r1_interval: 16,
        ema_kimg: 5.0,
        ema_rampup: 0.05,
        style_mixing_prob: 0.9,
        noise: args.noise,
        mirror: false,
        snapshot_kimg: 10.0,
        seed: 0,
    };
    apply(args, &mut settings)?;
    let run = Run::create(&args.out, settings)?;
    Ok((run, dataset))
}

fn resume(args: &Args, dir: &std::path::Path) -> anyhow::Result<(Run, Dataset)> {
    let mut run = Run::open(dir)?;
    let data = args.data.clone().unwrap_or_else(|| run.settings.data.clone());
    let dataset = Dataset::open(&data)?;
    if dataset.len() != run.settings.dataset_len {
        bail!(
            "{} has {} pictures, the run was started on {}: give its dataset with --data",
            data.display(),
            dataset.len(),
            run.settings.dataset_len
        );
    }
    run.settings.data = data;
    apply(args, &mut run.settings)?;
    run.write_settings()?;
    Ok((run, dataset))
}

/// Puts the flags that were given over the settings, and checks what is left.
fn apply(args: &Args, settings: &mut TrainSettings) -> anyhow::Result<()> {
    settings.seed = args.seed.unwrap_or(settings.seed);
    settings.batch_size = args.batch_size.unwrap_or(settings.batch_size);
    settings.learning_rate = args.learning_rate.unwrap_or(settings.learning_rate);
    settings.r1_gamma = args.r1_gamma.unwrap_or(settings.r1_gamma);
    settings.ema_kimg = args.ema_kimg.unwrap_or(settings.ema_kimg);
    settings.snapshot_kimg = args.snapshot_kimg.unwrap_or(settings.snapshot_kimg);
    settings.style_mixing_prob = args.style_mixing_prob.unwrap_or(settings.style_mixing_prob);
    settings.mirror |= args.mirror;
    if !(0.0..=1.0).contains(&settings.style_mixing_prob) {
        bail!(
            "--style-mixing-prob is {}, expected 0 to 1",
            settings.style_mixing_prob
        );
    }
    for (flag, value, min) in [
        ("--learning-rate", settings.learning_rate, f64::MIN_POSITIVE),
        ("--r1-gamma", settings.r1_gamma, 0.0),
        ("--ema-kimg", settings.ema_kimg, 0.0),
        ("--snapshot-kimg", settings.snapshot_kimg, f64::MIN_POSITIVE),
    ] {
        if !(value.is_finite() && value >= min) {
            bail!("{flag} is {value}, expected a finite number of at least {min}");
        }
    }
    Ok(())
}
