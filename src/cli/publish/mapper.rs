//! The mapper that drafts avatars, trained on its way into a bundle.

use super::MAPPER;
use crate::{
    cli::progress,
    networks::{collection_clip::ImageTower, mapper::MapperConfig, stylegan2::Generator},
    train::{
        MapperSettings,
        clip::{ClipRun, load_towers, text_embeddings},
        train_mapper,
    },
    weights::{
        Quantization,
        bundle::pack,
        manifest::{Credit, MapperMetrics, Parts},
    },
};
use burn::tensor::{Device, Int, Tensor, TensorData};
use futures::executor::block_on;
use rand::{SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// Sentences that it learns from, of many more that say the same things.
const TEXTS: usize = 8192;

/// Trains a mapper for the networks that are published, on what was said in the CLIP run in `dir`, and puts it into
/// `parts`; gives its file, and how good it is.
pub(super) fn pack_mapper(
    dir: &Path,
    parts: &mut Parts,
    (generator, tower): (&Generator, &ImageTower),
    (samples, truncation_psi): (usize, f32),
    device: &Device,
) -> anyhow::Result<(Vec<u8>, MapperMetrics)> {
    let run = ClipRun::open(dir)?;
    let texts = text_embeddings(&run, &load_towers(&run, device)?.text, device)?;
    let [count, embed_dim] = texts.dims();
    // They are kept in alphabetical order.
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let rows: Vec<i32> = index::sample(&mut rng, count, TEXTS.min(count))
        .iter()
        .map(|row| row as i32)
        .collect();
    let rows = TensorData::new(rows, [TEXTS.min(count)]);
    let texts = texts.select(0, Tensor::<1, Int>::from_data(rows, device));
    let settings = MapperSettings::of_samples(samples);
    let settings = MapperSettings {
        truncation_psi,
        held_out: settings.held_out.min(count / 2),
        ..settings
    };
    let bar = progress::bar(0, "samples and steps for the mapper");
    let (mapper, metrics) = train_mapper(generator, tower, texts, &settings, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let config = MapperConfig::small(embed_dim, parts.generator.config.w_dim);
    let credit = Credit {
        license: parts.generator.weights.license.clone(),
        attribution: "Trained with guise".into(),
        source: String::new(),
    };
    // Half a megabyte at most, and what it draws is looked at right away: never stored at 4 bits.
    let packed = pack(&mapper, config, Quantization::Q8_0, MAPPER, credit);
    let (part, contents) = block_on(packed)?;
    parts.mapper = Some(part);
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    Ok((
        contents,
        MapperMetrics {
            unexplained: rounded(metrics.unexplained),
            image_cosine: rounded(metrics.image_cosine),
            image_chance: rounded(metrics.image_chance),
            text_cosine: rounded(metrics.text_cosine),
            text_chance: rounded(metrics.text_chance),
        },
    ))
}
