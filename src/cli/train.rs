//! `guise train`.

use super::{device::DeviceChoice, progress, stop::on_ctrl_c, train_clip, trust::check_training};
use crate::{
    data::Dataset,
    train::{AugPipe, Ended, Error, Event, Run, RunSettings, StyleGan2Trainer, TrainSettings},
};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// Train a generator on a dataset.
///
/// Writes a numbered run folder with its settings, statistics, sample grids, checkpoints (to resume) and
/// snapshots (to publish). Ctrl-C writes a checkpoint and stops; `--resume` goes on from it exactly.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Args {
    #[command(subcommand)]
    network: Option<Network>,
    /// The dataset folder that `guise prepare` wrote, or a dataset of NVIDIA's dataset tool, zipped or not.
    /// With --resume the run goes on with what it holds now, even if its pictures are others or more than
    /// before.
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
    /// Train until this many thousand real pictures were shown, counted from the start of the run; a resumed
    /// run keeps its own [default: 300].
    #[arg(long)]
    kimg: Option<f64>,
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
    /// Share of the steps that take coarse and fine layers from two latents. More lets avatars be mixed
    /// freely; less leaves shapes that span several layers easier to learn [default: 0.9].
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
    /// What the discriminator sees all pictures through, more often the better it knows the collection: for a thousand pictures
    /// or fewer. `nft` changes colors and detail only; `bgc` also mirrors and moves [default: none].
    #[arg(long, value_enum)]
    augment: Option<AugPipe>,
    /// Share of real pictures that the discriminator takes for real, less those that it does not, that --augment keeps
    /// [default: 0.6].
    #[arg(long, value_name = "SHARE")]
    ada_target: Option<f64>,
    /// The kimg in which --augment can rise from never to always [default: 100].
    #[arg(long)]
    ada_kimg: Option<f64>,
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
    let smaller = args.grow.as_deref().map(Run::open).transpose()?;
    let (run, dataset) = match &args.resume {
        Some(dir) => resume(&args, dir)?,
        None => start(&args, smaller.as_ref())?,
    };
    notes(dataset.notes());
    let device = args.device.open()?;
    check_training(&device)?;
    let trainer = match smaller {
        Some(smaller) => StyleGan2Trainer::grow(run, dataset, &smaller, &device)?,
        None => StyleGan2Trainer::open(run, dataset, &device)?,
    };
    notes(trainer.notes());
    let dir = trainer.run().dir.clone();
    eprintln!("run folder: {}", dir.display());

    let stop = on_ctrl_c()?;
    let total_images = trainer.run().settings.schedule().total_images();
    note_end(trainer.images_seen(), total_images);
    let bar = progress::bar(total_images, "pictures");
    bar.set_position(trainer.images_seen());
    bar.reset_eta();
    let ended = trainer.train(&stop, |event| match event {
        Event::Step { images_seen, stats } => {
            bar.set_position(images_seen);
            let secs_per_kimg = 1000.0 / bar.per_sec();
            bar.set_message(format!(
                "{secs_per_kimg:.0} s/kimg, D {:.2}, G {:.2}",
                stats.discriminator_loss, stats.generator_loss
            ));
        }
        Event::Checkpoint { path, report } => bar.suspend(|| {
            eprintln!("wrote {}", path.display());
            notes(report.as_slice());
        }),
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

/// Says what a library has to say.
pub(super) fn notes(notes: &[String]) {
    for note in notes {
        eprintln!("note: {note}");
    }
}

/// Says so when a resumed run has nothing left to do.
pub(super) fn note_end(images_seen: u64, total_images: u64) {
    if images_seen >= total_images {
        let kimg = |images: u64| images as f64 / 1000.0;
        eprintln!(
            "note: the run has shown {} of {} kimg already: --kimg with a higher number trains it further",
            kimg(images_seen),
            kimg(total_images)
        );
    }
}

fn start(args: &Args, smaller: Option<&Run>) -> anyhow::Result<(Run, Dataset)> {
    let data = args.data.clone().context("--data is missing")?;
    let dataset = Dataset::open(&data)?;
    let mut settings = TrainSettings {
        hardware: args.device.describe(),
        noise: args.noise,
        ..TrainSettings::of_dataset(&dataset, &data, smaller)
    };
    let network = &mut settings.network;
    network.channel_base = args.channel_base.unwrap_or(network.channel_base);
    network.channel_max = args.channel_max.unwrap_or(network.channel_max);
    network.validate()?;
    if let Some(smaller) = smaller.filter(|smaller| !network.grows_from(&smaller.settings.network)) {
        bail!(
            "{} draws {side} x {side} pixels and so does not grow into the {2} x {2} of {1}: --grow takes a run on a \
             dataset of a lower resolution",
            smaller.dir.display(),
            data.display(),
            network.resolution,
            side = smaller.settings.network.resolution
        );
    }
    apply(args, &mut settings)?;
    let run = Run::create(&args.out, settings)?;
    Ok((run, dataset))
}

fn resume(args: &Args, dir: &Path) -> anyhow::Result<(Run, Dataset)> {
    let mut run = Run::resume(dir)?;
    apply(args, &mut run.settings)?;
    let resolution = run.settings.network.resolution;
    let (dataset, note) = run.settings.dataset.reopen(args.data.as_deref(), resolution)?;
    notes(note.as_slice());
    Ok((run, dataset))
}

/// Puts the flags that were given over the settings, and checks what is left.
fn apply(args: &Args, settings: &mut TrainSettings) -> Result<(), Error> {
    settings.total_kimg = args.kimg.unwrap_or(settings.total_kimg);
    settings.seed = args.seed.unwrap_or(settings.seed);
    settings.batch_size = args.batch_size.unwrap_or(settings.batch_size);
    settings.learning_rate = args.learning_rate.unwrap_or(settings.learning_rate);
    settings.r1_gamma = args.r1_gamma.unwrap_or(settings.r1_gamma);
    settings.ema_kimg = args.ema_kimg.unwrap_or(settings.ema_kimg);
    settings.snapshot_kimg = args.snapshot_kimg.unwrap_or(settings.snapshot_kimg);
    settings.style_mixing_prob = args.style_mixing_prob.unwrap_or(settings.style_mixing_prob);
    settings.mirror |= args.mirror;
    settings.augment = args.augment.unwrap_or(settings.augment);
    settings.ada_target = args.ada_target.unwrap_or(settings.ada_target);
    settings.ada_kimg = args.ada_kimg.unwrap_or(settings.ada_kimg);
    settings.validate().map_err(Error::Settings)
}
