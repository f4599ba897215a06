//! `guise upscale`.

mod folder;
mod form;
mod job;

use super::{
    device::DeviceChoice, files::check_writable, memory::MemoryFlag, progress, stop::on_ctrl_c,
    upscaler::Model,
};
use crate::{
    networks::super_resolution::Enlarge,
    pipeline::{
        Cancel,
        upscale::{SCALES, overlap},
    },
};
use anyhow::{Context, ensure};
use form::Format;
use job::{Job, Shown};
use std::{path::PathBuf, process::ExitCode};

/// Enlarge a picture, or a folder of pictures, with a super-resolution model.
///
/// A picture goes through the model in tiles, as often as --scale needs, and down to the exact size by
/// Lanczos' filter. Rows of a PNG are written as they are done, so that results may be larger than memory.
/// What is kept in memory is the picture itself (at most 100 megapixels, of 4 bytes or 8), what the model
/// made of it where --scale takes it more than once, and the rows of a tile; what does not fit is refused
/// before it is begun.
///
/// Pictures stay what they are: gray or colored, transparent, of 16 bits (in PNG), the right way up, with
/// their color profile. Animations are enlarged frame by frame, to an animated PNG or a GIF. A JPEG in CMYK
/// becomes RGB by plain arithmetic, without its profile.
///
/// Of a folder, the pictures in it and in its folders are enlarged. Results that are there already are left
/// alone, so the same command goes on after an interruption. What could not be enlarged is listed with its
/// reason in not_enlarged.jsonl, with the exit code 3.
///
/// Avatars of a model that draws pixel art are enlarged exactly, every pixel to a block, without any network.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The picture (PNG, JPEG, WebP or GIF), or a folder of pictures.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The file to write, which may be the same file; of a folder, the folder to write to.
    #[arg(value_name = "OUT", required_unless_present = "out")]
    output: Option<PathBuf>,
    /// The same as OUT.
    #[arg(long, value_name = "OUT", conflicts_with = "output")]
    out: Option<PathBuf>,
    /// The model: a safetensors file that `guise import sr` wrote, or a published bundle or its
    /// `upscaler.gguf`.
    #[arg(long, value_name = "FILE|BUNDLE")]
    model: PathBuf,
    /// How many times larger each side becomes: 1 to 16 [default: the model's factor], of pixel art 1 to 1024
    /// [default: as many times as give at most 1024 pixels].
    #[arg(long, alias = "times", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    scale: Option<u32>,
    /// The format to write [default: what OUT ends in, or png for a folder]. WebP is written without loss,
    /// JPEG with quality 95 and without transparency, GIF with at most 256 colors a frame.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Side of a tile in pixels of what goes through the model, 16 to 1024: smaller ones need less memory and
    /// more time. Each is computed with as many pixels around it as the model looks at, at most 96, and is
    /// not smaller than that.
    #[arg(long, default_value_t = 256)]
    tile: usize,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let is_folder = args.input.is_dir();
    let output = args.output.or(args.out).unwrap_or_default();
    let format = match is_folder {
        true => args.format.unwrap_or(Format::Png),
        false => {
            let format = Format::of(&output, args.format)?;
            check_writable(&output)?;
            format
        }
    };
    let model = Model::load(&args.model, args.device)?;
    if let Model::Network(network) = &model {
        let scale = args.scale.map_or(network.scale(), |scale| scale as usize);
        ensure!(
            SCALES.contains(&scale),
            "--scale is {scale}, expected {} to {}: only the blocks of pixel art grow further",
            SCALES.start(),
            SCALES.end()
        );
        ensure!(
            args.tile >= overlap(network),
            "--tile is {}, expected {} or more: so many pixels around each tile are computed with it, and of \
             smaller tiles nearly everything would be thrown away",
            args.tile,
            overlap(network)
        );
    }
    let job = Job {
        model,
        scale: args.scale,
        tile: args.tile,
        memory: args.memory.limit(),
        // Stopping through the switch rather than by the signal removes the unfinished file.
        cancel: Cancel::from(on_ctrl_c()?),
    };
    if is_folder {
        return folder::run(&job, &args.input, &output, format);
    }
    let shown = Shown::alone(progress::bar(0, "tiles"));
    let done = job.run(&args.input, &output, format, &shown);
    shown.clear();
    let done = done.with_context(|| format!("cannot enlarge {}", args.input.display()))?;
    println!("{}: {done}", output.display());
    Ok(ExitCode::SUCCESS)
}
