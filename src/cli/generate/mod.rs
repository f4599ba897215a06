//! `guise generate`.

mod wish;

use super::{
    bundle::{self, OpenBundle},
    device::DeviceChoice,
    files::check_writable,
    memory::{Memory, MemoryFlag},
    progress,
    seeds::Seeds,
    sheet::{Sheet, write_png},
    trust::{Purpose, settle_by_itself},
    words::Words,
};
use crate::{
    networks::generators::Generator,
    pipeline::{self, Cancel, Event, SampleRequest, memory::to_draw},
    train::{Run, load_snapshot},
    weights::Manifest,
};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use futures::executor::block_on;
use image::RgbaImage;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use wish::{Limits, Wish, draw_wish};

/// Draw new avatars from a published model: by seeds, for words, or like a picture.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a published model, or of a training run whose newest snapshot is to be drawn from.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// One avatar for each of these, such as 0-63,100,7. The same seed always gives the same avatar.
    #[arg(long, value_name = "LIST", default_value = "0-63", conflicts_with_all = ["prompt", "image"])]
    seeds: Seeds,
    /// From 0, all alike and typical, to 1, as varied as the model [default: what the model suggests].
    #[arg(long, value_name = "PSI")]
    truncation_psi: Option<f32>,
    /// A PNG file for a sheet of all avatars, or a folder (ending in a slash) for a file each.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Avatars drawn at once, 1 to 1024; more take more memory [default: 8, or fewer where more do not fit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch_size: Option<u16>,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    wish: Wish,
}

/// What runs are drawn with: their snapshots suggest nothing.
const RUN_TRUNCATION_PSI: f32 = 0.7;

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let folder = args.out.as_os_str().as_encoded_bytes().ends_with(b"/") || args.out.is_dir();
    ensure!(
        folder
            || args
                .out
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("png")),
        "--out is {}, expected a name that ends in .png for a sheet, or in a slash for a folder",
        args.out.display()
    );
    if !folder {
        check_writable(&args.out)?;
    }
    args.wish.check()?;
    let memory = args.memory.limit();
    let purpose = match args.wish.is_some() {
        true => Purpose::Guide,
        false => Purpose::Draw,
    };
    let Opened {
        generator,
        manifest,
        resolution,
        truncation_psi,
        device,
    } = open(&args.model, purpose, &args.device.open()?, memory)?;
    let truncation_psi = args.truncation_psi.unwrap_or(truncation_psi);
    let blame = |error| {
        let model = (&*args.model, manifest.as_ref());
        bundle::blame(error, model, args.wish.clip.as_deref(), args.device)
    };
    let batch_size = args.batch_size.map(usize::from);
    if args.wish.is_some() {
        let clip = args.wish.clip.as_deref();
        let words = open_words(&args.model, manifest.as_ref(), clip, &device, memory)?;
        let limits = Limits { memory, batch_size };
        return draw_wish(
            &args.wish,
            &words,
            (&generator, resolution),
            truncation_psi,
            (&args.out, folder),
            (&device, limits),
        )
        .map_err(blame);
    }
    let Seeds(seeds) = args.seeds;
    let request = SampleRequest {
        seeds: seeds.clone(),
        truncation_psi,
        batch_size: memory.batch(batch_size, 8, |n| to_draw(&generator, n))?,
    };
    let mut sheet = match folder {
        true => {
            std::fs::create_dir_all(&args.out)
                .with_context(|| format!("cannot create the folder {}", args.out.display()))?;
            None
        }
        false => Some(Sheet::new(seeds.len(), resolution)?),
    };
    let bar = progress::bar(seeds.len() as u64, "avatars");
    let take = |index: usize, picture: RgbaImage| match &mut sheet {
        Some(sheet) => {
            sheet.place(index, &picture);
            Ok(())
        }
        None => write_png(&args.out.join(format!("seed{:04}.png", seeds[index])), &picture),
    };
    draw(&generator, &request, &device, &bar, take).map_err(blame)?;
    if let Some(sheet) = sheet {
        write_png(&args.out, &sheet.into_image())?;
    }
    bar.finish_and_clear();
    eprintln!(
        "{}: {} avatars of {resolution} x {resolution} pixels, truncation_psi {}",
        args.out.display(),
        seeds.len(),
        truncation_psi
    );
    Ok(())
}

/// A model that is ready to draw.
pub(super) struct Opened {
    pub(super) generator: Generator,
    /// What was published with it.
    pub(super) manifest: Option<Manifest>,
    pub(super) resolution: usize,
    /// What to draw with.
    pub(super) truncation_psi: f32,
    /// Where to draw: what was asked for, or the next best that computes the model rightly.
    pub(super) device: Device,
}

/// The towers of a CLIP if there is one, else those of the published model in `dir`.
pub(super) fn open_words(
    dir: &Path,
    manifest: Option<&Manifest>,
    clip: Option<&Path>,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Words> {
    match (clip, manifest) {
        (Some(clip), _) => Words::of_clip(clip, device, memory),
        (None, Some(manifest)) => Words::of_bundle(dir, manifest, device, memory),
        (None, None) => bail!("a run understands no words by itself: name a CLIP with --clip"),
    }
}

/// The published model, or the newest snapshot of the run, in `dir`.
pub(super) fn open(dir: &Path, purpose: Purpose, device: &Device, memory: Memory) -> anyhow::Result<Opened> {
    ensure!(
        dir.is_dir(),
        "there is no folder {}: --model takes a published model or a run",
        dir.display()
    );
    if dir.join(Run::SETTINGS).exists() {
        let run = Run::open(dir)?;
        let load = |device: &Device| Ok(load_snapshot(&run, device)?.0);
        let (generator, device) = settle_by_itself(dir, RUN_TRUNCATION_PSI, device, load)?;
        return Ok(Opened {
            generator,
            manifest: None,
            resolution: run.settings.network.resolution,
            truncation_psi: RUN_TRUNCATION_PSI,
            device,
        });
    }
    let OpenBundle {
        manifest,
        generator,
        device,
    } = bundle::open(dir, purpose, device, memory)?;
    Ok(Opened {
        generator,
        device,
        resolution: manifest.parts.generator.config.resolution(),
        truncation_psi: manifest.truncation_psi,
        manifest: Some(manifest),
    })
}

/// Draws the pictures of `request`, each for `take` with its index, until `take` fails.
pub(super) fn draw(
    generator: &Generator,
    request: &SampleRequest,
    device: &Device,
    bar: &ProgressBar,
    mut take: impl FnMut(usize, RgbaImage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cancel = Cancel::default();
    let mut taken = Ok(());
    let drawn = block_on(pipeline::sample(
        generator,
        request,
        device,
        &cancel,
        async |event| match event {
            Event::Progress { .. } | Event::Step { .. } => {}
            Event::Picture { index, image } => {
                bar.inc(1);
                if taken.is_ok() {
                    taken = take(index, image);
                }
                if taken.is_err() {
                    cancel.cancel();
                }
            }
        },
    ));
    // What could not be taken is the reason for a cancelled job.
    taken?;
    Ok(drawn?)
}
