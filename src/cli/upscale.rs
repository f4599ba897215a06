//! `guise upscale`.

use super::{
    bundle,
    device::DeviceChoice,
    files::{open_picture, read_at_most},
    memory::MemoryFlag,
    progress,
};
use crate::{
    data::{Colors, Picture},
    networks::super_resolution::Enlarge,
    pipeline::{
        Cancel, Event,
        memory::to_enlarge,
        pixel_art::{enlarge, factor},
        upscale::{Upscale, overlap},
    },
    weights::{
        Manifest,
        bundle::{Upscaler, load_part},
        foreign::SuperResolution,
    },
};
use anyhow::Context;
use atomic_write_file::AtomicWriteFile;
use futures::executor::block_on;
use image::{DynamicImage, RgbaImage};
use std::{
    borrow::Cow,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// No super-resolution model that can be imported is larger.
const MAX_MODEL_BYTES: u64 = 1 << 29;

/// Enlarge a picture with a super-resolution model.
///
/// The picture goes through the model in tiles, so its size is limited by time rather than by memory. Its
/// color profile is kept; of an animation the first frame is enlarged, and 16 bits a channel become 8.
///
/// Avatars of a model that draws pixel art are enlarged exactly, every pixel to a block, without any network.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The picture: PNG, JPEG, WebP or GIF, at most 100 megapixels.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The PNG file to write; it may be the same file.
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// The model: a safetensors file that `guise import sr` wrote, or a published bundle or its
    /// `upscaler.gguf`.
    #[arg(long, value_name = "FILE|BUNDLE")]
    model: PathBuf,
    /// How many times larger pixel art becomes [default: as many times as give at most 1024 pixels].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    times: Option<u32>,
    /// Side of a tile in pixels of IN, 16 to 1024: smaller ones need less memory and more time. Each is
    /// computed with as many pixels around it as the model looks at, at most 96, and is not smaller than
    /// that.
    #[arg(long, default_value_t = 256)]
    tile: usize,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.output
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png")),
        "{} does not end in .png: results are written as PNG, which loses nothing and keeps transparency",
        args.output.display()
    );
    let model = load(&args.model, args.device)
        .with_context(|| format!("cannot use the model {}", args.model.display()))?;
    let Picture { pixels, profile, .. } = open_picture(&args.input, Colors::Stored)?;
    let image = pixels.into_rgba8();
    let network = match model {
        Model::PixelArt => {
            let times = args
                .times
                .unwrap_or_else(|| factor(image.width().max(image.height())));
            return write_exact(enlarge(&image, times)?, profile, &args.output);
        }
        Model::Network(network) => network,
    };
    anyhow::ensure!(
        args.times.is_none(),
        "{} enlarges {} times and cannot do otherwise: leave --times out, which is for models of pixel art",
        args.model.display(),
        network.scale()
    );
    let job = Upscale::new(&network, &image, args.tile)?;
    anyhow::ensure!(
        args.tile >= overlap(&network),
        "--tile is {}, expected {} or more: so many pixels around each tile are computed with it, and of \
         smaller tiles nearly everything would be thrown away",
        args.tile,
        overlap(&network)
    );
    args.memory.limit().ensure(
        to_enlarge(&network, job.largest_window()),
        &format!("enlarging a tile of {0} x {0} pixels", args.tile),
        "ask for a smaller --tile",
    )?;

    let cancel = Cancel::default();
    let stop = cancel.clone();
    // Stopping through the switch rather than by the signal removes the unfinished file.
    ctrlc::set_handler(move || stop.cancel()).context("cannot listen for Ctrl-C")?;
    write(job, profile, &args.output, &cancel)
}

/// What enlarges.
// There is one of it.
#[allow(clippy::large_enum_variant)]
enum Model {
    /// A super-resolution network.
    Network(Upscaler),
    /// Nothing but arithmetic: the pixels of pixel art become blocks.
    PixelArt,
}

/// The model in `path`: an imported file, a bundle, or the file of a bundle that holds its upscaler. Only
/// networks take a device.
fn load(path: &Path, device: DeviceChoice) -> anyhow::Result<Model> {
    let is_gguf = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"));
    let dir = match (path.is_dir(), is_gguf) {
        (true, _) => path,
        (false, true) => path.parent().unwrap_or(Path::new("")),
        (false, false) => {
            let file = read_at_most(path, MAX_MODEL_BYTES)?;
            let network = SuperResolution::from_safetensors(&file)?.network(&device.open()?)?;
            return Ok(Model::Network(network));
        }
    };
    // Its shape stands in the manifest, not in the file.
    let manifest = dir.join(Manifest::FILE_NAME);
    let manifest = Manifest::parse(&read_at_most(&manifest, Manifest::MAX_BYTES)?)
        .with_context(|| format!("cannot use {}", manifest.display()))?;
    if path.is_dir() && manifest.pixel_grid.is_some() {
        return Ok(Model::PixelArt);
    }
    let part = manifest
        .parts
        .upscaler
        .as_ref()
        .filter(|part| path.is_dir() || path.file_name() == Some(part.file.name.as_ref()))
        .with_context(|| format!("it is no upscaler of the bundle in {}", dir.display()))?;
    let network = load_part(part, &bundle::read(dir, &part.file)?, &device.open()?)?;
    Ok(Model::Network(network))
}

/// Writes a picture that fits into memory, whole or not at all; `profile` says what its colors mean.
fn write_exact(image: RgbaImage, profile: Option<Vec<u8>>, path: &Path) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = AtomicWriteFile::open(path).with_context(context)?;
    let (width, height) = image.dimensions();
    let is_opaque = image.pixels().all(|pixel| pixel[3] == 255);
    let encoder = encoder(&mut file, [width, height], is_opaque, profile).with_context(context)?;
    let mut encoder = encoder.write_header().with_context(context)?;
    let pixels = match is_opaque {
        true => DynamicImage::from(image).into_rgb8().into_raw(),
        false => image.into_raw(),
    };
    encoder.write_image_data(&pixels).with_context(context)?;
    encoder.finish().with_context(context)?;
    file.commit().with_context(context)?;
    println!("{}: {width} x {height} pixels", path.display());
    Ok(())
}

/// What writes a PNG to `file`.
fn encoder(
    file: &mut AtomicWriteFile,
    [width, height]: [u32; 2],
    is_opaque: bool,
    profile: Option<Vec<u8>>,
) -> Result<png::Encoder<'static, BufWriter<&mut AtomicWriteFile>>, png::EncodingError> {
    let mut info = png::Info::with_size(width, height);
    info.icc_profile = profile.map(Cow::Owned);
    let mut encoder = png::Encoder::with_info(BufWriter::new(file), info)?;
    encoder.set_color(match is_opaque {
        true => png::ColorType::Rgb,
        false => png::ColorType::Rgba,
    });
    Ok(encoder)
}

/// Runs `job` and writes what it gives, row by row, beside `path` first; `profile` says what its colors mean.
fn write(mut job: Upscale, profile: Option<Vec<u8>>, path: &Path, cancel: &Cancel) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = AtomicWriteFile::open(path).with_context(context)?;
    let [width, height] = job.output_size();
    let encoder = encoder(&mut file, [width, height], job.is_opaque(), profile).with_context(context)?;
    let mut encoder = encoder.write_header().with_context(context)?;
    let mut rows = encoder.stream_writer().with_context(context)?;

    let bar = progress::bar(job.tiles() as u64, "tiles");
    let mut show = async |event| {
        if let Event::Progress { done, .. } = event {
            bar.set_position(done as u64);
        }
    };
    while let Some(band) = block_on(job.next_band(cancel, &mut show))? {
        let pixels = match job.is_opaque() {
            true => DynamicImage::from(band).into_rgb8().into_raw(),
            false => band.into_raw(),
        };
        rows.write_all(&pixels).with_context(context)?;
    }
    rows.finish().with_context(context)?;
    encoder.finish().with_context(context)?;
    file.commit().with_context(context)?;
    bar.finish_and_clear();
    println!("{}: {width} x {height} pixels", path.display());
    Ok(())
}
