//! `guise evaluate drawn`.

use super::{
    pictures::{count_for, ensure_features, measure},
    write_figures,
};
use crate::{
    cli::{
        device::DeviceChoice,
        files::writable,
        likeness::{Drawn, Sampling, see},
        memory::MemoryFlag,
        words::Words,
    },
    data::Dataset,
    networks::encoders::{Eyes, random::RandomFeatures},
    train::open_inception,
};
use anyhow::ensure;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Measure how much pictures that any program drew resemble a collection.
///
/// The measures are those of `guise evaluate pictures`, by fixed random convolutions where neither
/// --inception nor --clip names another network. It compares generators of other programs on equal terms.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The pictures that were drawn, as a dataset: a folder or zip as of NVIDIA's dataset tool is enough.
    #[arg(value_name = "DATASET")]
    drawn: PathBuf,
    /// The collection's dataset, of the same size of pictures.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// Inception-v3, a file that `guise import inception` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "clip")]
    inception: Option<PathBuf>,
    /// A CLIP, a run or a file that `guise import clip` wrote.
    #[arg(long, value_name = "PATH")]
    clip: Option<PathBuf>,
    /// Drawn pictures to compare, the first ones [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=50_000))]
    count: Option<u64>,
    /// Determines pictures of the collection.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A JSON file for what is measured.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: Option<PathBuf>,
    /// Where to look at them.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    memory: MemoryFlag,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let [drawn, dataset] = [&args.drawn, &args.data].map(|path| Dataset::open(path));
    let (drawn, dataset) = (drawn?, dataset?);
    let [side, expected] = [&drawn, &dataset].map(Dataset::resolution);
    ensure!(
        side == expected,
        "{} has pictures of {side} x {side} pixels and {} of {expected} x {expected}: expected one size",
        args.drawn.display(),
        args.data.display()
    );
    let (device, memory) = (args.device.open()?, args.memory.limit());
    let words = args
        .clip
        .as_deref()
        .map(|clip| Words::of_clip(clip, &device, memory));
    let words = words.transpose()?;
    let eyes = match (&args.inception, &words) {
        (Some(path), _) => open_inception(path, &device)?,
        (None, Some(words)) => Eyes::Clip(Box::new(&*words.image)),
        (None, None) => Eyes::Random(RandomFeatures::new(&device)),
    };
    let (there, pictures) = (drawn.len() as u64, dataset.len() as u64);
    let count = count_for(&eyes, Some(args.count.unwrap_or(there)), (pictures, &args.data))?;
    ensure!(
        (2..=there).contains(&count),
        "{} has {there} pictures, expected {}",
        args.drawn.display(),
        count.max(2)
    );
    ensure_features(&eyes, pictures, count, memory)?;
    let sampling = Sampling {
        count,
        truncation_psi: 1.0,
        seed: args.seed,
    };
    let seen = see(
        &Drawn::Before(&drawn),
        &eyes,
        &dataset,
        &sampling,
        &device,
        memory,
    )?;
    let mut figures = measure(&seen, count, eyes.name())?;
    figures.insert("seed".into(), json!(args.seed));
    write_figures(args.out.as_deref(), &Value::Object(figures))
}
