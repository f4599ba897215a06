//! `guise evaluate reconstructions`.

use super::write_figures;
use crate::{
    cli::{
        device::DeviceChoice,
        files::{writable, write_whole},
        memory::MemoryFlag,
        progress,
        sheet::Sheet,
        snapshot::SnapshotFlag,
        vqgan::{self, Opened},
    },
    data::Dataset,
    metrics::{psnr, ssim},
    networks::generators::vqgan::perplexity,
    pipeline::sample::pictures_from_images,
};
use anyhow::ensure;
use burn::tensor::{Tensor, TensorData};
use futures::executor::block_on;
use image::ImageFormat;
use serde_json::json;
use std::{io::Cursor, path::PathBuf};

/// Pictures that go through the network together, where there is memory for so many.
const BATCH: usize = 16;
/// Pairs on a sheet, and the most of them in a row.
const SHOWN: usize = 32;
const PAIRS_IN_A_ROW: usize = 4;
/// Bytes of a number, copies of a map that are there at once, and what is taken in any case.
const F32: u64 = 4;
const MAPS_AT_ONCE: u64 = 2;
const ANYHOW: u64 = 96 << 20;

/// Measure how much of pictures a VQGAN's codes keep, and show it.
///
/// Pictures of a dataset are turned into codes and back. Prints PSNR in dB over all pixels and the mean SSIM
/// from -1 to 1, the more the better, how many of the codes were used, and the perplexity: how many would be
/// if all were used alike.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The VQGAN: a run of `guise train vqgan`, or a file that `guise import vqgan` wrote.
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// The dataset of the pictures.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Pictures to measure, the first ones [default: at most 1000].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    /// A PNG file for the first pictures, each with its reconstruction on the right of it.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    sheet: Option<PathBuf>,
    /// A JSON file for what is measured.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: Option<PathBuf>,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    memory: MemoryFlag,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let device = args.device.open()?;
    let dataset = Dataset::open(&args.data)?;
    for note in dataset.notes() {
        eprintln!("note: {note}");
    }
    let memory = args.memory.limit();
    let Opened { network, config, .. } = vqgan::open(&args.model, args.snapshot, &device, memory)?;
    let (side, factor) = (dataset.resolution(), config.factor());
    ensure!(
        side.is_multiple_of(factor),
        "{} has pictures of {side} x {side} pixels, and a code of {} stands for {factor} x {factor}: prepare the \
         pictures with a --resolution that is a multiple of {factor}",
        args.data.display(),
        args.model.display()
    );
    for (path, channels) in [
        (&args.model, config.img_channels),
        (&args.data, dataset.channels()),
    ] {
        ensure!(
            channels == 3,
            "{} is of pictures with {channels} channels, expected 3",
            path.display()
        );
    }
    let bytes = |n: usize| {
        let maps = config.map_numbers(side, side).saturating_mul(F32 * MAPS_AT_ONCE);
        maps.saturating_mul(n as u64).saturating_add(ANYHOW)
    };
    let together = memory.batch(None, BATCH, bytes)?;
    let count = args.count.map_or(1000, |count| count as usize).min(dataset.len());
    let shown = match args.sheet {
        Some(_) => SHOWN.min(count),
        None => 0,
    };
    let columns = 2 * PAIRS_IN_A_ROW.min(shown.max(1));
    let mut sheet = Sheet::with_columns(2 * shown.max(1), columns, [side; 2])?;
    let mut uses = vec![0u64; config.codebook_size];
    let (mut squares, mut similarity) = (0.0, 0.0);
    let bar = progress::bar(count as u64, "pictures");
    let places: Vec<usize> = (0..count).collect();
    for places in places.chunks(together) {
        let images = TensorData::new(dataset.images(places)?, [places.len(), 3, side, side]);
        let images = Tensor::<4>::from_data(images, &device);
        let codes = network.codes(images.clone());
        for code in codes.to_data().iter::<i64>() {
            uses[code as usize] += 1;
        }
        let drawn = block_on(pictures_from_images(network.decode_codes(codes)))?;
        let originals = block_on(pictures_from_images(images))?;
        for ((&place, original), drawn) in places.iter().zip(&originals).zip(&drawn) {
            // The mean square that the ratio is of; none where the pictures are the same.
            squares += 10f64.powf(-psnr(std::slice::from_ref(drawn), std::slice::from_ref(original)) / 10.0);
            similarity += ssim(drawn, original);
            if place < shown {
                sheet.place(2 * place, original);
                sheet.place(2 * place + 1, drawn);
            }
        }
        bar.inc(places.len() as u64);
    }
    bar.finish_and_clear();

    let psnr = -10.0 * (squares / count as f64).log10();
    let ssim = similarity / count as f64;
    let used = uses.iter().filter(|&&uses| uses > 0).count();
    let perplexity = perplexity(&uses);
    match psnr.is_infinite() {
        true => println!("  the same  psnr"),
        false => println!("{psnr:9.3} dB  psnr of {count} pictures, the more the better"),
    }
    println!("{ssim:9.5}     ssim, the more the better");
    println!("{used:9}     codes used of {}", config.codebook_size);
    println!("{perplexity:9.1}     perplexity, codes in use if all were used alike");
    if let Some(path) = &args.sheet {
        let mut png = Cursor::new(vec![]);
        sheet.into_image().write_to(&mut png, ImageFormat::Png)?;
        write_whole(path, png.get_ref())?;
        println!("written to {}", path.display());
    }
    // JSON has no infinity.
    let figures = json!({
        "pictures": count,
        "psnr": psnr.is_finite().then_some(psnr),
        "ssim": ssim,
        "codes": config.codebook_size,
        "codes_used": used,
        "perplexity": perplexity,
    });
    write_figures(args.out.as_deref(), &figures)
}
