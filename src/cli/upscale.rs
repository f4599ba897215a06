//! `guise upscale`.

use super::{device::DeviceChoice, files::read_at_most, progress};
use crate::{
    pipeline::{Cancel, Event, upscale::Upscale},
    weights::foreign::SuperResolution,
};
use anyhow::Context;
use atomic_write_file::AtomicWriteFile;
use futures::executor::block_on;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};
use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// No super-resolution model that can be imported is larger.
const MAX_MODEL_BYTES: u64 = 1 << 29;
/// The input picture is kept in memory whole, in 4 bytes a pixel.
const MAX_PIXELS: u64 = 100_000_000;
/// What decoding a picture may take besides: 16 bits a channel, twice over.
const MAX_DECODER_BYTES: u64 = 16 * MAX_PIXELS;

/// Enlarge a picture with a super-resolution model.
///
/// The picture goes through the model in tiles, so its size is limited by time rather than by memory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The picture: PNG, JPEG, WebP or GIF (its first frame), at most 100 megapixels.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The PNG file to write; it may be the same file.
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// The model, a safetensors file that `guise import` wrote.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Side of a tile in pixels of IN, 16 to 1024: smaller ones need less memory and more time.
    #[arg(long, default_value_t = 256)]
    tile: usize,
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
    let device = args.device.open()?;
    let network = SuperResolution::from_safetensors(&read_at_most(&args.model, MAX_MODEL_BYTES)?)
        .and_then(|model| model.network(&device))
        .with_context(|| format!("cannot use the model {}", args.model.display()))?;
    let image = open_picture(&args.input)?;
    let job = Upscale::new(&network, &image, args.tile)?;

    let cancel = Cancel::default();
    let stop = cancel.clone();
    // Stopping through the switch rather than by the signal removes the unfinished file.
    ctrlc::set_handler(move || stop.cancel()).context("cannot listen for Ctrl-C")?;
    write(job, &args.output, &cancel)
}

/// Decodes a picture that may be anything, the right way up.
fn open_picture(path: &Path) -> anyhow::Result<RgbaImage> {
    // Errors of the image crate repeat their cause in their own words, so they are no link of a chain.
    let wrong =
        |error: image::ImageError| anyhow::anyhow!("cannot read the picture {}: {error}", path.display());
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| wrong(error.into()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    anyhow::ensure!(
        u64::from(width) * u64::from(height) <= MAX_PIXELS,
        "{} has {width} x {height} pixels, at most {MAX_PIXELS} are enlarged: cut it into parts first",
        path.display()
    );
    let orientation = decoder.orientation().map_err(wrong)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}

/// Runs `job` and writes what it gives, row by row, beside `path` first.
fn write(mut job: Upscale, path: &Path, cancel: &Cancel) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = AtomicWriteFile::open(path).with_context(context)?;
    let [width, height] = job.output_size();
    let mut encoder = png::Encoder::new(BufWriter::new(&mut file), width, height);
    encoder.set_color(if job.is_opaque() {
        png::ColorType::Rgb
    } else {
        png::ColorType::Rgba
    });
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
