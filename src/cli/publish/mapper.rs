//! The mapper that drafts avatars, trained on its way into a bundle.

use super::MAPPER;
use crate::{
    cli::progress,
    networks::{encoders::collection_clip::ImageTower, generators::Generator, mapper::MapperConfig},
    train::{MapperSettings, train_mapper},
    weights::{
        Quantization,
        bundle::pack,
        manifest::{Credit, MapperMetrics, Parts},
    },
};
use burn::tensor::Tensor;
use futures::executor::block_on;

/// Trains a mapper for the networks that are published, on `texts [n, embed_dim]`, embeddings of what is said
/// about the collection, and puts it into `parts`; gives its file, and how good it is.
pub(super) fn pack_mapper(
    texts: Tensor<2>,
    parts: &mut Parts,
    (generator, tower): (&Generator, &ImageTower),
    (samples, truncation_psi): (usize, f32),
) -> anyhow::Result<(Vec<u8>, MapperMetrics)> {
    let [count, embed_dim] = texts.dims();
    let settings = MapperSettings::of_samples(samples);
    let settings = MapperSettings {
        truncation_psi,
        held_out: settings.held_out.min(count / 2),
        ..settings
    };
    let bar = progress::bar(0, "pictures' worth of work for the mapper");
    let (mapper, metrics) = train_mapper(generator, tower, texts, &settings, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let config = MapperConfig::small(embed_dim, parts.generator.config.latent_shape()[1]);
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
