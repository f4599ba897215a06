//! `guise prepare`.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use indicatif::HumanCount;

use super::progress;
use crate::data::{PrepareEvent, PrepareOptions, Skipped, prepare_all, printable};

/// Turn a collection of pictures, or several, into a training dataset.
///
/// Reads PNG, JPEG, WebP, GIF and SVG, the traits in ERC-721 style JSON beside them, and captions in metadata.jsonl. Of
/// animations it takes the first frame, colors become sRGB with 8 bits a channel, and an SVG that would not look as in a
/// browser is skipped. A run that was interrupted goes on where it stopped when it is started again.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder with the pictures and their JSON; of several, `guise train stylegan2 --classes collection` learns
    /// to draw each by its name.
    #[arg(required = true, value_name = "COLLECTION")]
    collections: Vec<PathBuf>,
    /// The folder to write the dataset to.
    #[arg(long, value_name = "DATASET")]
    out: PathBuf,
    /// The side of every picture in pixels: a power of two from 16 to 1024.
    #[arg(long, default_value_t = 64)]
    resolution: usize,
    /// What shows through transparent pixels: `white`, `black` or `#rrggbb`.
    #[arg(long, default_value = "white", value_parser = parse_color)]
    background: Color,
}

/// RGB; a type of its own because clap reads `Vec`s and arrays as many values.
#[derive(Debug, Clone, Copy)]
struct Color([u8; 3]);

fn parse_color(text: &str) -> Result<Color, String> {
    match text {
        "white" => return Ok(Color([255; 3])),
        "black" => return Ok(Color([0; 3])),
        _ => {}
    }
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.is_ascii());
    let channel = |index: usize| u8::from_str_radix(digits?.get(2 * index..2 * index + 2)?, 16).ok();
    match (channel(0), channel(1), channel(2)) {
        // from_str_radix also takes a sign.
        (Some(red), Some(green), Some(blue)) if !text.contains('+') => Ok(Color([red, green, blue])),
        _ => Err("expected white, black or six hexadecimal digits like #ffeedd".into()),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let options = PrepareOptions {
        resolution: args.resolution,
        background: args.background.0,
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
        side = args.resolution,
    );
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
