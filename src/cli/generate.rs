//! `guise generate`.

use super::{
    bundle,
    device::DeviceChoice,
    progress,
    seeds::Seeds,
    sheet::{Sheet, write_png},
};
use crate::{
    networks::stylegan2::Generator,
    pipeline::{self, Cancel, Event, SampleRequest},
    train::{Run, load_snapshot},
};
use anyhow::{Context, ensure};
use burn::tensor::Device;
use futures::executor::block_on;
use image::RgbaImage;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// Draw new avatars from a published model.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a published model, or of a training run whose newest snapshot is to be drawn from.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// One avatar for each of these, such as 0-63,100,7. The same seed always gives the same avatar.
    #[arg(long, value_name = "LIST", default_value = "0-63")]
    seeds: Seeds,
    /// From 0, all alike and typical, to 1, as varied as the model [default: what the model suggests].
    #[arg(long, value_name = "PSI")]
    truncation_psi: Option<f32>,
    /// A PNG file for a sheet of all avatars, or a folder (ending in a slash) for a file each.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Avatars drawn at once; more take more memory.
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch_size: usize,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
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
    let parent = args.out.parent().filter(|parent| !parent.as_os_str().is_empty());
    ensure!(
        folder || parent.is_none_or(Path::is_dir),
        "cannot write {}: its folder does not exist",
        args.out.display()
    );
    let device = args.device.open()?;
    let (generator, resolution, suggested_psi) = open(&args.model, &device)?;
    let Seeds(seeds) = args.seeds;
    let request = SampleRequest {
        seeds: seeds.clone(),
        truncation_psi: args.truncation_psi.unwrap_or(suggested_psi),
        batch_size: args.batch_size,
    };
    let bar = progress::bar(seeds.len() as u64, "avatars");
    if folder {
        std::fs::create_dir_all(&args.out)
            .with_context(|| format!("cannot create the folder {}", args.out.display()))?;
        draw(&generator, &request, &device, &bar, |index, picture| {
            write_png(&args.out.join(format!("seed{:04}.png", seeds[index])), &picture)
        })?;
    } else {
        let mut sheet = Sheet::new(seeds.len(), resolution)?;
        draw(&generator, &request, &device, &bar, |index, picture| {
            sheet.place(index, &picture);
            Ok(())
        })?;
        write_png(&args.out, &sheet.into_image())?;
    }
    bar.finish_and_clear();
    eprintln!(
        "{}: {} avatars of {resolution} x {resolution} pixels, truncation_psi {}",
        args.out.display(),
        seeds.len(),
        request.truncation_psi
    );
    Ok(())
}

/// The generator of a published model or of a run, its resolution, and the `truncation_psi` to use.
fn open(dir: &Path, device: &Device) -> anyhow::Result<(Generator, usize, f32)> {
    ensure!(
        dir.is_dir(),
        "there is no folder {}: --model takes a published model or a run",
        dir.display()
    );
    if dir.join(Run::SETTINGS).exists() {
        let run = Run::open(dir)?;
        let (generator, _) = load_snapshot(&run, device)?;
        return Ok((generator, run.settings.network.resolution, RUN_TRUNCATION_PSI));
    }
    let (manifest, generator) = bundle::open(dir, device)?;
    Ok((
        generator,
        manifest.parts.generator.config.resolution,
        manifest.truncation_psi,
    ))
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
