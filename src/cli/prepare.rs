//! `guise prepare`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::HumanCount;

use super::progress;
use crate::{
    art::Color,
    data::{
        Background, PixelArtChoice, PrepareEvent, PrepareOptions, PrepareSummary, Skipped, prepare_all,
        printable,
    },
};

/// Turn a collection of pictures, or several, into a training dataset.
///
/// Reads PNG, JPEG, WebP, GIF and SVG, the traits in ERC-721 style JSON beside them, and captions in
/// metadata.jsonl. Of animations it takes the first frame, colors become sRGB with 8 bits a channel, and an
/// SVG that would not look as in a browser is skipped. A run that was interrupted goes on where it stopped
/// when it is started again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder with the pictures and their JSON; of several, `guise train stylegan2 --classes collection`
    /// learns to draw each by its name.
    #[arg(required = true, value_name = "COLLECTION")]
    collections: Vec<PathBuf>,
    /// The folder to write the dataset to.
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// The side of every picture in pixels, 16 to 1024: 3, 4, 5 or 7 times a power of two, such as 24, 32, 40
    /// or 64
    /// [default: 64; for pixel art its own grid, or the next multiple that can be trained on].
    #[arg(long)]
    resolution: Option<usize>,
    /// Whether the pictures are pixel art, published with each of its pixels as a block: `auto` looks for
    /// their grid, `off` takes each picture as it is, and a number says how many pixels the art has along a
    /// side, also where JPEG has blurred them.
    #[arg(long, value_name = "auto|off|N", default_value = "auto", value_parser = parse_pixel_art)]
    pixel_art: PixelArtChoice,
    /// What shows through transparent pixels: `white`, `black` or `#rrggbb`. With `keep` nothing does: where
    /// any picture is transparent, all keep their alpha, and what is trained on them draws it.
    #[arg(long, value_name = "COLOR|keep", default_value = "white", value_parser = parse_background)]
    background: Background,
}

fn parse_background(text: &str) -> Result<Background, String> {
    match text {
        "keep" => Ok(Background::Keep),
        "white" => Ok(Background::Color([255; 3])),
        "black" => Ok(Background::Color([0; 3])),
        _ => match text.parse() {
            Ok(Color(color)) => Ok(Background::Color(color)),
            Err(_) => Err("expected white, black, six hexadecimal digits like #ffeedd, or keep".into()),
        },
    }
}

/// What was found out about transparency that is kept, in a sentence.
fn transparency(summary: &PrepareSummary) -> Option<String> {
    Some(match (summary.transparent?, summary.pictures) {
        (0, _) => "no picture is transparent, so there is no alpha to keep: three channels suffice".into(),
        (some, all) if some == all => "every picture is transparent somewhere: alpha is kept".into(),
        (some, all) => format!(
            "{} of {} pictures are transparent somewhere: all have alpha",
            HumanCount(some as u64),
            HumanCount(all as u64)
        ),
    })
}

fn parse_pixel_art(text: &str) -> Result<PixelArtChoice, String> {
    match text {
        "auto" => Ok(PixelArtChoice::Auto),
        "off" => Ok(PixelArtChoice::Off),
        number => number
            .parse()
            .map(PixelArtChoice::Grid)
            .map_err(|_| "expected auto, off or the pixels along a side, such as 24".into()),
    }
}

/// What was found out about pixel art, in a sentence.
fn found(summary: &PrepareSummary) -> Option<String> {
    let grid = summary.grid?;
    let on_grid = format!("pixel art on a grid of {grid} x {grid} pixels");
    let resolution = summary.resolution;
    Some(match &summary.pixel_art {
        Some(art) => {
            let colors = match art.palette.len() {
                0 if summary.transparent > Some(0) => {
                    "more colors, or other transparency, than a palette holds".into()
                }
                0 => "more colors than a palette holds".into(),
                colors if summary.palette_share == 1.0 => format!("a palette of {colors} colors"),
                colors => format!(
                    "a palette of {colors} colors, which {:.1} % of the pixels have",
                    // Never all of them, by rounding.
                    (1000.0 * summary.palette_share).floor() / 10.0
                ),
            };
            match resolution / grid {
                1 => format!("{on_grid}, with {colors}"),
                times => format!("{on_grid}, each {times} x {times} here, with {colors}"),
            }
        }
        None => {
            let exact: Vec<String> = PrepareSummary::resolutions_on(grid)
                .take(3)
                .map(|side| side.to_string())
                .collect();
            let instead = match exact.is_empty() {
                true => "no resolution that can be trained on is a multiple of it".into(),
                false => format!("--resolution {} keeps it exact", exact.join(" or ")),
            };
            format!("{on_grid}, which {resolution} is no multiple of, so it is lost here: {instead}")
        }
    })
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let options = PrepareOptions {
        resolution: args.resolution,
        background: args.background,
        pixel_art: args.pixel_art,
        program: std::env::current_exe().context("cannot find the program that is running")?,
    };
    let bar = progress::bar(0, "pictures");
    let collections: Vec<&Path> = args.collections.iter().map(PathBuf::as_path).collect();
    let summary = prepare_all(&collections, &args.out, &options, &|event| match event {
        PrepareEvent::Found { sources } => bar.set_length(sources as u64),
        PrepareEvent::Done => bar.inc(1),
    })
    .with_context(|| {
        let names: Vec<String> = collections.iter().map(|path| shown(path)).collect();
        format!("no dataset from {}", names.join(" and "))
    });
    bar.finish_and_clear();
    let summary = summary?;

    const SHOWN: usize = 10;
    for Skipped { source, reason } in summary.skipped.iter().take(SHOWN) {
        eprintln!("skipped {source}: {reason}");
    }
    if summary.skipped.len() > SHOWN {
        eprintln!("and {} more", summary.skipped.len() - SHOWN);
    }
    // Whole collections are animated or have 16 bits: the same is said once, with the first of its sources.
    let mut same: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for Skipped { source, reason } in &summary.notes {
        same.entry(reason).or_insert((source, 0)).1 += 1;
    }
    for (reason, (source, count)) in same.iter().take(SHOWN) {
        match count {
            1 => eprintln!("note: {source}: {reason}"),
            _ => eprintln!("note: {source} and {} more: {reason}", count - 1),
        }
    }
    if same.len() > SHOWN {
        eprintln!("and {} more notes", same.len() - SHOWN);
    }
    let count = |count: usize| HumanCount(count as u64);
    // Of a file with many tokens there may be many reasons.
    let skipped: HashSet<&str> = summary
        .skipped
        .iter()
        .map(|skipped| skipped.source.as_str())
        .collect();
    println!(
        "{} pictures of {side}x{side} in {} ({} from an earlier run), {} duplicates dropped, {} files skipped or read in part",
        count(summary.pictures),
        shown(&args.out),
        count(summary.kept),
        count(summary.duplicates.len()),
        count(skipped.len()),
        side = summary.resolution,
    );
    for found in [found(&summary), transparency(&summary)].into_iter().flatten() {
        println!("{found}");
    }
    let of_all = |described: usize| format!("{} of {} pictures", count(described), count(summary.pictures));
    println!("{} have traits", of_all(summary.with_traits));
    if summary.with_captions > 0 {
        println!("{} have a caption of their own", of_all(summary.with_captions));
    }
    if summary.duplicates.len() + summary.skipped.len() > 0 {
        println!("the reasons are in {}", shown(&args.out.join("skipped.jsonl")));
    }
    Ok(())
}
