//! `guise evaluate pictures`.

use super::{Opened, Subject, write_figures};
use crate::{
    cli::{files::writable, memory::Memory, progress},
    data::Dataset,
    metrics::kid,
    networks::generators::Generate,
    pipeline::{ImageEncoder, guide::judge, memory::to_judge, sample::z_from_seeds},
    weights::manifest::Resemblance,
};
use anyhow::ensure;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::path::PathBuf;

/// Measure how much a model's pictures resemble its collection.
///
/// Draws avatars and compares them with pictures of the collection as a CLIP sees both, by the Kernel
/// Inception Distance with its embeddings in Inception's place. What a perfect model would come to is
/// measured too: as many other pictures of the collection. Compare figures of the same CLIP, dataset and
/// number of pictures only.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Pictures on each side; the dataset must have twice as many.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(2..=50_000))]
    count: u64,
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
    let Opened {
        model,
        words,
        dataset,
        memory,
    } = args.subject.open()?;
    let (count, pictures) = (args.count, dataset.len() as u64);
    ensure!(
        pictures >= 2 * count,
        "{} has {pictures} pictures, expected {} for --count {count}: ask for at most {}",
        args.subject.data.display(),
        2 * count,
        pictures / 2
    );
    let sampling = Sampling {
        count,
        truncation_psi: psi,
        seed: args.seed,
    };
    let found = resemblance(
        &model.generator,
        &*words.image,
        &dataset,
        &sampling,
        &model.device,
        memory,
    )?;
    println!(
        "{:.2}  {} x 1000, the less the better",
        found.kid * 1e3,
        name(&found)
    );
    println!(
        "{:.2}  the same with other pictures of the collection in place of the avatars",
        found.collection_kid * 1e3
    );
    let figures = json!({
        format!("{}_collection", name(&found)): found.collection_kid,
        name(&found): found.kid,
        "truncation_psi": psi,
        "seed": args.seed,
    });
    write_figures(args.out.as_deref(), &figures)
}

/// What the measure is called: method, number of pictures, features.
pub(in crate::cli) fn name(Resemblance { pictures, .. }: &Resemblance) -> String {
    match pictures % 1000 {
        0 => format!("kid{}k_clip", pictures / 1000),
        _ => format!("kid{pictures}_clip"),
    }
}

/// Which pictures are compared.
pub(in crate::cli) struct Sampling {
    /// Pictures on each side.
    pub count: u64,
    /// For the avatars.
    pub truncation_psi: f32,
    /// The avatars' first seed; determines also which pictures of the collection are looked at.
    pub seed: u64,
}

/// Compares avatars with pictures of `dataset`, which has at least twice as many and of the same size.
pub(in crate::cli) fn resemblance(
    generator: &dyn Generate,
    encoder: &dyn ImageEncoder,
    dataset: &Dataset,
    sampling: &Sampling,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Resemblance> {
    let &Sampling {
        count,
        truncation_psi,
        seed,
    } = sampling;
    let together = memory.batch(None, BATCH, |n| to_judge(generator, encoder, n))?;
    let bar = progress::bar(3 * count, "pictures compared");
    let mut order: Vec<usize> = (0..dataset.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let side = dataset.resolution();
    let of_collection = |pictures: &[usize]| -> anyhow::Result<Vec<Vec<f32>>> {
        let mut all = vec![];
        for batch in pictures.chunks(together) {
            let mut values = vec![];
            for &index in batch {
                values.extend(
                    dataset
                        .read(index)?
                        .iter()
                        .map(|&byte| f32::from(byte) / 127.5 - 1.0),
                );
            }
            let images = Tensor::from_data(TensorData::new(values, [batch.len(), 3, side, side]), device);
            all.extend(features(encoder, images));
            bar.inc(batch.len() as u64);
        }
        Ok(all)
    };
    let (collection, others) = order[..2 * count as usize].split_at(count as usize);
    let (collection, others) = (of_collection(collection)?, of_collection(others)?);

    let seeds: Vec<u64> = (0..count).map(|i| seed.wrapping_add(i)).collect();
    let mut drawn = vec![];
    for batch in seeds.chunks(together) {
        let latents = generator.latents_from_z(z_from_seeds(generator, batch, device), truncation_psi);
        drawn.extend(features(encoder, generator.draw(latents)));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let (kid, collection_kid) = (kid(&drawn, &collection), kid(&others, &collection));
    ensure!(
        kid.is_finite() && collection_kid.is_finite(),
        "the distance is {kid}, and {collection_kid} for other pictures of the collection: the generator or the CLIP \
         computes no numbers, their weights are damaged or far too large"
    );
    Ok(Resemblance {
        pictures: count,
        kid,
        collection_kid,
    })
}

/// Pictures that are looked at together, where there is memory for so many.
const BATCH: usize = 32;

/// The embeddings of `images [n, 3, side, side]`, with a mean square of one instead of their length, which is
/// the size of features that the kernel is made for.
fn features(encoder: &dyn ImageEncoder, images: Tensor<4>) -> Vec<Vec<f32>> {
    let embeddings = judge(encoder, images);
    let [_, d] = embeddings.dims();
    let values: Vec<f32> = (embeddings * (d as f64).sqrt())
        .into_data()
        .iter::<f32>()
        .collect();
    values.chunks_exact(d).map(<[f32]>::to_vec).collect()
}
