//! The towers of a bundle, and the vocabulary that goes with them.

use crate::tiny::{self, TinyBundle, random_generator};
use burn::tensor::{Device, Distribution, Tensor};
use futures::executor::block_on;
use guise::{
    networks::{NetworkConfig, encoders::collection_clip::TextTower, generators::Generate},
    weights::{
        Error, Quantization,
        bundle::{load_part, load_vocabulary, pack, pack_text_tower},
        manifest::{Credit, File},
    },
};

#[test]
fn towers_survive_packing() {
    let device = Device::flex();
    let bundle = TinyBundle::new();
    let parts = &bundle.manifest.parts;
    let least = |a: Tensor<2>, b: Tensor<2>| (a * b).sum_dim(1).min().into_scalar::<f32>();

    let (_, generator) = random_generator(&device);
    let latents = generator.latents_from_z(
        Tensor::random([4, 32], Distribution::Normal(0.0, 1.0), &device),
        1.0,
    );
    let pictures = generator.draw(latents);
    let (config, original) = tiny::random_image_tower(&device);
    let loaded = load_part(parts.image_tower.as_ref().unwrap(), &bundle.image_tower, &device).unwrap();
    let cosine = least(
        loaded.forward(pictures.clone()),
        original.forward(pictures.clone()),
    );
    assert!(cosine >= 0.995, "{cosine}");
    let packed = pack(
        &original,
        config,
        Quantization::Q4_0,
        "image_tower.gguf",
        Credit::default(),
    );
    let (part, contents) = block_on(packed).unwrap();
    let coarse = load_part(&part, &contents, &device).unwrap();
    let cosine = least(coarse.forward(pictures.clone()), original.forward(pictures));
    assert!((0.9..0.9999).contains(&cosine), "{cosine}");

    let text = parts.text_tower.as_ref().unwrap();
    let loaded = load_part(text, &bundle.text_tower, &device).unwrap();
    let file = parts.vocabulary.as_ref().unwrap();
    let tokenizer = load_vocabulary(file, tiny::VOCABULARY.as_bytes(), &text.config).unwrap();
    let sentences = ["pink hair", "a grumpy man with round glasses!", "", "xyzzy"];
    let original = tiny::random_text_tower(&device).1;
    let embed = |tower: &TextTower| {
        let rows = sentences.iter().map(|text| tower.embed(&tokenizer, text));
        Tensor::cat(rows.collect(), 0)
    };
    let cosine = least(embed(&loaded), embed(&original));
    assert!(cosine >= 0.995, "{cosine}");
    // At four bits, only the embeddings of words are.
    let (config, tower) = tiny::random_text_tower(&device);
    let packed = pack_text_tower(
        &tower,
        config,
        Quantization::Q4_0,
        "text_tower.gguf",
        Credit::default(),
    );
    let (part, contents) = block_on(packed).unwrap();
    assert!(contents.len() < bundle.text_tower.len());
    let coarse = load_part(&part, &contents, &device).unwrap();
    let cosine = least(embed(&coarse), embed(&original));
    assert!((0.98..0.9999).contains(&cosine), "{cosine}");
    // Different sentences are different places.
    let embedded = embed(&original);
    let other = least(embedded.clone().narrow(0, 0, 1), embedded.narrow(0, 1, 1));
    assert!(other < 0.99, "{other}");
}

#[test]
fn towers_and_vocabularies_that_lie_are_refused() {
    let device = Device::flex();
    let bundle = TinyBundle::new();
    let parts = &bundle.manifest.parts;
    let (image, text) = (
        parts.image_tower.as_ref().unwrap(),
        parts.text_tower.as_ref().unwrap(),
    );

    // A small file does not make a network that fills the memory.
    let mut giant = image.clone();
    giant.config.channel_base = 1 << 17;
    giant.config.channel_max = 1024;
    assert_eq!(giant.config.validate(), Ok(()));
    let error = load_part(&giant, &bundle.image_tower, &device).unwrap_err();
    assert!(error.to_string().contains("or more for its network"), "{error}");
    let mut giant = text.clone();
    giant.config.minilm.vocab_size = 1 << 17;
    giant.config.minilm.hidden_size = 1024;
    assert_eq!(giant.config.validate(), Ok(()));
    let error = load_part(&giant, &bundle.text_tower, &device).unwrap_err();
    assert!(error.to_string().contains("or more for its network"), "{error}");

    let error = load_part(text, &bundle.text_tower[..100], &device).unwrap_err();
    assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    let refused = |contents: &[u8], expected: &str| {
        let file = File::describe("vocabulary.txt", contents);
        let error = load_vocabulary(&file, contents, &text.config).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    let file = parts.vocabulary.as_ref().unwrap();
    let error = load_vocabulary(file, b"[UNK]\n", &text.config).unwrap_err();
    assert!(error.to_string().contains("it has 6 bytes, expected"), "{error}");
    refused(&[0xff, 0xfe], "utf-8");
    refused(b"hello\n", "lacks [UNK]");
    // An id beyond the embeddings would read memory that is not there.
    let longer = format!("{}more\n", tiny::VOCABULARY);
    refused(longer.as_bytes(), "one for each embedding");
}
