//! Training on a GPU: what is read back, a step from a checkpoint, a run across devices, a step of the CLIP.

use crate::{guise, utf8};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::{
    data::Provenance,
    networks::{
        NetworkConfig,
        encoders::{
            collection_clip::{ImageTowerConfig, TextTowerConfig},
            minilm::MiniLmConfig,
        },
    },
    ops::random,
    train::{
        Run, StepStats, Tick, TrainedOn,
        clip::{Asked, Batch, ClipRecipe, ClipSettings, ClipState, ClipStats, Texts},
    },
    weights::{Tensors, collect},
};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The largest relative difference of a tensor, by norms, and whose it is.
fn distance(found: &Tensors, expected: &Tensors) -> (f64, String) {
    assert!(!expected.is_empty() && found.len() == expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let mut worst = (0.0, String::new());
    for (name, expected) in expected {
        let [found, expected] = [&found[name], expected].map(|data| data.iter::<f64>().collect::<Vec<_>>());
        let difference = norm(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
        let relative = difference / norm(&mut expected.into_iter()).max(1e-9);
        if relative.is_nan() || relative > worst.0 {
            worst = (relative, name.clone());
        }
    }
    worst
}

fn image_tower() -> ImageTowerConfig {
    ImageTowerConfig {
        resolution: 16,
        channel_base: 512,
        channel_max: 32,
        embed_dim: 32,
    }
}

/// Weights that were read back are not those that the next operation makes of them: a native GPU fetches
/// numbers when they are looked at, and a step writes into the same memory.
#[test]
fn weights_that_were_read_stay_what_they_were() {
    struct Negated;
    impl ModuleMapper for Negated {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.neg())
        }
    }
    random::seed(2);
    let tower = image_tower().init(&Device::wgpu(Default::default()));
    let read = block_on(collect(&tower)).unwrap();
    let negated = block_on(collect(&tower.map(&mut Negated))).unwrap();
    for (name, negated) in negated {
        let expected: Vec<f32> = negated.iter::<f32>().map(|value| -value).collect();
        let found: Vec<f32> = read[&name].iter::<f32>().collect();
        assert_eq!(found, expected, "{name}");
    }
}

/// Pictures of 16 pixels, prepared at a resolution.
fn dataset(dir: &Path, resolution: &str) -> PathBuf {
    let art = dir.join("art");
    fs::create_dir_all(&art).unwrap();
    for i in 0..8u8 {
        let picture = image::RgbImage::from_fn(16, 16, |x, y| match (x + y) % 7 < 3 {
            true => image::Rgb([i * 30, 255 - i * 10, 40]),
            false => image::Rgb([200, i * 25, 90 + i]),
        });
        picture.save(art.join(format!("{i}.png"))).unwrap();
    }
    let data = dir.join("data");
    guise(&[
        "prepare",
        utf8(&art),
        "--out",
        utf8(&data),
        "--resolution",
        resolution,
    ]);
    data
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// The only folder in `dir` whose name begins so, or the last of them.
fn last(dir: &Path, prefix: &str) -> PathBuf {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .collect();
    found.sort();
    found.pop().unwrap()
}

/// Every weight of a run's newest checkpoint.
fn weights(run: &Path) -> Tensors {
    let settings = Run::open(run).unwrap().settings;
    let dir = last(run, "checkpoint");
    let device = Device::flex();
    let generator = |name: &str| {
        let generator = settings.network.init_generator(&device);
        block_on(collect(&generator.try_load_file(dir.join(name)).unwrap())).unwrap()
    };
    let discriminator = settings.network.init_discriminator(&device);
    let discriminator = discriminator
        .try_load_file(dir.join("discriminator.bpk"))
        .unwrap();
    let all = [
        ("generator", generator("generator.bpk")),
        ("g_ema", generator("g_ema.bpk")),
        ("discriminator", block_on(collect(&discriminator)).unwrap()),
    ];
    let all = all.into_iter().flat_map(|(network, tensors)| {
        let named = tensors.into_iter();
        named.map(move |(name, data)| (format!("{network}.{name}"), data))
    });
    all.collect()
}

/// Has `device` take steps up to so many pictures; gives the last step's figures and all weights.
fn go_on(run: &Path, kimg: &str, device: &str) -> (Tick<StepStats>, Tensors) {
    guise(&["train", "--resume", utf8(run), "--kimg", kimg, "--device", device]);
    let tick = Run::open(run).unwrap().ticks().unwrap().pop().unwrap();
    assert_eq!(tick.kimg.to_string(), kimg);
    (tick, weights(run))
}

fn assert_same(gpu: &(Tick<StepStats>, Tensors), cpu: &(Tick<StepStats>, Tensors), with_penalty: bool) {
    let [found, expected] = [gpu, cpu].map(|(tick, _)| {
        let stats = &tick.stats;
        [
            stats.generator_loss,
            stats.discriminator_loss,
            stats.real_logit,
            stats.fake_logit,
            stats.r1_penalty.unwrap_or(0.0),
        ]
    });
    assert_eq!(cpu.0.stats.r1_penalty.is_some(), with_penalty);
    for (found, expected) in found.into_iter().zip(expected) {
        let difference = (found - expected).abs() / expected.abs().max(1e-3);
        assert!(difference <= 1e-3, "{:?} and {:?}", gpu.0.stats, cpu.0.stats);
    }
    let (worst, name) = distance(&gpu.1, &cpu.1);
    println!("weights differ by at most {worst:.1e}, in {name}");
    assert!(worst <= 1e-3, "{name}: {worst}");
}

/// A step from the same checkpoint is the same step, the penalty included, and a run that went on on another
/// device, there and back, is the run that stayed on one.
#[test]
fn a_run_is_resumed_across_devices() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), "16");
    let out = dir.path().join("runs");
    let start = ["train", "--data", utf8(&data), "--out", utf8(&out)];
    let tiny = ["--batch-size", "4", "--channel-base", "128", "--channel-max", "8"];
    // Sixteen steps, so that the next one has the penalty.
    guise(&[&start[..], &tiny, &["--noise", "--kimg", "0.064"]].concat());
    let cpu = last(&out, "0");
    let gpu = dir.path().join("gpu");
    copy(&cpu, &gpu);
    let before = weights(&cpu);

    let expected = go_on(&cpu, "0.068", "cpu");
    assert_same(&go_on(&gpu, "0.068", "webgpu"), &expected, true);
    // Otherwise there would have been nothing to compare.
    assert!(distance(&before, &expected.1).0 > 0.01);

    assert_same(&go_on(&gpu, "0.072", "cpu"), &go_on(&cpu, "0.072", "cpu"), false);
}

/// The same where the smallest maps are 3x3, which powers of two never have.
#[test]
fn a_step_at_24_pixels_is_the_same() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), "24");
    let out = dir.path().join("runs");
    let start = ["train", "--data", utf8(&data), "--out", utf8(&out)];
    let tiny = ["--batch-size", "4", "--channel-base", "128", "--channel-max", "8"];
    guise(&[&start[..], &tiny, &["--kimg", "0.064"]].concat());
    let cpu = last(&out, "0");
    let gpu = dir.path().join("gpu");
    copy(&cpu, &gpu);
    let expected = go_on(&cpu, "0.068", "cpu");
    assert_same(&go_on(&gpu, "0.068", "webgpu"), &expected, true);
}

/// The same through the augmentation, whose lookups are gathered and scattered there, and its penalty.
#[test]
fn an_augmented_step_is_the_same() {
    let dir = TempDir::new().unwrap();
    let data = dataset(dir.path(), "16");
    let out = dir.path().join("runs");
    let start = ["train", "--data", utf8(&data), "--out", utf8(&out)];
    let tiny = ["--batch-size", "4", "--channel-base", "128", "--channel-max", "8"];
    let augment = [
        "--augment",
        "bgcfnc",
        "--ada-target",
        "0",
        "--ada-kimg",
        "0.02",
        "--seed",
        "2",
    ];
    guise(&[&start[..], &tiny, &augment, &["--kimg", "0.064"]].concat());
    let cpu = last(&out, "0");
    let gpu = dir.path().join("gpu");
    copy(&cpu, &gpu);
    let expected = go_on(&cpu, "0.068", "cpu");
    let augment_p = expected.0.stats.augment_p.unwrap();
    assert!(augment_p > 0.3, "{augment_p}: most pictures are augmented");
    assert_same(&go_on(&gpu, "0.068", "webgpu"), &expected, true);
}

/// The collection's CLIP: losses and every weight after two steps.
#[test]
fn the_towers_learn_the_same() {
    const N: usize = 6;
    let minilm = MiniLmConfig {
        vocab_size: 8,
        hidden_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 8,
        max_position_embeddings: 8,
    };
    let settings = ClipSettings {
        dataset: TrainedOn {
            data: PathBuf::new(),
            dataset_len: N,
            dataset_digest: String::new(),
            pixel_art: None,
        },
        provenance: Provenance::default(),
        hardware: String::new(),
        text_encoder: PathBuf::new(),
        text_provenance: Provenance::default(),
        image_tower: image_tower(),
        text_tower: TextTowerConfig {
            minilm,
            hidden_dim: 40,
            embed_dim: 32,
        },
        recipe: ClipRecipe {
            total_kimg: 1.0,
            batch_size: N,
            learning_rate: 0.001,
            weight_decay: 0.1,
            warmup_kimg: Some(0.001),
            phrases: 1,
            text_noise: 0.1,
            held_out: 2,
            snapshot_kimg: 1.0,
            seed: 4,
        },
    };
    let batch = |step: u64, device: &Device| {
        random::seed(step);
        let texts = |n: usize| {
            // Two clauses each.
            let belongs = |text: usize, clause: usize| f32::from(u8::from(clause / 2 == text));
            let belongs = (0..n * n * 2)
                .map(|i| belongs(i / (n * 2), i % (n * 2)))
                .collect();
            Texts {
                clauses: random::normal([n * 2, 24], 0.2, device),
                texts: Tensor::from_data(TensorData::new(belongs, [n, n * 2]), device),
            }
        };
        let images = random::normal([N, 3, 16, 16], 0.5, device);
        Batch {
            images,
            sentences: texts(N),
            fits: (0..N * N).map(|i| i / N % 3 == i % N % 3).collect(),
            answers: texts(5),
            asked: vec![
                Asked {
                    first: 0,
                    answers: 3,
                    right: (0..N).map(|i| Some(i % 3)).collect(),
                },
                Asked {
                    first: 3,
                    answers: 2,
                    right: (0..N).map(|i| (i > 1).then_some(i % 2)).collect(),
                },
            ],
        }
    };
    let train = |device: &Device| -> (Vec<ClipStats>, Tensors, Tensors) {
        let mut state = ClipState::init(&settings, device);
        let before = block_on(collect(&state.towers)).unwrap();
        let mut all = vec![];
        for step in 0..2 {
            let stats;
            (state, stats) = state.advance(&settings, step, batch(step, device));
            all.push(stats);
        }
        (all, before, block_on(collect(&state.towers)).unwrap())
    };
    let [(expected, before, after), (found, _, found_after)] =
        [Device::flex(), Device::wgpu(Default::default())].map(|device| train(&device));
    for (found, expected) in found.iter().zip(&expected) {
        let figures = |stats: &ClipStats| [stats.contrastive_loss, stats.answers_loss, stats.scale];
        for (found, expected) in figures(found).into_iter().zip(figures(expected)) {
            assert!(
                (found - expected).abs() <= 1e-3 * expected.abs(),
                "{found}, {expected}"
            );
        }
    }
    let (worst, name) = distance(&found_after, &after);
    println!("weights differ by at most {worst:.1e}, in {name}");
    assert!(worst <= 1e-3, "{name}: {worst}");
    assert!(distance(&before, &after).0 > 0.01);
}
