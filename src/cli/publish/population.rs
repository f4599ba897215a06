//! Some of the collection's pictures on their way into a bundle, as its image tower sees them.

use super::POPULATION;
use crate::{
    cli::progress,
    data::Dataset,
    networks::{
        encoders::{ImageEncoder, collection_clip::ImageTower},
        population::{Population, PopulationConfig},
    },
    weights::{
        Quantization,
        bundle::pack,
        manifest::{Credit, Parts},
    },
};
use anyhow::ensure;
use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// A percentage among so many is wrong by one or two.
const PICTURES: usize = 1024;

/// Pictures that are looked at together.
const BATCH: usize = 32;

/// Looks at pictures of `dataset`, chosen by chance, with the image `tower` of `parts`, and puts what it sees
/// into `parts`; gives its file.
pub(super) fn pack_population(
    dataset: &Dataset,
    tower: &ImageTower,
    parts: &mut Parts,
    device: &Device,
) -> anyhow::Result<Vec<u8>> {
    let side = tower.resolution();
    ensure!(
        dataset.resolution() == side,
        "the dataset has pictures of {0} x {0} pixels and the image tower sees {side} x {side}: \
         take the dataset that its words were trained on",
        dataset.resolution()
    );
    let mut places: Vec<usize> = (0..dataset.len()).collect();
    places.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    places.truncate(PICTURES);
    let bar = progress::bar(places.len() as u64, "pictures of the collection");
    let mut embeddings = vec![];
    for batch in places.chunks(BATCH) {
        let images = TensorData::new(dataset.colors(batch)?, [batch.len(), 3, side, side]);
        embeddings.push(tower.forward(Tensor::from_data(images, device)));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    let embeddings: Tensor<2> = Tensor::cat(embeddings, 0);
    let [pictures, embed_dim] = embeddings.dims();
    let credit = Credit {
        license: parts.generator.weights.license.clone(),
        attribution: "Measured by guise".into(),
        source: String::new(),
    };
    let population = Population {
        embeddings: Param::from_tensor(embeddings).set_require_grad(false),
    };
    let config = PopulationConfig { pictures, embed_dim };
    let packed = pack(&population, config, Quantization::Q8_0, POPULATION, credit);
    let (part, contents) = block_on(packed)?;
    parts.population = Some(part);
    Ok(contents)
}
