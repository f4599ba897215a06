//! The formats, each with sound files to begin with and what reads them.

mod collections;
mod foreign;

use burn::tensor::{Device, TensorData};
use futures::executor::block_on;
use guise::{
    networks::{
        encoders::collection_clip::{clauses, unread_clauses},
        encoders::minilm::Tokenizer,
    },
    pipeline::{Cancel, SampleRequest, prompt, sample},
    train::read_curves,
    weights::{
        Manifest, Quantization, Tensors,
        bundle::{load_part, load_vocabulary},
        gguf,
        manifest::{File, Part},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// What a file is read by: nothing, or what is wrong with it in words.
type Reader = Box<dyn FnMut(&[u8]) -> Result<(), String>>;

pub struct Format {
    /// Begins the names of its inputs.
    pub name: &'static str,
    /// Sound files.
    pub bases: Vec<Vec<u8>>,
    /// Reads a file and uses what was read.
    pub read: Reader,
    /// Bytes that reading may take, besides forty for each of the file's.
    pub memory: usize,
    /// How long it may take.
    pub time: Duration,
    /// A format whose reader takes longer has fewer cases.
    pub slowness: u64,
}

fn format<E: ToString>(
    name: &'static str,
    bases: Vec<Vec<u8>>,
    mut read: impl FnMut(&[u8]) -> Result<(), E> + 'static,
) -> Format {
    Format {
        name,
        bases,
        read: Box::new(move |bytes| read(bytes).map_err(|error| error.to_string())),
        memory: 64 << 20,
        // The machine may be busy with much else.
        time: Duration::from_secs(10),
        slowness: 1,
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    let path = fixture(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn all(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| bytes(name)).collect()
}

pub fn formats() -> Vec<Format> {
    let mut formats = bundles();
    formats.extend(foreign::formats());
    formats.extend(collections::formats());
    formats.push(statistics());
    formats
}

/// What a run measured, as `guise plot` reads it.
fn statistics() -> Format {
    let dir = tempfile::TempDir::new().unwrap();
    let line = |i: u32| format!("{{\"kimg\":{i},\"duration_secs\":{i}.5,\"a_loss\":-{i}e-3,\"b\":null}}\n");
    let lines: String = (0..50).map(line).collect();
    format("statistics", vec![lines.into_bytes()], move |contents| {
        fs::write(dir.path().join("stats.jsonl"), contents).unwrap();
        read_curves(dir.path()).map(drop)
    })
}

/// A published bundle, file by file.
fn bundles() -> Vec<Format> {
    let manifest = Manifest::parse(&bytes("bundle-tiny/model.json")).unwrap();
    let gguf_bases = [Quantization::Q8_0, Quantization::Q4_0, Quantization::F16].map(|quantization| {
        let values = |count: usize| (0..count).map(|i| (i as f32).sin()).collect::<Vec<_>>();
        let tensors = Tensors::from([
            ("bias".into(), TensorData::new(values(7), [7])),
            (
                "layers.0.weight".into(),
                TensorData::new(values(4 * 288), [4, 32, 3, 3]),
            ),
            ("input".into(), TensorData::new(values(96), [6, 4, 4])),
        ]);
        gguf::write(&tensors, quantization, "test").unwrap()
    });
    let parts = manifest.clone();
    let networks = move |contents: &[u8]| {
        // One of them takes it; the others are to refuse it as well as they can.
        let results = [
            generator(&of(&parts.parts.generator, contents), contents),
            image_tower(&parts, contents),
            text_tower(&parts, contents),
            upscaler(&parts, contents),
        ];
        let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
        if errors.len() < 4 {
            Ok(())
        } else {
            Err(errors.join("; "))
        }
    };
    let network_bases = all(&[
        "bundle-tiny/generator.gguf",
        "bundle-tiny/image_tower.gguf",
        "bundle-tiny/text_tower.gguf",
        "bundle-tiny/upscaler.gguf",
    ]);
    let manifests = vec![
        bytes("bundle-tiny/model.json"),
        serde_json::to_vec(&manifest).unwrap(),
        fs::read(fixture("../../models/pixel-art/model.json")).unwrap(),
    ];
    let text = manifest.parts.text_tower.clone().unwrap();
    let vocabulary = move |contents: &[u8]| {
        let mut config = text.config.clone();
        config.minilm.vocab_size = String::from_utf8_lossy(contents).lines().count();
        let file = File::describe("vocabulary.txt", contents);
        let tokenizer = load_vocabulary(&file, contents, &config)?;
        for positions in [3, 32, 128] {
            let (tokens, _) = tokenizer.encode_within("a man with pink hair, not wearing glasses", positions);
            assert!((3..=positions).contains(&tokens.len()));
            assert!(
                tokens
                    .iter()
                    .all(|&token| (token as usize) < config.minilm.vocab_size)
            );
        }
        Ok::<_, guise::weights::Error>(())
    };
    let tokenizer =
        Tokenizer::from_vocabulary(&String::from_utf8(bytes("minilm/vocab.txt")).unwrap()).unwrap();
    let words = move |contents: &[u8]| {
        let text = String::from_utf8_lossy(contents);
        for prompt in prompt::parse(&text)? {
            let read = clauses(&prompt.text);
            assert!(!read.is_empty());
            unread_clauses(&prompt.text);
            for clause in read {
                assert!(tokenizer.encode(&clause).len() <= 128);
            }
        }
        Ok::<_, guise::pipeline::Error>(())
    };
    let sentences = [
        "pink hair:1 | glasses:-0.5",
        "a man who isn't wearing a hat, w/o glasses; at 12:30 (not smiling)",
        "neither a hat nor glasses but long green hair:2e-1|שיער ורוד 👩🏽‍🎤",
    ];
    vec![
        format("gguf", gguf_bases.into(), |contents| {
            let tensors = gguf::read(contents)?;
            let values: usize = tensors.values().map(TensorData::num_elements).sum();
            assert!(values * 4 <= contents.len() * 8);
            Ok::<_, guise::weights::Error>(())
        }),
        format("network", network_bases, networks),
        format("manifest", manifests, read_manifest),
        format("vocabulary", all(&["bundle-tiny/vocabulary.txt"]), vocabulary),
        format(
            "words",
            sentences.map(|text| text.as_bytes().to_vec()).into(),
            words,
        ),
    ]
}

/// The part, as if its manifest had been written for these contents.
fn of<C: Clone>(part: &Part<C>, contents: &[u8]) -> Part<C> {
    let mut part = part.clone();
    part.file = File::describe(part.file.name, contents);
    part
}

fn generator(
    part: &Part<guise::networks::generators::GeneratorConfig>,
    contents: &[u8],
) -> Result<(), String> {
    let device = Device::flex();
    let generator = load_part(part, contents, &device).map_err(|error| error.to_string())?;
    let request = SampleRequest {
        seeds: vec![1],
        truncation_psi: 0.7,
        batch_size: 1,
    };
    let cancel = Cancel::default();
    let drawn = sample(&generator, &request, &device, &cancel, async |_| {});
    block_on(drawn).map_err(|error| error.to_string())
}

fn image_tower(manifest: &Manifest, contents: &[u8]) -> Result<(), String> {
    let part = manifest.parts.image_tower.as_ref().ok_or("there is none")?;
    let tower = load_part(&of(part, contents), contents, &Device::flex());
    tower.map(drop).map_err(|error| error.to_string())
}

fn text_tower(manifest: &Manifest, contents: &[u8]) -> Result<(), String> {
    let part = of(
        manifest.parts.text_tower.as_ref().ok_or("there is none")?,
        contents,
    );
    let tower = load_part(&part, contents, &Device::flex()).map_err(|error| error.to_string())?;
    let (file, words) = (
        manifest.parts.vocabulary.as_ref().unwrap(),
        bytes("bundle-tiny/vocabulary.txt"),
    );
    let tokenizer = load_vocabulary(file, &words, &part.config).map_err(|error| error.to_string())?;
    let text = "pink hair and a word that is longer than the tower reads, not a hat ".repeat(4);
    tower.embed(&tokenizer, &text);
    tower.unread(&tokenizer, &text);
    Ok(())
}

fn upscaler(manifest: &Manifest, contents: &[u8]) -> Result<(), String> {
    let part = manifest.parts.upscaler.as_ref().ok_or("there is none")?;
    let network = load_part(&of(part, contents), contents, &Device::flex());
    network.map(drop).map_err(|error| error.to_string())
}

/// A manifest, and the networks that it makes of the tiny bundle's files, whatever it says their files are.
fn read_manifest(json: &[u8]) -> Result<(), String> {
    let mut manifest = Manifest::parse(json).map_err(|error| error.to_string())?;
    let contents = bytes("bundle-tiny/generator.gguf");
    // What does not fit is refused in words, which is as good here.
    let _ = generator(&of(&manifest.parts.generator, &contents), &contents);
    let _ = image_tower(&manifest, &bytes("bundle-tiny/image_tower.gguf"));
    let words = bytes("bundle-tiny/vocabulary.txt");
    if manifest.parts.vocabulary.is_some() {
        manifest.parts.vocabulary = Some(File::describe("vocabulary.txt", &words));
        let _ = text_tower(&manifest, &bytes("bundle-tiny/text_tower.gguf"));
    }
    let _ = upscaler(&manifest, &bytes("bundle-tiny/upscaler.gguf"));
    if let Some(mapper) = &manifest.parts.mapper {
        let _ = load_part(&of(mapper, &contents), &contents, &Device::flex());
    }
    if let Some(population) = &manifest.parts.population {
        let _ = load_part(&of(population, &contents), &contents, &Device::flex());
    }
    Ok(())
}
