//! `guise evaluate pictures`.

use super::{Subject, write_figures};
use crate::{
    cli::{
        files::writable,
        likeness::{Drawn, Sampling, Seen, see},
        memory::Memory,
        trust::Purpose,
    },
    metrics::{frechet_distance, kid, measure_name as name, precision_recall},
    networks::encoders::{Eyes, inception::Inception, random::RandomFeatures},
    train::open_inception,
};
use anyhow::ensure;
use burn::tensor::Device;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Avatars that are drawn where the command does not say how many.
const WITH_INCEPTION: u64 = 10_000;
const WITH_OTHERS: u64 = 2000;

/// Measure how much a model's pictures resemble its collection.
///
/// Draws avatars and compares them with pictures of the collection by the Fréchet distance (FID), the kernel
/// distance (KID), precision and recall, of Inception's features (--inception), of a CLIP's where that is not
/// at hand, or of fixed random convolutions where a model has no CLIP either. With Inception the whole
/// collection is compared with, as published figures are; with others as many pictures as are drawn. What a
/// perfect model would come to is measured too: other pictures of the collection. Names say method, number of
/// avatars and features, as in fid10k_full, kid2k_clip and kid2k_random: compare figures of the same name and
/// dataset only, and those of a CLIP only by the same CLIP.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Inception-v3, a file that `guise import inception` wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "clip")]
    inception: Option<PathBuf>,
    /// Avatars to draw [default: 10000 for Inception, 2000 for others, which need a dataset of twice as
    /// many].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=50_000))]
    count: Option<u64>,
    /// From 0, all avatars alike, to 1, as the model learned them.
    #[arg(long, value_name = "PSI", default_value_t = 1.0)]
    truncation_psi: f32,
    /// Determines avatars and pictures of the collection.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A JSON file for what is measured.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let psi = args.truncation_psi;
    ensure!(
        (0.0..=2.0).contains(&psi),
        "--truncation-psi is {psi}, expected 0 to 2"
    );
    let purpose = match args.inception {
        Some(_) => Purpose::Draw,
        None => Purpose::Guide,
    };
    let opened = args.subject.open(purpose)?;
    let (device, pictures) = (&opened.model.device, opened.dataset.len() as u64);
    let has_clip = args.subject.clip.is_some() || opened.model.has_words();
    let words = (args.inception.is_none() && has_clip).then(|| args.subject.words(&opened));
    let words = words.transpose()?;
    let eyes = match (&args.inception, &words) {
        (Some(path), _) => open_inception(path, device)?,
        (None, Some(words)) => Eyes::Clip(Box::new(&*words.image)),
        (None, None) => Eyes::Random(RandomFeatures::new(device)),
    };
    let count = count_for(&eyes, args.count, (pictures, &args.subject.data))?;
    let sampling = Sampling {
        count,
        truncation_psi: psi,
        seed: args.seed,
    };
    ensure_features(&eyes, pictures, count, opened.memory)?;
    let drawn_by = Drawn::By(&opened.model.generator);
    let seen = see(
        &drawn_by,
        &eyes,
        &opened.dataset,
        &sampling,
        device,
        opened.memory,
    )?;
    let mut figures = measure(&seen, count, eyes.name())?;
    figures.insert("truncation_psi".into(), json!(psi));
    figures.insert("seed".into(), json!(args.seed));
    write_figures(args.out.as_deref(), &Value::Object(figures))
}

/// How many avatars to compare with the collection in `data`, which has so many pictures.
pub(super) fn count_for(
    eyes: &Eyes,
    asked: Option<u64>,
    (pictures, data): (u64, &Path),
) -> anyhow::Result<u64> {
    if eyes.look_at_all() {
        ensure!(
            pictures >= 4,
            "{} has {pictures} pictures, expected at least 4",
            data.display()
        );
        return Ok(asked.unwrap_or(WITH_INCEPTION));
    }
    let count = asked.unwrap_or(WITH_OTHERS);
    ensure!(
        pictures >= 2 * count,
        "{} has {pictures} pictures, expected {} for --count {count}: ask for at most {}",
        data.display(),
        2 * count,
        pictures / 2
    );
    Ok(count)
}

/// Makes sure that there is memory for what is compared.
pub(super) fn ensure_features(eyes: &Eyes, pictures: u64, drawn: u64, memory: Memory) -> anyhow::Result<()> {
    let (looked_at, d) = match eyes {
        Eyes::Inception(_) => (pictures, Inception::FEATURES as u64),
        // The widest CLIPs have fewer.
        Eyes::Clip(_) => (2 * drawn, 1024),
        Eyes::Random(_) => (2 * drawn, RandomFeatures::FEATURES as u64),
    };
    // Single precision, the parts of the collection once more, and one set and its deviations in double
    // precision; then some matrices of all pairs of features.
    let bytes = 4 * d * (drawn + 2 * looked_at) + 16 * d * drawn.max(looked_at) + 8 * 8 * d * d;
    memory.ensure(
        bytes,
        "comparing so many pictures",
        "ask for a smaller --count, or take a smaller dataset",
    )
}

/// Measures what was seen, prints it and gives it back by its names.
pub(super) fn measure(seen: &Seen, count: u64, features: &str) -> anyhow::Result<Map<String, Value>> {
    let (drawn, collection, [some, others]) = (&seen.drawn, seen.collection(), &seen.parts);
    if drawn.pictures().min(collection.pictures()) <= drawn.dimensions() {
        eprintln!(
            "note: the Fréchet distance of fewer pictures than the {} features is far too large: \
             compare it with that of the collection below",
            drawn.dimensions()
        );
    }
    // Other devices compute in single precision at best.
    let host = Device::flex();
    let mut figures = Map::new();
    let mut keep = |name: String, value: f64| -> anyhow::Result<f64> {
        ensure!(
            value.is_finite(),
            "{name} is {value}: the weights of the generator or of the network that looks at its pictures are \
             damaged or far too large"
        );
        figures.insert(name, json!(value));
        Ok(value)
    };
    let of_collection = |method| format!("{}_collection", name(method, some.pictures() as u64, features));
    let fid = keep(
        name("fid", count, features),
        frechet_distance(drawn, collection, &host),
    )?;
    let least_fid = keep(of_collection("fid"), frechet_distance(some, others, &host))?;
    let kid_drawn = keep(name("kid", count, features), kid(drawn, collection, &host))?;
    let least_kid = keep(of_collection("kid"), kid(some, others, &host))?;
    let shares = precision_recall(drawn, collection, &host);
    let precision = keep(name("precision", count, features), shares.precision)?;
    let recall = keep(name("recall", count, features), shares.recall)?;
    let least = format!(
        "{} other pictures of the collection in place of the avatars",
        some.pictures()
    );
    println!("{fid:9.3}  {}, the less the better", name("fid", count, features));
    println!("{least_fid:9.3}  the same with {least}");
    println!(
        "{:9.3}  {} x 1000, the less the better",
        kid_drawn * 1e3,
        name("kid", count, features)
    );
    println!("{:9.3}  the same with {least}", least_kid * 1e3);
    println!(
        "{precision:9.3}  {}, the share of avatars that could be of the collection",
        name("precision", count, features)
    );
    println!(
        "{recall:9.3}  {}, the share of the collection that could be drawn",
        name("recall", count, features)
    );
    Ok(figures)
}
