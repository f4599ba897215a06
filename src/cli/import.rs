//! `guise import`.

use super::files::read_at_most;
use crate::weights::foreign::SuperResolution;
use anyhow::Context;
use atomic_write_file::AtomicWriteFile;
use std::{io::Write, path::PathBuf};

/// No ncnn network that can be imported is described in more bytes.
const MAX_PARAM_BYTES: u64 = 1 << 20;
/// No weights that can be imported are larger.
const MAX_BIN_BYTES: u64 = 1 << 28;

/// Convert foreign weights to safetensors.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, clap::Subcommand)]
enum Source {
    RealesrganNcnn(RealesrganNcnn),
}

/// Convert a super-resolution model from Real-ESRGAN's ncnn files.
///
/// The models that can be converted are realesr-animevideov3-x2, -x3 and -x4;
/// `tools/realesrgan.sh FOLDER` fetches them.
#[derive(Debug, clap::Args)]
struct RealesrganNcnn {
    /// The network, a text file; its weights are read from the file of the same name that ends in .bin.
    #[arg(value_name = "MODEL.param")]
    param: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The licence of the weights, an SPDX expression; Real-ESRGAN's own is the default.
    #[arg(long, value_name = "SPDX", default_value = "BSD-3-Clause")]
    licence: String,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.source {
        Source::RealesrganNcnn(args) => realesrgan_ncnn(args),
    }
}

fn realesrgan_ncnn(args: RealesrganNcnn) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.param
            .extension()
            .is_some_and(|extension| extension == "param"),
        "{} does not end in .param: name the network's text file, the .bin beside it is found from it",
        args.param.display()
    );
    let bin = args.param.with_extension("bin");
    let name = args.param.file_stem().unwrap_or_default().to_string_lossy();
    let model = SuperResolution::from_ncnn(
        &read_at_most(&args.param, MAX_PARAM_BYTES)?,
        &read_at_most(&bin, MAX_BIN_BYTES)?,
        args.licence,
        format!("{name} of Real-ESRGAN, Copyright (c) 2021, Xintao Wang; converted from ncnn"),
    )
    .with_context(|| format!("cannot import {} with {}", args.param.display(), bin.display()))?;

    let bytes = model.to_safetensors()?;
    let write = || {
        let mut file = AtomicWriteFile::open(&args.out)?;
        file.write_all(&bytes)?;
        file.commit()
    };
    write().with_context(|| format!("cannot write {}", args.out.display()))?;
    let config = &model.config;
    println!(
        "{}: enlarges {} times, {} convolutions of {} channels, {} bytes, {}",
        args.out.display(),
        config.outscale,
        config.num_conv + 2,
        config.num_feat,
        bytes.len(),
        model.licence
    );
    Ok(())
}
