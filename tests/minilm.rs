//! The sentence encoder and its tokenizer against the libraries transformers and tokenizers, which
//! tests/fixtures/minilm/make.py ran.

use burn::tensor::Device;
use guise::{
    networks::encoders::minilm::{MAX_TOKENS, Tokenizer, VocabularyError, batch},
    weights::foreign::SentenceEncoder,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Tokens {
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Embedded {
    text: String,
    embedding: Vec<f32>,
}

/// The fixture's folder; another one, made with published weights, is compared when `GUISE_MINILM` names it.
fn folder() -> PathBuf {
    std::env::var_os("GUISE_MINILM").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/minilm"),
        PathBuf::from,
    )
}

fn json<T: DeserializeOwned>(name: &str) -> Vec<T> {
    serde_json::from_slice(&fs::read(folder().join(name)).unwrap()).unwrap()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::from_vocabulary(&fs::read_to_string(folder().join("vocab.txt")).unwrap()).unwrap()
}

fn files() -> [Vec<u8>; 2] {
    ["config.json", "model.safetensors"].map(|name| fs::read(folder().join(name)).unwrap())
}

#[test]
fn every_text_has_the_tokens_of_the_reference() {
    let tokenizer = tokenizer();
    let all = json::<Tokens>("tokens.json");
    assert!(all.len() >= 300, "only {} texts", all.len());
    for Tokens { text, ids } in all {
        assert_eq!(tokenizer.encode(&text), ids, "{text:?}");
    }
}

#[test]
fn special_tokens_come_from_the_tokenizer_alone() {
    let tokenizer = tokenizer();
    let [start, end] = [tokenizer.encode("")[0], tokenizer.encode("")[1]];
    let ids = tokenizer.encode("[CLS] pink [SEP] hair [SEP]");
    assert_eq!((ids[0], ids[ids.len() - 1]), (start, end));
    assert!(!ids[1..ids.len() - 1].contains(&start) && !ids[1..ids.len() - 1].contains(&end));
}

#[test]
fn a_text_of_any_length_is_cut() {
    let tokenizer = tokenizer();
    for text in ["pink hair ".repeat(1_000_000), "x".repeat(10_000_000)] {
        assert!(tokenizer.encode(&text).len() <= MAX_TOKENS);
    }
    assert_eq!(tokenizer.encode(&"! ".repeat(1000)).len(), MAX_TOKENS);
}

#[test]
fn what_is_no_vocabulary_is_refused() {
    let refused = |text: &str| Tokenizer::from_vocabulary(text).unwrap_err();
    assert_eq!(refused(""), VocabularyError::Missing("[UNK]"));
    assert_eq!(refused("[UNK]\n[CLS]\n"), VocabularyError::Missing("[SEP]"));
    assert_eq!(
        refused(&"[UNK]\n".repeat(200_000)),
        VocabularyError::TooLong(200_000)
    );
}

/// The tolerance leaves room for sums in another order: embeddings are of unit length, and single precision
/// keeps seven digits.
#[test]
fn every_sentence_has_the_embedding_of_the_reference() {
    let device = Device::flex();
    let [config, weights] = files();
    let encoder = SentenceEncoder::from_bert(&config, &weights).unwrap();
    let network = encoder.network(&device).unwrap();
    let tokenizer = tokenizer();
    let all = json::<Embedded>("embeddings.json");
    let ids: Vec<_> = all.iter().map(|entry| tokenizer.encode(&entry.text)).collect();
    let width = encoder.config.hidden_size;
    let mut largest = 0f32;
    let mut compare = |actual: &[f32], expected: &Embedded| {
        let differences = actual.iter().zip(&expected.embedding).map(|(a, b)| (a - b).abs());
        let difference = differences.fold(0.0, f32::max);
        assert!(difference < 2e-6, "{:?}: {difference}", expected.text);
        largest = largest.max(difference);
    };

    // All at once, so that the shorter ones are padded, and each alone.
    let (tokens, mask) = batch(&ids, &device);
    let together: Vec<f32> = network.forward(tokens, mask).into_data().iter::<f32>().collect();
    for ((actual, expected), ids) in together.chunks_exact(width).zip(&all).zip(&ids) {
        compare(actual, expected);
        let (tokens, mask) = batch(std::slice::from_ref(ids), &device);
        let alone: Vec<f32> = network.forward(tokens, mask).into_data().iter::<f32>().collect();
        compare(&alone, expected);
    }
    println!("largest difference {largest:.1e}");
}

#[test]
fn what_is_no_encoder_is_refused_with_a_reason() {
    let device = Device::flex();
    let [config, weights] = files();
    let edited = |field: &str, value: serde_json::Value| {
        let mut json: serde_json::Value = serde_json::from_slice(&config).unwrap();
        json[field] = value;
        json.to_string().into_bytes()
    };
    let refused = |config: &[u8], weights: &[u8], expected: &str| {
        let error = SentenceEncoder::from_bert(config, weights)
            .and_then(|encoder| encoder.network(&device))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "expected {expected:?} in: {error}");
    };
    refused(b"{}", &weights, "config.json cannot be read");
    refused(
        &edited("hidden_act", "relu".into()),
        &weights,
        "hidden_act is \"relu\"",
    );
    refused(
        &edited("hidden_size", (1u64 << 40).into()),
        &weights,
        "hidden_size is 1099511627776",
    );
    refused(
        &edited("num_attention_heads", 5.into()),
        &weights,
        "num_attention_heads is 5, expected a divisor",
    );
    refused(
        &edited("num_hidden_layers", 3.into()),
        &weights,
        "describes a network of",
    );
    refused(
        &edited("vocab_size", 77.into()),
        &weights,
        "word_embeddings has shape",
    );
    refused(&config, &weights[..1000], "damaged or not safetensors");
    refused(&config, b"", "damaged or not safetensors");
}
