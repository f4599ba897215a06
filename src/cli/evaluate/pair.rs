//! `guise evaluate pair`.

use super::write_figures;
use crate::{
    cli::files::{open_picture, writable},
    data::Colors,
    metrics::{SSIM_WINDOW, psnr, ssim},
};
use anyhow::ensure;
use serde_json::json;
use std::path::PathBuf;

/// Measure how close a picture is to another, such as an enlarged one to its original.
///
/// Prints PSNR in dB and SSIM from -1 to 1, the more the better, of the colors as sRGB; transparency does not
/// count. Both are what scikit-image computes of the same pixels, SSIM as the mean over the three colors.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A picture: PNG, JPEG, WebP or GIF.
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,
    /// The picture that it should be, of the same size.
    #[arg(value_name = "ORIGINAL")]
    original: PathBuf,
    /// A JSON file for what is measured.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let open = |path| anyhow::Ok(open_picture(path, Colors::Srgb)?.pixels.into_rgba8());
    let (picture, original) = (open(&args.picture)?, open(&args.original)?);
    let ([width, height], [other_width, other_height]) = (
        [picture.width(), picture.height()],
        [original.width(), original.height()],
    );
    ensure!(
        [width, height] == [other_width, other_height],
        "{} has {width} x {height} pixels and {} has {other_width} x {other_height}: \
         expected two of one size",
        args.picture.display(),
        args.original.display()
    );
    ensure!(
        width.min(height) >= SSIM_WINDOW,
        "{} has {width} x {height} pixels, expected at least {SSIM_WINDOW} on each side",
        args.picture.display()
    );
    let ssim = ssim(&picture, &original);
    let psnr = psnr(&[picture], &[original]);
    match psnr.is_infinite() {
        true => println!("  the same  psnr"),
        false => println!("{psnr:9.3} dB  psnr, the more the better"),
    }
    println!("{ssim:9.5}     ssim, the more the better");
    // JSON has no infinity.
    let figures = json!({"psnr": psnr.is_finite().then_some(psnr), "ssim": ssim});
    write_figures(args.out.as_deref(), &figures)
}
