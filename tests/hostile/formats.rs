//! The formats, each with sound files to begin with and what reads them.

use burn::tensor::{Device, TensorData};
use futures::executor::block_on;
use guise::{
    data::{PrepareOptions, prepare},
    networks::{
        collection_clip::{clauses, unread_clauses},
        minilm::Tokenizer,
    },
    pipeline::{Cancel, SampleRequest, prompt, sample},
    weights::{
        Manifest, Quantization, Tensors,
        bundle::{
            load_generator, load_image_tower, load_mapper, load_text_tower, load_upscaler, load_vocabulary,
        },
        foreign::{ClipModel, ClipOptions, SentenceEncoder, SuperResolution},
        gguf,
        manifest::{File, Part},
    },
};
use std::{
    fs,
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

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
    formats.extend(foreign());
    formats.extend(collections());
    formats
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
    part: &Part<guise::networks::stylegan2::StyleGan2Config>,
    contents: &[u8],
) -> Result<(), String> {
    let device = Device::flex();
    let generator = load_generator(part, contents, &device).map_err(|error| error.to_string())?;
    let request = SampleRequest {
        seeds: vec![1],
        truncation_psi: 0.7,
        batch_size: 1,
    };
    let drawn = sample(&generator, &request, &device, &Cancel::default(), async |_| {});
    block_on(drawn).map_err(|error| error.to_string())
}

fn image_tower(manifest: &Manifest, contents: &[u8]) -> Result<(), String> {
    let part = manifest.parts.image_tower.as_ref().ok_or("there is none")?;
    let tower = load_image_tower(&of(part, contents), contents, &Device::flex());
    tower.map(drop).map_err(|error| error.to_string())
}

fn text_tower(manifest: &Manifest, contents: &[u8]) -> Result<(), String> {
    let part = of(
        manifest.parts.text_tower.as_ref().ok_or("there is none")?,
        contents,
    );
    let tower = load_text_tower(&part, contents, &Device::flex()).map_err(|error| error.to_string())?;
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
    let network = load_upscaler(&of(part, contents), contents, &Device::flex());
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
        let _ = load_mapper(&of(mapper, &contents), &contents, &Device::flex());
    }
    Ok(())
}

/// Weights that other programs wrote.
fn foreign() -> Vec<Format> {
    let clip = |contents: &[u8]| {
        let device = Device::flex();
        let options = ClipOptions {
            image_heads: Some(4),
            text_heads: Some(3),
            ..ClipOptions::default()
        };
        let model = ClipModel::from_foreign(contents, &options, "MIT".into(), "a test".into(), &device)?;
        ClipModel::from_safetensors(&model.to_safetensors()?)?;
        Ok::<_, guise::weights::foreign::Error>(())
    };
    let pytorch = ["clip/checkpoint.pt", "clip/openai.pt", "clip/script.pt"];
    let archives: Vec<Archive> = pytorch.iter().map(|name| Archive::open(&bytes(name))).collect();
    let pickles = archives.iter().map(|archive| archive.pickle.clone()).collect();
    let pickle = move |contents: &[u8]| {
        // The storages of one of them fit; the checksum is right, as a liar's would be.
        let results: Vec<_> = archives
            .iter()
            .map(|archive| clip(&archive.with(contents)))
            .collect();
        results
            .into_iter()
            .reduce(Result::or)
            .expect("there are archives")
    };
    let [param, bin] = ["param", "bin"].map(|kind| bytes(&format!("upscale/realesr-animevideov3-x4.{kind}")));
    let super_resolution = SuperResolution::from_ncnn(&param, &bin, "MIT".into(), "a test".into()).unwrap();
    let own = ["clip/hugging_face.safetensors", "clip/resnet.safetensors"].map(|name| {
        let options = ClipOptions {
            image_heads: Some(4),
            text_heads: Some(3),
            ..ClipOptions::default()
        };
        let model =
            ClipModel::from_foreign(&bytes(name), &options, "MIT".into(), "a".into(), &Device::flex());
        model.unwrap().to_safetensors().unwrap()
    });
    let config = bytes("minilm/config.json");
    let weights = bytes("minilm/model.safetensors");
    let params = all(&[
        "upscale/realesr-animevideov3-x4.param",
        "upscale/realesr-animevideov3-x2.param",
    ]);
    let whole_bin = bin.clone();
    let mut formats = vec![
        format(
            "safetensors",
            all(&[
                "clip/hugging_face.safetensors",
                "clip/open_clip.safetensors",
                "clip/resnet.safetensors",
            ]),
            clip,
        ),
        format("pytorch", all(&pytorch), clip),
        format("pickle", pickles, pickle),
        format("clip", own.into(), |contents| {
            let model = ClipModel::from_safetensors(contents)?;
            model.network(&Device::flex()).map(drop)
        }),
        format(
            "upscaler",
            vec![super_resolution.to_safetensors().unwrap()],
            |contents| {
                let model = SuperResolution::from_safetensors(contents)?;
                model.network(&Device::flex()).map(drop)
            },
        ),
        format("encoder", all(&["minilm/model.safetensors"]), move |contents| {
            let encoder = SentenceEncoder::from_bert(&config, contents)?;
            encoder.network(&Device::flex()).map(drop)
        }),
        format("bert-config", all(&["minilm/config.json"]), move |contents| {
            let encoder = SentenceEncoder::from_bert(contents, &weights)?;
            encoder.network(&Device::flex()).map(drop)
        }),
        format("ncnn-param", params, move |contents| {
            SuperResolution::from_ncnn(contents, &whole_bin, "MIT".into(), "a test".into()).map(drop)
        }),
        format("ncnn-bin", vec![bin], move |contents| {
            SuperResolution::from_ncnn(&param, contents, "MIT".into(), "a test".into()).map(drop)
        }),
    ];
    for format in &mut formats {
        if matches!(format.name, "upscaler" | "ncnn-bin" | "ncnn-param" | "pickle") {
            format.slowness = 4;
        }
    }
    formats
}

/// A PyTorch archive, taken apart.
struct Archive {
    pickle: Vec<u8>,
    pickle_name: String,
    others: Vec<(String, Vec<u8>)>,
}

impl Archive {
    fn open(bytes: &[u8]) -> Self {
        let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let (mut pickle, mut pickle_name, mut others) = (vec![], String::new(), vec![]);
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).unwrap();
            let name = String::from_utf8(entry.name_raw().to_vec()).unwrap();
            let mut contents = vec![];
            entry.read_to_end(&mut contents).unwrap();
            match name.ends_with("data.pkl") {
                true => (pickle, pickle_name) = (contents, name),
                false => others.push((name, contents)),
            }
        }
        Self {
            pickle,
            pickle_name,
            others,
        }
    }

    /// The archive with another pickle.
    fn with(&self, pickle: &[u8]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(self.pickle_name.as_str(), options).unwrap();
        zip.write_all(pickle).unwrap();
        for (name, contents) in &self.others {
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(contents).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

/// A collection with one token, whose picture or JSON is damaged.
fn collections() -> Vec<Format> {
    let picture = |kind: image::ImageFormat| {
        let picture = image::RgbImage::from_fn(24, 24, |x, y| image::Rgb([9 * x as u8, 9 * y as u8, 120]));
        let mut file = Cursor::new(vec![]);
        picture.write_to(&mut file, kind).unwrap();
        file.into_inner()
    };
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><defs><linearGradient id="g">
        <stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient></defs>
        <rect width="24" height="24" fill="url(#g)"/><g transform="rotate(9 12 12)"><circle cx="12" cy="12" r="7"/>
        <path d="M3 3 L9 9 C1 2 3 4 5 6 z" stroke="#0f0" stroke-width="2"/></g></svg>"##;
    let json = r#"{"name": "one", "image": "1.png", "attributes": [{"trait_type": "hair", "value": "long hair"},
        {"trait_type": "hair color", "value": "pink"}, {"trait_type": "level", "value": 5}]}"#;
    let array =
        r#"[{"image": "data:image/png;base64,iVBORw0KGgo=", "attributes": []}, {"image": "ipfs://x/1.png"}]"#;
    let sound = picture(image::ImageFormat::Png);
    let pictures = vec![
        picture(image::ImageFormat::Png),
        picture(image::ImageFormat::Jpeg),
        picture(image::ImageFormat::WebP),
        picture(image::ImageFormat::Gif),
    ];
    let mut formats = vec![
        format("picture", pictures, |contents| prepared(&[("1.png", contents)])),
        format("svg", vec![svg.into()], |contents| {
            prepared(&[("1.svg", contents)])
        }),
        format("json", vec![json.into(), array.into()], move |contents| {
            prepared(&[("1.png", &sound), ("1.json", contents)])
        }),
    ];
    for format in &mut formats {
        format.slowness = 10;
        // A picture may have 256 MiB as it is decoded, once more in another type of colours, and may be drawn for 20 s.
        format.memory = 1 << 30;
        format.time = Duration::from_secs(30);
    }
    formats
}

/// Prepares a collection of these files. What is skipped is no error, but what is said of it must be safe as well.
fn prepared(files: &[(&str, &[u8])]) -> Result<(), String> {
    let dir = TempDir::new().unwrap();
    let (collection, dataset) = (dir.path().join("collection"), dir.path().join("dataset"));
    fs::create_dir(&collection).unwrap();
    for (name, contents) in files {
        fs::write(collection.join(name), contents).unwrap();
    }
    let options = PrepareOptions {
        resolution: 16,
        background: [255; 3],
    };
    let place = dir.path().to_str().unwrap();
    match prepare(&collection, &dataset, &options, &|_| {}) {
        Ok(summary) if summary.pictures > 0 => Ok(()),
        Ok(_) => Err("everything is skipped".into()),
        Err(error) => Err(error.to_string().replace(place, "")),
    }
}
